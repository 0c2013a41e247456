"""What `misar-ips show` does: one IP, as it is now or watched until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.warmup import details_of
from misar_ips.errors import MisarError

if TYPE_CHECKING:
    from datetime import datetime

    from misar_ips.api.warmup import IPDetails
    from misar_ips.output.drawing import Lines
    from misar_ips.session import Session


def show(session: Session, name: str) -> None:
    """Show the IP with that id, address or rDNS name."""
    session.output.result(details_of(session.client.find(name), session.now()))


def watch(session: Session, name: str, interval: float) -> None:
    """Show an IP anew with every poll, until Ctrl-C or until nobody reads it any more."""
    from misar_ips.commands.polling import polls

    shown = _Watching(session)
    session.output.stops_quietly = True
    with shown.place:
        for seen in polls(session, name, interval):
            if not shown.place.is_there:
                session.output.require_reader()
            if isinstance(seen, MisarError):
                shown.trouble(seen)
            else:
                shown.details(details_of(seen, session.now()))


class _Watching:
    """An IP that is shown anew whenever something about it has changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._details: IPDetails | None = None
        self._trouble = ""
        self.place = session.output.in_place(self._draw, full_screen=True, delay=1.0)

    def details(self, details: IPDetails) -> None:
        """Show the IP as it is now."""
        has_changed = details != self._details
        self._details, self._trouble = details, ""
        if has_changed and not self.place.is_there:
            self._session.output.change(details)
        self.place.refresh()

    def trouble(self, trouble: MisarError) -> None:
        """Say what is in the way; what was seen last stays."""
        text = f"{trouble.message} Still trying."
        if text != self._trouble and not self.place.is_there:
            self._session.output.note(text)
        self._trouble = text
        self.place.refresh()

    def _draw(self, now: datetime, width: int) -> Lines:
        from misar_ips.output.ip_details import watched

        notice = self._session.waits.current or self._trouble
        return watched(self._details, notice, now, width, self._session.output.stdout.height)
