"""A stream of the program's: whether it is a terminal, how large and coloured, and safe writing."""

from __future__ import annotations

import io
import os
import re
import select
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from misar_ips.errors import OutputError
from misar_ips.safe_text import cut_from, folded, without_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LEAST_WIDTH = 20  # columns; below that nothing is readable anyway
_USUAL_SIZE = os.terminal_size((80, 24))
_COLUMNS = "[0-9]{1,4}"
_PLAIN_DRAWING = str.maketrans("█▉▊▋▌▍▎▏░…—✓✗▁▂▃▄▅▆▇┤▲▶·", "######++-.-+x__----#|^>.")
"""What the views draw with, for terminals whose encoding has no such characters."""


class Stream:
    """Stdout or stderr, each of which decides by itself whether it is a terminal.

    ``file`` is None where the descriptor was closed before the program began. In ``messages`` no
    key is shown; results are data, in which only the ``secrets`` in use are cut.
    """

    def __init__(
        self,
        file: TextIO | None,
        environ: Mapping[str, str],
        secrets: Iterable[str] = (),
        *,
        messages: bool = False,
    ) -> None:
        self.file = file or io.StringIO()
        self._environ = environ
        self._secrets = secrets
        self._messages = messages

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return self.file.isatty()

    @property
    def can_be_drawn_on(self) -> bool:
        """Whether what was written can be taken back."""
        return self.is_terminal and self._environ.get("TERM") != "dumb"

    @property
    def has_colour(self) -> bool:
        """Whether it gets colour (no-color.org, force-color.org)."""
        if self._environ.get("NO_COLOR"):
            return False
        return bool(self._environ.get("FORCE_COLOR")) or self.can_be_drawn_on

    @property
    def width(self) -> int:
        """Its width in columns; ``COLUMNS`` decides where it is set."""
        columns = self._environ.get("COLUMNS", "")
        number = int(columns) if re.fullmatch(_COLUMNS, columns) else 0
        return max(_LEAST_WIDTH, number or self._size().columns)

    @property
    def height(self) -> int:
        """Its height in lines."""
        return self._size().lines

    @property
    def is_in_foreground(self) -> bool:
        """Whether the terminal is the program's, and not that of a shell that runs it beside."""
        try:
            return os.tcgetpgrp(self.file.fileno()) == os.getpgrp()
        except (OSError, ValueError):  # not the terminal that controls the program
            return True

    @property
    def is_unread(self) -> bool:
        """Whether nobody reads it any more, as after ``| head -1``."""
        poll = select.poll()
        try:
            poll.register(self.file, 0)  # a lost reader is told of in any case
        except (OSError, ValueError):
            return False
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    def folded(self, text: str) -> str:
        """Break a paragraph at words where a terminal would break it anywhere."""
        if not self.is_terminal:
            return text
        return "\n".join(folded(text, self.width, break_long_words=False))

    def write(self, text: str) -> None:
        """Write and flush, in what characters the stream has.

        Raises:
            OutputError: it can't be written, because the disk is full for example.
            BrokenPipeError: nobody reads any more.
        """
        text = without_keys(text) if self._messages else text
        for secret in self._secrets:
            text = cut_from(text, secret)
        try:
            try:
                self.file.write(text)
            except UnicodeEncodeError:
                encoding = self.file.encoding
                drawn = text.translate(_PLAIN_DRAWING)
                self.file.write(drawn.encode(encoding, "backslashreplace").decode(encoding))
            self.file.flush()
        except RuntimeError:  # a signal came in the middle of another write: past its buffer
            os.write(self.file.fileno(), text.encode(self.file.encoding, "backslashreplace"))
        except BrokenPipeError:
            self.abandon()
            raise
        except OSError as error:
            self.abandon()
            raise OutputError(f"The output could not be written: {error.strerror}.") from error

    def abandon(self) -> None:
        """Lead nowhere where it can't be written, so that Python does not try at its end."""
        try:
            self.file.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                self.file.close()
            self.file = io.StringIO()

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):  # no terminal, or no file at all
            return _USUAL_SIZE
        # Terminals that don't know their size say 0.
        return os.terminal_size(
            (size.columns or _USUAL_SIZE.columns, size.lines or _USUAL_SIZE.lines)
        )
