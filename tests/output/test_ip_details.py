"""One IP on a terminal: settings, reputation, schedule, ramp."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from misar_ips.api.models import DedicatedIP, ReputationEntry, WarmupStep
from tests.output.shown import (
    NOW,
    SHOW_IN_40_COLUMNS,
    SHOW_IN_60_COLUMNS,
    SHOW_IN_80_COLUMNS,
    lines_of,
    without_colour,
)

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.mark.parametrize(
    ("columns", "text"),
    [(40, SHOW_IN_40_COLUMNS), (60, SHOW_IN_60_COLUMNS), (80, SHOW_IN_80_COLUMNS)],
)
def test_show_in_terminals_of_several_widths(world: World, columns: int, text: str) -> None:
    assert without_colour(world, columns).run("show", "ip_abc123", terminal="out").stdout == text


def test_numbers_that_make_no_sense_are_shown_as_they_are() -> None:
    ip = DedicatedIP.from_json(
        {
            "id": "ip_1",
            "warmup_percent": 250,
            "daily_limit": 1,
            "reputation_score": -3.5,
            "created_at": "2027-01-01T00:00:00Z",
            "warmup_schedule": [
                {"day": 1, "limit": 0, "sent": 5, "done": True},
                {"day": -2, "limit": -100, "sent": -50},
                {"day": 3, "limit": 100, "sent": 900, "done": False},
                {"limit": 1_000_000_000, "sent": -7},
                {},
            ],
        }
    )
    assert lines_of(ip) == [
        "ip_1  no address yet  —",
        "",
        "  rDNS           —",
        "  Pool           —",
        "  Created        2027-01-01 00:00 UTC",
        "  Today's limit  1 message",
        "  Reputation     -3.5",
        f"  Warm-up        {'█' * 40}  250%",
        "",
        "  DAY          LIMIT  SENT  SENT OF LIMIT",
        "    1              0     5  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ✓ done",
        "    3            100   900  ██████████████████████████████",
        "   -2           -100   -50  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "    —  1,000,000,000    -7  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "    —              —     —  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "",
        "  Messages a day: █ sent, ░ allowed; straight between steps.",
        "  100 ┤                                              ░░░░░░░░░░",
        "      ┤                                   ░░░░░░░░░░░░░░░░░░░░░",
        "      ┤                        ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "      ┤             ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "      ┤  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "       1                                                      3",
    ]


def test_numbers_that_are_too_long_for_the_terminal_are_cut_at_its_edge() -> None:
    step = WarmupStep(day=1, limit=10**15, sent=10**15, done=True)
    assert lines_of(DedicatedIP("ip_1", warmup_schedule=(step,)), 40)[-2:] == [
        "  DAY                  LIMIT  …",
        "    1  1,000,000,000,000,000  1,000,000…",
    ]


@pytest.mark.parametrize("text", [" ", "   ", "\u0301", "\u0301\u0323"])
def test_a_text_without_a_letter_is_as_good_as_none(text: str) -> None:
    assert lines_of(DedicatedIP("ip_1", pool=text))[-1] == "  Pool           —"


def test_steps_say_in_a_word_and_a_colour_where_they_stand(world: World) -> None:
    shown = world.run("show", "ip_abc123", terminal="out").stdout
    assert shown.splitlines()[11:14] == [
        f"    1     200    200  \x1b[32m{'█' * 30}\x1b[0m  \x1b[32m✓ done\x1b[0m",
        f"    7   1,000  1,000  \x1b[32m{'█' * 30}\x1b[0m  \x1b[32m✓ done\x1b[0m",
        f"   14   4,000  3,800  \x1b[33m{'█' * 28}▌░\x1b[0m  \x1b[1m▶ now\x1b[0m",
    ]


def test_a_long_schedule_shows_the_steps_around_today() -> None:
    steps = tuple(
        WarmupStep(day, day * 3, day * 3 if day < 10 else 0, done=day < 10)
        for day in range(1, 10_001)
    )
    ip = DedicatedIP(
        "ip_1",
        warmup_status="warming",
        created_at=datetime(2026, 3, 15, 10, tzinfo=UTC),
        warmup_schedule=steps,
    )
    lines = lines_of(ip)
    assert len(lines) == 23
    assert lines[5:10] == [
        "  Schedule       8 days behind (step of day 10), estimated warmed on 2053-07-31",
        "",
        "  DAY  LIMIT  SENT  SENT OF LIMIT",
        "  … 14 steps before",
        "   15     45     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ✗ missed",
    ]
    assert lines[12:14] == [
        "   18     54     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ▶ now",
        "   19     57     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead",
    ]
    assert lines[16] == "  … 9,979 steps after"


def test_of_a_warmed_ip_the_way_there_is_left_out(world: World) -> None:
    assert (
        without_colour(world, 80).run("show", "ip_def456", terminal="out").stdout
        == """\
