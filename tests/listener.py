"""A server of raw bytes on a real socket, for everything that no proper server would do."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

PATIENCE = 10.0  # seconds; a client that never closes fails its test, and holds up no other

Part = bytes | Callable[[socket.socket], None]


class Listener:
    """A server that plays one part for each connection, the last one again and again.

    A part is the bytes of an answer, or a function that is given the connection once the request
    has been read. ``received`` keeps what came over each connection.
    """

    def __init__(self, *parts: Part, tls: ssl.SSLContext | None = None) -> None:
        self._parts = list(parts)
        self._tls = tls
        self.received: list[bytes] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._thread = self._start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}/mail/v1"

    @property
    def methods(self) -> list[str]:
        return [request.split()[0].decode() for request in self.received]

    def leave(self) -> None:
        """Refuse connections; for a part to call."""
        self._door.close()

    def come_back(self, _seconds: float = 0) -> None:
        """Accept connections again, at the same port."""
        self._thread.join()
        self._door = socket.create_server(("127.0.0.1", self.port))
        self._thread = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # it may have left
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._serve)
        thread.start()
        return thread

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            with suppress(OSError), self._secured(connection) as secured:
                self.received.append(read_request(secured))
                play(self._parts.pop(0) if len(self._parts) > 1 else self._parts[0], secured)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        with connection:  # a handshake that fails closes it
            return self._tls.wrap_socket(connection, server_side=True)


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def play(part: Part, connection: socket.socket) -> None:
    if isinstance(part, bytes):
        # Then it is closed, and not waited for the other side: that may keep its end for long.
        connection.sendall(part)
    else:
        part(connection)


def reply(content: bytes = b"", *headers: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + content


def json_reply(value: object, *headers: str, status: int = 200) -> bytes:
    return reply(json.dumps(value).encode(), *headers, status=status)


def reset(connection: socket.socket) -> None:
    # Lingering for no time at all turns the close into a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(_connection: socket.socket) -> None:
    pass


def stay_silent(connection: socket.socket) -> None:
    connection.recv(1)


def fall_silent(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{")
    connection.recv(1)


def drip(before: bytes, drops: bytes, connection: socket.socket) -> None:
    """Send a byte often enough that no single read ever times out."""
    connection.sendall(before)
    connection.settimeout(0.02)
    for drop in drops:
        connection.sendall(bytes([drop]))
        with suppress(TimeoutError):
            if not connection.recv(1):
                return


def pour(before: bytes, connection: socket.socket) -> None:
    """Send a body without end."""
    connection.sendall(before)
    while True:
        connection.sendall(b" " * 65_536)


OPEN_END = b"HTTP/1.1 200 OK\r\n\r\n"
NO_IPS = json_reply({"success": True, "ips": []})
ONE_IP = json_reply({"success": True, "ips": [{"id": "ip_1", "pool": "marketing"}]})
ORDERED = json_reply({"ips": [{"id": "ip_1", "pool": "marketing", "warmup_status": "not_started"}]})
NEW_IP = json_reply({"success": True, "ip": {"id": "ip_1"}, "message": "Soon."}, status=201)
THE_IP = json_reply({"success": True, "ip": {"id": "ip_1", "pool": "cold"}})
DONE = json_reply({"success": True})
GONE = json_reply({"success": False, "error": "Not found"}, status=404)
