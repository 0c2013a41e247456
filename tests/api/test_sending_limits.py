"""The floor of what may be sent on a day ahead: by example, and held against the emulator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from misar_ips import Client
from misar_ips.api.models import DedicatedIP, WarmupStep
from misar_ips.api.sending_limits import limit_floor
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.store import Store
from tests.conftest import KEY

START = datetime(2026, 3, 15, 10, tzinfo=UTC)
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SCHEDULE = tuple(
    WarmupStep(day, limit, limit if day < 14 else 0, done=day < 14)
    for day, limit in ((1, 200), (7, 1000), (14, 4000), (21, 10000), (28, 25000))
)


def floors(days: int = 30, **changes: Any) -> list[int | None]:  # noqa: ANN401 - any field of an IP
    """Return the floors of today and of the days ahead of an IP that is on day 18."""
    facts: dict[str, Any] = {
        "warmup_status": "warming",
        "daily_limit": 8000,
        "warmup_schedule": SCHEDULE,
        "created_at": START,
    }
    ip = DedicatedIP("ip_1", **(facts | changes))
    return [limit_floor(ip, NOW.date() + timedelta(ahead), NOW) for ahead in range(days)]


def test_while_it_warms_the_larger_of_todays_limit_and_the_step_that_has_come() -> None:
    # Day 21 begins at 10:00 on 4 April, so that it has come at the start of the 5th.
    assert floors(13) == [8000] * 4 + [10000] * 7 + [25000] * 2
    assert floors(5, daily_limit=500) == [500, 4000, 4000, 4000, 10000]
    assert floors(5, daily_limit=12000) == [12000] * 5


def test_a_warm_up_that_is_behind_gets_to_each_step_later() -> None:
    steps = (SCHEDULE[0], WarmupStep(7, 1000, 500, done=False), *SCHEDULE[2:])
    # The step of day 7 was over on day 13, five days before day 18.
    assert floors(18, warmup_schedule=steps) == [8000] * 9 + [10000] * 7 + [25000] * 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"warmup_status": "warmed"}, [8000] * 30),
        ({"warmup_status": "active", "warmup_percent": 100}, [8000] * 30),
        ({"warmup_status": "suspended"}, [0] * 30),
        ({"warmup_status": "provisioning"}, [0] * 30),
        ({"warmup_status": "deprovisioning"}, [0] * 30),
        ({"warmup_status": "paused"}, [8000] * 30),
        ({"warmup_status": None}, [8000] * 30),
        ({"warmup_schedule": ()}, [8000] * 30),
        ({"created_at": None}, [8000] * 30),
        ({"created_at": datetime(1, 1, 1, tzinfo=UTC)}, [8000] * 30),
        ({"warmup_status": "warmed", "daily_limit": None}, [None] * 30),
        ({"daily_limit": None}, [None] + [4000] * 3 + [10000] * 7 + [25000] * 19),
        ({"daily_limit": 40000}, [40000] * 11 + [25000] * 19),
    ],
)
def test_what_else_an_ip_may_be(changes: dict[str, Any], expected: list[int | None]) -> None:
    assert floors(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # It begins on 3 April, 06:00: on the 4th it is day 1, and day 7 begins on the 9th.
        ({"provisioned_at": NOW + timedelta(hours=42)}, [0] * 3 + [200] * 6 + [1000]),
        ({"created_at": NOW + timedelta(hours=18)}, [0] * 3 + [200] * 6 + [1000]),
        # What should have begun long ago has not: it can't be further than if it began now.
        ({"provisioned_at": START}, [0] + [200] * 6 + [1000]),
        ({"created_at": None}, [0] * 30),
        ({"created_at": datetime.max.replace(tzinfo=UTC)}, [0] * 30),
    ],
)
def test_before_the_warm_up(changes: dict[str, Any], expected: list[int | None]) -> None:
    shown = floors(len(expected), warmup_status="not_started", daily_limit=0, **changes)
    assert shown == expected


def test_the_servers_day_may_have_begun_just_now() -> None:
    assert floors(6, warmup_day=18, created_at=None) == [8000] * 4 + [10000] * 2
    assert floors(4, warmup_day=20) == [8000, 8000, 10000, 10000]


def test_a_step_that_allows_less_counts_once_it_comes() -> None:
    steps = (*SCHEDULE[:3], WarmupStep(21, 3000, 0, done=False), SCHEDULE[4])
    assert floors(13, warmup_schedule=steps) == [8000] * 4 + [3000] * 9
    twice = (
        *SCHEDULE[:3],
        WarmupStep(21, 9000, 0, done=False),
        WarmupStep(21, 12000, 0, done=False),
    )
    assert floors(6, warmup_schedule=twice) == [8000] * 4 + [9000] * 2


NUMBERS = st.none() | st.integers(-(10**15), 10**15)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))


@given(
    st.builds(
        DedicatedIP,
        st.just("ip_1"),
        warmup_status=st.sampled_from([None, "not_started", "warming", "active", "warmed"]),
        daily_limit=NUMBERS,
        warmup_day=NUMBERS,
        created_at=TIMES,
        warmup_schedule=st.lists(
            st.builds(WarmupStep, NUMBERS | st.integers(1, 40), NUMBERS, NUMBERS, st.booleans()),
            max_size=6,
        ).map(tuple),
    ),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
)
def test_any_ip_has_a_floor_on_any_day(ip: DedicatedIP, day: date, now: datetime) -> None:
    floor = limit_floor(ip, day, now)
    most = [ip.daily_limit, *(step.limit for step in ip.warmup_schedule), 0]
    assert floor is None or floor <= max(each for each in most if each is not None)


@settings(max_examples=4, deadline=None)
@given(ordered_after=st.integers(0, 40 * 24), looked_after=st.integers(0, 30 * 24))
@example(ordered_after=0, looked_after=0)
def test_no_floor_is_above_what_the_emulator_then_allows(
    ordered_after: int, looked_after: int
) -> None:
    """Look at an account day by day, and hold every earlier look against what is allowed then."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder, "emulator.db"), real_time=lambda: 1_800_000_000.0)
        emulator = Emulator(store, plan="enterprise", rate_limit=0)
        client = Client(KEY, transport=httpx.MockTransport(emulator))
        store.advance(timedelta(hours=ordered_after))
        client.request(pool="cold")
        now = store.advance(timedelta(hours=looked_after))
        looks: list[tuple[DedicatedIP, datetime]] = []
        for _ in range(28):
            ips = [client.get(ip.id) for ip in client.list()]
            for seen, seen_at in looks:
                floor = limit_floor(seen, now.date(), seen_at)
                (allowed,) = (ip.daily_limit for ip in ips if ip.id == seen.id)
                assert floor is not None
                assert allowed is not None
                assert floor <= allowed
            looks += [(ip, now) for ip in ips]
            midnight = datetime.combine(now.date() + timedelta(1), datetime.min.time(), UTC)
            now = store.advance(midnight - now)
