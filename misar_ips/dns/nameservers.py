"""The resolvers that are asked: those that a user names, or those of the system."""

from __future__ import annotations

import re
from typing import NamedTuple

from misar_ips.errors import UsageError
from misar_ips.hostnames import canonical_address

SYSTEM_FILE = "/etc/resolv.conf"

_DNS_PORT = 53
_PORTS = range(1, 65_536)
_RESOLVER = r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?"
_SYSTEM_LINE = re.compile(rb"^nameserver[ \t]+([^ \t\n\0]+)", re.MULTILINE)
_MOST_SYSTEM_LINES = 3  # as many as the C library asks
_LONGEST_FILE = 1_048_576  # octets


class Nameserver(NamedTuple):
    """A resolver that is asked: its address and port."""

    address: str
    port: int = _DNS_PORT

    def __str__(self) -> str:
        if self.port == _DNS_PORT:
            return self.address
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def validate_resolver(text: str) -> Nameserver:
    """Return the resolver that a text names: an address, and a port after a colon.

    An IPv6 address with a port is in brackets.

    Raises:
        UsageError: it is not an address; a name would have to be looked up first.
    """
    match = re.fullmatch(_RESOLVER, text)
    address = canonical_address((match["v6"] or match["v4"]) if match else text)
    port = int(match["port"] or _DNS_PORT) if match else _DNS_PORT
    if address is None or port not in _PORTS:
        raise UsageError(
            f"`{text}` is not a resolver's address.",
            hint="Write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.",
        )
    return Nameserver(address, port)


def system_nameservers(file: str = SYSTEM_FILE) -> tuple[Nameserver, ...]:
    """Return the resolvers that this machine is set up with, as the C library reads them.

    Lines that it can't use are skipped. Where none is left, as in an empty file or one that is
    not there, it asks the machine itself (resolv.conf(5)).
    """
    found = (_system_address(each) for each in _SYSTEM_LINE.findall(_beginning_of(file)))
    addresses = [address for address in found if address] or ["127.0.0.1"]
    return tuple(Nameserver(address) for address in addresses[:_MOST_SYSTEM_LINES])


def _beginning_of(file: str) -> bytes:
    """Return what a file begins with, nothing of what can't be read; a pipe is not waited for."""
    import os

    try:
        with open(
            file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)
        ) as opened:
            return opened.read(_LONGEST_FILE) or b""
    except OSError:
        return b""


def _system_address(word: bytes) -> str | None:
    import socket

    text = word.decode("ascii", "replace")
    try:
        return socket.inet_ntoa(socket.inet_aton(text))  # takes `127.1` as well, as the C library
    except OSError:
        return canonical_address(text)
