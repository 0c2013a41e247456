"""Ctrl-C at every moment: 130, one line that says what may have been carried out, and no more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

import misar_ips
from misar_ips.__main__ import main
from tests.conftest import Ran, World
from tests.test_faults import changes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from misar_ips.emulator.store import Store

PACKAGE = str(Path(misar_ips.__file__).parent)
SERVER = str(Path(PACKAGE, "emulator"))
STOPPED = "Stopped."
MAY_BE = "may have been carried out; `misar-ips list` tells."


# While a command is under way --------------------------------------------------------------------

WAITING = [
    pytest.param("list", "GET:503", "", id="a read"),
    pytest.param("request", "GET:503", "", id="the list before an order"),
    pytest.param("request", "POST:429", "", id="an order that was refused for now"),
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

    ran = world.run(*line.split(), terminal=terminal)

    assert (ran.code, ran.stdout) == (130, "")
    assert " ".join(ran.stderr.split()) == f"Error: {STOPPED}{told}"


def interrupting(world: World, method: str, *, before: bool) -> httpx.BaseTransport:
    """Give a transport on which Ctrl-C comes before or after the server carries a request out."""

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
        ("request --pool cold", "GET", ""),
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
    assert world.run(*line.split()) == Ran(130, "", f"Error: {STOPPED}{told}\n")


# At any step of the program ----------------------------------------------------------------------


def in_the_program(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    # One that is thrown away before its end can't raise anything.
    is_expression = frame.f_code.co_name == "<genexpr>"
    return file.startswith(PACKAGE) and not file.startswith(SERVER) and not is_expression


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
        if event not in {"call", "return"} or not in_the_program(frame):
            return
        if frame.f_code is main.__code__:  # before it and after it nobody can catch anything
            self._is_running = event == "call"
            return
        self.is_due -= self._is_running
        if self.is_due == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt


def interrupted_runs(run: Callable[[], Ran], reset: Callable[[], None]) -> Iterator[Ran]:
    """Run the program again and again, with Ctrl-C ever later, at a sample of its steps."""
    with Interrupt(NEVER) as none:
        run()
    steps = NEVER - none.is_due
    assert steps > SAMPLES
    for step in range(1, steps, max(1, steps // SAMPLES)):
        reset()
        with Interrupt(step):
            yield run()


NEVER = 10**9
SAMPLES = 40
CHANGING = {
    "request --pool cold": "ordered",
    "update ip_abc123 --pool cold": "updated",
    "release ip_abc123 --yes": "released",
}


@pytest.mark.parametrize("terminal", ["", "in out err"])
@pytest.mark.parametrize("line", ["list", "show 198.51.100.42", "show ip_nosuch", *CHANGING])
def test_at_any_step(world: World, store: Store, line: str, terminal: str) -> None:
    world.environ["NO_COLOR"] = "1"
    world.run(*line.split(), terminal=terminal)  # what is loaded on first use is loaded now
    runs = interrupted_runs(lambda: world.run(*line.split(), terminal=terminal), store.reset)
    for ran in runs:
        told = " ".join(ran.stderr.split())
        assert ran.code == 130
        assert told.count(STOPPED) <= 1
        assert "Traceback" not in told
        if changes_of(store):
            assert knows_of_it(told, ran.stdout), (told, ran.stdout)
        elif "Before that" in told:
            pytest.fail(f"it tells of what was not done: {told}")


def knows_of_it(told: str, stdout: str) -> bool:
    """Tell whether the user learns that something was, or may have been, changed."""
    return (
        MAY_BE in told
        or "Before that, ip_" in told
        or "Released before it: ip_abc123." in told
        or bool(stdout)
    )
