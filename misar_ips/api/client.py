"""The API client: one method for each endpoint, and what came of a change with a lost answer."""

from __future__ import annotations

import math
import random
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from misar_ips.api.arguments import validate_changes, validate_id, validate_settings
from misar_ips.api.credentials import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    mask_key,
    validate_base_url,
    validate_key,
    validate_timeout,
)
from misar_ips.api.reply import LIST_HINT, Reply
from misar_ips.api.sending import Sender, StoppedInTimeError
from misar_ips.errors import (
    APIError,
    InvalidResponseError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    UnauthorizedError,
)
from misar_ips.hostnames import canonical_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from types import TracebackType

    import httpx

    from misar_ips.api.models import DedicatedIP, RequestedIP

_PATH = "/dedicated-ips"
_MOST_AT_ONCE = 10  # IPs; twice what the largest plan includes
_BRIEFLY = 3.0  # seconds for what is nice to have


class Client:
    """MisarMail's dedicated-IP endpoints.

    ``timeout`` is in seconds, for one attempt's reply. ``transport`` puts something else in the
    network's place. ``sleep`` and ``jitter`` (a number from 0 to 1) shape the waits between
    attempts; ``log`` is given a line of text on each attempt and wait.

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
        jitter: Callable[[], float] = random.random,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.base_url = validate_base_url(base_url)
        self.carried_out: list[str] = []
        """What this client has surely changed, as in "ip_1 was released"."""
        self._shown_key = mask_key(validate_key(api_key, "the caller"))
        self._sender = Sender(
            api_key,
            self.base_url,
            validate_timeout(timeout),
            transport,
            sleep=sleep,
            jitter=jitter,
            log=log or _keep_silent,
        )

    def __repr__(self) -> str:
        return f"Client(api_key='{self._shown_key}', base_url='{self.base_url}')"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what connections are open."""
        self._sender.close()

    @property
    def server_time(self) -> datetime | None:
        """What the server's clock said in its last reply."""
        return self._sender.server_time

    def list(self) -> tuple[DedicatedIP, ...]:
        """Return every IP of the account, without daily limit, reputation and schedule."""
        return self._sender.send("GET", _PATH, what="list the dedicated IPs").ips()

    def get(self, ip_id: str) -> DedicatedIP:
        """Return one IP with all its details.

        Raises:
            NotFoundError: the account has no such IP.
        """
        reply = self._sender.send("GET", _path_of(ip_id), what=f"read {ip_id}")
        ip = reply.ip()
        if ip is None:
            raise reply.invalid("the answer has no IP in it")
        if ip.id != ip_id:
            raise reply.invalid(f"the server answered with another IP, {ip.id}")
        return ip

    def with_details(self, ips: Iterable[DedicatedIP]) -> tuple[DedicatedIP, ...]:
        """Return the IPs of a list with all their details, where those can be had at once.

        The list leaves the schedule and the daily limit out. Each of the first ten IPs is read
        once, all at the same time; where that fails or takes long, an IP stays as it was.
        """
        found = list(ips)

        def read(place: int) -> None:
            found[place] = self._detailed(found[place])

        # Plain threads: an executor takes longer to load than these requests take to send.
        places = range(min(len(found), _MOST_AT_ONCE))
        readers = [threading.Thread(target=read, args=(each,), daemon=True) for each in places]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return tuple(found)

    def resolve(self, name: str) -> str:
        """Return the id of an IP that is named by its id or by its address.

        Raises:
            NotFoundError: the account has no IP with that address.
        """
        address = canonical_address(name)
        if address is None:
            return validate_id(name)
        for ip in self.list():
            if ip.is_called(address):
                return ip.id
        raise NotFoundError(f"No dedicated IP of this account is {address}.", hint=LIST_HINT)

    def request(self, *, pool: str | None = None, rdns: str | None = None) -> RequestedIP:
        """Order an IP. The server's default pool is ``marketing``; ``rdns`` is a PTR hostname.

        The IPs are listed first, so that where the answer is lost a new one can be told from the
        others. The order itself is never sent again once it may have been carried out.

        Raises:
            PlanLimitError: the account's plan has no place for another one.
            OutcomeUnknownError: the answer was lost, and the list does not settle what happened.
        """
        from misar_ips.api.models import RequestedIP

        order = validate_settings(pool, rdns)
        known = {ip.id for ip in self.list()}
        with _telling_what_maybe_applied("The order"):
            try:
                reply = self._sender.send("POST", _PATH, order, what="order an IP")
                ip = reply.ip()
                if ip is None:
                    raise reply.invalid("the answer has no IP in it")
            except MisarError as lost:
                if not _maybe_applied(lost):
                    raise
                requested = self._find_ordered(order, known, lost)
            else:
                requested = RequestedIP(ip, reply.message)
            self.carried_out.append(f"{requested.ip.id} was ordered")
            return requested

    def update(
        self, ip_id: str, *, pool: str | None = None, rdns: str | None = None
    ) -> DedicatedIP:
        """Change an IP's pool, PTR hostname or both, and give it as it is afterwards.

        Raises:
            UsageError: there is nothing to change.
            NotFoundError: the account has no such IP.
            OutcomeUnknownError: the answer was lost, and reading the IP failed as well.
        """
        settings = validate_changes(pool, rdns)
        with _telling_what_maybe_applied("The change"):
            ip = self._change(ip_id, settings)
            self.carried_out.append(f"{ip_id} was changed")
        if ip is None or ip.id != ip_id or _differing(ip, settings):
            return self._get_changed(ip_id)
        return ip

    def release(self, ip_id: str) -> None:
        """Return an IP. A warmed IP's reputation is lost for good.

        Raises:
            NotFoundError: the account has no such IP.
            OutcomeUnknownError: the answer was lost, and reading the IP failed as well.
        """
        with _telling_what_maybe_applied("The release"):
            try:
                reply = self._sender.send("DELETE", _path_of(ip_id), what=f"release {ip_id}")
                # Gone on a later try: an earlier one did it, and only its answer was lost.
                if reply.status != HTTPStatus.NOT_FOUND or reply.tried == 1:
                    reply.check()
            except MisarError as lost:
                if not _maybe_applied(lost) or self._look_after(lost, ip_id) is not None:
                    raise
            self.carried_out.append(f"{ip_id} was released")

    def _change(self, ip_id: str, settings: dict[str, str]) -> DedicatedIP | None:
        """Send a change, and give what the server says, or shows, of the IP afterwards."""
        try:
            return self._sender.send(
                "PATCH", _path_of(ip_id), settings, what=f"update {ip_id}"
            ).ip()
        except MisarError as lost:
            if not _maybe_applied(lost):
                raise
            ip = self._look_after(lost, ip_id)
            if ip is None or _differing(ip, settings):
                raise
            return ip

    def _get_changed(self, ip_id: str) -> DedicatedIP:
        try:
            return self.get(ip_id)
        except MisarError as error:
            error.message = f"{ip_id} was changed, but can't be shown. {error.message}"
            raise

    def _detailed(self, ip: DedicatedIP) -> DedicatedIP:
        try:
            reply = self._sender.attempt(
                "GET", _path_of(ip.id), what=f"read {ip.id}", patience=_BRIEFLY
            )
            detailed = reply.ip()
        except MisarError:
            return ip
        return ip if detailed is None or detailed.id != ip.id else detailed

    def try_key(self) -> MisarError | None:
        """Try the key with one list, and give what trouble there was that is not the key's fault.

        Raises:
            UnauthorizedError: the server does not accept the key.
        """
        try:
            self.list()
        except UnauthorizedError:
            raise
        except MisarError as trouble:
            return trouble
        return None

    def probe(self, *, patience: float = math.inf) -> Reply:
        """List the IPs with one try, and give the reply as it is, a failure too.

        ``patience`` is how many seconds to wait for it, where that is less than the time-out.

        Raises:
            NetworkError: there was none.
        """
        return self._sender.attempt("GET", _PATH, what="list the dedicated IPs", patience=patience)

    def _find_ordered(
        self, order: dict[str, str], known: set[str], lost: MisarError
    ) -> RequestedIP:
        """Find the IP that an order with a lost answer brought, by what is new in the list."""
        from misar_ips.api.models import RequestedIP

        try:
            new = [ip for ip in self.list() if ip.id not in known]
        except MisarError as error:
            seen = f"Whether it was carried out could not be seen either. {error.message}"
            raise _unknown_order(lost, seen) from lost
        if len(new) == 1 and not any(_differing(new[0], order)):
            return RequestedIP(
                new[0], "The answer to the order was lost, but the new IP is in the list."
            )
        ids = ", ".join(ip.id for ip in new)
        seen = f"New in the list, and not surely from it: {ids}." if new else "No IP is new yet."
        raise _unknown_order(lost, seen) from lost

    def _look_after(self, lost: MisarError, ip_id: str) -> DedicatedIP | None:
        """Look what came of a change whose answer was lost: the IP as it is, None if it is gone."""
        try:
            return self.get(ip_id)
        except NotFoundError:
            return None
        except MisarError as error:
            raise OutcomeUnknownError(
                f"{lost.message} It may have been carried out all the same.",
                hint=f"`misar-ips show {ip_id}` tells, once the server can be reached.",
            ) from error


