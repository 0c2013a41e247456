"""What the header of a received message says of its way: who handed it over, and the verdicts.

Lines are added at the top, so the topmost ones are the receiver's own. Those below may be anybody's
word: a forwarder's, or the sender's. After RFC 5321 section 4.4 (Received), RFC 8601
(Authentication-Results) and RFC 7208 section 9.1 (Received-SPF); servers differ in all of them.
"""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.commands.received_line import (
    HELO,
    LONGEST_NAME,
    hop_of,
    is_public,
    name_of,
    pieces_of,
)
from misar_ips.errors import UsageError
from misar_ips.hostnames import canonical_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedIOBase

    from misar_ips.commands.received_line import Hop

LONGEST_HEADER = 1 << 20  # bytes
METHODS = ("spf", "dkim", "dmarc")
_RESULTS, _RECEIVED_SPF = "authentication-results", "received-spf"
_CHUNK = 1 << 16  # bytes
_END = re.compile(rb"\r?\n\r?\n")
_BEFORE = b"\xef\xbb\xbf\r\n"  # a byte order mark and blank lines, as a paste may have in front

# A line may be a million characters long: none of these looks at one more than a few times.
_END_OF_RESULT = re.compile(";")
_SPF_ADDRESS = re.compile(
    r"(?:^|[\s;])(?:sender ip is|designates?|discourages use of|client-ip ?=)"
    r" ?\[?(?:ipv6:)?([0-9a-f.:]+)"
    r"|(?<![0-9a-f.:])([0-9a-f.:]++) is neither permitted nor denied"
)
_SERVER = re.compile(rf"\s*([^\s=]{{1,{LONGEST_NAME}}})(?:\s+(?!=)|$)")
_RESULT = re.compile(r"(?:^|\s)(spf|dkim|dmarc)(?:\s*/\s*[0-9]+)?\s*=\s*([a-z]{1,20})\b")
_PROPERTY = re.compile(r"(?:^|\s)(smtp\.mail|header\.from)(?:from)? ?= ?(?:[^\s@]*@)?([^\s@]*)")


class Verdict(NamedTuple):
    """A result of SPF, DKIM or DMARC, who says so, and of which domain; "" if that is not said."""

    result: str
    receiver: str = ""
    domain: str = ""


class Header(NamedTuple):
    """A message's hops, newest first, and what its receiver itself says.

    ``handed_over_by`` is the address that the receiver names where it speaks of SPF, ``helo`` the
    name that it was greeted with; ``verdicts`` are the receiver's by method.
    """

    hops: tuple[Hop, ...]
    handed_over_by: str
    helo: str
    verdicts: dict[str, Verdict]


class _Said(NamedTuple):
    """One result in a line of the name ``field``, which has ``place`` Received lines above it."""

    place: int
    field: str
    method: str
    verdict: Verdict
    address: str = ""
    helo: str = ""
    is_of_sender: bool = False


def read_header(file: BufferedIOBase, name: str) -> Header:
    """Return the header of the message that a file begins with; ``name`` is how errors call it.

    Nothing is waited for after the header's end: whoever writes the file may keep it open.

    Raises:
        UsageError: it has no Received line, or no end within 1 MiB.
    """
    content = bytearray()
    end = None
    length = 0
    while end is None and (chunk := file.read1(_CHUNK)):
        length += len(chunk)
        content += chunk if content else chunk.lstrip(_BEFORE)
        end = _END.search(content, max(0, len(content) - len(chunk) - 3))
        if (end.start() if end else length) > LONGEST_HEADER:
            raise UsageError(f"{name} is not a message: its header does not end within 1 MiB.")
    head = bytes(content[: end.start()] if end else content)
    if head.startswith((b"From ", b">From ")):  # the line that mbox puts in front of a message
        head = head.partition(b"\n")[2]
    items = BytesHeaderParser().parsebytes(head).items()
    fields = [(field.lower(), " ".join(str(value).split())) for field, value in items]
    hops = tuple(hop_of(text) for field, text in fields if field == "received")
    if not hops:
        raise UsageError(
            f"{name} has no Received line, so it does not tell which way it came.",
            hint='Save the message as it was received, with its whole header ("show original").',
        )
    said = _receivers(fields, hops)
    named = next((each for _, each in said if each.address), None)
    verdicts = {
        method: max(results, key=_weight)[1].verdict
        for method in METHODS
        if (results := [each for each in said if each[1].method == method])
    }
    return Header(hops, named.address if named else "", named.helo if named else "", verdicts)


