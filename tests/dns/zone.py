"""DNS in memory, for what asks by a function instead of over the network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from misar_ips.dns.spf import LookupFailed, Verdict, check_host

HERE = "192.0.2.9"
HERE_6 = "2001:db8::9"
PTR = "9.2.0.192.in-addr.arpa PTR"
PTR_6 = f"{IPv6Address(HERE_6).reverse_pointer} PTR"

HOSTS = [
    "example.com A 198.51.100.7",
    "example.com AAAA 2001:db8:7::7",
    "example.com MX 20 mx2.example.com",
    "example.com MX 10 mx1.example.com",
    "mx1.example.com A 198.51.100.1",
    "mx2.example.com A 192.0.2.8",
    "mx2.example.com A 192.0.2.9",
    "mx2.example.com AAAA 2001:db8::9",
    "both.example.com A 203.0.113.1",
    "both.example.com A 192.0.2.9",
    "both.example.com AAAA 2001:db8::9",
    "near.example.com A 192.0.2.200",
    "near.example.com AAAA 2001:db8::ffff",
    "listed.example.com A 127.0.0.2",
    "only6.example.com AAAA 2001:db8::9",
    "dotted.example.com MX 0 both.example.com.",
    "nullmx.example.com MX 0 .",
]

LONGEST_NAME = 253
LONGEST_LABEL = 63


@dataclass
class Zone:
    """All that DNS has: ``records`` are lines as in a zone file, "name TYPE value".

    ``failing`` are the questions, "name TYPE", that get no answer for now. A TXT value is one
    record's strings, joined. As a real resolver it can't be asked for a name that DNS can't hold.
    """

    records: list[str]
    failing: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def ask(self, name: str, record_type: str) -> list[str]:
        assert len(name) <= LONGEST_NAME, name
        assert all(0 < len(label) <= LONGEST_LABEL for label in name.split(".")), name
        question = f"{name.lower()} {record_type}"
        self.asked.append(question)
        if question in self.failing:
            raise LookupFailed("the resolver did not answer")
        known = (line.partition(f" {record_type} ") for line in self.records)
        found = [value for owner, _, value in known if value and owner.lower() == name.lower()]
        if record_type == "MX":
            found.sort(key=lambda value: int(value.split(" ")[0]))
            return [value.split(" ")[1] for value in found]
        return found


def verdict(
    zone: Zone,
    *,
    address: str = HERE,
    sender: str = "ana@example.com",
    helo: str = "mta.example.com",
    domain: str | None = None,
) -> Verdict:
    """Return what SPF says of a sender, in its own domain where no other one is given."""
    domain = sender.rpartition("@")[2] if domain is None else domain
    return asyncio.run(check_host(ip_address(address), domain, sender, helo=helo, ask=zone.ask))


def said(record: str, *others: str, address: str = HERE) -> tuple[str, str | None]:
    """Return the result for a record of example.com, and the mechanism that decided."""
    found = verdict(Zone([f"example.com TXT {record}", *HOSTS, *others]), address=address)
    return found.result, found.mechanism
