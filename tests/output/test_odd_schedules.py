"""What `show` and `wait` draw of schedules, days and dates that no one would expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.conftest import Ran, World

DATE = {"Date": "Wed, 01 Apr 2026 12:00:00 GMT"}
STEPS = [
    {"day": day, "limit": 100 * day, "sent": 0 if day > 6 else 100 * day, "done": day <= 6}
    for day in range(1, 21)
]


def run(world: World, line: str, headers: dict[str, str] = DATE, **fields: Any) -> Ran:  # noqa: ANN401 - any JSON value
    """Run the program at a terminal, against a server whose one IP has these fields."""
    ip = {"id": "ip_1", "warmup_status": "warming", "created_at": "2026-03-26T10:00:00Z", **fields}
    world.transport = httpx.MockTransport(
        lambda _request: httpx.Response(200, json={"ip": ip, "ips": [ip]}, headers=headers)
    )
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "80"}
    return world.run(*line.split(), terminal="out err")


def rows(ran: Ran) -> list[str]:
    """Return the rows of the schedule without their bars."""
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    table = lines[next(at for at, line in enumerate(lines) if line.startswith("  DAY")) + 1 :]
    return [" ".join(row.split()).replace("░" * 30 + " ", "") for row in table[: table.index("")]]


def test_of_a_long_schedule_steps_without_a_day_do_not_move_what_is_shown(world: World) -> None:
    undated = [{"limit": 5, "sent": 0, "done": False}] * 12
    shown = rows(run(world, "show ip_1", warmup_schedule=[*undated, *STEPS]))
    assert shown[0] == "… 3 steps before"
    assert shown[3:5] == ["6 600 600 " + "█" * 30 + " ✓ done", "7 700 0 ▶ now"]
    assert shown[-1] == "… 22 steps after"


def test_before_the_first_step_all_are_ahead_and_today_is_not_in_the_plot(world: World) -> None:
    ran = run(world, "show ip_1", warmup_day=2, warmup_schedule=STEPS[9:])
    assert [row.rpartition(" ")[2] for row in rows(ran)[:-1]] == ["ahead"] * 7
    assert "day 2" in ran.stdout
    assert "▲" not in ran.stdout


def test_a_step_says_that_it_is_over_missed_now_or_ahead(world: World) -> None:
    steps = [
        {"day": 1, "limit": 10, "sent": 9, "done": False},
        {"day": 2, "limit": 10, "sent": 8, "done": False},
        {"day": 4, "limit": 10, "done": False},
        {"day": 6, "limit": 10, "sent": 0, "done": False},
        {"day": 9, "limit": 10, "sent": 0, "done": False},
    ]
    ran = run(world, "show ip_1", warmup_schedule=steps)
    marks = [row.rpartition(" ")[2] for row in rows(ran)]
    assert marks == ["over", "missed", "over", "now", "ahead"]
    assert "  Schedule       4 days behind (step of day 2), estimated warmed on 2026-04-04" in (
        ran.stdout.splitlines()
    )


def test_without_a_start_nobody_knows_what_is_ahead(world: World) -> None:
    ran = run(world, "show ip_1", created_at=None, warmup_schedule=STEPS[:7])
    assert [row for row in rows(ran) if "ahead" in row or "now" in row] == []
    assert "Schedule" not in ran.stdout


@pytest.mark.parametrize(
    "created", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z"]
)
def test_a_date_that_stands_for_never_is_not_known(world: World, created: str) -> None:
    for line in ("show ip_1", "list"):
        shown = run(world, line, created_at=created, warmup_schedule=STEPS).stdout
        assert "ago" not in shown
        assert created[:4] not in shown


@pytest.mark.parametrize("goal", ["provisioned", "warmed"])
@pytest.mark.parametrize("field", ["created_at", "provisioned_at", "warmup_start_date"])
@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_waiting_at_a_terminal_survives_any_date(
    world: World, goal: str, field: str, time: str, date: str
) -> None:
    fields = {field: time, "warmup_status": "not_started", "warmup_schedule": STEPS}
    line = f"wait ip_1 --for {goal} --timeout 60s"
    ran = run(world, line, {"Date": date}, **fields)
    assert ran.code in {0, 11}
    assert "unexpected" not in ran.stderr


@pytest.mark.parametrize("day", [0, -1, 10**15, 2.5, "12", None, True, "soon"])
def test_any_day_that_a_server_sends_can_be_drawn(world: World, day: object) -> None:
    for line in ("show ip_1", "list", "check ip_1", "wait ip_1 --for warmed --timeout 60s"):
        ran = run(world, line, warmup_day=day, warmup_schedule=STEPS)
        assert ran.code in {0, 11}


def test_an_ip_that_is_being_provisioned_has_no_warm_up_yet(world: World) -> None:
    fields: dict[str, Any] = {
        "warmup_status": "provisioning",
        "address": None,
        "warmup_schedule": STEPS,
    }
    shown = run(world, "show ip_1", **fields).stdout
    assert shown.startswith("ip_1  no address yet  provisioning: ordered, not there yet\n")
    assert "Schedule" not in shown
    assert "On schedule" not in run(world, "check ip_1", **fields).stdout
    assert "!" not in run(world, "list", **fields).stdout
