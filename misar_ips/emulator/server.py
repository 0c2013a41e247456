"""The emulator over a real socket: the standard library reads HTTP, an Emulator answers."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
import sys
import threading
from contextlib import suppress
from email.errors import MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Self

import httpx

from misar_ips.emulator import replies
from misar_ips.emulator.handler import BODY_LIMIT
from misar_ips.errors import MisarError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from misar_ips.emulator.handler import Emulator

POLL_SECONDS = 0.05
FAREWELL_SECONDS = 1.0
SILENT_CLIENT_SECONDS = 60


def is_loopback(host: str) -> bool:
    """Return whether nobody but this machine can reach ``host``."""
    if host == "localhost":
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
        """The URL to give to a client, without a slash at its end."""
        host = str(self._http.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/mail/v1"

    def serve_forever(self) -> None:
        """Answer requests until another thread, or a signal handler, calls shutdown or close."""
        with self._serving:
            while not self._stopping.is_set():
                self._http.handle_request()

    def shutdown(self) -> None:
        """Ask serve_forever to return soon; waits for nothing."""
        self._stopping.set()

    def close(self) -> None:
        """Stop serving and close every connection; replies under way get a second to finish."""
        self.shutdown()
        with self._serving:
            self._http.server_close()
            self._http.end_connections()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_port = False
    timeout = POLL_SECONDS

    def __init__(self, emulator: Emulator, host: str, port: int) -> None:
        self.emulator = emulator
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: set[Any] = set()
        self._connection_ended = threading.Condition()
        super().__init__((host, port), _Connection)

    def server_bind(self) -> None:
        # The standard one asks DNS for a name that nobody needs, which can take seconds.
        TCPServer.server_bind(self)

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


class _Connection(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = SILENT_CLIENT_SECONDS

    def __getattr__(self, name: str) -> Callable[[], None]:
        # http.server looks for do_GET and the like; refusing a method is the emulator's business.
        if name.startswith("do_"):
            return self._exchange
        raise AttributeError(name)

    def _exchange(self) -> None:
        refusal = self._malformed()
        if refusal:
            self.send_error(refusal)
            return
        length = int(self.headers.get("Content-Length", "0"))
        too_long = length > BODY_LIMIT
        # An oversized body stays unread; as many zeros make the emulator refuse it in its turn.
        body = bytes(BODY_LIMIT + 1) if too_long else self.rfile.read(length)
        if not too_long and len(body) < length:
            self.close_connection = True
            return
        self.close_connection |= too_long
        self._answer(body)
        if too_long:
            self._leave_politely()

    def _malformed(self) -> HTTPStatus | None:
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        broken = [
            d for d in self.headers.defects if isinstance(d, MissingHeaderBodySeparatorDefect)
        ]
        if broken or len(lengths) > 1 or not re.fullmatch("[0-9]{1,1000}", lengths.pop()):
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.LENGTH_REQUIRED if "Transfer-Encoding" in self.headers else None

    def _answer(self, body: bytes) -> None:
        try:
            self._write(self.server.emulator(self._request(body)))
        except httpx.InvalidURL:
            self.send_error(HTTPStatus.BAD_REQUEST)
        except httpx.RemoteProtocolError:
            self._drop()
        except httpx.ReadTimeout:
            self._stay_silent()
        except MisarError as error:
            self._write(replies.error(503, str(error)))

    def _request(self, body: bytes) -> httpx.Request:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in self.headers.items()
        ]
        path = self.path if self.path.startswith("/") else f"/{self.path}"
        return httpx.Request(self.command, f"http://emulator{path}", headers=headers, content=body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that never reaches the emulator, as JSON, and close the connection."""
        # The standard library's texts quote the request; a reply has no need to.
        del message, explain
        self.close_connection = True
        self._write(self.server.emulator.dated(replies.error(code, HTTPStatus(code).phrase)))
        self._leave_politely()

    def _write(self, response: httpx.Response) -> None:
        # Read ahead of its sending by httpx, unless it is a fault's body that is made meanwhile.
        is_whole = response.is_stream_consumed
        self.close_connection |= not is_whole
        if is_whole:  # httpx names no length where it is 0, and the client would wait for more
            response.headers["Content-Length"] = str(len(response.content))
        response.headers["Connection"] = "close" if self.close_connection else "keep-alive"
        head = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n".encode("latin-1")
        fields = b"".join(b"%b: %b\r\n" % field for field in response.headers.raw)
        body = response.content if is_whole and self.command != "HEAD" else b""
        # One write: two would wait for the client's delayed acknowledgement, 40 ms each time.
        self.wfile.write(head + fields + b"\r\n" + body)
        if not is_whole and self.command != "HEAD":
            for piece in response.iter_raw():
                self.wfile.write(piece)

    def _leave_politely(self) -> None:
        # Closing on unread bytes resets the connection, and the reply might never be read.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(FAREWELL_SECONDS)
            for _ in range(16):
                if not self.connection.recv(65_536):
                    break

    def _drop(self) -> None:
        self.close_connection = True
        # Lingering for no time at all turns the close into a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _stay_silent(self) -> None:
        self.close_connection = True
        self.connection.settimeout(None)
        with suppress(OSError):
            while self.connection.recv(65_536):
                pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Write nothing: a request's headers hold a key."""
