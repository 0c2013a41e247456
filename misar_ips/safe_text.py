"""Text that others wrote, made safe to print; and numbers of things in words."""

from __future__ import annotations

import re
import textwrap
from functools import cache

_COMMAND = re.compile("`[^`]+`")
_WITH_A_PROFILE = (
    *("list", "show", "limit", "changes", "check", "trace", "wait", "request", "update"),
    *("release", "doctor", "metrics"),
)
"""The commands that talk to the API."""
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
    """Return whether there is an API key in the text."""
    return without_keys(text) != text


def cut_from(text: str, secret: str, shown: str = "…") -> str:
    """Return a text without a secret, also where JSON or a URL spells characters otherwise.

    A secret of less than eight characters may be in a text by chance, and is left.
    """
    if len(secret) < _SHORTEST_SECRET:
        return text
    if "\\" in text or "%" in text:
        text = _every_spelling(secret).sub(lambda _found: shown, text)
    return text.replace(secret, shown)


@cache
def _every_spelling(secret: str) -> re.Pattern[str]:
    """Return what finds a text whose characters may be escaped, as JSON and URLs do that."""
    spellings = (
        rf"(?:\\*{re.escape(each)}|(?i:%{ord(each):02x}|\\+u{ord(each):04x}))" for each in secret
    )
    return re.compile("".join(spellings))


def with_profile(text: str, profile: str | None) -> str:
    """Return a text whose commands in backticks name the profile, so that they can be pasted."""
    if profile is None or "`misar-ips " not in text:
        return text
    import shlex

    option = f" --profile {shlex.quote(profile)}"

    def named(command: re.Match[str]) -> str:
        return command[0] if "--profile" in command[0] else f"{command[0][:-1]}{option}`"

    return re.sub(rf"`misar-ips (?:{'|'.join(_WITH_A_PROFILE)})\b[^`]*`", named, text)


def counted(number: int, what: str) -> str:
    """Return a number of things in words: 1 day, 2 days."""
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
