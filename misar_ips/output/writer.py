"""The only writer: results to stdout, everything else to stderr, questions with their answers.

Each stream decides by itself whether it is a terminal. What a result looks like follows from
where it goes: JSON where that was asked for, styled lines on a terminal, tabs and full values
everywhere else.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TextIO, cast

from misar_ips.errors import (
    CancelledError,
    ConfigError,
    ConfirmationRequiredError,
    MisarError,
    OutputError,
    StoppedError,
)
from misar_ips.safe_text import folded, one_line, plain, without_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from rich.console import Console, RenderableType

    from misar_ips.api.warmup import IPDetails
    from misar_ips.output.live import InPlace
    from misar_ips.results import Result

_LEAST_WIDTH = 20  # columns; below that nothing is readable anyway
_USUAL_WIDTH = 80  # columns
_COLUMNS = "[0-9]{1,4}"
_LONGEST_SECRET = 1 << 16  # characters: more than any key may have, so that a longer one shows
_PLAIN_DRAWING = str.maketrans("█▉▊▋▌▍▎▏░…—✓✗▁▂▃▄▅▆▇┤▲▶·", "######++-.-+x__----#|^>.")
"""What the views draw with, for terminals whose encoding has no such characters."""


class Output:
    """Where a command's result, notes, questions and errors go.

    ``now`` gives the time that ages are counted to.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        now: Callable[[], datetime],
    ) -> None:
        self.json = False
        self.verbose = False
        self._environ = environ
        self._now = now
        # A stream is None where its descriptor was closed before the program began.
        self._stdin, self._stdout, self._stderr = (
            stream or io.StringIO() for stream in (stdin, stdout, stderr)
        )

    def result(self, value: Result, *, empty: str | None = None, brief: bool = False) -> None:
        """Write a command's result; where it is empty and not JSON, say so with ``empty``.

        ``brief``: off a terminal one line for an IP, and not one for each of its fields.
        """
        if self.json:
            self._write(self._stdout, self._json(value))
        elif empty and not value:
            self.note(empty)
        elif self.is_for_people:
            self._write(self._stdout, self._rendered(value))
        else:
            self._write(self._stdout, _tabbed(value, brief=brief))

    def change(self, details: IPDetails) -> None:
        """Write what an IP that is watched has become, as one line in any case."""
        if self.json:
            self._write(self._stdout, _dump(details.to_json()))
        else:
            self._write(self._stdout, _tabbed(details, brief=True))

    def in_place(
        self, draw: Callable[[datetime, int], RenderableType], *, full_screen: bool
    ) -> InPlace:
        """Return a place for what ``draw`` gives for a time and a width, drawn again and again.

        It is the whole terminal on stdout or a line on stderr, and not there where that is no
        terminal that can be drawn on.
        """
        from misar_ips.output.live import InPlace

        stream = self._stdout if full_screen else self._stderr
        is_wanted = self.is_for_people if full_screen else stream.isatty()
        console = None
        if is_wanted and self._environ.get("TERM") != "dumb":
            safe = cast("TextIO", _Safe(partial(self._write, stream), stream))
            console = self._console(safe, width=None)
        return InPlace(
            console, lambda: draw(self._now(), self._width(stream)), full_screen=full_screen
        )

    @property
    def is_for_people(self) -> bool:
        """Whether results are drawn, for somebody at a terminal."""
        return not self.json and self._stdout.isatty()

    def line(self, text: str) -> None:
        """Write one line of a result that is nothing but a text."""
        self._write(self._stdout, f"{plain(text)}\n")

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write lines of two texts with a tab between, for a program to read."""
        lines = "".join(f"{plain(first)}\t{plain(second)}\n" for first, second in pairs)
        self._write(self._stdout, lines)

    def text(self, text: str) -> None:
        """Write a text of our own, of many lines, as it is."""
        self._write(self._stdout, text)

    def note(self, text: str) -> None:
        """Tell something that is neither result nor trouble."""
        self._tell(f"{self._folded(one_line(text))}\n")

    def warning(self, text: str) -> None:
        """Tell of something that may become trouble."""
        self._alert("Warning", "yellow", one_line(text))

    def debug(self, line: str) -> None:
        """Write a line of the log that ``--debug`` asks for."""
        self._tell(f"debug: {plain(line)}\n")

    def error(self, error: MisarError) -> None:
        """Return what went wrong and what to do next, as JSON where that was asked for."""
        if self.json:
            self._tell(_dump({"error": error.to_json()}))
            return
        if isinstance(error, StoppedError) and self._stderr.isatty():
            self._tell("\n")  # the terminal left ^C on the line
        self._alert("Error", "red", one_line(f"{error.message} {error.hint or ''}"))

    def traceback(self, error: BaseException) -> None:
        """Write where an error came from, for ``--debug``."""
        import traceback

        for entry in traceback.format_exception(error):
            for line in entry.splitlines():
                self.debug(line)

    def abandon(self) -> None:
        """Abandon the streams that can't be written, so that Python does not try at its end."""
        self._stdout = _while_writable(self._stdout)
        self._stderr = _while_writable(self._stderr)

    def show(self, view: RenderableType) -> None:
        """Show something on stderr that a question is about to be asked of."""
        self._write(self._stderr, self._drawn(view, self._stderr))

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to see a question and to answer it."""
        return self._stdin.isatty() and self._stderr.isatty()

    def require_terminal(self, what: str, hint: str) -> None:
        """Make sure that somebody is there to see a question on ``what`` and to answer it.

        Raises:
            ConfirmationRequiredError: nobody is; ``hint`` says how to go on without.
        """
        if not self.can_ask:
            raise ConfirmationRequiredError(
                f"To {what} takes a yes, and there is no terminal to ask at; nothing was changed.",
                hint=hint,
            )

    def confirm(self, question: str) -> None:
        """Ask a question whose answer is No unless somebody says yes.

        Raises:
            CancelledError: the answer was not yes.
        """
        self._write(self._stderr, self._folded(f"{one_line(question)} [y/N]") + " ")
        try:
            answer = self._stdin.readline()
        except UnicodeDecodeError:
            answer = "\n"  # what is no text is no yes
        if not answer:  # Ctrl-D
            self._write(self._stderr, "\n")
        if answer.strip().lower() not in {"y", "yes"}:
            raise CancelledError("Nothing was changed.")

    def ask_secret(self, prompt: str) -> str:
        """Return a secret: typed unseen at a terminal, else the one line on standard input.

        Raises:
            ConfigError: standard input holds more than one line.
            CancelledError: Ctrl-D was pressed.
            UnicodeDecodeError: it is no text.
        """
        return self._ask_unseen(prompt) if self._stdin.isatty() else self._read_secret()

    @property
    def question_width(self) -> int:
        """The width in columns of the terminal that questions are asked at."""
        return self._width(self._stderr)

    def _ask_unseen(self, prompt: str) -> str:
        import getpass

        try:
            return getpass.getpass(f"{prompt}: ", self._stderr).strip()
        except EOFError:
            self._tell("\n")
            raise CancelledError("No key was given; nothing was changed.") from None

    def _read_secret(self) -> str:
        text = self._stdin.read(_LONGEST_SECRET).removesuffix("\n").removesuffix("\r")
        if "\n" in text:
            raise ConfigError("Standard input holds more than one line; a key is one word.")
        return text

    def _json(self, value: Result) -> str:
        indent = 2 if self._stdout.isatty() else None
        if isinstance(value, Sequence):
            return _dump([each.to_json() for each in value], indent)
        return _dump(value.to_json(), indent)

    def _rendered(self, value: Result) -> str:
        from misar_ips.output import ip_table as views

        view = views.of(value, self._now(), self._width(self._stdout))
        return self._drawn(view, self._stdout)

    def _drawn(self, view: RenderableType, stream: TextIO) -> str:
        """Return what rich makes of a view for a stream, colours only where they belong."""
        console = self._console(stream, self._width(stream))
        with console.capture() as capture:
            console.print(view, end="", crop=False)  # an id is never cut
        return capture.get()

    def _console(self, stream: TextIO, width: int | None) -> Console:
        from rich.console import Console

        return Console(
            file=stream,
            width=width,
            color_system="standard" if self._has_colour(stream) else None,
            _environ={},  # what it says is heeded here
        )

    def _alert(self, label: str, colour: str, text: str) -> None:
        folded = self._folded(f"{label}: {text}")
        if self._has_colour(self._stderr):
            code = {"red": 31, "yellow": 33}[colour]
            folded = folded.replace(label, f"\x1b[1;{code}m{label}\x1b[0m", 1)
        self._tell(f"{folded}\n")

    def _folded(self, text: str) -> str:
        """Break a paragraph at words where a terminal would break it anywhere."""
        if not self._stderr.isatty():
            return text
        return "\n".join(folded(text, self._width(self._stderr), break_long_words=False))

    def _width(self, stream: TextIO) -> int:
        """Return a terminal's width in columns; ``COLUMNS`` has the first word."""
        columns = self._environ.get("COLUMNS", "")
        if re.fullmatch(_COLUMNS, columns) and int(columns):
            return max(_LEAST_WIDTH, int(columns))
        try:
            # Terminals that don't know their size say 0.
            width = os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
        except (OSError, ValueError):  # no terminal, or no file at all
            width = _USUAL_WIDTH
        return max(_LEAST_WIDTH, width)

    def _has_colour(self, stream: TextIO) -> bool:
        """Return whether a stream gets colour (no-color.org, force-color.org)."""
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR"):
            return True
        return stream.isatty() and self._environ.get("TERM") != "dumb"

    def _tell(self, text: str) -> None:
        """Write to stderr what no work may end for: where it can't be read, it is left out."""
        with suppress(BrokenPipeError, OutputError):
            self._write(self._stderr, text)

    def _write(self, stream: TextIO, text: str) -> None:
        """Write and flush, in what characters the stream has.

        Results are data; in whatever else is written, no key is shown.

        Raises:
            OutputError: it can't be written, because the disk is full for example.
            BrokenPipeError: nobody reads any more.
        """
        text = without_keys(text) if stream is self._stderr else text
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = stream.encoding
                drawn = text.translate(_PLAIN_DRAWING)
                stream.write(drawn.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except BrokenPipeError:
            self.abandon()
            raise
        except OSError as error:
            self.abandon()
            raise OutputError(f"The output could not be written: {error.strerror}.") from error


class _Safe(io.TextIOBase):
    """A stream as rich's live display writes to it: with our care for what can't be written."""

    def __init__(self, write: Callable[[str], None], stream: TextIO) -> None:
        self._write = write
        self._stream = stream

    def write(self, text: str) -> int:
        """Write in what characters the stream has."""
        self._write(text)
        return len(text)

    def isatty(self) -> bool:
        """Return what the stream beneath is."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor beneath, which knows the terminal's size."""
        return self._stream.fileno()


def _while_writable(stream: TextIO) -> TextIO:
    """Return the stream, or one that leads nowhere in the place of one that can't be written."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError):
            stream.close()
        return io.StringIO()
    return stream


def _tabbed(value: Result, *, brief: bool) -> str:
    from misar_ips.output.tab_separated import lines_of

    return "".join(f"{line}\n" for line in lines_of(value, brief=brief))


def _dump(value: object, indent: int | None = None) -> str:
    """Return a JSON document in ASCII, with every control character escaped, DEL too."""
    try:
        text = json.dumps(value, indent=indent, allow_nan=False)
    except RecursionError:
        text = json.dumps(value, allow_nan=False)  # the indenting encoder nests less deeply
    return text.replace("\x7f", "\\u007f") + "\n"
