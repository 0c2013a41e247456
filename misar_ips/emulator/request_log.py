"""What the emulator was asked: the latest requests, cut so that memory stays."""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from misar_ips.errors import MisarError
from misar_ips.safe_text import plain, without_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEPT = 1_000  # requests
_LONGEST_METHOD = 20  # characters
_LONGEST_PATH = 500  # characters
_LONGEST_BODY = 1_000  # bytes; an order has less than a hundred
_SHOWN_OF_KEY = 12  # characters: `msk_` and the next 8
_DEEPEST = 100  # brackets in a body that is shown as JSON


@dataclass
class LoggedRequest:
    """One request: ``time`` is by the emulator's clock, in RFC 3339.

    ``body`` is its JSON value, the text where it is not JSON, None where there is none. ``key`` is
    the first characters of its key, None where there is none. ``status`` is None as long as it
    was not answered, which is for ever where a fault drops the connection.
    """

    method: str
    path: str
    body: object
    key: str | None
    time: str | None = None
    status: int | None = None
    milliseconds: int | None = None


class RequestLog:
    """The latest requests, oldest first; ``tell`` is called with each once it was answered."""

    def __init__(self, tell: Callable[[LoggedRequest], object] | None = None) -> None:
        self._tell = tell
        self._kept: deque[LoggedRequest] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[LoggedRequest]:
        with self._lock:
            return iter(list(self._kept))

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()

    def to_json(self) -> list[dict[str, object]]:
        """Return what ``GET /_emulator/requests`` answers."""
        return [asdict(each) for each in self]

    @contextmanager
    def noting(
        self, method: str, path: str, *, body: bytes = b"", authorization: str = ""
    ) -> Iterator[LoggedRequest]:
        """Note a request from its arrival on; the block sets its time and status."""
        key = authorization.rpartition(" ")[2]
        mask = key[:_SHOWN_OF_KEY] if key.startswith("msk_") else "?"

        def shown(text: str, longest: int) -> str:
            if len(key) > _SHOWN_OF_KEY:
                text = text.replace(key, mask)
            text = without_keys(text)
            return text if len(text) <= longest else f"{text[:longest]}…"

        content = shown(body[: _LONGEST_BODY + 1].decode(errors="replace"), _LONGEST_BODY)
        logged = LoggedRequest(
            method=shown(plain(method), _LONGEST_METHOD),
            path=shown(plain(path), _LONGEST_PATH),
            body=_json_value(content),
            key=mask if key else None,
        )
        with self._lock:
            self._kept.append(logged)
        began = perf_counter()
        try:
            yield logged
        except MisarError:
            logged.status = 503  # which the server makes of it
            raise
        finally:
            logged.milliseconds = round((perf_counter() - began) * 1000)
            if self._tell:
                self._tell(logged)


def _json_value(text: str) -> object:
    """Return the JSON value of a text, or the text where it is not one that can be shown again."""
    if not text:
        return None
    if text.count("[") + text.count("{") < _DEEPEST:
        with suppress(ValueError):
            value: object = json.loads(text)
            json.dumps(value, allow_nan=False)
            return value
    return text
