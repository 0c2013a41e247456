"""What a terminal shows, compared as text: tables, bars, details, and server text made harmless."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misar_ips.api.models import DedicatedIP, WarmupStep
from misar_ips.api.warmup import details_of
from misar_ips.output import drawing
from misar_ips.output import ip_table as views
from misar_ips.results import ProfileEntry, Release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.results import Result
    from tests.conftest import World

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)

LIST_WITH_ALL_COLUMNS = """\
ID         ADDRESS         RDNS                 POOL           STATUS       WARM-UP          AGE
ip_abc123  198.51.100.42   mail.yourdomain.com  marketing      warming      ██████▏░░░  62%  17d
ip_def456  198.51.100.17   tx.yourdomain.com    transactional  warmed       ██████████ 100%  79d
ip_ghi789  198.51.100.88   news.yourdomain.com  marketing      suspended !  ███▊░░░░░░  38%  29d
ip_jkl012  198.51.100.131  —                    transactional  not_started  ░░░░░░░░░░   0%   0d
"""

ACCOUNT = (
    "\n1 warming, 1 warmed, 1 suspended, 1 not_started, 35,714 messages today, "
    "1 behind schedule or suspended (!), next estimated warmed on 2026-04-12\n"
)

LIST_IN_80_COLUMNS = """\
ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP
ip_abc123  198.51.100.42   mail.yourdom…  marketing      warming      ███░░  62%
ip_def456  198.51.100.17   tx.yourdomai…  transactional  warmed       █████ 100%
ip_ghi789  198.51.100.88   news.yourdom…  marketing      suspended !  █▉░░░  38%
ip_jkl012  198.51.100.131  —              transactional  not_started  ░░░░░   0%

1 warming, 1 warmed, 1 suspended, 1 not_started, 35,714 messages today, 1 behind
schedule or suspended (!), next estimated warmed on 2026-04-12
"""

LIST_IN_60_COLUMNS = """\
ID         ADDRESS         POOL      STATUS       WARM-UP
ip_abc123  198.51.100.42   marketi…  warming      ███░░  62%
ip_def456  198.51.100.17   transac…  warmed       █████ 100%
ip_ghi789  198.51.100.88   marketi…  suspended !  █▉░░░  38%
ip_jkl012  198.51.100.131  transac…  not_started  ░░░░░   0%

1 warming, 1 warmed, 1 suspended, 1 not_started, 35,714
messages today, 1 behind schedule or suspended (!), next
estimated warmed on 2026-04-12
"""

SHOW_IN_80_COLUMNS = """\
ip_abc123  198.51.100.42  warming: warm-up in progress, day 18

  rDNS           mail.yourdomain.com
  Pool           marketing
  Created        2026-03-15 10:00 UTC (17 days ago)
  Today's limit  8,000 messages
  Reputation     █████████████████████████████████▌░░░░░░  84 of 100
  Warm-up        ████████████████████████▊░░░░░░░░░░░░░░░  62%
  Schedule       on schedule, estimated warmed on 2026-04-12

  DAY   LIMIT   SENT  SENT OF LIMIT
    1     200    200  ██████████████████████████████  ✓ done
    7   1,000  1,000  ██████████████████████████████  ✓ done
   14   4,000  3,800  ████████████████████████████▌░  ▶ now
   21  10,000      0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead
   28  25,000      0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead

  25,000 ┤ messages a day: █ sent, ░ allowed                 ░░░░░
         ┤                                               ░░░░░░░░░
         ┤                                          ░░░░░░░░░░░░░░
         ┤                              ░░░░░░░░░░░░░░░░░░░░░░░░░░
         ┤       ▁▁▁▁▁▁▁▂▂▂▃▃▃▄▄▄▄▅▅▅░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
          1           7             14       ▲ 18  21           28
