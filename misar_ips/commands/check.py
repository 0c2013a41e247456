"""What `misar-ips check` does: it finds the IPs, has DNS asked, and reports.

Also the looks at DNS that other commands take: before a PTR hostname is set, and while it is
waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from misar_ips.api.finding import is_plain_id, named
from misar_ips.api.models import DedicatedIP, IPList
from misar_ips.api.warmup import warm_up_of
from misar_ips.config.file import read_config
from misar_ips.dns.verdicts import (
    FAIL,
    PASS,
    UNKNOWN,
    WARNING,
    Check,
    Subject,
    forward_record,
    unconfirmed_because,
)
from misar_ips.errors import (
    APIError,
    CheckFailedError,
    NetworkError,
    NotConfiguredError,
    UsageError,
)
from misar_ips.hostnames import canonical_address
from misar_ips.results import CheckedIP
from misar_ips.safe_text import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from misar_ips.api.warmup import WarmUp
    from misar_ips.dns.lookups import Lookups
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.resolver import Address, Answer
    from misar_ips.errors import MisarError
    from misar_ips.output.drawing import Lines
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

USUAL_ZONES = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org")
"""The blocklists that are asked where none is named."""

_PATIENCE = 1.0  # seconds before a progress bar is worth the unrest


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at beside names and warm-up: blocklists, envelope domains, the reputation.

    ``strict``: what is unknown has failed as well.
    """

    zones: Sequence[str] = ()
    senders: Sequence[str] = ()
    min_reputation: float | None = None
    strict: bool = False


def zones_to_ask(session: Session, *, usual: bool, named: Sequence[str]) -> tuple[str, ...]:
    """Return the zones of the blocklists to ask: the usual ones, those that are named, or both.

    The configuration file may say which are the usual ones.

    Raises:
        ConfigError: the file is broken, or what it names are not zones.
    """
    if not usual:
        return tuple(dict.fromkeys(named))
    file = read_config(session.environ)
    if file.absence:
        session.output.warning(file.absence)
    zones = USUAL_ZONES if file.blocklists is None else file.blocklists
    return tuple(dict.fromkeys([*zones, *named]))


def check(
    session: Session, names: Sequence[str], nameservers: Sequence[Nameserver], wanted: Wanted
) -> list[CheckedIP]:
    """Check the IPs that are named by id or address, all of the account where none is.

    ``nameservers`` are asked in the place of the system's.

    Raises:
        MisarError: an IP of the account could not be read.
    """
    subjects = find_subjects(session, names)
    found = _look_up(session, subjects, nameservers, wanted)
    now = session.now()
    return [
        CheckedIP(
            subject.ip.id if subject.ip else None,
            subject.shown_address,
            (*checks, *_facts_checks(subject, wanted, now)),
            strict=wanted.strict,
            named=bool(names),
        )
        for subject, checks in zip(subjects, found, strict=True)
    ]


def find_subjects(session: Session, names: Sequence[str]) -> list[Subject]:
    """Find the IPs to check; one that is named twice counts once.

    A bare address needs no API: where nothing is configured, or the server fails, it is checked
    as one that is not in the account.

    Raises:
        UsageError: an address or name belongs to several IPs.
    """
    if not names:
        return _with_details(session, session.listed())
    literals = {name: literal for name in names if (literal := _literal(name))}
    may_fail = len(literals) == len(set(names))
    listed = IPList() if all(map(is_plain_id, names)) else _list(session, may_fail=may_fail)
    found: dict[str, Subject] = {}
    ips: dict[str, DedicatedIP] = {}
    for name in names:
        literal = literals.get(name)
        if literal and not any(name == ip.id or ip.is_called(name) for ip in listed):
            found[name] = Subject(literal)
        else:
            ips[name] = DedicatedIP(name) if is_plain_id(name) else named(name, listed)
    if ips:
        found |= dict(zip(ips, _with_details(session, ips.values()), strict=True))
    return list({found[name].name: found[name] for name in names}.values())


def report(output: Output, checked: Sequence[CheckedIP]) -> None:
    """Write the checks.

    Raises:
        CheckFailedError: one of them failed.
    """
    failed = [ip for ip in checked if not ip.ok]
    try:
        output.result(checked, empty="No dedicated IPs yet; `misar-ips request` orders one.")
    except BrokenPipeError:
        if not failed:  # else the exit code has more to tell than that nobody reads
            raise
    unknown = sum(len(ip.having(UNKNOWN)) for ip in checked)
    if unknown:
        output.warning(f"{counted(unknown, 'check')} could not be made; the reason is beside each.")
    if failed:
        names = ", ".join(ip.name for ip in failed)
        some = f"{len(failed)} of {len(checked)} IPs failed the check: {names}."
        raise CheckFailedError(
            f"{names} failed the check." if len(checked) == 1 else some,
            hint="What to do is beside each failure.",
        )


