"""What comes of releasing several IPs: which are told of, which are tried, which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import texts
from tests.conftest import Ran

if TYPE_CHECKING:
    from tests.conftest import World

WARMING, WARMED, SUSPENDED, NOT_STARTED = "ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"
RELEASED_WARMING = "ip_abc123\t198.51.100.42\ttrue\n"
RELEASED_WARMED = "ip_def456\t198.51.100.17\ttrue\n"
NOT_RELEASED = "ip_def456\t198.51.100.17\tfalse\n"


def read_error(ip_id: str) -> dict[str, Any]:
    """Return the error of an IP that nobody knows, as scripts get it."""
    return {
        "code": "not_found",
        "message": f"Could not read {ip_id}: Dedicated IP not found (HTTP 404).",
        "hint": texts.LIST,
        "status": 404,
    }


def not_read(ip_id: str) -> dict[str, Any]:
    return {"id": ip_id, "address": None, "released": False, "error": read_error(ip_id)}


# Which IPs


def test_an_ip_named_several_times_is_released_once(world: World) -> None:
    ran = world.run("release", WARMED, "198.51.100.17", WARMED, "203.0.113.9", "--yes")
    assert ran == Ran(
        6,
        f"{RELEASED_WARMED}203.0.113.9\t\tfalse\n",
        "Error: No dedicated IP of this account is 203.0.113.9."
        " `misar-ips list` shows the IPs of this account.\n",
    )
    assert world.received("DELETE") == ["DELETE /mail/v1/dedicated-ips/ip_def456"]


def test_unknown_ips_among_known_ones_as_json(world: World) -> None:
    ran = world.run("release", "ip_no1", WARMING, "ip_no2", "--yes", "--json")
    assert ran.code == 6
    assert json.loads(ran.stdout) == [
        not_read("ip_no1"),
        {"id": WARMING, "address": "198.51.100.42", "released": True},
        not_read("ip_no2"),
    ]
    assert json.loads(ran.stderr)["error"] == read_error("ip_no1")


def test_an_unknown_ip_alone_is_not_asked_about(world: World) -> None:
    ran = world.run("release", "ip_nosuch", "--json")
    assert ran.code == 6
    assert json.loads(ran.stdout) == [not_read("ip_nosuch")]
    assert world.received() == [
        "GET /mail/v1/dedicated-ips/ip_nosuch",
        "GET /mail/v1/dedicated-ips",  # is that the API at all?
    ]


def test_where_an_ip_can_not_be_read_nothing_is_released(world: World) -> None:
    world.emulator.faults.add("GET:403:1")
    ran = world.run("release", NOT_STARTED, WARMED, "--yes", "--json")
    assert (ran.code, ran.stdout) == (4, "")
    assert world.received("DELETE") == []


# Failures


def test_the_rest_is_not_tried_where_the_server_fails(world: World) -> None:
    world.emulator.faults.add("DELETE:500:4")
    ran = world.run("release", WARMED, "ip_nosuch", WARMING, "--yes", "--json")
    failed = {
        "code": "api_error",
        "message": "Could not release ip_def456: Internal Server Error (HTTP 500).",
        "hint": texts.LATER,
        "status": 500,
    }
    not_tried = {
        "code": "cancelled",
        "message": "Not tried, because an IP before it could not be released.",
    }
    assert ran.code == 1
    assert json.loads(ran.stdout) == [
        {"id": WARMED, "address": "198.51.100.17", "released": False, "error": failed},
        not_read("ip_nosuch"),
        {"id": WARMING, "address": "198.51.100.42", "released": False, "error": not_tried},
    ]
    assert json.loads(ran.stderr)["error"] == failed
    assert world.received("DELETE") == ["DELETE /mail/v1/dedicated-ips/ip_def456"] * 4


def test_what_was_not_tried_is_told_to_people_too(world: World) -> None:
    world.emulator.faults.add("DELETE:401:1")
    ran = world.run("release", NOT_STARTED, WARMED, "ip_nosuch", WARMING, "--yes", terminal="out")
    assert (ran.code, ran.stdout) == (4, "")
    unknown, not_tried, error = ran.stderr.splitlines()
    assert unknown == "Warning: Could not read ip_nosuch: Dedicated IP not found (HTTP 404)."
    assert not_tried == (
        "Warning: Not tried, because one before could not be released: ip_def456, ip_abc123."
    )
    assert error.startswith("Error: Could not release ip_jkl012: ")


def test_what_is_wrong_with_one_ip_only_does_not_stop_the_others(world: World) -> None:
    world.emulator.faults.add("DELETE:409:1")
    ran = world.run("release", WARMED, "ip_nosuch", WARMING, "--yes")
    assert (ran.code, ran.stdout) == (
        8,
        f"ip_def456\t198.51.100.17\tfalse\nip_nosuch\t\tfalse\n{RELEASED_WARMING}",
    )
    warning, error = ran.stderr.splitlines()
    assert warning == "Warning: Could not read ip_nosuch: Dedicated IP not found (HTTP 404)."
    assert error.startswith("Error: Could not release ip_def456: Conflict (HTTP 409).")


def test_of_several_failures_the_first_gives_the_exit_code(world: World) -> None:
    world.emulator.faults.add("DELETE:409:1")
    world.emulator.faults.add("DELETE:401:1")
    assert world.run("release", WARMED, WARMING, "--yes").code == 8
    world.emulator.faults.add("DELETE:409:1")
    assert world.run("release", "ip_nosuch", WARMED, "--yes").code == 6


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (["404"], "Dedicated IP not found (HTTP 404)"),
        (["405"], "Method Not Allowed (HTTP 405)"),
        (["503", "404"], "Dedicated IP not found (HTTP 404)"),
        (["429", "404"], "Dedicated IP not found (HTTP 404)"),
        (["reset", "405"], "Method Not Allowed (HTTP 405)"),
    ],
)
def test_an_ip_that_is_still_there_was_not_released(
    world: World, faults: list[str], reason: str
) -> None:
    for fault in faults:
        world.emulator.faults.add(f"DELETE:{fault}:1")
    assert world.run("release", WARMED, "--yes") == Ran(
        8,
        NOT_RELEASED,
        f"Error: Could not release ip_def456: {reason}. ip_def456 is still there. "
        f"{texts.NO_ROUTE}\n",
    )
    assert world.emulator.store.ip(WARMED) is not None


def test_a_page_of_a_proxy_releases_nothing(world: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(404, html="<html>Not found</html>")
        return world.emulator(request)

    world.transport = httpx.MockTransport(answer)
    ran = world.run("release", WARMED, "--yes")
    assert (ran.code, ran.stdout) == (8, NOT_RELEASED)


@pytest.mark.parametrize(
    ("before", "code", "released"), [("DELETE:429:1", 6, "false"), ("DELETE:503:1", 0, "true")]
)
def test_one_that_went_meanwhile_is_released_only_where_it_may_be_ours(
    world: World, before: str, code: int, released: str
) -> None:
    world.emulator.faults.add(before)
    world.asleep = lambda _seconds: world.emulator.store.release(WARMED)
    ran = world.run("release", WARMED, "--yes")
    assert (ran.code, ran.stdout) == (code, f"ip_def456\t198.51.100.17\t{released}\n")


def test_an_unknown_outcome_is_told_and_stops_the_others(world: World) -> None:
    world.emulator.faults.add("DELETE:lost-reply")

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and world.received("DELETE"):
            return httpx.Response(500)
        return world.emulator(request)

    world.transport = httpx.MockTransport(answer)
    ran = world.run("release", WARMED, WARMING, "--yes", "--json")
    assert ran.code == 10
    lost, not_tried = json.loads(ran.stdout)
    assert (lost["released"], lost["error"]["code"]) == (False, "outcome_unknown")
    assert (not_tried["released"], not_tried["error"]["code"]) == (False, "cancelled")


def test_an_answer_that_got_lost_is_no_failure(world: World) -> None:
    world.emulator.faults.add("DELETE:lost-reply:1")
    assert world.run("release", WARMED, "--yes") == Ran(0, RELEASED_WARMED, "")
    assert world.emulator.store.ip(WARMED) is None


def test_a_failure_keeps_its_exit_code_where_nobody_reads_the_result(
    environ: dict[str, str],
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", "release", NOT_STARTED, "ip_nosuch", "-p", "demo"],
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 6
    assert done.stderr == (
        "Error: Could not read ip_nosuch: Dedicated IP not found (HTTP 404)."
        " `misar-ips list --profile demo` shows the IPs of this account.\n"
    )