def _path_of(ip_id: str) -> str:
    return f"{_PATH}/{quote(validate_id(ip_id), safe='')}"


def _differing(ip: DedicatedIP, settings: dict[str, str]) -> list[str | None]:
    """Return what an IP has in place of the settings asked for; None where it is not known."""
    actual = {"pool": ip.pool, "rdns": ip.rdns}
    return [
        actual[name]
        for name, wanted in settings.items()
        if (actual[name] or "").lower().rstrip(".") != wanted.lower()
    ]


def _maybe_applied(lost: MisarError) -> bool:
    """Return whether a failed request may have been carried out: it was sent, and not refused."""
    if isinstance(lost, NetworkError):
        return lost.sent
    if isinstance(lost, InvalidResponseError):
        return True
    if not isinstance(lost, APIError):
        return False
    # A 2xx here is one whose body denies success. Redirects and 5xx settle nothing.
    return lost.maybe_applied or (lost.status or 0) // 100 not in {2, 4}


def _unknown_order(lost: MisarError, seen: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{lost.message} The order may have been carried out. {seen}",
        hint="Look at `misar-ips list` in a few minutes before you order again: "
        "a second order may be billed.",
    )


@contextmanager
def _telling_what_maybe_applied(what: str) -> Iterator[None]:
    """Have Ctrl-C, and a fault of ours, tell that something may be under way or done by now."""
    maybe_applied = f"{what} may have been carried out; `misar-ips list` tells."
    try:
        yield
    except (MisarError, StoppedInTimeError):
        raise
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(maybe_applied)
        raise
    except Exception as fault:
        raise OutcomeUnknownError(
            f"Something unexpected happened: {type(fault).__name__}: {fault}. {maybe_applied}",
            hint="This is a fault in misar-ips; `--debug` shows where.",
        ) from fault


def _keep_silent(_line: str) -> None:
    pass
