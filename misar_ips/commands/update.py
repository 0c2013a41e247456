"""What `misar-ips update` does: it warns, changes, and reports what is seen of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.arguments import SETTING_LABELS, different_settings, validate_changes
from misar_ips.api.finding import is_plain_id
from misar_ips.api.models import DedicatedIP
from misar_ips.errors import APIError, MisarError, NetworkError, NotFoundError, UsageError
from misar_ips.results import ChangedIP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from misar_ips.api.warmup import IPDetails
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.output.writer import Output
    from misar_ips.session import Session


def update(  # noqa: PLR0913 - one for each option
    session: Session,
    name: str,
    pool: str | None,
    rdns: str | None,
    nameservers: Sequence[Nameserver],
    *,
    looks: bool,
    waits: bool,
) -> None:
    """Change the IP that a name means, warn before of what that does, and tell what came of it.

    It ``looks`` the new rDNS name up first, at ``nameservers`` where there are some, and ``waits``
    until DNS confirms it.

    Raises:
        UsageError: there is nothing to change or to wait for, or the name means several IPs.
        WaitTimeoutError: DNS does not confirm the name; the error says that it was changed.
        MisarError: it could not be changed, or what came of it is not known.
    """
    from misar_ips.commands.check import warn_of_rdns

    changes = validate_changes(pool, rdns)
    if waits and rdns is None:
        raise UsageError("`--wait` waits for a PTR name.", hint="Give `--rdns HOSTNAME` as well.")
    before = _read_before(session, name, wants_details=pool is not None)
    if looks:
        warn_of_rdns(session, rdns, before or DedicatedIP(name), nameservers)
    if pool is not None and before is not None:
        for warning in _pool_warnings(session, before, pool):
            session.output.warning(warning)
    updated = session.client.update(before.id if before else name, pool=pool, rdns=rdns)
    if not waits:
        session.output.result(ChangedIP(updated))
    _tell(session.output, before, updated, changes)
    if waits:
        session.output.result(_confirmed(session, updated.id, nameservers), brief=True)
    session.output.next_step(_next_step(session, updated.id, changes, waited=waits))


def _confirmed(session: Session, ip_id: str, nameservers: Sequence[Nameserver]) -> IPDetails:
    """Wait until DNS confirms the changed name, and return the IP.

    Raises:
        MisarError: waiting failed; the error says that the IP was changed all the same.
    """
    from misar_ips.commands.wait import WAIT_INTERVAL, WAIT_TIMEOUT
    from misar_ips.commands.wait_dns import wait_for_dns

    try:
        return wait_for_dns(session, ip_id, nameservers, WAIT_TIMEOUT, WAIT_INTERVAL)
    except MisarError as error:
        raise error.with_context(f"{ip_id} was changed.") from error


def _read_before(session: Session, name: str, *, wants_details: bool) -> DedicatedIP | None:
    """Return the IP as it is; None where it is named by its id and its details are not needed."""
    if not is_plain_id(name):
        return session.client.find(name)
    if not (wants_details or session.output.is_for_people):
        return None
    try:
        return session.client.get(name)
    except NotFoundError:
        raise
    except (APIError, NetworkError):  # what can't be read is not warned of
        return None


def _pool_warnings(session: Session, ip: DedicatedIP, pool: str) -> Iterator[str]:
    """Return what an IP's move to a pool may do harm to, as far as it can be read."""
    if ip.pool == pool:
        return
    if ip.warmup_status == "suspended":
        yield f"{ip.id} is suspended; mail from pool `{pool}` that it gets will wait."
    try:
        listed = session.client.list()
    except (APIError, NetworkError):
        return
    others = [each for each in listed if each.id != ip.id]
    if ip.pool and listed.is_whole and all(each.pool != ip.pool for each in others):
        yield (
            f"{ip.id} is the last IP of pool `{ip.pool}`, whose mail will fall back to the shared "
            "pool."
        )
    there = session.client.with_details(each for each in others if each.pool == pool)
    scores = [each.ip.reputation_score for each in there]
    known = [score for score in scores if score is not None]
    own = ip.reputation_score
    if known and len(known) == len(scores) and own is not None and own < min(known):
        yield (
            f"{ip.id} has a reputation of {own:g}, lower than all IPs of pool `{pool}` "
            f"({min(known):g} and more)."
        )


def _tell(
    output: Output, before: DedicatedIP | None, updated: DedicatedIP, changes: Mapping[str, str]
) -> None:
    """Say whether the server shows the change."""
    different = different_settings(updated, dict(changes))
    for name, shown in different.items():
        seen = (
            f"still shows {SETTING_LABELS[name]} `{shown}`"
            if shown
            else f"shows no {SETTING_LABELS[name]}"
        )
        output.warning(f"MisarMail accepted the change but {seen} of {updated.id}.")
    if different:
        return
    told = [_change(before, name, value) for name, value in changes.items()]
    output.note(f"Updated {updated.id}: {', '.join(told)}.")


def _next_step(session: Session, ip_id: str, changes: Mapping[str, str], *, waited: bool) -> str:
    if waited:
        return f"`{session.command_for('check', ip_id)}` checks its DNS and more."
    if "rdns" in changes:
        return (
            f"`{session.command_for('wait', ip_id, '--for', 'dns')}` waits until DNS confirms it."
        )
    command = session.command_for("list", "--pool", changes["pool"])
    return f"`{command}` shows the IPs of its pool."


def _change(before: DedicatedIP | None, name: str, value: str) -> str:
    old = getattr(before, name) if before else None
    return (
        f"{SETTING_LABELS[name]} {old} -> {value}"
        if old not in {None, value}
        else f"{SETTING_LABELS[name]} {value}"
    )
