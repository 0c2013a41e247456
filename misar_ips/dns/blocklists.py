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
class ListTest:
    """Whether a list works: ``problem`` is why it does not, or why that is unknown.

    ``holds_version`` tells whether it holds addresses of the IP version it was tested for.
    """

    problem: str = ""
    holds_version: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list answers for an address: no ``codes`` where it is not listed.

    ``reason`` is the list's own word, ``problem`` why nothing is known.
    """

    codes: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""


async def try_list(resolver: Resolver, zone: str, version: int) -> ListTest:
    """Ask a list for its test entries, as RFC 6471 wants it before a list is believed.

    For IP version 6 those of version 4 are asked for as well: a list that does not hold IPv6
    addresses may still be known to work.
    """
    versions = sorted({4, version})
    asked = [_MUST_BE_LISTED[each] for each in versions]
    asked += [_MUST_NOT_BE_LISTED[each] for each in versions]
    answers = await asyncio.gather(
        *(find_listing(resolver, ip_address(each), zone, with_reason=False) for each in asked)
    )
    listed, unlisted = answers[: len(versions)], answers[len(versions) :]
    for answer in answers:
        if answer.problem:
            return ListTest(answer.problem)
    if any(answer.codes for answer in unlisted):
        return ListTest("it lists everything, even 127.0.0.1: it is shut down, or taken over")
    if not any(answer.codes for answer in listed):
        return ListTest("it lacks the test entry 127.0.0.2: no list, or it refuses this resolver")
    return ListTest(holds_version=bool(listed[-1].codes))


async def find_listing(
    resolver: Resolver, address: Address, zone: str, *, with_reason: bool = True
) -> Listing:
    """Ask a list for an address, and for the reason where it is listed."""
    name = f"{_reversed(address)}.{zone}"
    answer = await resolver.addresses(name)
    problem = answer.problem or _problem_with(answer.records)
    if problem or not answer.records:
        return Listing(problem=problem)
    texts = (await resolver.texts(name)).records if with_reason else ()
    return Listing(answer.records, " ".join(texts))


def _reversed(address: Address) -> str:
    """Return the octets or nibbles from last to first (RFC 5782 sections 2.1 and 2.4)."""
    return address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def _problem_with(codes: tuple[str, ...]) -> str:
    """Return what is wrong with an answer that means no listing."""
    for code in codes:
        address = ip_address(code)
        if address in _ERRORS:
            return f"it answered {code}: {_ERROR_MEANINGS.get(code, 'an error')}"
        if address not in _LISTED or code == _MUST_NOT_BE_LISTED[4]:
            return f"it answered {code}, which no blocklist means as a listing"
    return ""