"""

SHOW_IN_60_COLUMNS = """\
ip_abc123
  198.51.100.42  warming: warm-up in progress, day 18

  rDNS           mail.yourdomain.com
  Pool           marketing
  Created        2026-03-15 10:00 UTC (17 days ago)
  Today's limit  8,000 messages
  Reputation     █████████████████████████▏░░░░  84 of 100
  Warm-up        ██████████████████▌░░░░░░░░░░░  62%
  Schedule       on schedule, estimated warmed on 2026-04-12

  DAY   LIMIT   SENT  SENT OF LIMIT
    1     200    200  █████████████  ✓ done
    7   1,000  1,000  █████████████  ✓ done
   14   4,000  3,800  ████████████▎  ▶ now
   21  10,000      0  ░░░░░░░░░░░░░  · ahead
   28  25,000      0  ░░░░░░░░░░░░░  · ahead

  25,000 ┤ messages a day: █ sent, ░ allowed           ░░░░░
         ┤                                        ░░░░░░░░░░
         ┤                              ░░░░░░░░░░░░░░░░░░░░
         ┤        ▁▁▁▁▁▁▂▂▂▃▃▃▃▄▄▄░░░░░░░░░░░░░░░░░░░░░░░░░░
          1          7            14     ▲ 18 21          28
"""

SHOW_IN_40_COLUMNS = """\
ip_abc123
  198.51.100.42  warming: warm-up in pr…

  rDNS           mail.yourdomain.com
  Pool           marketing
  Created        2026-03-15 10:00 UTC
                 (17 days ago)
  Today's limit  8,000 messages
  Reputation     ████████▍░  84 of 100
  Warm-up        ██████▏░░░  62%
  Schedule       on schedule, estimated
                 warmed on 2026-04-12

  DAY   LIMIT   SENT
    1     200    200  ✓ done
    7   1,000  1,000  ✓ done
   14   4,000  3,800  ▶ now
   21  10,000      0  · ahead
   28  25,000      0  · ahead

  25,000 ┤                          ░░░░
         ┤                     ░░░░░░░░░
         ┤       ▁▁▁▂▂▂▃░░░░░░░░░░░░░░░░
          1     7       14  ▲ 18      28
"""

LOSSES = """\
ip_abc123  198.51.100.42  warming
  PTR hostname   mail.yourdomain.com
  Pool           marketing
  Last of pool   yes, sends fall back to the shared pool
  Warm-up        62%
  Reputation     84 of 100
  Created        17 days ago

ip_ghi789  198.51.100.88  suspended
  PTR hostname   news.yourdomain.com
  Pool           marketing
  Last of pool   yes, sends fall back to the shared pool
  Warm-up        38%
  Reputation     38 of 100
  Provisioned    28 days ago

Release these 2 IPs? [y/N] \
"""

LOSSES_IN_30_COLUMNS = """\
ip_def456
  198.51.100.17  warmed
  PTR hostname   tx.yourdomain
                 .com
  Pool           transactional
  Warm-up        100%
  Reputation     98 of 100
  Provisioned    78 days ago

The reputation history of
ip_def456 is discarded for
good. Release ip_def456? [y/N] \
"""


def lines_of(value: Result | DedicatedIP, width: int = 80) -> list[str]:
    """Return the lines that a terminal of that width shows, without their colours."""
    result = details_of(value, NOW) if isinstance(value, DedicatedIP) else value
    return ["".join(cell.text for cell in line) for line in views.of(result, NOW, width).lines]


def server_with(world: World, *ips: object) -> World:
    """Return the world another server, which answers every list with these IPs, byte for byte."""
    body = json.dumps({"success": True, "ips": ips}).encode()  # ASCII: a lone surrogate passes
    return replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    )


def without_colour(world: World, columns: int) -> World:
    """Return the world a terminal of that width and without colours."""
    world.environ.update(COLUMNS=str(columns), NO_COLOR="1")
    return world


def table_of(ips: Sequence[DedicatedIP], width: int = 80) -> list[str]:
    """Return the lines of the table of IPs, without what is said of the account below."""
    table = views.ip_table(ips, NOW, width)
    return ["".join(cell.text for cell in line) for line in table.lines]


def cells(text: str) -> int:
    """Count the cells of a terminal by Unicode's own tables, not by the ones rich has."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


@pytest.mark.parametrize(
    ("columns", "table"),
    [
        (60, LIST_IN_60_COLUMNS),
        (80, LIST_IN_80_COLUMNS),
        (200, LIST_WITH_ALL_COLUMNS + ACCOUNT),
    ],
)
def test_list_in_terminals_of_several_widths(world: World, columns: int, table: str) -> None:
    assert without_colour(world, columns).run("list", terminal="out").stdout == table


