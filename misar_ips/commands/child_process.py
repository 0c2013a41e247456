"""A command run to its end, with nothing of it left running: for `misar-ips emulator run`."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FROM_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)  # it sends them to its whole group
_GRACE = 2.0  # seconds in which what a command left running may end by itself
_BY_SIGNAL = 128  # plus its number: a shell's exit code for what a signal ended


def run_to_its_end(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command and return its exit code, as a shell gives it: 128+N where signal N ended it.

    The command has a process group of its own, which signals are passed on to and which ends
    with it. At a terminal that group is put into the foreground, as a shell does it. Only where
    the terminal is shared, as in ``run -- command | less``, does the command stay in our group.

    Raises:
        OSError: it can't be run.
    """
    child = _Child(_foreground_terminal())
    with child.gets_signals():
        child.start(command, environ)
        return child.wait()


class _Child:
    """A command to run; ``terminal`` is a descriptor of the one that we have the foreground of."""

    def __init__(self, terminal: int | None) -> None:
        self._is_shared = terminal is not None and not all(map(os.isatty, (0, 1, 2)))
        self._terminal = None if self._is_shared else terminal
        self._process: subprocess.Popen[bytes] | None = None
        self._came_early: list[int] = []

    @contextmanager
    def gets_signals(self) -> Iterator[None]:
        """Pass signals on as long as the block lasts, and end what is left after it."""
        handlers: dict[int, Any] = dict.fromkeys(_PASSED_ON, self._pass_on)
        handlers[signal.SIGCONT] = self._resume
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        before[signal.SIGTTOU] = signal.getsignal(signal.SIGTTOU)
        try:
            yield
        finally:
            self._end_what_is_left()
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start the command."""
        group = None if self._is_shared else 0
        try:
            process = subprocess.Popen(command, env=environ, process_group=group)  # noqa: S603 - that is what it is for
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            # A script without its first line: a shell has sh run it, and so does execvp.
            process = subprocess.Popen(["/bin/sh", *command], env=environ, process_group=group)  # noqa: S603 - likewise
        self._process = process
        # Not earlier, because the command would inherit it. To take the terminal back is allowed.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        for number in self._came_early:
            self._pass_on(number)
        self._resume()

    def wait(self) -> int:
        """Wait for the command's end; where Ctrl-Z stops it, stop as well, until `fg`."""
        assert self._process  # noqa: S101 - it was started
        while True:
            _, status = os.waitpid(self._process.pid, os.WUNTRACED)
            self._take_the_terminal_back()
            if not os.WIFSTOPPED(status):
                break
            if self._terminal is not None:
                os.kill(os.getpid(), signal.SIGSTOP)
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        return _BY_SIGNAL - code if code < 0 else code

    def _pass_on(self, number: int, *_: object) -> None:
        if self._process is None:
            self._came_early.append(number)
        elif not self._is_shared:
            self._signal_group(number)
        elif number not in _FROM_THE_TERMINAL:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._group, number)
            os.killpg(self._group, signal.SIGCONT)  # what is stopped could not end

    @property
    def _group(self) -> int:
        return self._process.pid if self._process else 0

    def _resume(self, *_: object) -> None:
        """Let the command go on, in the foreground if that is ours."""
        if self._terminal is None or self._process is None:
            return
        with suppress(OSError):
            if os.tcgetpgrp(self._terminal) == os.getpgrp():
                os.tcsetpgrp(self._terminal, self._group)
            os.killpg(self._group, signal.SIGCONT)

    def _take_the_terminal_back(self) -> None:
        with suppress(OSError):
            if self._terminal is not None and os.tcgetpgrp(self._terminal) == self._group:
                os.tcsetpgrp(self._terminal, os.getpgrp())

    def _end_what_is_left(self) -> None:
        """End what the command left running in its group."""
        if self._is_shared or self._process is None:
            return
        self._signal_group(signal.SIGTERM)
        until = time.monotonic() + _GRACE
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self._group, 0)
                time.sleep(0.02)
            os.killpg(self._group, signal.SIGKILL)


def _foreground_terminal() -> int | None:
    """Return a descriptor of the terminal that our process group has the foreground of."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return descriptor
    return None
