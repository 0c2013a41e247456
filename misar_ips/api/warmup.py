"""The arithmetic of a warm-up: where it is, whether it is on schedule, when it may be done.

No field of the API dates the start of a warm-up. ``provisioned_at``, else ``created_at``, is the
best estimate of it, so whatever is computed here is an estimate too. "Now" is the server's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP, WarmupStep

PROVISIONING_TIME = timedelta(hours=24)
"""The longest that provisioning takes, from the published reference."""

_LONGEST_SCHEDULE = 36_500  # days; beyond a century no date is meant


class WarmUp(NamedTuple):
    """Where a warm-up is; None where it can't be known.

    ``day`` counts from 1. ``behind_messages`` are what passed steps are short of, and
    ``behind_days`` how long ago the first of them was due. ``next_step`` is the first step that
    is not done and whose day has not passed. ``estimated_warmed_at`` is an estimate.
    """

    day: int | None
    steps_done: int | None
    steps_total: int | None
    next_step: WarmupStep | None
    behind_messages: int | None
    behind_days: int | None
    on_schedule: bool | None
    estimated_warmed_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return the object that ``--json`` adds as ``warmup``."""
        step = self.next_step
        return {
            "day": self.day,
            "steps_done": self.steps_done,
            "steps_total": self.steps_total,
            "next_step": step and {"day": step.day, "limit": step.limit, "sent": step.sent},
            "behind_messages": self.behind_messages,
            "behind_days": self.behind_days,
            "on_schedule": self.on_schedule,
            "estimated_warmed_at": rfc3339(self.estimated_warmed_at) or None,
        }


@dataclass(frozen=True, slots=True)
class IPDetails:
    """One IP, and where its warm-up is."""

    ip: DedicatedIP
    warm_up: WarmUp

    def to_json(self) -> dict[str, Any]:
        """Return what the server sent, with what was computed from it as ``warmup``."""
        return {**self.ip.to_json(), "warmup": self.warm_up.to_json()}


def details_of(ip: DedicatedIP, now: datetime) -> IPDetails:
    """Put an IP beside where its warm-up is at the server's time ``now``."""
    return IPDetails(ip, warm_up_of(ip, now))


def warm_up_of(ip: DedicatedIP, now: datetime) -> WarmUp:
    """Compute where an IP's warm-up is at the server's time ``now``."""
    day = warm_up_day(ip, now)
    steps = steps_in_order(ip.warmup_schedule)
    if not steps:
        return WarmUp(day, None, None, None, None, None, None, None)
    behind = [] if day is None else [step for step in steps if is_short(step, day)]
    messages = sum(missing(step) for step in behind)
    days = (day or 0) - min((step.day or 0 for step in behind), default=day or 0)
    return WarmUp(
        day=day,
        steps_done=sum(is_done(step) for step in steps),
        steps_total=len(steps),
        next_step=next_step(steps, day),
        behind_messages=None if day is None else messages,
        behind_days=None if day is None else days,
        on_schedule=None if day is None else not behind and ip.warmup_status != "suspended",
        estimated_warmed_at=_estimated_end(ip, steps, day, days),
    )


def warm_up_day(ip: DedicatedIP, now: datetime) -> int | None:
    """Return the day of the warm-up, from 1, None where it has not begun or has no known start."""
    start = ip.started_at
    if start is None or start > now or not ip.warm_up_has_begun:
        return None
    return (now - start).days + 1


def steps_in_order(steps: Iterable[WarmupStep]) -> list[WarmupStep]:
    """Return the steps that have a day, by that day; the others can't be placed."""
    return sorted((step for step in steps if has_day(step)), key=lambda step: step.day or 0)


def has_day(step: WarmupStep) -> bool:
    """Return whether a step's day is one that a warm-up can have."""
    return step.day is not None and 0 < step.day < _LONGEST_SCHEDULE


def is_done(step: WarmupStep) -> bool:
    """Return whether a step is done: the server's word, else whether all of it was sent."""
    if step.done is not None:
        return step.done
    return step.limit is not None and step.limit > 0 and missing(step) == 0


def is_short(step: WarmupStep, day: int) -> bool:
    """Return whether a step's day has passed without all of its messages."""
    return step.day is not None and step.day < day and not is_done(step) and missing(step) > 0


def missing(step: WarmupStep) -> int:
    """Return the messages that a step lacks, 0 where more were sent or no limit is known."""
    return max(0, (step.limit or 0) - max(0, step.sent or 0))


def next_step(steps: Iterable[WarmupStep], day: int | None) -> WarmupStep | None:
    """Return the first step that is not done and whose day has not passed."""
    ahead = (step for step in steps if not is_done(step) and (step.day or 0) >= (day or 0))
    return next(ahead, None)


def _estimated_end(
    ip: DedicatedIP, steps: list[WarmupStep], day: int | None, days_behind: int
) -> datetime | None:
    """Return the start plus the last step's day plus the days behind, where that says anything."""
    last = steps[-1].day or 0
    if ip.started_at is None or day is None or day > last:
        return None
    if ip.warmup_status in {"suspended", "not_started", "warmed"}:
        return None
    try:
        return ip.started_at + timedelta(days=last + days_behind)
    except OverflowError:
        return None
