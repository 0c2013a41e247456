"""JSON values read as what they are meant to be; None for what can't be meant."""

from __future__ import annotations

from datetime import UTC, datetime

_NUMERIC = (int, float, str)
"""What a number may come as. A tuple: `int | float | str` would be made anew for each value."""

_LARGEST_NUMBER = 10**15
"""Beyond this no count of messages is meant; floats would begin to lose whole numbers."""

FIRST_YEAR = 2000
"""No date of an IP is older: year 1 and 1970 are what programs write for "never"."""


def text_of(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def number_of(value: object) -> float | None:
    """Return a number, also from text such as "62"; whole ones as int, to print as such."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not abs(number) <= _LARGEST_NUMBER:  # written so that NaN fails as well
        return None
    return int(number) if number.is_integer() else number


def whole_of(value: object) -> int | None:
    """Return a whole number; a fraction is cut off."""
    number = number_of(value)
    return None if number is None else int(number)


def time_of(value: object) -> datetime | None:
    """Return an RFC 3339 time or date in UTC, which is meant where it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.upper())  # RFC 3339 allows a small t and z
        if time.tzinfo is not UTC:  # it nearly always is, and a long list has many times
            time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= FIRST_YEAR else None
