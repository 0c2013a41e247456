"""Text that others wrote, made safe to print, and times as text."""

from __future__ import annotations

import re
import textwrap
from functools import cache

_COMMAND = re.compile("`[^`]+`")
_SHORTEST_SECRET = 8  # characters
_LIST_KEY = (
    r"[\w-]+(?=\.[^.\s]*\.(?:dq\.spamhaus\.net|mail\.abusix\.zone))"
    r"|\w{16,}(?=\.(?:dq\.spamhaus\.net|mail\.abusix\.zone))"
)
"""The first label of blocklists that know their customers by it: `KEY.zen.dq.spamhaus.net`."""
_NO_BREAK = "\xa0"  # a space where no line ends; `plain` leaves none of them in a text


def plain(text: str) -> str:
    """Return the text with everything that a terminal would act on made visible.

    Control characters, escape sequences, line breaks, tabs, invisible and direction-changing
    characters and broken Unicode become the escapes that Python writes for them.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def one_line(text: str) -> str:
    """Return the text as one safe line: its white space is folded, the rest is made plain."""
    return plain(" ".join(text.split()))


def folded(text: str, width: int, *, break_long_words: bool) -> list[str]:
    """Break a plain text into lines at its words; a command in backticks stays in one piece."""

    def unbroken(command: re.Match[str]) -> str:
        return command[0].replace(" ", _NO_BREAK) if len(command[0]) <= width else command[0]

    lines = textwrap.wrap(
        _COMMAND.sub(unbroken, text),
        width,
        break_long_words=break_long_words,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


def without_keys(text: str) -> str:
    """Return the text with every key in it cut to what tells it from another one.

    That is `msk_` and the next 8 characters of an API key, as the vendor shows keys, and `KEY` for
    the key in a blocklist's name.
    """
    if "msk_" in text:
        text = re.sub("(msk_[0-9A-Za-z]{8})[0-9A-Za-z]{24,}", r"\1…", text)
    if "spamhaus" in (small := text.lower()) or "abusix" in small:
        text = re.sub(_LIST_KEY, "KEY", text, flags=re.IGNORECASE)
    return text


def holds_key(text: str) -> bool:
    """Return whether an API key stands in the text."""
    return without_keys(text) != text


def cut_from(text: str, secret: str, shown: str = "…") -> str:
    """Return a text without a secret, as it is or in the spellings of JSON and of URLs.

    A secret of less than eight characters may be in a text by chance, and is left.
    """
    if len(secret) < _SHORTEST_SECRET:
        return text
    for spelling in _spellings(secret):
        text = text.replace(spelling, shown)
    return text


@cache  # a list of ten thousand IPs holds a hundred thousand texts
def _spellings(secret: str) -> list[str]:
    """Return how a secret may be written, the longest first, so that no part of one is left."""
    import json
    from urllib.parse import quote, quote_plus

    in_json = json.dumps(secret)[1:-1]
    ways = {secret, in_json, in_json.replace("/", r"\/")}
    ways |= {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return sorted(ways, key=len, reverse=True)
