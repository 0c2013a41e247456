"""Which IP of a list is meant: by a name, or by an order whose answer was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.api.arguments import DEFAULT_POOL, different_settings, is_usable_id
from misar_ips.api.reply import LIST_HINT
from misar_ips.errors import NotFoundError, UsageError
from misar_ips.hostnames import canonical_address, canonical_hostname

if TYPE_CHECKING:
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP, IPList

_CLOCKS_DIFFER = timedelta(seconds=2)  # a Date has whole seconds, and a server several clocks


def is_plain_id(name: str) -> bool:
    """Return whether a name can only be an id, so that no list is needed to know the IP."""
    return canonical_address(name) is None and canonical_hostname(name) is None


def named(name: str, ips: IPList) -> DedicatedIP:
    """Return the one IP of a list that has a name: as its id, else as address or rDNS name.

    Raises:
        NotFoundError: none has it, as far as the server listed them.
        UsageError: several have it.
    """
    by_id = {ip.id: ip for ip in ips}
    if name in by_id:
        return by_id[name]
    found = [ip for ip in by_id.values() if ip.is_called(name)]
    if len(found) > 1:
        raise UsageError(
            f"{name} belongs to several IPs: {', '.join(ip.id for ip in found)}. "
            "Nothing was changed.",
            hint="Name one of them by its id.",
        )
    if found:
        return found[0]
    if ips.is_whole:
        raise NotFoundError(f"No dedicated IP of this account is {name}.", hint=LIST_HINT)
    raise NotFoundError(
        f"{name} is not among the {len(ips)} IPs that the server listed, and there are more.",
        hint="Name the IP by its id.",
    )


class Order(NamedTuple):
    """What was ordered, and what the server listed right before, at its time ``listed_at``."""

    settings: dict[str, str]
    before: IPList
    listed_at: datetime | None

    def find_in(self, after: IPList) -> DedicatedIP:
        """Return the only new IP that can be the one ordered.

        Raises:
            LookupError: there is none, or there may be several; its text says what is new.
        """
        known = {ip.id for ip in self.before}
        new = [ip for ip in after if ip.id not in known]
        if not (self.before.is_whole and after.is_whole):
            raise LookupError("The server does not list all IPs, so nothing follows from it.")
        possible = [ip for ip in new if self._may_have_brought(ip)]
        if len(possible) == 1:
            return possible[0]
        ids = ", ".join(ip.id for ip in new)
        raise LookupError(
            f"New in the list, and not surely from it: {ids}." if new else "No IP is new yet."
        )

    def _may_have_brought(self, ip: DedicatedIP) -> bool:
        """Return whether an IP is not begun, not older than the order, and in its pool."""
        if not (ip.may_be_new and is_usable_id(ip.id)):
            return False
        if ip.created_at and self.listed_at and ip.created_at < self.listed_at - _CLOCKS_DIFFER:
            return False
        wanted = {"pool": DEFAULT_POOL, **self.settings}
        return "pool" not in different_settings(ip, wanted, told_only=True)
