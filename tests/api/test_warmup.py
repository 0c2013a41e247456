"""The arithmetic of a warm-up, by example, by property, and against the emulator's own pace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misar_ips.api.models import DedicatedIP, WarmupStep
from misar_ips.api.warmup import WarmUp, details_of, warm_up_of, warm_up_start

if TYPE_CHECKING:
    from tests.conftest import World

START = datetime(2026, 3, 15, 10, tzinfo=UTC)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
END = datetime(2026, 4, 12, 10, tzinfo=UTC)
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


def on_day(day: int, **changes: Any) -> WarmUp:  # noqa: ANN401 - any field of an IP
    """Return where an IP's warm-up is two hours into a day of it."""
    return warm_up_of(an_ip(**changes), START + timedelta(days=day - 1, hours=2))


def step(day: int | None, limit: int | None, sent: int | None, *, done: bool | None) -> WarmupStep:
    return WarmupStep(day, limit, sent, done)


def test_the_references_example_is_on_schedule(world: World) -> None:
    ran = world.run("show", "ip_abc123", "--json")
    assert json.loads(ran.stdout)["warmup"] == {
        "day": 18,
        "steps_done": 2,
        "steps_total": 5,
        "current_step": {"day": 14, "limit": 4000, "sent": 3800},
        "next_step": {"day": 21, "limit": 10000, "sent": 0},
        "missed_step": None,
        "behind_days": 0,
        "on_schedule": True,
        "scheduled_end": "2026-04-12T10:00:00Z",
        "estimated_warmed_at": "2026-04-12T10:00:00Z",
    }


def test_the_servers_own_warmup_is_kept_beside_ours() -> None:
    ip = DedicatedIP.from_json({"id": "ip_1", "warmup": {"day": "soon"}})
    shown = details_of(ip, NOW).to_json()
    assert shown["server_warmup"] == {"day": "soon"}
    assert shown["warmup"] == warm_up_of(ip, NOW).to_json()
    assert "server_warmup" not in details_of(DedicatedIP.from_json({"id": "ip_1"}), NOW).to_json()


@pytest.mark.parametrize(
    ("since_start", "day"),
    [(0, 1), (23.99, 1), (24, 2), (47.99, 2), (48, 3), (27 * 24, 28), (28 * 24, 29), (-0.01, None)],
)
def test_a_day_is_24_hours_from_the_start(since_start: float, day: int | None) -> None:
    assert warm_up_of(an_ip(), START + timedelta(hours=since_start)).day == day


LONG_AGO = NOW - timedelta(days=20)
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({}, 18),
        ({"provisioned_at": START + timedelta(days=3)}, 15),
        ({"warmup_start_date": START + timedelta(days=5), "provisioned_at": START}, 13),
        ({"warmup_day": 10, "created_at": LONG_AGO}, 10),
        ({"warmup_day": 10, "created_at": None}, 10),
        ({"warmup_day": 10, "warmup_start_date": LONG_AGO}, 10),
        ({"warmup_day": 0}, None),
        ({"warmup_day": -3}, None),
        ({"warmup_day": 10**15}, None),
        ({"created_at": None}, None),
        ({"created_at": NEVER}, None),
        ({"created_at": datetime(1970, 1, 1, tzinfo=UTC)}, None),
        ({"created_at": datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)}, None),
        ({"created_at": datetime(2000, 1, 1, tzinfo=UTC)}, 9588),
        ({"provisioned_at": NEVER}, 18),
        ({"created_at": datetime.max.replace(tzinfo=UTC)}, None),
        ({"warmup_status": "not_started"}, None),
        ({"warmup_status": "not_started", "warmup_day": 1}, None),
        ({"warmup_status": "provisioning", "address": None}, None),
        ({"warmup_status": "deprovisioning"}, None),
        ({"warmup_status": "suspended"}, 18),
        ({"warmup_status": "active"}, 18),
        ({"warmup_status": "warmed"}, 18),
        ({"warmup_status": None}, 18),
    ],
)
def test_the_day_is_the_servers_word_else_counted(changes: dict[str, Any], day: int | None) -> None:
    warm_up = warm_up_of(an_ip(**changes), NOW)
    assert warm_up.day == day
    if day is None:
        assert warm_up[3] is None
        assert warm_up[5:] == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("day", "current", "next_step"),
    [(1, 0, 1), (6, 0, 1), (7, 1, 2), (14, 2, 3), (27, 3, 4), (28, 4, None), (40, 4, None)],
)
def test_the_current_step_is_the_last_whose_day_has_come(
    day: int, current: int, next_step: int | None
) -> None:
    warm_up = on_day(day)
    assert warm_up.current_step == SCHEDULE[current]
    assert warm_up.next_step == (None if next_step is None else SCHEDULE[next_step])


