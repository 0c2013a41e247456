"""What a terminal shows: pure functions from facts to lines of styled text.

Every text from the server is made plain here, and no line is wider than the terminal, but for an
id, which is never cut: it is what the next command needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from misar_ips.models import ChangedIP, DedicatedIP, ProfileEntry, Release, whole_days
from misar_ips.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from rich.console import Console, ConsoleOptions, RenderResult

    from misar_ips.models import Result, WarmupStep

STATUS_STYLES = {
    "not_started": "blue",
    "warming": "yellow",
    "warmed": "green",
    "suspended": "bold red",
}
_UNKNOWN = "—"
_GAP = "  "
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_FULL, _EMPTY = "█", "░"


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text with one style of rich's."""

    text: str
    style: str = ""


Line = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Ready-made lines, which rich has only to colour.

    Nothing is measured, wrapped or read as markup: a thousand rows cost rich's own table over a
    second.
    """

    lines: tuple[Line, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give rich the pieces of each line."""
        for line in self.lines:
            for cell in line:
                yield Segment(cell.text, console.get_style(cell.style or "none"))
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: tuple[Cell, ...]
    to_the_right: bool = False

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.title, *(cell.text for cell in self.cells)))

    def narrowed(self, least: int, excess: int) -> _Column:
        """Give the column narrower by ``excess``, but not under ``least`` cells."""
        width = max(least, self.width - max(0, excess))
        cells = tuple(replace(cell, text=_shortened(cell.text, width)) for cell in self.cells)
        return replace(self, cells=cells)


def of(value: Result, now: datetime, width: int) -> Lines:
    """Give the view of a command's result."""
    if isinstance(value, DedicatedIP):
        return ip_details(value, now, width)
    if isinstance(value, ChangedIP):
        return ip_details(value.ip, now, width)
    values = [value] if isinstance(value, ProfileEntry) else value
    if entries := [each for each in values if isinstance(each, ProfileEntry)]:
        return profile_table(entries, width)
    if releases := [each for each in values if isinstance(each, Release)]:
        return release_lines(releases)
    return ip_table([each for each in values if isinstance(each, DedicatedIP)], now, width)


def ip_table(ips: Sequence[DedicatedIP], now: datetime, width: int) -> Lines:
    """Give a table with one row an IP; where it is too wide, columns shrink, then drop."""
    columns = {
        "id": _Column("ID", tuple(Cell(plain(ip.id), "bold") for ip in ips)),
        "address": _text_column("ADDRESS", (ip.address for ip in ips)),
        "rdns": _text_column("RDNS", (ip.rdns for ip in ips)),
        "pool": _text_column("POOL", (ip.pool for ip in ips)),
        "status": _Column("STATUS", tuple(_status(ip) for ip in ips)),
        "warm-up": _warm_up_column(ips, bar_width=10),
        "age": _Column("AGE", tuple(Cell(_age(ip, now), "dim") for ip in ips), to_the_right=True),
    }

    def excess() -> int:
        return sum(column.width + len(_GAP) for column in columns.values()) - len(_GAP) - width

    def narrow(name: str, least: int) -> None:
        columns[name] = columns[name].narrowed(least, excess())

    # What is dropped first is what `show` tells as well and what a reader misses least.
    savings: tuple[Callable[[], object], ...] = (
        lambda: columns.update({"warm-up": _warm_up_column(ips, bar_width=5)}),
        lambda: columns.pop("age"),
        lambda: narrow("rdns", 12),
        lambda: narrow("pool", 13),
        lambda: narrow("status", 11),
        lambda: columns.pop("rdns"),
        lambda: columns.pop("pool"),
        lambda: columns.update({"warm-up": _warm_up_column(ips, bar_width=0)}),
        lambda: narrow("address", 15),
        lambda: columns.pop("warm-up"),
        lambda: columns.pop("address"),
        lambda: columns.pop("status"),
    )
    for save in savings:
        if excess() <= 0:
            break
        save()
    return _table(tuple(columns.values()))


