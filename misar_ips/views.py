"""What a terminal shows: pure functions from facts to lines of styled text.

Every text from the server is made plain here, and no line is wider than the terminal, but for an
id, which is never cut: it is what the next command needs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misar_ips.check_view import check_lines
from misar_ips.checks import CheckedIP
from misar_ips.details import (
    heading,
    ip_details,
    ip_summary,
    percent_of,
    progress_bar,
    reputation,
    status_of,
    status_style,
)
from misar_ips.drawing import (
    UNKNOWN,
    Cell,
    Column,
    Line,
    Lines,
    Saving,
    clipped,
    counted,
    facts_of,
    fitting_table,
    folded,
    text_column,
)
from misar_ips.models import (
    FAIL,
    PASS,
    WARNING,
    ChangedIP,
    DedicatedIP,
    Finding,
    ProfileEntry,
    Release,
    whole_days,
)
from misar_ips.text import plain
from misar_ips.warmup import IPDetails, warm_up_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from misar_ips.models import Result

_MARKS = {
    PASS: Cell("✓", "green"),
    WARNING: Cell("!", "yellow"),
    FAIL: Cell("✗", "bold red"),
}
_FINDING_WIDTH = 17  # cells before what is said of a finding: mark, name, gap


def of(value: Result, now: datetime, width: int) -> Lines:  # noqa: PLR0911 - one a kind
    """Give the view of a command's result."""
    if isinstance(value, IPDetails):
        return ip_details(value.ip, value.warm_up, now, width)
    if isinstance(value, ChangedIP):
        return ip_summary(value.ip, now, width)
    values = [value] if isinstance(value, ProfileEntry) else value
    if entries := [each for each in values if isinstance(each, ProfileEntry)]:
        return profile_table(entries, width)
    if releases := [each for each in values if isinstance(each, Release)]:
        return release_lines(releases, width)
    if findings := [each for each in values if isinstance(each, Finding)]:
        return finding_lines(findings, width)
    if checked := [each for each in values if isinstance(each, CheckedIP)]:
        return check_lines(checked, width)
    ips = [each for each in values if isinstance(each, DedicatedIP)]
    return Lines((*ip_table(ips, now, width).lines, *account_lines(ips, now, width)))


def ip_table(ips: Sequence[DedicatedIP], now: datetime, width: int) -> Lines:
    """Give a table with one row an IP; where it is too wide, columns shrink, then drop."""
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
    """Give what is lost when an IP is released, the last one of its pool or not."""
    facts = [
        ("PTR hostname", plain(ip.rdns or UNKNOWN)),
        ("Pool", plain(ip.pool or UNKNOWN)),
        ("Last of pool", "yes, sends fall back to the shared pool" if last_of_pool else ""),
        ("Warm-up", percent_of(ip) or UNKNOWN),
        ("Reputation", reputation(ip)),
        _started(ip, now),
    ]
    return Lines((*heading(ip, width), *facts_of(facts, width), ()))


def release_lines(releases: Iterable[Release], width: int) -> Lines:
    """Give a line for each IP that is gone; the others are told as errors."""
    return Lines(tuple(_released(each, width) for each in releases if each.released))


def finding_lines(findings: Iterable[Finding], width: int) -> Lines:
    """Give a line for each point that `doctor` looked at, and more where it has more to say."""
    return Lines(tuple(line for each in findings for line in _found(each, width)))


def profile_table(profiles: Sequence[ProfileEntry], width: int) -> Lines:
    """Give a table of the configured profiles; the default one is marked."""
    columns = {
        "profile": Column("PROFILE", tuple(Cell(plain(each.name), "bold") for each in profiles)),
        "default": Column(
            "DEFAULT", tuple(Cell("yes" if each.default else "") for each in profiles)
        ),
        "key": text_column("KEY", (each.api_key or "from a command" for each in profiles)),
        "base url": text_column("BASE URL", (each.base_url for each in profiles)),
    }
    savings: tuple[Saving, ...] = (
        ("base url", 8),
        ("base url", None),
        ("key", None),
        ("default", None),
    )
    return fitting_table(columns, savings, width)


def _marked_status(ip: DedicatedIP, now: datetime) -> Cell:
    status = status_of(ip)
    return replace(status, text=f"{status.text} !") if _needs_care(ip, now) else status


def _needs_care(ip: DedicatedIP, now: datetime) -> bool:
    return ip.warmup_status == "suspended" or (
        ip.warmup_status != "warmed" and bool(warm_up_of(ip, now).behind_messages)
    )


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


def _found(finding: Finding, width: int) -> Iterable[Line]:
    mark = _MARKS[finding.status]
    name = Cell(f" {finding.name:<{_FINDING_WIDTH - 2}}")
    said = plain(" ".join(filter(None, (finding.message, finding.hint))))
    first, *others = folded(said, width - _FINDING_WIDTH)
    yield mark, name, Cell(first)
    for other in others:
        yield Cell(" " * _FINDING_WIDTH), Cell(other)


def _released(release: Release, width: int) -> Line:
    done = f" Released {plain(release.id)}"
    address = f" ({plain(release.address)})" if release.address else ""
    rest = clipped((Cell(f"{address}."),), width - cell_len(f"✓{done}"))
    return Cell("✓", "green"), Cell(done), *rest
