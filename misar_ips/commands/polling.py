"""What `wait` and `show --watch` look with: polls that keep their distance and ride trouble out."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING

from misar_ips.errors import (
    APIError,
    InvalidResponseError,
    MisarError,
    NetworkError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from misar_ips.api.models import DedicatedIP
    from misar_ips.session import Session

_LEAST_PAUSE = 5.0  # seconds; no server is polled faster than that
_LONGEST_PAUSE = 86_400.0  # seconds, whatever a server asks for
_LAST_LOOK = 0.5  # seconds for a look at the very end; connecting may take as long again
_SPREAD = 0.1  # of the interval; machines that began together drift apart
_SERVER_ERRORS = range(500, 600)


def polls(
    session: Session, name: str, interval: float, give_up_at: float = math.inf
) -> Iterator[DedicatedIP | MisarError]:
    """Return what each poll saw of the IP with that name, or what trouble may pass by waiting.

    They end at ``give_up_at`` by the session's clock, whatever the server does.

    Raises:
        MisarError: the first look failed, or waiting can't help.
    """
    gc.enable()  # what a short run leaves to its end would fill the memory in weeks
    ip_id = None
    while True:
        pause = interval * (1 + _SPREAD * (2 * session.jitter() - 1))
        least = _LEAST_PAUSE
        patience = max(give_up_at - session.clock(), _LAST_LOOK)
        try:
            seen = (
                session.client.get(ip_id, patience=patience)
                if ip_id
                else session.client.find(name, patience=patience)
            )
        except (APIError, NetworkError) as trouble:
            is_over = session.clock() >= give_up_at
            if not _may_pass(trouble) or not (ip_id or is_over):
                raise
            asked = getattr(trouble, "retry_after", None) or 0.0
            least = max(least, min(asked, _LONGEST_PAUSE))
            yield trouble
        else:
            ip_id = seen.id
            yield seen
        left = give_up_at - session.clock()
        if left < least:
            if left > 0:
                session.sleep(left)
            return
        session.sleep(min(max(least, pause), left))


def _may_pass(trouble: MisarError) -> bool:
    """Return whether waiting can help: the network, a busy server, a proxy's page."""
    if isinstance(trouble, NetworkError):
        return trouble.transient
    if isinstance(trouble, RateLimitError | InvalidResponseError):
        return True
    return isinstance(trouble, APIError) and trouble.status in _SERVER_ERRORS
