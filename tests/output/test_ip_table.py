"""The account as a table: what it shows in which width, and what it sums up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.api.models import DedicatedIP
from misar_ips.api.warmup import details_of
from misar_ips.output.ip_table import losses
from tests.output.shown import (
    ACCOUNT,
    LIST_IN_60_COLUMNS,
    LIST_IN_80_COLUMNS,
    LIST_IN_100_COLUMNS,
    LIST_WITH_ALL_COLUMNS,
    NOW,
    lines_of,
    server_with,
    table_of,
    without_colour,
)
from tests.reference import IP

if TYPE_CHECKING:
    from tests.conftest import World

LOSSES = """\
ip_abc123  198.51.100.42  warming
  PTR hostname   mail.yourdomain.com
  Pool           marketing
  Last of pool   yes, sends fall back to the shared pool
  Warm-up        62%
  Reputation     84
  Created        17 days ago

ip_ghi789  198.51.100.88  suspended
  PTR hostname   news.yourdomain.com
  Pool           marketing
  Last of pool   yes, sends fall back to the shared pool
  Warm-up        38%
  Reputation     38
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
  Reputation     98
  Provisioned    78 days ago

The reputation history of
ip_def456 is discarded for
good. Release ip_def456? [y/N] \
"""


@pytest.mark.parametrize(
    ("columns", "table"),
    [
        (60, LIST_IN_60_COLUMNS),
        (80, LIST_IN_80_COLUMNS),
        (100, LIST_IN_100_COLUMNS),
        (200, LIST_WITH_ALL_COLUMNS + ACCOUNT),
    ],
)
def test_list_in_terminals_of_several_widths(world: World, columns: int, table: str) -> None:
    assert without_colour(world, columns).run("list", terminal="out").stdout == table


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_losses_are_shown_whole_before_a_release(world: World, columns: int) -> None:
    ran = without_colour(world, columns).run(
        "release", "ip_abc123", "ip_ghi789", stdin="n\n", terminal="in err"
    )
    assert ran.stderr == f"{LOSSES}Cancelled; nothing was changed.\n"


def test_losses_go_on_below_where_a_line_is_too_short(world: World) -> None:
    ran = without_colour(world, 30).run("release", "ip_def456", stdin="n\n", terminal="in err")
    assert ran.stderr == f"{LOSSES_IN_30_COLUMNS}Cancelled; nothing was\nchanged.\n"


def test_an_ip_that_names_no_time_of_provisioning_shows_when_it_was_created() -> None:
    created = {"id": "ip_1", "warmup_status": "warming", "created_at": "2026-03-31T10:00:00Z"}
    provisioned = {**created, "provisioned_at": "2026-04-01T10:00:00Z"}
    shown = [
        "".join(cell.text for cell in losses(ip, NOW, 80, last_of_pool=False)[-2])
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
    styles = {"33": "warming", "32": "warmed", "1;31": "suspended !", "36": "not_started"}
    bars = ("███░░  62%", "█████ 100%", "█▉░░░  38%", "░░░░░   0%")
    assert [row.split("  \x1b[", 1)[1] for row in rows] == [
        f"{style}m{status:<11}\x1b[0m  \x1b[{style}m{bar}\x1b[0m"
        for (style, status), bar in zip(styles.items(), bars, strict=True)
    ]


def test_columns_shrink_and_drop_in_the_order_in_which_they_are_missed_least(world: World) -> None:
    headers = []
    for columns in range(120, 19, -1):
        shown = without_colour(world, columns).run("list", terminal="out").stdout
        header = " ".join(shown.splitlines()[0].split())
        if header not in headers:
            headers.append(header)
    assert headers == [
        "ID ADDRESS RDNS POOL STATUS WARM-UP AGE REPUTATION TODAY",
        "ID ADDRESS RDNS POOL STATUS WARM-UP REPUTATION TODAY",
        "ID ADDRESS RDNS POOL STATUS WARM-UP AGE",
        "ID ADDRESS RDNS POOL STATUS WARM-UP",
        "ID ADDRESS RDNS STATUS WARM-UP",
        "ID ADDRESS STATUS WARM-UP",
        "ID ADDRESS STATUS",
        "ID STATUS",
        "ID",
    ]


LONG_ID = "ip_0123456789abcdef"  # as long as the server's own
IPV6 = "2001:db8:85a3:1:2:8a2e:370:7334"


@pytest.mark.parametrize(
    ("facts", "columns", "header", "first"),
    [
        pytest.param(
            {"id": LONG_ID, "warmup_status": "deprovisioning"},
            *(76, "ID ADDRESS RDNS STATUS WARM-UP"),
            f"{LONG_ID}  198.51.100.42  mail.yourdomain.c…  deprovisio…   62%",
            id="the server's own ids",
        ),
        pytest.param(
            {"address": IPV6},
            *(100, "ID ADDRESS RDNS STATUS WARM-UP REPUTATION TODAY"),
            f"ip_abc123  {IPV6}  mail.yourdomain.com  warming   62%             84  8,000",
            id="an IPv6 address",
        ),
    ],
)
def test_age_bar_and_pool_go_before_the_rdns_name(
    world: World, facts: dict[str, str], columns: int, header: str, first: str
) -> None:
    ip = {**IP, **facts}

    def answer(request: httpx.Request) -> httpx.Response:
        one = request.url.path.endswith(facts.get("id", "ip_abc123"))
        body = {"ip": ip} if one else {"ips": [ip]}
        return httpx.Response(200, json=body, headers={"Date": "Wed, 01 Apr 2026 12:00:00 GMT"})

    other = replace(world, transport=httpx.MockTransport(answer))
    shown = without_colour(other, columns).run("list", terminal="out").stdout.splitlines()
    assert " ".join(shown[0].split()) == header
    assert shown[1] == first


def test_an_id_that_is_longer_than_the_terminal_stays_whole(world: World) -> None:
    long_id = "ip_" + "0123456789abcdef" * 6
    longer = server_with(world, {"id": long_id, "address": "198.51.100.1"}, {"id": "ip_2"})
    table = without_colour(longer, 60).run("list", terminal="out").stdout
    assert table == f"ID\n{long_id}\nip_2\n\n2 unknown, 2 not read (?)\n"
    assert lines_of(DedicatedIP(long_id, "198.51.100.1"), 60) == [
        long_id,
        "  198.51.100.1  —",
        "",
        "  rDNS           —",
        "  Pool           —",
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


def test_the_account_is_summed_up_from_what_is_known() -> None:
    ips = [
        DedicatedIP("ip_1", warmup_status="warming", daily_limit=8_000),
        DedicatedIP("ip_2", warmup_status="warming"),
        DedicatedIP("ip_3"),
    ]
    listed = [details_of(ip, NOW) for ip in ips]
    assert lines_of(listed, 200)[4:] == [
        "",
        "2 warming, 1 unknown, may send at least 8,000 messages today (no limit known: ip_2, ip_3)",
    ]


def test_only_what_can_send_counts_to_what_may_be_sent() -> None:
    statuses = ("suspended", "provisioning", "deprovisioning", "active", "not_started")
    ips = [
        DedicatedIP(f"ip_{number}", warmup_status=status, daily_limit=10**number)
        for number, status in enumerate(statuses)
    ]
    [line] = lines_of([details_of(ip, NOW) for ip in ips], 200)[7:]
    assert "may send 11,000 messages today" in line


def test_of_many_unknown_limits_three_are_named() -> None:
    ips = [DedicatedIP(f"ip_{number}", warmup_status="warming") for number in range(7)]
    ips.append(DedicatedIP("ip_known", daily_limit=1))
    [line] = lines_of([details_of(ip, NOW) for ip in ips], 200)[10:]
    assert line.endswith("at least 1 message today (no limit known: ip_0, ip_1, ip_2 and 4 more)")


def test_where_no_limit_is_known_none_is_summed_up() -> None:
    [line] = lines_of([details_of(DedicatedIP("ip_1"), NOW)])[3:]
    assert line == "1 unknown"
