"""What is waited for right now, told to whoever sits there: nobody waits in silence."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from misar_ips.output.drawing import Lines
    from misar_ips.output.writer import Output

_WORTH_A_LOOK = 1.0  # seconds on a terminal
_WORTH_A_LINE = 5.0  # seconds elsewhere


class Waits:
    """Waits of a run, of which one may come within another, or beside it in another thread.

    On a terminal the latest is shown in one line that is gone when it is done, or by a display
    that is there already. Elsewhere a long one is a line; one that comes again and again is told
    once.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._waits: list[tuple[str, float]] = []  # what for, and from when on that is told
        self._told: set[str] = set()

    @property
    def current(self) -> str:
        """What is waited for, and nothing where that has not taken a second."""
        now = time.monotonic()
        return next((text for text, since in reversed(self._waits[:]) if since <= now), "")

    @contextmanager
    def during(self, text: str, seconds: float | None = None) -> Iterator[None]:
        """Tell ``text`` while it takes its time, which is ``seconds`` where that is known."""
        is_long = seconds is not None and seconds >= _WORTH_A_LOOK
        wait = text, 0.0 if is_long else time.monotonic() + _WORTH_A_LOOK
        self._waits.append(wait)
        try:
            if self._output.json or self._output.is_drawing:
                yield
            elif self._output.stderr.can_be_drawn_on:
                with self._output.in_place(self._draw, delay=_WORTH_A_LOOK) as place:
                    if is_long:
                        place.refresh()
                    yield
            else:
                with _later(lambda: self._tell(text), _WORTH_A_LINE, known=seconds):
                    yield
        finally:
            self._waits.remove(wait)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._output.note(f"{text}.")

    def _draw(self, _now: datetime, width: int) -> Lines:
        from misar_ips.output.drawing import notice_line

        return notice_line(self.current, width)


@contextmanager
def _later(tell: Callable[[], None], seconds: float, *, known: float | None) -> Iterator[None]:
    """Tell once that many seconds have passed, or at once where they are known to pass."""
    if known is not None:
        if known > seconds:
            tell()
        yield
        return
    timer = threading.Timer(seconds, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
