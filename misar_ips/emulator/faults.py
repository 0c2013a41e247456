"""Faults on demand: replies that go wrong, asked for as ``METHOD:KIND[:COUNT]``."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import httpx

from misar_ips.emulator import replies
from misar_ips.emulator.store import Quota

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

METHODS = ("ANY", "GET", "POST", "PATCH", "DELETE")
PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>\n"


@dataclass(frozen=True)
class Exchange:
    """One request, and the way to have it carried out: ``carry_out`` gives the true reply."""

    request: httpx.Request
    now: datetime
    carry_out: Callable[[], httpx.Response]


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


KINDS: dict[str, Fault] = {
    **{str(status): partial(_status, status=status) for status in range(400, 600)},
    "html": _html,
    "truncated": _truncated,
    "reset": _reset,
    "lost-reply": _lost_reply,
    "hang": _hang,
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
        """Give the fault that is due for a request, and count it."""
        with self._lock:
            for rule in self._rules:
                if rule.method in {"ANY", method} and rule.left != 0:
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.fault
        return None