@pytest.mark.parametrize(
    ("columns", "text"),
    [(40, SHOW_IN_40_COLUMNS), (60, SHOW_IN_60_COLUMNS), (80, SHOW_IN_80_COLUMNS)],
)
def test_show_in_terminals_of_several_widths(world: World, columns: int, text: str) -> None:
    assert without_colour(world, columns).run("show", "ip_abc123", terminal="out").stdout == text


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_losses_are_shown_whole_before_a_release(world: World, columns: int) -> None:
    ran = without_colour(world, columns).run(
        "release", "ip_abc123", "ip_ghi789", stdin="n\n", terminal="in err"
    )
    assert ran.stderr == f"{LOSSES}Error: Nothing was changed.\n"


def test_losses_go_on_below_where_a_line_is_too_short(world: World) -> None:
    ran = without_colour(world, 30).run("release", "ip_def456", stdin="n\n", terminal="in err")
    assert ran.stderr == f"{LOSSES_IN_30_COLUMNS}Error: Nothing was changed.\n"


def test_an_ip_that_names_no_time_of_provisioning_shows_when_it_was_created() -> None:
    created = {"id": "ip_1", "warmup_status": "warming", "created_at": "2026-03-31T10:00:00Z"}
    provisioned = {**created, "provisioned_at": "2026-04-01T10:00:00Z"}
    shown = [
        "".join(cell.text for cell in views.losses(ip, NOW, 80, last_of_pool=False).lines[-2])
        for ip in map(DedicatedIP.from_json, (created, provisioned, {"id": "ip_1"}))
    ]
    assert shown == [
        "  Created        1 day ago",
        "  Provisioned    0 days ago",
        "  Provisioned    —",
    ]


def test_colours_tell_the_status_of_an_ip(world: World) -> None:
    first, *rows = world.run("list", terminal="out").stdout.partition("\n\n")[0].splitlines()
    assert first == (
        "\x1b[2mID       \x1b[0m  \x1b[2mADDRESS       \x1b[0m  \x1b[2mRDNS         \x1b[0m  "
        "\x1b[2mPOOL         \x1b[0m  \x1b[2mSTATUS     \x1b[0m  \x1b[2mWARM-UP\x1b[0m"
    )
    styles = {"33": "warming  ", "32": "warmed", "1;31": "suspended !", "34": "not_started"}
    bars = ("███░░  62%", "█████ 100%", "█▉░░░  38%", "░░░░░   0%")
    assert [row.split("  \x1b[", 1)[1] for row in rows] == [
        f"{style}m{status:<11}\x1b[0m  \x1b[{style}m{bar}\x1b[0m"
        for (style, status), bar in zip(styles.items(), bars, strict=True)
    ]


def test_columns_shrink_and_drop_in_the_order_in_which_they_are_missed_least(world: World) -> None:
    headers = []
    for columns in range(100, 19, -1):
        shown = without_colour(world, columns).run("list", terminal="out").stdout
        header = " ".join(shown.splitlines()[0].split())
        if header not in headers:
            headers.append(header)
    assert headers == [
        "ID ADDRESS RDNS POOL STATUS WARM-UP AGE",
        "ID ADDRESS RDNS POOL STATUS WARM-UP",
        "ID ADDRESS POOL STATUS WARM-UP",
        "ID ADDRESS STATUS WARM-UP",
        "ID ADDRESS STATUS",
        "ID STATUS",
        "ID",
    ]


def test_an_id_that_is_longer_than_the_terminal_stays_whole(world: World) -> None:
    long_id = "ip_" + "0123456789abcdef" * 6
    longer = server_with(world, {"id": long_id, "address": "198.51.100.1"}, {"id": "ip_2"})
    table = without_colour(longer, 60).run("list", terminal="out").stdout
    assert table == f"ID\n{long_id}\nip_2\n\n2 unknown\n"
    assert lines_of(DedicatedIP(long_id, "198.51.100.1"), 60) == [
        long_id,
        "  198.51.100.1  —",
        "",
        "  rDNS           —",
        "  Pool           —",
    ]


