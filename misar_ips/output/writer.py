"""The only writer: results to stdout, everything else to stderr.

What a result looks like follows from where it goes: JSON where that was asked for, styled lines on
a terminal, tabs and full values everywhere else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from misar_ips.errors import CancelledError, ExitCode, MisarError, OutputError, StoppedError
from misar_ips.output.streams import Stream
from misar_ips.safe_text import one_line, plain, with_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from misar_ips.api.warmup import IPDetails
    from misar_ips.output.drawing import Lines
    from misar_ips.output.live import InPlace
    from misar_ips.output.questions import Questions
    from misar_ips.results import Result

_COLOURS = {"Error": 31, "Warning": 33}


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
        self.stops_quietly = False  # where Ctrl-C is the usual end
        self.profile: str | None = None  # the one that was named, which hints name as well
        self._secrets: list[str] = []
        self.stdout = Stream(stdout, environ, self._secrets)
        self.stderr = Stream(stderr, environ, self._secrets, messages=True)
        self._stdin = stdin
        self._now = now
        self._place: InPlace | None = None
        self.can_write = stdout is not None  # closed before the program began

    def hide(self, secret: str) -> None:
        """Cut a key from whatever is written from now on."""
        self._secrets.append(secret)

    @property
    def is_for_people(self) -> bool:
        """Whether results are drawn, for somebody at a terminal."""
        return not self.json and self.stdout.is_terminal

    @cached_property
    def questions(self) -> Questions:
        """What asks whoever sits at the terminal."""
        from misar_ips.output.questions import Questions

        return Questions(self._stdin, self.stderr)

    def result(self, value: Result, *, empty: str | None = None, brief: bool = False) -> None:
        """Write a command's result; where it is empty and not JSON, say so with ``empty``.

        ``brief``: one line for an IP, and not all that is known of it.
        """
        if self.json:
            self.stdout.write(self._json(value))
        elif empty and not value:
            self.note(empty)
        elif self.is_for_people:
            self.stdout.write(self._drawn(value, brief=brief))
        else:
            self.stdout.write(_tabbed(value, brief=brief))

    def change(self, details: IPDetails) -> None:
        """Write what an IP that is watched has become, as one line in any case."""
        text = _dump(details.to_json()) if self.json else _tabbed(details, brief=True)
        self.stdout.write(text)

    def in_place(
        self,
        draw: Callable[[datetime, int], Lines],
        *,
        full_screen: bool = False,
        delay: float = 0.0,
    ) -> InPlace:
        """Return a place for what ``draw`` gives for a time and a width, drawn again and again.

        It is the whole terminal on stdout, or a line on stderr that is first drawn after a
        ``delay`` in seconds. It is not there with ``--json``, or where nothing can be drawn on.
        """
        from misar_ips.output.live import InPlace

        stream = self.stdout if full_screen else self.stderr
        self._place = InPlace(
            None if self.json or not stream.can_be_drawn_on else stream,
            lambda: draw(self._now(), stream.width),
            full_screen=full_screen,
            delay=delay,
        )
        return self._place

    @property
    def is_drawing(self) -> bool:
        """Whether there is a place that is drawn again and again right now."""
        return self._place is not None and self._place.is_open

    def line(self, text: str) -> None:
        """Write one line of a result that is nothing but a text."""
        self.stdout.write(f"{plain(text)}\n")

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write lines of two texts with a tab between, for a program to read."""
        self.stdout.write("".join(f"{plain(first)}\t{plain(second)}\n" for first, second in pairs))

    def text(self, text: str) -> None:
        """Write a text of our own, of many lines, as it is."""
        self.stdout.write(text)

    def note(self, text: str) -> None:
        """Tell something that is neither result nor trouble; with ``--json`` it is left out."""
        if not self.json:
            told = with_profile(one_line(text), self.profile)
            self._tell(f"{self.stderr.folded(told)}\n")

    def next_step(self, text: str) -> None:
        """Tell people what they may want to do now; a script knows."""
        if self.is_for_people:
            self.note(text)

    def warning(self, text: str) -> None:
        """Tell of something that may become trouble."""
        text = with_profile(text, self.profile)
        if self.json:
            self._tell(_dump({"warning": {"message": text}}))
        else:
            self._alert("Warning", one_line(text))

    def debug(self, line: str) -> None:
        """Write a line of the log that ``--debug`` asks for."""
        self._tell(_dump({"debug": {"message": line}}) if self.json else f"debug: {plain(line)}\n")

    def error(self, error: MisarError) -> None:
        """Tell what went wrong and what to do next, as JSON where that was asked for."""
        if self._place is not None:
            self._place.close()
        if self.stops_quietly and error.exit_code == ExitCode.INTERRUPTED:
            return
        if error.hint:
            error = error.with_context(hint=with_profile(error.hint, self.profile))
        if self.json:
            self._tell(_dump({"error": error.to_json()}))
            return
        if isinstance(error, CancelledError):
            self.note(error.message)
            return
        if isinstance(error, StoppedError) and self.stderr.is_terminal:
            self._tell("\n")  # the terminal left ^C on the line
        self._alert("Error", one_line(f"{error.message} {error.hint or ''}"))

    def traceback(self, error: BaseException) -> None:
        """Write where an error came from, for ``--debug``."""
        import traceback

        for entry in traceback.format_exception(error):
            for line in entry.splitlines():
                self.debug(line)

    def require_reader(self) -> None:
        """Make sure that somebody reads the results.

        Raises:
            BrokenPipeError: nobody does any more, as after ``| head -1``.
        """
        if self.stdout.is_unread:
            raise BrokenPipeError

    def abandon(self) -> None:
        """Abandon the streams that can't be written, so that Python does not try at its end."""
        self.stdout.abandon()
        self.stderr.abandon()

    def _json(self, value: Result) -> str:
        indent = 2 if self.stdout.is_terminal else None
        if isinstance(value, Sequence):
            return _dump([each.to_json() for each in value], indent)
        return _dump(value.to_json(), indent)

    def _drawn(self, value: Result, *, brief: bool) -> str:
        from misar_ips.output.drawing import as_text
        from misar_ips.output.views import view_of

        view = view_of(value, self._now(), self.stdout.width, brief=brief)
        return as_text(view, coloured=self.stdout.has_colour)

    def _alert(self, label: str, text: str) -> None:
        folded = self.stderr.folded(f"{label}: {text}")
        if self.stderr.has_colour:
            folded = folded.replace(label, f"\x1b[1;{_COLOURS[label]}m{label}\x1b[0m", 1)
        self._tell(f"{folded}\n")

    def _tell(self, text: str) -> None:
        """Write to stderr what no work may end for: where it can't be read, it is left out."""
        with suppress(BrokenPipeError, OutputError):
            if self._place is not None and self._place.is_open and not self._place.is_full_screen:
                self._place.print_above(text)
            else:
                self.stderr.write(text)


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
