"""What views are drawn with: lines of styled cells, tables that fit, bars, facts.

Pure functions from text to lines. Lengths are in terminal cells, of which a wide character has two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size

from misar_ips import safe_text
from misar_ips.safe_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNKNOWN = "—"
GAP = "  "
INDENT = "  "
_LABEL_WIDTH = 17  # cells, indent and gap included
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_FULL, _EMPTY = "█", "░"
_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


class Cell(NamedTuple):
    """A piece of text with a style: words such as "bold red"."""

    text: str
    style: str = ""


Line = tuple[Cell, ...]
Saving: TypeAlias = "tuple[str, Column | int | None]"
"""A column to save space in: by another one in its place, by narrowing it to so many cells at
least, or by doing without."""

STATUS_STYLES = {
    "not_started": "cyan",
    "warming": "yellow",
    "warmed": "green",
    "suspended": "bold red",
}
MARKS = {
    "pass": Cell("✓", "green"),
    "warning": Cell("!", "yellow"),
    "fail": Cell("✗", "bold red"),
    "unknown": Cell("?", "cyan"),
}
"""What a check, or a point of `doctor`, came to."""


class Lines(tuple[Line, ...]):
    """Ready-made lines, which have only to be coloured."""

    __slots__ = ()


@dataclass(frozen=True)
class Column:
    """A table's column; numbers are ``to_the_right`` in it."""

    title: str
    cells: tuple[Cell, ...]
    to_the_right: bool = False

    @cached_property
    def width(self) -> int:
        """Its width in cells; measured once, because each row asks for it."""
        return max(cell_len(text) for text in (self.title, *(cell.text for cell in self.cells)))

    def narrowed(self, least: int, excess: int) -> Column:
        """Return the column narrower by ``excess``, but not under ``least`` cells."""
        width = max(least, self.width - max(0, excess))
        cells = tuple(cell._replace(text=shortened(cell.text, width)) for cell in self.cells)
        return replace(self, cells=cells)


def as_text(lines: Iterable[Line], *, coloured: bool) -> str:
    """Return the lines as a terminal takes them, with the codes of ECMA-48 for their styles."""
    if not coloured:
        return "".join(f"{''.join(cell.text for cell in line)}\n" for line in lines)
    return "".join(f"{''.join(map(_coloured, line))}\n" for line in lines)


def _coloured(cell: Cell) -> str:
    if not cell.style or not cell.text:
        return cell.text
    codes = ";".join(_CODES[word] for word in cell.style.split())
    return f"\x1b[{codes}m{cell.text}\x1b[0m"


def bar(fraction: float, width: int) -> str:
    """Return a bar that is ``width`` cells long, exact to an eighth of a cell."""
    eighths = int(min(1.0, max(0.0, fraction)) * width * 8)
    whole, rest = divmod(eighths, 8)
    filled = _FULL * whole + (_EIGHTHS[rest] if rest else "")
    return filled + _EMPTY * (width - len(filled))


def fitting_table(columns: dict[str, Column], savings: Iterable[Saving], width: int) -> Lines:
    """Return a table after as many of the savings, in their order, as its width asks for.

    What a later saving leaves free goes back to the columns that were narrowed before.
    """
    narrowed: dict[str, Column] = {}
    for name, saving in savings:
        if name not in columns or _excess(columns, width) <= 0:
            continue
        if saving is None:
            del columns[name]
        elif isinstance(saving, int):
            narrowed.setdefault(name, columns[name])
            columns[name] = columns[name].narrowed(saving, _excess(columns, width))
        else:
            columns[name] = saving
    for name in filter(columns.__contains__, narrowed):
        least, columns[name] = columns[name].width, narrowed[name]
        columns[name] = narrowed[name].narrowed(least, _excess(columns, width))
    return _table(tuple(columns.values()))


def _excess(columns: Mapping[str, Column], width: int) -> int:
    return sum(column.width + len(GAP) for column in columns.values()) - len(GAP) - width


def _table(columns: Sequence[Column]) -> Lines:
    rows = zip(*(column.cells for column in columns), strict=True)
    titles = tuple(Cell(column.title, "dim") for column in columns)
    return Lines(tuple(_row(row, columns) for row in (titles, *rows)))


def _row(cells: Sequence[Cell], columns: Sequence[Column]) -> Line:
    padded = [
        cell._replace(text=_aligned(cell.text, column.width, to_the_right=column.to_the_right))
        for cell, column in zip(cells, columns, strict=True)
    ]
    return _trimmed(piece for cell in padded for piece in (cell, Cell(GAP)))


def _trimmed(cells: Iterable[Cell]) -> Line:
    """Leave out the spaces at a line's end."""
    kept = list(cells)
    while kept and not kept[-1].text.rstrip():
        kept.pop()
    return (*kept[:-1], *(cell._replace(text=cell.text.rstrip()) for cell in kept[-1:]))


def _aligned(text: str, width: int, *, to_the_right: bool) -> str:
    return " " * (width - cell_len(text)) + text if to_the_right else set_cell_size(text, width)


def shortened(text: str, width: int) -> str:
    """Cut a text to so many cells, and show by "…" that it was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def text_column(title: str, texts: Iterable[str | None]) -> Column:
    """Return a column of texts from the server, made plain."""
    return Column(title, tuple(Cell(plain(text or UNKNOWN)) for text in texts))


def facts_of(facts: Iterable[tuple[str, str]], width: int) -> list[Line]:
    """Return the lines of named facts; one without a text is left out."""
    return [line for name, text in facts if text for line in fact(name, text, width)]


def fact(name: str, text: str, width: int) -> list[Line]:
    """Return a fact whole: where its text is too long for a line, it goes on below."""
    first, *others = folded(text, width - _LABEL_WIDTH) or [UNKNOWN]
    return [(label(name), Cell(first)), *((label(""), Cell(piece)) for piece in others)]


def folded(text: str, width: int) -> list[str]:
    """Break a text into lines, at words where it has some."""
    # It counts characters, of which some are two cells wide and some none at all.
    lines = safe_text.folded(text, width, break_long_words=True)
    return [piece for line in lines for piece in chop_cells(line, width)]


def label(name: str) -> Cell:
    """Return a fact's name, as wide as every other one's."""
    return Cell(f"{INDENT}{name}".ljust(_LABEL_WIDTH), "dim")


def clipped(cells: Iterable[Cell], width: int) -> Line:
    """Cut a line where the terminal ends."""
    kept = []
    for cell in cells:
        kept.append(cell._replace(text=shortened(cell.text, width)))
        width -= cell_len(cell.text)
        if width < 0:
            break
    return tuple(kept)


def notice_line(text: str, width: int) -> Lines:
    """Return a line that is taken back later: one that wraps could not be.

    There is room for the ^C that the terminal may put behind it.
    """
    return Lines((clipped((Cell(plain(text), "dim"),), width - 3),))
