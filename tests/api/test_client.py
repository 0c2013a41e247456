"""The client's sending: what is repeated and what never is, over real and misbehaving sockets."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import threading
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips import (
    APIError,
    Client,
    ConfigError,
    DedicatedIP,
    InvalidResponseError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    PlanLimitError,
    RateLimitError,
    UnauthorizedError,
    UsageError,
    __version__,
)
from misar_ips.emulator.faults import Faults
from misar_ips.emulator.handler import Emulator
from tests.certificates import Authority
from tests.conftest import KEY
from tests.key_watch import WATCH
from tests.listener import (
    DONE,
    NEW_IP,
    NO_IPS,
    ONE_IP,
    OPEN_END,
    THE_IP,
    Listener,
    Part,
    drip,
    fall_silent,
    hang_up,
    json_reply,
    play,
    pour,
    read_request,
    reply,
    reset,
    stay_silent,
)

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

    Connect = Callable[..., Client]

BASE = "http://127.0.0.1/mail/v1"
SEEDED = ["ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"]
LOOK_FIRST = (
    "Look at `misar-ips list` in a few minutes before you order again: "
    "a second order may be billed."
)


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

        def make(base_url: str, *, jitter: float = 1.0, **options: Any) -> Client:  # noqa: ANN401 - any of Client's
            usual = {"sleep": waits.append, "jitter": lambda: jitter, "log": log.append}
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
    return connect(BASE, transport=httpx.MockTransport(emulator))


def methods(emulator: Emulator) -> list[str]:
    return [method for method, _ in emulator.received]


# What the server may do instead of answering -----------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A part that is no proper answer, the reason that users read, and whether GET is repeated."""

    part: Part
    reason: str
    repeated: bool
    timeout: float = 5.0


def lost(part: Part, said: str, timeout: float = 5.0) -> Trouble:
    return Trouble(
        part, f"the connection to HOST was lost ({said})", repeated=True, timeout=timeout
    )


def slow(part: Part) -> Trouble:
    reason = "HOST took too long to answer (timed out)"
    return Trouble(part, reason, repeated=True, timeout=0.1)


def unreadable(part: Part, reason: str) -> Trouble:
    return Trouble(part, f"the answer {reason} (HTTP 200)", repeated=False)


def failed(part: bytes, status: int, *, repeated: bool) -> Trouble:
    return Trouble(part, f"the server failed (HTTP {status})", repeated=repeated)


NO_JSON = "is no valid JSON"
NO_UNPACKING = "can't be unpacked"
UNASKED_PACKING = "is packed in a way that was not asked for"
TOO_LARGE = "is larger than 10 MiB"
NO_ANSWER = "Server disconnected without sending a response."
CUT_BODY = "peer closed connection without sending complete message body"
PACKED = gzip.compress(b'{"ips": []}')
BOMB = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=1)

TROUBLES = {
    "reset": lost(reset, f"[Errno {errno.ECONNRESET}] {os.strerror(errno.ECONNRESET)}"),
    "hung up": lost(hang_up, NO_ANSWER),
    "cut in the headers": lost(b"HTTP/1.1 200 OK\r\nContent-Le", NO_ANSWER),
    "cut in the body": lost(
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        f"{CUT_BODY} (received 2 bytes, expected 20)",
    ),
    "cut between chunks": lost(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        f"{CUT_BODY} (incomplete chunked read)",
    ),
    "no HTTP": lost(b"SSH-2.0-server\r\n\r\n", "illegal status line: bytearray(b'SSH-2.0-server')"),
    "another protocol": lost(
        b"HTTP/1.1 101 Switching\r\n\r\n",
        "Received server _SWITCH_UPGRADE event without a pending proposal",
    ),
    "headers without end": lost(
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "Receive buffer too long"
    ),
    "silence": slow(stay_silent),
    "silence in the body": slow(fall_silent),
    "dripping headers": slow(partial(drip, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 500)),
    "dripping body": slow(partial(drip, reply(b" " * 500)[:-500], b" " * 500)),
    # At its end stands a whole answer; what the deadline cuts must not pass for one.
    "dripping body of no known length": slow(partial(drip, OPEN_END + b'{"ips": []}', b" " * 500)),
    "always about to answer": slow(partial(drip, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 20)),
    "body without end": unreadable(partial(pour, OPEN_END), TOO_LARGE),
    "11 MiB": unreadable(reply(b" " * (11 * 1024 * 1024)), TOO_LARGE),
    "gzip bomb": unreadable(reply(BOMB, "Content-Encoding: gzip"), TOO_LARGE),
    "broken gzip": unreadable(
        reply(PACKED[:-8] + bytes(8), "Content-Encoding: gzip"), NO_UNPACKING
    ),
    "no gzip at all": unreadable(reply(b'{"ips": []}', "Content-Encoding: gzip"), NO_UNPACKING),
    "cut gzip": unreadable(reply(PACKED[:14], "Content-Encoding: gzip"), NO_JSON),
    "packed twice": unreadable(
        reply(gzip.compress(PACKED), "Content-Encoding: gzip, gzip"), UNASKED_PACKING
    ),
    "packed twice, in two headers": unreadable(
        reply(gzip.compress(PACKED), "Content-Encoding: gzip", "Content-Encoding: gzip"),
        UNASKED_PACKING,
    ),
    "another packing": unreadable(reply(PACKED, "Content-Encoding: br"), UNASKED_PACKING),
    "HTML": unreadable(reply(b"<html></html>", "Content-Type: text/html"), "is a web page"),
    "cut JSON": unreadable(reply(b'{"ips": ['), NO_JSON),
    "no UTF-8": unreadable(reply(b'{"ips": ["\xff"]}'), NO_JSON),
    "NaN": unreadable(reply(b'{"ips": NaN}'), NO_JSON),
    "1e999": unreadable(reply(b'{"ips": 1e999}'), NO_JSON),
    "deep nesting": unreadable(reply(b"[" * 100_000), NO_JSON),
    "a number of 5,000 digits": unreadable(reply(b"9" * 5_000), NO_JSON),
    "500": failed(reply(status=500), 500, repeated=True),
    "502 from a proxy": failed(reply(b"<html>", status=502), 502, repeated=True),
    "503": failed(reply(status=503), 503, repeated=True),
    "504": failed(reply(status=504), 504, repeated=True),
    "501": failed(reply(status=501), 501, repeated=False),
    "520": failed(reply(status=520), 520, repeated=False),
}


