"""Clients for tests: of a server on a socket, of the emulator, or of answers that are given."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest

from misar_ips import Client
from tests.conftest import KEY
from tests.key_watch import WATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from misar_ips.emulator.handler import Emulator

    Connect: TypeAlias = Callable[..., Client]
    Answered: TypeAlias = Callable[..., Client]

BASE = "http://127.0.0.1/mail/v1"
SEEDED = ["ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"]


@pytest.fixture
def waits() -> list[float]:
    """Return the seconds that clients would have slept."""
    return []


@pytest.fixture
def log() -> list[str]:
    """Return the lines that clients logged."""
    return []


@pytest.fixture
def connect(waits: list[float], log: list[str]) -> Iterator[Connect]:
    """Return a way to make clients, each closed when the test ends."""
    with ExitStack() as opened:

        def make(base_url: str = BASE, *, jitter: float = 1.0, **options: Any) -> Client:  # noqa: ANN401 - any of Client's
            usual = {
                "sleep": waits.append,
                "clock": lambda: sum(waits),
                "jitter": lambda: jitter,
                "log": log.append,
            }
            client = opened.enter_context(Client(KEY, base_url, **{**usual, **options}))
            made.append(client)
            return client

        made: list[Client] = []
        yield make
    WATCH.look_at_objects(made)
    WATCH.look_at_text("the log", "".join(log))


@pytest.fixture
def client(emulator: Emulator, connect: Connect) -> Client:
    """Return a client with the emulator in the network's place."""
    return connect(transport=httpx.MockTransport(emulator))


@pytest.fixture
def answered(connect: Connect, asked: list[str]) -> Answered:
    """Return a way to make a client that gets these answers, the last one for ever."""

    def make(*answers: httpx.Response) -> Client:
        left = list(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.method)
            return left.pop(0) if len(left) > 1 else left[0]

        return connect(transport=httpx.MockTransport(answer))

    return make


@pytest.fixture
def asked() -> list[str]:
    """Return the methods of the requests that ``answered`` clients sent."""
    return []


def answer(body: object = None, status: int = 200, **headers: str) -> httpx.Response:
    """Return a reply with a JSON body; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=json.dumps(body).encode(), headers=named)


def raw(content: bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=content)


def methods(emulator: Emulator) -> list[str]:
    return [method for method, _ in emulator.received]
