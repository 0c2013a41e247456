"""What the header of a received message says of its way: who handed it over, and the verdicts.

Lines are added at the top, so the topmost ones are the receiver's own. Those below may be anybody's
word: a forwarder's, or the sender's. After RFC 5321 section 4.4 (Received), RFC 8601
(Authentication-Results) and RFC 7208 section 9.1 (Received-SPF); servers differ in all of them.
"""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.errors import UsageError
from misar_ips.hostnames import canonical_address, canonical_hostname

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from typing import BinaryIO

LONGEST_HEADER = 1 << 20  # bytes
_CHUNK = 1 << 16  # bytes
_END = re.compile(rb"\r?\n\r?\n")
_BLANK_LINES = b"\xef\xbb\xbf\r\n"  # and a byte order mark, as some editors put in front of a paste

_INTERNAL = [
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
        *("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
]
"""Where hops within one provider are; documentation addresses are as public as any here."""

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:IPv6:)?([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]+)", re.IGNORECASE
)
_HELO = re.compile(r"\b(?:helo|ehlo)[ =]+\[?(?:IPv6:)?([^\s\])(;]+)", re.IGNORECASE)
_PORT = re.compile(r"\bport=[0-9]+", re.IGNORECASE)
_SPF_ADDRESS = re.compile(
    r"(?:sender ip is|designates?|client-ip\s*=)\s*\"?\[?(?:IPv6:)?([0-9a-f.:]+)"
    r"|(?<![0-9a-f.:])([0-9a-f.:]+) is neither permitted nor denied",
    re.IGNORECASE,
)
_RESULT = re.compile(r"\s*([a-z-]+)\s*=\s*([a-z]+)", re.IGNORECASE)
_PART = re.compile(r"\\.|\"[^\"\\]*\"|[()]|[^\\\"()]+|.")
_METHODS = ("spf", "dkim", "dmarc")


class Hop(NamedTuple):
    """What one Received line says of who handed the message over; "" for what it does not say."""

    address: str
    helo: str

    @property
    def is_public(self) -> bool:
        """Whether the address is one that other networks can see."""
        from ipaddress import ip_address

        return bool(self.address) and not any(ip_address(self.address) in net for net in _INTERNAL)


class Header(NamedTuple):
    """A message's hops, newest first, and what its receiver itself says.

    ``handed_over_by`` is the address that the receiver names, ``helo`` the name that it greeted
    with; ``verdicts`` are the receiver's by method (spf, dkim, dmarc). ``receiver`` is its name.
    """

    hops: tuple[Hop, ...]
    handed_over_by: str
    helo: str
    verdicts: dict[str, str]
    receiver: str


def read_header(file: BinaryIO, name: str) -> Header:
    """Return the header of the message that a file begins with; ``name`` is how errors call it.

    Raises:
        UsageError: it has no Received line, or no end within 1 MiB.
    """
    content = b""
    while (chunk := file.read(_CHUNK)) and len(content) <= LONGEST_HEADER:
        content = (content + chunk).lstrip(_BLANK_LINES) if not content else content + chunk
        if _END.search(content, max(0, len(content) - len(chunk) - 3)):
            break
    end = _END.search(content)
    if end is None and len(content) > LONGEST_HEADER:
        raise UsageError(f"{name} has no end of a header within 1 MiB: it is not a message.")
    head = content[: end.start()] if end else content
    if head.startswith((b"From ", b">From ")):  # the line that mbox puts in front of a message
        head = head.partition(b"\n")[2]
    return header_of(BytesHeaderParser().parsebytes(head), name)


def header_of(message: Message, name: str) -> Header:
    """Return what a message's header says.

    Raises:
        UsageError: it has no Received line.
    """
    hops = tuple(_hop(text) for text in _values(message, "Received"))
    if not hops:
        raise UsageError(
            f"{name} has no Received line, so it does not tell which way it came.",
            hint='Save the message as its receiver has it, with all headers ("show original").',
        )
    results = _receivers_results(_values(message, "Authentication-Results"))
    received_spf = next(iter(_values(message, "Received-SPF")), "")
    address, helo = _handed_over(message, results)
    return Header(
        hops,
        address,
        helo,
        _verdicts(results, received_spf),
        results[0].receiver if results else "",
    )