def test_an_ipv6_address_is_cut_only_after_the_bar_has_gone() -> None:
    ip = DedicatedIP("ip_1", "2001:db8:85a3:1:2:8a2e:370:7334", warmup_status="warmed")
    assert table_of([ip], 60) == [
        "ID    ADDRESS                          STATUS  WARM-UP",
        "ip_1  2001:db8:85a3:1:2:8a2e:370:7334  warmed           —",
    ]
    assert table_of([ip], 54) == [
        "ID    ADDRESS                          STATUS  WARM-UP",
        "ip_1  2001:db8:85a3:1:2:8a2e:370:7334  warmed     —",
    ]
    assert table_of([ip], 40) == [
        "ID    ADDRESS            STATUS  WARM-UP",
        "ip_1  2001:db8:85a3:1:…  warmed     —",
    ]
    assert table_of([ip], 36) == [
        "ID    ADDRESS          STATUS",
        "ip_1  2001:db8:85a3:…  warmed",
    ]


def test_an_ip_of_which_only_the_id_is_known() -> None:
    ip = DedicatedIP("ip_1")
    assert table_of([ip]) == [
        "ID    ADDRESS  RDNS  POOL  STATUS  WARM-UP          AGE",
        "ip_1  —        —     —     —                     —    —",
    ]
    assert lines_of(ip) == [
        "ip_1  no address yet  —",
        "",
        "  rDNS           —",
        "  Pool           —",
    ]


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
        f"  Reputation     {'░' * 40}  -3.5 of 100",
        f"  Warm-up        {'█' * 40}  250%",
        "",
        "  DAY          LIMIT  SENT  SENT OF LIMIT",
        "    1              0     5  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ✓ done",
        "    3            100   900  ██████████████████████████████",
        "   -2           -100   -50  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "    —  1,000,000,000    -7  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "    —              —     —  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "",
        "  100 ┤ messages a day: █ sent, ░ allowed             ░░░░░░░░░",
        "      ┤                                      ░░░░░░░░░░░░░░░░░░",
        "      ┤                             ░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "      ┤                    ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
        "      ┤           ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░",
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


@pytest.mark.parametrize(
    ("percent", "shown"),
    [
        (-12, "░░░░░░░░░░ -12%"),
        (-0.4, "░░░░░░░░░░   0%"),
        (0, "░░░░░░░░░░   0%"),
        (0.9, "░░░░░░░░░░   0%"),
        (1.25, "▏░░░░░░░░░   1%"),
        (99.9, "█████████▉  99%"),
        (100, "██████████ 100%"),
        (4_000, "██████████ 4000%"),
        (None, "              —"),
    ],
)
def test_a_percent_and_its_bar(percent: float | None, shown: str) -> None:
    _, row = table_of([DedicatedIP("ip_1", warmup_percent=percent)])
    assert row == f"ip_1  —        —     —     —       {shown}    —"


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
    assert lines[7:10] == [
        "  DAY  LIMIT  SENT  SENT OF LIMIT",
        "  … 13 steps before",
        "   14     42     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ✗ missed",
    ]
    assert lines[13:15] == [
        "   18     54     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  ▶ now",
        "   19     57     0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead",
    ]
    assert lines[17] == "  … 9,979 steps after"


def test_a_warmed_ip_has_no_schedule_to_keep_any_more(world: World) -> None:
    shown = without_colour(world, 80).run("show", "ip_def456", terminal="out").stdout.splitlines()
    assert shown[0] == "ip_def456  198.51.100.17  warmed: warm-up complete, full daily limit"
    assert not any(line.startswith("  Schedule") for line in shown)
    assert shown[-6:] == [
        "  25,000 ┤ messages a day: █ sent, ░ allowed                 ▁▂▄▆█",
        "         ┤                                               ▂▄▅▇█████",
        "         ┤                                          ▂▃▅▇██████████",
        "         ┤                               ▁▂▂▃▄▄▅▆▆▇███████████████",
        "         ┤       ▁▁▁▁▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▇███████████████████████████",
        "          1           7             14             21           28",
    ]


