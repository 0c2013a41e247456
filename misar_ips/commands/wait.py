"""What `misar-ips wait` does: it polls until the IP is there, or can't get there any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.warmup import details_of
from misar_ips.commands.polling import polls
from misar_ips.errors import MisarError, WaitFailedError, WaitTimeoutError
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP
    from misar_ips.api.warmup import IPDetails
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.output.drawing import Lines
    from misar_ips.session import Session

WAIT_TIMEOUT = 86_400.0  # seconds; the longest that provisioning takes
WAIT_INTERVAL = 60.0  # seconds
_UNDER_WAY = {"warming", "warmed", "suspended", "active"}


def wait(  # noqa: PLR0913, PLR0917 - one for each option
    session: Session,
    name: str,
    goal: str,
    timeout: float,
    interval: float,
    nameservers: Sequence[Nameserver],
) -> None:
    """Wait until the IP with that id, address or rDNS name has reached the goal, and show it."""
    if goal == "dns":
        from misar_ips.commands.wait_dns import wait_for_dns

        details = wait_for_dns(session, name, nameservers, timeout, interval)
    else:
        details = wait_for(session, name, goal, timeout, interval)
    session.output.result(details, brief=True)
    tell_next_step(session, details.ip.id, goal)


def tell_next_step(session: Session, ip_id: str, goal: str) -> None:
    """Tell people what to do with an IP that has reached the goal."""
    if goal == "warmed":
        what = f"`{session.command_for('limit')}` shows what may be sent today."
    else:
        what = f"`{session.command_for('check', ip_id)}` checks its DNS and more."
    session.output.next_step(what)


def wait_for(
    session: Session,
    name: str,
    goal: str,
    timeout: float = WAIT_TIMEOUT,
    interval: float = WAIT_INTERVAL,
) -> IPDetails:
    """Poll until the IP has reached the goal, and return it; times are in seconds.

    Raises:
        WaitTimeoutError: it has not after ``timeout``.
        WaitFailedError: it can't any more.
        NotFoundError: it was released meanwhile.
    """
    give_up_at = session.clock() + timeout
    shown = _Waiting(session, name, goal)
    trouble: MisarError | None = None
    with shown.place:
        for seen in polls(session, name, interval, give_up_at):
            if isinstance(seen, MisarError):
                trouble = seen
                if session.clock() < give_up_at:
                    shown.notice(f"{seen.message} Still trying.")
                continue
            trouble = None
            details = details_of(seen, session.now())
            if _has_reached(seen, goal, session.now()):
                elapsed = in_words(session.clock() - shown.began)
                session.output.note(f"{seen.id} is {goal} after {elapsed}.")
                return details
            _require_hope(seen, goal)
            if seen.warmup_status == "suspended":
                shown.notice(f"{seen.id} is suspended; its warm-up goes on once that is lifted.")
            shown.progress(details)
    told = f"was not seen to be {goal} within" if trouble else f"is not {goal} after"
    raise WaitTimeoutError(
        f"{shown.name} {told} {in_words(timeout)}. {trouble.message if trouble else ''}".strip(),
        hint=f"Go on waiting with `{session.command_for('wait', name, '--for', goal)}`.",
    )


class _Waiting:
    """A goal that is waited for: a progress bar, or a line at the start and one at the end."""

    def __init__(self, session: Session, name: str, goal: str) -> None:
        self.name = name
        self._session = session
        self._goal = goal
        self.began = session.clock()
        self._details: IPDetails | None = None
        self._noticed = ""
        self.place = session.output.in_place(self._draw, delay=1.0)

    def progress(self, details: IPDetails) -> None:
        """Show how far the IP has come."""
        is_first = self._details is None
        self._details = details
        self.name = details.ip.id
        if is_first and not self.place.is_there:
            estimate = details.warm_up.estimated_warmed_at
            when = f", estimated warmed on {estimate:%Y-%m-%d}" if estimate else ""
            self._session.output.note(f"Waiting for {self.name} to be {self._goal}{when}.")
        self.place.refresh()

    def notice(self, text: str) -> None:
        """Tell, once, of something that the one who waits should know."""
        if text != self._noticed:
            self._session.output.warning(text)
        self._noticed = text

    def _draw(self, now: datetime, width: int) -> Lines:
        from misar_ips.output.drawing import notice_line
        from misar_ips.output.ip_details import waited

        if self._details is None:
            return notice_line(self._session.waits.current, width)
        elapsed = self._session.clock() - self.began
        return waited(self._details, self._goal, elapsed, now, width)


def _require_hope(ip: DedicatedIP, goal: str) -> None:
    """Raise an error for an IP that can't reach the goal any more."""
    if ip.is_leaving:
        raise WaitFailedError(f"{ip.id} is {ip.warmup_status}; it will not be {goal} any more.")


def _has_reached(ip: DedicatedIP, goal: str, now: datetime) -> bool:
    if goal == "warmed":
        return ip.is_warmed
    # `not_started` alone does not tell: an IP has it both before and after it is provisioned.
    is_dated = ip.provisioned_at is not None and ip.provisioned_at <= now
    return is_dated or ip.warmup_status in _UNDER_WAY or bool(ip.warmup_percent)
