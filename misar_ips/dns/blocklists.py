"""Blocklists in DNS (DNSBLs): whether one works, and whether an address is on it.

After RFC 5782 (how they are asked) and RFC 6471 (how they are run).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misar_ips.dns.resolver import Address, Resolver

_MUST_BE_LISTED = {4: "127.0.0.2", 6: "::ffff:127.0.0.2"}
_MUST_NOT_BE_LISTED = {4: "127.0.0.1", 6: "::ffff:127.0.0.1"}
"""The test entries of every list, RFC 5782 section 5 and RFC 6471 section 3.3."""

_LISTED = ip_network("127.0.0.0/8")
"""What the answer to a listed address lies in, RFC 5782 section 2.1."""

_ERRORS = ip_network("127.255.255.0/24")
_ERROR_MEANINGS = {
    "127.255.255.252": "there is a mistake in the zone's name",
    "127.255.255.254": "it refuses public resolvers; ask through your own with `--resolver`",
    "127.255.255.255": "this resolver has asked it too often",
}
"""Spamhaus' answers that mean no listing (its "DNSBL usage" page, return codes)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says of an address: no ``codes`` where it is not listed.

    ``reason`` is the list's own word, ``problem`` why nothing is known.
    """

    codes: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""


async def find_listing(resolver: Resolver, address: Address, zone: str) -> Listing:
    """Ask a list for an address, after its test entries, as RFC 6471 wants it.

    For an IPv6 address the test entries of both versions are asked for: a list that does not hold
    IPv6 addresses may still be known to work.
    """
    versions = sorted({4, address.version})
    asked = [_MUST_BE_LISTED[each] for each in versions]
    asked += [_MUST_NOT_BE_LISTED[each] for each in versions]
    tests = await asyncio.gather(*(_entry(resolver, ip_address(each), zone) for each in asked))
    listed, unlisted = tests[: len(versions)], tests[len(versions) :]
    problem = next((test.problem for test in tests if test.problem), "")
    if not problem and any(test.codes for test in unlisted):
        problem = "it lists everything, even 127.0.0.1: it is shut down, or taken over"
    if not problem and not any(test.codes for test in listed):
        problem = "it lacks the test entry 127.0.0.2: no list, or it refuses this resolver"
    if problem:
        return Listing(problem=problem)
    entry = await _entry(resolver, address, zone)
    if entry.codes:
        texts = await resolver.ask(_name(address, zone), "TXT")
        return Listing(entry.codes, " ".join(texts.records))
    if not entry.problem and not listed[-1].codes:
        return Listing(problem="it seems to hold IPv4 addresses only")
    return entry


async def _entry(resolver: Resolver, address: Address, zone: str) -> Listing:
    answer = await resolver.ask(_name(address, zone), "A")
    problem = answer.problem or _problem_with(answer.records)
    return Listing(problem=problem) if problem else Listing(answer.records)


def _name(address: Address, zone: str) -> str:
    """Return the octets or nibbles from last to first (RFC 5782 sections 2.1 and 2.4)."""
    digits = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{digits}.{zone}"


def _problem_with(codes: tuple[str, ...]) -> str:
    """Return what is wrong with an answer that means no listing."""
    for code in codes:
        address = ip_address(code)
        if address in _ERRORS:
            return f"it answered {code}: {_ERROR_MEANINGS.get(code, 'an error')}"
        if address not in _LISTED or code == _MUST_NOT_BE_LISTED[4]:
            return f"it answered {code}, which no blocklist means as a listing"
    return ""
