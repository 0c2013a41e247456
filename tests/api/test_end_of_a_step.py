"""The day on which a step ends: until it is over, nobody has missed it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.reference import IP

if TYPE_CHECKING:
    from tests.conftest import World

SCHEDULE = [
    {"day": 1, "limit": 200, "sent": 200, "done": True},
    {"day": 7, "limit": 1000, "sent": 100, "done": False},
    {"day": 14, "limit": 4000, "sent": 100, "done": False},
]


@pytest.mark.parametrize(
    ("date", "day", "missed", "behind"),
    [
        # Step 7 lasts from day 7 to day 13, the day before the next; the last step is its own day.
        ("Sat, 21 Mar 2026 12:00:00 GMT", 7, None, 0),
        ("Fri, 27 Mar 2026 12:00:00 GMT", 13, None, 0),
        ("Sat, 28 Mar 2026 09:59:59 GMT", 13, None, 0),
        ("Sat, 28 Mar 2026 10:00:00 GMT", 14, 7, 1),
        ("Sun, 29 Mar 2026 12:00:00 GMT", 15, 7, 2),
    ],
)
def test_a_step_that_ends_today_is_not_missed(
    world: World, date: str, day: int, missed: int | None, behind: int
) -> None:
    ip = {**IP, "warmup_schedule": SCHEDULE}
    answer = httpx.MockTransport(
        lambda _request: httpx.Response(200, json={"ip": ip}, headers={"Date": date})
    )
    shown = json.loads(replace(world, transport=answer).run("show", "ip_abc123", "--json").stdout)
    warm_up = shown["warmup"]
    step = warm_up["missed_step"]
    assert (warm_up["day"], step and step["day"]) == (day, missed)
    assert (warm_up["behind_days"], warm_up["on_schedule"]) == (behind, missed is None)


@pytest.mark.parametrize(
    ("date", "missed", "behind"),
    [("Sat, 28 Mar 2026 12:00:00 GMT", None, 0), ("Sun, 29 Mar 2026 12:00:00 GMT", 14, 1)],
)
def test_the_last_step_is_its_own_day(
    world: World, date: str, missed: int | None, behind: int
) -> None:
    schedule = [SCHEDULE[0], {**SCHEDULE[1], "sent": 900}, SCHEDULE[2]]  # 90 % is enough
    answer = httpx.MockTransport(
        lambda _request: httpx.Response(
            200, json={"ip": {**IP, "warmup_schedule": schedule}}, headers={"Date": date}
        )
    )
    shown = json.loads(replace(world, transport=answer).run("show", "ip_abc123", "--json").stdout)
    step = shown["warmup"]["missed_step"]
    assert (step and step["day"], shown["warmup"]["behind_days"]) == (missed, behind)
