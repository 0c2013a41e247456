"""The watch over the key: what a test makes visible is searched for it, and none may hold it."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from misar_ips.errors import MisarError
from tests.reference import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}
_CONTAINERS = (dict, list, tuple, set, frozenset)


class KeyWatch:
    """Notices what the tests and the program make visible, wherever that happens.

    It is told of every error of ours, every command line that is run and all that child processes
    print, without a test doing anything for it. ``look_at`` is for what only a test can reach.
    """

    def __init__(self) -> None:
        self._errors: list[MisarError] = []
        self._seen: list[tuple[str, str]] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep watch as long as the tests run."""
        original_error, original_communicate = MisarError.__init__, subprocess.Popen.communicate

        def noticed_error(error: MisarError, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as the original
            original_error(error, *arguments, **options)
            self._errors.append(error)

        def noticed_communicate(process: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the original
            printed = original_communicate(process, *arguments, **options)
            for text in printed:
                self.look_at_text("what a child process printed", text or "")
            return printed

        sys.addaudithook(self._notice_command_line)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MisarError, "__init__", noticed_error)
            patch.setattr(subprocess.Popen, "communicate", noticed_communicate)
            yield

    def look_at_text(self, where: str, text: str | bytes) -> None:
        """Search a text, or bytes, for the key."""
        is_in_it = KEY.encode() in text if isinstance(text, bytes) else KEY in text
        if is_in_it:
            self._seen.append((where, repr(text)))

    def look_at_objects(self, root: object) -> None:
        """Search what is shown of an object of ours, and of all that can be reached from it."""
        for each in ours_within(root):
            self.look_at_text(f"the repr of a {type(each).__name__}", repr(each))

    def look_at_files(self, files: Iterable[Path]) -> None:
        """Search files byte by byte."""
        for file in files:
            if file.is_file():
                self.look_at_text(f"the file {file.name}", file.read_bytes())

    def findings(self) -> list[tuple[str, str]]:
        """Return where the key was seen since the last time that this was asked."""
        for error in self._errors:
            shown = [*traceback.format_exception(error), repr(error)]
            shown.append(json.dumps(error.to_json(), default=str))
            self.look_at_text(f"a {type(error).__name__}", "".join(shown))
        found = self._seen.copy()
        self._errors.clear()
        self._seen.clear()
        return found

    def _notice_command_line(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _STARTS:
            # The environment may hold the key: nobody but its owner can read that.
            command_line = arguments[:2] if event != "os.system" else arguments
            self.look_at_text("a command line", repr(command_line))


def ours_within(root: object) -> Iterator[object]:
    """Return the objects of our classes that can be reached from one, itself included."""
    to_visit, visited = [root], set[int]()
    while to_visit:
        each = to_visit.pop()
        if id(each) in visited:
            continue
        visited.add(id(each))
        if isinstance(each, dict):
            to_visit.extend(each.values())
        elif isinstance(each, _CONTAINERS):
            to_visit.extend(each)
        elif type(each).__module__.startswith("misar_ips"):
            yield each
            to_visit.extend(getattr(each, name, None) for name in attributes_of(each))


def attributes_of(thing: object) -> set[str]:
    """Return the names of what is kept in an object, in its dictionary and in its slots."""
    slots = {name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())}
    return slots | set(getattr(thing, "__dict__", {}))


WATCH = KeyWatch()
