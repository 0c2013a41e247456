"""The resolvers that are asked: those that a user names, or those of the system."""

from __future__ import annotations

import re
from typing import NamedTuple

from misar_ips.errors import UsageError
from misar_ips.hostnames import canonical_address

_DNS_PORT = 53
_PORTS = range(1, 65_536)
_RESOLVER = r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?"


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

    An IPv6 address with a port stands in brackets.

    Raises:
        UsageError: it is no address; a name would have to be looked up first.
    """
    match = re.fullmatch(_RESOLVER, text)
    address = canonical_address((match["v6"] or match["v4"]) if match else text)
    port = int(match["port"] or _DNS_PORT) if match else _DNS_PORT
    if address is None or port not in _PORTS:
        raise UsageError(
            f"`{text}` is no resolver's address.",
            hint="Write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.",
        )
    return Nameserver(address, port)


SYSTEM_FILE = "/etc/resolv.conf"


def system_nameservers(file: str = SYSTEM_FILE) -> tuple[Nameserver, ...]:
    """Return the resolvers that this machine is set up with, none where it is not set up."""
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver(filename=file)
    except (dns.exception.DNSException, OSError, ValueError):
        return ()
    addresses = [str(nameserver) for nameserver in resolver.nameservers]
    return tuple(Nameserver(address, resolver.port) for address in addresses)
