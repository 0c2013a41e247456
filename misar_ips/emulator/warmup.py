"""What an IP's warm-up looks like at a given moment: arithmetic on the clock, nothing stored."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

DAY = 86_400
PROVISIONING = DAY
LENGTH_DAYS = 28
STEPS = ((1, 200), (7, 1_000), (14, 4_000), (21, 10_000), (28, 25_000))
"""Day of the warm-up and messages allowed on it, from the published reference's example."""


@dataclass(frozen=True)
class WarmUp:
    """One IP's warm-up, seen ``elapsed`` seconds after its start (below zero: not begun).

    The other fields let an IP differ from the plain schedule: ``percent_floor`` and
    ``limit_floor`` are the least it shows while warming, ``missed_on_day_14`` the messages that
    were never sent on that day, and a suspended one is seen at the moment of its suspension.
    """

    elapsed: float
    suspended: bool = False
    percent_floor: int = 0
    limit_floor: int = 0
    missed_on_day_14: int = 0

    @property
    def status(self) -> str:
        """Return ``warmup_status`` as the reference lists it."""
        if self.suspended:
            return "suspended"
        if not self._begun:
            return "not_started"
        return "warmed" if self._complete else "warming"

    @property
    def percent(self) -> int:
        """Return the whole percent of the 28 days that have passed."""
        if not self._begun:
            return 0
        passed = int(self.elapsed * 100 // (LENGTH_DAYS * DAY))
        return min(100, max(passed, self.percent_floor))

    @property
    def daily_limit(self) -> int:
        """Return today's allowance in messages, interpolated between the schedule's steps."""
        if not self._begun:
            return 0
        for (day, limit), (next_day, next_limit) in pairwise(STEPS):
            if self._day < next_day:
                share = (self._day - day) / (next_day - day)
                return max(round(limit + (next_limit - limit) * share), self.limit_floor)
        return STEPS[-1][1]

    @property
    def reputation_score(self) -> int | None:
        """Return a score of 100 that grows by one a day, and collapses with a complaint spike."""
        if not self._begun:
            return None
        score = min(98, 66 + self._day)
        return score // 2 if self.suspended else score

    @property
    def schedule(self) -> list[dict[str, object]]:
        """Return ``warmup_schedule``: one object for each step."""
        return [self._step(day, limit) for day, limit in STEPS]

    def _step(self, day: int, limit: int) -> dict[str, object]:
        passed = min(1.0, max(0.0, self.elapsed / DAY - (day - 1)))
        missed = self.missed_on_day_14 if day == 14 else 0  # noqa: PLR2004 - the field's own name says it
        sent = max(0, int(limit * passed) - missed)
        return {"day": day, "limit": limit, "sent": sent, "done": sent == limit}

    @property
    def _begun(self) -> bool:
        return self.elapsed >= 0

    @property
    def _complete(self) -> bool:
        return self.elapsed >= LENGTH_DAYS * DAY

    @property
    def _day(self) -> int:
        return int(self.elapsed // DAY) + 1
