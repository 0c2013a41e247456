"""The way to the server: httpx opened safely, the proxy, and a time-out for a whole reply."""

from __future__ import annotations

import math
import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from misar_ips.api.credentials import DEFAULT_BASE_URL
from misar_ips.errors import ConfigError
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT = 5.0  # seconds
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class Way:
    """How one API is reached: directly or through a ``proxy`` (its host and port), and trusted.

    Raises:
        ConfigError: the base URL, or a variable that names a proxy or authorities, can't be used.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        transport: httpx.BaseTransport | None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.host = _host_of(base_url)
        self._api_key = api_key
        self._transport = transport
        is_https = httpx.URL(base_url).scheme == "https" and transport is None
        # http is for this machine alone; a proxy on the way would read the key.
        self._proxy = _proxy_for(base_url, environ) if is_https else None
        self._trusted = _authorities(environ) if is_https else None

    @property
    def proxy(self) -> str | None:
        """The host and port of the proxy, None where there is none."""
        return self._proxy.url.netloc.decode() if self._proxy else None

    def open(self, *, keeps_a_connection: bool) -> httpx.Client:
        """Open httpx so that it follows nothing, and sends the key to one host only.

        What orders or changes something wants a connection that was never used: on a kept one, a
        server that had just closed it could not be told from one that took an order and died.
        """
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        return httpx.Client(
            headers={
                "Authorization": f"Bearer {self._api_key}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"misar-ips/{__version__}",
            },
            follow_redirects=False,
            # A cookie that can't be sent back would keep us from looking what came of an order.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx.Limits(max_keepalive_connections=int(keeps_a_connection)),
            transport=self._transport,
            # None, where no TLS is spoken: a context takes a millisecond. Should it come to TLS all
            # the same, httpcore makes one of its own, which verifies.
            verify=self._trusted,  # type: ignore[arg-type]  # httpx passes it on, httpcore knows it
            proxy=self._proxy,
            trust_env=False,  # what it names was read here, where its errors can be told
        )


class Deadline:
    """Ends the wait for a reply as a whole: a server that drips bytes never lets a read time out.

    httpx limits each read. This limits their sum, from another thread, by shutting the socket
    down, which wakes the read that waits on it. ``seconds`` are for the reply, ``patience`` is for
    all of the attempt; ``kept`` is the socket of a connection that is already open, ``connection``
    the one that was used in the end.
    """

    def __init__(self, seconds: float, patience: float = math.inf, kept: object = None) -> None:
        self.passed = False
        self.connection: Any = kept
        self._kept = kept
        self._seconds = seconds
        self._ends_at = time.monotonic() + patience
        self._begun: list[bytes] = []  # the methods of the requests whose sending was begun
        self._has_answer = False
        self._timer: threading.Timer | None = None

    @property
    def asked(self) -> bool:
        """Whether the request may have reached the server."""
        return any(method != b"CONNECT" for method in self._begun)

    @property
    def asked_proxy(self) -> bool:
        """Whether a proxy was reached and asked for a tunnel."""
        return b"CONNECT" in self._begun

    @property
    def found_it_closed(self) -> bool:
        """Whether the kept connection was used, and had been closed by the server."""
        return self.connection is self._kept and not (self._has_answer or self.passed)

    def error(self) -> httpx.TimeoutException:
        """Return the error that says that it has passed."""
        kind = httpx.ReadTimeout if self.asked else httpx.ConnectTimeout
        return kind("timed out")

    def close(self) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Learn how the attempt gets on (httpx's extension ``trace``)."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self.connection = info["return_value"].get_extra_info("socket")
            self._start(CONNECT_TIMEOUT)  # or less: patience is for the handshake too
        elif event.endswith("send_request_headers.started"):
            self._begun.append(info["request"].method)
            self._start(self._seconds)
        elif event.endswith("receive_response_headers.complete"):
            self._has_answer = True
            if not self.asked:  # the tunnel is open, and a handshake follows
                self._start(CONNECT_TIMEOUT)

    def _start(self, seconds: float) -> None:
        self.close()
        left = self._ends_at - time.monotonic()
        if left <= 0:
            self._pass()
            return
        self.passed = False
        self._timer = threading.Timer(min(seconds, left), self._pass)
        self._timer.daemon = True
        self._timer.start()

    def _pass(self) -> None:
        self.passed = True
        with suppress(OSError, TypeError):  # the other side may have been faster
            # Not by ssl's own method: it takes the decryption away from under the read.
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


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


def _proxy_for(base_url: str, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """Return the proxy that the environment names for a URL; NO_PROXY is read as curl reads it.

    Raises:
        ConfigError: the variable's value can't be used; it may hold a password, so it is not shown.
    """
    variable = next((name for name in _PROXY_VARIABLES if environ.get(name)), None)
    if variable is None or _is_exempt(httpx.URL(base_url), environ):
        return None
    text = environ[variable]
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
        is_usable = url.scheme in {"http", "https"} and url.raw_path == b"/" and not url.fragment
    except httpx.InvalidURL:
        is_usable = False
    if not is_usable or not url.host:  # with a path, a password may have been taken for the host
        raise ConfigError(
            f"{variable} can't be used: it is not the address of an HTTP proxy.",
            hint="It looks like this: http://proxy.example.com:3128; special characters in a "
            "password are percent-encoded.",
        )
    return httpx.Proxy(url)


def _is_exempt(url: httpx.URL, environ: Mapping[str, str]) -> bool:
    """Return whether NO_PROXY names the host; an entry that names none is passed over."""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed has none

    no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return bool(proxy_bypass_environment(url.netloc.decode(), {"no": no_proxy}))


def _authorities(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom to trust.

    Raises:
        ConfigError: what a variable names can't be read.
    """
    from misar_ips.api.trust import authorities

    try:
        return authorities(environ)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        set_ones = [name for name in _TRUST_VARIABLES if environ.get(name)]
        named = " and ".join(f"{name}={environ[name]}" for name in set_ones)
        if not named:
            raise ConfigError("This machine's certificate authorities can't be read.") from error
        reason = "it holds no certificates"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or str(error)
        raise ConfigError(
            f"{named} can't be used: {reason}.",
            hint="Name a file of certificate authorities in PEM form, or unset it.",
        ) from error
