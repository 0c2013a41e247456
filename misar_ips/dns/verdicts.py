"""Whether an IP is fit to send: what is asked of it, and the verdicts, with what to do.

Pure: what DNS answered comes in, checks come out. Statuses and names are promises to scripts.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP
    from misar_ips.dns.blocklists import Listing, ListTest
    from misar_ips.dns.resolver import Address, Answer

PASS, WARNING, FAIL, UNKNOWN = "pass", "warning", "fail", "unknown"

_OCTETS_THAT_TELL = 3  # in a row; one or two are in many a good name, as in mta42
_SEPARATOR = r"[-._]"
_RECORD_TYPES = {4: "A", 6: "AAAA"}


@dataclass(frozen=True, slots=True)
class Check:
    """One question about an IP, answered.

    ``found`` and ``expected`` are values (names, addresses, codes), ``message`` says what they
    mean, ``to_do`` what mends it, and ``record`` is the DNS record to publish, ready to paste.
    """

    name: str
    status: str
    message: str
    found: tuple[str, ...] = ()
    expected: str | None = None
    to_do: str = ""
    record: str = ""

    @property
    def whole_message(self) -> str:
        """The message with what to do, and with the record at its end."""
        return " ".join(text for text in (self.message, self.to_do, self.record) if text)

    def to_json(self) -> dict[str, object]:
        """Return the object that `check --json` promises in ``checks``."""
        return {
            "name": self.name,
            "status": self.status,
            "found": ", ".join(self.found) or None,
            "expected": self.expected,
            "message": self.whole_message,
        }


@dataclass(frozen=True, slots=True)
class CheckedIP:
    """One IP and all its checks; ``id`` is None where it is not one of the account."""

    id: str | None
    address: str | None
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; what is unknown has not failed."""
        return not self.having(FAIL)

    @property
    def name(self) -> str:
        """What to call it: its id, else its address."""
        return self.id or self.address or ""

    def having(self, status: str) -> list[Check]:
        """Return the checks with this status."""
        return [check for check in self.checks if check.status == status]

    def to_json(self) -> dict[str, object]:
        """Return the object that `check --json` promises."""
        checks = [check.to_json() for check in self.checks]
        return {"id": self.id, "address": self.address, "ok": self.ok, "checks": checks}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: an address, and the IP of the account that has it, if there is one."""

    address: Address | None
    ip: DedicatedIP | None = None

    @property
    def rdns(self) -> str | None:
        """The PTR hostname that is set at MisarMail, as DNS compares names."""
        return comparable(self.ip.rdns) or None if self.ip and self.ip.rdns else None

    @property
    def name(self) -> str:
        """What tells it from others: its id, else its address."""
        return self.ip.id if self.ip else str(self.address)

    @property
    def set_names(self) -> tuple[str, ...]:
        """The PTR hostname that is set, if there is one."""
        return (self.rdns,) if self.rdns else ()

    def checked(self, checks: Sequence[Check]) -> CheckedIP:
        """Put it beside its checks."""
        address = str(self.address) if self.address else self.ip.address if self.ip else None
        return CheckedIP(self.ip.id if self.ip else None, address, tuple(checks))


def comparable(name: str) -> str:
    """Return a hostname as DNS compares it: no trailing dot, small letters, A-labels."""
    name = name.removesuffix(".")
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return name
    return name.lower()


def address_check(subject: Subject) -> Check:
    """Say that an IP has no address that could be checked."""
    if subject.ip and subject.ip.address:
        message = "MisarMail gave an address that is none."
        return Check("address", UNKNOWN, message, (subject.ip.address,))
    command = shlex.join(["misar-ips", "wait", subject.ip.id if subject.ip else "IP"])
    return Check(
        "address",
        UNKNOWN,
        "It has no address before it is provisioned.",
        to_do=f"`{command} --for provisioned` waits for it.",
    )


def ptr_check(subject: Subject, answer: Answer) -> Check:
    """Check that the address has a PTR record, only one, and the one set at MisarMail.

    After RFC 1912 section 2.1 (an address has a matching PTR) and the rules for senders of the
    large mailbox providers.
    """
    found, expected = answer.records, subject.rdns
    if answer.problem:
        return Check("ptr", UNKNOWN, f"Not known: {answer.problem}.", found, expected)
    if not found:
        message = f"There is no PTR record{_in_brackets(answer.note)}."
    elif len(found) > 1:
        message = f"There are {len(found):,} PTR records; receivers want exactly one."
    elif expected and comparable(found[0]) != expected:
        message = f"The PTR record is {found[0]}, but {expected} is set at MisarMail."
    else:
        message = f"The PTR record is {found[0]}{', as set at MisarMail' if expected else ''}."
        return Check("ptr", PASS, message, found, expected)
    return Check("ptr", FAIL, message, found, expected, *_ptr_remedy(subject))


def forward_check(address: Address, answers: Mapping[str, Answer]) -> Check:
    """Check that the names of the PTR records resolve back to the address (FCrDNS).

    ``answers`` are the A or AAAA records of each. See RFC 8601 section 2.7.3 (iprev).
    """
    expected = str(address)
    found = tuple(dict.fromkeys(each for answer in answers.values() for each in answer.records))
    unconfirmed = {name: each for name, each in answers.items() if expected not in each.records}
    for name, answer in unconfirmed.items():
        if not answer.problem:
            message = f"{_unconfirmed(name, answer, address)}."
            to_do, record = "Publish:", forward_record(name, address)
            return Check("forward", FAIL, message, found, expected, to_do, record)
    for name, answer in unconfirmed.items():
        message = f"Not known for {name}: {answer.problem}."
        return Check("forward", UNKNOWN, message, found, expected)
    number = len(answers)
    names = f"{next(iter(answers))} resolves" if number == 1 else f"{number} names resolve"
    return Check("forward", PASS, f"{names} to {expected}.", found, expected)


def hostname_check(address: Address, names: Sequence[str]) -> Check:
    """Check that no name looks generic, as those of dial-up customers do."""
    generic = tuple(name for name in names if looks_generic(name, address))
    if not generic:
        return Check("hostname", PASS, "The name does not look generic.", tuple(names))
    return Check(
        "hostname",
        WARNING,
        f"{generic[0]} looks generic: the address's digits are in it, and receivers distrust that.",
        generic,
        to_do="Choose a name that tells a mail server, such as mta1.yourdomain.com.",
    )


def blocklist_check(zone: str, test: ListTest, listing: Listing) -> Check:
    """Check that a list, tested before, does not have the address."""
    name, expected = f"blocklist:{zone}", "not listed"
    problem = test.problem or listing.problem
    if problem:
        return Check(name, UNKNOWN, f"Not known for {zone}: {problem}.", (), expected)
    if listing.codes:
        reason = f" It says: {listing.reason}" if listing.reason else ""
        to_do = "Stop what it was listed for, then ask the list to remove it."
        message = f"Listed on {zone}.{reason}"
        return Check(name, FAIL, message, listing.codes, expected, to_do)
    if not test.holds_version:
        message = f"Not known for {zone}: it seems to hold IPv4 addresses only."
        return Check(name, UNKNOWN, message, (), expected)
    return Check(name, PASS, f"Not listed on {zone}.", (), expected)


def warm_up_check(ip: DedicatedIP, now: datetime) -> Check:
    """Check from what MisarMail says that the warm-up is neither suspended nor behind."""
    from misar_ips.api.warmup import warm_up_of

    warm_up = warm_up_of(ip, now)
    found = (ip.warmup_status,) if ip.warmup_status else ()
    if ip.warmup_status == "suspended":
        to_do = (
            "Find the mailing that drew the complaints and stop it; then ask MisarMail's support "
            "to lift the suspension."
        )
        return Check("warmup", FAIL, "Suspended after a spike of complaints.", found, None, to_do)
    if ip.is_warmed or ip.is_before_warm_up:
        message = "Warmed." if ip.is_warmed else "Not begun yet."
        return Check("warmup", PASS, message, found)
    if missed := warm_up.missed_step:
        message = f"Behind schedule: the step of day {missed.day} was missed, by estimate."
        to_do = "Keep sending daily, up to the limit and never above it."
        return Check("warmup", WARNING, message, found, "on schedule", to_do)
    if warm_up.on_schedule:
        return Check("warmup", PASS, f"On schedule, day {warm_up.day}.", found, "on schedule")
    return Check(
        "warmup", UNKNOWN, "MisarMail does not tell how far it should be.", found, "on schedule"
    )


def rdns_warning(name: str, address: Address | None, answer: Answer) -> str:
    """Say why a PTR hostname would do harm, "" where it would not, or where that is not known.

    ``address`` is the IP's, None where it has none yet: then the name has only to exist.
    """
    is_right = str(address) in answer.records if address else answer.exists
    if answer.problem or is_right:
        return ""
    what = _unconfirmed(name, answer, address) if address else f"{name} does not exist"
    record = f"`{forward_record(name, address)}`" if address else "its A record"
    where = "" if address else " as soon as the new IP's address is known"
    return (
        f"{what}: until it resolves to the IP's address, the large mailbox providers refuse "
        f"its mail. Publish {record}{where}."
    )


def looks_generic(name: str, address: Address) -> bool:
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


def forward_record(name: str, address: Address) -> str:
    """Return the A or AAAA record as a zone file has it (RFC 1035, RFC 3596)."""
    return f"{name}. IN {_RECORD_TYPES[address.version]} {address}"


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


def _ptr_remedy(subject: Subject) -> tuple[str, str]:
    """Return what to do about a PTR record, and the record that should be there."""
    if subject.ip is None:
        return "Whoever manages the address, your provider for example, publishes its PTR.", ""
    command = shlex.join(["misar-ips", "update", subject.ip.id, "--rdns"])
    if subject.rdns is None or subject.address is None:
        return f"`{command} HOSTNAME` has MisarMail publish one.", ""
    to_do = f"`{command} {shlex.quote(subject.rdns)}` has MisarMail publish it, within a day:"
    return to_do, f"{subject.address.reverse_pointer}. IN PTR {subject.rdns}."


def _unconfirmed(name: str, answer: Answer, address: Address) -> str:
    if not answer.exists:
        return f"{name} does not exist{_in_brackets(answer.note)}"
    if not answer.records:
        record_type = _RECORD_TYPES[address.version]
        return f"{name} has no {record_type} record{_in_brackets(answer.note)}"
    return f"{name} does not resolve to {address}"


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""
