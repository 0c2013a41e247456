"""The program: one run from arguments to exit code, and the one place where errors end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.errors import MisarError
    from misar_ips.session import Session

_COMPLETION_VARIABLE = "_MISAR_IPS_COMPLETE"  # what the shell's completion script sets, for Typer


def main(argv: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run the program and give its exit code, which errors.ExitCode explains."""
    from misar_ips.errors import ExitCode
    from misar_ips.session import Session

    arguments = list(sys.argv[1:] if argv is None else argv)
    session = session or Session()
    # Read ahead of Typer, so that even an error in the arguments comes in the form asked for.
    session.output.json = "--json" in arguments
    session.output.verbose = "--debug" in arguments
    try:
        _run(arguments, session)
    except BrokenPipeError:  # nobody reads any more, as after `| head -1`
        session.output.abandon()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place errors end
        return _report(error, session)
    finally:
        session.close()
    return ExitCode.DONE


def _run(arguments: list[str], session: Session) -> None:
    if arguments == ["--version"]:  # answered without Typer, in a quarter of the time
        from misar_ips import __version__

        session.output.line(f"misar-ips {__version__}")
        return
    import typer

    from misar_ips.cli import app

    command = typer.main.get_command(app)
    if _COMPLETION_VARIABLE in session.environ:
        command.main(arguments, prog_name="misar-ips", obj=session)
    try:
        with command.make_context("misar-ips", arguments or ["--help"], obj=session) as context:
            command.invoke(context)
    except typer.Exit:
        return


def _report(error: Exception | KeyboardInterrupt, session: Session) -> int:
    """Tell of an error in the form asked for, and give its exit code."""
    known = _as_ours(error)
    try:
        if session.output.verbose:
            session.output.traceback(error)
        session.output.error(known)
    except BrokenPipeError:
        session.output.abandon()
    return known.exit_code


def _as_ours(error: Exception | KeyboardInterrupt) -> MisarError:
    """Give whatever was raised as an error of ours, so that no traceback reaches a user."""
    from typer import TyperException

    from misar_ips.errors import MisarError, StoppedError, UsageError

    if isinstance(error, MisarError):
        return error
    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "misar-ips"
        message = error.format_message()
        sentence = message if message.endswith((".", "?")) else f"{message}."
        return UsageError(sentence, hint=f"See `{command} --help`.")
    if isinstance(error, KeyboardInterrupt):
        return StoppedError(" ".join(["Stopped.", *getattr(error, "__notes__", ())]))
    return MisarError(
        f"Something unexpected happened: {type(error).__name__}: {error}.",
        hint="This is a fault in misar-ips; `--debug` shows where.",
    )


if __name__ == "__main__":
    sys.exit(main())
