"""Host names, blocklists' zones and addresses: which are valid, usable, the same, or generic.

What a user names ends up in DNS, so it is validated here before anything is sent. What a function
called ``validate_…`` can't let pass is a UsageError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv6Address

_LABEL = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_LONGEST_HOSTNAME = 253  # octets, RFC 1035 section 2.3.4 without the root's dot
_LONGEST_ZONE = _LONGEST_HOSTNAME - 64  # an IPv6 address in front of it takes 64 octets

_NOT_PUBLIC = {"arpa", "internal", "invalid", "local", "localdomain", "localhost"}
"""Top-level domains without hosts on the internet (RFC 6761, RFC 6762 and what routers use)."""
_OCTETS_THAT_TELL = 3  # in a row; one or two are in many a good name, as in mta42
_SEPARATOR = r"[-._]"


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
        return validate_domain(text or "")
    except UsageError:
        return None


def validate_hostname(text: str) -> str:
    """Return the hostname for a PTR record, a Unicode one in its A-label form."""
    name = text if text.isascii() else _a_label_form(text)
    if problem := _problem_with(name):
        raise _no_hostname(text, problem)
    return name


def _problem_with(name: str) -> str:
    """Return why a name in A-labels can't be a hostname, "" where it can.

    Letters, digits, hyphens and dots, at least two labels of 1 to 63 characters, at most
    253 in all, no trailing dot (RFC 952, RFC 1123 section 2.1).
    """
    labels = name.split(".")
    if name.endswith("."):
        return "leave out the trailing dot"
    if len(name) > _LONGEST_HOSTNAME:
        return f"it is longer than {_LONGEST_HOSTNAME} characters"
    if not all(re.fullmatch(_LABEL, label) for label in labels):
        return "only letters, digits, hyphens and dots are allowed"
    if len(labels) == 1:
        return "it needs at least two parts, as in mail.example.com"
    if labels[-1].isdigit():
        return "it ends in a number, as an address does"
    return ""


def why_unusable(name: str) -> str:
    """Return why a PTR record's name can't be a mail server's, "" where it can."""
    if name == ".":
        return "it is the root of all names"
    top = name.lower().rpartition(".")[2]
    if top in _NOT_PUBLIC:
        return f"there are no hosts under .{top} on the internet"
    return _problem_with(name)


def looks_generic(name: str, address: IPv4Address | IPv6Address) -> bool:
    """Return whether a name is made of the address, forward or backward, in any usual spelling.

    Three of an IPv4 address's numbers in a row are enough, also with zeros in front of them; so
    are all its digits without separators, decimal or hexadecimal, and an IPv6 address's.
    """
    text = name.lower()
    if address.version == 4:  # noqa: PLR2004 - IPv4
        return _has_octets(text, list(address.packed))
    spelled = {str(address).replace(":", separator) for separator in "-."}
    spelled |= {address.exploded.replace(":", separator) for separator in ("-", ".", "")}
    nibbles = address.exploded.replace(":", "")
    spelled |= {separator.join(nibbles[::step]) for separator in "-." for step in (1, -1)}
    return any(each in text for each in spelled)


def _has_octets(text: str, octets: Sequence[int]) -> bool:
    for row in (octets, octets[::-1]):
        runs = [row[start : start + _OCTETS_THAT_TELL] for start in range(len(row) - 2)]
        separated = "|".join(_SEPARATOR.join(f"0{{0,2}}{octet}" for octet in run) for run in runs)
        together = "|".join("".join(f"{octet:{form}}" for octet in row) for form in ("d", "03d"))
        if re.search(rf"(?<!\d)(?:{separated}|{together})(?!\d)", text):
            return True
        if "".join(f"{octet:02x}" for octet in row) in text:
            return True
    return False


def validate_domain(text: str) -> str:
    """Return a domain in small letters and A-labels, without a trailing dot."""
    return validate_hostname(text.removesuffix(".")).lower()


def validate_zone(text: str) -> str:
    """Return a blocklist's zone, in small letters and without a trailing dot."""
    zone = validate_domain(text)
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
    return UsageError(f"`{text}` is not a valid hostname: {reason}.")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address, without asking DNS."""
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
