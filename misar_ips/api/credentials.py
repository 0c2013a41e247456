"""Keys, base URLs and time-outs: what can be used to reach the API, and what is shown of a key."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from misar_ips.errors import ConfigError, UsageError
from misar_ips.hostnames import is_loopback
from misar_ips.safe_text import without_keys

if TYPE_CHECKING:
    from urllib.parse import SplitResult

DEFAULT_BASE_URL = "https://api.misar.io/mail/v1"
DEFAULT_TIMEOUT = 30.0  # seconds
_KEY_PREFIX = "msk_"
_LONGEST_KEY = 10_000  # characters; servers refuse a header that is much longer
_LONGEST_TIMEOUT = 86_400.0  # seconds; a socket takes no more than some 30 years


def validate_key(text: str, source: str) -> str:
    """Return a key if it can be sent: printable ASCII without spaces.

    No prefix is asked for: OAuth tokens look different. The text is never repeated in the error.

    Raises:
        ConfigError: it is empty or malformed.
    """

    def refuse(reason: str, hint: str | None = None) -> ConfigError:
        return ConfigError(f"The API key from {source} {reason}.", hint=hint)

    if not text:
        raise refuse("is empty")
    if len(text) > _LONGEST_KEY:
        raise refuse(f"is longer than {_LONGEST_KEY:,} characters")
    if not _is_visible_ascii(text):
        raise refuse(
            "has spaces, line breaks or non-ASCII characters in it",
            "Copy it once more; a key is one word such as msk_0123abcd….",
        )
    if text[0] in "\"'" or text[-1] in "\"'":
        raise refuse("has quotation marks around it", "Leave them out; it was not sent.")
    return text


def mask_key(key: str) -> str:
    """Return as much of a key as tells it from another: never more than a third of it."""
    shown = without_keys(key)
    if shown != key and shown.endswith("…"):
        return shown
    return f"{_KEY_PREFIX}…" if key.startswith(_KEY_PREFIX) else "…"


def validate_base_url(text: str, what: str = "The base URL") -> str:
    """Return a base URL, scheme and host in small letters, without its trailing slash.

    ``what`` is how the error calls it.

    Raises:
        ConfigError: it is not https (http for loopback only), names no host, or has user info, a
            query or a fragment.
    """

    def refuse(reason: str) -> ConfigError:
        # The URL is not repeated: what was pasted may be a key, or have a password in it.
        return ConfigError(f"{what} {reason}.", hint=f"It looks like this: {DEFAULT_BASE_URL}")

    if not _is_visible_ascii(text):
        raise refuse("is empty, or has spaces or non-ASCII characters in it")
    parts = _parts_of(text)
    if parts is None:
        raise refuse("is malformed")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refuse("is not an https URL")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise refuse("has user info, a query or a fragment in it")
    if "\\" in text:
        raise refuse("has a backslash in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise refuse("is not https; http is for this machine's own addresses only")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def validate_timeout(value: object) -> float:
    """Return a profile's time-out in seconds, from a number or a duration such as `1m`.

    Raises:
        UsageError: it is neither, or not above 0 and up to a day.
    """
    if isinstance(value, str):
        from misar_ips.times import parse_duration

        number = parse_duration(value).total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    else:
        number = math.nan
    if not 0 < number <= _LONGEST_TIMEOUT:  # written so that NaN fails as well
        raise UsageError("The timeout must be above 0 s and up to a day.", hint="As 30, 30s or 1m.")
    return float(number)


def _parts_of(url: str) -> SplitResult | None:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and bool(text)
