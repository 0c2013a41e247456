"""The program: one run from arguments to exit code, and the one place where errors end."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from misar_ips.errors import MisarError
    from misar_ips.session import Session

_MOST_TOOLS = 6  # that can watch a run at once, says the documentation of sys.monitoring
_COMPLETION_VARIABLE = "_MISAR_IPS_COMPLETE"  # what the shells' completion scripts set
_ENDING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
]
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run the program and return its exit code, which errors.ExitCode explains."""
    try:
        return _exit_code(argv, session)
    except KeyboardInterrupt:  # another one, or one while an error was being told
        return _INTERRUPTED


def _exit_code(argv: Sequence[str] | None, session: Session | None) -> int:
    from misar_ips.errors import ExitCode
    from misar_ips.session import Session

    arguments = list(sys.argv[1:] if argv is None else argv)
    session = session or Session()
    # Read ahead of Typer, so that even an error in the arguments comes in the form asked for.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    session.output.json = "--json" in options
    session.output.verbose = "--debug" in options
    try:
        try:
            return _run(arguments, session)
        finally:
            session.close()
    except BrokenPipeError:  # nobody reads any more, as after `| head -1`
        session.output.abandon()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place errors end
        return _report(error, session)
    return ExitCode.DONE


def _run(arguments: list[str], session: Session) -> int:
    """Run one command and return its exit code, which is only `emulator run`'s to choose."""
    if arguments == ["--version"]:  # answered without Typer, in a quarter of the time
        from misar_ips.version import __version__

        session.output.line(f"misar-ips {__version__}")
        return 0
    if sorted(arguments) == ["--debug", "--version"]:
        from misar_ips.commands.doctor import program_and_platform

        session.output.line(program_and_platform())
        return 0
    import typer

    from misar_ips.cli import app_for

    command = typer.main.get_command(app_for(arguments[0] if arguments else ""))
    if _COMPLETION_VARIABLE in session.environ:
        from misar_ips.shell import completion

        completion.answer(command, arguments, session)
        return 0
    try:
        with command.make_context("misar-ips", arguments, obj=session) as context:
            command.invoke(context)
    except typer.Exit as done:
        return int(done.exit_code)
    return 0


def _report(error: Exception | KeyboardInterrupt, session: Session) -> int:
    """Tell of an error in the form asked for, and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        known: MisarError = _stopped(error, session)
    else:
        known = _as_ours(error, session)
    try:
        if session.output.verbose:
            session.output.traceback(error)
        session.output.error(known)
    except BrokenPipeError:
        session.output.abandon()
    return known.exit_code


def _stopped(interrupt: KeyboardInterrupt, session: Session) -> MisarError:
    """Return Ctrl-C, or another signal, as an error that says what was, or may be, carried out."""
    from misar_ips.errors import StoppedError, StopSignal

    notes = getattr(interrupt, "__notes__", [])
    if not notes and session.carried_out():
        notes = [f"Before that, {' and '.join(session.carried_out())}."]
    number = interrupt.number if isinstance(interrupt, StopSignal) else signal.SIGINT
    return StoppedError(" ".join(["Stopped.", *notes]), signal_number=number)


def _as_ours(error: Exception, session: Session) -> MisarError:
    """Return whatever was raised as an error of ours, so that no traceback reaches a user.

    Where what was carried out could not be told, the error begins with it.
    """
    from typer import TyperException

    from misar_ips.errors import MisarError, OutputError, UsageError

    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "misar-ips"
        message = _without_pythons_words(error.format_message())
        sentence = message if message.endswith((".", "?")) else f"{message}."
        return UsageError(sentence, hint=f"See `{command} --help`.")
    if isinstance(error, MisarError) and not isinstance(error, OutputError):
        return session.explained(error)
    known = (
        error
        if isinstance(error, OutputError)
        else MisarError(
            f"Something unexpected happened: {type(error).__name__}: {error}.",
            hint="This is a fault in misar-ips; `--debug` shows where.",
        )
    )
    done = " and ".join(session.carried_out())
    return known.with_context(f"{done}.") if done else known


def _without_pythons_words(message: str) -> str:
    """Return what Typer says, with the names of Python's types as people call them."""
    for type_name, name in (("int", "a whole number"), ("float", "a number")):
        for valid in (f"a valid {type_name} range", f"a valid {type_name}"):
            message = message.replace(f"is not {valid}.", f"is not {name}.")
    return message


def run() -> None:
    """Run the program as a process of its own, and end that process."""
    # Before anything is loaded, and after everything was told, a signal ends it without a word.
    signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    gc.disable()  # what a short run leaves behind, its end takes away
    from misar_ips.errors import StopSignal

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise StopSignal(number)

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
            signal.signal(number, stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = main()
    except SystemExit as done:  # how Typer ends when a shell asked it for completions
        code = done.code if isinstance(done.code, int) else 0
    finally:
        for number in (signal.SIGINT, *_ENDING):
            signal.signal(number, signal.SIG_IGN)
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
