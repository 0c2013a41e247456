"""Durations as people write them: 90s, 15m, 24h, 28d."""

from __future__ import annotations

import re
from datetime import timedelta

from misar_ips.errors import UsageError

_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Give the duration that a text names.

    Raises:
        UsageError: it is not a whole number with one of the units s, m, h and d.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"`{text}` is no duration.", hint="Write it as 90s, 15m, 24h or 28d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
