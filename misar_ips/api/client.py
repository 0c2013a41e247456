"""The API client: one method for each endpoint, and one place that sends.

What is repeated, and what never is, follows from one question: may the request have been carried
out? A GET, PATCH or DELETE may be repeated, because once more changes nothing more. A POST orders
an IP and takes no idempotency key, so it is repeated only where it certainly was not carried out.
"""

from __future__ import annotations

import math
import random
import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from misar_ips import __version__
from misar_ips.api.reply import LATER_HINT, LIST_HINT, Reply, read_body
from misar_ips.config import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    mask_key,
    validate_base_url,
    validate_key,
    validate_timeout,
)
from misar_ips.errors import (
    APIError,
    ConfigError,
    InvalidResponseError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    UnauthorizedError,
    root_cause,
)
from misar_ips.hostnames import canonical_address, validate_changes, validate_id, validate_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from types import TracebackType

    from misar_ips.api.models import DedicatedIP
    from misar_ips.results import RequestedIP

_PATH = "/dedicated-ips"
_TRIES = 4
_FIRST_WAIT = 0.5  # seconds; the back-off doubles it from try to try
_LONGEST_WAIT = 60.0  # seconds a server may ask for; beyond it, the user decides
_CONNECT_TIMEOUT = 5.0  # seconds
_MOST_AT_ONCE = 10  # IPs; twice what the largest plan includes
_BRIEFLY = 3.0  # seconds for what is nice to have
_LARGEST_REPLY = 10 * 1024 * 1024  # bytes, after decompression
_SHORTEST_KEY = 16  # characters; anything shorter may stand in a reply by chance
_TRANSIENT_STATUSES = {429, 500, 502, 503, 504}

