"""Faults on demand: replies that go wrong, asked for as ``METHOD:KIND[:COUNT]``."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from typing import TYPE_CHECKING

import httpx

from misar_ips.emulator import replies
from misar_ips.emulator.store import Quota

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

METHODS = ("ANY", "GET", "POST", "PATCH", "DELETE")
ELSEWHERE = "https://elsewhere.invalid/mail/v1/dedicated-ips"
DROPS = 600
"""How many bytes a dripping reply has, one a second: more than any client should wait for."""

PIECE = b" " * 65_536
BOMB_SIZE = 64 * 1024 * 1024
PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>\n"


@dataclass(frozen=True)
class Exchange:
    """One request, and the way to have it carried out: ``carry_out`` gives the true reply.

    ``sleep`` lets seconds pass while a reply is under way.
    """

    request: httpx.Request
    now: datetime
    carry_out: Callable[[], httpx.Response]
    sleep: Callable[[float], object]


class Pieces(httpx.SyncByteStream):
    """A body that is made while it is sent; where it ends is told by the connection's end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


Fault = Callable[[Exchange], httpx.Response]


def _status(exchange: Exchange, *, status: int) -> httpx.Response:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        resets_at = int(exchange.now.timestamp()) + 1
        return replies.too_many_requests(
            Quota(exceeded=True, limit=60, remaining=0, resets_at=resets_at, retry_after=1)
        )
    if status == httpx.codes.BAD_REQUEST:
        return replies.validation_failed({}, ["Refused by a fault of the emulator."])
    return replies.error(status)


def _html(_exchange: Exchange) -> httpx.Response:
    return httpx.Response(502, html=PROXY_PAGE)


def _truncated(exchange: Exchange) -> httpx.Response:
    body = exchange.carry_out().content
    headers = {"Content-Type": "application/json"}
    return httpx.Response(200, headers=headers, content=body[: len(body) // 2])


def _reset(exchange: Exchange) -> httpx.Response:
    raise httpx.RemoteProtocolError("Connection dropped.", request=exchange.request)


def _lost_reply(exchange: Exchange) -> httpx.Response:
    exchange.carry_out()
    raise httpx.RemoteProtocolError("Connection dropped.", request=exchange.request)


def _hang(exchange: Exchange) -> httpx.Response:
    raise httpx.ReadTimeout("No answer.", request=exchange.request)


def _drip(exchange: Exchange) -> httpx.Response:
    status = exchange.carry_out().status_code

    def drops() -> Iterator[bytes]:
        for _ in range(DROPS):
            yield b" "
            exchange.sleep(1)
        raise httpx.ReadTimeout("No more of the answer.", request=exchange.request)

    return httpx.Response(status, stream=Pieces(drops()))


def _endless(exchange: Exchange) -> httpx.Response:
    return httpx.Response(exchange.carry_out().status_code, stream=Pieces(repeat(PIECE)))


@cache
def _bomb() -> bytes:
    import gzip

    return gzip.compress(bytes(BOMB_SIZE), compresslevel=1)


def _gzip_bomb(exchange: Exchange) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    status = exchange.carry_out().status_code
    # Not as content: httpx would unpack that here.
    return httpx.Response(status, headers=headers, stream=Pieces(iter([_bomb()])))


def _redirect(_exchange: Exchange) -> httpx.Response:
    return httpx.Response(307, headers={"Location": ELSEWHERE})


def _wrong_type(exchange: Exchange) -> httpx.Response:
    response = exchange.carry_out()
    response.headers["Content-Type"] = "text/html"
    return response


def _many_headers(exchange: Exchange) -> httpx.Response:
    response = exchange.carry_out()
    response.headers.update({f"X-Header-{number}": "v" * 80 for number in range(100)})
    return response


def _put_first(exchange: Exchange, *, field: bytes) -> httpx.Response:
    """Return the true reply with one more field in it, in front of the others."""
    response = exchange.carry_out()
    return httpx.Response(
        response.status_code,
        headers={"Content-Type": "application/json"},
        content=b"{" + field + b", " + response.content.removeprefix(b"{"),
    )


KINDS: dict[str, Fault] = {
    **{str(status): partial(_status, status=status) for status in range(400, 600)},
    "html": _html,
    "truncated": _truncated,
    "reset": _reset,
    "lost-reply": _lost_reply,
    "hang": _hang,
    "drip": _drip,
    "endless": _endless,
    "gzip-bomb": _gzip_bomb,
    "redirect": _redirect,
    "wrong-type": _wrong_type,
    "many-headers": _many_headers,
    "twice-named": partial(_put_first, field=b'"success": false'),
    "bad-text": partial(_put_first, field=b'"odd": "\xff"'),
    "nan": partial(_put_first, field=b'"odd": NaN'),
    "deep": partial(_put_first, field=b'"odd": ' + b"[" * 100_000 + b"]" * 100_000),
    "long-number": partial(_put_first, field=b'"odd": ' + b"9" * 5_000),
}


@dataclass
class Rule:
    """A fault for the next ``left`` requests of a method; None: for all of them."""

    method: str
    fault: Fault
    left: int | None


def parse_fault(text: str) -> Rule:
    """Read ``METHOD:KIND[:COUNT]``.

    Raises:
        ValueError: It is malformed; the text says what is allowed.
    """
    method, _, rest = text.partition(":")
    kind, colon, count = rest.partition(":")
    if method.upper() not in METHODS:
        raise ValueError(f"{text!r}: the method must be one of {', '.join(METHODS)}.")
    if kind not in KINDS:
        words = ", ".join(name for name in KINDS if not name.isdigit())
        raise ValueError(f"{text!r}: the kind must be a status from 400 to 599, or {words}.")
    if colon and not re.fullmatch(r"[1-9][0-9]{0,8}", count):
        raise ValueError(f"{text!r}: the count must be a whole number above 0.")
    return Rule(method.upper(), KINDS[kind], int(count) if colon else None)


class Faults:
    """The faults asked for; of several that fit a request, the first with a count left is due.

    Raises:
        ValueError: A text is malformed.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [parse_fault(text) for text in texts]

    def add(self, text: str) -> None:
        """Ask for one more fault, in words such as ``POST:lost-reply:1``.

        Raises:
            ValueError: The text is malformed.
        """
        rule = parse_fault(text)
        with self._lock:
            self._rules.append(rule)

    def take(self, method: str) -> Fault | None:
        """Return the fault that is due for a request, and count it."""
        with self._lock:
            for rule in self._rules:
                if rule.method in {"ANY", method} and rule.left != 0:
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.fault
        return None