class _Results(NamedTuple):
    """One Authentication-Results line: whose, its text without comments, and its comments."""

    receiver: str
    text: str
    comments: str


def _values(message: Message, name: str) -> list[str]:
    return [" ".join(str(value).split()) for value in message.get_all(name, [])]


def _hop(text: str) -> Hop:
    """Read a Received line's from-part, in whichever server's style.

    The address in parentheses is the server's own finding, what is outside of them is what the
    client said: that counts as an address only where there is none in parentheses.
    """
    match = re.match(r"from\s+(.*)", text, re.IGNORECASE)
    if match is None:
        return Hop("", "")
    outside, comments = _without_comments(_before_by(match[1]))
    helo = next(iter(_HELO.findall(comments)), "")
    found = _addresses(_PORT.sub("", _HELO.sub("", comments))) or _addresses(outside)
    if not helo:
        helo = outside.strip().partition(" ")[0].strip("[]")
    return Hop(found[0] if found else "", _name(helo))


def _before_by(text: str) -> str:
    """Return what is before the word "by" outside of parentheses."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth <= 0 and text[place : place + 4].lower() == " by ":
            return text[:place]
    return text


def _without_comments(text: str) -> tuple[str, str]:
    """Return a text outside of its parentheses, and what is inside of them; they may nest."""
    outside: list[str] = []
    inside: list[str] = []
    depth = 0
    for part in _PART.findall(text):
        if part in {"(", ")"}:
            depth = max(0, depth + (1 if part == "(" else -1))
            outside.append(" ")
            inside.append(" ")
        else:
            (inside if depth else outside).append(part)
    return "".join(outside), "".join(inside)


def _addresses(text: str) -> list[str]:
    found = (canonical_address(each.rstrip(".:")) for each in _ADDRESS.findall(text))
    return [address for address in found if address]


def _name(text: str) -> str:
    """Return a HELO name as DNS compares it, an address as it is, "" for anything else."""
    return canonical_hostname(text) or canonical_address(text) or ""


def _receivers_results(lines: Iterable[str]) -> list[_Results]:
    """Return the receiver's own results: those with the name that the topmost one has."""
    results = []
    for line in lines:
        text, comments = _without_comments(line)
        first, _, rest = text.partition(";")
        words = first.split()
        if words and "=" not in first:
            results.append(_Results(words[0].lower(), rest, comments))
        else:  # some servers leave their name out
            results.append(_Results("", text, comments))
    return [each for each in results if each.receiver == results[0].receiver]


def _handed_over(message: Message, results: list[_Results]) -> tuple[str, str]:
    """Return the address, and the HELO name, that the receiver's word on SPF holds."""
    names = {"received-spf", "authentication-results"}
    topmost = next((name for name in message if name.lower() in names), "")
    texts = [" ".join(each.comments for each in results)]
    received_spf = next(iter(_values(message, "Received-SPF")), "")
    texts.insert(0 if topmost.lower() == "received-spf" else 1, received_spf)
    helo = _HELO.search(received_spf)
    for text in texts:
        for groups in _SPF_ADDRESS.findall(text):
            address = canonical_address("".join(groups).rstrip(".:"))
            if address:
                return address, _name(helo[1].strip('"')) if helo and text == received_spf else ""
    return "", ""


def _verdicts(results: list[_Results], received_spf: str) -> dict[str, str]:
    """Return the receiver's verdict by method; of several DKIM results a pass counts.

    Of several SPF results the one for the envelope sender counts (RFC 8601 section 2.7.2).
    """
    found: dict[str, list[str]] = {}
    for line in results:
        for part in line.text.split(";"):
            match = _RESULT.match(part)
            if match and match[1].lower() in _METHODS:
                method, result = match[1].lower(), match[2].lower()
                counts = "smtp.mailfrom" in part.lower() if method == "spf" else result == "pass"
                said = found.setdefault(method, [])
                said.insert(0 if counts else len(said), result)
    if "spf" not in found and received_spf:
        found["spf"] = [received_spf.split(maxsplit=1)[0].lower().rstrip(":;")]
    return {method: said[0] for method, said in found.items()}