ip_def456  198.51.100.17  warmed: warm-up complete, full daily limit

  rDNS           tx.yourdomain.com
  Pool           transactional
  Created        2026-01-12 08:00 UTC (79 days ago)
  Provisioned    2026-01-13 08:00 UTC (78 days ago)
  Today's limit  25,000 messages
  Reputation     98
"""
    )


def test_a_suspended_ip_says_why_and_what_to_do_on_one_screen(world: World) -> None:
    shown = without_colour(world, 80).run("show", "ip_ghi789", terminal="out").stdout.splitlines()
    assert len(shown) == 23
    assert shown[0] == "ip_ghi789  198.51.100.88  suspended: paused after a spike of complaints"
    assert shown[8:10] == [
        "  Warm-up        ███████████████▏░░░░░░░░░░░░░░░░░░░░░░░░  38%",
        "  What to do     Stop what drew the complaints; then ask MisarMail's support.",
    ]


def history_of(*scores: float) -> DedicatedIP:
    """Return an IP whose reputation had these values, on a day each."""
    entries = tuple(
        ReputationEntry(NOW - timedelta(len(scores) - day), score)
        for day, score in enumerate(scores)
    )
    return DedicatedIP("ip_1", reputation_score=scores[-1], reputation_history=entries)


@pytest.mark.parametrize(
    ("scores", "width", "shown"),
    [
        ([70, 80, 60, 84], 80, "  History        70 ▄▇▁█ 84, lowest 60"),
        ([84, 84], 80, "  History        84 ▁▁ 84, lowest 84"),
        ([-1.5, 99.25], 80, "  History        -1.5 ▁█ 99.25, lowest -1.5"),
        ([90, 91, 92, 20, *[95] * 56], 80, f"  History        90 █▁{'█' * 28} 95, lowest 20"),
        ([90, 91, 92, 20, *[95] * 56], 40, "  History        90 ▁ 95, lowest 20"),
    ],
)
def test_a_reputations_history_is_a_line(scores: list[float], width: int, shown: str) -> None:
    lines = lines_of(history_of(*scores), width)
    assert f"  Reputation     {scores[-1]:g}" in lines
    assert [line for line in lines if line.startswith("  History")] == [shown]


def test_one_value_is_no_history() -> None:
    assert "History" not in "".join(lines_of(history_of(84)))


def test_an_ip_on_schedule_says_so() -> None:
    ip = DedicatedIP(
        "ip_1",
        warmup_status="warming",
        created_at=NOW,
        warmup_schedule=(
            WarmupStep(1, 200, 50, done=False),
            WarmupStep(28, 25_000, 0, done=False),
        ),
    )
    lines = lines_of(ip)
    assert "  Schedule       on schedule, estimated warmed on 2026-04-29" in lines
    assert lines[8:10] == [
        "    1     200    50  ███████▌░░░░░░░░░░░░░░░░░░░░░░  ▶ now",
        "   28  25,000     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead",
    ]