def test_before_the_first_step_none_is_current() -> None:
    warm_up = on_day(3, warmup_schedule=SCHEDULE[1:])
    assert (warm_up.current_step, warm_up.next_step) == (None, SCHEDULE[1])


def test_a_warm_up_that_has_not_begun_has_its_first_step_ahead() -> None:
    warm_up = warm_up_of(an_ip(warmup_status="not_started", warmup_percent=0), NOW)
    assert warm_up == WarmUp(None, 2, 5, None, SCHEDULE[0], None, None, None, None, None)
    assert warm_up_of(an_ip(created_at=None), NOW).next_step is None


@pytest.mark.parametrize(
    ("sent", "later_done", "day", "behind"),
    [
        (0, False, 13, 0),
        (0, False, 14, 1),
        (899, False, 16, 3),
        (900, False, 16, 0),
        (None, False, 16, 0),
        (-5, False, 16, 3),
        (0, True, 16, 0),
        (0, True, 30, 0),
    ],
)
def test_a_step_is_missed_when_it_is_over_and_got_too_little(
    sent: int | None, day: int, behind: int, *, later_done: bool
) -> None:
    steps = (
        step(1, 200, 200, done=True),
        step(7, 1000, sent, done=False),
        step(14, 4000, 4000 if later_done else 3700, done=later_done),
        step(21, 9000, 8500, done=False),
        step(28, 9000, 8500, done=False),
    )
    warm_up = on_day(day, warmup_schedule=steps)
    assert warm_up.missed_step == (steps[1] if behind else None)
    assert warm_up.behind_days == behind
    # What it got is not told: nobody can say that it was missed, nor that it was not.
    assert warm_up.on_schedule is (None if sent is None else behind == 0)


def test_of_several_missed_steps_the_first_counts() -> None:
    steps = tuple(each._replace(sent=0, done=False) for each in SCHEDULE)
    warm_up = on_day(40, warmup_schedule=steps)
    assert (warm_up.missed_step, warm_up.behind_days) == (steps[0], 40 - 6)


def test_the_last_step_is_its_own_day() -> None:
    assert on_day(28, warmup_schedule=SCHEDULE[3:]).missed_step == SCHEDULE[3]
    alone = {"warmup_schedule": SCHEDULE[4:]}
    assert on_day(28, **alone).on_schedule is True
    assert (on_day(29, **alone).on_schedule, on_day(31, **alone).behind_days) == (False, 3)


@pytest.mark.parametrize("limit", [0, -7])
def test_a_step_without_a_limit_above_zero_is_never_missed(limit: int) -> None:
    steps = (step(1, limit, 0, done=False), step(28, 9, 0, done=False))
    assert on_day(20, warmup_schedule=steps).on_schedule is True


def test_steps_of_one_day_are_over_together() -> None:
    steps = (step(7, 9, 0, done=False), step(7, 9, 9, done=True), step(14, 9, 0, done=False))
    assert on_day(13, warmup_schedule=steps).missed_step is None
    assert on_day(15, warmup_schedule=steps).missed_step == steps[0]


def test_an_unordered_schedule_with_odd_steps() -> None:
    steps = (
        step(28, 25000, None, done=None),
        step(None, 5, 0, done=False),
        step(-3, 100, 0, done=False),
        step(14, 0, 0, done=False),
        step(14, -7, 0, done=None),
        step(1, 200, None, done=True),
    )
    warm_up = warm_up_of(an_ip(warmup_schedule=steps), NOW)
    assert warm_up == (18, 1, 4, steps[4], steps[0], None, 0, True, END, END)


