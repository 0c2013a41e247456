"""Sending: one request until there is an answer to keep, each attempt within its time.

What is repeated, and what never is, follows from one question: may the request have been carried
out? A GET, PATCH or DELETE may be repeated, because once more changes nothing more. A POST orders
an IP and takes no idempotency key, so it is repeated only where it certainly was not carried out.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import httpx

from misar_ips.api.bodies import read_body, read_content
from misar_ips.api.connection import CONNECT_TIMEOUT, Deadline, Way
from misar_ips.api.credentials import mask_key
from misar_ips.api.reply import LATER_HINT, Reply
from misar_ips.errors import MisarError, NetworkError, ProxyError, root_cause
from misar_ips.safe_text import cut_from
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

_TRIES = 4
_FIRST_WAIT = 0.5  # seconds; the back-off doubles it from try to try
_LONGEST_WAIT = 60.0  # seconds a server may ask for; beyond it, the user decides
_TRANSIENT_STATUSES = {429, 500, 502, 503, 504}

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

NETWORK_HINT = "Check the network, the proxy variables and the base URL."
PROXY_HINT = "Check HTTPS_PROXY, or name the server in NO_PROXY to go there directly."
CERTIFICATE_HINT = (
    "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."
)
TRUST_HINT = "Name its certificate authority in SSL_CERT_FILE."


class Request(NamedTuple):
    """What is sent; ``what`` is what it is to do, as in "Could not …"."""

    method: str
    path: str
    what: str
    body: dict[str, str] | None = None


class Sender:
    """Sends requests to one API with one key, and repeats them where that is safe.

    ``timeout`` is in seconds, for one attempt's reply. ``server_time`` is what the server's clock
    said in its last reply, ``knows_the_api`` whether it has answered as a dedicated-IP API does,
    ``in_doubt`` whether the last order, change or release may have been carried out. The rest is
    what the client was given.
    """

    def __init__(  # noqa: PLR0913 - what the client was given
        self,
        api_key: str,
        base_url: str,
        timeout: float,
        transport: httpx.BaseTransport | None,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        jitter: Callable[[], float],
        log: Callable[[str], None],
        waiting: Callable[[str, float | None], AbstractContextManager[object]],
    ) -> None:
        self.server_time: datetime | None = None
        self.knows_the_api = False
        self.in_doubt = False
        self._hide = partial(cut_from, secret=api_key, shown=mask_key(api_key))
        self._base_url = base_url
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._log = log
        self._waiting = waiting
        self._way = Way(api_key, base_url, transport)
        self.proxy = self._way.proxy
        self._kept = threading.local()  # each thread reads through a connection of its own
        self._opened: list[httpx.Client] = []

    def close(self) -> None:
        """Close what connections are open."""
        for http in self._opened:
            http.close()

    def send(self, request: Request, *, patience: float = math.inf) -> Reply:
        """Send a request until there is an answer to keep; return it, success or failure.

        ``patience`` is how many seconds that may take; a wait that would be longer is not begun.

        Raises:
            NetworkError: there was no answer, or none after the last try.
            RateLimitError: the server asks for a longer wait than a command should make.
        """
        give_up_at = self._clock() + patience
        maybe_applied = False
        for tried in count(1):
            try:
                with self._waiting(f"Waiting for {self._way.host} to {request.what}", None):
                    left = give_up_at - self._clock()
                    reply = self.attempt(request, tried=tried, patience=left)
                reply = reply._replace(maybe_applied=maybe_applied)
            except NetworkError as error:
                maybe_applied = maybe_applied or error.maybe_applied
                if not _is_worth_another_try(request, error) or tried == _TRIES:
                    raise error.with_context(maybe_applied=maybe_applied) from error
                wait, reason = self._back_off(tried), "No answer"
                if wait >= give_up_at - self._clock():
                    raise
            else:
                if not _is_worth_repeating(request, reply) or tried == _TRIES:
                    return reply
                maybe_applied = maybe_applied or reply.status != HTTPStatus.TOO_MANY_REQUESTS
                wait, reason = self._wait_after(reply), _reason_to_wait(reply)
                if wait >= give_up_at - self._clock():
                    return reply
            self._wait(wait, reason, tried, in_doubt=maybe_applied)
        raise AssertionError("count() never ends")

    def attempt(self, request: Request, *, tried: int = 1, patience: float = math.inf) -> Reply:
        """Send a request once, and return its reply, a failure too.

        ``patience`` is how many seconds to wait for it, where that is less than the time-out.

        Raises:
            NetworkError: there was no reply.
        """
        give_up_at = time.monotonic() + patience
        reply = None
        while reply is None:
            reply = self._try(request, tried, give_up_at - time.monotonic())
        self.server_time = reply.date or self.server_time
        self.knows_the_api = self.knows_the_api or reply.is_of_the_api
        return reply

    def _try(self, request: Request, tried: int, patience: float) -> Reply | None:
        """Return the reply, None where the kept connection was closed: not a failure."""
        method, path, what, body = request
        url, started = self._base_url + path, time.monotonic()
        kept = self._kept.__dict__.pop("socket", None) if method == "GET" else None
        deadline = Deadline(self._timeout, patience, kept)
        seconds, to_connect = (min(limit, patience) for limit in (self._timeout, CONNECT_TIMEOUT))
        self.in_doubt = self.in_doubt or method != "GET"
        try:
            with closing(deadline), self._connection(method) as http:
                built = http.build_request(
                    method,
                    url,
                    json=body,
                    timeout=httpx.Timeout(seconds, connect=to_connect),
                    extensions={"trace": deadline.watch},
                )
                with closing(http.send(built, stream=True)) as response:
                    reply = self._read(response, what, tried)
                if deadline.passed:  # the cut may look like the end of the reply
                    raise httpx.ReadTimeout("timed out", request=built)
        except httpx.RequestError as error:
            lost = deadline.error() if deadline.passed else error
            self._log_attempt(method, url, type(lost).__name__, started)
            timed_out = isinstance(lost, httpx.TimeoutException)
            if kept is not None and deadline.found_it_closed and not timed_out:
                return None
            self._hide_in(error)
            raise self._network_error(lost, what, deadline) from error
        if method == "GET":
            self._kept.socket = deadline.connection
        self._log_attempt(method, url, str(reply.status), started)
        return reply

    @contextmanager
    def _connection(self, method: str) -> Iterator[httpx.Client]:
        """Hold a kept connection for a GET, and a new one for whatever else."""
        if method != "GET":
            with self._way.open(keeps_a_connection=False) as http:
                yield http
            return
        if "http" not in self._kept.__dict__:
            self._kept.http = self._way.open(keeps_a_connection=True)
            self._opened.append(self._kept.http)
        yield self._kept.http

    def _network_error(
        self, error: httpx.RequestError, what: str, deadline: Deadline
    ) -> NetworkError:
        """Translate every way in which there may be no answer, and name the culprit."""
        cause = root_cause(error)
        said = self._hide(_said_by(cause) or type(error).__name__)
        asked = deadline.asked if self._way.proxy else not isinstance(error, _NEVER_SENT)
        is_tls = isinstance(cause, ssl.SSLError)
        if self._way.proxy and not asked and not (is_tls and deadline.asked_proxy):
            return self._proxy_error(error, what, said)
        host = self._way.host
        if isinstance(error, httpx.TimeoutException):
            reason, hint = f"{host} took too long to answer", LATER_HINT
        elif isinstance(cause, socket.gaierror):
            reason, hint = f"the host {host} is not known", NETWORK_HINT
        elif isinstance(cause, ssl.SSLCertVerificationError):
            reason, hint = f"the certificate of {host} can't be trusted", CERTIFICATE_HINT
            said = cause.verify_message.rstrip(".")
        elif asked:
            reason, hint = f"the connection to {host} was lost", LATER_HINT
        else:
            reason, hint = f"{host} can't be reached", NETWORK_HINT
        return NetworkError(
            f"Could not {what}: {reason} ({said}).",
            hint=hint,
            maybe_applied=asked,
            transient=not isinstance(cause, ssl.SSLCertVerificationError),
        )

    def _proxy_error(self, error: httpx.RequestError, what: str, said: str) -> ProxyError:
        """Return the error for a request that got no further than the proxy."""
        cause, hint, transient = root_cause(error), PROXY_HINT, True
        if isinstance(error, httpx.ProxyError):
            wants_password = said.startswith(str(int(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)))
            reason = "wants a password" if wants_password else "refuses"
            transient = said.startswith("5")
        elif isinstance(error, httpx.TimeoutException):
            reason = "took too long to answer"
        elif isinstance(cause, socket.gaierror):
            reason = "is not known"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            reason, hint, transient = "has a certificate that can't be trusted", TRUST_HINT, False
        else:
            reason = "can't be reached"
        return ProxyError(
            f"Could not {what}: the proxy {self._way.proxy} {reason} ({said}).",
            hint=hint,
            maybe_applied=False,
            transient=transient,
        )

    def _read(self, response: httpx.Response, what: str, tried: int) -> Reply:
        """Read a reply, with the key hidden where it repeats it: people see what it says."""
        body = unreadable = None
        try:
            content = read_content(response)
        except ValueError as error:
            unreadable = str(error)
        else:
            body, unreadable = read_body(content, self._hide)
        return Reply(
            what,
            response.status_code,
            {name: self._hide(text) for name, text in response.headers.items()},
            body,
            unreadable,
            tried,
            url=self._hide(str(response.request.url)),
            api_was_seen=self.knows_the_api,
        )

    def _hide_in(self, error: BaseException | None) -> None:
        """Hide the key in what the errors beneath ours quote: a traceback shows them."""
        while error is not None and not isinstance(error, MisarError):
            error.args = tuple(
                self._hide(each) if isinstance(each, str) else each for each in error.args
            )
            error = error.__cause__ or error.__context__

    def _back_off(self, tried: int) -> float:
        """Return a wait in seconds: full jitter over a range that doubles from try to try."""
        return self._jitter() * _FIRST_WAIT * 2.0 ** (tried - 1)

    def _wait_after(self, reply: Reply) -> float:
        asked = reply.retry_after
        if asked is not None and asked > _LONGEST_WAIT:
            raise reply.come_back_later()
        return max(asked or 0.0, self._back_off(reply.tried))

    def _wait(self, seconds: float, reason: str, tried: int, *, in_doubt: bool) -> None:
        self.in_doubt = in_doubt
        self._log(f"waiting {seconds:.2f} s before try {tried + 1} of {_TRIES}")
        with self._waiting(f"{reason}; trying again in {in_words(math.ceil(seconds))}", seconds):
            self._sleep(seconds)

    def _log_attempt(self, method: str, url: str, outcome: str, started: float) -> None:
        self._log(f"{method} {url} {outcome} {(time.monotonic() - started) * 1000:.0f} ms")


def _said_by(cause: BaseException) -> str:
    """Return what a failure says for people, without the numbers and names that Python adds."""
    reason = getattr(cause, "reason", None)  # of OpenSSL, as in WRONG_VERSION_NUMBER
    if isinstance(cause, ssl.SSLError) and reason:
        return str(reason).replace("_", " ").lower()
    said = getattr(cause, "strerror", None) or str(cause)
    return re.sub(r"bytearray\(b(.*)\)", r"\1", said).rstrip(".")


def _reason_to_wait(reply: Reply) -> str:
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Rate limited"
    return f"The server failed (HTTP {reply.status})"


def _is_worth_another_try(request: Request, error: NetworkError) -> bool:
    return error.transient and (request.method != "POST" or not error.maybe_applied)


def _is_worth_repeating(request: Request, reply: Reply) -> bool:
    if reply.is_plan_refusal or reply.status not in _TRANSIENT_STATUSES:
        return False
    return request.method != "POST" or reply.status == HTTPStatus.TOO_MANY_REQUESTS
