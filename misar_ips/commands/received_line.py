"""What one Received line of a message says, in whichever server's style (RFC 5321 section 4.4)."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.hostnames import canonical_address, canonical_hostname

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NAME = 255  # characters

_INTERNAL = [
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
        *("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
]
"""Where hops within one provider are; documentation addresses are as public as any here."""

# A line may be a million characters long: none of these looks at one more than a few times.
_PART = re.compile(r'\\.|"(?:[^"\\]++|\\.)*+"|[()]|[^\\"()]++|.')
_END_OF_FROM = re.compile(r";|(?:^|(?<=\s))by(?=\s)", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r"[\s\[\]<>=,:@]+")
_ADDRESS = re.compile(
    r"(?<![\w.:-])(?:IPv6:)?"
    r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[\w-])|[0-9a-f.:]{2,45}+(?![\w-]))",
    re.IGNORECASE,
)
HELO = re.compile(r"\b(?:helo|ehlo)[ =]+([^\s\];]*)", re.IGNORECASE)


class Hop(NamedTuple):
    """What one Received line says of who handed the message over; "" for what it does not say.

    ``is_outside``: by address and names it was somebody else than the server's own organization.
    """

    address: str
    helo: str
    is_outside: bool = False


def hop_of(text: str) -> Hop:
    """Read a Received line's from-part, in whichever server's style.

    The address in parentheses is the server's own finding, what is outside of them is what the
    client said: that counts as an address only where there is none in parentheses.
    """
    (outside, comments), *others = pieces_of(text, _END_OF_FROM)
    begin, _, said = outside.partition(" ")
    if begin.lower() != "from":
        return Hop("", "")
    greeting = HELO.search(comments)
    helo = name_of(greeting[1] if greeting else said.strip().partition(" ")[0])
    address = _address(HELO.sub("", comments)) or _address(said)
    by = others[0][0].split()[:1] if others else []
    tells = greeting is not None or "[" in outside + comments
    is_outside = tells and is_public(address) and not _within(f"{said} {comments}", by)
    return Hop(address, helo, is_outside)


def _within(text: str, server: Sequence[str]) -> bool:
    """Return whether the names in a text are all of the server's domain, and known."""
    domain = ".".join(server[0].lower().rsplit(".", 2)[-2:]) if server else ""
    words = [word.rstrip(".").lower() for word in _BETWEEN_NAMES.split(text)]
    names = [word for word in words if word.rpartition(".")[2].isalpha() and "." in word]
    return (
        "." in domain
        and bool(names)
        and all(f".{name}".endswith(f".{domain}") for name in names)
        and "unknown" not in words
    )


def pieces_of(text: str, separator: re.Pattern[str]) -> list[tuple[str, str]]:
    """Return a text's pieces between separators, each without its comments, and those.

    Comments are in parentheses and may nest. Nothing in quotation marks is a sign or a separator.
    """
    pieces: list[tuple[list[str], list[str]]] = [([], [])]
    depth = 0
    for part in _PART.findall(text):
        outside, comments = pieces[-1]
        if part in {"(", ")"}:
            depth = max(0, depth + (1 if part == "(" else -1))
            outside.append(" ")
            comments.append("\n")
        elif part[0] == '"':
            (comments if depth else outside).append(re.sub(r"[\s;=]", "_", part.strip('"')))
        elif depth:
            comments.append(part)
        else:
            first, *others = separator.split(part)
            outside.append(first)
            pieces += [([each], []) for each in others]
    return [("".join(outside), "".join(comments)) for outside, comments in pieces]


def _address(text: str) -> str:
    """Return the first address in a text, one in brackets before others; "" without any."""
    matches = sorted(_ADDRESS.finditer(text), key=lambda each: text[each.start() - 1 :][:1] != "[")
    found = (canonical_address(match[1].rstrip(".")) for match in matches)
    return next(filter(None, found), "")


def name_of(text: str) -> str:
    """Return a name as DNS compares it, an address in its one spelling, "" for anything else."""
    if len(text) > LONGEST_NAME:
        return ""
    bare = text.strip("[]?\"'<>").lower().removeprefix("ipv6:")
    return canonical_hostname(bare) or canonical_address(bare) or ""


def is_public(address: str) -> bool:
    """Return whether an address is one that other networks can see; "" is not."""
    return bool(address) and not any(ip_address(address) in network for network in _INTERNAL)
