"""One IP on a terminal: what it is, how its warm-up goes, and what its owner should do.

A warm-up's whole picture fits a terminal of 80 by 24. Colour never carries a meaning alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misar_ips.api.models import whole_days
from misar_ips.api.statuses import STATUS_MEANINGS
from misar_ips.api.warmup import (
    has_day,
    is_done,
    missed_steps,
    provisioned_by,
    steps_in_order,
)
from misar_ips.output.drawing import (
    INDENT,
    STATUS_STYLES,
    UNKNOWN,
    Cell,
    Column,
    Line,
    Lines,
    Saving,
    bar,
    clipped,
    facts_of,
    fitting_table,
    label,
)
from misar_ips.output.ramp_plot import ramp_plot
from misar_ips.safe_text import counted, one_line, plain
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP, WarmupStep
    from misar_ips.api.warmup import IPDetails, WarmUp

_WHEN_SUSPENDED = "Stop what drew the complaints; then ask MisarMail's support."
_SCREEN = 23  # lines of a terminal of 24, less the one of the next prompt
_MOST_STEPS = 7  # rows of the schedule; of a longer one, those around today
_LONGEST_HISTORY = 30  # cells
_SPARKS = "▁▂▃▄▅▆▇█"


def ip_details(details: IPDetails, now: datetime, width: int, screen: int | None = None) -> Lines:
    """Return all there is to know of an IP: settings, warm-up, schedule, ramp.

    Of a warmed IP the way there is left out. ``screen`` is how many lines there are; where that
    is None it may scroll, but keeps to a usual terminal where it can.
    """
    ip, warm_up = details.ip, details.warm_up
    facts = [
        *facts_of(_settings(ip, now, UNKNOWN), width),
        *facts_of([("Reputation", score_of(ip)), ("History", _history(ip, width))], width),
    ]
    if ip.is_warmed:
        return Lines(_blocks(heading(ip, width, warm_up), facts))
    facts += [*_warm_up_bar(ip, width), *facts_of(_outlook(ip, warm_up), width)]
    lines = _blocks(heading(ip, width, warm_up), facts, _schedule(ip, warm_up, width))
    room = (screen or _SCREEN) - len(lines) - 1
    dated = steps_in_order(ip.warmup_schedule)
    plot = ramp_plot(dated, warm_up.day, ip.daily_limit, width, room)
    return Lines(_blocks(lines, plot) if screen is None or len(plot) <= room else lines)


def watched(
    details: IPDetails | None, notice: str, now: datetime, width: int, height: int
) -> Lines:
    """Return an IP as `show` does, and how old that is or what keeps it from being newer."""
    seen = f"As of {now:%Y-%m-%d %H:%M:%S} UTC; Ctrl-C ends."
    told = Cell(one_line(notice), "yellow") if notice else Cell(seen if details else "", "dim")
    shown = ip_details(details, now, width, height - 1)[: height - 1] if details else ()
    return Lines((*shown, clipped((told,), width)))


def waited(details: IPDetails, goal: str, seconds: float, now: datetime, width: int) -> Lines:
    """Return a line for a wait: how far the IP is, since when, and when it may be there."""
    ip = details.ip
    share, by, precision = (ip.warmup_percent or 0) / 100, details.warm_up.estimated_warmed_at, ""
    if goal == "provisioned":
        by, precision = provisioned_by(ip), " %H:%M UTC"
        whole = by - ip.created_at if by and ip.created_at else None
        share = 1 - (by - now) / whole if by and whole else 0.0
    estimate = "" if by is None else f"  estimated {by:%Y-%m-%d}{by.strftime(precision)}"
    texts = (f"{plain(ip.id)} to be {goal}  ", bar(share, 12), f"  {in_words(seconds)}", estimate)
    # Room for the ^C that the terminal may put behind it: a line that wraps can't be taken back.
    return Lines((clipped((Cell(text) for text in texts), width - 3),))


def ip_summary(ip: DedicatedIP, now: datetime, width: int) -> Lines:
    """Return an IP's settings, and nothing that the server did not speak of."""
    return Lines(tuple(_blocks(heading(ip, width), facts_of(_settings(ip, now, ""), width))))


