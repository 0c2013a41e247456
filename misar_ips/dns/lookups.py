"""All that DNS is asked for a set of IPs, side by side, with a progress bar where it takes long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from misar_ips.dns import verdicts as checks
from misar_ips.dns.blocklists import Listing, find_listing, try_list

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from misar_ips.dns.blocklists import ListTest
    from misar_ips.dns.resolver import Address, Resolver
    from misar_ips.dns.verdicts import Check, CheckedIP, Subject
    from misar_ips.output.writer import Output

    Tests: TypeAlias = dict[tuple[str, int], asyncio.Future[ListTest]]
    """The test of each list, by zone and IP version."""

PATIENCE = 1.0  # seconds before a progress bar is worth the unrest

_MOST_NAMES = 10  # PTR names that are looked up; RFC 8601 section 2.7.3 asks for such a limit


class Lookups:
    """One run of all checks: every IP at once, each blocklist tested once."""

    def __init__(
        self,
        subjects: Sequence[Subject],
        zones: Sequence[str],
        resolver: Resolver,
        now: datetime,
    ) -> None:
        self._subjects = subjects
        self._zones = zones
        self._resolver = resolver
        self._now = now
        self._done = 0
        self._total = sum(1 + len(zones) for subject in subjects if subject.address)

    async def checked(self, output: Output, patience: float = PATIENCE) -> list[CheckedIP]:
        """Check all IPs; a bar shows how far it is once ``patience`` seconds have passed."""
        work = asyncio.ensure_future(self._check_all())
        done, _ = await asyncio.wait({work}, timeout=patience)
        if not done:
            with output.in_place(self._draw, full_screen=False):
                return await work
        return await work

    async def _check_all(self) -> list[CheckedIP]:
        versions = {subject.address.version for subject in self._subjects if subject.address}
        tests: Tests = {
            (zone, version): asyncio.ensure_future(try_list(self._resolver, zone, version))
            for zone in self._zones
            for version in versions
        }
        return await asyncio.gather(*(self._check(subject, tests) for subject in self._subjects))

    async def _check(self, subject: Subject, tests: Tests) -> CheckedIP:
        address = subject.address
        if address is None:
            found = [checks.address_check(subject)]
        else:
            asked: list[Coroutine[None, None, list[Check]]] = [self._ask_names(subject, address)]
            asked += [
                self._ask_list(address, zone, tests[zone, address.version]) for zone in self._zones
            ]
            found = [check for part in await asyncio.gather(*asked) for check in part]
        if subject.ip:
            found.append(checks.warm_up_check(subject.ip, self._now))
        return subject.checked(found)

    async def _ask_names(self, subject: Subject, address: Address) -> list[Check]:
        """Check the names of the PTR records, or the one that is set where there are none."""
        ptr = await self._resolver.hostnames(address)
        names = ptr.records[:_MOST_NAMES] or subject.set_names
        lookups = (self._resolver.addresses(name, address.version) for name in names)
        answers = await asyncio.gather(*lookups)
        self._done += 1
        found = [checks.ptr_check(subject, ptr)]
        if names:
            confirmations = dict(zip(names, answers, strict=True))
            found.append(checks.forward_check(address, confirmations))
            found.append(checks.hostname_check(address, names))
        return found

    async def _ask_list(
        self, address: Address, zone: str, test: asyncio.Future[ListTest]
    ) -> list[Check]:
        """Check that a blocklist does not have the address, if the list passed its own test."""
        outcome = await test
        listing = Listing()
        if not outcome.problem:
            listing = await find_listing(self._resolver, address, zone)
        self._done += 1
        return [checks.blocklist_check(zone, outcome, listing)]

    def _draw(self, _now: datetime, width: int) -> RenderableType:
        from misar_ips.output.check_report import progress

        return progress(self._done, self._total, width)
