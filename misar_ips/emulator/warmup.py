"""What an IP's warm-up looks like at a given moment: arithmetic on the clock, nothing stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY = 86_400
PROVISIONING = DAY
STEPS = tuple(
    {"day": day, "limit": limit}
    for day, limit in ((1, 200), (7, 1_000), (14, 4_000), (21, 10_000), (28, 25_000))
)
"""Day of the warm-up and messages allowed on it, from the published reference's example."""


@dataclass(frozen=True)
class WarmUp:
    """One IP's warm-up, seen ``elapsed`` seconds after its start (below zero: not begun).

    ``given`` are fields of the reference that the IP was seeded with, and shows ``given_at``
    seconds after its start; from there they go on with the clock. A suspended IP is seen at the
    moment of its suspension.
    """

    elapsed: float
    suspended: bool = False
    steps: Sequence[Mapping[str, Any]] = STEPS
    given: Mapping[str, Any] = field(default_factory=dict)
    given_at: float = 0

    @property
    def status(self) -> str:
        """Return ``warmup_status`` as the reference lists it."""
        if self.suspended:
            return "suspended"
        if self.elapsed < 0:
            return "not_started"
        return "warmed" if self.elapsed >= self._length else "warming"

    @property
    def day(self) -> int | None:
        """Return the day of the warm-up, counted from 1; None before it begins."""
        return None if self.elapsed < 0 else int(self.elapsed // DAY) + 1

    @property
    def percent(self) -> float:
        """Return the whole percent of the warm-up that has passed."""
        then, now = (int(at * 100 // self._length) for at in (self.given_at, self.elapsed))
        return max(0, min(100, _carried(self.given.get("warmup_percent"), then, now)))

    @property
    def daily_limit(self) -> float:
        """Return today's allowance in messages."""
        then, now = self.limit_at(self.given_at), self.limit_at(self.elapsed)
        is_full = self.given_at < self._length <= self.elapsed  # as the reference says of warmed
        return now if is_full else _carried(self.given.get("daily_limit"), then, now)

    def limit_at(self, elapsed: float) -> int:
        """Return an allowance of the schedule, interpolated between its steps."""
        if elapsed < 0:
            return 0
        day = int(elapsed // DAY) + 1
        for step, following in pairwise(self.steps):
            if step["day"] <= day < following["day"]:
                share = (day - step["day"]) / (following["day"] - step["day"])
                between: int = round(step["limit"] + (following["limit"] - step["limit"]) * share)
                return between
        return int(self.steps[0 if day < self.steps[0]["day"] else -1]["limit"])

    @property
    def reputation_score(self) -> float | None:
        """Return a score of 100 that grows by one a day, and collapses with a complaint spike."""
        score, given = self.score_at(self.elapsed), self.given.get("reputation_score")
        return score // 2 if self.suspended and given is None and score else score

    def score_at(self, elapsed: float) -> float | None:
        """Return the score as it would be without complaints."""
        given: float | None = self.given.get("reputation_score")
        if elapsed < 0 or given is None:
            return given if elapsed < 0 else min(98, 67 + int(elapsed // DAY))
        days = int(elapsed // DAY) - int(max(0, self.given_at) // DAY)
        return max(0, min(max(98, given), given + days))

    @property
    def schedule(self) -> list[dict[str, object]]:
        """Return ``warmup_schedule``: one object for each step."""
        return [self._shown(step) for step in self.steps]

    @property
    def _length(self) -> int:
        return int(self.steps[-1]["day"]) * DAY

    def _shown(self, step: Mapping[str, Any]) -> dict[str, object]:
        def sent_at(elapsed: float) -> int:
            return int(step["limit"] * min(1.0, max(0.0, elapsed / DAY - (step["day"] - 1))))

        sent = _carried(step.get("sent"), sent_at(self.given_at), sent_at(self.elapsed))
        is_as_given = "done" in step and sent == step.get("sent")
        done = step["done"] if is_as_given else sent >= step["limit"]
        return {"day": step["day"], "limit": step["limit"], "sent": sent, "done": done}


def _carried(given: float | None, then: int, now: int) -> float:
    """Return what a value that was given at one moment has become at a later one.

    It stays until the clock's own value has passed it; where it was less than the clock's, it
    stays as far behind.
    """
    return now if given is None else max(given, now - max(0, then - given))