def heading(ip: DedicatedIP, width: int, warm_up: WarmUp | None = None) -> list[Line]:
    """Return id, address and status in a line, or in two where one is too short for them."""
    name = Cell(plain(ip.id), "bold")
    rest = [Cell("  "), Cell(plain(ip.address or "no address yet")), Cell("  "), status_of(ip)]
    meaning = STATUS_MEANINGS.get(ip.warmup_status or "")
    if warm_up and meaning:
        rest.append(Cell(f": {meaning}{_day_of(ip, warm_up)}"))
    if sum(cell_len(cell.text) for cell in (name, *rest)) <= width:
        return [(name, *rest)]
    return [(name,), clipped(rest, width)]


def status_of(ip: DedicatedIP) -> Cell:
    """Return the status in its colour."""
    return Cell(plain(ip.warmup_status or UNKNOWN), status_style(ip))


def status_style(ip: DedicatedIP) -> str:
    """Return the style that goes with the status."""
    return STATUS_STYLES.get(ip.warmup_status or "", "")


def percent_of(ip: DedicatedIP) -> str:
    """Return the warm-up's percent; cut, not rounded, because 99.6 is not the end of a warm-up."""
    return "" if ip.warmup_percent is None else f"{int(ip.warmup_percent)}%"


def progress_bar(ip: DedicatedIP, width: int) -> str:
    """Return a bar for the whole warm-up, and nothing where nothing is known of it."""
    return " " * width if ip.warmup_percent is None else bar(ip.warmup_percent / 100, width)


def _settings(ip: DedicatedIP, now: datetime, unknown: str) -> list[tuple[str, str]]:
    limit = "" if ip.daily_limit is None else counted(ip.daily_limit, "message")
    if limit and not ip.can_send:
        limit = f"{limit}, but not while {plain(ip.warmup_status or '')}"
    return [
        ("rDNS", plain(ip.rdns or unknown)),
        ("Pool", plain(ip.pool or unknown)),
        ("Created", _when(ip.created_at, now)),
        ("Provisioned", _when(ip.provisioned_at, now) or _expected(ip, now)),
        ("Today's limit", limit),
    ]


def _expected(ip: DedicatedIP, now: datetime) -> str:
    """Return by when an IP is provisioned, where it surely is not yet."""
    by = provisioned_by(ip)
    if by is None or by < now or not ip.may_be_new:
        return ""
    return f"not yet, expected by {by:%Y-%m-%d %H:%M} UTC"


def _when(time: datetime | None, now: datetime) -> str:
    days = whole_days(time, now)
    if time is None or days is None:
        return ""
    ago = f" ({counted(days, 'day')} ago)" if days else ""
    return f"{time:%Y-%m-%d %H:%M} UTC{ago}"


def score_of(ip: DedicatedIP) -> str:
    """Return the reputation as it was sent: the API documents no scale of it."""
    return "" if ip.reputation_score is None else f"{ip.reputation_score:g}"


def _history(ip: DedicatedIP, width: int) -> str:
    """Return the reputation's history as a line, with its first, last and lowest value."""
    scores = [entry.score for entry in ip.reputation_history]
    if len(scores) < 2:  # noqa: PLR2004 - one value has no history
        return ""
    told = f" {scores[-1]:g}, lowest {min(scores):g}"
    columns = max(1, min(_LONGEST_HISTORY, width - len(told) - 30, len(scores)))
    return f"{scores[0]:g} {_sparks(scores, columns)}{told}"


