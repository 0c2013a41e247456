"""What `misar-ips emulator serve` does: a server on this machine, until it is stopped."""

from __future__ import annotations

import math
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from misar_ips.emulator.faults import Faults
from misar_ips.emulator.handler import PLANS, Emulator
from misar_ips.emulator.server import EmulatorServer, is_loopback
from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.emulator.store import Store


def open_server(  # noqa: PLR0913 - one argument for each option of the command
    store: Store,
    *,
    host: str,
    port: int,
    plan: str,
    rate_limit: int,
    latency: float,
    faults: Sequence[str],
    allow_remote: bool,
) -> EmulatorServer:
    """Return a server that already listens.

    Raises:
        UsageError: an option makes no sense, or the address can't be listened on.
    """
    if not is_loopback(host) and not allow_remote:
        raise UsageError(
            f"{host} is not an address of this machine alone.",
            hint="`--allow-remote` lets others reach the emulator.",
        )
    if not math.isfinite(latency):
        raise UsageError("The latency is no number of seconds that ever passes.")
    if plan not in PLANS:
        raise UsageError(f"There is no plan `{plan}`.", hint=f"Plans: {', '.join(PLANS)}.")
    try:
        rules = Faults(faults)
    except ValueError as error:
        raise UsageError(f"{error}") from error
    emulator = Emulator(store, plan=plan, rate_limit=rate_limit, faults=rules, latency=latency)
    try:
        return EmulatorServer(emulator, host, port)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Can't listen on {host} port {port}: {error}.", hint="`--port 0` picks a free port."
        ) from error


def run_until_stopped(server: EmulatorServer) -> None:
    """Serve until Ctrl-C or SIGTERM, then close."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    finally:
        server.close()
