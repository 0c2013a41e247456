"""The ramp of a warm-up as a plot: the daily limit by day, what was sent of it, and today.

Between two steps of the schedule both are drawn as straight lines: the API tells no more.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from misar_ips.output.drawing import INDENT, Cell, Line, folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from misar_ips.api.models import WarmupStep

    Points = list[tuple[float, float]]

_RISING = " ▁▂▃▄▅▆▇█"  # eighths of a cell
_AHEAD, _AXIS, _TODAY = "░", "┤", "▲"
_LEGEND = "Messages a day: █ sent, ░ allowed; straight between steps."
_HEIGHTS = range(3, 7)  # lines, without the legend and the days
_WIDEST = 56  # cells: two for each day of the usual four weeks
_NARROWEST = 20  # cells; a smaller plot says nothing
_SENT_STYLE, _AHEAD_STYLE = "green", "dim"


def ramp_plot(
    steps: Sequence[WarmupStep], today: int | None, limit: int | None, width: int, room: int
) -> list[Line]:
    """Return the plot of steps in the order of their days, in as many lines as there is room for.

    ``today`` is the day of the warm-up, ``limit`` what may be sent on it. Nothing is given where
    there is nothing to plot, or no room.
    """
    limits: Points = [(step.day or 0, max(0, step.limit or 0)) for step in steps]
    sent: Points = [
        (step.day or 0, max(0, step.sent or 0)) for step in steps if (step.day or 0) <= (today or 0)
    ]
    highest = max((messages for _, messages in limits), default=0)
    scale = f"  {highest:,.0f} "
    columns = min(_WIDEST, width - len(scale) - 1)
    if highest <= 0 or columns < _NARROWEST or limits[0][0] == limits[-1][0]:
        return []
    if today is not None and limit is not None and limits[0][0] <= today <= limits[-1][0]:
        limits = sorted([*(point for point in limits if point[0] != today), (today, limit)])
    legend = folded(_LEGEND, width - len(INDENT))
    height = min(max(room - len(legend) - 1, _HEIGHTS[0]), _HEIGHTS[-1])
    days = _spread(limits[0][0], limits[-1][0], columns)
    eighths = 8 * height / highest
    allowed = [min(height * 8, _between(limits, day) * eighths) for day in days]
    used = [
        min(most, _between(sent, day) * eighths) for most, day in zip(allowed, days, strict=True)
    ]
    margin = [scale, *[" " * len(scale)] * (height - 1)]
    rows = (tuple(_row(used, allowed, 8 * row)) for row in reversed(range(height)))
    plot: list[Line] = [
        (Cell(f"{text}{_AXIS}", "dim"), *cells) for text, cells in zip(margin, rows, strict=True)
    ]
    marks = Cell(" " * (len(scale) + 1)), Cell(_marks(steps, today, days), "dim")
    return [*((Cell(INDENT), Cell(line, "dim")) for line in legend), *plot, marks]


def _row(used: Sequence[float], allowed: Sequence[float], floor: int) -> Iterator[Cell]:
    """Return one row of cells, whose bottom is ``floor`` eighths high, in runs of one style."""
    cells = (_cell(sent - floor, most - floor) for sent, most in zip(used, allowed, strict=True))
    for style, run in groupby(cells, key=lambda cell: cell.style):
        yield Cell("".join(cell.text for cell in run), style)


def _cell(used: float, allowed: float) -> Cell:
    if used >= 1:
        return Cell(_RISING[min(8, int(used))], _SENT_STYLE)
    return Cell(_AHEAD, _AHEAD_STYLE) if allowed >= 1 else Cell(" ")


def _between(points: Points, day: float) -> float:
    """Return the value at a day on the straight lines between points, 0 outside of them."""
    for (start, first), (end, last) in pairwise(points):
        if start <= day <= end and start < end:
            return first + (last - first) * (day - start) / (end - start)
    return next((value for at, value in points if at == day), 0.0)


def _spread(first: float, last: float, columns: int) -> list[float]:
    return [first + (last - first) * column / (columns - 1) for column in range(columns)]


def _marks(steps: Sequence[WarmupStep], today: int | None, days: Sequence[float]) -> str:
    """Return the line under the plot: today's mark, and the steps' days where there is room."""
    marks = [(today, f"{_TODAY} {today}")] if today and days[0] <= today <= days[-1] else []
    marks += [(step.day, f"{step.day}") for step in (steps[0], steps[-1], *steps) if step.day]
    line = " " * len(days)
    for day, text in marks:
        nearest = min(range(len(days)), key=lambda column: abs(days[column] - day))
        start = min(nearest, len(days) - len(text))
        around = line[max(0, start - 1) : start + len(text) + 1]
        if not around.strip():
            line = line[:start] + text + line[start + len(text) :]
    return line.rstrip()
