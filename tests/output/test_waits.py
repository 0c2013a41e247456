"""Nobody waits in silence: what takes its time is told, and is gone when it is done."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.listener import PATIENCE, Listener, json_reply
from tests.reference import IP, NO_IPS_YET

if TYPE_CHECKING:
    import socket

    from tests.conftest import Ran, World

ERASED = "\x1b[?25h\r\x1b[2K"


def rate_limiting(world: World, *seconds: int) -> World:
    """Return the world a server that is busy for so many seconds, again and again, and then not."""
    busy = [httpx.Response(429, headers={"Retry-After": str(each)}) for each in seconds]
    replies = iter([*busy, httpx.Response(200, json={"ips": [IP]})])
    return replace(world, transport=httpx.MockTransport(lambda _: next(replies)))


def told(ran: Ran) -> list[str]:
    """Return what was told in a line that was taken back, one after the other."""
    assert ran.code == 0
    assert not ran.stderr or ran.stderr.endswith(ERASED)
    return [text for text in re.split(r"(?:\x1b\[[?0-9]*[a-zA-Z]|\r)+", ran.stderr) if text]


def test_on_a_terminal_a_retry_says_why_and_when_and_is_gone_when_it_is_done(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    ran = rate_limiting(world, 42, 3).run("list", terminal="err")
    assert told(ran) == ["Rate limited; trying again in 42 s", "Rate limited; trying again in 3 s"]
    assert world.waits == [42, 3]


def test_a_short_wait_is_not_worth_a_look(world: World) -> None:
    world.jitter = 1.0  # half a second, the longest that the first back-off may be
    assert rate_limiting(world, 0).run("list", terminal="err").stderr.count("trying again") == 0


@pytest.mark.parametrize(
    ("seconds", "lines"),
    [
        ([42], "Rate limited; trying again in 42 s.\n"),
        ([5], ""),
        ([6], "Rate limited; trying again in 6 s.\n"),
        ([42, 42], "Rate limited; trying again in 42 s.\n"),
        ([42, 60], "Rate limited; trying again in 42 s.\nRate limited; trying again in 1 min.\n"),
    ],
)
@pytest.mark.parametrize("terminal", ["", "in"])
def test_elsewhere_a_wait_of_more_than_five_seconds_is_a_line(
    world: World, seconds: list[int], lines: str, terminal: str
) -> None:
    assert rate_limiting(world, *seconds).run("list", terminal=terminal).stderr == lines


def test_on_a_terminal_that_can_not_be_drawn_on_it_is_a_line_too(world: World) -> None:
    world.environ["TERM"] = "dumb"
    ran = rate_limiting(world, 42).run("list", terminal="err")
    assert ran.stderr == "Rate limited; trying again in 42 s.\n"


@pytest.mark.parametrize("terminal", ["", "err", "out err"])
def test_with_json_it_is_left_out(world: World, terminal: str) -> None:
    assert rate_limiting(world, 42).run("list", "--json", terminal=terminal).stderr == ""


def test_what_is_told_meanwhile_stays(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    ran = rate_limiting(world, 42).run("list", "--debug", terminal="err")
    assert ran.stderr.count("debug: ") == ran.stderr.count("\n") == 3


def test_elsewhere_a_server_that_takes_more_than_five_seconds_is_told_of(
    environ: dict[str, str],
) -> None:
    """It takes these five seconds: the server answers once the line is there."""
    was_told = threading.Event()

    def answer(connection: socket.socket) -> None:
        assert was_told.wait(PATIENCE)
        connection.sendall(json_reply({"ips": []}))

    with (
        Listener(answer) as slow,
        subprocess.Popen(
            [sys.executable, "-m", "misar_ips", "list"],
            env={**environ, "MISARMAIL_BASE_URL": slow.base_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as running,
    ):
        assert running.stderr is not None
        told = running.stderr.readline()
        was_told.set()
        _, rest = running.communicate(timeout=60)
    assert told == f"Waiting for {slow.host} to list the dedicated IPs.\n"
    assert (running.returncode, rest) == (0, f"{NO_IPS_YET}\n")
