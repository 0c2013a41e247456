"""Reading many IPs' details side by side."""

from __future__ import annotations

import math
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Protocol

from misar_ips.api.models import DetailedIP
from misar_ips.errors import MisarError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.api.models import DedicatedIP

AT_ONCE = 10  # IPs; twice what the largest plan includes
_BRIEFLY = 3.0  # seconds for each IP whose details are nice to have
_ALL_BRIEFLY = 6.0  # seconds for all of them


class _Read(Protocol):
    def __call__(self, ip_id: str, *, patience: float) -> DedicatedIP: ...


def read_details(
    ips: Sequence[DedicatedIP], read: _Read, *, goes_on: bool
) -> tuple[DetailedIP, ...]:
    """Return the IPs as ``read`` reads them, in their order, ten at the same time.

    An IP that can't be read stays as it was, beside the error. Unless it ``goes_on``, reading
    takes six seconds at most in all, and ends once the server says that it is asked too often.
    """
    found = [DetailedIP(ip, MisarError(f"{ip.id} was not read in time.")) for ip in ips]
    give_up_at = math.inf if goes_on else time.monotonic() + _ALL_BRIEFLY
    stopped_by: list[MisarError] = []
    places = count()

    def work() -> None:
        while (place := next(places)) < len(found):
            found[place] = read_one(ips[place])

    def read_one(ip: DedicatedIP) -> DetailedIP:
        patience = min(math.inf if goes_on else _BRIEFLY, give_up_at - time.monotonic())
        if stopped_by or patience <= 0:
            return DetailedIP(ip, *stopped_by[:1]) if stopped_by else found[ips.index(ip)]
        try:
            return DetailedIP(read(ip.id, patience=patience))
        except MisarError as error:
            if isinstance(error, RateLimitError) and not goes_on:
                stopped_by.append(error)
            return DetailedIP(ip, error)

    # Plain threads: an executor takes longer to load than these requests take to send.
    others = min(len(ips), AT_ONCE) - 1  # beside this one, which hears of Ctrl-C
    workers = [threading.Thread(target=work, daemon=True) for _ in range(others)]
    for worker in workers:
        worker.start()
    work()
    for worker in workers:
        worker.join()
    return tuple(found)
