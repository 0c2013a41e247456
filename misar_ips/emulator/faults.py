"""Faults on demand: replies that go wrong, asked for as ``METHOD:KIND[:COUNT][@FIRST]``."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, NoReturn

import httpx

from misar_ips.emulator import replies
from misar_ips.errors import UsageError

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

    def drop(self) -> NoReturn:
        """End the connection."""
        raise httpx.RemoteProtocolError("Connection dropped.", request=self.request)

    def fall_silent(self, text: str) -> NoReturn:
        """Leave the client without an answer."""
        raise httpx.ReadTimeout(text, request=self.request)


class Pieces(httpx.SyncByteStream):
    """A body that is made while it is sent."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


Fault = Callable[[Exchange], httpx.Response]


def _status(exchange: Exchange, *, status: int) -> httpx.Response:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        resets_at = int(exchange.now.timestamp()) + 1
        return replies.too_many_requests(
            replies.Quota(exceeded=True, limit=60, remaining=0, resets_at=resets_at, retry_after=1)
        )
    if status == httpx.codes.BAD_REQUEST:
        return replies.validation_failed({}, ["Refused by a fault of the emulator."])
    return replies.error(status)


def _ignored(exchange: Exchange) -> httpx.Response:
    is_reading = exchange.request.method == "GET"
    return exchange.carry_out() if is_reading else replies.reply(200, {"success": True})


def _truncated(exchange: Exchange) -> httpx.Response:
    body = exchange.carry_out().content
    headers = {"Content-Type": "application/json"}
    return httpx.Response(200, headers=headers, content=body[: len(body) // 2])


def _lost_reply(exchange: Exchange) -> httpx.Response:
    exchange.carry_out()
    exchange.drop()


def _drip(exchange: Exchange) -> httpx.Response:
    status = exchange.carry_out().status_code

    def drops() -> Iterator[bytes]:
        for _ in range(DROPS):
            yield b" "
            exchange.sleep(1)
        exchange.fall_silent("No more of the answer.")

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


def _with_headers(exchange: Exchange, headers: dict[str, str]) -> httpx.Response:
    response = exchange.carry_out()
    response.headers.update(headers)
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
    "plan-402": lambda _: replies.plan_refusal(402, "pro", 0),
    "plan-429": lambda _: replies.plan_refusal(429, "pro", 0),
    "no-route": lambda _: replies.error(404, "Not found"),
    "ignored": _ignored,
    "html": lambda _: httpx.Response(502, html=PROXY_PAGE),
    "redirect": lambda _: httpx.Response(307, headers={"Location": ELSEWHERE}),
    "reset": Exchange.drop,
    "lost-reply": _lost_reply,
    "hang": lambda exchange: exchange.fall_silent("No answer."),
    "truncated": _truncated,
    "drip": _drip,
    "endless": _endless,
    "gzip-bomb": _gzip_bomb,
    "wrong-type": partial(_with_headers, headers={"Content-Type": "text/html"}),
    "many-headers": partial(
        _with_headers, headers={f"X-Header-{number}": "v" * 80 for number in range(100)}
    ),
    "twice-named": partial(_put_first, field=b'"success": false'),
    "bad-text": partial(_put_first, field=b'"odd": "\xff"'),
    "nan": partial(_put_first, field=b'"odd": NaN'),
    "deep": partial(_put_first, field=b'"odd": ' + b"[" * 100_000 + b"]" * 100_000),
    "long-number": partial(_put_first, field=b'"odd": ' + b"9" * 5_000),
}

_WORDS = ", ".join(kind for kind in KINDS if not kind.isdigit())
_COUNT = re.compile("[1-9][0-9]{0,8}")


@dataclass
class Rule:
    """A fault for ``left`` requests of a method, None: for all, from the ``first`` one on."""

    method: str
    kind: str
    left: int | None
    first: int

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``METHOD:KIND[:COUNT][@FIRST]``.

        Raises:
            UsageError: It is malformed; the text says what is allowed.
        """
        rest, at, first = text.partition("@")
        method, _, rest = rest.partition(":")
        kind, colon, count = rest.partition(":")
        if method.upper() not in METHODS:
            raise UsageError(f"`{text}`: the method must be one of {', '.join(METHODS)}.")
        if kind not in KINDS:
            raise UsageError(f"`{text}`: the kind must be a status from 400 to 599, or {_WORDS}.")
        numbers = {"count": count if colon else "1", "number after @": first if at else "1"}
        for name, number in numbers.items():
            if not _COUNT.fullmatch(number):
                raise UsageError(f"`{text}`: the {name} must be a whole number above 0.")
        return cls(method.upper(), kind, int(count) if colon else None, int(first or 1))

    def __str__(self) -> str:
        left = "" if self.left is None else f":{self.left}"
        return f"{self.method}:{self.kind}{left}" + (f"@{self.first}" if self.first > 1 else "")


class Faults:
    """The faults asked for; of several that fit a request, the first that is due strikes.

    Raises:
        UsageError: A text is malformed.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [Rule.parse(text) for text in texts]

    def add(self, text: str) -> None:
        """Ask for one more fault, in words such as ``POST:lost-reply:1``.

        Raises:
            UsageError: The text is malformed.
        """
        rule = Rule.parse(text)
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._rules.clear()

    def texts(self) -> list[str]:
        """Return those that may still strike, as they would be asked for now."""
        with self._lock:
            return [str(rule) for rule in self._rules]

    def take(self, method: str) -> Fault | None:
        """Return the fault that is due for a request, and count the request."""
        due: Rule | None = None
        with self._lock:
            for rule in self._rules:
                if rule.method in {"ANY", method} and rule.first > 1:
                    rule.first -= 1
                elif rule.method in {"ANY", method}:
                    due = due or rule
            if due and due.left:
                due.left -= 1
            self._rules = [rule for rule in self._rules if rule.left != 0]
        return KINDS[due.kind] if due else None
