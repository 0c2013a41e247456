"""What `misar-ips wait --for dns` does: it asks DNS until PTR and forward records agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.warmup import details_of
from misar_ips.commands.polling import polls
from misar_ips.dns.verdicts import PASS
from misar_ips.errors import MisarError, WaitFailedError, WaitTimeoutError
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP
    from misar_ips.api.warmup import IPDetails
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.verdicts import Check
    from misar_ips.output.drawing import Lines
    from misar_ips.session import Session

_HALVES = ("address", "ptr", "forward")
_LONGEST_ASKING = 10.0  # seconds for one look at DNS


def wait_for_dns(
    session: Session,
    name: str,
    nameservers: Sequence[Nameserver],
    timeout: float,
    interval: float,
) -> IPDetails:
    """Ask DNS until the IP's PTR record and its name's address agree; times are in seconds.

    Raises:
        WaitFailedError: no PTR name is set, or nobody can be asked.
        WaitTimeoutError: they do not agree after ``timeout``; the error has what DNS says.
    """
    from misar_ips.commands.check import check_names_of

    if session.is_demo and not nameservers:
        raise WaitFailedError(
            "The demo looks nothing up by itself.", hint="Name a resolver with `--resolver`."
        )
    give_up_at = session.clock() + timeout
    shown = _Waiting(session, name)
    with shown.place:
        for seen in polls(session, name, interval, give_up_at):
            if isinstance(seen, MisarError):
                shown.tell(f"{seen.message} Still trying.")
                continue
            _require_name(session, seen)
            seconds = max(1.0, min(_LONGEST_ASKING, give_up_at - session.clock()))
            shown.seen(seen, check_names_of(session, seen, nameservers, seconds))
            if shown.is_there:
                return details_of(seen, session.now())
    go_on = session.command_for("wait", name, "--for", "dns")
    raise WaitTimeoutError(
        f"DNS does not confirm {shown.name} after {in_words(timeout)}. {shown.said}".strip(),
        hint=f"Go on waiting with `{go_on}`.",
    )


class _Waiting:
    """Both halves, PTR and forward, with what DNS says of them now."""

    def __init__(self, session: Session, name: str) -> None:
        self.name = name
        self.said = ""
        self.is_there = False
        self._session = session
        self._began = session.clock()
        self._halves: list[Check] = []
        self._told: set[str] = set()
        self.place = session.output.in_place(self._draw, delay=1.0)

    def seen(self, ip: DedicatedIP, checks: Sequence[Check]) -> None:
        """Show what DNS says now, and say so where it agrees."""
        self.name = ip.id
        self._halves = [each for each in checks if each.name in _HALVES]
        self.said = " ".join(each.message for each in self._halves)
        found = {each.name: each.status for each in self._halves}
        self.is_there = found.get("ptr") == found.get("forward") == PASS
        for each in self._halves:
            if each.status != PASS and each.negative_ttl:
                kept = in_words(each.negative_ttl)
                self.tell(f"A resolver keeps that there is no such name for up to {kept}.")
        output = self._session.output
        if self.is_there:
            elapsed = in_words(self._session.clock() - self._began)
            output.note(f"DNS confirms {ip.id} after {elapsed}: {self.said}")
        elif not self.place.is_there and self.said not in self._told:
            self._told.add(self.said)
            output.note(f"Waiting for DNS to confirm {ip.id}. {self.said}")
        self.place.refresh()

    def tell(self, text: str) -> None:
        """Tell, once, of something that the one who waits should know."""
        if text not in self._told:
            self._session.output.warning(text)
        self._told.add(text)

    def _draw(self, _now: datetime, width: int) -> Lines:
        from misar_ips.output.check_report import halves_line
        from misar_ips.output.drawing import notice_line

        if not self._halves:
            return notice_line(self._session.waits.current, width)
        elapsed = in_words(self._session.clock() - self._began)
        return halves_line(self.name, self._halves, elapsed, width)


def _require_name(session: Session, ip: DedicatedIP) -> None:
    if not ip.rdns:
        command = session.command_for("update", ip.id, "--rdns", "HOSTNAME")
        raise WaitFailedError(f"{ip.id} has no PTR name set.", hint=f"Set one with `{command}`.")
