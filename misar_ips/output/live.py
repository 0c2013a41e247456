"""Displays that change while they are looked at: an IP that is watched, a goal that is waited for.

On a terminal they are drawn in place; elsewhere they are lines, written when something changes.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Self

from misar_ips.safe_text import one_line
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import FrameType, TracebackType

    from rich.console import Console, RenderableType

    from misar_ips.api.warmup import IPDetails
    from misar_ips.output.writer import Output

_SHOW_CURSOR, _LEAVE_SCREEN = "\x1b[?25h", "\x1b[?1049l"
_REFRESHES = 4  # a second; that soon a resized terminal is drawn anew


class InPlace:
    """A place on a terminal that is drawn again and again, and is gone in the end.

    Without a ``console`` there is no such place: drawing then does nothing, and ``is_there`` says
    so.
    """

    def __init__(
        self, console: Console | None, draw: Callable[[], RenderableType], *, full_screen: bool
    ) -> None:
        self.is_there = console is not None
        self._full_screen = full_screen
        if console is not None:
            from rich.live import Live

            self._live = Live(
                console=console,
                get_renderable=draw,
                screen=full_screen,
                transient=True,
                refresh_per_second=_REFRESHES,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )

    def __enter__(self) -> Self:
        if self.is_there:
            self._usual_end = signal.signal(signal.SIGTERM, _end_in_order)
            try:
                self._live.start()
            except BaseException:
                with suppress(Exception):  # rich may be half-way in
                    self._live.stop()
                self._give_back()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_there:
            try:
                self._live.stop()
            except BaseException:
                self._give_back()
                raise
            signal.signal(signal.SIGTERM, self._usual_end)

    def refresh(self) -> None:
        """Draw what has changed at once."""
        if self.is_there:
            self._live.refresh()

    def print_above(self, text: str) -> None:
        """Leave a line of text that stays when the place is gone."""
        self._live.console.print(text, markup=False, highlight=False)

    def _give_back(self) -> None:
        """Write what rich may have been kept from writing, by Ctrl-C in the middle of it."""
        self._live.console.file.write(_SHOW_CURSOR)
        if self._full_screen:
            self._live.console.file.write(_LEAVE_SCREEN)


def _end_in_order(number: int, _frame: FrameType | None) -> NoReturn:
    """End as a signal asks for, but give the terminal back on the way out."""
    raise SystemExit(128 + number)  # what shells make of a program that a signal has ended


class Watching:
    """An IP that is shown anew whenever something about it has changed."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._details: IPDetails | None = None
        self._notice = ""
        self.place = output.in_place(self._draw, full_screen=True)

    def details(self, details: IPDetails) -> None:
        """Show the IP as it is now."""
        has_changed = details != self._details
        self._details, self._notice = details, ""
        if has_changed and not self.place.is_there:
            self._output.change(details)
        self.place.refresh()

    def notice(self, text: str) -> None:
        """Say what stands in the way; what was seen last stays."""
        self._notice = text
        if not self.place.is_there:
            self._output.note(text)
        self.place.refresh()

    def _draw(self, now: datetime, width: int) -> RenderableType:
        from misar_ips.output.ip_details import watched

        return "" if self._details is None else watched(self._details, self._notice, now, width)


class Waiting:
    """A goal that is waited for: a progress bar, or a line at the start and one at the end."""

    def __init__(self, output: Output, ip_id: str, goal: str, clock: Callable[[], float]) -> None:
        self._output = output
        self._ip_id = ip_id
        self._goal = goal
        self._clock = clock
        self._began = clock()
        self._details: IPDetails | None = None
        self.place = output.in_place(self._draw, full_screen=False)

    def progress(self, details: IPDetails) -> None:
        """Show how far the IP has come."""
        is_first = self._details is None
        self._details = details
        if is_first and not self.place.is_there:
            estimate = details.warm_up.estimated_warmed_at
            when = f", estimated warmed on {estimate:%Y-%m-%d}" if estimate else ""
            self._output.note(f"Waiting for {self._ip_id} to be {self._goal}{when}.")
        self.place.refresh()

    def notice(self, text: str) -> None:
        """Tell of something that the one who waits should know."""
        if self.place.is_there:
            self.place.print_above(f"Warning: {one_line(text)}")
        else:
            self._output.warning(text)

    def reached(self) -> None:
        """Say that it is there."""
        if not self.place.is_there:
            elapsed = in_words(self._clock() - self._began)
            self._output.note(f"{self._ip_id} is {self._goal} after {elapsed}.")

    def _draw(self, now: datetime, width: int) -> RenderableType:
        from misar_ips.output.ip_details import waited

        if self._details is None:
            return ""
        return waited(self._details, self._goal, self._clock() - self._began, now, width)
