"""Keys, base URLs and time-outs: what can be used to reach the API, and what is shown of a key."""

from __future__ import annotations

import math

from misar_ips.errors import ConfigError
from misar_ips.hostnames import is_loopback

DEFAULT_BASE_URL = "https://api.misar.io/mail/v1"
DEFAULT_TIMEOUT = 30.0  # seconds
_KEY_PREFIX = "msk_"
_SHOWN_OF_A_KEY = 8  # characters after the prefix, as the vendor's own pages show them
_LONGEST_TIMEOUT = 86_400.0  # seconds; a socket takes no more than some 30 years


def validate_key(text: str, source: str) -> str:
    """Return a key if it can be sent: printable ASCII without spaces.

    No prefix is asked for: OAuth tokens look different. The text never stands in the error.

    Raises:
        ConfigError: it is empty or malformed.
    """
    if not text:
        raise ConfigError(f"The API key from {source} is empty.")
    if not _is_visible_ascii(text):
        raise ConfigError(
            f"The API key from {source} has spaces, line breaks or non-ASCII characters in it.",
            hint="Copy it once more; a key is one word such as msk_0123abcd….",
        )
    return text


def mask_key(key: str) -> str:
    """Return as much of a key as tells it from another: never more than a third of it."""
    if not key.startswith(_KEY_PREFIX):
        return "…"
    shown = len(_KEY_PREFIX) + _SHOWN_OF_A_KEY
    return key[:shown] + "…" if len(key) >= 3 * shown else f"{_KEY_PREFIX}…"


def validate_base_url(text: str, what: str = "The base URL") -> str:
    """Return a base URL without its trailing slash; ``what`` is how the error calls it.

    Raises:
        ConfigError: it is not https (http for loopback only), names no host, or has user info, a
            query or a fragment.
    """
    from urllib.parse import urlsplit

    def refuse(reason: str) -> ConfigError:
        # The URL is not repeated: what was pasted may be a key, or have a password in it.
        return ConfigError(f"{what} {reason}.", hint=f"It looks like this: {DEFAULT_BASE_URL}")

    if not _is_visible_ascii(text):
        raise refuse("is empty, or has spaces or non-ASCII characters in it")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refuse("is malformed") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise refuse("is no https URL")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise refuse("has user info, a query or a fragment in it")
    if "\\" in text:
        raise refuse("has a backslash in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise refuse("is not https; http is for this machine's own addresses only")
    return text.rstrip("/")


def validate_timeout(value: object, what: str = "The timeout") -> float:
    """Return a profile's time-out in seconds; ``what`` is how the error calls it.

    Raises:
        ConfigError: it is no positive number, or longer than a day.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not 0 < number <= _LONGEST_TIMEOUT:  # written so that NaN fails as well
        raise ConfigError(
            f"{what} is no number of seconds above 0 and up to {_LONGEST_TIMEOUT:.0f}."
        )
    return float(number)


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and bool(text)
