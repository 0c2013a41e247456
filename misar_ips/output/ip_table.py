"""What a terminal shows: pure functions from facts to lines of styled text.

Every text from the server is made plain here, and no line is wider than the terminal, but for an
id, which is never cut: it is what the next command needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from misar_ips.api.models import DedicatedIP, whole_days
from misar_ips.api.warmup import IPDetails, warm_up_of
from misar_ips.output.drawing import (
    UNKNOWN,
    Cell,
    Column,
    Line,
    Lines,
    Saving,
    counted,
    facts_of,
    fitting_table,
    folded,
    text_column,
)
from misar_ips.output.ip_details import (
    heading,
    ip_details,
    percent_of,
    progress_bar,
    reputation,
    status_of,
    status_style,
)
from misar_ips.safe_text import plain

if TYPE_CHECKING:
    from datetime import datetime

    from misar_ips.results import Result


def of(value: Result, now: datetime, width: int) -> Lines:
    """Return the view of a command's result."""
    if isinstance(value, IPDetails):
        return ip_details(value.ip, value.warm_up, now, width)
    values = value if isinstance(value, Sequence) else ()
    if ips := [each for each in values if isinstance(each, DedicatedIP)]:
        return Lines((*ip_table(ips, now, width).lines, *account_lines(ips, now, width)))
    from misar_ips.output import views as result_view

    return result_view.of(value, now, width)


def ip_table(ips: Sequence[DedicatedIP], now: datetime, width: int) -> Lines:
    """Return a table with one row an IP; where it is too wide, columns shrink, then drop."""
    columns = {
        "id": Column("ID", tuple(Cell(plain(ip.id), "bold") for ip in ips)),
        "address": text_column("ADDRESS", (ip.address for ip in ips)),
        "rdns": text_column("RDNS", (ip.rdns for ip in ips)),
        "pool": text_column("POOL", (ip.pool for ip in ips)),
        "status": Column("STATUS", tuple(_marked_status(ip, now) for ip in ips)),
        "warm-up": _warm_up_column(ips, bar_width=10),
        "age": Column("AGE", tuple(Cell(_age(ip, now), "dim") for ip in ips), to_the_right=True),
    }

    # What is dropped first is what `show` tells as well and what a reader misses least.
    savings: tuple[Saving, ...] = (
        ("warm-up", _warm_up_column(ips, bar_width=5)),
        ("age", None),
        ("rdns", 12),
        ("pool", 13),
        ("status", 11),
        ("rdns", None),
        ("pool", 8),
        ("pool", None),
        ("warm-up", _warm_up_column(ips, bar_width=0)),
        ("address", 15),
        ("warm-up", None),
        ("address", None),
        ("status", None),
    )
    return fitting_table(columns, savings, width)


def account_lines(ips: Sequence[DedicatedIP], now: datetime, width: int) -> list[Line]:
    """Sum the account up: IPs by status, today's limit, and when the next is estimated warmed.

    A limit or an estimate that the server did not tell enough for is left out of it.
    """
    statuses = Counter(ip.warmup_status or "unknown" for ip in ips)
    parts = [f"{number} {plain(status)}" for status, number in statuses.items()]
    limits = [ip.daily_limit for ip in ips if ip.daily_limit is not None]
    if limits:
        at_least = "" if len(limits) == len(ips) else "at least "
        parts.append(f"{at_least}{counted(sum(limits), 'message')} today")
    marked = sum(_needs_care(ip, now) for ip in ips)
    if marked:
        parts.append(f"{marked} behind schedule or suspended (!)")
    ends = [warm_up_of(ip, now).estimated_warmed_at for ip in ips]
    known = [end for end in ends if end is not None]
    if known:
        parts.append(f"next estimated warmed on {min(known):%Y-%m-%d}")
    return [(), *((Cell(line, "dim"),) for line in folded(", ".join(parts), width))]


def losses(ip: DedicatedIP, now: datetime, width: int, *, last_of_pool: bool) -> Lines:
    """Return what is lost when an IP is released, the last one of its pool or not."""
    facts = [
        ("PTR hostname", plain(ip.rdns or UNKNOWN)),
        ("Pool", plain(ip.pool or UNKNOWN)),
        ("Last of pool", "yes, sends fall back to the shared pool" if last_of_pool else ""),
        ("Warm-up", percent_of(ip) or UNKNOWN),
        ("Reputation", reputation(ip)),
        _started(ip, now),
    ]
    return Lines((*heading(ip, width), *facts_of(facts, width), ()))


def _marked_status(ip: DedicatedIP, now: datetime) -> Cell:
    status = status_of(ip)
    return status._replace(text=f"{status.text} !") if _needs_care(ip, now) else status


def _needs_care(ip: DedicatedIP, now: datetime) -> bool:
    return ip.warmup_status == "suspended" or warm_up_of(ip, now).missed_step is not None


def _warm_up_column(ips: Sequence[DedicatedIP], bar_width: int) -> Column:
    return Column("WARM-UP", tuple(_progress(ip, bar_width) for ip in ips))


def _progress(ip: DedicatedIP, bar_width: int) -> Cell:
    percent = f"{percent_of(ip) or UNKNOWN:>4}"
    drawn = f"{progress_bar(ip, bar_width)} {percent}" if bar_width else percent
    return Cell(drawn, status_style(ip))


def _age(ip: DedicatedIP, now: datetime) -> str:
    days = whole_days(ip.created_at, now)
    return UNKNOWN if days is None else f"{days}d"


def _started(ip: DedicatedIP, now: datetime) -> tuple[str, str]:
    days = whole_days(ip.started_at, now)
    name = "Provisioned" if ip.provisioned_at or days is None else "Created"
    return name, UNKNOWN if days is None else f"{counted(days, 'day')} ago"
