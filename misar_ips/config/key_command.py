"""The key that a command prints, in its first line; it is run without a shell."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import time
from contextlib import contextmanager, suppress
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING

from misar_ips.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_OUTPUT = 1 << 16  # bytes
_STOPPED = (-signal.SIGINT, 128 + signal.SIGINT)  # Ctrl-C reaches whom the terminal is lent to
_PAUSE = 0.01  # seconds between looks whether a silent command has ended


def first_line_of(command: str, environ: Mapping[str, str], limit: float, what: str) -> str:
    """Return the first line that a command prints; ``what`` is how the error calls the command.

    It is done when it has ended itself, whatever it left running, or has printed 64 KiB. Where it
    is not done after ``limit`` seconds, it is ended with all that it started.

    Raises:
        ConfigError: it can't be run, takes too long, or fails.
    """
    try:
        process = Popen(  # noqa: S603 - running it is what the user asked for
            shlex.split(command),
            env=dict(environ),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            process_group=0,  # so that it can be ended with all that it started
        )
    except OSError as error:  # which names the command
        raise ConfigError(f"{what} could not be run: {error.strerror}.") from None
    except (ValueError, IndexError) as error:
        reason = "it is empty, or a quote in it is not closed"
        raise ConfigError(f"{what} is not a command: {reason}.") from error
    with process:
        try:
            printed, said = _read(process, limit)
        except TimeoutError:
            raise ConfigError(f"{what} took longer than {limit:g} s and was ended.") from None
        finally:
            if (code := process.returncode) in {None, *_STOPPED}:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if code in _STOPPED:
        raise KeyboardInterrupt
    if code:
        reason = said.decode("utf-8", "replace").strip() or "it said nothing"
        raise ConfigError(f"{what} failed with exit code {code}: {reason}.")
    return printed.decode("utf-8", "replace").partition("\n")[0].removesuffix("\r")


def _read(process: Popen[bytes], limit: float) -> tuple[bytearray, bytearray]:
    """Return what a process has printed on its two streams when it is done.

    Raises:
        TimeoutError: it is not done within the limit.
    """
    printed, said = bytearray(), bytearray()
    give_up_at = time.monotonic() + limit
    with selectors.DefaultSelector() as pipes, _terminal() as terminal:
        for pipe, text in ((process.stdout, printed), (process.stderr, said)):
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, text)
        while True:
            has_ended = _has_ended(process, terminal)  # asked first: all it wrote is there then
            for ready, _ in pipes.select(0 if has_ended else _PAUSE):
                chunk = os.read(ready.fd, _MOST_OUTPUT)
                ready.data.extend(chunk[: _MOST_OUTPUT - len(ready.data)])
                if not chunk:
                    pipes.unregister(ready.fileobj)
            if has_ended or len(printed) == _MOST_OUTPUT:
                return printed, said
            if time.monotonic() > give_up_at:
                raise TimeoutError


def _has_ended(process: Popen[bytes], terminal: int | None) -> bool:
    """Return whether a process has ended; one that was stopped is lent the terminal.

    The system stops whoever asks on a terminal that is another group's.
    """
    try:
        pid, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)
    except ChildProcessError:  # whoever started us has children not waited for
        return process.poll() is not None
    if not pid:
        return False
    if os.WIFSTOPPED(status):
        if terminal is not None:
            os.tcsetpgrp(terminal, pid)
            os.killpg(pid, signal.SIGCONT)
        return False
    process.returncode = os.waitstatus_to_exitcode(status)
    return True


@contextmanager
def _terminal() -> Iterator[int | None]:
    """Yield the terminal, where there is one that is ours to lend, and take it back at the end."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        yield None
        return
    ours = os.tcgetpgrp(terminal) == os.getpgrp()
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it would stop us who take it back
    try:
        yield terminal if ours else None
    finally:
        if ours:
            os.tcsetpgrp(terminal, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)
        os.close(terminal)