def _sparks(values: Sequence[float], columns: int) -> str:
    """Return a cell for each value, or for the lowest of several."""
    starts = [len(values) * column // columns for column in range(columns + 1)]
    lows = [min(values[start:end]) for start, end in pairwise(starts)]
    least, spread = min(lows), (max(lows) - min(lows)) or 1.0
    return "".join(_SPARKS[round((low - least) / spread * (len(_SPARKS) - 1))] for low in lows)


def _day_of(ip: DedicatedIP, warm_up: WarmUp) -> str:
    """Return which day of how many it is, where a warm-up runs."""
    if warm_up.day is None or ip.is_warmed or ip.warmup_status == "suspended":
        return ""
    steps = steps_in_order(ip.warmup_schedule)
    last = steps[-1].day or 0 if steps else 0
    return f", day {warm_up.day}{f' of {last}' if last >= warm_up.day else ''}"


def _warm_up_bar(ip: DedicatedIP, width: int) -> list[Line]:
    if ip.warmup_percent is None:
        return []
    drawn = Cell(progress_bar(ip, _bar_width(width)), status_style(ip))
    return [clipped((label("Warm-up"), drawn, Cell(f"  {percent_of(ip)}")), width)]


def _bar_width(width: int) -> int:
    return max(1, min(40, width - 30))


def _outlook(ip: DedicatedIP, warm_up: WarmUp) -> list[tuple[str, str]]:
    """Say whether the warm-up is on schedule, when it may be done, and what to do."""
    parts = ["on schedule"] if warm_up.on_schedule else []
    if warm_up.missed_step and ip.warmup_status != "suspended":
        days = counted(warm_up.behind_days or 0, "day")
        parts.append(f"{days} behind (step of day {warm_up.missed_step.day})")
    if warm_up.estimated_warmed_at:
        parts.append(f"estimated warmed on {warm_up.estimated_warmed_at:%Y-%m-%d}")
    to_do = _WHEN_SUSPENDED if ip.warmup_status == "suspended" else ""
    return [("Schedule", ", ".join(parts)), ("What to do", to_do)]


def _schedule(ip: DedicatedIP, warm_up: WarmUp, width: int) -> list[Line]:
    dated = steps_in_order(ip.warmup_schedule)
    steps = [*dated, *(step for step in ip.warmup_schedule if not has_day(step))]
    if not steps:
        return []
    missed = missed_steps(ip, warm_up.day)
    shown, before, after = _around_today(steps, warm_up.day)
    columns = {
        "day": _number_column("DAY", (step.day for step in shown)),
        "limit": _number_column("LIMIT", (step.limit for step in shown)),
        "sent": _number_column("SENT", (step.sent for step in shown)),
        "bar": _step_bars(shown, bar_width=30),
        "mark": Column("", tuple(_mark(step, warm_up, missed) for step in shown)),
    }
    savings: tuple[Saving, ...] = (
        ("bar", _step_bars(shown, bar_width=13)),
        ("bar", None),
        ("mark", None),
    )
    titles, *rows = fitting_table(columns, savings, width - len(INDENT))
    lines: list[Line] = [titles, *_left_out(before, "before"), *rows, *_left_out(after, "after")]
    return [clipped((Cell(INDENT), *line), width) for line in lines]


def _around_today(
    steps: Sequence[WarmupStep], day: int | None
) -> tuple[Sequence[WarmupStep], int, int]:
    """Return the steps to show, and how many are before and after them."""
    passed = sum(has_day(step) and (step.day or 0) < (day or 0) for step in steps)
    start = max(0, min(passed - _MOST_STEPS // 2, len(steps) - _MOST_STEPS))
    shown = steps[start : start + _MOST_STEPS]
    return shown, start, len(steps) - start - len(shown)


def _left_out(steps: int, where: str) -> list[Line]:
    return [(Cell(f"… {counted(steps, 'step')} {where}", "dim"),)] if steps else []


def _number_column(title: str, numbers: Iterable[int | None]) -> Column:
    texts = (UNKNOWN if number is None else f"{number:,}" for number in numbers)
    return Column(title, tuple(Cell(text) for text in texts), to_the_right=True)


def _step_bars(steps: Iterable[WarmupStep], bar_width: int) -> Column:
    return Column("SENT OF LIMIT", tuple(_step_bar(step, bar_width) for step in steps))


def _step_bar(step: WarmupStep, width: int) -> Cell:
    fraction = (step.sent or 0) / step.limit if step.limit and step.limit > 0 else 0.0
    return Cell(bar(fraction, width), "green" if step.done else "yellow")


def _mark(step: WarmupStep, warm_up: WarmUp, missed: Sequence[WarmupStep]) -> Cell:
    """Say in a word where a step is: done, short, now or ahead."""
    if is_done(step):
        return Cell("✓ done", "green")
    if not has_day(step):
        return Cell("")
    if step in missed:
        return Cell("✗ missed", "red")
    if not has_day(step) or (warm_up.day is None and warm_up.next_step is None):
        return Cell("")
    if (step.day or 0) > (warm_up.day or 0):
        return Cell("· ahead", "dim")
    is_now = step == warm_up.current_step and (warm_up.next_step or step.day == warm_up.day)
    return Cell("▶ now", "bold") if is_now else Cell("· over", "dim")


def _blocks(*blocks: Sequence[Line]) -> list[Line]:
    """Put an empty line between blocks that have something in them."""
    lines: list[Line] = []
    for block in blocks:
        lines += [(), *block] if lines and block else block
    return lines
