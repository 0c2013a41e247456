"""What `misar-ips list` does: the account's IPs, those that are wanted, in the order wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from misar_ips.api.statuses import STATUSES
from misar_ips.errors import UsageError
from misar_ips.safe_text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from misar_ips.api.models import DedicatedIP
    from misar_ips.session import Session


def list_ips(
    session: Session,
    pools: Sequence[str],
    statuses: Sequence[str],
    sort: str | None,
    *,
    details: bool,
) -> None:
    """List the IPs of these pools and statuses, all where there are none, sorted by a field.

    Their details are read where somebody looks on, and patiently where they were asked for.

    Raises:
        UsageError: a status is not one that an IP has.
    """
    ips = session.listed()
    wanted = in_order(select(ips, pools, statuses, session.output.warning), sort)
    empty = "No IP matches." if ips else "No dedicated IPs yet; `misar-ips request` orders one."
    if not (details or session.output.is_for_people):
        session.output.result(wanted, empty=empty)
        return
    from misar_ips.api.warmup import details_of  # a list without details does without

    with session.waits.during(f"Waiting for the details of {counted(len(wanted), 'IP')}"):
        read = session.client.with_details(wanted, patiently=details)
    now = session.now()
    session.output.result([details_of(each.ip, now, each.error) for each in read], empty=empty)
    errors = [each.error for each in read if each.error]
    if errors:
        session.output.warning(
            f"The details of {len(errors)} of {counted(len(read), 'IP')} could not be read. "
            f"{errors[0].message}"
        )


def select(
    ips: Sequence[DedicatedIP],
    pools: Sequence[str],
    statuses: Sequence[str],
    warn: Callable[[str], None],
) -> tuple[DedicatedIP, ...]:
    """Return the IPs in one of the pools, with one of the statuses; where none is named, in any.

    A pool that no IP is in is warned of: a typo looks like it.

    Raises:
        UsageError: neither the reference nor the list knows such a status.
    """
    _validate_statuses(statuses, ips)
    used = dict.fromkeys(ip.pool for ip in ips if ip.pool)
    for pool in pools if ips else ():
        if pool not in used:
            warn(f"No IP that is listed is in pool `{pool}`. Pools: {', '.join(used) or 'none'}.")
    return tuple(
        ip
        for ip in ips
        if (not pools or ip.pool in pools) and (not statuses or ip.warmup_status in statuses)
    )


def _validate_statuses(statuses: Iterable[str], ips: Iterable[DedicatedIP]) -> None:
    listed = (ip.warmup_status for ip in ips if ip.warmup_status)
    known = dict.fromkeys((*STATUSES, *listed))
    for status in statuses:
        if status not in known:
            from difflib import get_close_matches

            near = get_close_matches(status.lower(), known, n=1)
            meant = f"Did you mean `{near[0]}`? " if near else ""
            raise UsageError(
                f"`{status}` is not a status.", hint=f"{meant}Known: {', '.join(known)}."
            )


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
    """Sort 198.51.100.9 before 198.51.100.10, IPv4 before IPv6, and what is not an address last."""
    from ipaddress import ip_address

    try:
        number = ip_address(address)
    except ValueError:
        return 9, 0, address
    return number.version, int(number), ""
