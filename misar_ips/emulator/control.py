"""What steers a running emulator: ``/_emulator/requests``, ``/_emulator/faults``, ``advance``."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from misar_ips.emulator import replies
from misar_ips.emulator.shapes import TIME_FORMAT
from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from misar_ips.emulator.faults import Faults
    from misar_ips.emulator.request_log import RequestLog
    from misar_ips.emulator.store import Store

# Also below the API's base URL, which is all that a script is told.
_ROUTE = re.compile(r"(?:/(?:mail|api)/v1)?/_emulator/(requests|faults|advance)")
_METHODS = {
    "requests": ("GET", "DELETE"),
    "faults": ("GET", "POST", "DELETE"),
    "advance": ("POST",),
}


def whole_seconds(text: str) -> timedelta:
    """Return the duration that a number of seconds is.

    Raises:
        UsageError: It is not a number.
    """
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UsageError(f"`{text}` is not a number of seconds.")
    return timedelta(seconds=int(text))


class Control:
    """Answers what is asked of the emulator itself; ``read_duration`` reads a text such as 7d."""

    def __init__(
        self, store: Store, requests: RequestLog, read_duration: Callable[[str], timedelta]
    ) -> None:
        self._store = store
        self._requests = requests
        self._read_duration = read_duration

    def answer(self, request: httpx.Request, faults: Faults) -> httpx.Response | None:
        """Return the answer; None: the request is for the API."""
        route = _ROUTE.fullmatch(request.url.path)
        if route is None:
            return None
        if request.method not in _METHODS[route[1]]:
            return replies.error(405)
        try:
            return replies.reply(
                200, self._carry_out(request.method, route[1], _given(request), faults)
            )
        except UsageError as error:
            return replies.error(400, f"{error} {error.hint or ''}".strip())

    def _carry_out(self, method: str, what: str, given: str, faults: Faults) -> object:
        if what == "advance":
            now = self._store.advance(self._read_duration(given))
            return {"success": True, "now": f"{now:{TIME_FORMAT}}"}
        if what == "requests":
            if method == "DELETE":
                self._requests.clear()
            return self._requests.to_json()
        if method == "DELETE":
            faults.clear()
        elif method == "POST":
            faults.add(given)
        return faults.texts()


def _given(request: httpx.Request) -> str:
    """Return what a body says: the one value of a JSON object, else its text as it is."""
    text = request.content.decode(errors="replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return str(next(iter(value.values()), "")) if isinstance(value, dict) else text