@pytest.mark.parametrize(
    "changes", [{"warmup_schedule": ()}, {"warmup_schedule": (step(None, 5, 0, done=False),)}]
)
def test_without_a_schedule_nothing_is_on_schedule(changes: dict[str, Any]) -> None:
    assert warm_up_of(an_ip(**changes), NOW) == WarmUp(18, *[None] * 9)


def test_a_suspended_ip_is_not_on_schedule_and_has_no_estimate() -> None:
    warm_up = on_day(18, warmup_status="suspended")
    assert (warm_up.on_schedule, warm_up.behind_days) == (False, 0)
    assert (warm_up.scheduled_end, warm_up.estimated_warmed_at) == (END, None)


@pytest.mark.parametrize(
    ("day", "percent", "days_needed"),
    [
        (18, None, 28),
        (18, 0, 28),
        (18, 62, 28),
        (18, 100, 28),
        (18, 120, 28),
        (18, -1, 28),
        (18, 33, (17 + 2 / 24) * 100 / 34),
        (3, 1, (2 + 2 / 24) * 100 / 2),
        (2, 1, 28),
        (1, 1, 28),
        (40, 62, (39 + 2 / 24) * 100 / 63),
        (40, 99, None),
        (29, None, None),
    ],
)
def test_the_estimate_is_the_later_of_the_schedule_and_the_percent(
    day: int, percent: float | None, days_needed: float | None
) -> None:
    estimate = on_day(day, warmup_percent=percent).estimated_warmed_at
    if days_needed is None:
        assert estimate is None
    else:
        assert estimate is not None
        assert abs(estimate - START - timedelta(days=days_needed)) < timedelta(seconds=1)


@pytest.mark.parametrize("hours", range(-12, 60, 5))
@pytest.mark.parametrize(
    ("changes", "started"),
    [
        ({}, START),
        ({"warmup_start_date": START + timedelta(days=2)}, START + timedelta(days=2)),
        ({"created_at": START - timedelta(days=20)}, START),
    ],
)
def test_a_start_that_the_servers_day_contradicts_is_moved_and_keeps_its_hour(
    hours: int, changes: dict[str, Any], started: datetime
) -> None:
    now = NOW + timedelta(hours=hours)
    ip = an_ip(warmup_day=(now - started).days + 1, warmup_percent=None, **changes)
    assert warm_up_start(ip, now) == started
    assert warm_up_of(ip, now).estimated_warmed_at == started + timedelta(days=28)


@pytest.mark.parametrize("hours", range(0, 24, 5))
def test_a_server_may_count_days_from_midnight(hours: int) -> None:
    now = NOW.replace(hour=hours)
    assert warm_up_start(an_ip(warmup_day=18), now) == START
    no_date = an_ip(warmup_day=18, created_at=None)
    assert warm_up_start(no_date, now) == datetime(2026, 3, 15, tzinfo=UTC)
    assert warm_up_start(no_date._replace(created_at=END), now) == datetime(2026, 3, 15, tzinfo=UTC)


NUMBERS = st.none() | st.integers(-(10**15), 10**15)
DAYS = st.none() | st.integers(-2, 40)
COUNTS = st.none() | st.integers(-10, 1000)
FLAGS = st.none() | st.booleans()
STEPS = st.builds(WarmupStep, NUMBERS, NUMBERS, NUMBERS, FLAGS)
SCHEDULES = st.lists(st.builds(WarmupStep, DAYS, COUNTS, COUNTS, FLAGS), max_size=8).map(tuple)
MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [NEVER, datetime.max.replace(tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), START, NOW]
)
STATUSES = st.sampled_from(
    [None, "not_started", "warming", "warmed", "suspended", "provisioning", "active", "else"]
)


