"""The arithmetic of a warm-up: where it is, whether it is on schedule, when it may be done.

"Now" is the server's time. Where no ``warmup_start_date`` dates the start, ``provisioned_at``,
else ``created_at``, is the best estimate of it, so what is computed here is an estimate too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP, WarmupStep
    from misar_ips.errors import MisarError

PROVISIONING_TIME = timedelta(hours=24)
"""The longest that provisioning takes, from the published reference."""

_LONGEST_SCHEDULE = 36_500  # days; beyond a century no date is meant
_PERCENT_THAT_COUNTS = 90  # of a step's limit; who sent that much has not missed it
_FIRST_TELLING_DAY = 3  # before it, one more percent moves an estimate by weeks


class WarmUp(NamedTuple):
    """Where a warm-up is; None where it can't be known, or where there is no such step.

    ``current_step`` is the last one whose day has come, ``missed_step`` the first that was missed,
    and ``behind_days`` are the days since that was over. ``scheduled_end`` is where the schedule
    ends; ``estimated_warmed_at`` is never earlier, and an estimate.
    """

    day: int | None
    steps_done: int | None
    steps_total: int | None
    current_step: WarmupStep | None
    next_step: WarmupStep | None
    missed_step: WarmupStep | None
    behind_days: int | None
    on_schedule: bool | None
    scheduled_end: datetime | None
    estimated_warmed_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return the object that ``--json`` adds as ``warmup``."""
        steps = ("current_step", "next_step", "missed_step")
        return {
            **self._asdict(),
            **{name: _step_to_json(getattr(self, name)) for name in steps},
            "scheduled_end": rfc3339(self.scheduled_end) or None,
            "estimated_warmed_at": rfc3339(self.estimated_warmed_at) or None,
        }


@dataclass(frozen=True, slots=True)
class IPDetails:
    """One IP, and where its warm-up is; ``error`` is why its details could not be read."""

    ip: DedicatedIP
    warm_up: WarmUp
    error: MisarError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what the server sent, with what was computed from it as ``warmup``.

        A ``warmup`` of the server's own is kept as ``server_warmup``.
        """
        sent = dict(self.ip.to_json())
        if "warmup" in sent:
            sent["server_warmup"] = sent.pop("warmup")
        return {**sent, "warmup": None if self.error else self.warm_up.to_json()}


def details_of(ip: DedicatedIP, now: datetime, error: MisarError | None = None) -> IPDetails:
    """Put an IP beside where its warm-up is at the server's time ``now``.

    ``error`` is why there are no details of it.
    """
    return IPDetails(ip, warm_up_of(ip, now), error)


def warm_up_of(ip: DedicatedIP, now: datetime) -> WarmUp:
    """Compute where an IP's warm-up is at the server's time ``now``."""
    day, start = warm_up_day(ip, now), warm_up_start(ip, now)
    steps = steps_in_order(ip.warmup_schedule)
    come = [step for step in steps if _day(step) <= (day or 0)]
    is_ahead = day is not None or ip.is_before_warm_up
    ahead = steps[len(come) :] if is_ahead and not ip.is_warmed else []
    missed = missed_steps(ip, day)
    end = moved(start, timedelta(_day(steps[-1]))) if steps and day else None
    return WarmUp(
        day=day,
        steps_done=sum(map(is_done, steps)) if steps else None,
        steps_total=len(steps) or None,
        current_step=come[-1] if come else None,
        next_step=ahead[0] if ahead else None,
        missed_step=missed[0] if missed else None,
        behind_days=_behind_days(ip, day, missed),
        on_schedule=_on_schedule(ip, day, missed),
        scheduled_end=end,
        estimated_warmed_at=_estimated_end(ip, day, start, end, now),
    )


def warm_up_day(ip: DedicatedIP, now: datetime) -> int | None:
    """Return the day of the warm-up, from 1; None before it runs or without a known start."""
    if ip.is_before_warm_up or ip.is_leaving:
        return None
    if ip.warmup_day is not None:
        return ip.warmup_day if 0 < ip.warmup_day < _LONGEST_SCHEDULE else None
    start = ip.started_at
    return None if start is None or start > now else (now - start).days + 1


def provisioned_by(ip: DedicatedIP) -> datetime | None:
    """Return when an IP was or will be provisioned, at the latest where the server does not say."""
    return ip.provisioned_at or moved(ip.created_at, PROVISIONING_TIME)


def warm_up_start(ip: DedicatedIP, now: datetime) -> datetime | None:
    """Return when the warm-up began, by the server's ``warmup_day`` where there is one.

    A start that is further than a day from it (a warm-up may have paused) is moved by whole days:
    it keeps its hour, so that what follows from it stays the same all day. A difference of a day is
    let be, because the server may count from midnight; where it sends no start, midnight is taken.
    """
    start, day = ip.started_at, warm_up_day(ip, now)
    if ip.warmup_day is None or day is None:
        return start
    if start is None or start > now:
        return moved(now.replace(hour=0, minute=0, second=0, microsecond=0), timedelta(1 - day))
    days_off = (now - start).days + 1 - day
    return start if abs(days_off) <= 1 else moved(start, timedelta(days_off))


def steps_in_order(steps: Iterable[WarmupStep]) -> list[WarmupStep]:
    """Return the steps that have a day, by that day; the others can't be placed."""
    return sorted(filter(has_day, steps), key=_day)


