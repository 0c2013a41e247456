"""The account on a terminal: a table of its IPs, what they sum up to, what a release would lose.

No line is wider than the terminal, but for an id, which is never cut: it is what the next command
needs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from misar_ips.api.models import whole_days
from misar_ips.output.drawing import (
    UNKNOWN,
    Cell,
    Column,
    Line,
    Lines,
    Saving,
    facts_of,
    fitting_table,
    folded,
    text_column,
)
from misar_ips.output.ip_details import (
    heading,
    percent_of,
    progress_bar,
    score_of,
    status_of,
    status_style,
)
from misar_ips.safe_text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP
    from misar_ips.api.warmup import IPDetails

_WIDE = 100  # columns; from there on the table has what only the details tell
_MOST_NAMES = 3  # of IPs without a known limit


def account(listed: Sequence[IPDetails], now: datetime, width: int) -> Lines:
    """Return the IPs as a table, and below it what they sum up to."""
    return Lines((*ip_table(listed, now, width), *account_lines(listed, width)))


def ip_table(listed: Sequence[IPDetails], now: datetime, width: int) -> Lines:
    """Return a table with one row an IP; where it is too wide, columns shrink, then drop."""
    ips = [each.ip for each in listed]
    columns = {
        "id": Column("ID", tuple(Cell(plain(ip.id), "bold") for ip in ips)),
        "address": text_column("ADDRESS", (ip.address for ip in ips)),
        "rdns": text_column("RDNS", (ip.rdns for ip in ips)),
        "pool": text_column("POOL", (ip.pool for ip in ips)),
        "status": Column("STATUS", tuple(_marked_status(each) for each in listed)),
        "warm-up": _warm_up_column(ips, bar_width=10),
        "age": Column("AGE", tuple(Cell(_age(ip, now), "dim") for ip in ips), to_the_right=True),
    }
    if width >= _WIDE and any(each.error is None for each in listed):
        columns["reputation"] = _detail_column("REPUTATION", listed, score_of)
        columns["today"] = _detail_column("TODAY", listed, _limit)
    # What is dropped first is what `show` tells as well and what a reader misses least.
    savings: tuple[Saving, ...] = (
        ("warm-up", _warm_up_column(ips, bar_width=5)),
        ("age", None),
        ("rdns", 10),
        ("pool", 8),
        ("warm-up", _warm_up_column(ips, bar_width=0)),
        ("status", 11),
        ("pool", None),
        ("reputation", None),
        ("today", None),
        ("rdns", None),
        ("address", 15),
        ("warm-up", None),
        ("address", None),
        ("status", None),
    )
    return fitting_table(columns, savings, width)


def account_lines(listed: Sequence[IPDetails], width: int) -> list[Line]:
    """Sum the account up: IPs by status, today's limit, and when the next is estimated warmed.

    An estimate that the server did not tell enough for is left out of it.
    """
    statuses = Counter(each.ip.warmup_status or "unknown" for each in listed)
    parts = [f"{number} {plain(status)}" for status, number in statuses.items()]
    parts += _may_send([each.ip for each in listed])
    marked = sum(_needs_care(each) for each in listed)
    if marked:
        parts.append(f"{marked} behind schedule or suspended (!)")
    unread = sum(each.error is not None for each in listed)
    if unread:
        parts.append(f"{unread} not read (?)")
    ends = [each.warm_up.estimated_warmed_at for each in listed]
    known = [end for end in ends if end is not None]
    if known:
        parts.append(f"next estimated warmed on {min(known):%Y-%m-%d}")
    return [(), *((Cell(line, "dim"),) for line in folded(", ".join(parts), width))]


def _may_send(ips: Sequence[DedicatedIP]) -> list[str]:
    """Return what may be sent today; a limit that is not known counts 0 and is named."""
    able = [ip for ip in ips if ip.can_send]
    unknown = [plain(ip.id) for ip in able if ip.daily_limit is None]
    total = sum(ip.daily_limit or 0 for ip in able)
    if len(unknown) == len(able):
        return []
    if not unknown:
        return [f"may send {counted(total, 'message')} today"]
    names = ", ".join(unknown[:_MOST_NAMES])
    more = f" and {len(unknown) - _MOST_NAMES} more" if len(unknown) > _MOST_NAMES else ""
    return [f"may send at least {counted(total, 'message')} today (no limit known: {names}{more})"]


def losses(ip: DedicatedIP, now: datetime, width: int, *, last_of_pool: bool) -> Lines:
    """Return what is lost when an IP is released, the last one of its pool or not."""
    facts = [
        ("PTR hostname", plain(ip.rdns or UNKNOWN)),
        ("Pool", plain(ip.pool or UNKNOWN)),
        ("Last of pool", "yes, sends fall back to the shared pool" if last_of_pool else ""),
        ("Warm-up", percent_of(ip) or UNKNOWN),
        ("Reputation", score_of(ip) or UNKNOWN),
        _started(ip, now),
    ]
    return Lines((*heading(ip, width), *facts_of(facts, width), ()))


def _marked_status(listed: IPDetails) -> Cell:
    status = status_of(listed.ip)
    mark = " !" if _needs_care(listed) else " ?" if listed.error else ""
    return status._replace(text=f"{status.text}{mark}")


def _needs_care(listed: IPDetails) -> bool:
    is_suspended = listed.ip.warmup_status == "suspended"
    return is_suspended or listed.warm_up.missed_step is not None


def _detail_column(
    title: str, listed: Sequence[IPDetails], text_of: Callable[[DedicatedIP], str]
) -> Column:
    """Return a column of what only an IP's details have."""
    cells = (Cell("?" if each.error else text_of(each.ip) or UNKNOWN) for each in listed)
    return Column(title, tuple(cells), to_the_right=True)


def _limit(ip: DedicatedIP) -> str:
    return "" if ip.limit_today is None else f"{ip.limit_today:,}"


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