def dns_checks(
    session: Session,
    ips: Sequence[DedicatedIP],
    nameservers: Sequence[Nameserver],
    *,
    names: bool,
    zones: Sequence[str],
) -> list[list[Check]]:
    """Return what DNS says of each IP: of its ``names``, and of it in the blocklists' ``zones``."""
    if not (names or zones):
        return [[] for _ in ips]
    subjects = [_subject(session, ip) for ip in ips]
    found = _look_up(session, subjects, nameservers, Wanted(zones))
    return [
        [check for check in checks if names or check.name.startswith("blocklist:")]
        for checks in found
    ]


def check_names_of(
    session: Session,
    ip: DedicatedIP,
    nameservers: Sequence[Nameserver],
    seconds: float | None = None,
) -> list[Check]:
    """Return what DNS says now of an IP's PTR record and of the name in it, within ``seconds``.

    The checks are `ptr`, `forward` and `hostname`, the latter two where there is a usable name,
    or `address` for an IP without one. Their ``negative_ttl`` says for how long a resolver keeps
    that there is no such name.
    """
    import asyncio

    from misar_ips.dns.lookups import Lookups
    from misar_ips.dns.resolver import Limits

    limits = Limits(run=seconds) if seconds is not None else None
    lookups = Lookups(session.resolver(nameservers, limits), [_subject(session, ip)])
    [checks] = asyncio.run(lookups.run())
    return checks


def warn_of_rdns(
    session: Session, rdns: str | None, ip: DedicatedIP | None, nameservers: Sequence[Nameserver]
) -> None:
    """Warn before a PTR hostname is set that does not exist, or that resolves elsewhere.

    ``ip`` is None where it is still to be ordered; one without an address is read. What can't be
    found out is not warned of. The demo looks nothing up but with a resolver of its user's.
    """
    if rdns is None or (session.is_demo and not nameservers):
        return
    import asyncio

    from misar_ips.dns.resolver import BRIEFLY
    from misar_ips.dns.verdicts import RECORD_TYPES

    if ip and ip.address is None:
        [(ip, _)] = session.client.with_details([ip])
    address = _address_of(ip) if ip else None
    resolver = session.resolver(nameservers, BRIEFLY)
    record_type = RECORD_TYPES[address.version if address else 4]
    answer = asyncio.run(resolver.ask(rdns, record_type))
    if warning := _rdns_warning(rdns, address, answer):
        session.output.warning(warning)


def _look_up(
    session: Session,
    subjects: Sequence[Subject],
    nameservers: Sequence[Nameserver],
    wanted: Wanted,
) -> list[list[Check]]:
    """Return what DNS says of each subject, in their order."""
    # Loaded here: with them come asyncio and dnspython, which most commands don't need.
    import asyncio

    from misar_ips.dns.lookups import Lookups

    lookups = Lookups(session.resolver(nameservers), subjects, wanted.zones, wanted.senders)
    return asyncio.run(_with_progress(session.output, lookups))


async def _with_progress(output: Output, lookups: Lookups) -> list[list[Check]]:
    """Make the look-ups; a bar shows how far they are once they have taken a while."""
    import asyncio

    def draw(_now: datetime, width: int) -> Lines:
        from misar_ips.output.check_report import progress

        return progress(lookups.done, lookups.total, width)

    work = asyncio.ensure_future(lookups.run())
    done, _ = await asyncio.wait({work}, timeout=_PATIENCE)
    if not done:
        with output.in_place(draw):
            return await work
    return await work


def _facts_checks(subject: Subject, wanted: Wanted, now: datetime) -> list[Check]:
    """Check what MisarMail says of an IP: its warm-up, and the reputation where that is wanted."""
    checks = [_warm_up_check(subject.ip, subject.problem, now)] if subject.ip else []
    if wanted.min_reputation is not None:
        checks.append(_reputation_check(subject, wanted.min_reputation))
    return checks


