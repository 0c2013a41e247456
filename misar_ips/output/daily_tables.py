"""What a terminal shows of `limit` and `changes`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from misar_ips.api.sending_limits import DayLimit, PoolLimit, TotalLimit
from misar_ips.output.drawing import (
    UNKNOWN,
    Cell,
    Column,
    Lines,
    fitting_table,
    text_column,
)
from misar_ips.results import Change
from misar_ips.safe_text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.api.models import DedicatedIP
    from misar_ips.output.drawing import Saving

_NO_POOL = "(no pool)"
_POOL_SAVINGS: tuple[Saving, ...] = (
    ("address", 15),
    ("address", None),
    ("why", 10),
    ("why", None),
)
_CHANGE_SAVINGS: tuple[Saving, ...] = (
    ("from", 12),
    ("to", 12),
    ("address", 15),
    ("address", None),
    ("from", None),
    ("field", 8),
    ("to", None),
    ("field", None),
)


def daily_view(values: Sequence[object], width: int) -> Lines | None:
    """Return the view of what comes of `limit` or `changes`, None where it comes of neither."""
    if limits := [each for each in values if isinstance(each, PoolLimit)]:
        return pool_table(limits, width)
    if days := [each for each in values if isinstance(each, DayLimit)]:
        return day_table(days, width)
    if changes := [each for each in values if isinstance(each, Change)]:
        return change_table(changes, width)
    totals = [each for each in values if isinstance(each, TotalLimit)]
    return Lines(tuple((Cell(str(each.daily_limit)),) for each in totals)) if totals else None


def pool_table(limits: Sequence[PoolLimit], width: int) -> Lines:
    """Return a table of what each pool may send today, and below it each of its IPs."""
    rows: list[tuple[Cell, Cell, Cell, Cell]] = []
    for each in limits:
        limit = Cell(f"{each.daily_limit:,}", "bold")
        ips = f"{len(each.counted)} of {counted(len(each.ips), 'IP')}"
        ips += "" if each.complete else ", at least so much"
        rows.append((Cell(plain(each.pool or _NO_POOL), "bold"), Cell(""), limit, Cell(ips)))
        rows += [_row_of(ip) for ip in each.ips]
    names, addresses, today, why = (tuple(cells) for cells in zip(*rows, strict=True))
    columns = {
        "name": Column("POOL, IP", names),
        "address": Column("ADDRESS", addresses),
        "today": Column("TODAY", today, to_the_right=True),
        "why": Column("COUNTED", why),
    }
    return fitting_table(columns, _POOL_SAVINGS, width)


def day_table(days: Sequence[DayLimit], width: int) -> Lines:
    """Return a table of what each pool may at least send on days ahead, by estimate."""
    limits = tuple(Cell(f"{each.limit:,}") for each in days)
    so_far = tuple(Cell(f"{each.so_far:,}") for each in days)
    columns = {
        "date": Column("DATE (UTC)", tuple(Cell(each.date.isoformat()) for each in days)),
        "pool": text_column("POOL", (each.pool or _NO_POOL for each in days)),
        "limit": Column("AT LEAST (ESTIMATE)", limits, to_the_right=True),
        "sum": Column("SO FAR", so_far, to_the_right=True),
    }
    short = Column("ESTIMATE", limits, to_the_right=True)
    savings: tuple[Saving, ...] = (("pool", 8), ("sum", None), ("limit", short), ("pool", None))
    return fitting_table(columns, savings, width)


def change_table(changes: Sequence[Change], width: int) -> Lines:
    """Return a table of what has changed, one row for each field."""
    columns = {
        "id": Column("ID", tuple(Cell(plain(each.id), "bold") for each in changes)),
        "address": text_column("ADDRESS", (each.address for each in changes)),
        "field": text_column("CHANGED", (each.field for each in changes)),
        "from": text_column("FROM", (_shown(each.before) for each in changes)),
        "to": text_column("TO", (_shown(each.after) for each in changes)),
    }
    return fitting_table(columns, _CHANGE_SAVINGS, width)


def _row_of(ip: DedicatedIP) -> tuple[Cell, Cell, Cell, Cell]:
    name, address = Cell(f"  {plain(ip.id)}"), Cell(plain(ip.address or UNKNOWN))
    if ip.counts_today:
        return name, address, Cell(f"{ip.limit_today:,}"), Cell("yes", "green")
    why = plain(ip.warmup_status or "") if not ip.can_send else "limit not known"
    return name, address, Cell("0" if not ip.can_send else "?"), Cell(f"no: {why}", "yellow")


def _shown(value: object) -> str | None:
    """Return a field's value as a person reads it."""
    if value is None or isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
