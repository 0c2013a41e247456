"""What DNS says of an IP, judged: the checks, and what to do where one did not pass.

Pure: what DNS answered comes in, checks come out. Statuses and names are promises to scripts.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misar_ips.hostnames import canonical_hostname, looks_generic, why_unusable
from misar_ips.safe_text import without_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from misar_ips.api.models import DedicatedIP
    from misar_ips.dns.blocklists import Listing
    from misar_ips.dns.resolver import Address, Answer
    from misar_ips.dns.spf import Verdict

PASS, WARNING, FAIL, UNKNOWN = "pass", "warning", "fail", "unknown"
"""What a check finds something to be."""

RECORD_TYPES = {4: "A", 6: "AAAA"}
"""Where a name's addresses are, by IP version."""

_SPF_STATUSES = {"pass": PASS, "neutral": WARNING, "temperror": UNKNOWN}
_SPF_TERM = "include:spf.misar.io"
"""What MisarMail's customers publish."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about an IP, answered.

    ``found`` and ``expected`` are values (names, addresses, codes), ``message`` says what they
    mean, ``hint`` what to do, and ``record`` is the DNS record to publish, ready to paste.
    ``negative_ttl`` is for how many seconds resolvers keep that there is no such name or record.
    """

    name: str
    status: str
    message: str
    found: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    hint: str = ""
    record: str = ""
    negative_ttl: int | None = None

    @property
    def whole_hint(self) -> str:
        """What to do, with the record at its end."""
        return " ".join(text for text in (self.hint, self.record) if text)

    def to_json(self) -> dict[str, object]:
        """Return the object that `check --json` promises in ``checks``."""
        return {
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "hint": self.whole_hint or None,
            "found": list(self.found),
            "expected": list(self.expected),
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: an address, and the IP of the account that has it, if there is one.

    ``problem`` is why the IP's details could not be read, a sentence. ``command`` returns the
    line that does something with the IP, for hints.
    """

    address: Address | None
    ip: DedicatedIP | None = None
    problem: str = ""
    command: Callable[..., str] = lambda *words: shlex.join(("misar-ips", *words))

    @property
    def rdns(self) -> str | None:
        """The PTR hostname that is set at MisarMail, if it is valid, as DNS compares names."""
        return canonical_hostname(self.ip.rdns) if self.ip else None

    @property
    def name(self) -> str:
        """What tells it from others: its id, else its address."""
        return self.ip.id if self.ip else str(self.address)

    @property
    def shown_address(self) -> str | None:
        """Its address, or what MisarMail gave for one."""
        return str(self.address) if self.address else self.ip.address if self.ip else None


def names_to_confirm(subject: Subject, ptr: Answer) -> list[str]:
    """Return the usable names of the PTR records, or the one that is set where there are none."""
    for names in (ptr.records, (subject.rdns,) if subject.rdns else ()):
        if usable := [name for name in names if not why_unusable(name)]:
            return usable
    return []


def address_check(subject: Subject) -> Check:
    """Say that an IP has no address that could be checked."""
    if subject.ip and subject.ip.address:
        message = "What MisarMail gave is not an address."
        return Check("address", UNKNOWN, message, (subject.ip.address,))
    command = subject.command("wait", subject.name, "--for", "provisioned")
    message = "It has no address before it is provisioned."
    return Check("address", UNKNOWN, message, hint=f"`{command}` waits for it.")


def ptr_check(subject: Subject, answer: Answer) -> Check:
    """Check that the address has a PTR record, only one, usable, and the one set at MisarMail.

    After RFC 1912 section 2.1 (an address has a matching PTR) and the rules for senders of the
    large mailbox providers.
    """
    found = answer.records
    expected = (subject.rdns,) if subject.rdns else ()
    if answer.problem:
        return Check("ptr", UNKNOWN, f"Not known: {answer.problem}.", found, expected)
    if not found:
        message = f"There is no PTR record{_in_brackets(answer.note)}."
    elif len(found) > 1:
        message = f"There are {len(found):,} PTR records; receivers want exactly one."
    elif problem := why_unusable(found[0]):
        message = f"The PTR record is {found[0]}, which is not a usable host name: {problem}."
    elif expected and found[0].lower() != subject.rdns:
        message = f"The PTR record is {found[0]}, but {subject.rdns} is set at MisarMail."
    else:
        message = f"The PTR record is {found[0]}{', as set at MisarMail' if expected else ''}."
        return Check("ptr", PASS, message, found, expected)
    hint, record = _ptr_remedy(subject)
    return Check("ptr", FAIL, message, found, expected, hint, record, answer.negative_ttl)


def forward_check(address: Address, answers: Mapping[str, Answer]) -> Check:
    """Check that the names of the PTR records resolve back to the address (FCrDNS).

    ``answers`` are the A or AAAA records of each. See RFC 8601 section 2.7.3 (iprev).
    """
    expected = (str(address),)
    found = tuple(dict.fromkeys(each for answer in answers.values() for each in answer.records))
    unconfirmed = {name: each for name, each in answers.items() if expected[0] not in each.records}
    for name, answer in unconfirmed.items():
        if not answer.problem:
            message = f"{unconfirmed_because(name, answer, address)}."
            record, ttl = forward_record(name, address), answer.negative_ttl
            return Check("forward", FAIL, message, found, expected, "Publish:", record, ttl)
    for name, answer in unconfirmed.items():
        message = f"Not known for {name}: {answer.problem}."
        return Check("forward", UNKNOWN, message, found, expected)
    number = len(answers)
    names = f"{next(iter(answers))} resolves" if number == 1 else f"{number} names resolve"
    return Check("forward", PASS, f"{names} to {expected[0]}.", found, expected)


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
        hint="Choose a name that tells a mail server, such as mta1.yourdomain.com.",
    )


def blocklist_check(zone: str, listing: Listing) -> Check:
    """Check that a list does not have the address; a key in the zone's name is not shown."""
    zone, reason, problem = map(without_keys, (zone, listing.reason, listing.problem))
    name = f"blocklist:{zone}"
    if problem:
        return Check(name, UNKNOWN, f"Not known for {zone}: {problem}.")
    if not listing.codes:
        return Check(name, PASS, f"Not listed on {zone}.")
    message = f"Listed on {zone}.{f' It says: {reason}' if reason else ''}"
    hint = "Stop what it was listed for, then ask the list to remove it."
    return Check(name, FAIL, message, listing.codes, hint=hint)


def spf_check(domain: str, address: Address, verdict: Verdict) -> Check:
    """Check that SPF lets the address send for an envelope domain, and not anybody (RFC 7208)."""
    result = verdict.result
    status = _SPF_STATUSES.get(result, FAIL)
    message = f"{domain} says {result}: {verdict.reason}"
    hint = record = ""
    if verdict.lets_anyone_send:
        status, hint = WARNING, f"That lets anybody send. End it with `~all`, after `{_SPF_TERM}`."
    elif result == "none":
        hint, record = "Publish:", f'{domain}. IN TXT "v=spf1 {_SPF_TERM} ~all"'
    elif result == "permerror":
        hint = f"Receivers take that for a no. Fix the record, with `{_SPF_TERM}` in it."
    elif status != PASS and result != "temperror":
        own = f"ip{address.version}:{address}"
        hint = f"Put `{_SPF_TERM}` before `all` in its record; if it is there already, `{own}`."
    return Check(f"spf:{domain}", status, message, (result,), ("pass",), hint, record)


def unconfirmed_because(name: str, answer: Answer, address: Address) -> str:
    """Return in which way a name does not lead to an address; a clause without a full stop."""
    if not answer.exists:
        return f"{name} does not exist{_in_brackets(answer.note)}"
    if not answer.records:
        record_type = RECORD_TYPES[address.version]
        return f"{name} has no {record_type} record{_in_brackets(answer.note)}"
    return f"{name} does not resolve to {address}"


def forward_record(name: str, address: Address) -> str:
    """Return the A or AAAA record as a zone file has it (RFC 1035, RFC 3596)."""
    return f"{name}. IN {RECORD_TYPES[address.version]} {address}"


def _ptr_remedy(subject: Subject) -> tuple[str, str]:
    """Return what to do about a PTR record, and the record that should be there."""
    if subject.ip is None:
        return "Whoever manages the address, your provider for example, publishes its PTR.", ""
    name = subject.rdns if subject.rdns and not why_unusable(subject.rdns) else ""
    command = subject.command("update", subject.ip.id, "--rdns", name or "HOSTNAME")
    if not name or subject.address is None:
        return f"`{command}` has MisarMail publish one.", ""
    hint = f"`{command}` has MisarMail publish it, within a day:"
    return hint, f"{subject.address.reverse_pointer}. IN PTR {name}."


def _in_brackets(note: str) -> str:
    return f" ({note})" if note else ""