each_trouble = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=list(TROUBLES))

# PATCH and DELETE are repeated like GET: one trouble of each kind shows what follows.
OF_EACH_KIND = [
    "hung up",
    "dripping body of no known length",
    "gzip bomb",
    "cut JSON",
    "503",
    "520",
]
one_of_each_kind = pytest.mark.parametrize(
    "trouble", [TROUBLES[name] for name in OF_EACH_KIND], ids=OF_EACH_KIND
)


class TestTrouble:
    @each_trouble
    def test_a_list_is_tried_four_times_or_once(
        self, connect: Connect, waits: list[float], trouble: Trouble
    ) -> None:
        with Listener(trouble.part) as server, pytest.raises(MisarError) as caught:
            connect(server.base_url, timeout=trouble.timeout).list()

        reason = trouble.reason.replace("HOST", server.host)
        assert caught.value.message == f"Could not list the dedicated IPs: {reason}."
        assert server.methods == ["GET"] * (4 if trouble.repeated else 1)
        assert waits == ([0.5, 1.0, 2.0] if trouble.repeated else [])

    @each_trouble
    def test_an_order_is_never_sent_again(
        self, connect: Connect, waits: list[float], trouble: Trouble
    ) -> None:
        with (
            Listener(NO_IPS, trouble.part, NO_IPS) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url, timeout=trouble.timeout).request()

        reason = trouble.reason.replace("HOST", server.host)
        assert caught.value.message == (
            f"Could not order an IP: {reason}."
            " The order may have been carried out. No IP is new yet."
        )
        assert caught.value.hint == LOOK_FIRST
        assert server.methods == ["GET", "POST", "GET"]
        assert waits == []

    @each_trouble
    def test_an_order_that_was_carried_out_is_found(
        self, connect: Connect, trouble: Trouble
    ) -> None:
        with Listener(NO_IPS, trouble.part, ONE_IP) as server:
            requested = connect(server.base_url, timeout=trouble.timeout).request()

        assert requested.ip == DedicatedIP("ip_1", pool="marketing")
        assert requested.message == (
            "The answer to the order was lost, but the new IP is in the list."
        )
        assert server.methods == ["GET", "POST", "GET"]

    @one_of_each_kind
    def test_a_release_is_looked_after(self, connect: Connect, trouble: Trouble) -> None:
        tries = 4 if trouble.repeated else 1
        gone = json_reply({"success": False, "error": "Not found"}, status=404)

        with Listener(*[trouble.part] * tries, gone) as server:
            connect(server.base_url, timeout=trouble.timeout).release("ip_1")
        assert server.methods == [*["DELETE"] * tries, "GET"]

        with (
            Listener(*[trouble.part] * tries, THE_IP) as server,
            pytest.raises(MisarError) as caught,
        ):
            connect(server.base_url, timeout=trouble.timeout).release("ip_1")
        reason = trouble.reason.replace("HOST", server.host)
        assert caught.value.message == f"Could not release ip_1: {reason}."

    @one_of_each_kind
    def test_a_change_is_looked_after(self, connect: Connect, trouble: Trouble) -> None:
        tries = 4 if trouble.repeated else 1

        with Listener(*[trouble.part] * tries, THE_IP) as server:
            client = connect(server.base_url, timeout=trouble.timeout)
            assert client.update("ip_1", pool="cold") == DedicatedIP("ip_1", pool="cold")
        assert server.methods == [*["PATCH"] * tries, "GET"]

        with (
            Listener(*[trouble.part] * tries, THE_IP) as server,
            pytest.raises(MisarError) as caught,
        ):
            connect(server.base_url, timeout=trouble.timeout).update("ip_1", pool="other")
        reason = trouble.reason.replace("HOST", server.host)
        assert caught.value.message == f"Could not update ip_1: {reason}."


class TestStrangeButReadable:
    @pytest.mark.parametrize(
        "part",
        [
            reply(b'{"ips": []}', *[f"X-Header-{number}: {'v' * 500}" for number in range(100)]),
            reply(PACKED, "Content-Encoding: gzip"),
            reply(PACKED, "Content-Encoding: GZIP"),
            reply(b"[]", "Content-Encoding: identity"),
            reply(b"[]", "Content-Encoding:"),
            reply(b"[]", "Content-Type: image/png"),
            reply(b"[]", "Set-Cookie: a=\xff; expires=never; domain=.."),
            OPEN_END + b"[]",
            b"HTTP/1.0 200\r\n\r\n[]",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[] and more",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
            reply(b"[" + b" " * (10 * 1024 * 1024 - 2) + b"]"),
            partial(drip, reply(b"[]")[:-2], b"[]"),
        ],
        ids=lambda part: repr(part[:60]) if isinstance(part, bytes) else "two drops",
    )
    def test_a_list_is_read(self, connect: Connect, part: Part) -> None:
        with Listener(part) as server:
            assert connect(server.base_url, timeout=5).list() == ()