def test_a_suspended_ip_says_why_and_what_to_do_on_one_screen(world: World) -> None:
    shown = without_colour(world, 80).run("show", "ip_ghi789", terminal="out").stdout.splitlines()
    assert len(shown) == 23
    assert shown[0] == "ip_ghi789  198.51.100.88  suspended: paused after a spike of complaints"
    assert shown[9:11] == [
        "  What to do     Stop what drew the complaints; then ask MisarMail's support.",
        "",
    ]


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


def test_the_account_is_summed_up_from_what_is_known() -> None:
    ips = [
        DedicatedIP("ip_1", warmup_status="warming", daily_limit=8_000),
        DedicatedIP("ip_2", warmup_status="warming"),
        DedicatedIP("ip_3"),
    ]
    assert lines_of(ips)[4:] == ["", "2 warming, 1 unknown, at least 8,000 messages today"]


def test_details_that_can_not_be_had_leave_the_list_as_it_is(world: World) -> None:
    ips = world.emulator.store.ips()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/dedicated-ips"):
            return httpx.Response(200, json={"ips": ips})
        raise httpx.ReadTimeout("gone", request=request)

    world.transport = httpx.MockTransport(answer)
    shown = without_colour(world, 80).run("list", terminal="out")
    assert shown.code == 0
    assert shown.stdout.splitlines()[1] == (
        "ip_abc123  198.51.100.42   mail.yourdom…  marketing      warming      ███░░  62%"
    )
    assert shown.stdout.splitlines()[6:] == [
        "1 warming, 1 warmed, 1 suspended, 1 not_started, 1 behind schedule or suspended",
        "(!)",
    ]
    assert world.waits == []


@given(fraction=st.floats(allow_nan=False), width=st.integers(1, 250))
def test_a_bar_is_as_long_as_its_space(fraction: float, width: int) -> None:
    drawn = drawing.bar(fraction, width)
    assert cells(drawn) == width
    assert set(drawn) <= set("█▉▊▋▌▍▎▏░")


HOSTILE = {
    "[bold]x[/bold]": "[bold]x[/bold]",
    "[link=http://example.com]x": "[link=http://example.com]x",
    "a\x1b[31mb": r"a\x1b[31mb",
    "a\x1b]0;t\x07b": r"a\x1b]0;t\x07b",
    "a\nb": r"a\nb",
    "a\r\tb": r"a\r\tb",
    "a\x7f\x9b2Jb": r"a\x7f\x9b2Jb",
    "a\ud800b": r"a\ud800b",
    "a\u202eb\u2066c": r"a\u202eb\u2066c",
    "a\u200bb\u2028c": r"a\u200bb\u2028c",
}


@pytest.mark.parametrize(("sent", "shown"), HOSTILE.items(), ids=repr)
def test_text_from_the_server_is_inert_in_every_field(world: World, sent: str, shown: str) -> None:
    texts = dict.fromkeys(("id", "address", "rdns", "pool", "warmup_status"), sent)
    hostile = without_colour(server_with(world, texts), 200)
    table = hostile.run("list", terminal="out").stdout
    assert table.splitlines()[1].split() == [*[shown] * 5, "—", "—"]
    assert table.splitlines()[3] == f"1 {shown}"
    details = "\n".join(lines_of(DedicatedIP.from_json(texts), 200))
    assert details == (
        f"{shown}  {shown}  {shown}\n\n  rDNS           {shown}\n  Pool           {shown}"
    )


@pytest.mark.parametrize(("sent", "shown"), HOSTILE.items(), ids=repr)
def test_what_is_released_is_named_inertly(sent: str, shown: str) -> None:
    assert lines_of([Release(sent, sent)], 200) == [f"✓ Released {shown} ({shown})."]


def test_a_release_names_the_id_whole_and_as_much_of_the_address_as_fits() -> None:
    assert lines_of([Release("ip_abc123", "2001:db8:85a3:1:2:8a2e:370:7334")], 40) == [
        "✓ Released ip_abc123 (2001:db8:85a3:1:2…"
    ]


