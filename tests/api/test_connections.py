"""Connections: reads of one run share one, whatever changes something has one of its own."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from misar_ips import DedicatedIP, NetworkError
from tests import texts
from tests.listener import (
    NO_IPS,
    OPEN_END,
    Listener,
    Part,
    drip,
    json_reply,
    read_request,
    reset,
    stay_silent,
)

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from tests.api.conftest import Connect
    from tests.conftest import World

IP = {
    "id": "ip_1",
    "address": "198.51.100.42",
    "pool": "cold",
    "warmup_status": "not_started",
    "warmup_percent": 0,
}
ANSWERS = {
    "GET": json_reply({"ips": [IP], "ip": IP}),
    "POST": json_reply({"ip": {**IP, "id": "ip_2"}}, status=201),
    "PATCH": json_reply({"ip": IP}),
    "DELETE": json_reply({"success": True}),
}


class Keeper(Listener):
    """A server that keeps its connections open, and knows what came over each of them.

    After the answers to ``limit`` requests it closes a connection without a word.
    """

    def __init__(self, limit: int = 1_000_000) -> None:
        self.connections: list[list[str]] = []
        self.closed = threading.Event()
        self._limit = limit
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        super().__init__(b"")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(2)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            self._open.append(connection)
            seen: list[str] = []
            self.connections.append(seen)
            thread = threading.Thread(target=self._answer, args=(connection, seen))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket, seen: list[str]) -> None:
        with connection, suppress(OSError):
            while len(seen) < self._limit and (request := read_request(connection)):
                seen.append(request.split()[0].decode())
                connection.sendall(ANSWERS[seen[-1]])
        self.closed.set()


def run(world: World, server: Listener, *arguments: str) -> str:
    """Run the program against a server on a socket, and return what it printed."""
    world.transport = None
    world.environ["MISARMAIL_BASE_URL"] = server.base_url
    ran = world.run(*arguments)
    assert ran.code == 0, ran.stderr
    return ran.stdout


class TestSharing:
    @pytest.mark.parametrize(
        ("line", "connections"),
        [
            ("list", [["GET"]]),
            ("show 198.51.100.42", [["GET", "GET"]]),
            ("request --pool cold", [["GET"], ["POST"]]),
            ("update ip_1 --pool cold", None),
            ("update 198.51.100.42 --pool cold", None),
            ("release ip_1", [["GET"], ["DELETE"]]),
            ("release 198.51.100.42 --yes", [["GET", "GET"], ["DELETE"]]),
        ],
    )
    def test_in_a_run_of_the_program(
        self, world: World, line: str, connections: list[list[str]] | None
    ) -> None:
        with Keeper() as server:
            run(world, server, *line.split())

        reads = [each for each in server.connections if "GET" in each]
        assert len(reads) == 1
        assert set(reads[0]) == {"GET"}
        others = [each for each in server.connections if "GET" not in each]
        assert all(len(each) == 1 for each in others)
        assert connections in (None, server.connections)

    def test_each_change_has_a_connection_of_its_own(self, connect: Connect) -> None:
        with Keeper() as server:
            client = connect(server.base_url)
            for _ in range(2):
                client.list()
                client.request()
                client.update("ip_1", pool="cold")
                client.release("ip_1")

        reads, *changes = server.connections
        assert reads == ["GET"] * 4  # an order lists first
        assert changes == [["POST"], ["PATCH"], ["DELETE"]] * 2

    def test_reads_side_by_side_have_a_connection_each(self, connect: Connect) -> None:
        with Keeper() as server:
            client = connect(server.base_url)
            client.list()
            client.with_details([DedicatedIP("ip_1")] * 3)
            client.list()

        assert len(server.connections) <= 3  # this thread's, and two others'
        assert sum(map(len, server.connections)) == 5
        assert len(server.connections[0]) >= 2

    def test_closing_the_client_closes_them(self, connect: Connect) -> None:
        with Keeper() as server:
            client = connect(server.base_url)
            client.list()
            client.with_details([DedicatedIP("ip_1")])
            client.close()
            for thread in server._threads:  # noqa: SLF001 - each ends with its connection
                thread.join(timeout=10)
                assert not thread.is_alive()


class TestStale:
    """A server may close a kept connection at any time, and need not say so."""

    def test_one_that_was_closed_fails_no_read(self, connect: Connect, waits: list[float]) -> None:
        with Keeper(limit=1) as server:
            client = connect(server.base_url)
            client.list()
            assert server.closed.wait(10)
            assert client.get("ip_1").id == "ip_1"

        assert server.connections == [["GET"], ["GET"]]
        assert waits == []

    @pytest.mark.parametrize("is_reset", [True, False])
    def test_nor_one_that_is_closed_while_a_request_is_on_its_way(
        self, connect: Connect, waits: list[float], *, is_reset: bool
    ) -> None:
        def answer_once(connection: socket.socket) -> None:
            connection.sendall(NO_IPS)
            read_request(connection)
            if is_reset:
                reset(connection)

        with Listener(answer_once, NO_IPS) as server:
            client = connect(server.base_url)
            client.list()
            client.probe()  # has one try, and needs no other

        assert len(server.received) == 2
        assert waits == []

    def test_a_new_connection_that_is_closed_is_a_failed_try(
        self, connect: Connect, waits: list[float]
    ) -> None:
        def close(_connection: socket.socket) -> None:
            pass

        def answer_once(connection: socket.socket) -> None:
            connection.sendall(NO_IPS)
            read_request(connection)

        with Listener(answer_once, close) as server:
            client = connect(server.base_url)
            client.list()
            with pytest.raises(NetworkError):
                client.list()

        assert len(server.received) == 5
        assert waits == [0.5, 1.0, 2.0]


class TestTheDeadline:
    @pytest.mark.parametrize(
        "second",
        [
            stay_silent,
            partial(drip, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 500),
            partial(drip, OPEN_END + b'{"ips": []}', b" " * 500),
        ],
    )
    def test_it_holds_on_a_kept_connection(self, connect: Connect, second: Part) -> None:
        def answer_and_go_on(connection: socket.socket) -> None:
            connection.sendall(NO_IPS)
            read_request(connection)
            assert callable(second)
            second(connection)

        with Listener(answer_and_go_on) as server:
            client = connect(server.base_url, timeout=0.2)
            client.list()
            with pytest.raises(NetworkError) as caught:
                client.probe()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {server.host} took too long to answer (timed out)."
        )
        assert caught.value.hint == texts.LATER
        assert len(server.received) == 1

    def test_after_it_the_next_read_is_fine(self, connect: Connect) -> None:
        with Listener(partial(drip, OPEN_END, b" " * 500), NO_IPS) as server:
            client = connect(server.base_url, timeout=0.2)
            assert client.list() == ()

        assert len(server.received) == 2

    def test_patience_is_for_the_handshake_too(self, connect: Connect) -> None:
        heard: list[bytes] = []

        def never_shake_hands(connection: socket.socket) -> None:
            with suppress(OSError):
                heard.append(connection.recv(1))

        with Listener(never_shake_hands) as server:
            base_url = server.base_url.replace("http:", "https:")
            with pytest.raises(NetworkError) as caught:
                connect(base_url).probe(patience=0.2)

        assert "took too long to answer" in caught.value.message
        assert not caught.value.maybe_applied

    @pytest.mark.parametrize(("timeout", "seconds"), [({}, 30.0), ({"timeout": 8}, 8.0)])
    def test_seconds_to_connect_and_to_read(
        self, connect: Connect, timeout: dict[str, Any], seconds: float
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            limits.append(request.extensions["timeout"])
            return httpx.Response(200, json=[])

        limits: list[dict[str, float]] = []
        client = connect(transport=httpx.MockTransport(answer), **timeout)
        client.list()
        client.probe(patience=3)

        assert limits == [
            {"connect": 5.0, "read": seconds, "write": seconds, "pool": seconds},
            pytest.approx(dict.fromkeys(("connect", "read", "write", "pool"), 3), abs=0.5),
        ]
