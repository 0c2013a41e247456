"""What `misar-ips limit` does: how much may be sent today, by pool, and at least on days ahead.

The number throttles somebody's mailings, so it is never too high: every detail must be read, and
what is not known counts nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from misar_ips.api.sending_limits import DayLimit, PoolLimit, TotalLimit, limit_floor
from misar_ips.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from misar_ips.api.models import DedicatedIP, IPList
    from misar_ips.session import Session

Pools: TypeAlias = "dict[str | None, list[DedicatedIP]]"
"""The IPs by pool; None for those in no pool."""

_MOST_DAYS = 90
_MOST_NAMES = 5


def limit(
    session: Session, pools: Sequence[str], *, days: int | None, total: bool
) -> list[PoolLimit] | list[DayLimit] | TotalLimit:
    """Return what may be sent today by pool or in ``total``, or at least on the next ``days``.

    Raises:
        UsageError: the options contradict each other, or the days are too many or none.
        NotFoundError: a pool that was named has no IP.
        MisarError: the list, or the details of an IP, could not be read.
    """
    if days is not None and total:
        raise UsageError("`--total` is about today and can't be given with `--days`.")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"`--days {days}` is not from 1 to {_MOST_DAYS}.")
    listed = session.listed()
    wanted = [ip for each in _by_pool(listed, pools, listed).values() for ip in each]
    by_pool = _by_pool(_read(session, wanted), pools, listed)
    if days is not None:
        return _ahead(session, by_pool, days)
    limits = [_pool_limit(pool, ips, listed) for pool, ips in by_pool.items()]
    _warn_of_unknown(
        session, [ip.id for each in limits for ip in each.ips if ip.limit_today is None]
    )
    if not total:
        return limits
    return TotalLimit(
        sum(each.daily_limit for each in limits),
        listed.is_whole and all(each.complete for each in limits),
    )


def _by_pool(ips: Iterable[DedicatedIP], pools: Sequence[str], listed: IPList) -> Pools:
    """Return the IPs of the pools that were named, or of all, by pool.

    Raises:
        NotFoundError: a pool has no IP: whoever mistyped its name must not read a 0.
    """
    found: Pools = {pool: [] for pool in pools}
    for ip in ips:
        if not pools or ip.pool in found:
            found.setdefault(ip.pool, []).append(ip)
    if empty := [pool or "" for pool, each in found.items() if not each]:
        there = ", ".join(sorted({f"`{ip.pool}`" for ip in listed if ip.pool})) or "none"
        among = "" if listed.is_whole else f" among the {len(listed)} IPs that the server listed"
        raise NotFoundError(
            f"No IP is in pool {', '.join(f'`{pool}`' for pool in empty)}{among}.",
            hint=f"Pools with IPs: {there}.",
        )
    return found


def _read(session: Session, listed: Iterable[DedicatedIP]) -> list[DedicatedIP]:
    """Read every IP's details; an IP that is listed twice counts once.

    What its details leave out is as the list has it: it may say that the IP is suspended.

    Raises:
        MisarError: one could not be read.
    """
    known = {ip.id: ip for ip in listed}
    found = []
    for ip, error in session.client.with_details(known.values(), patiently=True):
        if error:
            raise error
        status = ip.warmup_status or known[ip.id].warmup_status
        found.append(ip._replace(pool=ip.pool or known[ip.id].pool, warmup_status=status))
    return found


def _pool_limit(pool: str | None, ips: Sequence[DedicatedIP], listed: IPList) -> PoolLimit:
    is_known = all(ip.limit_today is not None for ip in ips)
    return PoolLimit(pool, tuple(ips), listed.is_whole and is_known)


def _ahead(session: Session, by_pool: Pools, days: int) -> list[DayLimit]:
    """Return a floor for each of the next days and each pool."""
    now = session.now()
    rows: list[DayLimit] = []
    unknown: dict[str, None] = {}
    so_far = dict.fromkeys(by_pool, 0)
    for number in range(1, days + 1):
        day = now.date() + timedelta(number)
        for pool, ips in by_pool.items():
            floors = {ip.id: limit_floor(ip, day, now) for ip in ips}
            unknown.update((ip_id, None) for ip_id, floor in floors.items() if floor is None)
            limit = sum(max(0, floor or 0) for floor in floors.values())
            so_far[pool] += limit
            rows.append(DayLimit(day, pool, limit, so_far[pool]))
    _warn_of_unknown(session, list(unknown))
    return rows


def _warn_of_unknown(session: Session, ids: Sequence[str]) -> None:
    """Warn where a number is lower than it may be, because limits are not known."""
    if not ids:
        return
    more = f" and {len(ids) - _MOST_NAMES} more" if len(ids) > _MOST_NAMES else ""
    session.output.warning(
        f"MisarMail does not tell the daily limit of {', '.join(ids[:_MOST_NAMES])}{more}; "
        "what is not known counts as 0."
    )
