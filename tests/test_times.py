"""Durations: one grammar for every option and argument that takes one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from misar_ips import UsageError
from misar_ips.times import parse_duration, parse_interval
from tests.conftest import Ran, World

if TYPE_CHECKING:
    from misar_ips.emulator.store import Store

EXAMPLES = "Write it as 90s, 15m, 24h, 28d or 1h30m."


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("5", timedelta(seconds=5)),
        ("0.5", timedelta(seconds=0.5)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(days=1)),
        ("28d", timedelta(days=28)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("1d2h3m4.5s", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("0h30m", timedelta(minutes=30)),
        ("90m", timedelta(minutes=90)),
        (" 007d ", timedelta(days=7)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_a_duration_moves_the_emulators_clock(
    world: World, store: Store, written: str, duration: timedelta
) -> None:
    start = store.now()
    assert world.run("emulator", "advance", written).code == 0
    assert store.now() - start == duration


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "d", "s5", "-5", "-5d", "+5", ".5", "5.", "1,5h", "1e3s", "1e300", "inf", "nan"),
        *("5 d", "5D", "2h1d", "1h1h", "1h30", "٣d", "5w", "1_0s", "0x5", "1h 30m"),
    ],
)
def test_what_is_no_duration(world: World, written: str) -> None:
    assert world.run("emulator", "advance", "--", written) == Ran(
        2, "", f"Error: `{written}` is not a valid duration. {EXAMPLES}\n"
    )


@pytest.mark.parametrize("written", ["3651d", "107000d", "1" * 400, "3650d1s"])
def test_a_duration_that_nobody_means(world: World, written: str) -> None:
    assert world.run("emulator", "advance", written) == Ran(
        2, "", f"Error: `{written}` is longer than 3650 days. {EXAMPLES}\n"
    )


@pytest.mark.parametrize("written", ["0", "0s", "0h0m", "0.0", "0.0000001s"])
def test_zero_is_a_duration_only_where_it_makes_sense(world: World, written: str) -> None:
    assert world.run("emulator", "advance", written) == Ran(
        2, "", f"Error: `{written}` must be longer than zero. {EXAMPLES}\n"
    )
    assert parse_duration(written, may_be_zero=True) == timedelta(0)


@pytest.mark.parametrize(("written", "seconds"), [("5", 5.0), ("5s", 5.0), ("1m30s", 90.0)])
def test_an_interval_is_in_seconds(written: str, seconds: float) -> None:
    assert parse_interval(written) == seconds


@pytest.mark.parametrize("written", ["1", "4.999s", "0.01m"])
@pytest.mark.parametrize("command", [["wait", "--for", "warmed"], ["show", "--watch"]])
def test_an_interval_under_five_seconds_is_refused(
    world: World, command: list[str], written: str
) -> None:
    assert world.run(*command, "ip_abc123", "--interval", written) == Ran(
        2,
        "",
        f"Error: An interval of `{written}` is too short. The shortest is `--interval 5s`.\n",
    )
    assert world.received() == []


@given(st.text() | st.from_regex(r"(\d{1,12}(\.\d{1,12})?[smhd]){1,4}", fullmatch=True))
@example("999999999d")
@example("9" * 5000)
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except UsageError:
        return
    assert timedelta(0) < duration <= timedelta(days=3650)
