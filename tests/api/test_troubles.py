"""Whatever a server may do instead of answering, and what the client then does and says."""

from __future__ import annotations

import errno
import gzip
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from misar_ips import DedicatedIP, MisarError, OutcomeUnknownError
from tests import texts
from tests.listener import (
    GONE,
    NO_IPS,
    OPEN_END,
    ORDERED,
    THE_IP,
    Listener,
    Part,
    drip,
    fall_silent,
    hang_up,
    pour,
    reply,
    reset,
    stay_silent,
)
from tests.texts import NO_JSON, PAGE
from tests.texts import lost as lost_order

if TYPE_CHECKING:
    from tests.api.conftest import Connect


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
    return Trouble(part, f"{reason} (HTTP 200)", repeated=False)


def failed(part: bytes, status: int, *, repeated: bool) -> Trouble:
    return Trouble(part, f"the server failed (HTTP {status})", repeated=repeated)


NO_UNPACKING = "the answer can't be unpacked"
UNASKED_PACKING = "the answer is packed in a way that was not asked for"
TOO_LARGE = "the answer is larger than 10 MiB"
NO_ANSWER = "Server disconnected without sending a response"
CUT_BODY = "peer closed connection without sending complete message body"
PACKED = gzip.compress(b'{"ips": []}')
BOMB = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=1)

TROUBLES = {
    "reset": lost(reset, os.strerror(errno.ECONNRESET)),
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
    "no HTTP": lost(b"SSH-2.0-server\r\n\r\n", "illegal status line: 'SSH-2.0-server'"),
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
    "cut gzip": unreadable(
        reply(PACKED[:14], "Content-Encoding: gzip"), f"{NO_UNPACKING}: its end is missing"
    ),
    "a second gzip member that is none": unreadable(
        reply(PACKED + b"more", "Content-Encoding: gzip"), NO_UNPACKING
    ),
    "packed twice": unreadable(
        reply(gzip.compress(PACKED), "Content-Encoding: gzip, gzip"), UNASKED_PACKING
    ),
    "packed twice, in two headers": unreadable(
        reply(gzip.compress(PACKED), "Content-Encoding: gzip", "Content-Encoding: gzip"),
        UNASKED_PACKING,
    ),
    "another packing": unreadable(reply(PACKED, "Content-Encoding: br"), UNASKED_PACKING),
    "HTML": unreadable(reply(b"<html></html>", "Content-Type: text/html"), PAGE),
    "cut JSON": unreadable(reply(b'{"ips": ['), NO_JSON),
    "no UTF-8": unreadable(reply(b'{"ips": ["\xff"]}'), NO_JSON),
    "NaN": unreadable(reply(b'{"ips": NaN}'), NO_JSON),
    "1e999": unreadable(reply(b'{"ips": 1e999}'), NO_JSON),
    "deep nesting": unreadable(reply(b"[" * 100_000), NO_JSON),
    "nesting": unreadable(reply(b"[" * 450 + b"]" * 450), NO_JSON),
    "a number of 5,000 digits": unreadable(reply(b"9" * 5_000), NO_JSON),
    "500": failed(reply(status=500), 500, repeated=True),
    "502 from a proxy": Trouble(reply(b"<html>", status=502), f"{PAGE} (HTTP 502)", repeated=True),
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
        assert caught.value.hint == texts.LOOK_FIRST
        assert server.methods == ["GET", "POST", "GET"]
        assert waits == []

    @each_trouble
    def test_an_order_that_was_carried_out_is_found(
        self, connect: Connect, trouble: Trouble
    ) -> None:
        with Listener(NO_IPS, trouble.part, ORDERED) as server:
            requested = connect(server.base_url, timeout=trouble.timeout).request()

        assert requested.ip.id == "ip_1"
        assert requested.message == lost_order("ip_1")
        assert server.methods == ["GET", "POST", "GET"]

    @one_of_each_kind
    def test_a_release_is_looked_after(self, connect: Connect, trouble: Trouble) -> None:
        tries = 4 if trouble.repeated else 1
        with Listener(*[trouble.part] * tries, GONE, NO_IPS) as server:
            connect(server.base_url, timeout=trouble.timeout).release("ip_1")
        assert server.methods == [*["DELETE"] * tries, "GET", "GET"]

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
            reply(gzip.compress(b'{"ips"') + gzip.compress(b": []}"), "Content-Encoding: gzip"),
            reply(b"[]" + b" " * 100, "Content-Type: text/plain"),
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
