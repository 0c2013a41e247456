"""What a user may name: an IP's id or address, a PTR hostname, a resolver, a blocklist.

Ids and hostnames end up in URLs and in DNS, so each is checked here before anything is sent.
"""

from __future__ import annotations

import re

from misar_ips.errors import UsageError

_LABEL = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_LONGEST_HOSTNAME = 253  # octets, RFC 1035 section 2.3.4 without the root's dot
_LONGEST_ZONE = _LONGEST_HOSTNAME - 64  # an IPv6 address in front of it takes 64 octets


def canonical_address(text: str | None) -> str | None:
    """Return an IPv4 or IPv6 address in its one canonical spelling, None for anything else.

    An IPv4 address that is mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
    """
    from ipaddress import ip_address

    try:
        address = ip_address((text or "").strip())
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def canonical_hostname(text: str | None) -> str | None:
    """Return a hostname as DNS compares it (A-labels, small letters, no trailing dot).

    None is returned for anything that is not a hostname of two labels or more.
    """
    try:
        return validate_hostname((text or "").removesuffix(".")).lower()
    except UsageError:
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


def validate_zone(text: str) -> str:
    """Return a blocklist's zone, in small letters and without a trailing dot.

    Raises:
        UsageError: it is no name, or too long for an address in front of it.
    """
    zone = validate_hostname(text.removesuffix(".")).lower()
    if len(zone) > _LONGEST_ZONE:
        raise UsageError(f"`{zone}` is too long a name for a blocklist.")
    return zone


def _a_label_form(text: str) -> str:
    import idna

    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise _no_hostname(text, str(error)) from error


def _no_hostname(text: str, reason: str) -> UsageError:
    return UsageError(f"`{text}` is no hostname: {reason}.")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address, without asking DNS."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