def _warm_up_check(ip: DedicatedIP, problem: str, now: datetime) -> Check:
    """Check that the warm-up is neither suspended nor behind."""
    found = (ip.warmup_status,) if ip.warmup_status else ()
    if ip.warmup_status == "suspended":
        hint = (
            "Find the mailing that drew the complaints and stop it; then ask MisarMail's support "
            "to lift the suspension."
        )
        return Check("warmup", FAIL, "Suspended after a spike of complaints.", found, hint=hint)
    if ip.is_leaving:
        return Check("warmup", WARNING, "It is being given back, and sends no more.", found)
    if ip.is_warmed or ip.is_before_warm_up:
        return Check("warmup", PASS, "Warmed." if ip.is_warmed else "Not begun yet.", found)
    if problem:
        return Check("warmup", UNKNOWN, f"Not known: {problem}", found)
    return _schedule_check(warm_up_of(ip, now), found)


def _schedule_check(warm_up: WarmUp, found: tuple[str, ...]) -> Check:
    if missed := warm_up.missed_step:
        sent = f"{missed.sent or 0:,} of {missed.limit or 0:,} messages"
        day = (warm_up.day or 0) - (warm_up.behind_days or 0)
        what = f"the step of day {missed.day} ended on day {day} with {sent}"
        hint = "Keep sending daily, up to the day's limit; never send more to catch up."
        return Check("warmup", WARNING, f"Behind, by estimate: {what}.", found, hint=hint)
    if warm_up.on_schedule:
        return Check("warmup", PASS, f"On schedule, day {warm_up.day}.", found)
    return Check("warmup", UNKNOWN, "MisarMail does not tell how far it should be.", found)


def _reputation_check(subject: Subject, least: float) -> Check:
    """Check that the reputation score, whose scale the reference does not tell, is high enough."""
    expected = (f"at least {least:g}",)
    score = subject.ip.reputation_score if subject.ip else None
    if score is None:
        why = subject.problem or "MisarMail does not tell its reputation."
        return Check("reputation", UNKNOWN, f"Not known: {why}", expected=expected)
    if score >= least:
        return Check("reputation", PASS, f"The reputation is {score:g}.", (f"{score:g}",), expected)
    message = f"The reputation is {score:g}, below {least:g}."
    hint = "Look for bounces and complaints in the latest mailings before you send more."
    return Check("reputation", FAIL, message, (f"{score:g}",), expected, hint)


def _rdns_warning(name: str, address: Address | None, answer: Answer) -> str:
    """Say why a PTR hostname would do harm, "" where it would not, or where that is not known.

    ``address`` is the IP's, None where it has none yet: then the name has only to exist.
    """
    is_right = str(address) in answer.records if address else answer.exists
    if answer.problem or is_right:
        return ""
    what = unconfirmed_because(name, answer, address) if address else f"{name} does not exist"
    record = f"`{forward_record(name, address)}`" if address else "its A record"
    where = "" if address else " as soon as the new IP's address is known"
    return (
        f"{what}: until it resolves to the IP's address, the large mailbox providers refuse "
        f"its mail. Publish {record}{where}."
    )


def _literal(name: str) -> Address | None:
    """Return the address that a name is, None where it is an id.

    Raises:
        UsageError: it is an address on one link only, of which DNS knows nothing.
    """
    literal = canonical_address(name)
    if literal and "%" in literal:
        raise UsageError(f"`{name}` is an address of one link only; DNS knows none of those.")
    return ip_address(literal) if literal else None


def _subject(session: Session, ip: DedicatedIP, error: MisarError | None = None) -> Subject:
    problem = error.message if error else ""
    return Subject(_address_of(ip), ip, problem, session.command_for)


def _address_of(ip: DedicatedIP) -> Address | None:
    literal = canonical_address(ip.address)
    return ip_address(literal) if literal and "%" not in literal else None


def _list(session: Session, *, may_fail: bool) -> IPList:
    """Return the account's IPs, none where they can't be had and that ``may_fail``."""
    try:
        return session.listed()
    except (APIError, NetworkError, NotConfiguredError) as trouble:
        if not may_fail:
            raise
        if not isinstance(trouble, NotConfiguredError):
            session.output.warning(f"{trouble.message} DNS is checked all the same.")
        return IPList()


def _with_details(session: Session, ips: Collection[DedicatedIP]) -> list[Subject]:
    """Return the IPs with their schedules, which no list holds, or with why there are none.

    Raises:
        MisarError: an IP of which only the id is known could not be read.
    """
    subjects = []
    for ip, error in session.client.with_details(ips, patiently=True):
        if error and not ip.raw:
            raise error
        subjects.append(_subject(session, ip, error))
    return subjects