def has_day(step: WarmupStep) -> bool:
    """Return whether a step's day is one that a warm-up can have."""
    return step.day is not None and 0 < step.day < _LONGEST_SCHEDULE


def is_done(step: WarmupStep) -> bool:
    """Return whether a step is done: the server's word, else whether all of it was sent."""
    if step.done is not None:
        return step.done
    return step.limit is not None and 0 < step.limit <= (step.sent or 0)


def missed_steps(ip: DedicatedIP, day: int | None) -> list[WarmupStep]:
    """Return the steps that were missed, in the order of their days.

    They are over, not done, got less than 90 % of their limit, and no later step is done.
    """
    return [step for step in _unfinished(ip, day) if _is_short(step)]


def _unfinished(ip: DedicatedIP, day: int | None) -> list[WarmupStep]:
    """Return the steps that are over and not done, where no later one is done."""
    if day is None or ip.is_warmed:
        return []
    steps = steps_in_order(ip.warmup_schedule)
    ends = _last_days(steps)
    last_done = max((_day(step) for step in steps if is_done(step)), default=0)
    over = (step for step in steps if last_done <= _day(step) and ends[_day(step)] < day)
    return [step for step in over if not is_done(step)]


def _last_days(steps: Iterable[WarmupStep]) -> dict[int, int]:
    """Return the last day of each step, by its first: the one before the next step, or its own."""
    days = sorted({_day(step) for step in steps})
    return {day: after - 1 for day, after in pairwise(days)} | {day: day for day in days[-1:]}


def _is_short(step: WarmupStep) -> bool | None:
    """Return whether a step got too little, None where the server does not tell."""
    if step.limit is None or step.sent is None:
        return None
    return max(0, step.sent) * 100 < step.limit * _PERCENT_THAT_COUNTS


def _behind_days(ip: DedicatedIP, day: int | None, missed: list[WarmupStep]) -> int | None:
    if missed and day is not None:
        return day - _last_days(steps_in_order(ip.warmup_schedule))[_day(missed[0])]
    is_known = ip.is_warmed or (day is not None and any(map(has_day, ip.warmup_schedule)))
    return 0 if is_known else None


def _on_schedule(ip: DedicatedIP, day: int | None, missed: list[WarmupStep]) -> bool | None:
    if ip.is_warmed:
        return True
    if day is not None and (missed or ip.warmup_status == "suspended"):
        return False
    is_told = all(_is_short(step) is not None for step in _unfinished(ip, day))
    return True if day and is_told and any(map(has_day, ip.warmup_schedule)) else None


def _estimated_end(
    ip: DedicatedIP, day: int | None, start: datetime | None, end: datetime | None, now: datetime
) -> datetime | None:
    """Return the later of the schedule's end and, from day 3 on, the end at the percent's pace."""
    if start is None or end is None or ip.is_warmed or ip.warmup_status == "suspended":
        return None
    percent = ip.warmup_percent or 0
    if (day or 0) >= _FIRST_TELLING_DAY and 0 < percent < 100:  # noqa: PLR2004 - percent
        at_this_pace = moved(start, (now - start) * 100 / (percent + 1))  # 62 may be 62.9, cut
        end = at_this_pace and max(end, at_this_pace)
    return end if end and end > now else None


def moved(time: datetime | None, by: timedelta) -> datetime | None:
    """Return a time moved, None where the calendar has no such time."""
    try:
        return None if time is None else time + by
    except OverflowError:
        return None


def _day(step: WarmupStep) -> int:
    return step.day or 0


def _step_to_json(step: WarmupStep | None) -> dict[str, int | None] | None:
    return step and {"day": step.day, "limit": step.limit, "sent": step.sent}
