"""A place on the terminal that is drawn again and again while it is looked at, gone in the end."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

from misar_ips.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    from misar_ips.output.drawing import Lines
    from misar_ips.output.streams import Stream

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_ENTER_SCREEN, _LEAVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
_ERASE_LINE = "\r\x1b[2K"
_TOP_LEFT = "\x1b[H"
_PAUSE = 0.25  # seconds; that soon a resized terminal is drawn anew


class InPlace:
    """The whole terminal or one line of it, for what ``draw`` returns.

    Without a ``stream`` there is no such place: drawing then does nothing, and ``is_there`` says
    so. It is first drawn after a ``delay`` in seconds, or when it is refreshed. Whatever ends or
    stops the program, the terminal is given back first.
    """

    def __init__(
        self,
        stream: Stream | None,
        draw: Callable[[], Lines],
        *,
        full_screen: bool = False,
        delay: float = 0.0,
    ) -> None:
        self.is_there = stream is not None
        self.is_full_screen = full_screen
        self._stream = stream
        self._draw = draw
        self._delay = delay
        self._taken = False
        self._shown: object = None
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        if self._stream is not None:
            try:
                self._opened.enter_context(stoppable(self._give_back, self._draw_anew))
                threading.Thread(target=self._keep_drawing, daemon=True).start()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether something else that is written would come in between."""
        return self.is_there and not self._over.is_set()

    def close(self) -> None:
        """Hand the terminal back for good."""
        self._over.set()
        self._give_back()
        self._opened.close()

    def refresh(self) -> None:
        """Draw at once, if the terminal is ours and shows something else."""
        if self._stream is None:
            return
        with self._lock:
            if self._over.is_set() or not self._stream.is_in_foreground:
                return
            text = self._text(self._stream)
            if not self._taken:
                self._taken = True
                self._stream.write(_HIDE_CURSOR + _ENTER_SCREEN * self.is_full_screen)
            elif text == self._shown:
                return
            self._stream.write(text)
            self._shown = text

    def print_above(self, text: str) -> None:
        """Leave lines of text that stay when the place is gone."""
        if self._stream is not None:
            with self._lock:
                self._stream.write(_ERASE_LINE * self._taken + text)
                self._shown = None
                if self._taken:
                    self.refresh()

    def _draw_anew(self) -> None:
        with self._lock:
            self._shown = None
            self.refresh()

    def _text(self, stream: Stream) -> str:
        from misar_ips.output.drawing import as_text

        height = stream.height if self.is_full_screen else 1
        lines = as_text(self._draw(), coloured=stream.has_colour).splitlines()[:height]
        left = [""] * (height - len(lines))
        # Erased before it is written: behind a line that fills its row it would lose its end.
        drawn = "\n".join(f"{_ERASE_LINE}{line}" for line in (*lines, *left))
        return _TOP_LEFT * self.is_full_screen + drawn

    def _give_back(self) -> None:
        # A terminal that is gone needs nothing back, and its error would hide another one.
        with self._lock, suppress(BrokenPipeError, OutputError):
            if self._stream is not None and self._taken:
                taken = _LEAVE_SCREEN if self.is_full_screen else _ERASE_LINE
                self._stream.write(_SHOW_CURSOR + taken)
                self._taken = False

    def _keep_drawing(self) -> None:
        """Draw now and then, for times that pass and terminals that are resized or come back."""
        # What goes wrong here goes wrong where the main thread draws as well, which tells of it.
        with suppress(Exception):
            pause = self._delay
            while not self._over.wait(pause):
                self.refresh()
                pause = _PAUSE


@contextmanager
def stoppable(give_back: Callable[[], None], take_again: Callable[[], None]) -> Iterator[None]:
    """Hand the terminal back when Ctrl-Z stops the program, and take it again once it goes on.

    ``take_again`` may be called when it was not given back: not every stop comes from Ctrl-Z.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
        yield  # another thread may not heed signals; who ignores this one wants no stop
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        give_back()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # here the program stops, and here it goes on
        signal.signal(number, stop)
        take_again()

    before = signal.signal(signal.SIGCONT, lambda *_: take_again())
    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.signal(signal.SIGCONT, before)