def ip_details(ip: DedicatedIP, now: datetime, width: int) -> Lines:
    """Give one IP: heading, settings, the whole warm-up, and a row for each schedule step."""
    blocks = (
        [_heading(ip, width)],
        _facts(_settings(ip, now), width),
        _warm_up(ip, width),
        _schedule(ip.warmup_schedule, width),
    )
    lines: list[Line] = []
    for block in blocks:
        lines += [(), *block] if lines and block else block
    return Lines(tuple(lines))


def losses(ip: DedicatedIP, now: datetime, width: int, *, last_of_pool: bool) -> Lines:
    """Give what is lost when an IP is released, the last one of its pool or not."""
    days = whole_days(ip.started_at, now)
    facts = [
        ("PTR hostname", plain(ip.rdns or _UNKNOWN)),
        ("Pool", _pool_left(ip, last_of_pool=last_of_pool)),
        ("Warm-up", _percent(ip) or _UNKNOWN),
        ("Reputation", _reputation(ip)),
        ("Provisioned", _UNKNOWN if days is None else f"{_days(days)} ago"),
    ]
    return Lines((_heading(ip, width), *_facts(facts, width)))


def release_lines(releases: Iterable[Release]) -> Lines:
    """Give a line for each IP that is gone; the others are told as errors."""
    return Lines(tuple(_released(each) for each in releases if each.released))


def profile_table(profiles: Sequence[ProfileEntry], width: int) -> Lines:
    """Give a table of the configured profiles; the default one is marked."""
    columns = (
        _Column("PROFILE", tuple(Cell(plain(each.name), "bold") for each in profiles)),
        _Column("DEFAULT", tuple(Cell("yes" if each.default else "") for each in profiles)),
        _text_column("KEY", (each.api_key or "from a command" for each in profiles)),
        _text_column("BASE URL", (each.base_url for each in profiles)),
    )
    excess = sum(column.width + len(_GAP) for column in columns) - len(_GAP) - width
    return _table((*columns[:-1], columns[-1].narrowed(8, excess)))


def bar(fraction: float, width: int) -> str:
    """Give a bar that is ``width`` cells long, to an eighth of a cell and never beyond its end."""
    eighths = int(min(1.0, max(0.0, fraction)) * width * 8)
    whole, rest = divmod(eighths, 8)
    filled = _FULL * whole + (_EIGHTHS[rest] if rest else "")
    return filled + _EMPTY * (width - len(filled))


def _table(columns: Sequence[_Column]) -> Lines:
    rows = zip(*(column.cells for column in columns), strict=True)
    titles = tuple(Cell(column.title, "dim") for column in columns)
    return Lines(tuple(_row(row, columns) for row in (titles, *rows)))


def _row(cells: Sequence[Cell], columns: Sequence[_Column]) -> Line:
    padded = [
        replace(cell, text=_aligned(cell.text, column.width, to_the_right=column.to_the_right))
        for cell, column in zip(cells, columns, strict=True)
    ]
    padded[-1] = replace(padded[-1], text=padded[-1].text.rstrip())
    return tuple(piece for cell in padded for piece in (cell, Cell(_GAP)))[:-1]


def _aligned(text: str, width: int, *, to_the_right: bool) -> str:
    return " " * (width - cell_len(text)) + text if to_the_right else set_cell_size(text, width)


