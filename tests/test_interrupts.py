"""Ctrl-C at every moment: 130, one line that says what may have been carried out, and no more."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

import misar_ips
from misar_ips.__main__ import main
from misar_ips.session import Session
from tests.conftest import KEY, Ran, Terminal, World
from tests.faults.table import changes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    from misar_ips.emulator.store import Store

PACKAGE = str(Path(misar_ips.__file__).parent)
SERVER = str(Path(PACKAGE, "emulator"))
STOPPED = "Stopped."
MAY_BE = "may have been carried out; `misar-ips list` tells."


# While a command is under way --------------------------------------------------------------------

WAITING = [
    pytest.param("list", "GET:503", "", id="a read"),
    pytest.param("wait ip_abc123 --for warmed", "GET:503", "", id="the first look"),
    pytest.param("show ip_abc123 --watch", "GET:503", "", id="likewise, to watch"),
    pytest.param("check ip_abc123", "GET:503", "", id="a read before DNS is asked"),
    pytest.param("profile add work", "GET:503", "", id="a key that is tried"),
    pytest.param("request --yes", "GET:503", "", id="the list before an order"),
    pytest.param("request --yes", "POST:429", "", id="an order that was refused for now"),
    pytest.param("update ip_abc123 --pool cold", "PATCH:429", "", id="a change, likewise"),
    pytest.param("release ip_abc123 --yes", "DELETE:429", "", id="a release, likewise"),
    pytest.param(
        *("update ip_abc123 --pool cold", "PATCH:503", f" The change {MAY_BE}"),
        id="a change that may have been carried out",
    ),
    pytest.param(
        *("release ip_abc123 --yes", "DELETE:lost-reply", f" The release {MAY_BE}"),
        id="a release that was carried out",
    ),
]


@pytest.mark.parametrize(("line", "fault", "told"), WAITING)
@pytest.mark.parametrize("terminal", ["", "in out err"])
def test_in_a_wait_between_two_tries(
    world: World, line: str, fault: str, told: str, terminal: str
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    world.asleep = interrupt
    world.environ["NO_COLOR"] = "1"
    world.emulator.faults.add(fault)

    if "profile" in line:
        terminal = ""  # where the key would be typed
    ran = world.run(*line.split(), terminal=terminal, stdin=KEY)

    assert (ran.code, what_stays(ran.stdout)) == (130, "")
    quiet = "--watch" in line  # where Ctrl-C is the usual end
    assert what_stays(ran.stderr) == ("" if quiet else f"Error: {STOPPED}{told}")
    assert not Path(world.environ["MISAR_IPS_CONFIG"]).exists()


def what_stays(shown: str) -> str:
    """Return what a terminal shows in the end, in one line; screen and cursor must be."""
    for taken, given_back in (("\x1b[?25l", "\x1b[?25h"), ("\x1b[?1049h", "\x1b[?1049l")):
        assert shown.rfind(taken) <= shown.rfind(given_back)
    left = re.sub(r"[^\n]*\r\x1b\[2K", "", shown)  # what stood in a line that was erased
    return " ".join(re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", left).split())


def interrupting(world: World, method: str, *, before: bool) -> httpx.BaseTransport:
    """Return a transport on which Ctrl-C comes before or after the server carries a request out."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == method and before:
            raise KeyboardInterrupt
        response = world.emulator(request)
        if request.method == method:
            raise KeyboardInterrupt
        return response

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("line", "method", "told"),
    [
        ("list", "GET", ""),
        ("show 198.51.100.42", "GET", ""),
        ("show ip_abc123 --watch", "GET", ""),
        ("wait ip_abc123 --for warmed", "GET", ""),
        ("check ip_abc123", "GET", ""),
        ("check 198.51.100.42", "GET", ""),
        ("doctor", "GET", ""),
        ("profile add work", "GET", ""),
        ("request --pool cold", "GET", ""),
        ("request --pool cold --wait", "GET", ""),
        ("request --pool cold --wait", "POST", f" The order {MAY_BE}"),
        ("request --pool cold", "POST", f" The order {MAY_BE}"),
        ("update ip_abc123 --pool cold", "PATCH", f" The change {MAY_BE}"),
        ("release ip_abc123 --yes", "GET", ""),
        ("release ip_abc123 --yes", "DELETE", f" The release {MAY_BE}"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_while_a_request_is_under_way(
    world: World, line: str, method: str, told: str, *, before: bool
) -> None:
    world.transport = interrupting(world, method, before=before)
    shown = "" if "--watch" in line else f"Error: {STOPPED}{told}\n"
    assert world.run(*line.split(), stdin=KEY) == Ran(130, "", shown)
    assert not Path(world.environ["MISAR_IPS_CONFIG"]).exists()


@pytest.mark.parametrize("is_json", [False, True])
def test_while_an_order_is_waited_for(world: World, store: Store, *, is_json: bool) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    world.asleep = interrupt
    ran = world.run("request", "--pool", "cold", "--wait", *["--json"] * is_json)
    [new] = [str(ip["id"]) for ip in store.ips() if ip["pool"] == "cold"]
    told = f"{STOPPED} Before that, {new} was ordered."
    as_json = f'{{"error": {{"code": "interrupted", "message": "{told}"}}}}'
    assert (ran.code, ran.stdout) == (130, "")
    assert ran.stderr.splitlines()[-1] == (as_json if is_json else f"Error: {told}")


def test_a_second_ctrl_c_while_the_first_is_told(world: World) -> None:
    world.emulator.faults.add("GET:503")

    class Impatient(Terminal):
        def write(self, text: str) -> int:
            if STOPPED in text:
                raise KeyboardInterrupt
            return super().write(text)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    session = Session(
        environ=world.environ, stderr=Impatient(), transport=world.transport, sleep=interrupt
    )
    assert main(["list"], session) == 130


# At any step of the program ----------------------------------------------------------------------


@cache
def is_of_the_program(code: CodeType) -> bool:
    file = code.co_filename
    # A generator that is thrown away can't raise anything, and what is raised at its return skips
    # its own `finally`, which no signal does.
    is_plain = not code.co_flags & inspect.CO_GENERATOR
    return is_plain and file.startswith(PACKAGE) and not file.startswith(SERVER)


def in_an_event_loop() -> bool:
    """Return whether asyncio is at work, which makes a cancellation of Ctrl-C."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Interrupt:
    """Ctrl-C at the nth moment at which a function of the program is called or returns."""

    def __init__(self, step: int) -> None:
        self.is_due = step
        self._is_running = False

    def __enter__(self) -> Self:
        sys.setprofile(self._notice)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _notice(self, frame: FrameType, event: str, _argument: Any) -> None:  # noqa: ANN401 - as Python gives it
        if event not in {"call", "return"} or not is_of_the_program(frame.f_code):
            return
        if in_an_event_loop():
            return
        if frame.f_code is main.__code__:  # before it and after it nobody can catch anything
            self._is_running = event == "call"
            return
        self.is_due -= self._is_running
        if self.is_due == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt


def interrupted_runs(
    run: Callable[[], Ran], reset: Callable[[], None], samples: int = 40
) -> Iterator[Ran]:
    """Run the program again and again, with Ctrl-C ever later, at a sample of its steps."""
    reset()
    with Interrupt(NEVER) as none:
        run()
    steps = NEVER - none.is_due
    assert steps > samples
    for step in range(1, steps, steps // samples):
        reset()
        with Interrupt(step) as interrupt:
            ran = run()
        if interrupt.is_due == 0:  # other threads may have taken steps that were this one's before
            yield ran


NEVER = 10**9
READING = [
    "list",
    "show 198.51.100.42",
    "show ip_nosuch",
    "wait ip_def456 --for warmed",
    "show ip_abc123 --watch",
    "check ip_def456",
    "doctor",
]
CHANGING = {
    "request --pool cold": "ordered",
    "update ip_abc123 --pool cold": "updated",
    "release ip_abc123 --yes": "released",
}


@pytest.mark.parametrize("terminal", ["", "in out err"])
@pytest.mark.parametrize("line", [*READING, *CHANGING])
def test_at_any_step(world: World, store: Store, line: str, terminal: str) -> None:
    def end_the_watch(_seconds: float) -> None:
        raise KeyboardInterrupt

    world.asleep = end_the_watch
    world.environ["NO_COLOR"] = "1"
    world.run(*line.split(), terminal=terminal)  # what is loaded on first use is loaded now
    is_drawn = terminal and ("--watch" in line or "wait" in line)
    samples = 150 if is_drawn else 40  # more, where the terminal has to be given back
    runs = interrupted_runs(
        lambda: world.run(*line.split(), terminal=terminal), store.reset, samples
    )
    for ran in runs:
        told, shown = what_stays(ran.stderr), what_stays(ran.stdout)
        assert ran.code == 130
        assert told.count(STOPPED) <= 1
        assert "Traceback" not in told
        if changes_of(store):
            assert knows_of_it(told, shown), (told, shown)
        elif "Before that" in told:
            pytest.fail(f"it tells of what was not done: {told}")


def test_at_any_step_of_saving_a_profile(world: World) -> None:
    file = Path(world.environ["MISAR_IPS_CONFIG"])
    old = f'default_profile = "old"\n\n[profiles.old]\napi_key = "{KEY}"\n'
    new = f'{old}\n[profiles.new]\napi_key = "{KEY}"\nbase_url = "http://localhost/v1"\n'
    seen = set()
    line = "profile add new --base-url http://localhost/v1"

    def reset() -> None:
        file.write_text(old)
        file.chmod(0o600)

    file.parent.mkdir(mode=0o700)
    reset()
    world.run(*line.split(), stdin=KEY)  # what is loaded on first use is loaded now
    for ran in interrupted_runs(lambda: world.run(*line.split(), stdin=KEY), reset, samples=60):
        assert ran.code == 130
        assert ran.stderr.count(STOPPED) <= 1
        assert "Traceback" not in ran.stderr
        seen.add(file.read_text())
        assert not (file.parent / ".config.toml.new").exists()
    assert seen == {old, new}


def knows_of_it(told: str, stdout: str) -> bool:
    """Return whether the user learns that something was, or may have been, changed."""
    return (
        MAY_BE in told
        or "Before that, ip_" in told
        or "Released before it: ip_abc123." in told
        or bool(stdout)
    )
