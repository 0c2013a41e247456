"""Whether SPF lets an address send for a domain: `check_host` of RFC 7208, whole.

Pure apart from ``ask``, which looks things up in DNS. A record is read into terms before any of
them is evaluated, so a syntax error counts wherever it is (section 4.6). Section numbers are those
of RFC 7208.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from misar_ips.safe_text import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from misar_ips.dns.resolver import Address

    Ask: TypeAlias = Callable[[str, str], Awaitable[Sequence[str]]]

Result: TypeAlias = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]

# Section 4.6.4. Look-ups are counted by term, void ones by question, as most receivers do.
_MOST_LOOK_UPS = 10
_MOST_VOID_LOOK_UPS = 2
_MOST_HOSTS = 10  # of one MX or PTR look-up

_LONGEST_NAME = 253
_LONGEST_LABEL = 63
_LONGEST_QUOTE = 80  # of what others wrote, in a sentence

_VERSION = "v=spf1"
_RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_MECHANISM = re.compile("([-+~?]?)([a-z0-9]+)(.*)", re.IGNORECASE)
_VALUE = ":(?P<value>.+?)"
_UP_TO_32 = "(?P<ipv4>[0-9]|[12][0-9]|3[0-2])"
_UP_TO_128 = "(?P<ipv6>[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])"
_FORMS = {
    "all": "",
    "include": _VALUE,
    "a": f"({_VALUE})?(/{_UP_TO_32})?(//{_UP_TO_128})?",
    "mx": f"({_VALUE})?(/{_UP_TO_32})?(//{_UP_TO_128})?",
    "ptr": f"({_VALUE})?",
    "ip4": f":(?P<value>[0-9.]+)(/{_UP_TO_32})?",
    "ip6": f":(?P<value>[0-9A-Fa-f:.]+)(/{_UP_TO_128})?",
    "exists": _VALUE,
}
"""What comes after each mechanism's name (section 5)."""
_MODIFIER = re.compile("([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
_PIECE = re.compile(
    r"(?P<literal>[!-$&-~]+)|%(?P<escape>[%_-])|%\{(?P<letter>[slodiphv])"
    r"(0*(?P<most>[1-9][0-9]*))?(?P<reverse>r?)(?P<delimiters>[-.+,/_=]*)\}",
    re.IGNORECASE,
)
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_TOP_LABEL = re.compile("(?=.*[a-z-])[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


class LookupFailed(Exception):  # noqa: N818 - not an error of the program, but an answer of DNS
    """DNS can't tell for now; the text says why."""


class _PermanentError(Exception):
    """What is published can't be evaluated; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What SPF says.

    ``reason`` is a sentence for people. ``terms`` are the terms that match, as published: one of
    the domain's record (or of the record that it redirects to), then, where that is an `include`,
    the one that matches in the included record, and so on.
    """

    result: Result
    reason: str
    terms: tuple[str, ...] = ()

    @property
    def mechanism(self) -> str | None:
        """The term that decides, as published."""
        return self.terms[0] if self.terms else None

    @property
    def lets_anyone_send(self) -> bool:
        """Whether it is a pass by `all`, in the domain's record or in an included one."""
        return self.result == "pass" and self.terms[-1].lower() in {"all", "+all"}


@dataclass(frozen=True, slots=True)
class _Term:
    """A mechanism, or the modifier `redirect`; ``target`` is None where it means the domain."""

    text: str
    name: str
    result: Result = "neutral"
    target: tuple[re.Match[str], ...] | None = None
    network: IPv4Network | IPv6Network | None = None
    ipv4_prefix: int = 32
    ipv6_prefix: int = 128


async def check_host(address: Address, domain: str, sender: str, *, helo: str, ask: Ask) -> Verdict:
    """Return whether an address may send mail for a domain (section 4).

    Args:
        address: who connects; an IPv4-mapped address counts as the IPv4 address in it.
        domain: whose record counts: the envelope sender's domain, else the HELO name.
        sender: the envelope sender; `postmaster` is used for a missing local part.
        helo: the name that the HELO or EHLO command gave.
        ask: awaited with a name and a record type. Returns texts: addresses (A, AAAA), host names
            in the order of preference (MX), names (PTR), each record's strings in one piece (TXT);
            none where there is no such name or record. Raises `LookupFailed` where DNS can't tell.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    evaluation = _Evaluation(mapped or address, domain, sender, helo, ask)
    try:
        return await evaluation.check(domain.removesuffix("."))
    except _PermanentError as error:
        return Verdict("permerror", str(error))
    except LookupFailed as error:
        return Verdict("temperror", str(error))


class _Evaluation:
    """One evaluation, through all the records that it leads to, within the limits."""

    def __init__(self, address: Address, domain: str, sender: str, helo: str, ask: Ask) -> None:
        local_part, _, sender_domain = sender.rpartition("@")
        local_part = local_part or "postmaster"
        sender_domain = (sender_domain or domain).removesuffix(".")
        self._address = address
        self._ask = ask
        self._values = {
            "s": f"{local_part}@{sender_domain}",
            "l": local_part,
            "o": sender_domain,
            "h": helo,
            "i": _dotted(address),
            "v": "in-addr" if isinstance(address, IPv4Address) else "ip6",
        }
        self._look_ups = 0
        self._void_look_ups = 0
        self._confirmed_names: list[str] | None = None

    async def check(self, domain: str) -> Verdict:
        """Return what the domain's record says."""
        if "." not in domain or not _is_name(domain):
            return Verdict("none", f"{_quoted(domain)} is not a valid domain name.")
        texts = [text for text in await self._look_up(domain, "TXT") if _is_spf(text)]
        if not texts:
            return Verdict("none", f"{_shortened(domain)} has no SPF record.")
        if len(texts) > 1:
            number = f"{len(texts):,} SPF records; only one is allowed"
            raise _PermanentError(f"{_shortened(domain)} has {number}.")
        place = f"in the SPF record of {_shortened(domain)}"
        for term in _parse(texts[0], place):
            if term.name == "redirect":
                return await self._follow(term, domain)
            matching = await self._matching(term, domain)
            if matching:
                through = " and ".join(_quoted(text) for text in matching[1:])
                reason = f"{_quoted(term.text)} matches {place}"
                reason += f", through {through}." if through else "."
                return Verdict(term.result, reason, matching)
        return Verdict("neutral", f"Nothing matches {place}.")

    async def _follow(self, term: _Term, domain: str) -> Verdict:
        """Return what the record says that an `include` or a `redirect` leads to."""
        verdict = await self.check(await self._target(term, domain))
        if verdict.result == "none":
            raise _PermanentError(f"{_quoted(term.text)} leads to no record: {verdict.reason}")
        return verdict

    async def _matching(self, term: _Term, domain: str) -> tuple[str, ...]:
        """Return what matches: a mechanism, and inside an `include` what matches there."""
        if term.name == "include":
            verdict = await self._follow(term, domain)
            return (term.text, *verdict.terms) if verdict.result == "pass" else ()
        return (term.text,) if await self._matches(term, domain) else ()

    async def _matches(self, term: _Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return self._address in term.network
        target = await self._target(term, domain)
        if term.name == "exists":
            return bool(await self._look_up(target, "A"))
        if term.name == "ptr":
            return any(_is_within(name, target) for name in await self._names())
        hosts = await self._look_up(target, "MX") if term.name == "mx" else (target,)
        if len(hosts) > _MOST_HOSTS:
            raise _PermanentError(f"{_shortened(target)} has more than {_MOST_HOSTS} MX records.")
        for host in hosts:
            if await self._is_near(host, term.ipv4_prefix, term.ipv6_prefix):
                return True
        return False

    async def _is_near(self, name: str, ipv4_prefix: int = 32, ipv6_prefix: int = 128) -> bool:
        """Return whether a name has an address in the network of the address that connects."""
        network: IPv4Network | IPv6Network
        if isinstance(self._address, IPv4Address):
            record_type, network = "A", IPv4Network((int(self._address), ipv4_prefix), strict=False)
        else:
            record_type = "AAAA"
            network = IPv6Network((int(self._address), ipv6_prefix), strict=False)
        return any(ip_address(text) in network for text in await self._look_up(name, record_type))

    async def _names(self) -> list[str]:
        """Return the PTR names that have the address, but for what DNS can't tell (section 5.5)."""
        if self._confirmed_names is None:
            self._confirmed_names = []
            with suppress(LookupFailed):
                names = await self._look_up(self._address.reverse_pointer, "PTR")
                for name in names[:_MOST_HOSTS]:
                    with suppress(LookupFailed):
                        if await self._is_near(name):
                            self._confirmed_names.append(name.removesuffix("."))
        return self._confirmed_names

    async def _look_up(self, name: str, record_type: str) -> Sequence[str]:
        """Return what DNS has; a name that it can't hold is not asked for (section 4.8)."""
        name = name.removesuffix(".")
        if not _is_name(name):
            return ()
        what = f"{record_type} records of {_shortened(name)}"
        try:
            texts = await self._ask(name, record_type)
        except LookupFailed as error:
            why = plain(str(error))
            raise LookupFailed(f"The {what} can't be looked up: {why}.") from error
        if not texts and record_type != "TXT":
            self._void_look_ups += 1
            if self._void_look_ups > _MOST_VOID_LOOK_UPS:
                number = f"More than {_MOST_VOID_LOOK_UPS} DNS look-ups find nothing"
                raise _PermanentError(f"{number}, the last one the {what}.")
        return texts

    async def _target(self, term: _Term, domain: str) -> str:
        """Count a term that has to look something up, and return which name it means."""
        self._look_ups += 1
        if self._look_ups > _MOST_LOOK_UPS:
            raise _PermanentError(f"More than {_MOST_LOOK_UPS} DNS look-ups are needed.")
        if term.target is None:
            return domain
        values = self._values | {"d": domain}
        if any(piece["letter"] in {"p", "P"} for piece in term.target):
            values["p"] = _best_name(await self._names(), domain)
        name = ""
        for piece in reversed(term.target):
            name = _expanded(piece, values) + name
            if len(name) > _LONGEST_NAME + 1:  # what is to the left of it can't be looked up
                break
        name = name.removesuffix(".")
        return name if len(name) <= _LONGEST_NAME else name[-_LONGEST_NAME - 1 :].partition(".")[2]


def _parse(record: str, place: str) -> list[_Term]:
    """Return a record's mechanisms, with its `redirect` at the end (sections 4.6.1, 5 and 6).

    Raises:
        _PermanentError: its syntax is not valid; ``place`` says where.
    """
    if not record.isascii():
        raise _PermanentError(f"There are characters beyond ASCII {place}.")
    mechanisms: list[_Term] = []
    modifiers: dict[str, _Term] = {}
    for text in filter(None, record[len(_VERSION) :].split(" ")):
        try:
            if not (match := _MODIFIER.fullmatch(text)):
                mechanisms.append(_mechanism(text))
            elif (name := match[1].lower()) in modifiers:
                raise _PermanentError(f"There is more than one `{name}=` {place}.")
            elif name in {"exp", "redirect"}:
                modifiers[name] = _Term(text, name, target=_domain_spec(match[2]))
            else:
                _macro_string(match[2])
        except ValueError:
            raise _PermanentError(f"{_quoted(text)} is a syntax error {place}.") from None
    return [*mechanisms, *(term for name, term in modifiers.items() if name == "redirect")]


def _mechanism(text: str) -> _Term:
    """Return a mechanism; a ValueError says that it is not a valid one."""
    match = _MECHANISM.fullmatch(text)
    name = match[2].lower() if match else ""
    form = re.fullmatch(_FORMS[name], match[3]) if match and name in _FORMS else None
    if match is None or form is None:
        raise ValueError(text)
    given = form.groupdict()
    result, value = _RESULTS[match[1] or "+"], given.get("value")
    ipv4_prefix, ipv6_prefix = int(given.get("ipv4") or 32), int(given.get("ipv6") or 128)
    network: IPv4Network | IPv6Network | None = None
    target = None
    if name == "ip4":
        network = IPv4Network(f"{value}/{ipv4_prefix}", strict=False)
    elif name == "ip6":
        network = IPv6Network(f"{value}/{ipv6_prefix}", strict=False)
    elif value is not None:
        target = _domain_spec(value)
    return _Term(text, name, result, target, network, ipv4_prefix, ipv6_prefix)


def _domain_spec(text: str) -> tuple[re.Match[str], ...]:
    """Return the pieces of a name; it ends in a macro or in a top-level domain."""
    pieces = _macro_string(text)
    end = pieces[-1]["literal"] if pieces else ""
    if end is not None:
        _, dot, label = end.removesuffix(".").rpartition(".")
        if not dot or not _TOP_LABEL.fullmatch(label):
            raise ValueError(text)
    return pieces


def _macro_string(text: str) -> tuple[re.Match[str], ...]:
    """Return the literals and macros that a text consists of (section 7.1)."""
    pieces = tuple(_PIECE.finditer(text))
    if sum(len(piece[0]) for piece in pieces) != len(text):
        raise ValueError(text)
    return pieces


def _expanded(piece: re.Match[str], values: Mapping[str, str]) -> str:
    """Return a literal, or a macro's value, split, reversed, cut and escaped (section 7.3)."""
    literal = piece["literal"] or _ESCAPES.get(piece["escape"])
    if literal:
        return literal
    parts = re.split(f"[{re.escape(piece['delimiters'] or '.')}]", values[piece["letter"].lower()])
    if piece["reverse"]:
        parts.reverse()
    most = int((piece["most"] or "0")[:9])  # no value has as many parts as nine digits can say
    value = ".".join(parts[-most:])
    return quote(value, safe="", errors="replace") if piece["letter"].isupper() else value


def _best_name(names: Sequence[str], domain: str) -> str:
    """Return the value of `p`: the domain itself if it is a PTR name, else one below it, or any."""
    return min(names, key=lambda name: (not _is_within(name, domain), len(name)), default="unknown")


def _dotted(address: Address) -> str:
    """Return the value of `i`: the octets, or the hexadecimal digits, with dots between."""
    return str(address) if isinstance(address, IPv4Address) else ".".join(f"{int(address):032x}")


def _is_spf(text: str) -> bool:
    return text[: len(_VERSION) + 1].lower() in {_VERSION, f"{_VERSION} "}


def _is_name(name: str) -> bool:
    """Return whether DNS can hold a name (RFC 1035 section 2.3.4)."""
    labels = name.split(".")
    fits = len(name) <= _LONGEST_NAME and all(0 < len(each) <= _LONGEST_LABEL for each in labels)
    return fits and name.isascii() and name.isprintable()


def _is_within(name: str, domain: str) -> bool:
    return f".{name}".lower().endswith(f".{domain}".lower())


def _shortened(text: str) -> str:
    return plain(text[:_LONGEST_QUOTE]) + ("…" if len(text) > _LONGEST_QUOTE else "")


def _quoted(text: str) -> str:
    return f"`{_shortened(text)}`"
