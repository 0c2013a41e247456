"""The form of the fault tables: what a server answers, what is typed, and all that comes of it.

A file beside this one writes rows, and has them held against the program::

    RELEASES = [
        Row("a release that is refused", "DELETE: 503, 409", "release ip_abc123 --yes",
            8, "GET DELETE . DELETE", "Error: …\\n", "ip_abc123\\t198.51.100.42\\tfalse\\n"),
    ]  # fmt: skip

    @each_row(RELEASES)
    def test_a_release(story: Story, row: Row) -> None:
        story.holds(row)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from tests.conftest import Ran, World

if TYPE_CHECKING:
    from misar_ips.emulator.store import Store

Answer = Callable[[httpx.Request], httpx.Response]

LONGEST_RETRY = 20.0  # seconds; whatever sleeps longer waits for an IP, not for another try


@dataclass(frozen=True)
class Row:
    """A story of something that goes wrong, and how it ends.

    ``server`` says what each kind of request is answered, in turn, the last answer again and
    again: "LIST: 503, ok; POST: lost-reply". Requests are a ``LIST``, a ``GET`` of one IP, and
    ``POST``, ``PATCH``, ``DELETE``. An answer is a fault of the emulator's, or a name in
    ``ANSWERS`` or in ``answers``; what is not named is answered as it should be.

    ``log`` is what was sent, with a "." for each pause. ``changes`` names what was done: "ordered",
    "updated", "released". ``{new}`` stands for the id of the IP that was ordered.
    """

    story: str
    server: str
    command: str
    code: int
    log: str
    stderr: str = ""
    stdout: str = ""
    changes: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)


def each_row(rows: list[Row]) -> pytest.MarkDecorator:
    """Make a test of each row, with its story as the name."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.story) for row in rows])


def reply(status: int, content: object = None, **headers: str) -> Answer:
    """Return an answer with JSON, with a text or with nothing as its content."""
    body = {"text": content} if isinstance(content, str) else {"json": content}
    return lambda _request: httpx.Response(
        status, headers=headers, **body if content is not None else {}
    )


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("Nobody listens.", request=request)


ANSWERS: dict[str, Answer] = {
    "unreachable": unreachable,
    "page": reply(200, "<!DOCTYPE html><title>Sign in</title>", **{"Content-Type": "text/html"}),
    "empty": reply(204),
}


class ScriptedEmulator(Emulator):
    """An emulator that answers as a row says, and keeps a log of what it was asked."""

    def __init__(self, store: Store, sleep: Callable[[float], object]) -> None:
        super().__init__(store, rate_limit=0, sleep=sleep)
        self.log: list[str] = []
        self._script: dict[str, list[str]] = {}
        self._answers: Mapping[str, Answer] = ANSWERS

    def follow(self, script: str, answers: Mapping[str, Answer] | None = None) -> None:
        """Answer in this way from now on."""
        parts = [part.partition(":") for part in script.split(";") if part.strip()]
        self._script = {name.strip(): after.replace(" ", "").split(",") for name, _, after in parts}
        self._answers = {**ANSWERS, **(answers or {})}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        is_list = request.method == "GET" and request.url.path.endswith("/dedicated-ips")
        name = "LIST" if is_list else request.method
        self.log.append(name)
        script = self._script.get(name, ["ok"])
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer in self._answers:
            return self._answers[answer](request)
        if answer != "ok":
            self.faults.add(f"{request.method}:{answer}:1")
        return super().__call__(request)


@dataclass
class Story:
    """The program, and a server that plays its part in a row."""

    world: World
    store: Store
    server: ScriptedEmulator

    def holds(self, row: Row) -> None:
        """Run a row's command, and compare all that it says and does."""
        self.server.follow(row.server, row.answers)
        ran = self.run(row.command)
        new = self.new_ip
        stdout, stderr = (text.replace("{new}", new) for text in (row.stdout, row.stderr))
        assert ran == Ran(row.code, stdout, stderr)
        assert (self.log, self.changes) == (row.log, row.changes)

    def run(self, command: str, *, stdin: str = "", terminal: str = "") -> Ran:
        """Run a command; a day passes in each pause between two looks.

        At its end a watcher presses Ctrl-C, unless an IP was ordered.
        """

        def asleep(seconds: float) -> None:
            self.server.log.append(".")
            if seconds > LONGEST_RETRY:
                self.store.advance(timedelta(days=1))
                if not self.new_ip:
                    raise KeyboardInterrupt

        self.world.asleep = asleep
        return self.world.run(*command.split(), stdin=stdin, terminal=terminal)

    @property
    def log(self) -> str:
        """Return what was sent, with a "." for each pause."""
        return " ".join(self.server.log)

    @property
    def new_ip(self) -> str:
        return new_ip(self.store)

    @property
    def changes(self) -> str:
        return changes_of(self.store)


def new_ip(store: Store) -> str:
    """Return the id of the one IP that was ordered, nothing where none was."""
    seeded = {"ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"}
    new = [str(ip["id"]) for ip in store.ips() if ip["id"] not in seeded]
    assert len(new) <= 1, "more than one IP was ordered"
    return "".join(new)


def changes_of(store: Store) -> str:
    """Return what has been changed on the account since its first day."""
    ip = store.ip("ip_abc123")
    done = {
        "ordered": bool(new_ip(store)),
        "updated": ip is not None and ip["pool"] == "cold",
        "released": ip is None,
    }
    return " ".join(name for name, is_done in done.items() if is_done)
