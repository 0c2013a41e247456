"""What a caller may name of the API: an IP's id, a pool, settings, a field of the list.

Ids end up in URLs, so each is validated here before anything is sent. What a function called
``validate_…`` can't let pass is a UsageError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from misar_ips.errors import UsageError
from misar_ips.hostnames import canonical_hostname, validate_hostname
from misar_ips.safe_text import holds_key

if TYPE_CHECKING:
    from misar_ips.api.models import DedicatedIP

DOCUMENTED_POOLS = ("transactional", "marketing")
"""The pools the reference names. Others exist, so any name is passed on."""

DEFAULT_POOL = "marketing"
"""Where the server puts an IP that was ordered without a pool, as the reference says."""

SETTING_LABELS = {"pool": "pool", "rdns": "rDNS"}
"""What the settings of an IP are called in texts, by their names in the API."""

GOALS = {
    "provisioned": "the IP is there",
    "warmed": "its warm-up is complete",
    "dns": "its PTR name and address agree in DNS",
}
"""What an IP can be waited for to be."""


_SEE_IDS = "`misar-ips list` shows the ids."
_LONGEST_ID = 1000  # characters; a URL that is much longer can't be sent


def validate_id(text: str) -> str:
    """Return the id, if it can be one path segment once percent-encoded."""
    if not text:
        raise UsageError("The IP's id is empty.", hint=_SEE_IDS)
    if holds_key(text):  # which servers would log with the path
        raise UsageError(f"{text} is an API key, not an IP's id.", hint=_SEE_IDS)
    if text in {".", ".."}:
        raise UsageError(f"`{text}` is not an IP's id.", hint=_SEE_IDS)
    if not text.isprintable():  # control characters, and bytes that were not UTF-8
        raise UsageError("The IP's id has a character in it that no id has.", hint=_SEE_IDS)
    if len(text) > _LONGEST_ID:
        raise UsageError("The IP's id is longer than any id.", hint=_SEE_IDS)
    return text


def is_usable_id(text: str) -> bool:
    """Return whether an IP that a server calls so can be asked for."""
    try:
        return bool(validate_id(text))
    except UsageError:
        return False


def validate_pool(text: str) -> str:
    """Return the pool's name, if there is one that can be sent."""
    if holds_key(text):  # which everybody would see
        raise UsageError(f"{text} is an API key, not a pool.")
    if not text.strip() or not text.isprintable():
        raise UsageError(
            "The pool's name is empty or has control characters in it.",
            hint=f"The documented pools are {' and '.join(DOCUMENTED_POOLS)}.",
        )
    return text


def validate_goal(text: str) -> str:
    """Return what is to be waited for, if an IP can get there."""
    if text not in GOALS:
        raise UsageError(f"`{text}` can't be waited for.", hint=f"Goals: {', '.join(GOALS)}.")
    return text


def validate_settings(pool: str | None, rdns: str | None) -> dict[str, str]:
    """Return the settings that were given, checked, under the API's names."""
    settings = {}
    if pool is not None:
        settings["pool"] = validate_pool(pool)
    if rdns is not None:
        settings["rdns"] = validate_hostname(rdns)
    return settings


def validate_changes(pool: str | None, rdns: str | None) -> dict[str, str]:
    """Return the settings to change, at least one, checked, under the API's names."""
    changes = validate_settings(pool, rdns)
    if not changes:
        raise UsageError("Nothing to change was given.", hint="Give --pool, --rdns or both.")
    return changes


def different_settings(
    ip: DedicatedIP, settings: dict[str, str], *, told_only: bool = False
) -> dict[str, str | None]:
    """Return what an IP has in place of the settings asked for; None where it has nothing.

    With ``told_only``, what the server does not tell of the IP is not different. Names are compared
    as DNS does, pools without regard to case.
    """
    actual = {"pool": ip.pool, "rdns": ip.rdns}
    return {
        name: actual[name]
        for name, wanted in settings.items()
        if not _is_same(actual[name], wanted) and not (told_only and actual[name] is None)
    }


def _is_same(actual: str | None, wanted: str) -> bool:
    if actual is None:
        return False
    return actual.casefold() == wanted.casefold() or (
        canonical_hostname(actual) is not None
        and canonical_hostname(actual) == canonical_hostname(wanted)
    )


def validate_score(text: str) -> float:
    """Return a reputation score, 0 or more; the reference does not tell its scale."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise UsageError(f"`{text}` is not a reputation score; write a number such as 80.")
    return float(text)


FIELDS = ("id", "address", "rdns", "pool", "warmup_status", "warmup_percent", "created_at")
"""What the list tells of an IP, in the order of its columns."""


def validate_field(text: str) -> str:
    """Return the name of a field that can be sorted by."""
    if text not in FIELDS:
        raise UsageError(f"`{text}` can't be sorted by.", hint=f"Fields: {', '.join(FIELDS)}.")
    return text
