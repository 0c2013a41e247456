"""The program in a real terminal, in a process of its own, against a server on a real socket."""

from __future__ import annotations

import io
import os
import queue
import sys
import termios
import threading
from typing import TYPE_CHECKING, Any, Protocol

import pexpect  # type: ignore[import-untyped]  # it ships no types
import pytest

from misar_ips.emulator.handler import Emulator
from tests.key_watch import WATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

SECONDS = 20  # until a test gives up waiting
CTRL_C, CTRL_D, CTRL_Z = "\x03", "\x04", "\x1a"


class NoticingEmulator(Emulator):
    """An emulator that tells of each request when it arrives, and may answer no more after one."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, rate_limit=0)
        self.arrivals: queue.Queue[str] = queue.Queue()
        self.hang_at = ""
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        arrived = f"{request.method} {request.url.path.rpartition('/')[2]}"
        if arrived == self.hang_at:
            self.faults.add("ANY:hang")
        self.arrivals.put(arrived)
        self.may_answer.wait(SECONDS)
        return super().__call__(request)

    def wait_for(self, wanted: str) -> None:
        while self.arrivals.get(timeout=SECONDS) != wanted:
            pass


@pytest.fixture
def emulator(store: Store) -> NoticingEmulator:
    return NoticingEmulator(store)


class TerminalRun:
    """A run of a program in a terminal of its own."""

    def __init__(
        self, command: list[str], environ: dict[str, str], columns: int, rows: int = 24
    ) -> None:
        self.process = pexpect.spawn(
            command[0],
            command[1:],
            env={"PATH": os.environ["PATH"], **environ},
            dimensions=(rows if columns else 0, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=SECONDS,
        )
        self.process.delaybeforesend = None
        self.process.ptyproc.delayafterclose = 0
        self.process.logfile_read = io.StringIO()
        self.before = self.settings()

    def settings(self) -> list[Any]:
        """Return what the terminal does with keys and lines: echo, signals, line ends."""
        return termios.tcgetattr(self.process.child_fd)

    def wait_for(self, text: str) -> str:
        """Wait until a text is shown; give all that is new up to its end."""
        self.process.expect_exact(text)
        return f"{self.process.before}{text}".replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        self.process.send(keys)

    def end(self) -> tuple[int, str]:
        """Wait for the end; give the exit code and what was shown since the last wait."""
        self.process.expect(pexpect.EOF)
        shown = self.process.before.replace("\r\n", "\n")
        self.process.wait()
        assert self.settings() == self.before
        WATCH.look_at_text("a terminal", self.process.logfile_read.getvalue())
        return self.process.exitstatus, shown


class Start(Protocol):
    def __call__(
        self, *arguments: str, columns: int = 80, rows: int = 24, **variables: str
    ) -> TerminalRun: ...


@pytest.fixture
def environ(environ: dict[str, str], server: EmulatorServer) -> dict[str, str]:
    """Return an environment that names the server, and leaves the width to the terminal."""
    del environ["COLUMNS"]
    return {**environ, "MISARMAIL_BASE_URL": server.base_url, "NO_COLOR": "1"}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Return a way to start the program in a terminal; whatever still runs at the end is ended."""
    runs = []

    def start(*arguments: str, columns: int = 80, rows: int = 24, **variables: str) -> TerminalRun:
        command = [sys.executable, "-m", "misar_ips", *arguments]
        runs.append(TerminalRun(command, {**environ, **variables}, columns, rows))
        return runs[-1]

    yield start
    for run in runs:
        run.process.close(force=True)


@pytest.fixture
def shell(environ: dict[str, str]) -> Iterator[TerminalRun]:
    """Return a shell with job control in a terminal, in which `misar-ips` is the program."""
    start = 'misar-ips() { "$PYTHON" -m misar_ips "$@"; }; PS1="$ "\r'
    variables = {**environ, "PYTHON": sys.executable}
    run = TerminalRun(["/bin/bash", "--norc", "--noprofile", "-i"], variables, columns=80)
    run.press(start)
    yield run
    run.process.close(force=True)