class TestRequest:
    def test_what_is_sent(self, connect: Connect) -> None:
        with Listener(NO_IPS, NEW_IP) as server:
            connect(server.base_url).request(pool="cold", rdns="mx.example.com")

        head, _, body = server.received[1].partition(b"\r\n\r\n")
        first, *headers = head.decode().splitlines()
        assert first == "POST /mail/v1/dedicated-ips HTTP/1.1"
        assert {
            f"Host: {server.host}",
            f"Authorization: Bearer {KEY}",
            "Accept: application/json",
            "Accept-Encoding: gzip",
            "Content-Type: application/json",
            f"User-Agent: misar-ips/{__version__}",
        } <= set(headers)
        assert json.loads(body) == {"pool": "cold", "rdns": "mx.example.com"}

    def test_defaults_are_left_to_the_server(self, connect: Connect) -> None:
        with Listener(NO_IPS, NEW_IP) as server:
            connect(server.base_url).request()

        assert server.received[1].endswith(b"\r\n\r\n{}")

    def test_the_ordinary_answer(self, client: Client, emulator: Emulator) -> None:
        requested = client.request(pool="transactional", rdns="mx.example.com")

        assert requested.message == "IP provisioning in progress. Expected within 24 hours."
        assert (requested.ip.pool, requested.ip.warmup_status) == ("transactional", "not_started")
        assert requested.ip.id in {ip.id for ip in client.list()}
        assert methods(emulator) == ["GET", "POST", "GET"]

    def test_nothing_is_ordered_where_the_list_fails(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("GET:503")

        with pytest.raises(APIError) as caught:
            client.request()

        assert caught.value.message == (
            "Could not list the dedicated IPs: Service Unavailable (HTTP 503)."
        )
        assert methods(emulator) == ["GET"] * 4

    @pytest.mark.parametrize(
        ("fault", "times"), [("POST:reset", 0), ("POST:hang", 0), ("POST:lost-reply", 1)]
    )
    def test_one_order_at_most_reaches_the_account(
        self, client: Client, emulator: Emulator, fault: str, times: int
    ) -> None:
        emulator.faults.add(fault)

        with suppress(OutcomeUnknownError):
            client.request()

        assert methods(emulator) == ["GET", "POST", "GET"]
        assert len(client.list()) == len(SEEDED) + times

    def test_a_429_is_no_order_and_repeated(
        self, client: Client, emulator: Emulator, waits: list[float]
    ) -> None:
        emulator.faults.add("POST:429:3")

        client.request()

        assert methods(emulator) == ["GET", "POST", "POST", "POST", "POST"]
        assert waits == [1, 1, 1]
        assert len(client.list()) == len(SEEDED) + 1

    def test_429_to_the_end_is_a_rate_limit(self, client: Client, emulator: Emulator) -> None:
        emulator.faults.add("POST:429")

        with pytest.raises(RateLimitError) as caught:
            client.request()

        assert caught.value.message == (
            "Could not order an IP: Too many requests. Please slow down (HTTP 429)."
        )
        assert methods(emulator) == ["GET", "POST", "POST", "POST", "POST"]

    def test_a_lost_answer_after_a_429_ends_the_repeating(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("POST:429:1")
        emulator.faults.add("POST:lost-reply:1")

        client.request()

        assert methods(emulator) == ["GET", "POST", "POST", "GET"]
        assert len(client.list()) == len(SEEDED) + 1

    def test_a_refused_connection_is_no_order_and_repeated(self, connect: Connect) -> None:
        def answer_and_leave(connection: socket.socket) -> None:
            server.leave()
            play(NO_IPS, connection)

        with Listener(answer_and_leave, NEW_IP) as server:
            client = connect(server.base_url, sleep=server.come_back)
            assert client.request().message == "Soon."

        assert server.methods == ["GET", "POST"]

    def test_refused_to_the_end_nothing_was_ordered(self, connect: Connect) -> None:
        def answer_and_leave(connection: socket.socket) -> None:
            server.leave()
            play(NO_IPS, connection)

        with Listener(answer_and_leave) as server, pytest.raises(NetworkError) as caught:
            connect(server.base_url).request()

        assert caught.value.message == (
            f"Could not order an IP: {server.host} can't be reached"
            f" ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)})."
        )
        assert not caught.value.sent
        assert server.methods == ["GET"]

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 451])
    def test_a_refusal_is_final(self, client: Client, emulator: Emulator, status: int) -> None:
        emulator.faults.add(f"POST:{status}")

        with pytest.raises(APIError) as caught:
            client.request()

        assert caught.value.status == status
        assert methods(emulator) == ["GET", "POST"]

    def test_a_plan_refusal_is_final(self, store: Store, connect: Connect) -> None:
        emulator = Emulator(store, plan="max", rate_limit=0, faults=Faults())

        with pytest.raises(PlanLimitError) as caught:
            connect(BASE, transport=httpx.MockTransport(emulator)).request()

        assert caught.value.to_json() == {
            "code": "plan_limit",
            "message": (
                "Could not order an IP: Dedicated IPs included in your max plan: 1 (HTTP 403)."
            ),
            "hint": "Your plan is max; upgrade at https://misar.io/pricing.",
            "status": 403,
            "plan": "max",
            "upgrade_url": "https://misar.io/pricing",
        }
        assert methods(emulator) == ["GET", "POST"]

    def test_several_new_ips_leave_it_open(self, connect: Connect) -> None:
        several = json_reply([{"id": "ip_0"}, {"id": "ip_1"}, {"id": "ip_2"}])

        with (
            Listener(json_reply([{"id": "ip_0"}]), hang_up, several) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url).request()

        assert caught.value.message == (
            f"Could not order an IP: the connection to {server.host} was lost ({NO_ANSWER})."
            " The order may have been carried out."
            " New in the list, and not surely from it: ip_1, ip_2."
        )
        assert caught.value.hint == LOOK_FIRST

    @pytest.mark.parametrize(
        "new",
        [{"id": "ip_9", "pool": "marketing"}, {"id": "ip_9", "hostname": "other.example.com"}],
    )
    def test_a_new_ip_that_was_not_ordered_so_leaves_it_open(
        self, connect: Connect, new: dict[str, str]
    ) -> None:
        with (
            Listener(NO_IPS, hang_up, json_reply([new])) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url).request(pool="cold", rdns="mx.example.com")

        assert caught.value.message.endswith(" New in the list, and not surely from it: ip_9.")

    @pytest.mark.parametrize(
        "new",
        [
            {"id": "ip_9"},
            {"id": "ip_9", "pool": None, "rdns": None},
            {"id": "ip_9", "pool": "cold", "rdns": "MX.example.com."},
        ],
    )
    def test_a_new_ip_that_may_be_the_ordered_one_is_taken(
        self, connect: Connect, new: dict[str, str]
    ) -> None:
        with Listener(NO_IPS, hang_up, json_reply([new])) as server:
            requested = connect(server.base_url).request(pool="cold", rdns="mx.example.com")

        assert requested.ip.to_json() == new

    def test_a_second_list_that_fails_leaves_it_open(self, connect: Connect) -> None:
        refusal = json_reply({"success": False, "error": "Not found"}, status=404)

        with (
            Listener(NO_IPS, hang_up, refusal) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url).request()

        assert caught.value.message == (
            f"Could not order an IP: the connection to {server.host} was lost ({NO_ANSWER})."
            " The order may have been carried out."
            " Whether it was carried out could not be seen either."
            " Could not list the dedicated IPs: Not found (HTTP 404)."
        )
        assert caught.value.hint == LOOK_FIRST
        assert server.methods == ["GET", "POST", "GET"]

    def test_the_second_list_is_repeated_like_any_other(
        self, connect: Connect, waits: list[float]
    ) -> None:
        with Listener(NO_IPS, hang_up, reply(status=503), hang_up, ONE_IP) as server:
            assert connect(server.base_url).request().ip.id == "ip_1"

        assert server.methods == ["GET", "POST", "GET", "GET", "GET"]
        assert waits == [0.5, 1.0]

    @pytest.mark.parametrize(
        "settings", [{"rdns": "localhost"}, {"rdns": "a b.example"}, {"pool": ""}, {"pool": "\n"}]
    )
    def test_what_can_not_be_sent_is_not(
        self, client: Client, emulator: Emulator, settings: dict[str, str]
    ) -> None:
        with pytest.raises(UsageError):
            client.request(**settings)

        assert methods(emulator) == []


