"""The emulator over a real socket: h11 reads HTTP, an Emulator answers."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Self

import h11
import httpx

from misar_ips.emulator import replies
from misar_ips.emulator.handler import BODY_LIMIT
from misar_ips.errors import MisarError

if TYPE_CHECKING:
    from misar_ips.emulator.handler import Emulator

POLL_SECONDS = 0.05
FAREWELL_SECONDS = 1.0
SILENT_CLIENT_SECONDS = 60
HEAD_LIMIT = 64 * 1024  # bytes
READ_SIZE = 8 * 1024  # bytes; a head may be longer than its limit by this
FOREIGN = "Only for programs on this machine: no Origin, and a Host such as localhost."
_ABSOLUTE_TARGET = re.compile("https?://([^/?#]*)(.*)", re.IGNORECASE)
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the loopback one in its place


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine can reach ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class EmulatorServer:
    """An Emulator that listens on ``host`` and ``port`` (0: any free one) from the start.

    As a context manager it serves from a thread of its own until the block ends.

    Raises:
        OSError: The port is taken, or the host is not this machine's.
    """

    def __init__(self, emulator: Emulator, host: str = "127.0.0.1", port: int = 8025) -> None:
        self._http = _Listener(emulator, host, port)
        self._stopping = threading.Event()
        # Reentrant, so that a signal handler may call close() in the thread that serves.
        self._serving = threading.RLock()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        """The URL to give to a client on this machine, without a slash at its end."""
        host = str(self._http.server_address[0])
        host = _ANY_ADDRESS.get(host, host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/mail/v1"

    def serve_forever(self) -> None:
        """Answer requests until another thread, or a signal handler, calls close."""
        with self._serving:
            while not self._stopping.is_set():
                self._http.handle_request()

    def close(self) -> None:
        """Stop serving and close every connection; replies under way get a second to finish."""
        self._stopping.set()
        with self._serving:
            self._http.server_close()
            self._http.end_connections()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Listener(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    timeout = POLL_SECONDS

    def __init__(self, emulator: Emulator, host: str, port: int) -> None:
        self.emulator = emulator
        self.host = host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[Any] = set()
        self._connection_ended = threading.Condition()
        super().__init__((host, port), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        with self._connection_ended:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as inherited
        super().shutdown_request(request)
        with self._connection_ended:
            self._connections.discard(request)
            self._connection_ended.notify_all()

    def end_connections(self) -> None:
        """Let no connection read any further, and wait a moment for replies under way."""
        with self._connection_ended:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._connection_ended.wait_for(lambda: not self._connections, FAREWELL_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        # A client that vanished is nobody's business; a mistake of ours must not go unseen.
        if not isinstance(sys.exception(), OSError | MisarError):
            super().handle_error(request, client_address)


class _Connection(BaseRequestHandler):
    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        """Answer one request after the other, until either side has had enough."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(SILENT_CLIENT_SECONDS)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        while self._http.our_state is h11.IDLE:
            try:
                head = self._next_event()
                if not isinstance(head, h11.Request):
                    return
                self._exchange(head)
            except h11.RemoteProtocolError as error:
                self._write(self._refusal(error.error_status_hint))
            if set(self._http.states.values()) == {h11.DONE}:
                self._http.start_next_cycle()
        self._leave_politely()

    def _exchange(self, head: h11.Request) -> None:
        method, path, headers = head.method.decode(), head.target.decode(), dict(head.headers)
        host = headers.get(b"host", b"").decode("latin-1")
        absolute = _ABSOLUTE_TARGET.fullmatch(path)
        if absolute:  # RFC 9112 section 3.2.2: its host counts, not the header's
            host, path = absolute[1], absolute[2]
        path = path if path.startswith("/") else f"/{path}"
        if b"origin" in headers or not self._is_ours(host):
            self._write(self._refusal(HTTPStatus.FORBIDDEN, method, path, FOREIGN))
            return
        try:
            request = httpx.Request(
                method,
                f"http://emulator{path}",
                headers=head.headers.raw_items(),
                content=self._body(),
            )
            self._write(self.server.emulator(request), has_body=method != "HEAD")
        except httpx.InvalidURL:
            self._write(self._refusal(HTTPStatus.BAD_REQUEST, method, path))
        except httpx.RemoteProtocolError:
            self._drop()
        except httpx.ReadTimeout:
            self._stay_silent()
        except MisarError as error:
            self._write(replies.error(HTTPStatus.SERVICE_UNAVAILABLE, str(error)))

    def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                self.request.sendall(go_on or b"")
            self._http.receive_data(self.request.recv(READ_SIZE))
        return event

    def _body(self) -> bytes:
        """Return the body, or as many zeros as make the emulator refuse one that is too long."""
        body = bytearray()
        while isinstance(data := self._next_event(), h11.Data):
            body += data.data
            if len(body) > BODY_LIMIT:
                return bytes(BODY_LIMIT + 1)
        return bytes(body)

    def _is_ours(self, host: str) -> bool:
        """Return whether it is a name of this machine, and not a page's that was rebound to it."""
        name = re.sub(r":[0-9]*\Z", "", host).strip("[]").removesuffix(".").lower()
        own_names = {"", self.server.host.lower(), str(self.request.getsockname()[0])}
        return name in own_names or is_loopback(name)

    def _refusal(
        self, status: int, method: str = "?", path: str = "", text: str | None = None
    ) -> httpx.Response:
        return self.server.emulator.refusal(status, method, path, text or HTTPStatus(status).phrase)

    def _write(self, response: httpx.Response, *, has_body: bool = True) -> None:
        # Read ahead of its sending by httpx, unless it is a fault's body that is made meanwhile.
        is_whole = response.is_stream_consumed
        if is_whole:  # httpx names no length where it is 0, and the client would wait for more
            response.headers["Content-Length"] = str(len(response.content))
        if self._http.their_state is not h11.DONE:
            response.headers["Connection"] = "close"
        head = h11.Response(
            status_code=response.status_code,
            reason=response.reason_phrase.encode("latin-1"),
            headers=response.headers.raw,
        )
        sent = self._http.send(head) or b""
        if is_whole:
            # One write: two would wait for the client's delayed acknowledgement, 40 ms each time.
            sent += self._http.send(h11.Data(data=response.content if has_body else b"")) or b""
        self.request.sendall(sent)
        if not is_whole and has_body:
            for piece in response.iter_raw():
                self.request.sendall(self._http.send(h11.Data(data=piece)) or b"")
        self.request.sendall(self._http.send(h11.EndOfMessage()) or b"")

    def _leave_politely(self) -> None:
        # Closing on unread bytes resets the connection, and the reply might never be read.
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_WR)
            self.request.settimeout(FAREWELL_SECONDS)
            for _ in range(16):
                if not self.request.recv(65_536):
                    break

    def _drop(self) -> None:
        self._http.send_failed()
        # Lingering for no time at all turns the close into a reset.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()

    def _stay_silent(self) -> None:
        self._http.send_failed()
        self.request.settimeout(None)
        with suppress(OSError):
            while self.request.recv(65_536):
                pass
