"""How each command ends under each failure of all that it asks, and what no user ever sees."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import Ran

if TYPE_CHECKING:
    from tests.conftest import World

COMMANDS = (
    ["list"],
    ["show", "ip_abc123"],
    ["request"],
    ["update", "ip_abc123", "--pool", "cold"],
    ["release", "ip_abc123", "--yes"],
)
UNSETTLED = {f"ANY:{kind}" for kind in ("500", "502", "503", "504", "html", "truncated")}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("fault", "code", "name"),
    [
        ("ANY:400", 8, "rejected"),
        ("ANY:401", 4, "unauthorized"),
        ("ANY:403", 4, "forbidden"),
        ("ANY:404", 1, "api_error"),
        ("ANY:402", 5, "plan_limit"),
        ("ANY:405", 8, "rejected"),
        ("ANY:409", 8, "rejected"),
        ("ANY:410", 1, "api_error"),
        ("ANY:413", 8, "rejected"),
        ("ANY:415", 8, "rejected"),
        ("ANY:418", 1, "api_error"),
        ("ANY:422", 8, "rejected"),
        ("ANY:429", 7, "rate_limited"),
        ("ANY:451", 1, "api_error"),
        ("ANY:500", 1, "api_error"),
        ("ANY:502", 1, "api_error"),
        ("ANY:503", 1, "api_error"),
        ("ANY:504", 1, "api_error"),
        ("ANY:html", 1, "api_error"),
        ("ANY:truncated", 1, "invalid_response"),
        ("ANY:reset", 9, "network"),
        ("ANY:hang", 9, "network"),
    ],
)
def test_every_failure_has_its_exit_code(
    world: World, command: list[str], fault: str, code: int, name: str
) -> None:
    if command[0] == "update" and (name == "network" or fault in UNSETTLED):
        code, name = 10, "outcome_unknown"  # sent, and the look at what came of it failed as well
    world.emulator.faults.add(fault)
    ran = world.run(*command, "--json")
    error = json.loads(ran.stderr)["error"]
    assert (ran.code, error["code"]) == (code, name)
    assert error["hint"]
    text = world.run(*command).stderr
    assert text.startswith("Error: Could not ")
    assert text.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("key", "code"), [("msk_revoked", "unauthorized"), ("msk_noscope", "forbidden")]
)
def test_a_key_that_may_not(world: World, command: list[str], key: str, code: str) -> None:
    world.environ["MISARMAIL_API_KEY"] = key
    ran = world.run(*command, "--json")
    assert (ran.code, json.loads(ran.stderr)["error"]["code"]) == (4, code)


def test_an_error_nobody_foresaw_is_no_traceback(world: World) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise RuntimeError("the roof is on fire")

    world.transport = httpx.MockTransport(fail)
    assert world.run("list") == Ran(
        1,
        "",
        "Error: Something unexpected happened: RuntimeError: the roof is on fire. "
        "This is a fault in misar-ips; `--debug` shows where.\n",
    )
    log = world.run("list", "--debug").stderr
    assert "debug: RuntimeError: the roof is on fire\n" in log


def test_debug_logs_each_attempt(world: World) -> None:
    world.emulator.faults.add("GET:503:2")
    log = world.run("list", "--debug").stderr
    url = "https://api.misar.io/mail/v1/dedicated-ips"
    lines = [re.sub(r"[\d.]+ (ms|s)\b", r"N \1", line) for line in log.splitlines()]
    assert lines == [
        f"debug: GET {url} 503 N ms",
        "debug: waiting N s before try 2 of 4",
        f"debug: GET {url} 503 N ms",
        "debug: waiting N s before try 3 of 4",
        f"debug: GET {url} 200 N ms",
    ]
    assert len(world.waits) == 2
