"""The API client: one method for each endpoint, and what came of a change with a lost answer."""

from __future__ import annotations

import math
import random
import time
from contextlib import contextmanager, nullcontext, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from misar_ips.api.arguments import (
    different_settings,
    validate_changes,
    validate_id,
    validate_settings,
)
from misar_ips.api.credentials import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    mask_key,
    validate_base_url,
    validate_key,
    validate_timeout,
)
from misar_ips.api.finding import Order, is_plain_id, named
from misar_ips.api.models import RequestedIP
from misar_ips.api.reply import ABSENT_STATUSES, COLLECTION, LIST_HINT, SUPPORT_HINT
from misar_ips.api.sending import Request, Sender
from misar_ips.errors import (
    APIError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    import httpx

    from misar_ips.api.models import DedicatedIP, DetailedIP, IPList
    from misar_ips.api.reply import Reply

_MORE_LOOKS = 2  # at an IP that does not show its change yet, within five seconds
_SECONDS_BETWEEN_LOOKS, _SECONDS_FOR_A_LOOK = 1.5, 1.0
_LIST = Request("GET", COLLECTION, "list the dedicated IPs")
_NO_ROUTE = {*ABSENT_STATUSES, HTTPStatus.METHOD_NOT_ALLOWED}
NO_ROUTE_HINT = f"The API seems to have no way to release it. {SUPPORT_HINT}"


class Client:
    """MisarMail's dedicated-IP endpoints.

    ``timeout`` is in seconds, for one attempt's reply. ``transport`` puts something else in the
    network's place. ``sleep``, ``clock`` (seconds) and ``jitter`` (a number from 0 to 1) shape the
    waits between attempts; ``log`` is given a line of text on each attempt and wait; ``waiting``
    is given what is waited for, and the seconds where they are known, and is entered for as long
    as that takes.

    Every method raises MisarError: ConfigError for a key or URL that can't be used, UsageError for
    arguments that can't be sent, APIError for an answer that is a failure, NetworkError where
    there was none. Sources: the published reference of the API, and RFC 9110 for retries.
    """

    def __init__(  # noqa: PLR0913 - what a caller may want to set, each with a default
        self,
        api_key: str,
        base_url: str = DEFAULT_BASE_URL,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        log: Callable[[str], None] | None = None,
        waiting: Callable[[str, float | None], AbstractContextManager[object]] | None = None,
    ) -> None:
        self.base_url = validate_base_url(base_url)
        self.carried_out: list[str] = []
        """What this client has surely changed, as in "ip_1 was released"."""
        self._shown_key = mask_key(validate_key(api_key, "the caller"))
        self._sleep = sleep
        self._clock = clock
        self._sender = Sender(
            api_key,
            self.base_url,
            validate_timeout(timeout),
            transport,
            sleep=sleep,
            clock=clock,
            jitter=jitter,
            log=log or (lambda _line: None),
            waiting=waiting or (lambda _text, _seconds: nullcontext()),
        )

    def __repr__(self) -> str:
        return f"Client(api_key='{self._shown_key}', base_url='{self.base_url}')"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what connections are open."""
        self._sender.close()

    @property
    def server_time(self) -> datetime | None:
        """What the server's clock said in its last reply."""
        return self._sender.server_time

    def list(self, *, patience: float = math.inf) -> IPList:
        """Return the dedicated IPs, without daily limit, reputation and schedule.

        A server may list a part of them: ``is_whole`` of the result tells what it says of that.
        ``patience`` is how many seconds it may take, retries included.
        """
        return self._sender.send(_LIST, patience=patience).ips()

    def get(self, ip_id: str, *, patience: float = math.inf) -> DedicatedIP:
        """Return one IP with all its details; ``patience`` as for the list.

        Raises:
            NotFoundError: the account has no such IP.
        """
        return self._ask("GET", ip_id, what="read", patience=patience).ip_called(ip_id)

    def with_details(
        self, ips: Iterable[DedicatedIP], *, patiently: bool = False
    ) -> tuple[DetailedIP, ...]:
        """Return the IPs of a list with all their details, or with why they could not be read.

        The list leaves the schedule and the daily limit out. Ten are read at the same time: each
        once and briefly, for what is nice to have, or ``patiently`` with retries and waits.
        """
        from misar_ips.api.details import read_details

        read = self.get if patiently else self._get_briefly
        return read_details(tuple(ips), read, goes_on=patiently)

    def find(self, name: str, *, patience: float = math.inf) -> DedicatedIP:
        """Return the IP that is named by its id, its address or its rDNS name, with all details.

        An id that is listed wins over an address, an address over a name. An IP that was found in
        the list is read again: its own details must still have that address or name. ``patience``
        is how many seconds all of that may take.

        Raises:
            NotFoundError: the account has no such IP.
            UsageError: several IPs have that address or name.
        """
        if is_plain_id(name):
            return self.get(name, patience=patience)
        give_up_at = self._clock() + patience
        ip_id = named(name, self.list(patience=patience)).id
        ip = self.get(ip_id, patience=give_up_at - self._clock())
        if ip.id != name and not ip.is_called(name):
            raise NotFoundError(
                f"{ip.id} no longer has {name}, as its details show; nothing was changed.",
                hint=LIST_HINT,
            )
        return ip

    def request(self, *, pool: str | None = None, rdns: str | None = None) -> RequestedIP:
        """Order an IP. The server's default pool is ``marketing``; ``rdns`` is a PTR hostname.

        The IPs are listed first, so that where the answer is lost a new one can be told from the
        others. The order itself is never sent again once it may have been carried out.

        Raises:
            PlanLimitError: the account's plan has no place for another one.
            OutcomeUnknownError: the answer was lost, and the list does not settle what happened.
        """
        settings = validate_settings(pool, rdns)
        before = self.list()
        order = Order(settings, before, self.server_time)
        is_sure = True
        with self._doubt_told("The order"):
            try:
                reply = self._sender.send(Request("POST", COLLECTION, "order an IP", settings))
                ip = reply.new_ip({ip.id for ip in before})
                message = reply.message or f"Ordered {ip.id}."
            except MisarError as lost:
                if not lost.maybe_applied:
                    raise
                ip, is_sure = self._find_ordered(order, lost), False
                message = f"The answer was lost; {ip.id}, new in the list, probably is the order."
            self.carried_out.append(f"{ip.id} was ordered")
        return RequestedIP(ip, message, is_sure, different_settings(ip, settings, told_only=True))

    def update(
        self, ip_id: str, *, pool: str | None = None, rdns: str | None = None
    ) -> DedicatedIP:
        """Change an IP's pool, PTR hostname or both, and return it as the server then shows it.

        Where the answer does not show the change, the IP is read, up to three times. It may still
        show other settings in the end: ``different_settings`` compares.

        Raises:
            UsageError: there is nothing to change.
            NotFoundError: the account has no such IP.
            OutcomeUnknownError: the answer was lost, and reading the IP failed as well.
        """
        settings = validate_changes(pool, rdns)
        with self._doubt_told("The change"):
            ip = self._change(ip_id, settings)
            self.carried_out.append(f"{ip_id} was changed")
        if ip is not None and ip.id == ip_id and not different_settings(ip, settings):
            return ip
        return self._get_changed(ip_id, settings)

    def release(self, ip_id: str) -> None:
        """Release an IP. A warmed IP's reputation is lost for good.

        Raises:
            NotFoundError: the account has no such IP, and no attempt of ours took it away.
            RejectedError: the server has no way to release it; it is still there.
            OutcomeUnknownError: the answer was lost, and reading the IP failed as well.
        """
        with self._doubt_told("The release"):
            try:
                self._ask("DELETE", ip_id, what="release").check()
            except MisarError as lost:
                if not self._is_gone_after(lost, ip_id):
                    raise
            self.carried_out.append(f"{ip_id} was released")

    def try_key(self) -> MisarError | None:
        """Try the key with one list, and return what trouble there was, if any."""
        try:
            self.list()
        except MisarError as trouble:
            return trouble
        return None

    @property
    def proxy(self) -> str | None:
        """The host and port of the proxy on the way to the server, None where there is none."""
        return self._sender.proxy

    def probe(self, *, patience: float = math.inf) -> Reply:
        """List the IPs with one try, and return the reply as it is, a failure too.

        ``patience`` is how many seconds to wait for it, where that is less than the time-out.

        Raises:
            NetworkError: there was none.
        """
        return self._sender.attempt(_LIST, patience=patience)

    def _get_briefly(self, ip_id: str, *, patience: float) -> DedicatedIP:
        request = Request("GET", _path_of(ip_id), f"read {ip_id}")
        return self._sender.attempt(request, patience=patience).ip_called(ip_id)

    def _ask(
        self,
        method: str,
        ip_id: str,
        settings: dict[str, str] | None = None,
        *,
        what: str,
        patience: float = math.inf,
    ) -> Reply:
        """Send a request about one IP, and return the answer.

        Raises:
            APIError: the server knows no such IP because there is no API at the base URL.
        """
        request = Request(method, _path_of(ip_id), f"{what} {ip_id}", settings)
        reply = self._sender.send(request, patience=patience)
        if reply.status in ABSENT_STATUSES and not self._sender.knows_the_api:
            with suppress(NetworkError):  # then the answer is all that is known
                listed = self.probe(patience=patience)
                if listed.status in ABSENT_STATUSES:
                    listed.check()
        return reply

    def _find_ordered(self, order: Order, lost: MisarError) -> DedicatedIP:
        """Return the IP that an order with a lost answer brought, by what is new in the list."""
        try:
            return order.find_in(self.list())
        except LookupError as unclear:
            seen, cause = str(unclear), lost
        except MisarError as error:
            seen = f"Whether it was carried out could not be seen either. {error.message}"
            cause = error
        raise OutcomeUnknownError(
            f"{lost.message} The order may have been carried out. {seen}",
            hint="Look at `misar-ips list` in a few minutes before you order again: "
            "a second order may be billed.",
        ) from cause

    def _change(self, ip_id: str, settings: dict[str, str]) -> DedicatedIP | None:
        """Send a change, and return what the server says, or shows, of the IP afterwards."""
        try:
            return self._ask("PATCH", ip_id, settings, what="update").ip()
        except MisarError as lost:
            if not lost.maybe_applied:
                raise
            try:
                ip = self.get(ip_id)
            except NotFoundError:
                raise lost from None
            except MisarError as error:
                raise _unknown_change(lost, ip_id) from error
            if different_settings(ip, settings):
                raise
            return ip

    def _get_changed(self, ip_id: str, settings: dict[str, str]) -> DedicatedIP:
        """Read a changed IP, again where it does not show the change yet."""
        try:
            ip = self.get(ip_id)
        except MisarError as error:
            raise error.with_context(f"{ip_id} was changed, but can't be shown.") from error
        for _ in range(_MORE_LOOKS):
            if different_settings(ip, settings):
                self._sleep(_SECONDS_BETWEEN_LOOKS)
                with suppress(MisarError):  # it was seen already
                    ip = self._get_briefly(ip_id, patience=_SECONDS_FOR_A_LOOK)
        return ip

    def _is_gone_after(self, lost: MisarError, ip_id: str) -> bool:
        """Look, after a release that failed, whether it was carried out all the same.

        Raises:
            RejectedError: the server has no way to release the IP, which is still there.
            OutcomeUnknownError: it may have been, and the IP can't be read.
        """
        status = lost.status if isinstance(lost, APIError) else None
        if not (lost.maybe_applied or status in _NO_ROUTE):
            return False
        try:
            self.get(ip_id)
        except NotFoundError:
            return lost.maybe_applied
        except MisarError as error:
            if not lost.maybe_applied:
                return False
            raise _unknown_change(lost, ip_id) from error
        if status in _NO_ROUTE:
            raise RejectedError(
                f"{lost.message} {ip_id} is still there.", hint=NO_ROUTE_HINT, status=status
            ) from lost
        return False

    @contextmanager
    def _doubt_told(self, what: str) -> Iterator[None]:
        """Have a signal, and a fault of ours, tell that something may be under way or done."""
        doubt = f"{what} may have been carried out; `misar-ips list` tells."
        self._sender.in_doubt = False
        try:
            yield
        except MisarError:
            raise
        except KeyboardInterrupt as stop:
            if self._sender.in_doubt:
                stop.add_note(doubt)
            raise
        except Exception as fault:
            raise OutcomeUnknownError(
                f"Something unexpected happened: {type(fault).__name__}: {fault}. {doubt}",
                hint="This is a fault in misar-ips; `--debug` shows where.",
            ) from fault


def _path_of(ip_id: str) -> str:
    return f"{COLLECTION}/{quote(validate_id(ip_id), safe='')}"


def _unknown_change(lost: MisarError, ip_id: str) -> OutcomeUnknownError:
    import shlex

    return OutcomeUnknownError(
        f"{lost.message} It may have been carried out all the same.",
        hint=f"`misar-ips show {shlex.quote(ip_id)}` tells, once the server can be reached.",
    )