class TestUpdateAndRelease:
    def test_the_ordinary_answers(self, client: Client, emulator: Emulator) -> None:
        changed = client.update("ip_abc123", pool="cold", rdns="mx.example.com")
        client.release("ip_def456")

        assert (changed.pool, changed.rdns) == ("cold", "mx.example.com")
        assert client.get("ip_abc123") == changed
        assert [ip.id for ip in client.list()] == ["ip_abc123", "ip_ghi789", "ip_jkl012"]
        assert methods(emulator) == ["PATCH", "DELETE", "GET", "GET"]

    def test_only_what_changes_is_sent(self, connect: Connect) -> None:
        with Listener(THE_IP) as server:
            connect(server.base_url).update("ip_1", pool="cold")

        assert server.received[0].startswith(b"PATCH /mail/v1/dedicated-ips/ip_1 HTTP/1.1\r\n")
        assert json.loads(server.received[0].partition(b"\r\n\r\n")[2]) == {"pool": "cold"}

    def test_nothing_to_change_is_not_sent(self, client: Client, emulator: Emulator) -> None:
        with pytest.raises(UsageError) as caught:
            client.update("ip_abc123")

        assert caught.value.message == "Nothing to change was given."
        assert methods(emulator) == []

    def test_both_are_repeated(
        self, client: Client, emulator: Emulator, waits: list[float]
    ) -> None:
        emulator.faults.add("PATCH:lost-reply:3")
        emulator.faults.add("DELETE:503:3")

        assert client.update("ip_abc123", pool="cold").pool == "cold"
        client.release("ip_abc123")

        assert methods(emulator) == ["PATCH"] * 4 + ["DELETE"] * 4
        assert waits == [0.5, 1.0, 2.0] * 2

    def test_404_on_a_later_try_is_a_release(self, client: Client, emulator: Emulator) -> None:
        emulator.faults.add("DELETE:lost-reply:1")

        client.release("ip_abc123")

        assert methods(emulator) == ["DELETE", "DELETE"]
        assert "ip_abc123" not in {ip.id for ip in client.list()}

    def test_404_on_the_first_try_is_none(self, client: Client, emulator: Emulator) -> None:
        with pytest.raises(NotFoundError) as caught:
            client.release("ip_typo")

        assert caught.value.message == (
            "Could not release ip_typo: Dedicated IP not found (HTTP 404)."
        )
        assert methods(emulator) == ["DELETE"]

    def test_an_unset_hostname_is_no_sign_of_a_change(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("PATCH:reset")

        with pytest.raises(NetworkError) as caught:
            client.update("ip_jkl012", rdns="mx.example.com")

        assert caught.value.message == (
            "Could not update ip_jkl012: the connection to 127.0.0.1 was lost"
            " (Connection dropped.)."
        )
        assert client.get("ip_jkl012").rdns is None

    @pytest.mark.parametrize("look", ["GET:500", "GET:401", "GET:reset", "GET:truncated"])
    def test_where_looking_fails_too_the_outcome_is_unknown(
        self, client: Client, emulator: Emulator, look: str
    ) -> None:
        emulator.faults.add("PATCH:lost-reply")
        emulator.faults.add("DELETE:lost-reply:1")
        emulator.faults.add("DELETE:reset")
        emulator.faults.add(look)

        attempts: dict[str, Callable[[], object]] = {
            "update": partial(client.update, "ip_abc123", pool="cold"),
            "release": partial(client.release, "ip_abc123"),
        }
        for verb, attempt in attempts.items():
            with pytest.raises(OutcomeUnknownError) as caught:
                attempt()
            assert caught.value.message == (
                f"Could not {verb} ip_abc123: the connection to 127.0.0.1 was lost"
                " (Connection dropped.). It may have been carried out all the same."
            )
            assert caught.value.hint == (
                "`misar-ips show ip_abc123` tells, once the server can be reached."
            )

    def test_what_never_left_is_not_looked_after(self, connect: Connect) -> None:
        with Listener(DONE) as server:
            pass
        client = connect(server.base_url)

        attempts: list[Callable[[], object]] = [
            partial(client.update, "ip_1", pool="a"),
            partial(client.release, "ip_1"),
        ]
        for attempt in attempts:
            with pytest.raises(NetworkError) as caught:
                attempt()
            assert not caught.value.sent

    @pytest.mark.parametrize("part", [hang_up, reply(status=503)])
    def test_what_may_have_arrived_before_the_server_left_is_unknown(
        self, connect: Connect, part: Part
    ) -> None:
        def leave(connection: socket.socket) -> None:
            server.leave()
            play(part, connection)

        with Listener(leave) as server, pytest.raises(OutcomeUnknownError) as caught:
            connect(server.base_url).release("ip_1")

        assert server.methods == ["DELETE"]
        assert caught.value.message == (
            f"Could not release ip_1: {server.host} can't be reached"
            f" ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)})."
            " It may have been carried out all the same."
        )

    @pytest.mark.parametrize("then", ["400", "401", "403", "409", "422", "429"])
    def test_a_refusal_of_a_later_try_does_not_undo_an_earlier_one(
        self, client: Client, emulator: Emulator, then: str
    ) -> None:
        for method in ("PATCH", "DELETE"):
            emulator.faults.add(f"{method}:lost-reply:1")
            emulator.faults.add(f"{method}:{then}")

        assert client.update("ip_abc123", pool="cold").pool == "cold"
        client.release("ip_abc123")

        assert "ip_abc123" not in {ip.id for ip in client.list()}

    def test_a_change_that_was_made_but_can_not_be_shown(self, connect: Connect) -> None:
        with Listener(DONE, reply(status=403)) as server, pytest.raises(APIError) as caught:
            connect(server.base_url).update("ip_1", pool="cold")

        assert caught.value.message == (
            "ip_1 was changed, but can't be shown. Could not read ip_1: the API key may not do"
            " this (HTTP 403)."
        )
        assert server.methods == ["PATCH", "GET"]

    def test_what_was_carried_out_is_remembered(self, client: Client) -> None:
        ordered = client.request().ip.id
        client.update(ordered, pool="cold")
        client.release(ordered)

        assert client.carried_out == [
            f"{ordered} was ordered",
            f"{ordered} was changed",
            f"{ordered} was released",
        ]

    def test_a_refusal_is_final(self, client: Client, emulator: Emulator) -> None:
        emulator.faults.add("PATCH:409")
        emulator.faults.add("DELETE:405")

        with pytest.raises(APIError, match="Conflict"):
            client.update("ip_abc123", pool="cold")
        with pytest.raises(APIError, match="Method Not Allowed"):
            client.release("ip_abc123")

        assert methods(emulator) == ["PATCH", "DELETE"]


class TestReading:
    def test_list_and_get(self, client: Client) -> None:
        assert [ip.id for ip in client.list()] == SEEDED

        ip = client.get("ip_abc123")

        assert (ip.address, ip.rdns, ip.pool) == (
            "198.51.100.42",
            "mail.yourdomain.com",
            "marketing",
        )
        assert (ip.warmup_status, ip.warmup_percent, ip.daily_limit) == ("warming", 62, 8000)
        assert [step.day for step in ip.warmup_schedule] == [1, 7, 14, 21, 28]

    @pytest.mark.parametrize(
        ("base", "path"),
        [
            ("http://127.0.0.1/mail/v1/", "/mail/v1/dedicated-ips"),
            ("http://localhost:8025/api/v1", "/api/v1/dedicated-ips"),
        ],
    )
    def test_both_prefixes(
        self, connect: Connect, emulator: Emulator, base: str, path: str
    ) -> None:
        client = connect(base, transport=httpx.MockTransport(emulator))

        assert len(client.list()) == len(SEEDED)
        assert list(emulator.received) == [("GET", path)]

    @pytest.mark.parametrize("name", ["198.51.100.42", " 198.51.100.42 "])
    def test_an_address_is_looked_up(self, client: Client, name: str) -> None:
        assert client.resolve(name) == "ip_abc123"

    def test_an_ipv6_address_is_found_however_it_is_spelt(self, connect: Connect) -> None:
        listed = json_reply([{"id": "ip_6", "address": "2001:DB8:0:0::1"}])

        with Listener(listed) as server:
            assert connect(server.base_url).resolve("2001:db8::0001") == "ip_6"

    def test_an_id_is_taken_as_it_is(self, client: Client, emulator: Emulator) -> None:
        assert client.resolve("ip_whatever") == "ip_whatever"
        assert methods(emulator) == []

    def test_an_address_of_nobody(self, client: Client) -> None:
        with pytest.raises(NotFoundError) as caught:
            client.resolve("192.0.2.1")

        assert caught.value.message == "No dedicated IP of this account is 192.0.2.1."
        assert caught.value.hint == "`misar-ips list` shows the IPs of this account."

    def test_details_beside_a_list(self, client: Client, emulator: Emulator) -> None:
        detailed = client.with_details(client.list())

        assert [(ip.id, ip.daily_limit) for ip in detailed] == [
            ("ip_abc123", 8000),
            ("ip_def456", 25000),
            ("ip_ghi789", 2714),
            ("ip_jkl012", 0),
        ]
        assert methods(emulator) == ["GET"] * 5

    @pytest.mark.parametrize(
        "part",
        [
            DONE,
            json_reply({"ip": {"id": "ip_other", "daily_limit": 1}}),
            json_reply({"ip": {"daily_limit": 1}}),
            reply(status=503),
            hang_up,
        ],
    )
    def test_details_that_can_not_be_had_leave_an_ip_as_it_was(
        self, connect: Connect, part: Part
    ) -> None:
        with Listener(ONE_IP, part) as server:
            client = connect(server.base_url)
            listed = client.list()
            assert client.with_details(listed) == listed

        assert server.methods == ["GET", "GET"]

    def test_details_of_more_ips_than_are_read_at_once(self, connect: Connect) -> None:
        listed = tuple(DedicatedIP(f"ip_{number}") for number in range(12))
        read: list[str] = []
        all_at_once = threading.Barrier(10, timeout=30)

        def answer(request: httpx.Request) -> httpx.Response:
            ip_id = request.url.path.rpartition("/")[2]
            read.append(ip_id)
            all_at_once.wait()
            return httpx.Response(200, json={"ip": {"id": ip_id, "daily_limit": 5}})

        client = connect(BASE, transport=httpx.MockTransport(answer))
        detailed = client.with_details(listed)

        assert [ip.id for ip in detailed] == [ip.id for ip in listed]
        assert [ip.daily_limit for ip in detailed] == [5] * 10 + [None] * 2
        assert sorted(read) == sorted(ip.id for ip in listed[:10])

    def test_trying_a_key(self, client: Client, emulator: Emulator) -> None:
        assert client.try_key() is None

        emulator.faults.add("GET:403:1")
        trouble = client.try_key()
        assert trouble is not None
        assert trouble.code == "forbidden"

        emulator.faults.add("GET:401")
        with pytest.raises(UnauthorizedError):
            client.try_key()

    def test_the_servers_clock(self, client: Client, store: Store) -> None:
        assert client.server_time is None
        client.list()
        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

        store.advance(timedelta(days=1))
        client.get("ip_abc123")
        assert client.server_time == datetime(2026, 4, 2, 12, tzinfo=UTC)


class TestIds:
    @pytest.mark.parametrize(
        ("ip_id", "segment"),
        [
            ("a/b", "a%2Fb"),
            ("a#b", "a%23b"),
            ("a?b", "a%3Fb"),
            ("../keys/k1", "..%2Fkeys%2Fk1"),
            ("a b", "a%20b"),
            ("a%2Fb", "a%252Fb"),
            ("%2e%2e", "%252e%252e"),
            ("...", "..."),
            ("a\\b", "a%5Cb"),
            ("a;b:c@d&e=f", "a%3Bb%3Ac%40d%26e%3Df"),
            ("caf\u00e9\u2603", "caf%C3%A9%E2%98%83"),
            ("\U0001f600", "%F0%9F%98%80"),
        ],
    )
    def test_an_id_is_one_segment(self, connect: Connect, ip_id: str, segment: str) -> None:
        known = json_reply({"ip": {"id": ip_id, "pool": "cold"}})

        with Listener(known) as server:
            client = connect(server.base_url)
            assert client.get(ip_id).id == ip_id
            assert client.update(ip_id, pool="cold").id == ip_id
            client.release(ip_id)

        assert [request.split(b"\r\n")[0].decode() for request in server.received] == [
            f"{method} /mail/v1/dedicated-ips/{segment} HTTP/1.1"
            for method in ("GET", "PATCH", "DELETE")
        ]

    @pytest.mark.parametrize("ip_id", ["", ".", "..", "a\nb", "a\x00", "\x1b[1m", "\x7f", "\udcff"])
    def test_what_can_be_no_id_is_not_sent(
        self, client: Client, emulator: Emulator, ip_id: str
    ) -> None:
        for attempt in (
            partial(client.get, ip_id),
            partial(client.resolve, ip_id),
            partial(client.update, ip_id, pool="cold"),
            partial(client.release, ip_id),
        ):
            with pytest.raises(UsageError):
                attempt()

        assert methods(emulator) == []


class TestTries:
    @pytest.mark.parametrize("kind", ["500", "502", "503", "504", "html", "reset", "hang"])
    @pytest.mark.parametrize(("jitter", "expected"), [(1.0, [0.5, 1.0, 2.0]), (0.0, [0.0] * 3)])
    def test_three_waits_with_full_jitter(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
        self,
        emulator: Emulator,
        connect: Connect,
        waits: list[float],
        kind: str,
        jitter: float,
        expected: list[float],
    ) -> None:
        emulator.faults.add(f"GET:{kind}:3")
        client = connect(BASE, transport=httpx.MockTransport(emulator), jitter=jitter)

        assert len(client.list()) == len(SEEDED)
        assert methods(emulator) == ["GET"] * 4
        assert waits == expected

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 418, 501, 505, 599])
    def test_other_failures_are_tried_once(
        self, client: Client, emulator: Emulator, waits: list[float], status: int
    ) -> None:
        emulator.faults.add(f"GET:{status}")

        with pytest.raises(APIError):
            client.list()

        assert methods(emulator) == ["GET"]
        assert waits == []

    def test_each_attempt_and_wait_is_logged(
        self, client: Client, emulator: Emulator, log: list[str]
    ) -> None:
        emulator.faults.add("GET:503:1")
        emulator.faults.add("GET:reset:1")

        client.list()

        assert [re.sub(r"\d+ ms", "N ms", line) for line in log] == [
            "GET http://127.0.0.1/mail/v1/dedicated-ips 503 N ms",
            "waiting 0.50 s before try 2 of 4",
            "GET http://127.0.0.1/mail/v1/dedicated-ips RemoteProtocolError N ms",
            "waiting 1.00 s before try 3 of 4",
            "GET http://127.0.0.1/mail/v1/dedicated-ips 200 N ms",
        ]

    def test_the_method_is_logged(self, client: Client, log: list[str]) -> None:
        client.update("ip_abc123", pool="cold")
        client.release("ip_abc123")
        client.probe()
        client.with_details([DedicatedIP("ip_def456")])

        assert [line.partition(" ")[0] for line in log] == ["PATCH", "DELETE", "GET", "GET"]

    def test_the_time_of_an_attempt_is_logged_in_milliseconds(
        self, client: Client, log: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter([7.0, 7.25])
        monkeypatch.setattr(time, "monotonic", lambda: next(clock))

        client.list()

        assert log == ["GET http://127.0.0.1/mail/v1/dedicated-ips 200 250 ms"]


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_the_key_reaches_no_other_host(self, connect: Connect, status: int) -> None:
        with Listener(DONE) as other:
            there = f"Location: {other.base_url}/dedicated-ips"
            redirect = reply(b"", there, status=status)
            with Listener(redirect) as server:
                client = connect(server.base_url)
                for attempt in (
                    client.list,
                    partial(client.get, "ip_1"),
                ):
                    with pytest.raises(APIError) as caught:
                        attempt()
                    assert caught.value.status == status
                    assert caught.value.message.endswith(
                        f": the server redirects elsewhere (HTTP {status})."
                    )
                for change in (partial(client.update, "a", pool="b"), partial(client.release, "a")):
                    with pytest.raises(OutcomeUnknownError):
                        change()
            with Listener(NO_IPS, redirect, NO_IPS) as server, pytest.raises(OutcomeUnknownError):
                connect(server.base_url).request()

        assert other.received == []
        assert server.methods == ["GET", "POST", "GET"]

    @pytest.mark.parametrize("target", ["//[", "http://[::1", "https:///x", "\xff", "/%zz", ""])
    def test_a_target_that_is_none_does_no_harm(self, connect: Connect, target: str) -> None:
        with (
            Listener(reply(b"", f"Location: {target}", status=302)) as server,
            pytest.raises(MisarError, match=r"^Could not list the dedicated IPs: "),
        ):
            connect(server.base_url).list()


class TestLimits:
    @pytest.mark.parametrize(("timeout", "seconds"), [({}, 30.0), ({"timeout": 8}, 8.0)])
    def test_seconds_to_connect_and_to_read(
        self, connect: Connect, timeout: dict[str, float], seconds: float
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            limits.append(request.extensions["timeout"])
            return httpx.Response(200, json=[])

        limits: list[dict[str, float]] = []
        connect(BASE, transport=httpx.MockTransport(answer), **timeout).list()

        assert limits == [{"connect": 5.0, "read": seconds, "write": seconds, "pool": seconds}]

    def test_seconds_for_a_reply_as_a_whole(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Noted(threading.Timer):
            def __init__(self, interval: float, function: Callable[[], None]) -> None:
                limits.append(interval)
                super().__init__(interval, function)

        limits: list[float] = []
        monkeypatch.setattr(threading, "Timer", Noted)
        with Listener(NO_IPS, NO_IPS, THE_IP) as server:
            client = connect(server.base_url, timeout=8)
            client.list()
            client.probe(patience=2)
            client.with_details([DedicatedIP("ip_1")])

        assert limits == [8, 2, 3]

    def test_a_reply_of_ten_mebibytes_is_read_and_a_larger_one_is_not(
        self, connect: Connect
    ) -> None:
        def answer(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=b"[]" + b" " * (length - 2))

        client = connect(BASE, transport=httpx.MockTransport(answer))
        length = 10 * 1024 * 1024
        assert client.list() == ()
        length += 1
        with pytest.raises(InvalidResponseError) as refused:
            client.list()
        assert refused.value.message == (
            "Could not list the dedicated IPs: the answer is larger than 10 MiB (HTTP 200)."
        )


class TestReachingTheServer:
    def test_over_a_socket_as_a_library(self, server: EmulatorServer) -> None:
        with Client(KEY, server.base_url) as client:
            requested = client.request(pool="transactional")
            assert client.get(requested.ip.id).pool == "transactional"
            assert client.update(requested.ip.id, pool="cold").pool == "cold"
            client.release(requested.ip.id)
            assert [ip.id for ip in client.list()] == SEEDED

    def test_trouble_that_says_nothing_is_named_by_its_kind(self, connect: Connect) -> None:
        def break_off(_request: httpx.Request) -> httpx.Response:
            raise httpx.WriteError("")

        with pytest.raises(NetworkError) as caught:
            connect(BASE, transport=httpx.MockTransport(break_off)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the connection to 127.0.0.1 was lost (WriteError)."
        )

    def test_no_connection_is_used_twice(self, connect: Connect) -> None:
        def answer_and_stay(connection: socket.socket) -> None:
            connection.sendall(NO_IPS)
            heard.append(connection.recv(1))

        heard: list[bytes] = []
        with Listener(answer_and_stay) as server:
            client = connect(server.base_url)
            client.list()
            client.list()

        assert heard == [b"", b""]

    def test_nobody_listens(self, connect: Connect, waits: list[float]) -> None:
        with Listener(DONE) as server:
            pass

        with pytest.raises(NetworkError) as caught:
            connect(server.base_url).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {server.host} can't be reached"
            f" ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)})."
        )
        assert caught.value.hint == "Check the network, the proxy variables and the base URL."
        assert waits == [0.5, 1.0, 2.0]

    def test_a_name_that_does_not_exist(self, connect: Connect, waits: list[float]) -> None:
        with pytest.raises(NetworkError) as caught:
            connect("https://no-such-host.invalid/mail/v1").list()

        assert caught.value.message.startswith(
            "Could not list the dedicated IPs: the host no-such-host.invalid is not known (["
        )
        assert caught.value.hint == "Check the network, the proxy variables and the base URL."
        assert not caught.value.sent
        assert len(waits) == 3

    @pytest.mark.parametrize(
        "base",
        ["https://999.1.1.1", "https://a..b/v1", f"https://{'a' * 64}.example", "https://[v1.x]"],
    )
    def test_a_name_that_can_not_exist(self, base: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Client(KEY, base)

        assert caught.value.message == "The base URL names a host that can't exist."
        assert caught.value.hint == "It looks like this: https://api.misar.io/mail/v1"

    @pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "\u00fcber"])
    def test_a_key_that_can_not_be_sent(self, key: str) -> None:
        with pytest.raises(ConfigError, match=r"^The API key from the caller "):
            Client(key)

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
    def test_a_timeout_that_is_none(self, timeout: float) -> None:
        with pytest.raises(ConfigError, match=r"^The timeout is no "):
            Client(KEY, timeout=timeout)

    def test_a_proxy_of_the_environment_never_sees_a_key_meant_for_this_machine(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Listener(NO_IPS) as proxy, Listener(NO_IPS) as server:
            monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
            monkeypatch.setenv("ALL_PROXY", f"http://{proxy.host}")
            assert connect(f"http://{server.host}/mail/v1").list() == ()

        assert (proxy.methods, server.methods) == ([], ["GET"])

    def test_a_proxy_that_refuses_has_seen_no_order(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Listener(reply(status=407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
            with pytest.raises(NetworkError) as caught:
                connect("https://mail.example.com/v1").release("ip_1")

        assert caught.value.message == (
            "Could not release ip_1: mail.example.com can't be reached (407 Status)."
        )
        assert not caught.value.sent
        assert proxy.methods == ["CONNECT"] * 4
        assert KEY.encode() not in b"".join(proxy.received)

    @pytest.mark.parametrize(
        ("proxy", "named"),
        [("socks5://127.0.0.1:1", "socksio"), ("gopher://127.0.0.1:1", "gopher")],
    )
    def test_a_proxy_that_can_not_be_used(
        self, monkeypatch: pytest.MonkeyPatch, proxy: str, named: str
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", proxy)

        with pytest.raises(ConfigError) as caught:
            Client(KEY)

        assert caught.value.message.startswith(
            "The proxy or the certificates that the environment names can't be used: "
        )
        assert named in caught.value.message
        assert not caught.value.message.endswith("..")
        assert caught.value.hint == (
            "Look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
        )


# TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts yet."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return the authority, trusted by way of the environment."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


class TestCertificates:
    def test_one_of_an_authority_in_ssl_cert_file_is_accepted(
        self, connect: Connect, trusted: Authority
    ) -> None:
        with Listener(NO_IPS, NEW_IP, tls=trusted.server("IP:127.0.0.1")) as server:
            assert connect(server.base_url).request().ip.id == "ip_1"

        assert server.methods == ["GET", "POST"]

    def test_one_of_an_authority_in_ssl_cert_dir_is_accepted(
        self,
        connect: Connect,
        authority: Authority,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder_of_trust()))

        with Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server:
            assert connect(server.base_url).list() == ()

    def test_without_it_the_same_is_refused(self, connect: Connect, authority: Authority) -> None:
        self.refused(
            connect, authority.server("IP:127.0.0.1"), "unable to get local issuer certificate"
        )

    def test_one_with_its_own_signature_is_refused(
        self, connect: Connect, authority: Authority
    ) -> None:
        self.refused(connect, authority.server_with_own_signature(), "self-signed certificate")

    def test_one_for_another_name_is_refused(self, connect: Connect, trusted: Authority) -> None:
        self.refused(
            connect,
            trusted.server("DNS:localhost,IP:127.0.0.2"),
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        )

    def test_one_that_has_expired_is_refused(self, connect: Connect, trusted: Authority) -> None:
        expired = trusted.server("IP:127.0.0.1", days=-1)
        self.refused(connect, expired, "certificate has expired")

    def refused(self, connect: Connect, tls: ssl.SSLContext, reason: str) -> None:
        with Listener(NO_IPS, tls=tls) as server, pytest.raises(NetworkError) as caught:
            connect(server.base_url, sleep=pytest.fail).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the certificate of"
            f" {server.host} can't be trusted ({reason})."
        )
        assert caught.value.hint == (
            "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."
        )
        assert not caught.value.sent
        assert server.received == []

    @pytest.mark.parametrize(
        "part",
        [
            stay_silent,
            partial(drip, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 500),
            partial(drip, OPEN_END + b'{"ips": []}', b" " * 500),
        ],
    )
    def test_the_deadline_holds(self, connect: Connect, trusted: Authority, part: Part) -> None:
        with (
            Listener(part, tls=trusted.server("IP:127.0.0.1")) as server,
            pytest.raises(NetworkError) as caught,
        ):
            connect(server.base_url, timeout=0.1).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {server.host} took too long to answer (timed out)."
        )
        assert server.methods == ["GET"] * 4

    def test_at_the_deadline_it_is_the_client_that_ends(
        self, connect: Connect, trusted: Authority
    ) -> None:
        def drip_until_the_end(connection: socket.socket) -> None:
            drip(OPEN_END, b" " * 500, connection)
            heard.append(connection.recv(1))

        heard: list[bytes] = []
        with (
            Listener(drip_until_the_end, tls=trusted.server("IP:127.0.0.1")) as server,
            pytest.raises(NetworkError),
        ):
            connect(server.base_url, timeout=0.1).list()

        assert heard == [b""] * 4

    @pytest.mark.parametrize("content", [None, b"", b"no certificate"])
    def test_a_file_that_can_not_be_used(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        content: bytes | None,
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_bytes(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))

        with pytest.raises(ConfigError) as caught:
            Client(KEY)

        assert caught.value.message.startswith(
            "The proxy or the certificates that the environment names can't be used: "
        )

    @pytest.mark.parametrize(
        ("part", "expected"),
        [(NO_IPS, None), (partial(drip, OPEN_END, b" " * 500), "took too long to answer")],
    )
    def test_through_a_proxys_tunnel(
        self,
        connect: Connect,
        trusted: Authority,
        monkeypatch: pytest.MonkeyPatch,
        part: Part,
        expected: str | None,
    ) -> None:
        inside: list[bytes] = []
        tls = trusted.server("DNS:mail.example.com")

        def tunnel(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            with tls.wrap_socket(connection, server_side=True) as secured:
                inside.append(read_request(secured))
                play(part, secured)

        with Listener(tunnel) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
            client = connect("https://mail.example.com/v1", timeout=0.1)
            trouble = client.try_key()

        assert (trouble is None) == (expected is None)
        assert trouble is None or f"mail.example.com {expected}" in trouble.message
        assert set(proxy.methods) == {"CONNECT"}
        assert KEY.encode() not in b"".join(proxy.received)
        assert inside[0].startswith(b"GET /v1/dedicated-ips HTTP/1.1\r\n")

    @pytest.mark.parametrize(
        ("timeout", "before_handshake", "before_answer"), [(0.1, 0.2, 0.0), (0.4, 0.25, 0.25)]
    )
    def test_a_slow_tunnel_takes_no_time_from_the_answer(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
        self,
        connect: Connect,
        trusted: Authority,
        monkeypatch: pytest.MonkeyPatch,
        timeout: float,
        before_handshake: float,
        before_answer: float,
    ) -> None:
        tls = trusted.server("DNS:mail.example.com")
        never = threading.Event()

        def tunnel(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            never.wait(before_handshake)
            with tls.wrap_socket(connection, server_side=True) as secured:
                read_request(secured)
                never.wait(before_answer)
                play(NO_IPS, secured)

        with Listener(tunnel) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
            assert connect("https://mail.example.com/v1", timeout=timeout).list() == ()

        assert proxy.methods == ["CONNECT"]


class TestInterrupts:
    @pytest.mark.parametrize(
        ("method", "note"),
        [
            ("POST", ["The order may have been carried out; `misar-ips list` tells."]),
            ("PATCH", ["The change may have been carried out; `misar-ips list` tells."]),
            ("DELETE", ["The release may have been carried out; `misar-ips list` tells."]),
            ("GET", []),
        ],
    )
    def test_what_may_be_under_way_is_noted(
        self, emulator: Emulator, connect: Connect, method: str, note: list[str]
    ) -> None:
        def interrupted(request: httpx.Request) -> httpx.Response:
            if request.method == method:
                raise KeyboardInterrupt
            return emulator(request)

        client = connect(BASE, transport=httpx.MockTransport(interrupted))
        commands: dict[str, Callable[[], object]] = {
            "POST": client.request,
            "PATCH": partial(client.update, "ip_abc123", pool="cold"),
            "DELETE": partial(client.release, "ip_abc123"),
            "GET": client.list,
        }

        with pytest.raises(KeyboardInterrupt) as caught:
            commands[method]()

        assert getattr(caught.value, "__notes__", []) == note

    def test_also_while_it_waits_to_look(self, emulator: Emulator, connect: Connect) -> None:
        def interrupt(_seconds: float) -> None:
            raise KeyboardInterrupt

        emulator.faults.add("DELETE:lost-reply")
        client = connect(BASE, transport=httpx.MockTransport(emulator), sleep=interrupt)

        with pytest.raises(KeyboardInterrupt) as caught:
            client.release("ip_abc123")

        assert caught.value.__notes__ == [
            "The release may have been carried out; `misar-ips list` tells."
        ]


class TestTheKey:
    def test_it_stands_in_no_representation(self, client: Client) -> None:
        assert repr(client) == f"Client(api_key='msk_5ec2e75e…', base_url='{BASE}')"
        assert KEY not in repr(vars(client))
        assert KEY not in repr(client.list())
        assert KEY not in repr(client.request())

    @pytest.mark.parametrize(
        "part",
        [
            json_reply({"error": f"Key {KEY} is unknown"}, status=401),
            json_reply({"error": f"Key {KEY} is unknown", "details": {KEY: KEY}}, status=400),
            json_reply({"message": KEY}, status=500),
            json_reply({"error": KEY, "code": "plan_limit_exceeded"}, status=403),
            json_reply({"ips": [{"id": None, "address": KEY}]}),
            reply(KEY.encode()),
            hang_up,
            reset,
        ],
    )
    def test_it_stands_in_no_error_and_no_log(
        self, connect: Connect, log: list[str], part: Part
    ) -> None:
        with Listener(part) as server, pytest.raises(MisarError) as caught:
            connect(server.base_url).list()

        told = [*traceback.format_exception(caught.value), json.dumps(caught.value.to_json()), *log]
        assert len(log) > 0
        assert KEY not in "".join(told)
        assert KEY.encode() in server.received[0]
