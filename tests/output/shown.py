"""What a terminal shows of the emulator's account, and how tests look at it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from misar_ips.api.models import DedicatedIP
from misar_ips.api.warmup import details_of
from misar_ips.output.ip_table import ip_table
from misar_ips.output.views import view_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.results import Result
    from tests.conftest import World

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)

LIST_WITH_ALL_COLUMNS = """\
ID         ADDRESS         RDNS                 POOL           STATUS       WARM-UP          AGE  \
REPUTATION   TODAY
ip_abc123  198.51.100.42   mail.yourdomain.com  marketing      warming      ██████▏░░░  62%  17d  \
        84   8,000
ip_def456  198.51.100.17   tx.yourdomain.com    transactional  warmed       ██████████ 100%  79d  \
        98  25,000
ip_ghi789  198.51.100.88   news.yourdomain.com  marketing      suspended !  ███▊░░░░░░  38%  29d  \
        38       0
ip_jkl012  198.51.100.131  —                    transactional  not_started  ░░░░░░░░░░   0%   0d  \
         —       0
"""

ACCOUNT = (
    "\n1 warming, 1 warmed, 1 suspended, 1 not_started, may send 33,000 messages today, "
    "1 behind schedule or suspended (!), next estimated warmed on 2026-04-12\n"
)

LIST_IN_100_COLUMNS = """\
ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP     REPUTATION   TODAY
ip_abc123  198.51.100.42   mail.yourdom…  marketing      warming      ███░░  62%          84   8,000
ip_def456  198.51.100.17   tx.yourdomai…  transactional  warmed       █████ 100%          98  25,000
ip_ghi789  198.51.100.88   news.yourdom…  marketing      suspended !  █▉░░░  38%          38       0
ip_jkl012  198.51.100.131  —              transactional  not_started  ░░░░░   0%           —       0

1 warming, 1 warmed, 1 suspended, 1 not_started, may send 33,000 messages today, 1 behind schedule
or suspended (!), next estimated warmed on 2026-04-12
"""

LIST_IN_80_COLUMNS = """\
ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP
ip_abc123  198.51.100.42   mail.yourdom…  marketing      warming      ███░░  62%
ip_def456  198.51.100.17   tx.yourdomai…  transactional  warmed       █████ 100%
ip_ghi789  198.51.100.88   news.yourdom…  marketing      suspended !  █▉░░░  38%
ip_jkl012  198.51.100.131  —              transactional  not_started  ░░░░░   0%

1 warming, 1 warmed, 1 suspended, 1 not_started, may send 33,000 messages today,
1 behind schedule or suspended (!), next estimated warmed on 2026-04-12
"""

LIST_IN_60_COLUMNS = """\
ID         ADDRESS         RDNS         STATUS       WARM-UP
ip_abc123  198.51.100.42   mail.yourd…  warming       62%
ip_def456  198.51.100.17   tx.yourdom…  warmed       100%
ip_ghi789  198.51.100.88   news.yourd…  suspended !   38%
ip_jkl012  198.51.100.131  —            not_started    0%

1 warming, 1 warmed, 1 suspended, 1 not_started, may send
33,000 messages today, 1 behind schedule or suspended (!),
next estimated warmed on 2026-04-12
"""

SHOW_IN_80_COLUMNS = """\
ip_abc123  198.51.100.42  warming: warm-up in progress, day 18 of 28

  rDNS           mail.yourdomain.com
  Pool           marketing
  Created        2026-03-15 10:00 UTC (17 days ago)
  Today's limit  8,000 messages
  Reputation     84
  Warm-up        ████████████████████████▊░░░░░░░░░░░░░░░  62%
  Schedule       on schedule, estimated warmed on 2026-04-12

  DAY   LIMIT   SENT  SENT OF LIMIT
    1     200    200  ██████████████████████████████  ✓ done
    7   1,000  1,000  ██████████████████████████████  ✓ done
   14   4,000  3,800  ████████████████████████████▌░  ▶ now
   21  10,000      0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead
   28  25,000      0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  · ahead

  Messages a day: █ sent, ░ allowed; straight between steps.
  25,000 ┤                                                  ░░░░░░
         ┤                                            ░░░░░░░░░░░░
         ┤                                 ░░░░░░░░░░░░░░░░░░░░░░░
         ┤         ▁▁▁▁▁▁▁▂▂▂▂▃▃▃▃▄▄▄░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
          1           7             14       ▲ 18  21           28
"""

SHOW_IN_60_COLUMNS = """\
ip_abc123
  198.51.100.42  warming: warm-up in progress, day 18 of 28

  rDNS           mail.yourdomain.com
  Pool           marketing
  Created        2026-03-15 10:00 UTC (17 days ago)
  Today's limit  8,000 messages
  Reputation     84
  Warm-up        ██████████████████▌░░░░░░░░░░░  62%
  Schedule       on schedule, estimated warmed on 2026-04-12

  DAY   LIMIT   SENT  SENT OF LIMIT
    1     200    200  █████████████  ✓ done
    7   1,000  1,000  █████████████  ✓ done
   14   4,000  3,800  ████████████▎  ▶ now
   21  10,000      0  ░░░░░░░░░░░░░  · ahead
   28  25,000      0  ░░░░░░░░░░░░░  · ahead

  Messages a day: █ sent, ░ allowed; straight between steps.
  25,000 ┤                                           ░░░░░░░
         ┤                                   ░░░░░░░░░░░░░░░
         ┤            ▁▁▁▁▂▂▂▂▂▃▃▃░░░░░░░░░░░░░░░░░░░░░░░░░░
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
  Reputation     84
  Warm-up        ██████▏░░░  62%
  Schedule       on schedule, estimated
                 warmed on 2026-04-12

  DAY   LIMIT   SENT
    1     200    200  ✓ done
    7   1,000  1,000  ✓ done
   14   4,000  3,800  ▶ now
   21  10,000      0  · ahead
   28  25,000      0  · ahead

  Messages a day: █ sent, ░ allowed;
  straight between steps.
  25,000 ┤                          ░░░░
         ┤                     ░░░░░░░░░
         ┤       ▁▁▁▂▂▂▃░░░░░░░░░░░░░░░░
          1     7       14  ▲ 18      28
"""


def lines_of(value: Result | DedicatedIP, width: int = 80) -> list[str]:
    """Return the lines that a terminal of that width shows, without their colours."""
    result = details_of(value, NOW) if isinstance(value, DedicatedIP) else value
    return ["".join(cell.text for cell in line) for line in view_of(result, NOW, width)]


def table_of(ips: Sequence[DedicatedIP], width: int = 80) -> list[str]:
    """Return the lines of the table of IPs, without what is said of the account below."""
    table = ip_table([details_of(ip, NOW) for ip in ips], NOW, width)
    return ["".join(cell.text for cell in line) for line in table]


def server_with(world: World, *ips: object) -> World:
    """Return the world another server, which answers every list with these IPs, byte for byte."""
    body = json.dumps({"success": True, "ips": ips}).encode()  # ASCII: a lone surrogate passes
    return replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    )


def answering(world: World, status: int, body: object) -> World:
    """Return the world another server, which answers everything with one body."""
    content = json.dumps(body).encode()  # ASCII: a lone surrogate passes
    return replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    )


def without_colour(world: World, columns: int) -> World:
    """Return the world a terminal of that width and without colours."""
    world.environ.update(COLUMNS=str(columns), NO_COLOR="1")
    return world


def cells(text: str) -> int:
    """Count the cells of a terminal by Unicode's own tables, not by the ones rich has."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
