"""What `misar-ips check` does: it finds the IPs, has DNS asked, and reports.

Also the look that `update --rdns` and `request --rdns` take before they change anything.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from misar_ips.api.models import DedicatedIP
from misar_ips.config import profiles as config
from misar_ips.dns import verdicts as checks
from misar_ips.dns.verdicts import Subject
from misar_ips.errors import (
    APIError,
    CheckFailedError,
    NetworkError,
    NotConfiguredError,
    UsageError,
)
from misar_ips.hostnames import canonical_address

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.resolver import Address
    from misar_ips.dns.verdicts import CheckedIP
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

USUAL_ZONES = ("zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org")
"""The blocklists that are asked where none is named."""

_AT_ONCE = 10  # IPs whose details are read side by side


def zones_to_ask(
    environ: Mapping[str, str], *, usual: bool, named: Sequence[str]
) -> tuple[str, ...]:
    """Return the zones of the blocklists to ask: the usual ones, those that are named, or both.

    The configuration file may say which are the usual ones.

    Raises:
        ConfigError: the file is broken, or what it names are no zones.
    """
    configured = config.read_blocklists(environ) if usual else ()
    zones = USUAL_ZONES if configured is None else configured
    return tuple(dict.fromkeys([*zones, *named]))


def check(
    session: Session,
    names: Sequence[str],
    zones: Sequence[str],
    nameservers: Sequence[Nameserver],
) -> list[CheckedIP]:
    """Check the IPs that are named by id or address, all of the account where none is.

    ``zones`` are the blocklists to ask; ``nameservers`` are asked in the place of the system's.

    Raises:
        MisarError: an IP of the account could not be read.
    """
    subjects = find_subjects(session, names)
    # Loaded here: with them come asyncio and dnspython, which no other command needs.
    import asyncio

    from misar_ips.dns.lookups import Lookups

    lookups = Lookups(subjects, zones, session.resolver(nameservers), session.now())
    return asyncio.run(lookups.checked(session.output))


def find_subjects(session: Session, names: Sequence[str]) -> list[Subject]:
    """Find the IPs to check; one that is named twice counts once.

    A bare address needs no API: where nothing is configured, or the server fails, it is checked
    as one that is not in the account.
    """
    if not names:
        return [_subject(ip) for ip in _with_details(session, session.client.list())]
    literals = {name: _literal(name) for name in names}
    addresses = {literal for literal in literals.values() if literal}
    listed = _listed(session, addresses, alone=all(literals.values())) if addresses else {}
    found: dict[str, Subject] = {}
    for name, literal in literals.items():
        if literal is None:
            subject = _subject(session.client.get(session.client.resolve(name)))
        else:
            subject = listed.get(literal) or Subject(literal)
        found.setdefault(subject.name, subject)
    return list(found.values())


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
    unknown = sum(len(ip.having(checks.UNKNOWN)) for ip in checked)
    if unknown:
        what = "1 check" if unknown == 1 else f"{unknown} checks"
        output.warning(f"{what} could not be made; the reason stands beside each.")
    if failed:
        names = ", ".join(ip.name for ip in failed)
        some = f"{len(failed)} of {len(checked)} IPs failed the check: {names}."
        raise CheckFailedError(
            f"{names} failed the check." if len(checked) == 1 else some,
            hint="What to do stands beside each failure.",
        )


def warn_of_rdns(
    session: Session, rdns: str | None, ip: str | None, nameservers: Sequence[Nameserver]
) -> None:
    """Warn before a PTR hostname is set that does not exist, or that resolves elsewhere.

    ``ip`` is an id or an address, None for an IP that is still to be ordered. What can't be found
    out is no reason to warn. The demo looks nothing up but with a resolver of its user's.
    """
    if rdns is None or (session.is_demo and not nameservers):
        return
    import asyncio

    from misar_ips.dns.resolver import BRIEFLY

    address = _address_of(session, ip) if ip else None
    resolver = session.resolver(nameservers, BRIEFLY)
    version = address.version if address else 4
    answer = asyncio.run(resolver.addresses(rdns, version))
    if warning := checks.rdns_warning(rdns, address, answer):
        session.output.warning(warning)


def _literal(name: str) -> Address | None:
    """Return the address that a name is, None where it is an id.

    Raises:
        UsageError: it is an address on one link only, of which DNS knows nothing.
    """
    literal = canonical_address(name)
    if literal and "%" in literal:
        raise UsageError(f"`{name}` is an address of one link only; DNS knows none of those.")
    return ip_address(literal) if literal else None


def _subject(ip: DedicatedIP) -> Subject:
    literal = canonical_address(ip.address)
    return Subject(ip_address(literal) if literal and "%" not in literal else None, ip)


def _listed(
    session: Session, addresses: Collection[Address], *, alone: bool
) -> dict[Address | None, Subject]:
    """Return those IPs of the account that have one of the addresses; without the API, none."""
    try:
        ips = session.client.list()
    except (APIError, NetworkError, NotConfiguredError) as trouble:
        if not alone:
            raise
        if not isinstance(trouble, NotConfiguredError):
            session.output.warning(f"{trouble.message} DNS is checked all the same.")
        return {}
    ours = [ip for ip in ips if _subject(ip).address in addresses]
    subjects = (_subject(ip) for ip in _with_details(session, ours))
    return {subject.address: subject for subject in subjects}


def _with_details(session: Session, ips: Sequence[DedicatedIP]) -> list[DedicatedIP]:
    """Return the IPs with their schedules, which no list holds."""
    groups = (ips[start : start + _AT_ONCE] for start in range(0, len(ips), _AT_ONCE))
    return [each.ip for group in groups for each in session.client.with_details(group)]


def _address_of(session: Session, ip: str) -> Address | None:
    """Return an IP's address; an id's is asked for once, and None where that fails."""
    literal = canonical_address(ip)
    [known] = [DedicatedIP(ip, literal)]
    if literal is None:
        known = session.client.with_details([known])[0].ip
    return _subject(known).address
