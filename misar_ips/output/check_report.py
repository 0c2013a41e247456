"""Checks on a terminal: what each says, and below what did not pass, what to do about it.

No line is wider than the terminal, but for a record to publish: what is pasted must be whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from misar_ips.dns.verdicts import FAIL, PASS, UNKNOWN, WARNING
from misar_ips.output.drawing import (
    INDENT,
    MARKS,
    Cell,
    Line,
    Lines,
    bar,
    clipped,
    folded,
    shortened,
)
from misar_ips.safe_text import counted, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from misar_ips.dns.verdicts import Check
    from misar_ips.results import CheckedIP

_LABELS = {
    "address": "Address",
    "ptr": "PTR",
    "forward": "Forward",
    "hostname": "Hostname",
    "blocklist": "Blocklist",
    "warmup": "Warm-up",
    "reputation": "Reputation",
    "spf": "SPF",
    "route": "Route",
    "helo": "HELO",
    "dkim": "DKIM",
    "dmarc": "DMARC",
}
_MARGIN = 15  # cells before what is said: indent, mark, label
_MOST_VALUES = 3  # of those found; an address may well have a thousand PTR records
_LONGEST_VALUE = 200  # cells; a list's reason may be a novel


def check_lines(checked: Sequence[CheckedIP], width: int) -> Lines:
    """Return each IP with its checks, an empty line between two."""
    lines: list[Line] = []
    for ip in checked:
        lines += [()] if lines else []
        lines += _heading(ip, width)
        if ip.named or len(ip.having(PASS)) < len(ip.checks):
            lines += [line for check in ip.checks for line in _check_lines(check, width)]
    return Lines(tuple(lines))


def progress(done: int, total: int, width: int) -> Lines:
    """Return the line that is shown while DNS takes its time."""
    share = done / total if total else 0.0
    texts = ("Asking DNS  ", bar(share, 20), f"  {done:,} of {total:,}")
    # Room for the ^C that the terminal may put behind it: a line that wraps can't be taken back.
    return Lines((clipped((Cell(text) for text in texts), width - 3),))


def halves_line(name: str, checks: Sequence[Check], elapsed: str, width: int) -> Lines:
    """Return the line that is shown while DNS is waited for: each check, and what was found."""
    cells = [Cell(f"{plain(name)} in DNS")]
    for check in checks:
        found = _told(", ".join(check.found) or check.message)
        cells += [Cell("  "), MARKS[check.status], Cell(f" {_LABELS[check.name]} {found}")]
    return Lines((clipped((*cells, Cell(f"  {elapsed}", "dim")), width - 3),))


def _heading(ip: CheckedIP, width: int) -> list[Line]:
    """Return id, address and the numbers of checks by what became of them."""
    known = [plain(text) for text in (ip.file and ip.name, ip.id, ip.address) if text]
    numbers = {status: len(ip.having(status)) for status in MARKS}
    told = ", ".join(_counted(number, status) for status, number in numbers.items() if number)
    worst = next((each for each in (FAIL, WARNING, UNKNOWN) if numbers[each]), PASS)
    name, *address = known
    rest = (*(Cell(f"  {text}") for text in address), Cell(f"  {told}", MARKS[worst].style))
    if cell_len(name) + sum(cell_len(cell.text) for cell in rest) <= width:
        return [(Cell(name, "bold"), *rest)]
    return [(Cell(name, "bold"),), clipped(rest, width)]


def _counted(number: int, status: str) -> str:
    if status == WARNING:
        return counted(number, "warning")
    return f"{number} {'unknown' if status == UNKNOWN else f'{status}ed'}"


def _check_lines(check: Check, width: int) -> Iterator[Line]:
    label = _LABELS.get(check.name.partition(":")[0], check.name)
    space = max(1, width - _MARGIN)
    first, *others = folded(_told(check.message), space) or [""]
    start = (Cell(INDENT), MARKS[check.status], Cell(f" {label}".ljust(_MARGIN - len(INDENT) - 1)))
    yield clipped((*start, Cell(first)), width)
    below = Cell(" " * _MARGIN)
    for text in others:
        yield below, Cell(text)
    if check.status in {WARNING, FAIL}:
        for text in _values(check, space):
            yield below, Cell(text, "dim")
    for text in folded(plain(check.hint), space):
        yield below, Cell(text)
    if check.record:
        yield _record(plain(check.record), width)


def _values(check: Check, width: int) -> Iterator[str]:
    """Return what was found and what was expected, each on lines of its own."""
    left_out = len(check.found) - _MOST_VALUES
    found = ", ".join(_told(value) for value in check.found[:_MOST_VALUES])
    more = f" and {left_out:,} more" if left_out > 0 else ""
    expected = plain(", ".join(check.expected))
    for name, text in (("Found", f"{found}{more}"), ("Expected", expected)):
        if text:
            yield from folded(f"{name}: {text}", width)


def _told(text: str) -> str:
    return shortened(one_line(text), _LONGEST_VALUE)


def _record(record: str, width: int) -> Line:
    """Return the record whole, further to the left where the terminal is too narrow."""
    margin = _MARGIN if _MARGIN + cell_len(record) <= width else 0
    return Cell(" " * margin), Cell(record, "bold")
