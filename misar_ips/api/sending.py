"""Sending: one request until an answer stands, each attempt within its time.

What is repeated, and what never is, follows from one question: may the request have been carried
out? A GET, PATCH or DELETE may be repeated, because once more changes nothing more. A POST orders
an IP and takes no idempotency key, so it is repeated only where it certainly was not carried out.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from misar_ips.api.credentials import DEFAULT_BASE_URL, mask_key
from misar_ips.api.reply import LATER_HINT, Reply, read_body
from misar_ips.errors import ConfigError, NetworkError, root_cause
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

_TRIES = 4
_FIRST_WAIT = 0.5  # seconds; the back-off doubles it from try to try
_LONGEST_WAIT = 60.0  # seconds a server may ask for; beyond it, the user decides
_CONNECT_TIMEOUT = 5.0  # seconds
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


class Sender:
    """Sends requests to one API with one key, and repeats them where that is safe.

    ``timeout`` is in seconds, for one attempt's reply; ``server_time`` is what the server's clock
    said in its last reply. ``sleep``, ``jitter`` and ``log`` are those of the client.
    """

    def __init__(  # noqa: PLR0913 - what the client was given
        self,
        api_key: str,
        base_url: str,
        timeout: float,
        transport: httpx.BaseTransport | None,
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self.server_time: datetime | None = None
        self._base_url = base_url
        self._host = _host_of(base_url)
        self._timeout = timeout
        self._sleep = sleep
        self._jitter = jitter
        self._log = log
        self._http = _open_http(base_url, api_key, timeout, transport)

    def close(self) -> None:
        """Close what connections are open."""
        self._http.close()

    def send(
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
                answer = self.attempt(method, path, body, what=what, tried=tried)
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
            raise StoppedInTimeError from None

    def attempt(  # noqa: PLR0913 - what is sent, and how
        self,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        what: str,
        tried: int = 1,
        patience: float = math.inf,
    ) -> Reply:
        """Send a request once, and return its reply, a failure too.

        ``patience`` is how many seconds to wait for it, where that is less than the time-out.

        Raises:
            NetworkError: there was no reply.
        """
        url = self._base_url + path
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


def _is_worth_repeating(method: str, reply: Reply) -> bool:
    if reply.is_plan_refusal or reply.status not in _TRANSIENT_STATUSES:
        return False
    return method != "POST" or reply.status == HTTPStatus.TOO_MANY_REQUESTS


class StoppedInTimeError(KeyboardInterrupt):
    """Ctrl-C between two attempts, while certainly nothing was carried out."""
