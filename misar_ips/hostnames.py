"""What a user may name: an IP's id or address, a PTR hostname, a resolver, a blocklist.

Ids and hostnames end up in URLs and in DNS, so each is checked here before anything is sent.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from misar_ips.errors import UsageError
from misar_ips.safe_text import holds_key

DOCUMENTED_POOLS = ("transactional", "marketing")
"""The pools the reference names. Others exist, so any name is passed on."""

GOALS = ("provisioned", "warmed")
"""What an IP can be waited for to be."""

_LABEL = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_SEE_IDS = "`misar-ips list` shows the ids."
_LONGEST_ID = 1000  # characters; a URL that is much longer can't be sent
_LONGEST_HOSTNAME = 253  # octets, RFC 1035 section 2.3.4 without the root's dot
_LONGEST_ZONE = _LONGEST_HOSTNAME - 64  # an IPv6 address in front of it takes 64 octets
_DNS_PORT = 53
_PORTS = range(1, 65_536)
_RESOLVER = r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?"


class Nameserver(NamedTuple):
    """A resolver that is asked: its address and port."""

    address: str
    port: int = _DNS_PORT

    def __str__(self) -> str:
        if self.port == _DNS_PORT:
            return self.address
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


def validate_id(text: str) -> str:
    """Return the id, if it can stand as one path segment once percent-encoded.

    Raises:
        UsageError: it is empty, ``.`` or ``..``, holds control characters or broken text, or is
            an API key, which servers would log with the path.
    """
    if not text:
        raise UsageError("The IP's id is empty.", hint=_SEE_IDS)
    if holds_key(text):
        raise UsageError(f"{text} is an API key and no IP's id.", hint=_SEE_IDS)
    if text in {".", ".."}:
        raise UsageError(f"`{text}` is no IP's id.", hint=_SEE_IDS)
    if not text.isprintable():  # control characters, and bytes that were no UTF-8
        raise UsageError("The IP's id has a character in it that no id has.", hint=_SEE_IDS)
    if len(text) > _LONGEST_ID:
        raise UsageError("The IP's id is longer than any id.", hint=_SEE_IDS)
    return text


def canonical_address(text: str | None) -> str | None:
    """Return an IPv4 or IPv6 address in its one canonical spelling, None for anything else."""
    from ipaddress import ip_address

    try:
        return str(ip_address((text or "").strip()))
    except ValueError:
        return None


def validate_hostname(text: str) -> str:
    """Return the hostname for a PTR record, a Unicode one in its A-label form.

    Letters, digits, hyphens and dots, at least two labels of 1 to 63 characters, at most
    253 in all, no trailing dot (RFC 952, RFC 1123 section 2.1).

    Raises:
        UsageError: it is no such name.
    """
    name = text if text.isascii() else _a_label_form(text)
    labels = name.split(".")
    if name.endswith("."):
        raise _no_hostname(text, "leave out the trailing dot")
    if len(name) > _LONGEST_HOSTNAME:
        raise _no_hostname(text, f"it is longer than {_LONGEST_HOSTNAME} characters")
    if not all(re.fullmatch(_LABEL, label) for label in labels):
        raise _no_hostname(text, "only letters, digits, hyphens and dots can stand in one")
    if len(labels) == 1:
        raise _no_hostname(text, "it needs at least two parts, as in mail.example.com")
    if labels[-1].isdigit():
        raise _no_hostname(text, "it ends in a number, as an address does")
    return name


def validate_pool(text: str) -> str:
    """Return the pool's name, if there is one.

    Raises:
        UsageError: it is empty or can't be sent, or an API key, which everybody would see.
    """
    if holds_key(text):
        raise UsageError(f"{text} is an API key and no pool.")
    if not text.strip() or not text.isprintable():
        raise UsageError(
            "The pool's name is empty or has control characters in it.",
            hint=f"The documented pools are {' and '.join(DOCUMENTED_POOLS)}.",
        )
    return text


def validate_resolver(text: str) -> Nameserver:
    """Return the resolver that a text names: an address, and a port after a colon.

    An IPv6 address with a port stands in brackets.

    Raises:
        UsageError: it is no address; a name would have to be looked up first.
    """
    match = re.fullmatch(_RESOLVER, text)
    address = canonical_address((match["v6"] or match["v4"]) if match else text)
    port = int(match["port"] or _DNS_PORT) if match else _DNS_PORT
    if address is None or port not in _PORTS:
        raise UsageError(
            f"`{text}` is no resolver's address.",
            hint="Write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.",
        )
    return Nameserver(address, port)


def validate_zone(text: str) -> str:
    """Return a blocklist's zone, in small letters and without a trailing dot.

    Raises:
        UsageError: it is no name, or too long for an address in front of it.
    """
    zone = validate_hostname(text.removesuffix(".")).lower()
    if len(zone) > _LONGEST_ZONE:
        raise UsageError(f"`{zone}` is too long a name for a blocklist.")
    return zone


def validate_goal(text: str) -> str:
    """Return what is to be waited for.

    Raises:
        UsageError: an IP never gets there.
    """
    if text not in GOALS:
        raise UsageError(f"`{text}` can't be waited for.", hint=f"Goals: {' and '.join(GOALS)}.")
    return text


def validate_settings(pool: str | None, rdns: str | None) -> dict[str, str]:
    """Return the settings that were given, checked, under the API's names.

    Raises:
        UsageError: one of them can't be sent.
    """
    settings = {}
    if pool is not None:
        settings["pool"] = validate_pool(pool)
    if rdns is not None:
        settings["rdns"] = validate_hostname(rdns)
    return settings


def validate_changes(pool: str | None, rdns: str | None) -> dict[str, str]:
    """Return the settings to change, checked, under the API's names.

    Raises:
        UsageError: one of them can't be sent, or there is none.
    """
    changes = validate_settings(pool, rdns)
    if not changes:
        raise UsageError("Nothing to change was given.", hint="Give --pool, --rdns or both.")
    return changes


def _a_label_form(text: str) -> str:
    import idna

    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise _no_hostname(text, str(error)) from error


def _no_hostname(text: str, reason: str) -> UsageError:
    return UsageError(f"`{text}` is no hostname: {reason}.")
