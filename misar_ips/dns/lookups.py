"""All that DNS is asked for a set of IPs, side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misar_ips.dns import verdicts
from misar_ips.dns.blocklists import find_listing
from misar_ips.dns.spf import LookupFailed, check_host

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from misar_ips.dns.resolver import Address, Resolver
    from misar_ips.dns.verdicts import Check, Subject

_MOST_NAMES = 10  # PTR names that are looked up; RFC 8601 section 2.7.3 asks for such a limit


class Lookups:
    """One run of all checks: every IP at once; ``done`` of ``total`` have been made so far."""

    def __init__(
        self,
        resolver: Resolver,
        subjects: Sequence[Subject],
        zones: Sequence[str] = (),
        senders: Sequence[str] = (),
    ) -> None:
        self._resolver = resolver
        self._subjects = subjects
        self._zones = zones
        self._senders = senders
        self.done = 0
        self.total = (1 + len(zones) + len(senders)) * sum(bool(each.address) for each in subjects)

    async def run(self) -> list[list[Check]]:
        """Return what DNS says of each subject, in their order."""
        return await asyncio.gather(*(self._check(subject) for subject in self._subjects))

    async def _check(self, subject: Subject) -> list[Check]:
        address = subject.address
        if address is None:
            return [verdicts.address_check(subject)]
        parts = [self._check_names(subject, address)]
        parts += [self._check_sender(address, domain) for domain in self._senders]
        parts += [self._check_list(address, zone) for zone in self._zones]
        found = await asyncio.gather(*(self._counted(part) for part in parts))
        return [check for checks in found for check in checks]

    async def _counted(self, part: Coroutine[None, None, list[Check]]) -> list[Check]:
        checks = await part
        self.done += 1
        return checks

    async def _check_names(self, subject: Subject, address: Address) -> list[Check]:
        """Check the names of the PTR records, or the one that is set where none can be used."""
        ptr = await self._resolver.ask(address.reverse_pointer, "PTR")
        names = verdicts.names_to_confirm(subject, ptr)[:_MOST_NAMES]
        record_type = verdicts.RECORD_TYPES[address.version]
        answers = await asyncio.gather(*(self._resolver.ask(name, record_type) for name in names))
        checks = [verdicts.ptr_check(subject, ptr)]
        if names:
            checks.append(verdicts.forward_check(address, dict(zip(names, answers, strict=True))))
            checks.append(verdicts.hostname_check(address, names))
        return checks

    async def _check_sender(self, address: Address, domain: str) -> list[Check]:
        """Check that SPF lets the address send for a domain, with the PTR name as HELO."""
        ptr = await self._resolver.ask(address.reverse_pointer, "PTR")
        helo = next(iter(ptr.records), "")
        sender = f"postmaster@{domain}"
        verdict = await check_host(address, domain, sender, helo=helo, ask=self._records)
        return [verdicts.spf_check(domain, address, verdict)]

    async def _check_list(self, address: Address, zone: str) -> list[Check]:
        listing = await find_listing(self._resolver, address, zone)
        return [verdicts.blocklist_check(zone, listing)]

    async def _records(self, name: str, record_type: str) -> Sequence[str]:
        """Return records as SPF asks for them."""
        answer = await self._resolver.ask(name, record_type)
        if answer.problem:
            raise LookupFailed(answer.problem)
        return answer.records
