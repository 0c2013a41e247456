"""The emulator's clock, and the warm-ups that follow it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from misar_ips.errors import UsageError
from tests.emulator.conftest import EXAMPLE, IPS, START, World


def test_the_clock_starts_with_the_state_and_runs_with_real_time(world: World) -> None:
    assert world.store.now() == START
    world.real_seconds += 90
    assert world.store.now() == START + timedelta(seconds=90)
    assert world.store.advance(timedelta(days=7)) == START + timedelta(days=7, seconds=90)
    reply = world.client.get(IPS)
    assert reply.headers["Date"] == "Wed, 08 Apr 2026 12:01:30 GMT"


@pytest.mark.parametrize("by", [timedelta(seconds=-1), timedelta.min, timedelta.max])
def test_the_clock_refuses_to_go_back_or_out_of_the_calendar(world: World, by: timedelta) -> None:
    with pytest.raises(UsageError):
        world.store.advance(by)
    assert world.store.now() == START


def test_a_new_ip_warms_up_over_four_weeks(world: World) -> None:
    ip_id = world.order(rdns="a.example.com")["id"]
    seen = []
    for hours in (23, 1, 12, 6 * 24 + 6, 27 * 24 - 6 * 24 - 18, 23, 1):
        world.store.advance(timedelta(hours=hours))
        seen.append(world.details(ip_id))
    assert [
        (ip["warmup_status"], ip["warmup_percent"], ip["daily_limit"], ip["reputation_score"])
        for ip in seen
    ] == [
        ("not_started", 0, 0, None),
        ("warming", 0, 200, 67),
        ("warming", 1, 200, 67),
        ("warming", 24, 1000, 73),
        ("warming", 96, 25000, 94),
        ("warming", 99, 25000, 94),
        ("warmed", 100, 25000, 95),
    ]
    assert [[step["sent"] for step in ip["warmup_schedule"]] for ip in seen] == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [100, 0, 0, 0, 0],
        [200, 750, 0, 0, 0],
        [200, 1000, 4000, 10000, 0],
        [200, 1000, 4000, 10000, 23958],
        [200, 1000, 4000, 10000, 25000],
    ]
    assert [[step["done"] for step in ip["warmup_schedule"]].count(True) for ip in seen] == [
        *(0, 0, 0, 1, 4, 4, 5)
    ]
    assert [ip["provisioned_at"] for ip in seen] == [None] + ["2026-04-02T12:00:00Z"] * 6
    assert {ip["created_at"] for ip in seen} == {"2026-04-01T12:00:00Z"}


def test_the_daily_limit_grows_every_day_between_the_steps(world: World) -> None:
    ip_id = world.order()["id"]
    limits = []
    for _ in range(28):
        world.store.advance(timedelta(days=1))
        limits.append(world.details(ip_id)["daily_limit"])
    assert [limits[day - 1] for day in (1, 4, 7, 14, 21, 28)] == [
        200,
        600,
        1000,
        4000,
        10000,
        25000,
    ]
    assert limits == sorted(set(limits))


def test_the_example_ip_follows_the_clock_from_its_start(world: World) -> None:
    world.store.advance(timedelta(days=1))
    next_day = world.details("ip_abc123")
    assert (next_day["warmup_percent"], next_day["daily_limit"]) == (64, 8286)
    assert next_day["warmup_schedule"] == EXAMPLE["warmup_schedule"]
    world.store.advance(timedelta(days=10))
    end = world.details("ip_abc123")
    assert end == {
        **EXAMPLE,
        "warmup_status": "warmed",
        "warmup_percent": 100,
        "daily_limit": 25000,
        "reputation_score": 95,
        "warmup_schedule": [
            {"day": 1, "limit": 200, "sent": 200, "done": True},
            {"day": 7, "limit": 1000, "sent": 1000, "done": True},
            {"day": 14, "limit": 4000, "sent": 3800, "done": False},
            {"day": 21, "limit": 10000, "sent": 10000, "done": True},
            {"day": 28, "limit": 25000, "sent": 25000, "done": True},
        ],
    }


def test_a_suspended_ip_stands_still(world: World) -> None:
    before = world.details("ip_ghi789")
    world.store.advance(timedelta(days=60))
    assert world.details("ip_ghi789") == before
    assert before["warmup_status"] == "suspended"
