"""Text that others wrote, made safe to print, and times as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def plain(text: str) -> str:
    """Give the text with everything that a terminal would act on made visible.

    Control characters, escape sequences, line breaks, tabs, invisible and direction-changing
    characters and broken Unicode become the escapes that Python writes for them.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def one_line(text: str) -> str:
    """Give the text as one safe line: its white space is folded, the rest is made plain."""
    return plain(" ".join(text.split()))


def rfc3339(time: datetime | None) -> str:
    """Give a UTC time as RFC 3339 writes it, with a fraction only where there is one."""
    return "" if time is None else time.isoformat().replace("+00:00", "Z")
