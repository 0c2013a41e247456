"""The orders that `list --sort` knows: by each of the columns that `list` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from misar_ips.api.models import DedicatedIP


def in_order(ips: Iterable[DedicatedIP], field: str | None) -> tuple[DedicatedIP, ...]:
    """Return the IPs by a field, those where it is not known last; without one, as they came."""
    as_they_came = tuple(ips)
    if field is None:
        return as_they_came

    def value(ip: DedicatedIP) -> Any:  # noqa: ANN401 - whatever the field holds
        found = getattr(ip, field)
        return _number_of(found) if field == "address" and found else found

    known = (ip for ip in as_they_came if value(ip) is not None)
    unknown = (ip for ip in as_they_came if value(ip) is None)
    return (*sorted(known, key=value), *unknown)


def _number_of(address: str) -> tuple[int, int, str]:
    """Sort 198.51.100.9 before 198.51.100.10, IPv4 before IPv6, and what is no address last."""
    from ipaddress import ip_address

    try:
        number = ip_address(address)
    except ValueError:
        return 9, 0, address
    return number.version, int(number), ""
