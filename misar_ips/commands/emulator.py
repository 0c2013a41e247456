"""What `misar-ips emulator` does: serve the API, run a command beside it, start it over."""

from __future__ import annotations

import gc
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from misar_ips.commands.child_process import run_to_its_end
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.seeds import PLANS, first_ips
from misar_ips.emulator.server import EmulatorServer, is_loopback
from misar_ips.emulator.store import Store, default_path
from misar_ips.errors import UsageError
from misar_ips.testing import KEY, emulated
from misar_ips.times import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from misar_ips.emulator.request_log import LoggedRequest
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

_NOT_FOUND = 127  # a shell's exit codes for a command that is not there,
_CANNOT_RUN = 126  # or can't be run


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Which IPs a state begins with, as typed."""

    plan: str
    empty: bool
    seed: Path | None

    @property
    def given(self) -> Path | list[object] | None:
        """What is there instead of the emulator's own IPs.

        Raises:
            UsageError: two things do.
        """
        if self.empty and self.seed:
            raise UsageError("`--empty` and `--seed` contradict each other.")
        return [] if self.empty else self.seed

    def store(self, path: Path) -> Store:
        """Return a state at a place, which begins so where it is new.

        Raises:
            UsageError: there is no such plan, or the seed can't be used.
        """
        return Store(path, begins_with=first_ips(self.plan, self.given))


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How the emulator answers, as typed."""

    shape: str
    rate_limit: int
    latency: str
    faults: Sequence[str]

    def options(self) -> dict[str, Any]:
        """Return them as an Emulator takes them.

        Raises:
            UsageError: one makes no sense.
        """
        return {
            "shape": self.shape,
            "rate_limit": self.rate_limit,
            "latency": parse_duration(self.latency, may_be_zero=True).total_seconds(),
            "faults": self.faults,
            "read_duration": parse_duration,
        }


def serve(  # noqa: PLR0913 - one argument for each option of the command
    session: Session,
    beginning: Beginning,
    answers: Answers,
    *,
    host: str,
    port: int,
    allow_remote: bool,
    freeze: bool,
    quiet: bool,
    db: Path | None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, and write a line for each request.

    Raises:
        UsageError: an option makes no sense, or the address can't be listened on.
    """
    if not is_loopback(host) and not allow_remote:
        raise UsageError(
            f"{host} is not an address of this machine alone.",
            hint="`--allow-remote` lets others reach the emulator.",
        )
    tell = None if quiet else _line_on_stderr(session.output)
    store = beginning.store(db or default_path(session.environ))
    emulator = Emulator(store, plan=beginning.plan, tell=tell, **answers.options())
    server = _listening(emulator, host, port)
    try:
        _prepare(store, beginning)
        store.freeze(frozen=freeze)
        session.output.line(server.base_url)
        session.output.note(f"export MISARMAIL_API_KEY={KEY}")
        session.output.note(f"export MISARMAIL_BASE_URL={server.base_url}")
        _serve_until_stopped(server)
    finally:
        server.close()


def _listening(emulator: Emulator, host: str, port: int) -> EmulatorServer:
    try:
        return EmulatorServer(emulator, host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Can't listen on {host} port {port}: {reason}.", hint="`--port 0` picks a free port."
        ) from error


def run(  # noqa: PLR0913 - one argument for each option of the command
    session: Session,
    beginning: Beginning,
    answers: Answers,
    command: Sequence[str],
    *,
    freeze: bool,
    log: bool,
) -> int:
    """Run a command beside an emulator of its own, and return the command's exit code.

    Raises:
        UsageError: an option makes no sense.
    """
    gc.enable()  # a run may be long
    tell = _line_on_stderr(session.output) if log else None
    options = {"tell": tell, **answers.options()}
    with emulated(beginning.plan, beginning.given, freeze=freeze, **options) as emulator:
        try:
            return run_to_its_end(command, emulator.environ_in(session.environ))
        except OSError as error:
            session.output.error(UsageError(f"{command[0]} can't be run: {error.strerror}."))
            return _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN


def _prepare(store: Store, beginning: Beginning) -> None:
    """Start the state over where its first IPs were named; else it must fit the plan."""
    if beginning.empty or beginning.seed:
        store.reset()
    held, included = store.count_ips(), PLANS[beginning.plan]
    if held > included:
        raise UsageError(
            f"The state holds {held} IPs, and the plan `{beginning.plan}` includes {included}.",
            hint=f"`misar-ips emulator reset --plan {beginning.plan}` starts it over.",
        )


def _serve_until_stopped(server: EmulatorServer) -> None:
    gc.enable()  # it may serve for weeks
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def _line_on_stderr(output: Output) -> Callable[[LoggedRequest], None]:
    """Return what writes a request as one line, whole, whichever thread it was answered in."""
    lock = threading.Lock()

    def tell(request: LoggedRequest) -> None:
        status = request.status or "no answer"
        line = f"{request.method} {request.path} {status} {request.milliseconds} ms"
        with lock:
            output.note(f"{line} {request.key or 'no key'}")

    return tell