@given(
    st.builds(
        an_ip,
        warmup_schedule=st.lists(STEPS, max_size=8).map(tuple),
        created_at=st.none() | MOMENTS,
        provisioned_at=st.none() | MOMENTS,
        warmup_start_date=st.none() | MOMENTS,
        warmup_day=NUMBERS,
        warmup_status=STATUSES,
        warmup_percent=st.none() | st.floats(-1e15, 1e15),
    ),
    MOMENTS,
)
def test_anything_has_a_sensible_answer(ip: DedicatedIP, now: datetime) -> None:
    warm_up = warm_up_of(ip, now)
    assert warm_up.day is None or warm_up.day >= 1
    assert (warm_up.steps_done or 0) <= (warm_up.steps_total or 0) <= len(ip.warmup_schedule)
    assert (warm_up.behind_days or 0) >= 0
    assert bool(warm_up.missed_step) == bool(warm_up.behind_days)
    assert not (warm_up.on_schedule and warm_up.missed_step)
    if estimate := warm_up.estimated_warmed_at:
        assert ip.warmup_status not in {"suspended", "warmed", "not_started", "provisioning"}
        assert now < estimate
        assert warm_up.scheduled_end is not None
        assert warm_up.scheduled_end <= estimate
    json.dumps(warm_up.to_json())


@given(SCHEDULES, st.integers(1, 45))
def test_a_step_is_missed_only_when_it_is_over_short_and_overtaken_by_none(
    steps: tuple[WarmupStep, ...], day: int
) -> None:
    missed = on_day(day, warmup_schedule=steps).missed_step
    if missed is None:
        return
    assert missed.day is not None
    assert missed.limit is not None
    assert missed.sent is not None
    assert missed.day < day
    later = [each for each in steps if each.day is not None and each.day > missed.day]
    assert not later or any((each.day or 0) <= day for each in later)
    assert missed.done is not True
    assert not any(each.done for each in later)
    assert max(0, missed.sent) / missed.limit < 0.9


@given(SCHEDULES, st.integers(1, 45), st.sampled_from([("warmed", 5), ("active", 100)]))
def test_a_warmed_ip_is_never_behind(
    steps: tuple[WarmupStep, ...], day: int, warmed: tuple[str, float]
) -> None:
    status, percent = warmed
    warm_up = on_day(day, warmup_schedule=steps, warmup_status=status, warmup_percent=percent)
    assert (warm_up.on_schedule, warm_up.behind_days, warm_up.missed_step) == (True, 0, None)
    assert (warm_up.next_step, warm_up.estimated_warmed_at) == (None, None)


@given(
    days=st.sets(st.integers(1, 90), min_size=1).map(sorted),
    passed=st.floats(0, 0.999),
    is_cut=st.booleans(),
)
def test_the_estimate_does_not_move_while_the_pace_is_kept(
    days: list[int], passed: float, *, is_cut: bool
) -> None:
    length = timedelta(days=days[-1])
    now = START + length * passed
    day = (now - START).days + 1
    percent = 100 * passed
    ip = an_ip(
        warmup_percent=int(percent) if is_cut else percent,
        warmup_schedule=tuple(step(each, 10, 10 * (each < day), done=each < day) for each in days),
    )
    warm_up = warm_up_of(ip, now)
    assert (warm_up.on_schedule, warm_up.behind_days) == (True, 0)
    assert warm_up.estimated_warmed_at == START + length


@given(st.permutations(SCHEDULE))
def test_the_order_of_the_steps_does_not_matter(steps: list[WarmupStep]) -> None:
    assert warm_up_of(an_ip(warmup_schedule=tuple(steps)), NOW) == warm_up_of(an_ip(), NOW)


@pytest.mark.parametrize("ip_id", ["ip_abc123", "ip_jkl012", "an order"])
def test_the_emulator_is_warmed_within_a_day_of_what_was_estimated(
    world: World, ip_id: str
) -> None:
    """Step it through its warm-up, and ask four times a day."""
    if ip_id == "an order":
        ip_id = json.loads(world.run("request", "--json").stdout)["id"]
    estimates = set()
    while (ip := json.loads(world.run("show", ip_id, "--json").stdout))[
        "warmup_status"
    ] != "warmed":
        if (ip["warmup"]["day"] or 0) >= 3:
            estimates.add(ip["warmup"]["estimated_warmed_at"])
            assert ip["warmup"]["on_schedule"] is True
        world.emulator.store.advance(timedelta(hours=6))
    warmed_at = world.emulator.store.now()
    assert len(estimates) == 1
    assert abs(warmed_at - datetime.fromisoformat(estimates.pop())) < timedelta(days=1)
