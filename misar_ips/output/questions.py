"""Questions to whoever sits at the terminal, and their answers."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from misar_ips.errors import CancelledError, ConfigError, ConfirmationRequiredError
from misar_ips.safe_text import one_line

if TYPE_CHECKING:
    from misar_ips.output.drawing import Lines
    from misar_ips.output.streams import Stream

_LONGEST_SECRET = 1 << 16  # characters: more than any key may have, so that a longer one shows
_LOCAL_MODES = 3  # the place of a terminal's local modes, echo among them, in what termios returns


class Questions:
    """Asks on stderr and reads the answers from ``stdin``."""

    def __init__(self, stdin: TextIO | None, stderr: Stream) -> None:
        self._stdin = stdin or io.StringIO()
        self._stderr = stderr

    @property
    def width(self) -> int:
        """The width in columns of the terminal that questions are asked at."""
        return self._stderr.width

    def show(self, view: Lines) -> None:
        """Show what a question is about to be asked of."""
        from misar_ips.output.drawing import as_text

        self._stderr.write(as_text(view, coloured=self._stderr.has_colour))

    @property
    def can_be_asked(self) -> bool:
        """Whether somebody is there to see a question and to answer it."""
        return self._stdin.isatty() and self._stderr.is_terminal

    def require_terminal(self, what: str, hint: str) -> None:
        """Make sure that somebody is there to see a question on ``what`` and to answer it.

        Raises:
            ConfirmationRequiredError: nobody is; ``hint`` says how to go on without.
        """
        if not self.can_be_asked:
            raise ConfirmationRequiredError(
                f"To {what} needs a yes, and there is no terminal to ask on; nothing was changed.",
                hint=hint,
            )

    def confirm(self, question: str) -> None:
        """Ask a question whose answer is No unless somebody says yes.

        Raises:
            CancelledError: the answer was not yes.
        """
        self._drop_what_was_typed()
        self._stderr.write(self._stderr.folded(f"{one_line(question)} [y/N]") + " ")
        try:
            answer = self._stdin.readline()
        except UnicodeDecodeError:
            answer = "\n"  # what is not a text is not a yes
        if not answer:  # Ctrl-D
            self._stderr.write("\n")
        if answer.strip().lower() not in {"y", "yes"}:
            raise CancelledError("Cancelled; nothing was changed.")

    def ask_secret(self, prompt: str) -> str:
        """Return a secret: typed unseen at a terminal, else the one line on standard input.

        Raises:
            ConfigError: standard input holds more than one line.
            CancelledError: Ctrl-D was pressed.
            UnicodeDecodeError: it is not a text.
        """
        return self._ask_unseen(prompt) if self._stdin.isatty() else self._read_secret()

    def _drop_what_was_typed(self) -> None:
        """Drop what was typed before the question was there: it can't be its answer."""
        import termios

        with suppress(OSError, ValueError, termios.error):  # it is not a terminal
            termios.tcflush(self._stdin.fileno(), termios.TCIFLUSH)

    def _ask_unseen(self, prompt: str) -> str:
        import getpass
        import termios

        from misar_ips.output.live import stoppable

        terminal = self._stdin.fileno()
        before = termios.tcgetattr(terminal)

        def show_typing() -> None:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

        def hide_typing() -> None:
            if not termios.tcgetattr(terminal)[_LOCAL_MODES] & termios.ECHO:
                return
            unseen = [*before[:_LOCAL_MODES], before[_LOCAL_MODES] & ~termios.ECHO]
            termios.tcsetattr(terminal, termios.TCSAFLUSH, [*unseen, *before[_LOCAL_MODES + 1 :]])
            self._stderr.write(f"{prompt}: ")

        try:
            with stoppable(show_typing, hide_typing):
                return getpass.getpass(f"{prompt}: ", self._stderr.file).strip()
        except EOFError:
            self._stderr.write("\n")
            raise CancelledError("No key was given; nothing was changed.") from None

    def _read_secret(self) -> str:
        text = self._stdin.read(_LONGEST_SECRET).removesuffix("\n").removesuffix("\r")
        if "\n" in text:
            raise ConfigError("Standard input holds more than one line; a key is one word.")
        return text
