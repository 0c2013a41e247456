"""Durations as people write and read them (90, 90s, 15m, 28d, 1h30m; 3 h 20 min); RFC 3339."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

LONGEST = timedelta(days=3_650)
"""Beyond ten years no duration is meant, and some clocks can't count any more."""

SHORTEST_INTERVAL = 5.0  # seconds; no server is asked more often

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_BARE = re.compile(_NUMBER)
_WITH_UNITS = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in "dhms"))
_LENGTHS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}  # seconds
_EXAMPLES = "Write it as 90s, 15m, 24h, 28d or 1h30m."


def parse_duration(text: str, *, may_be_zero: bool = False) -> timedelta:
    """Return the duration that a text names: a number of seconds, else as 90s, 28d or 1h30m.

    Raises:
        UsageError: it is none of these, longer than ten years, or zero where it must not be.
    """
    stripped = text.strip()
    units = _WITH_UNITS.fullmatch(stripped) if stripped else None
    if _BARE.fullmatch(stripped):
        seconds = float(stripped)
    elif units:
        numbers = zip(units.groups("0"), _LENGTHS.values(), strict=True)
        seconds = sum(float(number) * length for number, length in numbers)
    else:
        raise UsageError(f"`{text}` is not a valid duration.", hint=_EXAMPLES)
    if seconds > LONGEST.total_seconds():
        raise UsageError(f"`{text}` is longer than {LONGEST.days} days.", hint=_EXAMPLES)
    duration = timedelta(seconds=seconds)
    if not duration and not may_be_zero:
        raise UsageError(f"`{text}` must be longer than zero.", hint=_EXAMPLES)
    return duration


def parse_interval(text: str) -> float:
    """Return the seconds between two looks at a server.

    Raises:
        UsageError: it is not a valid duration, or shorter than five seconds.
    """
    seconds = parse_duration(text).total_seconds()
    if seconds < SHORTEST_INTERVAL:
        raise UsageError(
            f"An interval of `{text}` is too short.", hint="The shortest is `--interval 5s`."
        )
    return seconds


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