def _shortened(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def _text_column(title: str, texts: Iterable[str | None]) -> _Column:
    return _Column(title, tuple(Cell(plain(text or _UNKNOWN)) for text in texts))


def _warm_up_column(ips: Sequence[DedicatedIP], bar_width: int) -> _Column:
    return _Column("WARM-UP", tuple(_progress(ip, bar_width) for ip in ips))


def _progress(ip: DedicatedIP, bar_width: int) -> Cell:
    percent = f"{_percent(ip) or _UNKNOWN:>4}"
    if not bar_width:
        return Cell(percent, _status_style(ip))
    return Cell(f"{bar(_fraction(ip), bar_width)} {percent}", _status_style(ip))


def _fraction(ip: DedicatedIP) -> float:
    return (ip.warmup_percent or 0) / 100


def _percent(ip: DedicatedIP) -> str:
    return "" if ip.warmup_percent is None else f"{ip.warmup_percent:.0f}%"


def _status(ip: DedicatedIP) -> Cell:
    return Cell(plain(ip.warmup_status or _UNKNOWN), _status_style(ip))


def _status_style(ip: DedicatedIP) -> str:
    return STATUS_STYLES.get(ip.warmup_status or "", "")


def _age(ip: DedicatedIP, now: datetime) -> str:
    days = whole_days(ip.created_at, now)
    return _UNKNOWN if days is None else f"{days}d"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _heading(ip: DedicatedIP, width: int) -> Line:
    name = Cell(plain(ip.id), "bold")
    rest = (Cell(_GAP), Cell(plain(ip.address or "no address yet")), Cell(_GAP), _status(ip))
    return (name, *_clipped(rest, width - cell_len(name.text)))


def _settings(ip: DedicatedIP, now: datetime) -> list[tuple[str, str]]:
    limit = "" if ip.daily_limit is None else f"{ip.daily_limit:,} messages"
    facts = [
        ("rDNS", plain(ip.rdns or _UNKNOWN)),
        ("Pool", plain(ip.pool or _UNKNOWN)),
        ("Created", _when(ip.created_at, now)),
        ("Provisioned", _when(ip.provisioned_at, now)),
        ("Reputation", _reputation(ip) if ip.reputation_score is not None else ""),
        ("Today's limit", limit),
    ]
    return [(name, text) for name, text in facts if text]


def _reputation(ip: DedicatedIP) -> str:
    return _UNKNOWN if ip.reputation_score is None else f"{ip.reputation_score:g} of 100"


def _when(time: datetime | None, now: datetime) -> str:
    days = whole_days(time, now)
    if time is None or days is None:
        return ""
    ago = f" ({_days(days)} ago)" if days else ""
    return f"{time:%Y-%m-%d %H:%M} UTC{ago}"


def _pool_left(ip: DedicatedIP, *, last_of_pool: bool) -> str:
    pool = plain(ip.pool or _UNKNOWN)
    return f"{pool} (its last IP: sends fall back to the shared pool)" if last_of_pool else pool


def _facts(facts: Iterable[tuple[str, str]], width: int) -> list[Line]:
    return [_clipped((Cell(f"  {name:<15}", "dim"), Cell(text)), width) for name, text in facts]


def _warm_up(ip: DedicatedIP, width: int) -> list[Line]:
    if ip.warmup_percent is None:
        return []
    bar_width = max(1, min(50, width - 24))
    style = _status_style(ip)
    cells = (
        Cell(f"  {'Warm-up':<15}", "dim"),
        Cell(bar(_fraction(ip), bar_width), style),
        Cell(f" {_percent(ip):>4}"),
    )
    return [_clipped(cells, width)]


def _schedule(steps: Sequence[WarmupStep], width: int) -> list[Line]:
    if not steps:
        return []
    columns = (
        _Column("  DAY", tuple(Cell(_count(step.day)) for step in steps), to_the_right=True),
        _Column("LIMIT", tuple(Cell(_count(step.limit)) for step in steps), to_the_right=True),
        _Column("SENT", tuple(Cell(_count(step.sent)) for step in steps), to_the_right=True),
        _Column("", tuple(_step_bar(step, max(5, min(30, width - 35))) for step in steps)),
        _Column("", tuple(Cell("done" if step.done else "") for step in steps)),
    )
    return [_clipped(line, width) for line in _table(columns).lines]


def _step_bar(step: WarmupStep, width: int) -> Cell:
    fraction = (step.sent or 0) / step.limit if step.limit and step.limit > 0 else 0.0
    return Cell(bar(fraction, width), "green" if step.done else "yellow")


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _clipped(cells: Iterable[Cell], width: int) -> Line:
    """Cut a line where the terminal ends."""
    kept = []
    for cell in cells:
        kept.append(replace(cell, text=_shortened(cell.text, width)))
        width -= cell_len(cell.text)
        if width < 0:
            break
    return tuple(kept)


def _released(release: Release) -> Line:
    address = f" ({plain(release.address)})" if release.address else ""
    return Cell("✓", "green"), Cell(f" Released {plain(release.id)}{address}.")
