"""How much may be sent: today by pool, and on a day ahead a floor, which is an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.api.warmup import (
    moved,
    provisioned_by,
    steps_in_order,
    warm_up_day,
    warm_up_of,
    warm_up_start,
)

if TYPE_CHECKING:
    from datetime import date

    from misar_ips.api.models import DedicatedIP

_RAMPING = {"warming", "active"}


class PoolLimit(NamedTuple):
    """What may be sent today through the IPs of one pool, or of none.

    ``complete`` is whether these are all of its IPs, and the limit of each that sends is known.
    """

    pool: str | None
    ips: tuple[DedicatedIP, ...]
    complete: bool

    @property
    def daily_limit(self) -> int:
        """Today's limit in messages; what is not known, or can't send, counts 0."""
        return sum(ip.limit_today or 0 for ip in self.ips)

    @property
    def counted(self) -> list[DedicatedIP]:
        """The IPs whose limits are in it."""
        return [ip for ip in self.ips if ip.counts_today]

    def to_json(self) -> dict[str, object]:
        """Return the object that `limit --json` promises."""
        ips = [
            {
                "id": ip.id,
                "address": ip.address,
                "warmup_status": ip.warmup_status,
                "daily_limit": ip.daily_limit,
                "counted": ip.counts_today,
            }
            for ip in self.ips
        ]
        limit = self.daily_limit
        return {"pool": self.pool, "daily_limit": limit, "complete": self.complete, "ips": ips}


@dataclass(frozen=True, slots=True)
class TotalLimit:
    """What may be sent today in all; ``complete`` as in PoolLimit."""

    daily_limit: int
    complete: bool

    def to_json(self) -> dict[str, object]:
        """Return the object that `limit --total --json` promises."""
        return {"daily_limit": self.daily_limit, "complete": self.complete}


class DayLimit(NamedTuple):
    """A floor, in messages, of what a pool may send on a day ahead (UTC): an estimate.

    ``so_far`` is its sum over the days from tomorrow to this one.
    """

    date: date
    pool: str | None
    limit: int
    so_far: int

    def to_json(self) -> dict[str, object]:
        """Return the object that `limit --days --json` promises."""
        day, limit = self.date.isoformat(), self.limit
        return {
            "date": day,
            "pool": self.pool,
            "limit": limit,
            "sum": self.so_far,
            "estimate": True,
        }


def limit_floor(ip: DedicatedIP, day: date, now: datetime) -> int | None:
    """Return how many messages at least may be sent on a UTC day, as it is at its start.

    A warm-up that is behind gets to each step as many days later. ``now`` is the server's time; a
    day that has begun by then has today's limit, None where that is not known. What can't send
    now is not counted on, not even an IP that is being provisioned.
    """
    begins = datetime.combine(day, time(), UTC)
    if not ip.can_send:
        return 0
    start, ramp = _ramp_start(ip, now), _ramp(ip)
    if begins <= now or ip.is_warmed or start is None or not ramp:
        return ip.daily_limit
    warm_up = warm_up_of(ip, now)
    then = (begins - start).days + 1
    come = [limit for each, limit in ramp if each + (warm_up.behind_days or 0) <= then]
    known = [*come[-1:], *([] if ip.daily_limit is None else [ip.daily_limit])]
    # What is allowed today may be more than the last step, or a step that is lower, allows then.
    ends = [limit for each, limit in ramp[-1:] if each <= then]
    drops = [
        limit
        for (_, before), (each, limit) in pairwise(ramp)
        if limit < before and (warm_up.day or 0) < each <= then
    ]
    return min([max(known), *ends, *drops]) if known else None


def _ramp(ip: DedicatedIP) -> list[tuple[int, int]]:
    """Return day and limit of each step that has both; of one day's steps, the lowest is last."""
    steps = steps_in_order(ip.warmup_schedule)
    known = [(each.day or 0, max(0, each.limit)) for each in steps if each.limit is not None]
    return sorted(known, key=lambda step: (step[0], -step[1]))


def _ramp_start(ip: DedicatedIP, now: datetime) -> datetime | None:
    """Return the latest time at which the warm-up can have begun, or can begin."""
    day = warm_up_day(ip, now)
    if ip.warmup_status == "not_started":
        start = provisioned_by(ip)
        return None if start is None else max(start, now)
    if ip.warmup_status not in _RAMPING or day is None:
        return None
    if ip.warmup_day is None:
        return warm_up_start(ip, now)
    return moved(now, -timedelta(day - 1))  # its day may have begun just now
