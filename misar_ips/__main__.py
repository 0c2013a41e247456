"""The program: one run from arguments to exit code, and the one place where errors end."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.errors import MisarError
    from misar_ips.session import Session

_MOST_TOOLS = 6  # that can watch a run at once, says the documentation of sys.monitoring
_COMPLETION_VARIABLE = "_MISAR_IPS_COMPLETE"  # what the shells' completion scripts set


def main(
    argv: Sequence[str] | None = None, session: Session | None = None, *, is_alone: bool = False
) -> int:
    """Run the program and give its exit code, which errors.ExitCode explains.

    ``is_alone`` tells that the process is the program's alone: libraries are then loaded without
    what only others would use.
    """
    from misar_ips.errors import ExitCode

    try:
        return _exit_code(argv, session, is_alone=is_alone)
    except KeyboardInterrupt:  # another one, or one while an error was being told
        return ExitCode.INTERRUPTED


def _exit_code(argv: Sequence[str] | None, session: Session | None, *, is_alone: bool) -> int:
    from misar_ips.errors import ExitCode
    from misar_ips.session import Session

    arguments = list(sys.argv[1:] if argv is None else argv)
    session = session or Session(is_alone=is_alone)
    # Read ahead of Typer, so that even an error in the arguments comes in the form asked for.
    session.output.json = "--json" in arguments
    session.output.verbose = "--debug" in arguments
    try:
        try:
            _run(arguments, session)
        finally:
            session.close()
    except BrokenPipeError:  # nobody reads any more, as after `| head -1`
        session.output.abandon()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place errors end
        return _report(error, session)
    return ExitCode.DONE


def _run(arguments: list[str], session: Session) -> None:
    if arguments == ["--version"]:  # answered without Typer, in a quarter of the time
        from misar_ips.version import __version__

        session.output.line(f"misar-ips {__version__}")
        return
    if sorted(arguments) == ["--debug", "--version"]:
        from misar_ips.commands.doctor import program_and_platform

        session.output.line(program_and_platform())
        return
    import typer

    from misar_ips.cli import app_for

    command = typer.main.get_command(app_for(arguments[0] if arguments else ""))
    if _COMPLETION_VARIABLE in session.environ:
        from misar_ips.shell import completion

        completion.answer(command, arguments, session)
        return
    try:
        with command.make_context("misar-ips", arguments or ["--help"], obj=session) as context:
            command.invoke(context)
    except typer.Exit:
        return


def _report(error: Exception | KeyboardInterrupt, session: Session) -> int:
    """Tell of an error in the form asked for, and give its exit code."""
    if isinstance(error, KeyboardInterrupt):
        known: MisarError = _stopped(error, session)
    else:
        known = _as_ours(error)
    try:
        if session.output.verbose:
            session.output.traceback(error)
        session.output.error(known)
    except BrokenPipeError:
        session.output.abandon()
    return known.exit_code


def _stopped(interrupt: KeyboardInterrupt, session: Session) -> MisarError:
    """Return Ctrl-C as an error that says what was, or may have been, carried out before it."""
    from misar_ips.errors import StoppedError

    notes = getattr(interrupt, "__notes__", [])
    if not notes and session.carried_out():
        notes = [f"Before that, {' and '.join(session.carried_out())}."]
    return StoppedError(" ".join(["Stopped.", *notes]))


def _as_ours(error: Exception) -> MisarError:
    """Return whatever was raised as an error of ours, so that no traceback reaches a user."""
    from typer import TyperException

    from misar_ips.errors import MisarError, UsageError

    if isinstance(error, MisarError):
        return error
    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "misar-ips"
        message = error.format_message()
        sentence = message if message.endswith((".", "?")) else f"{message}."
        return UsageError(sentence, hint=f"See `{command} --help`.")
    return MisarError(
        f"Something unexpected happened: {type(error).__name__}: {error}.",
        hint="This is a fault in misar-ips; `--debug` shows where.",
    )


def run() -> None:
    """Run the program as a process of its own, and end that process."""
    gc.disable()  # what a short run leaves behind, its end takes away
    try:
        code = main(is_alone=True)
    except SystemExit as done:  # how Typer ends when a shell asked it for completions
        code = done.code if isinstance(done.code, int) else 0
    _end_at_once(code)
    sys.exit(code)


def _end_at_once(code: int) -> None:
    """End without taking the interpreter's modules apart: a third of a short run's time.

    Everything that others may have asked to be done at the end is done; where somebody traces or
    profiles the run, it ends as usual.
    """
    if _is_watched() or sys.flags.interactive or sys.flags.inspect:
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)


def _is_watched() -> bool:
    """Return whether somebody traces or profiles the run, in whichever way this Python has."""
    if sys.version_info >= (3, 12) and any(map(sys.monitoring.get_tool, range(_MOST_TOOLS))):
        return True
    return bool(sys.gettrace() or sys.getprofile())


if __name__ == "__main__":
    run()
