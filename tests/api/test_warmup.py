"""The arithmetic of a warm-up, by example and by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misar_ips.api.models import DedicatedIP, WarmupStep
from misar_ips.api.warmup import WarmUp, warm_up_of

START = datetime(2026, 3, 15, 10, tzinfo=UTC)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SCHEDULE = (
    WarmupStep(1, 200, 200, done=True),
    WarmupStep(7, 1000, 1000, done=True),
    WarmupStep(14, 4000, 3800, done=False),
    WarmupStep(21, 10000, 0, done=False),
    WarmupStep(28, 25000, 0, done=False),
)


def an_ip(**changes: Any) -> DedicatedIP:  # noqa: ANN401 - any field of an IP
    facts: dict[str, Any] = {
        "id": "ip_abc123",
        "warmup_status": "warming",
        "warmup_percent": 62,
        "warmup_schedule": SCHEDULE,
        "created_at": START,
    }
    return DedicatedIP(**(facts | changes))


def test_the_references_example_is_200_messages_short() -> None:
    assert warm_up_of(an_ip(), NOW) == WarmUp(
        day=18,
        steps_done=2,
        steps_total=5,
        next_step=SCHEDULE[3],
        behind_messages=200,
        behind_days=4,
        on_schedule=False,
        estimated_warmed_at=START + timedelta(days=28 + 4),
    )


def test_as_json() -> None:
    assert warm_up_of(an_ip(), NOW).to_json() == {
        "day": 18,
        "steps_done": 2,
        "steps_total": 5,
        "next_step": {"day": 21, "limit": 10000, "sent": 0},
        "behind_messages": 200,
        "behind_days": 4,
        "on_schedule": False,
        "estimated_warmed_at": "2026-04-16T10:00:00Z",
    }


def test_the_server_dates_the_start_by_provisioning_where_it_says() -> None:
    later = an_ip(provisioned_at=START + timedelta(days=3))
    assert warm_up_of(later, NOW).day == 15


@pytest.mark.parametrize(
    ("since_start", "day"),
    [(0, 1), (23.99, 1), (24, 2), (47.99, 2), (48, 3), (27 * 24, 28), (28 * 24, 29), (-0.01, None)],
)
def test_a_day_is_24_hours_from_the_start(since_start: float, day: int | None) -> None:
    assert warm_up_of(an_ip(), START + timedelta(hours=since_start)).day == day


def test_todays_step_is_next_and_not_behind() -> None:
    warm_up = warm_up_of(an_ip(), START + timedelta(days=13, hours=2))
    assert (warm_up.day, warm_up.next_step, warm_up.behind_messages) == (14, SCHEDULE[2], 0)
    assert (warm_up.on_schedule, warm_up.behind_days) == (True, 0)
    assert warm_up.estimated_warmed_at == START + timedelta(days=28)


def test_several_short_steps_add_up_and_the_first_of_them_dates_the_delay() -> None:
    warm_up = warm_up_of(an_ip(), START + timedelta(days=22))
    assert (warm_up.behind_messages, warm_up.behind_days) == (10_200, 23 - 14)
    assert warm_up.estimated_warmed_at == START + timedelta(days=28 + 9)


def test_a_passed_step_that_is_not_done_but_lacks_nothing_is_not_behind() -> None:
    steps = (WarmupStep(1, 200, 250, done=False), WarmupStep(28, 9, 0, done=False))
    warm_up = warm_up_of(an_ip(warmup_schedule=steps), NOW)
    assert (warm_up.on_schedule, warm_up.behind_messages, warm_up.steps_done) == (True, 0, 0)


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"warmup_status": "suspended"}, NOW),
        ({"warmup_status": "warmed"}, NOW),
        ({"warmup_status": "not_started", "warmup_percent": 0}, NOW),
        ({"warmup_schedule": ()}, NOW),
        ({"created_at": None}, NOW),
        ({}, START + timedelta(days=28)),
        ({"created_at": datetime.max.replace(tzinfo=UTC)}, datetime.max.replace(tzinfo=UTC)),
    ],
    ids=["suspended", "warmed", "not started", "no schedule", "no start", "overdue", "end of time"],
)
def test_no_estimate_where_it_would_say_nothing(changes: dict[str, Any], now: datetime) -> None:
    assert warm_up_of(an_ip(**changes), now).estimated_warmed_at is None


def test_nothing_is_behind_before_the_start() -> None:
    ip = an_ip(warmup_status="not_started", warmup_percent=0)
    assert warm_up_of(ip, NOW) == WarmUp(None, 2, 5, SCHEDULE[2], None, None, None, None)


def test_a_suspended_ip_is_never_on_schedule() -> None:
    steps = (WarmupStep(1, 200, 200, done=True),)
    ip = an_ip(warmup_status="suspended", warmup_schedule=steps)
    assert warm_up_of(ip, NOW).on_schedule is False


def test_an_unordered_schedule_with_odd_steps() -> None:
    steps = (
        WarmupStep(28, 25000, None, done=None),
        WarmupStep(None, 5, 0, done=False),
        WarmupStep(-3, 100, 0, done=False),
        WarmupStep(14, 0, 0, done=False),
        WarmupStep(14, -7, 0, done=None),
        WarmupStep(1, 200, 900, done=None),
    )
    assert warm_up_of(an_ip(warmup_schedule=steps), NOW) == WarmUp(
        day=18,
        steps_done=1,
        steps_total=4,
        next_step=steps[0],
        behind_messages=0,
        behind_days=0,
        on_schedule=True,
        estimated_warmed_at=START + timedelta(days=28),
    )


NUMBERS = st.none() | st.integers(-(10**15), 10**15)
STEPS = st.builds(WarmupStep, NUMBERS, NUMBERS, NUMBERS, st.none() | st.booleans())
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
STATUSES = st.sampled_from([None, "not_started", "warming", "warmed", "suspended", "active"])


@given(
    st.lists(STEPS, max_size=8).map(tuple),
    TIMES,
    TIMES,
    STATUSES,
    st.datetimes(timezones=st.just(UTC)),
)
def test_any_schedule_has_a_sensible_answer(
    steps: tuple[WarmupStep, ...],
    created_at: datetime | None,
    provisioned_at: datetime | None,
    status: str | None,
    now: datetime,
) -> None:
    ip = an_ip(
        warmup_schedule=steps,
        created_at=created_at,
        provisioned_at=provisioned_at,
        warmup_status=status,
    )
    warm_up = warm_up_of(ip, now)
    assert warm_up.day is None or warm_up.day >= 1
    assert (warm_up.steps_done or 0) <= (warm_up.steps_total or 0) <= len(steps)
    assert (warm_up.behind_messages or 0) >= 0
    assert (warm_up.behind_days or 0) >= 0
    assert bool(warm_up.behind_messages) == bool(warm_up.behind_days)
    assert not (warm_up.on_schedule and warm_up.behind_messages)
    if warm_up.estimated_warmed_at is not None:
        assert status not in {"suspended", "warmed", "not_started"}
        assert now - warm_up.estimated_warmed_at <= timedelta(days=1)


@given(st.permutations(SCHEDULE))
def test_the_order_of_the_steps_does_not_matter(steps: list[WarmupStep]) -> None:
    assert warm_up_of(an_ip(warmup_schedule=tuple(steps)), NOW) == warm_up_of(an_ip(), NOW)
