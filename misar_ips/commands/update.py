"""What `misar-ips update` does: it warns, changes, and reports what is seen of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.arguments import different_settings, validate_changes
from misar_ips.api.finding import is_plain_id
from misar_ips.api.models import DedicatedIP
from misar_ips.errors import APIError, NetworkError, NotFoundError
from misar_ips.results import ChangedIP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

_LABELS = {"pool": "pool", "rdns": "rDNS"}


def update(
    session: Session,
    name: str,
    *,
    pool: str | None,
    rdns: str | None,
    nameservers: Sequence[Nameserver] | None,
) -> DedicatedIP:
    """Change the IP that a name means, warn before of what that does, and tell what came of it.

    The new rDNS name is looked up first, at ``nameservers`` where there are some, and not at all
    where that is None.

    Raises:
        UsageError: there is nothing to change, or the name means several IPs; nothing is changed.
        MisarError: it could not be changed, or what came of it is not known.
    """
    from misar_ips.commands.check import warn_of_rdns

    changes = validate_changes(pool, rdns)
    before = _read_before(session, name, wants_details=pool is not None)
    if nameservers is not None:
        warn_of_rdns(session, rdns, before or DedicatedIP(name), nameservers)
    if pool is not None and before is not None:
        for warning in _pool_warnings(session, before, pool):
            session.output.warning(warning)
    updated = session.client.update(before.id if before else name, pool=pool, rdns=rdns)
    _report(session.output, before, updated, changes)
    return updated


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
    except (APIError, NetworkError):  # what can't be read is no reason to warn
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


def _report(
    output: Output, before: DedicatedIP | None, updated: DedicatedIP, changes: Mapping[str, str]
) -> None:
    """Write the IP as the server shows it, and whether it shows the change."""
    output.result(ChangedIP(updated))
    different = different_settings(updated, dict(changes))
    for name, shown in different.items():
        seen = f"still shows {_LABELS[name]} `{shown}`" if shown else f"shows no {_LABELS[name]}"
        output.warning(f"MisarMail accepted the change but {seen} of {updated.id}.")
    if different:
        return
    told = [_change(before, name, value) for name, value in changes.items()]
    output.note(f"Updated {updated.id}: {', '.join(told)}.")


def _change(before: DedicatedIP | None, name: str, value: str) -> str:
    old = getattr(before, name) if before else None
    return (
        f"{_LABELS[name]} {old} -> {value}"
        if old not in {None, value}
        else f"{_LABELS[name]} {value}"
    )
