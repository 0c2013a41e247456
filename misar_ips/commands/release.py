"""Releasing IPs: what would be lost, the question that is due, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from misar_ips.dns.verdicts import RECORD_TYPES
from misar_ips.errors import CancelledError, MisarError, NotFoundError, RejectedError
from misar_ips.results import Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from misar_ips.api.client import Client
    from misar_ips.api.models import DedicatedIP
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

_OF_ONE_IP = (NotFoundError, RejectedError)
"""What is wrong with one IP only; whatever else goes wrong would go wrong with the next one too."""

_NOT_TRIED = "Not tried, because an IP before it could not be released."


@dataclass(frozen=True, slots=True)
class Target:
    """An IP that is to be released, by the name it was given; ``ip`` is None if there is none."""

    name: str
    ip: DedicatedIP | None
    error: MisarError | None = None
    tried: bool = True

    def outcome(self) -> Release:
        """Return what came of it."""
        error = self.error or (None if self.tried else CancelledError(_NOT_TRIED))
        if self.ip is None:
            return Release(self.name, None, error)
        return Release(self.ip.id, self.ip.address, error)


def find_targets(client: Client, names: Iterable[str]) -> tuple[Target, ...]:
    """Read each IP, so that it can be shown before it is gone; an IP named twice counts once.

    Raises:
        MisarError: reading failed for another reason than that there is no such IP.
    """
    targets: dict[str, Target] = {}
    for name in names:
        target = _find_target(client, name)
        targets.setdefault(target.ip.id if target.ip else name, target)
    return tuple(targets.values())


def ask(session: Session, targets: Sequence[Target]) -> None:
    """Show what would be lost and ask, where an IP among them has something to lose.

    Raises:
        ConfirmationRequiredError: the question is due, and nobody is there to answer it.
        CancelledError: the answer was not yes.
    """
    question = _question(targets)
    if question is None:
        return
    from misar_ips.output.ip_table import losses

    ips = [target.ip for target in targets if target.ip]
    session.output.questions.require_terminal(
        f"release {', '.join(ip.id for ip in ips)}", "`--yes` releases without asking."
    )
    listed = session.listed()
    emptied = _emptied_pools(listed, ips) if listed.is_whole else set()
    for target in targets:
        if target.error:
            session.output.warning(target.error.message)
    for ip in ips:
        width, last = session.output.questions.width, ip.pool in emptied
        session.output.questions.show(losses(ip, session.now(), width, last_of_pool=last))
    session.output.questions.confirm(question)


def report(output: Output, targets: Sequence[Target]) -> None:
    """Write what came of each.

    Raises:
        MisarError: the first failure; the others are told as warnings, or are in the JSON.
    """
    errors = [target.error for target in targets if target.error]
    try:
        output.result([target.outcome() for target in targets])
    except BrokenPipeError:
        if not errors:  # else the exit code has more to tell than that nobody reads
            raise
    if not output.json:
        for error in errors[1:]:
            output.warning(error.message)
        if untried := ", ".join(target.name for target in targets if not target.tried):
            output.warning(f"Not tried, because one before could not be released: {untried}.")
    if output.is_for_people:
        for target in targets:
            if target.ip and target.outcome().released:
                _tell_what_dns_keeps(output, target.ip)
    if errors:
        raise errors[0]


def _tell_what_dns_keeps(output: Output, ip: DedicatedIP) -> None:
    """Name the records that point at an address which is soon somebody else's."""
    if not ip.address:
        return
    version = 6 if ":" in ip.address else 4
    record, mechanism = RECORD_TYPES[version], f"ip{version}"
    records = f"the {record} record of {ip.rdns}" if ip.rdns else f"{record} records"
    output.note(
        f"DNS may still point at {ip.address}: {records}, and SPF records with "
        f"{mechanism}:{ip.address}."
    )


def _question(targets: Iterable[Target]) -> str | None:
    """Return the question that is due before these are released, None where nothing can be lost."""
    ips = [target.ip for target in targets if target.ip]
    if not any(ip.warm_up_has_begun for ip in ips):
        return None
    asked = f"Release {ips[0].id}?" if len(ips) == 1 else f"Release these {len(ips)} IPs?"
    warmed = ", ".join(ip.id for ip in ips if ip.is_warmed)
    if not warmed:
        return asked
    return f"The reputation history of {warmed} is discarded for good. {asked}"


def release_targets(client: Client, targets: Sequence[Target]) -> tuple[Target, ...]:
    """Release one after the other, and stop where the next one would fail for the same reason."""
    done: list[Target] = []
    stopped = False
    for target in targets:
        if stopped and target.ip:
            done.append(replace(target, tried=False))
            continue
        try:
            outcome = _release(client, target)
        except KeyboardInterrupt as interrupt:
            _note_released(interrupt, done)
            raise
        stopped = stopped or not isinstance(outcome.error, (*_OF_ONE_IP, type(None)))
        done.append(outcome)
    return tuple(done)


def _find_target(client: Client, name: str) -> Target:
    try:
        return Target(name, client.find(name))
    except NotFoundError as error:
        return Target(name, None, error)


def _release(client: Client, target: Target) -> Target:
    if target.ip is None:
        return target
    try:
        client.release(target.ip.id)
    except MisarError as error:
        return replace(target, error=error)
    return target


def _emptied_pools(all_ips: Iterable[DedicatedIP], going: Sequence[DedicatedIP]) -> set[str | None]:
    """Return the pools that have no dedicated IP left once these are gone."""
    gone = {ip.id for ip in going}
    return {ip.pool for ip in going} - {ip.pool for ip in all_ips if ip.id not in gone} - {None}


def _note_released(interrupt: KeyboardInterrupt, done: Iterable[Target]) -> None:
    gone = ", ".join(target.ip.id for target in done if target.ip and not target.error)
    if gone:
        interrupt.add_note(f"Released before it: {gone}.")
