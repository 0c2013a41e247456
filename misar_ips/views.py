"""What a terminal shows: pure functions from facts to lines of styled text.

Every text from the server is made plain here, and no line is wider than the terminal, but for an
id, which is never cut: it is what the next command needs.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment

from misar_ips.models import ChangedIP, DedicatedIP, ProfileEntry, Release, whole_days
from misar_ips.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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
_INDENT = "  "
_LABEL_WIDTH = 17  # cells, indent and gap included
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_FULL, _EMPTY = "█", "░"


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text with one style of rich's."""

    text: str
    style: str = ""


Line = tuple[Cell, ...]
_Saving: TypeAlias = "tuple[str, _Column | int | None]"
"""A column to save space in: by another one in its place, by narrowing it to so many cells at
least, or by doing without."""


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
        # The answer to an order tells little: what it leaves out is not missing from the IP.
        return ip_details(value.ip, now, width, unknown="")
    values = [value] if isinstance(value, ProfileEntry) else value
    if entries := [each for each in values if isinstance(each, ProfileEntry)]:
        return profile_table(entries, width)
    if releases := [each for each in values if isinstance(each, Release)]:
        return release_lines(releases, width)
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

    # What is dropped first is what `show` tells as well and what a reader misses least.
    savings: tuple[_Saving, ...] = (
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
    return _fitting_table(columns, savings, width)


def ip_details(ip: DedicatedIP, now: datetime, width: int, *, unknown: str = _UNKNOWN) -> Lines:
    """Give one IP: heading, settings, the whole warm-up, and a row for each schedule step."""
    blocks = (
        _heading(ip, width),
        _facts(_settings(ip, now, unknown), width),
        _warm_up(ip, width),
        _schedule(ip.warmup_schedule, width),
    )
    lines: list[Line] = []
    for block in blocks:
        lines += [(), *block] if lines and block else block
    return Lines(tuple(lines))


def losses(ip: DedicatedIP, now: datetime, width: int, *, last_of_pool: bool) -> Lines:
    """Give what is lost when an IP is released, the last one of its pool or not."""
    facts = [
        ("PTR hostname", plain(ip.rdns or _UNKNOWN)),
        ("Pool", plain(ip.pool or _UNKNOWN)),
        ("Last of pool", "yes, sends fall back to the shared pool" if last_of_pool else ""),
        ("Warm-up", _percent(ip) or _UNKNOWN),
        ("Reputation", _reputation(ip)),
        _started(ip, now),
    ]
    return Lines((*_heading(ip, width), *_facts(facts, width), ()))


def release_lines(releases: Iterable[Release], width: int) -> Lines:
    """Give a line for each IP that is gone; the others are told as errors."""
    return Lines(tuple(_released(each, width) for each in releases if each.released))


def profile_table(profiles: Sequence[ProfileEntry], width: int) -> Lines:
    """Give a table of the configured profiles; the default one is marked."""
    columns = {
        "profile": _Column("PROFILE", tuple(Cell(plain(each.name), "bold") for each in profiles)),
        "default": _Column(
            "DEFAULT", tuple(Cell("yes" if each.default else "") for each in profiles)
        ),
        "key": _text_column("KEY", (each.api_key or "from a command" for each in profiles)),
        "base url": _text_column("BASE URL", (each.base_url for each in profiles)),
    }
    savings: tuple[_Saving, ...] = (
        ("base url", 8),
        ("base url", None),
        ("key", None),
        ("default", None),
    )
    return _fitting_table(columns, savings, width)


def bar(fraction: float, width: int) -> str:
    """Give a bar that is ``width`` cells long, to an eighth of a cell and never beyond its end."""
    eighths = int(min(1.0, max(0.0, fraction)) * width * 8)
    whole, rest = divmod(eighths, 8)
    filled = _FULL * whole + (_EIGHTHS[rest] if rest else "")
    return filled + _EMPTY * (width - len(filled))


def _fitting_table(columns: dict[str, _Column], savings: Iterable[_Saving], width: int) -> Lines:
    """Give a table after as many of the savings, in their order, as its width asks for."""
    for name, saving in savings:
        excess = sum(column.width + len(_GAP) for column in columns.values()) - len(_GAP) - width
        if excess <= 0:
            break
        if saving is None:
            del columns[name]
        elif isinstance(saving, int):
            columns[name] = columns[name].narrowed(saving, excess)
        else:
            columns[name] = saving
    return _table(tuple(columns.values()))


def _table(columns: Sequence[_Column]) -> Lines:
    rows = zip(*(column.cells for column in columns), strict=True)
    titles = tuple(Cell(column.title, "dim") for column in columns)
    return Lines(tuple(_row(row, columns) for row in (titles, *rows)))


def _row(cells: Sequence[Cell], columns: Sequence[_Column]) -> Line:
    padded = [
        replace(cell, text=_aligned(cell.text, column.width, to_the_right=column.to_the_right))
        for cell, column in zip(cells, columns, strict=True)
    ]
    return _trimmed(piece for cell in padded for piece in (cell, Cell(_GAP)))


def _trimmed(cells: Iterable[Cell]) -> Line:
    """Leave out the spaces at a line's end."""
    kept = list(cells)
    while kept and not kept[-1].text.rstrip():
        kept.pop()
    return (*kept[:-1], *(replace(cell, text=cell.text.rstrip()) for cell in kept[-1:]))


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
    # An empty bar would say that the warm-up has not begun, which is more than is known.
    drawn = " " * bar_width if ip.warmup_percent is None else bar(_fraction(ip), bar_width)
    return Cell(f"{drawn} {percent}", _status_style(ip))


def _fraction(ip: DedicatedIP) -> float:
    return (ip.warmup_percent or 0) / 100


def _percent(ip: DedicatedIP) -> str:
    # Cut, not rounded: 99.6 is not the end of a warm-up.
    return "" if ip.warmup_percent is None else f"{int(ip.warmup_percent)}%"


def _status(ip: DedicatedIP) -> Cell:
    return Cell(plain(ip.warmup_status or _UNKNOWN), _status_style(ip))


def _status_style(ip: DedicatedIP) -> str:
    return STATUS_STYLES.get(ip.warmup_status or "", "")


def _age(ip: DedicatedIP, now: datetime) -> str:
    days = whole_days(ip.created_at, now)
    return _UNKNOWN if days is None else f"{days}d"


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _heading(ip: DedicatedIP, width: int) -> list[Line]:
    """Give id, address and status in a line, or in two where one is too short for them."""
    name = Cell(plain(ip.id), "bold")
    rest = (Cell(_GAP), Cell(plain(ip.address or "no address yet")), Cell(_GAP), _status(ip))
    if sum(cell_len(cell.text) for cell in (name, *rest)) <= width:
        return [(name, *rest)]
    return [(name,), _clipped(rest, width)]


def _settings(ip: DedicatedIP, now: datetime, unknown: str) -> list[tuple[str, str]]:
    limit = "" if ip.daily_limit is None else _counted(ip.daily_limit, "message")
    return [
        ("rDNS", plain(ip.rdns or unknown)),
        ("Pool", plain(ip.pool or unknown)),
        ("Created", _when(ip.created_at, now)),
        ("Provisioned", _when(ip.provisioned_at, now)),
        ("Reputation", _reputation(ip) if ip.reputation_score is not None else ""),
        ("Today's limit", limit),
    ]


def _started(ip: DedicatedIP, now: datetime) -> tuple[str, str]:
    days = whole_days(ip.started_at, now)
    name = "Provisioned" if ip.provisioned_at or days is None else "Created"
    return name, _UNKNOWN if days is None else f"{_counted(days, 'day')} ago"


def _reputation(ip: DedicatedIP) -> str:
    return _UNKNOWN if ip.reputation_score is None else f"{ip.reputation_score:g} of 100"


def _when(time: datetime | None, now: datetime) -> str:
    days = whole_days(time, now)
    if time is None or days is None:
        return ""
    ago = f" ({_counted(days, 'day')} ago)" if days else ""
    return f"{time:%Y-%m-%d %H:%M} UTC{ago}"


def _facts(facts: Iterable[tuple[str, str]], width: int) -> list[Line]:
    return [line for name, text in facts if text for line in _fact(name, text, width)]


def _fact(name: str, text: str, width: int) -> list[Line]:
    """Give a fact whole: where its text is too long for a line, it goes on below."""
    room = width - _LABEL_WIDTH
    # textwrap counts characters, of which some are two cells wide and some none at all.
    pieces = [piece for line in textwrap.wrap(text, room) for piece in chop_cells(line, room)]
    first, *others = pieces or [_UNKNOWN]
    return [(_label(name), Cell(first)), *((_label(""), Cell(piece)) for piece in others)]


def _label(name: str) -> Cell:
    return Cell(f"{_INDENT}{name}".ljust(_LABEL_WIDTH), "dim")


def _warm_up(ip: DedicatedIP, width: int) -> list[Line]:
    if ip.warmup_percent is None:
        return []
    bar_width = max(1, min(50, width - 24))
    drawn = Cell(bar(_fraction(ip), bar_width), _status_style(ip))
    return [_clipped((_label("Warm-up"), drawn, Cell(f" {_percent(ip):>4}")), width)]


def _schedule(steps: Sequence[WarmupStep], width: int) -> list[Line]:
    if not steps:
        return []
    columns = {
        "day": _Column("DAY", tuple(Cell(_count(step.day)) for step in steps), to_the_right=True),
        "limit": _Column(
            "LIMIT", tuple(Cell(_count(step.limit)) for step in steps), to_the_right=True
        ),
        "sent": _Column(
            "SENT", tuple(Cell(_count(step.sent)) for step in steps), to_the_right=True
        ),
        "bar": _step_bars(steps, bar_width=30),
        "done": _Column("", tuple(Cell("done" if step.done else "") for step in steps)),
    }
    savings: tuple[_Saving, ...] = (
        ("bar", _step_bars(steps, bar_width=13)),
        ("bar", None),
        ("done", None),
    )
    table = _fitting_table(columns, savings, width - len(_INDENT))
    return [_clipped((Cell(_INDENT), *line), width) for line in table.lines]


def _step_bars(steps: Iterable[WarmupStep], bar_width: int) -> _Column:
    return _Column("SENT OF LIMIT", tuple(_step_bar(step, bar_width) for step in steps))


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


def _released(release: Release, width: int) -> Line:
    done = f" Released {plain(release.id)}"
    address = f" ({plain(release.address)})" if release.address else ""
    rest = _clipped((Cell(f"{address}."),), width - cell_len(f"✓{done}"))
    return Cell("✓", "green"), Cell(done), *rest
