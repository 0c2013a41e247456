"""Reading a file whole, whatever is in its place: a pipe that nobody writes to holds nobody up."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FOR_A_WRITER = 2.0  # seconds
_FOR_ITS_TEXT = 10.0  # seconds
_PAUSE = 0.02  # seconds


def read_whole(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Return a file's content, of a larger one ``most`` bytes and one more, and its state.

    Raises:
        OSError: it can't be read; TimeoutError where nobody wrote to a pipe in 2 s, or not all
            within 10 s.
    """
    with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
        state = os.fstat(file.fileno())
        is_pipe = stat.S_ISFIFO(state.st_mode)
        content = bytearray()
        started = time.monotonic()
        while len(content) <= most:
            chunk = file.read(most + 1 - len(content))  # None: there is a writer, and no text yet
            content += chunk or b""
            if chunk == b"" and (content or not is_pipe):
                break
            waits_for_writer = chunk == b""
            limit = _FOR_A_WRITER if waits_for_writer else _FOR_ITS_TEXT
            if time.monotonic() - started > limit:
                raise TimeoutError(errno.ETIMEDOUT, f"nobody wrote to this pipe for {limit:g} s")
            if not chunk:
                time.sleep(_PAUSE)
    return bytes(content), state


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has neither flag nor pipes
