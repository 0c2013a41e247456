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
_MOST_BRIEFLY = 100  # IPs; beyond what one minute's requests allow nothing is nice to have
_FOR_EACH = 3  # IPs that are read through one connection sooner than through new ones


class _Read(Protocol):
    def __call__(self, ip_id: str, *, patience: float) -> DedicatedIP: ...


def read_details(
    ips: Sequence[DedicatedIP], read: _Read, *, goes_on: bool
) -> tuple[DetailedIP, ...]:
    """Return the IPs as ``read`` reads them, in their order, ten at the same time.

    An IP that can't be read stays as it was, beside the error. Unless it ``goes_on``, reading
    takes six seconds at most in all, of a hundred IPs at most, and ends once the server says that
    it is asked too often.
    """
    reading = _Reading(ips, read, goes_on=goes_on)
    # Plain threads: an executor takes longer to load than these requests take to send.
    wanted = math.ceil(len(ips) / _FOR_EACH) if goes_on else len(ips)
    others = min(wanted, AT_ONCE) - 1  # beside this one, which hears of Ctrl-C
    workers = [threading.Thread(target=reading.work, daemon=True) for _ in range(others)]
    for worker in workers:
        worker.start()
    reading.work()
    for worker in workers:
        worker.join()
    for fault in reading.faults:
        raise fault
    return tuple(reading.found)


class _Reading:
    """What several threads read, and why they stop; ``faults`` are ours, not the server's."""

    def __init__(self, ips: Sequence[DedicatedIP], read: _Read, *, goes_on: bool) -> None:
        self._most = len(ips) if goes_on else min(len(ips), _MOST_BRIEFLY)
        left_out = MisarError(f"Only {_MOST_BRIEFLY} are read without `--details`.")
        self.found = [
            DetailedIP(ip, MisarError(f"{ip.id} was not read in time.")) for ip in ips[: self._most]
        ] + [DetailedIP(ip, left_out) for ip in ips[self._most :]]
        self.faults: list[Exception] = []
        self._read = read
        self._goes_on = goes_on
        self._ends_at = math.inf if goes_on else time.monotonic() + _ALL_BRIEFLY
        self._stopped_by: MisarError | None = None
        self._places = count()

    def work(self) -> None:
        """Read one IP after the other, as long as there are any and it makes sense."""
        while (place := next(self._places)) < self._most:
            try:
                self.found[place] = self._read_one(self.found[place])
            except Exception as fault:  # noqa: BLE001 - it is raised where somebody sees it
                self.faults.append(fault)

    def _read_one(self, unread: DetailedIP) -> DetailedIP:
        left = self._ends_at - time.monotonic()
        if self._stopped_by or left <= 0:
            return DetailedIP(unread.ip, self._stopped_by or unread.error)
        try:
            return DetailedIP(
                self._read(unread.ip.id, patience=left if self._goes_on else min(left, _BRIEFLY))
            )
        except MisarError as error:
            if isinstance(error, RateLimitError) and not self._goes_on:
                self._stopped_by = error
            return DetailedIP(unread.ip, error)
