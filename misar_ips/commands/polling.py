"""Following a warm-up: polls that keep their distance, ride trouble out, and end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from misar_ips.api.warmup import details_of
from misar_ips.errors import (
    APIError,
    InvalidResponseError,
    MisarError,
    NetworkError,
    RateLimitError,
    WaitFailedError,
    WaitTimeoutError,
)
from misar_ips.output.live import Waiting, Watching
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from misar_ips.api.models import DedicatedIP
    from misar_ips.api.warmup import IPDetails
    from misar_ips.session import Session

WAIT_TIMEOUT = 86_400.0  # seconds; the longest that provisioning takes
WAIT_INTERVAL = 60.0  # seconds
LEAST_INTERVAL = 5.0  # seconds; no server is polled faster than that
_SPREAD = 0.1  # of the interval; machines that began together drift apart
_UNDER_WAY = {"warming", "warmed", "suspended", "active"}
_SERVER_ERRORS = range(500, 600)


def watch(session: Session, ip_id: str, interval: float) -> None:
    """Show an IP anew with every poll, until Ctrl-C."""
    shown = Watching(session.output)
    with shown.place:
        for ip in _polls(session, ip_id, interval, shown.notice):
            shown.details(details_of(ip, session.now()))


def wait(
    session: Session,
    ip_id: str,
    goal: str,
    timeout: float = WAIT_TIMEOUT,
    interval: float = WAIT_INTERVAL,
) -> IPDetails:
    """Poll until the IP has reached the goal, and give it; times are in seconds.

    Raises:
        WaitTimeoutError: it has not after ``timeout``.
        WaitFailedError: it can't any more.
        NotFoundError: it was released meanwhile.
    """
    give_up_at = session.clock() + timeout
    shown = Waiting(session.output, ip_id, goal, session.clock)
    warned = False
    with shown.place:
        for ip in _polls(session, ip_id, interval, shown.notice, give_up_at):
            details = details_of(ip, session.now())
            if _has_reached(ip, goal, session.now()):
                shown.reached()
                return details
            if ip.is_leaving:
                raise WaitFailedError(
                    f"{ip_id} is {ip.warmup_status}; it will not be {goal} any more."
                )
            if ip.warmup_status == "suspended" and not warned:
                shown.notice(f"{ip_id} is suspended; its warm-up goes on once that is lifted.")
                warned = True
            shown.progress(details)
    raise WaitTimeoutError(
        f"{ip_id} is not {goal} after {in_words(timeout)}.",
        hint=f"Go on waiting with `{session.command_for('wait', ip_id, '--for', goal)}`.",
    )


def wait_for_order(session: Session, ip_id: str) -> IPDetails:
    """Wait until an IP that was just ordered is provisioned, and give it.

    Raises:
        MisarError: waiting failed; the error says that the order stands all the same.
    """
    try:
        return wait(session, ip_id, "provisioned")
    except MisarError as error:
        # Whoever repeats a command because it failed would order, and pay for, a second IP.
        error.message = f"{ip_id} was ordered. {error.message}"
        go_on = session.command_for("wait", ip_id, "--for", "provisioned")
        error.hint = f"Don't order again; go on waiting with `{go_on}`."
        raise


def _polls(
    session: Session,
    ip_id: str,
    interval: float,
    notice: Callable[[str], None],
    give_up_at: float = math.inf,
) -> Iterator[DedicatedIP]:
    """Return the IP with each poll that is answered; end before one that would come too late.

    The first poll's trouble is the user's: a wrong key or address does not pass by waiting.
    """
    told = None
    is_first = True
    while True:
        least = LEAST_INTERVAL
        try:
            ip = session.client.get(ip_id)
        except (APIError, NetworkError) as trouble:
            if is_first or not _may_pass(trouble):
                raise
            least = max(least, getattr(trouble, "retry_after", None) or 0)
            if trouble.message != told:
                notice(f"{trouble.message} Still trying.")
            told = trouble.message
        else:
            yield ip
            told = None
        is_first = False
        left = give_up_at - session.clock()
        if left < least:
            if left > 0:
                session.sleep(left)
            return
        session.sleep(min(max(least, _spread(session, interval)), left))


def _spread(session: Session, interval: float) -> float:
    return interval * (1 + _SPREAD * (2 * session.jitter() - 1))


def _may_pass(trouble: MisarError) -> bool:
    """Return whether waiting can help: the network, a busy server, a proxy's page."""
    if isinstance(trouble, NetworkError):
        return trouble.transient
    if isinstance(trouble, RateLimitError | InvalidResponseError):
        return True
    return isinstance(trouble, APIError) and trouble.status in _SERVER_ERRORS


def _has_reached(ip: DedicatedIP, goal: str, now: datetime) -> bool:
    if goal == "warmed":
        return ip.is_warmed
    # `not_started` alone does not tell: an IP has it both before and after it is provisioned.
    is_dated = ip.provisioned_at is not None and ip.provisioned_at <= now
    return is_dated or ip.warmup_status in _UNDER_WAY or bool(ip.warmup_percent)