def _weight(ranked: tuple[int, _Said]) -> tuple[int, bool]:
    """Return what a result weighs among others of its method (RFC 8601 section 2.7).

    With SPF the one for the envelope sender counts, with DKIM a pass: one signature is enough.
    """
    rank, said = ranked
    return rank, said.is_of_sender or (said.method == "dkim" and said.verdict.result == "pass")


def _receivers(fields: Sequence[tuple[str, str]], hops: Sequence[Hop]) -> list[tuple[int, _Said]]:
    """Return what the receiver itself said, each with its rank, and nothing that others said.

    Servers write results above their own Received line, or right below it. There, one that names
    another address than that line came with the message. The topmost line's server is the receiver;
    some write each method under a name of its own, which differs in the first part.
    """
    came_in = next((place for place, hop in enumerate(hops) if hop.is_outside), len(hops))
    own = [
        each
        for each in _all_said(fields)
        if each.place <= came_in
        or (each.place == came_in + 1 and each.address in {"", hops[came_in].address})
    ]
    top = next((each for each in own if each.field == _RESULTS), None)
    received_spf = next((each for each in own if each.field == _RECEIVED_SPF), None)

    def rank(said: _Said) -> int:
        if said.field == _RECEIVED_SPF or top is None:
            return int(said is received_spf)
        name, top_name = said.verdict.receiver, top.verdict.receiver
        domain = top_name.partition(".")[2]
        is_beside = "." in domain and name.partition(".")[2] == domain and said.place == top.place
        return 3 if name == top_name else 2 * is_beside

    return [(rank(each), each) for each in own if rank(each)]


def _all_said(fields: Sequence[tuple[str, str]]) -> Iterator[_Said]:
    """Return every result of SPF, DKIM and DMARC in a header, whoever said it."""
    place = 0
    for field, text in fields:
        if field == "received":
            place += 1
        elif field == _RECEIVED_SPF:
            yield _received_spf(place, text.lower())
        elif field == _RESULTS:
            yield from _results(place, text.lower())


def _received_spf(place: int, text: str) -> _Said:
    outside, comments = map("\n".join, zip(*pieces_of(text, _END_OF_RESULT), strict=True))
    result = re.match(r"\s*([a-z]{1,20})\b", outside)
    helo = HELO.search(outside)
    verdict = Verdict(result[1] if result else "")
    address = _spf_address(outside, comments)
    return _Said(place, _RECEIVED_SPF, "spf", verdict, address, name_of(helo[1] if helo else ""))


def _results(place: int, text: str) -> Iterator[_Said]:
    pieces = pieces_of(text, _END_OF_RESULT)
    server = _SERVER.match(pieces[0][0])  # some leave their name out, some add a queue's id to it
    receiver = server[1].partition("/")[0] if server else ""
    yield _Said(place, _RESULTS, "", Verdict("", receiver))  # the name tells, even without results
    for outside, comments in pieces:
        domains = dict(_PROPERTY.findall(outside))
        sender, author = domains.get("smtp.mail"), domains.get("header.from")
        for method, result in _RESULT.findall(outside):
            domain = {"spf": sender, "dmarc": author}.get(method)
            address = _spf_address(outside, comments) if method == "spf" else ""
            verdict = Verdict(result, receiver, name_of(domain or ""))
            is_of_sender = method == "spf" and sender is not None
            yield _Said(place, _RESULTS, method, verdict, address, "", is_of_sender)


def _spf_address(outside: str, comments: str) -> str:
    """Return the public address that SPF was asked for, as a key or else in a comment; or ""."""
    found = ["".join(each) for each in _SPF_ADDRESS.findall(f"{comments}\n{outside}")]
    # The last one: what is before it in a comment may be the sender's words.
    address = canonical_address(found[-1].rstrip(".")) if found else None
    return address if address and is_public(address) else ""
