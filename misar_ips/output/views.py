"""What a terminal shows of a command's result, whatever that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from misar_ips.api.warmup import IPDetails
from misar_ips.output.drawing import (
    MARKS,
    Cell,
    Column,
    Line,
    Lines,
    Saving,
    clipped,
    fitting_table,
    folded,
    text_column,
)
from misar_ips.safe_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from misar_ips.results import Finding, ProfileEntry, Release, Result

_FINDING_WIDTH = 17  # cells before what is said of a finding: mark, name, gap


def view_of(value: Result, now: datetime, width: int, *, brief: bool = False) -> Lines:
    """Return what a terminal of that width shows of a command's result.

    ``brief``: of an IP its id, address and status.
    """
    if isinstance(value, IPDetails):
        from misar_ips.output.ip_details import heading, ip_details

        if brief:
            return Lines(heading(value.ip, width, value.warm_up))
        return ip_details(value, now, width)
    values = value if isinstance(value, Sequence) else [value]
    if listed := [each for each in values if isinstance(each, IPDetails)]:
        from misar_ips.output.ip_table import account

        return account(listed, now, width)
    return _other_view(values, now, width)


def _other_view(values: Sequence[object], now: datetime, width: int) -> Lines:
    # Apart, because `list` and `show` are to be fast and have none of these.
    from misar_ips.output.check_report import check_lines
    from misar_ips.output.daily_tables import daily_view
    from misar_ips.output.ip_details import ip_summary
    from misar_ips.results import ChangedIP, CheckedIP, Finding, ProfileEntry, Release

    if changed := [each for each in values if isinstance(each, ChangedIP)]:
        return ip_summary(changed[0].ip, now, width)
    if entries := [each for each in values if isinstance(each, ProfileEntry)]:
        return profile_table(entries, width)
    if releases := [each for each in values if isinstance(each, Release)]:
        return release_lines(releases, width)
    if findings := [each for each in values if isinstance(each, Finding)]:
        return finding_lines(findings, width)
    if daily := daily_view(values, width):
        return daily
    return check_lines([each for each in values if isinstance(each, CheckedIP)], width)


def release_lines(releases: Iterable[Release], width: int) -> Lines:
    """Return a line for each IP that is gone; the others are told as errors."""
    return Lines(tuple(_released(each, width) for each in releases if each.released))


def finding_lines(findings: Iterable[Finding], width: int) -> Lines:
    """Return a line for each point that `doctor` looked at, and more where it has more to say."""
    return Lines(tuple(line for each in findings for line in _found(each, width)))


def profile_table(profiles: Sequence[ProfileEntry], width: int) -> Lines:
    """Return a table of the configured profiles; the default one is marked."""
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


def _found(finding: Finding, width: int) -> Iterable[Line]:
    mark = MARKS[finding.status]
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
