"""What tests run the program with: its own emulator, its own clock, its own files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.__main__ import main
from misar_ips.emulator.faults import Faults
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store
from misar_ips.session import Session
from tests.key_watch import WATCH
from tests.reference import KEY as KEY  # noqa: PLC0414 - the tests take it from here

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.resolver import Limits

PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]


@pytest.fixture(autouse=True, scope="session")
def _watch_over_the_key() -> Iterator[None]:
    with WATCH.kept():
        yield


@pytest.fixture(autouse=True)
def _the_key_is_seen_nowhere(request: pytest.FixtureRequest) -> Iterator[None]:
    has_folder = "tmp_path" in request.fixturenames
    folder: Path | None = request.getfixturevalue("tmp_path") if has_folder else None
    yield
    if folder:
        for pattern in ("*.db*", "*.log"):
            WATCH.look_at_files(folder.rglob(pattern))
    assert WATCH.findings() == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that let the key be printed or logged, in this process or in one it started."""
    report = yield
    printed = [heading for heading, text in report.sections if KEY in text]
    if call.when == "teardown" and report.passed and printed:
        report.outcome = "failed"
        report.longrepr = f"The key was seen in: {', '.join(printed)}."
    return report


@pytest.fixture(autouse=True)
def _no_proxy_and_no_certificates_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@dataclass(frozen=True)
class Ran:
    """What a run of the program left: its exit code and all that it wrote."""

    code: int
    stdout: str
    stderr: str


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """The program and everything around it, in this process.

    ``environ`` is the program's environment, ``waits`` are the seconds it would have slept. What
    the program does in its sleep is ``asleep``: nothing, or moving the emulator's clock on. It asks
    the ``nameservers``, of which there are none: no test asks a resolver that is not its own.
    """

    environ: dict[str, str]
    emulator: Emulator
    transport: httpx.BaseTransport | None
    waits: list[float] = field(default_factory=list)
    asleep: Callable[[float], object] = lambda _seconds: None
    jitter: float = 0.5
    nameservers: Callable[[], Sequence[Nameserver]] = tuple
    dns_limits: Limits | None = None

    def sleep(self, seconds: float) -> None:
        """Let no time pass, but in the emulator where ``asleep`` says so."""
        self.waits.append(seconds)
        self.asleep(seconds)

    def run(self, *arguments: str, stdin: str = "", terminal: str = "") -> Ran:
        """Run the program; ``terminal`` names the streams that are one, as in "in out err"."""
        streams = {
            name: (Terminal if name in terminal.split() else io.StringIO)(text)
            for name, text in (("in", stdin), ("out", ""), ("err", ""))
        }
        session = Session(
            environ=self.environ,
            stdin=streams["in"],
            stdout=streams["out"],
            stderr=streams["err"],
            transport=self.transport,
            sleep=self.sleep,
            clock=lambda: sum(self.waits),
            jitter=lambda: self.jitter,
            nameservers=self.nameservers,
            dns_limits=self.dns_limits,
        )
        with redirect_stdout(streams["out"]), redirect_stderr(streams["err"]):
            code = main(arguments, session)
        ran = Ran(code, streams["out"].getvalue(), streams["err"].getvalue())
        assert KEY not in ran.stdout + ran.stderr
        WATCH.look_at_objects(session)
        return ran

    def received(self, method: str = "") -> list[str]:
        """Return what reached the emulator, as "METHOD path", of one method or of all."""
        requests = [f"{verb} {path}" for verb, path in self.emulator.received]
        return [request for request in requests if request.startswith(method)]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a key, and with files that are this test's own."""
    return {
        "MISARMAIL_API_KEY": KEY,
        "MISAR_IPS_CONFIG": str(tmp_path / "misar-ips" / "config.toml"),
        "MISAR_IPS_EMULATOR_DB": str(tmp_path / "emulator.db"),
        "TERM": "xterm-256color",
        "COLUMNS": "80",
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an emulator's state whose clock stands still until it is advanced."""
    store = Store(tmp_path / "emulator.db", real_time=lambda: 1_800_000_000.0)
    yield store
    store.close()


@pytest.fixture
def emulator(store: Store) -> Emulator:
    """Return an emulator without faults and without a rate limit."""
    return Emulator(store, rate_limit=0, faults=Faults())


@pytest.fixture
def world(environ: dict[str, str], emulator: Emulator) -> World:
    """Return the program with the emulator in the network's place."""
    return World(environ, emulator, httpx.MockTransport(emulator))


@pytest.fixture
def server(emulator: Emulator) -> Iterator[EmulatorServer]:
    """Return the emulator on a real socket."""
    with EmulatorServer(emulator, port=0) as server:
        yield server


def run_process(*arguments: str, environ: Mapping[str, str], stdin: str = "") -> Ran:
    """Run the program in a process of its own, with nothing of this one's environment but PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert KEY not in done.stdout + done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