NETWORK_HINT = "Check the network, the proxy variables and the base URL."
CERTIFICATE_HINT = (
    "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."
)

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


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
        self.server_time: datetime | None = None
        """What the server's clock said in its last reply."""
        self.carried_out: list[str] = []
        """What this client has surely changed, as in "ip_1 was released"."""
        self._shown_key = mask_key(validate_key(api_key, "the caller"))
        self._host = _host_of(self.base_url)
        self._timeout = validate_timeout(timeout)
        self._sleep = sleep
        self._jitter = jitter
        self._log = log or _keep_silent
        self._http = _open_http(self.base_url, api_key, timeout, transport)

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
        self._http.close()

    def list(self) -> tuple[DedicatedIP, ...]:
        """Return every IP of the account, without daily limit, reputation and schedule."""
        return self._send("GET", _PATH, what="list the dedicated IPs").ips()

    def get(self, ip_id: str) -> DedicatedIP:
        """Return one IP with all its details.

        Raises:
            NotFoundError: the account has no such IP.
        """
        reply = self._send("GET", _path_of(ip_id), what=f"read {ip_id}")
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
        from misar_ips.results import RequestedIP

        order = validate_settings(pool, rdns)
        known = {ip.id for ip in self.list()}
        with _telling_what_maybe_applied("The order"):
            try:
                reply = self._send("POST", _PATH, order, what="order an IP")
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
                reply = self._send("DELETE", _path_of(ip_id), what=f"release {ip_id}")
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
            return self._send("PATCH", _path_of(ip_id), settings, what=f"update {ip_id}").ip()
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
            reply = self._attempt("GET", _path_of(ip.id), what=f"read {ip.id}", patience=_BRIEFLY)
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
        return self._attempt("GET", _PATH, what="list the dedicated IPs", patience=patience)

    def _find_ordered(
        self, order: dict[str, str], known: set[str], lost: MisarError
    ) -> RequestedIP:
        """Find the IP that an order with a lost answer brought, by what is new in the list."""
        from misar_ips.results import RequestedIP

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

    def _send(
        self, method: str, path: str, body: dict[str, str] | None = None, *, what: str
    ) -> Reply:
        """Send a request until an answer stands, and give that answer, success or failure.

        Raises:
            NetworkError: there was no answer, or none after the last try.
            RateLimitError: the server asks for a longer wait than a command should make.
        """
        maybe_applied = False
        for tried in count(1):
            try:
                answer = self._attempt(method, path, body, what=what, tried=tried)
                reply = answer._replace(maybe_applied=maybe_applied)
            except NetworkError as error:
                maybe_applied = error.sent = error.sent or maybe_applied
                is_repeatable = error.transient and (method != "POST" or not error.sent)
                if not is_repeatable or tried == _TRIES:
                    raise
                wait = self._back_off(tried)
            else:
                self.server_time = reply.date or self.server_time
                if not _is_worth_repeating(method, reply) or tried == _TRIES:
                    return reply
                maybe_applied = maybe_applied or reply.status != HTTPStatus.TOO_MANY_REQUESTS
                wait = self._wait_after(reply)
            self._log(f"waiting {wait:.2f} s before try {tried + 1} of {_TRIES}")
            self._wait(wait, maybe_applied=maybe_applied)
        raise AssertionError("count() never ends")

    def _wait(self, seconds: float, *, maybe_applied: bool) -> None:
        try:
            self._sleep(seconds)
        except KeyboardInterrupt:
            if maybe_applied:
                raise
            raise _StoppedInTime from None

    def _attempt(  # noqa: PLR0913 - what is sent, and how
        self,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        what: str,
        tried: int = 1,
        patience: float = math.inf,
    ) -> Reply:
        url = self.base_url + path
        started = time.monotonic()
        deadline = _Deadline(min(self._timeout, patience))
        try:
            with deadline:
                request = self._http.build_request(
                    method, url, json=body, extensions={"trace": deadline.watch}
                )
                response = self._http.send(request, stream=True)
                with closing(response):
                    reply = _read(response, what, tried)
                if deadline.passed:  # the cut may look like the end of the reply
                    raise httpx.ReadTimeout("timed out", request=request)
        except httpx.RequestError as error:
            lost = httpx.ReadTimeout("timed out") if deadline.passed else error
            self._log_attempt(method, url, type(lost).__name__, started)
            raise self._network_error(lost, what) from error
        self._log_attempt(method, url, str(reply.status), started)
        return reply

    def _network_error(self, error: httpx.RequestError, what: str) -> NetworkError:
        """Translate every way in which there may be no answer."""
        cause = root_cause(error)
        said = str(cause) or type(error).__name__
        was_sent = not isinstance(error, _NEVER_SENT)
        if isinstance(error, httpx.TimeoutException):
            reason, hint = f"{self._host} took too long to answer", LATER_HINT
        elif isinstance(cause, socket.gaierror):
            reason, hint = f"the host {self._host} is not known", NETWORK_HINT
        elif isinstance(cause, ssl.SSLCertVerificationError):
            reason, hint = f"the certificate of {self._host} can't be trusted", CERTIFICATE_HINT
            said = cause.verify_message.rstrip(".")
        elif was_sent:
            reason, hint = f"the connection to {self._host} was lost", LATER_HINT
        else:
            reason, hint = f"{self._host} can't be reached", NETWORK_HINT
        return NetworkError(
            f"Could not {what}: {reason} ({said}).",
            hint=hint,
            sent=was_sent,
            transient=not isinstance(cause, ssl.SSLCertVerificationError),
        )

    def _back_off(self, tried: int) -> float:
        """Return a wait in seconds: full jitter over a range that doubles from try to try."""
        return self._jitter() * _FIRST_WAIT * 2.0 ** (tried - 1)

    def _wait_after(self, reply: Reply) -> float:
        asked = reply.retry_after
        if asked is None:
            return self._back_off(reply.tried)
        if asked > _LONGEST_WAIT:
            raise reply.come_back_later()
        return asked

    def _log_attempt(self, method: str, url: str, outcome: str, started: float) -> None:
        self._log(f"{method} {url} {outcome} {(time.monotonic() - started) * 1000:.0f} ms")