def test_profiles_as_a_table() -> None:
    profiles = [
        ProfileEntry("work", "https://api.misar.io/mail/v1", 30.0, "msk_0123abcd…", None, True),  # noqa: FBT003 - as a table's row
        ProfileEntry("ci", "http://localhost:8025/mail/v1", 30.0, None, "op read", False),  # noqa: FBT003 - as a table's row
    ]
    assert lines_of(profiles) == [
        "PROFILE  DEFAULT  KEY             BASE URL",
        "work     yes      msk_0123abcd…   https://api.misar.io/mail/v1",
        "ci                from a command  http://localhost:8025/mail/v1",
    ]
    assert lines_of(profiles, 50) == [
        "PROFILE  DEFAULT  KEY             BASE URL",
        "work     yes      msk_0123abcd…   https://api.mis…",
        "ci                from a command  http://localhos…",
    ]
    assert lines_of(profiles, 20) == ["PROFILE  DEFAULT", "work     yes", "ci"]


PIECES = (
    *(
        "mail.example.com",
        "a-b",
        "[bold]",
        "{x}",
        "%s",
        " ",
        "  ",
        "é",
        "日本",
        "한",
        "\uff37",
        "😀",
    ),
    *(
        "e\u0301\u0323",
        "\u0301",
        "\x1b[2J",
        "\n",
        "\t",
        "\x00",
        "\x9b",
        "\ud83d",
        "\u202e",
        "\u200d",
    ),
)
odd_texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
odd_ids = st.lists(st.sampled_from(["ip_", "0a1b2c3d", "日本", "😀", "[b]"]), min_size=1).map(
    "".join
)
odd_numbers = st.one_of(
    st.none(), st.integers(-(10**16), 10**16), st.floats(allow_nan=False), st.just("62")
)
odd_times = st.sampled_from(
    [None, "", "soon", "2026-03-15T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
odd_steps = st.fixed_dictionaries(
    {},
    optional={
        "day": odd_numbers,
        "limit": odd_numbers,
        "sent": odd_numbers,
        "done": st.sampled_from([True, False, None, "yes"]),
    },
)
odd_ips = st.fixed_dictionaries(
    {"id": odd_ids},
    optional={
        "address": odd_texts,
        "rdns": odd_texts,
        "pool": odd_texts,
        "warmup_status": st.one_of(odd_texts, st.sampled_from(["warming", "warmed", "suspended"])),
        "warmup_percent": odd_numbers,
        "daily_limit": odd_numbers,
        "reputation_score": odd_numbers,
        "warmup_schedule": st.one_of(st.none(), st.lists(odd_steps, max_size=4)),
        "created_at": odd_times,
        "provisioned_at": odd_times,
    },
).map(DedicatedIP.from_json)
widths = st.integers(20, 250)


def assert_it_fits(lines: Sequence[str], ids: Sequence[str], width: int) -> None:
    for line in lines:
        assert line.isprintable()
        assert cells(line) <= width or line in ids


@given(ips=st.lists(odd_ips, min_size=1, max_size=4), width=widths)
@settings(max_examples=150, deadline=None)
def test_no_table_is_wider_than_the_terminal_and_no_id_is_cut(
    ips: list[DedicatedIP], width: int
) -> None:
    lines = table_of(ips, width)
    assert_it_fits(lines_of(ips, width), [ip.id for ip in ips], width)
    assert [line.split("  ")[0] for line in lines] == ["ID", *(ip.id for ip in ips)]
    assert [line for line in lines if line.endswith(" ")] == []


@given(ip=odd_ips, width=widths)
@settings(max_examples=150, deadline=None)
def test_no_details_are_wider_than_the_terminal(ip: DedicatedIP, width: int) -> None:
    lines = lines_of(ip, width)
    assert_it_fits(lines, [ip.id], width)
    assert lines[0].split("  ")[0] == ip.id


@given(ip=odd_ips, width=widths, last_of_pool=st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_losses_are_wider_than_the_terminal(
    ip: DedicatedIP, width: int, *, last_of_pool: bool
) -> None:
    shown = views.losses(ip, NOW, width, last_of_pool=last_of_pool).lines
    lines = ["".join(cell.text for cell in line) for line in shown]
    assert_it_fits(lines, [ip.id], width)
    assert ("Last of pool" in "\n".join(lines)) == last_of_pool
