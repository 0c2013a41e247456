"""Durations as people write and read them (90s, 15m, 24h, 28d; 3 h 20 min), and RFC 3339."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

_DURATION = "([0-9]{1,9})([smhd])"
_LENGTHS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}  # seconds
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text names.

    Raises:
        UsageError: it is not a whole number with one of the units s, m, h and d.
    """
    match = re.fullmatch(_DURATION, text.strip())
    if match is None:
        raise UsageError(f"`{text}` is no duration.", hint="Write it as 90s, 15m, 24h or 28d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_interval(text: str) -> float:
    """Return the seconds that a text names, bare or as a duration.

    Raises:
        UsageError: it is neither a whole number nor a duration.
    """
    return parse_duration(f"{text}s" if text.isdecimal() else text).total_seconds()


def in_words(seconds: float) -> str:
    """Return a duration in its two largest units, the rest left out."""
    left = int(max(0.0, seconds))
    parts: list[str] = []
    for unit, length in _LENGTHS.items():
        number, left = divmod(left, length)
        if number or parts:
            parts.append(f"{number} {unit}")
    first_two = [part for part in parts[:2] if not part.startswith("0 ")]
    return " ".join(first_two) or "0 s"


def rfc3339(time: datetime | None) -> str:
    """Return a UTC time as RFC 3339 writes it, with a fraction only where there is one."""
    return "" if time is None else time.isoformat().replace("+00:00", "Z")