class _Deadline:
    """Ends the wait for a reply as a whole: a server that drips bytes never lets a read time out.

    httpx limits each read. This limits their sum, from another thread, by shutting the socket
    down, which wakes the read that waits on it.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._seconds = seconds
        self._connection: Any = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Learn how the attempt gets on (httpx's extension ``trace``)."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._connection = info["return_value"].get_extra_info("socket")
        elif event.endswith("send_request_headers.started"):
            self._start()

    def _start(self) -> None:
        self._stop()  # it runs already where a proxy was asked for a tunnel first
        self.passed = False
        self._timer = threading.Timer(self._seconds, self._pass)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        with suppress(OSError):  # the other side may have been faster
            # Not by ssl's own method: it takes the decryption away from under the read.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


def _open_http(
    base_url: str, api_key: str, timeout: float, transport: httpx.BaseTransport | None
) -> httpx.Client:
    """Open httpx so that it follows nothing, keeps nothing, and sends the key to one host only.

    Each request has a connection of its own: on a kept one, a server that had just closed it
    could not be told from one that took an order and died.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    try:
        return httpx.Client(
            headers={
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"misar-ips/{__version__}",
            },
            timeout=httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT),
            follow_redirects=False,
            # A cookie that can't be sent back would keep us from looking what came of an order.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=transport,
            verify=_trust(base_url),
            # http is for this machine alone; a proxy on the way would read the key.
            trust_env=base_url.startswith("https:"),
        )
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        reason = str(error).rstrip(".")
        raise ConfigError(
            f"The proxy or the certificates that the environment names can't be used: {reason}.",
            hint="Look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error


def _host_of(base_url: str) -> str:
    """Return a base URL's host and port, as errors name them.

    Raises:
        ConfigError: no host can be called that.
    """
    try:
        url = httpx.URL(base_url)
        _ = url.host, url.raw_host.decode().encode("idna")  # as sending will read them
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ConfigError(
            "The base URL names a host that can't exist.",
            hint=f"It looks like this: {DEFAULT_BASE_URL}",
        ) from error
    return url.netloc.decode()


def _trust(base_url: str) -> ssl.SSLContext:
    """Return whom to trust, and nothing where no TLS is spoken: that takes a millisecond.

    Should it come to TLS all the same, httpcore makes a context of its own, which verifies.
    """
    if base_url.startswith("https:"):
        from misar_ips.api.trust import authorities

        return authorities()
    return None  # type: ignore[return-value]  # httpx passes it on, httpcore knows it


def _read(response: httpx.Response, what: str, tried: int) -> Reply:
    """Read a reply, but never more of it than anybody could mean."""
    content = bytearray()
    unreadable = None
    try:
        packing = response.headers.get("content-encoding", "").strip().lower()
        if packing not in {"", "identity", "gzip"}:
            unreadable = "the answer is packed in a way that was not asked for"
        else:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_REPLY:
                    unreadable = "the answer is larger than 10 MiB"
                    break
    except httpx.DecodingError:
        unreadable = "the answer can't be unpacked"
    body = None
    if unreadable is None:
        body, unreadable = read_body(_without_key(bytes(content), response.request))
    return Reply(what, response.status_code, response.headers, body, unreadable, tried)


def _without_key(content: bytes, request: httpx.Request) -> bytes:
    """Hide the key in a reply that repeats it, because people see what the server says."""
    key = request.headers["Authorization"].removeprefix("Bearer ")
    if len(key) < _SHORTEST_KEY:
        return content
    return content.replace(key.encode(), mask_key(key).encode())


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


def _is_worth_repeating(method: str, reply: Reply) -> bool:
    if reply.is_plan_refusal or reply.status not in _TRANSIENT_STATUSES:
        return False
    return method != "POST" or reply.status == HTTPStatus.TOO_MANY_REQUESTS


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


class _StoppedInTime(KeyboardInterrupt):
    """Ctrl-C between two attempts, while certainly nothing was carried out."""


@contextmanager
def _telling_what_maybe_applied(what: str) -> Iterator[None]:
    """Have Ctrl-C, and a fault of ours, tell that something may be under way or done by now."""
    maybe_applied = f"{what} may have been carried out; `misar-ips list` tells."
    try:
        yield
    except (MisarError, _StoppedInTime):
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
