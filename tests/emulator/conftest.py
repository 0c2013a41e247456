"""What the tests of the emulator run it with: in-process with its own clock, and over a socket."""

from __future__ import annotations

import contextlib
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store
from tests import reference
from tests.conftest import KEY
from tests.conftest import World as Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IPS = "/dedicated-ips"
START = datetime(2026, 4, 1, 12, tzinfo=UTC)
NO_IP = {"success": False, "error": "Dedicated IP not found"}
NO_KEY = {
    "success": False,
    "error": "Invalid or missing API key. Use: Authorization: Bearer msk_...",
}
EXAMPLE = reference.IP


SERVE = """
import sys
from pathlib import Path
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store

server = EmulatorServer(Emulator(Store(Path(sys.argv[1])), rate_limit=0), port=0)
print(server.base_url, flush=True)
server.serve_forever()
"""


class World:
    """One emulator in-process, with a real clock that only the test moves."""

    def __init__(self, path: Path, **options: Any) -> None:  # noqa: ANN401 - the emulator's own
        self.real_seconds = 1_800_000_000.123
        self.path = path
        self.store = Store(path, real_time=lambda: self.real_seconds)
        self.emulator = Emulator(self.store, **options)
        self.client = httpx.Client(
            transport=httpx.MockTransport(self.emulator),
            base_url="http://emulator/mail/v1",
            trust_env=False,
            headers={"Authorization": f"Bearer {KEY}"},
        )

    def details(self, ip_id: str) -> dict[str, Any]:
        ip: dict[str, Any] = self.client.get(f"{IPS}/{ip_id}").json()["ip"]
        return ip

    def order(self, **body: object) -> dict[str, Any]:
        ip: dict[str, Any] = self.client.post(IPS, json=body).json()["ip"]
        return ip

    def addresses(self) -> list[str]:
        return [ip["address"] for ip in self.client.get(IPS).json()["ips"]]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> World:  # noqa: ANN401 - the emulator's own
            made = World(tmp_path / "emulator.db", **options)
            stack.enter_context(made.client)
            return made

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    return Emulator(Store(tmp_path / "emulator.db"), rate_limit=0)


@pytest.fixture
def program(environ: dict[str, str], emulator: Emulator) -> Program:
    """Return the program whose network is the real one."""
    return Program(environ, emulator, transport=None)


@pytest.fixture
def server(emulator: Emulator) -> Iterator[EmulatorServer]:
    with EmulatorServer(emulator, port=0) as serving:
        yield serving


@pytest.fixture
def browser(server: EmulatorServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(
        base_url=server.base_url, headers=headers, timeout=5, trust_env=False
    ) as client:
        yield client


def talk(server: EmulatorServer | int, message: bytes, *, leave: bool = False) -> bytes:
    """Send bytes as they are, and give every byte that comes back until the server closes."""
    port = server if isinstance(server, int) else server.port
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(message)
        if leave:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as replies:
            return replies.read()
