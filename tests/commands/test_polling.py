"""Waiting for an IP and watching it: four weeks in milliseconds, by the emulator's clock."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store
from tests.conftest import Ran, World, run_process

PROGRAM = [sys.executable, "-m", "misar_ips"]
ORDERED = "ip_jkl012"  # ordered eight hours ago: provisioned sixteen hours from now
WARMING = "ip_abc123"  # warmed eleven days from now
SUSPENDED = "ip_ghi789"
LINE = "ip_jkl012\t198.51.100.131\t\ttransactional\twarming\t0\t2026-04-01T04:00:00Z\n"


class EnoughError(KeyboardInterrupt):
    """What a watcher's Ctrl-C raises, after so many polls."""


@pytest.fixture
def passing(world: World, store: Store) -> World:
    """Return a world in which time passes while the program sleeps."""
    world.asleep = lambda seconds: store.advance(timedelta(seconds=seconds))
    return world


def stopping_after(world: World, polls: int) -> World:
    """Return the world a user who presses Ctrl-C in the so-many-th pause."""
    before = world.asleep

    def asleep(seconds: float) -> None:
        before(seconds)
        if len(world.waits) == polls:
            raise EnoughError

    world.asleep = asleep
    return world


def test_waiting_for_an_ip_to_be_provisioned(passing: World) -> None:
    assert passing.run("wait", ORDERED, "--for", "provisioned") == Ran(
        0,
        LINE,
        "Waiting for ip_jkl012 to be provisioned.\nip_jkl012 is provisioned after 16 h.\n",
    )
    assert passing.waits == [60.0] * (16 * 60)


def test_waiting_four_weeks_for_an_ip_to_be_warmed(passing: World) -> None:
    ran = passing.run(
        "wait", WARMING, "--for", "warmed", "--timeout", "28d", "--interval", "1h", "--json"
    )
    assert (ran.code, ran.stderr.splitlines()) == (
        0,
        [
            "Waiting for ip_abc123 to be warmed, estimated warmed on 2026-04-12.",
            "ip_abc123 is warmed after 10 d 22 h.",
        ],
    )
    ip = json.loads(ran.stdout)
    assert (ip["warmup_status"], ip["warmup_percent"]) == ("warmed", 100)
    assert ip["warmup"] == {
        "day": 29,
        "steps_done": 4,
        "steps_total": 5,
        "current_step": {"day": 28, "limit": 25000, "sent": 25000},
        "next_step": None,
        "missed_step": None,
        "behind_days": 0,
        "on_schedule": True,
        "scheduled_end": "2026-04-12T10:00:00Z",
        "estimated_warmed_at": None,
    }


def test_what_is_there_already_is_not_waited_for(world: World) -> None:
    ran = world.run("wait", "198.51.100.17", "--for", "warmed")
    assert (ran.code, ran.stderr) == (0, "ip_def456 is warmed after 0 s.\n")
    assert ran.stdout.startswith("ip_def456\t198.51.100.17\t")
    assert world.waits == []


def test_the_time_out_says_how_to_go_on(passing: World) -> None:
    arguments = ["wait", WARMING, "--for", "warmed", "--timeout", "150s", "--interval", "60"]
    assert passing.run(*arguments) == Ran(
        11,
        "",
        "Waiting for ip_abc123 to be warmed, estimated warmed on 2026-04-12.\n"
        "Error: ip_abc123 is not warmed after 2 min 30 s. "
        "Go on waiting with `misar-ips wait ip_abc123 --for warmed`.\n",
    )
    assert passing.waits == [60.0, 60.0, 30.0]  # and the last look when the time is over
    assert len(passing.received("GET")) == 4


def test_the_time_out_names_the_profile_as_it_was_given(passing: World) -> None:
    ran = passing.run(
        "wait", WARMING, "--for", "warmed", "--timeout", "1s", "--json", "--profile", "demo"
    )
    error = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert (ran.code, ran.stdout, error["code"]) == (11, "", "wait_timeout")
    assert error["hint"] == (
        "Go on waiting with `misar-ips wait ip_abc123 --for warmed --profile demo`."
    )
    assert passing.waits == [1.0]
    assert len(passing.received("GET")) == 1  # a second look would have come too soon


def test_nobody_is_polled_faster_than_every_five_seconds(passing: World) -> None:
    passing.run("wait", WARMING, "--for", "warmed", "--timeout", "20s", "--interval", "5")
    assert passing.waits == [5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 54.0), (0.5, 60.0), (1.0, 66.0)])
def test_polls_are_spread_so_that_machines_drift_apart(
    passing: World, jitter: float, pause: float
) -> None:
    passing.jitter = jitter
    passing.run("wait", WARMING, "--for", "warmed", "--timeout", "70s")
    assert passing.waits[0] == pause


def test_a_suspended_ip_goes_on_being_waited_for_with_one_warning(passing: World) -> None:
    ran = passing.run("wait", SUSPENDED, "--for", "warmed", "--timeout", "3m")
    assert ran.code == 11
    assert ran.stderr.splitlines()[:2] == [
        "Warning: ip_ghi789 is suspended; its warm-up goes on once that is lifted.",
        "Waiting for ip_ghi789 to be warmed.",
    ]
    assert ran.stderr.count("suspended") == 1


def test_an_ip_released_meanwhile_is_not_found(passing: World, store: Store) -> None:
    passing.asleep = lambda _seconds: store.release(WARMING)
    ran = passing.run("wait", WARMING, "--for", "warmed")
    assert (ran.code, ran.stdout) == (6, "")
    assert "Could not read ip_abc123: Dedicated IP not found" in ran.stderr


def test_an_ip_on_its_way_out_ends_the_wait_at_once(world: World) -> None:
    leaving = {"id": "x1", "status": "deprovisioning"}
    world.transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": leaving}))
    ran = world.run("wait", "x1", "--for", "provisioned", "--json")
    error = json.loads(ran.stderr)["error"]
    assert (ran.code, ran.stdout, error["code"]) == (11, "", "wait_failed")
    assert error["message"] == "x1 is deprovisioning; it will not be provisioned any more."
    assert world.waits == []


def test_trouble_on_the_way_is_told_once_and_ridden_out(passing: World) -> None:
    polls_before_the_trouble = 2

    def asleep(_seconds: float) -> None:
        if len(passing.waits) == polls_before_the_trouble:
            passing.emulator.faults.add("GET:503:8")  # two polls with their four tries each

    passing.asleep = asleep
    ran = passing.run("wait", WARMING, "--for", "warmed", "--timeout", "10m")
    told = "Could not read ip_abc123: Service Unavailable (HTTP 503). Still trying."
    assert ran.code == 11
    assert ran.stderr.count(told) == 1
    assert len(passing.received("GET")) > 10


@pytest.mark.parametrize(
    ("fault", "code"), [("GET:503:4", 1), ("GET:hang:4", 9), ("GET:401:1", 4), ("GET:429:4", 7)]
)
def test_trouble_at_the_very_first_look_ends_the_wait(world: World, fault: str, code: int) -> None:
    world.emulator.faults.add(fault)
    assert world.run("wait", WARMING, "--for", "warmed").code == code


def test_a_key_revoked_on_the_way_ends_the_wait(passing: World) -> None:
    passing.asleep = lambda _seconds: passing.emulator.faults.add("GET:401:1")
    assert passing.run("wait", WARMING, "--for", "warmed").code == 4


def test_a_server_that_asks_for_rest_gets_it(world: World) -> None:
    replies = iter(
        [
            httpx.Response(200, json={"ip": {"id": "x1", "warmup_status": "warming"}}),
            httpx.Response(429, headers={"Retry-After": "600"}),
            httpx.Response(200, json={"ip": {"id": "x1", "warmup_status": "warmed"}}),
        ]
    )
    world.transport = httpx.MockTransport(lambda _request: next(replies))
    assert world.run("wait", "x1", "--for", "warmed").code == 0
    assert world.waits == [60.0, 600.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--for", "gold"], "`gold` can't be waited for. Goals: provisioned and warmed."),
        (["--for", "warmed", "--timeout", "soon"], "`soon` is not a valid duration."),
        (["--for", "warmed", "--interval", "-1"], "`-1` is not a valid duration."),
        ([], "Missing option '--for'. See `misar-ips wait --help`."),
    ],
)
def test_waits_that_make_no_sense(world: World, options: list[str], message: str) -> None:
    ran = world.run("wait", WARMING, *options)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Error: {message}")
    assert world.received() == []


def test_request_waits_for_its_ip(passing: World) -> None:
    ran = passing.run("request", "--wait", "--json")
    ip = json.loads(ran.stdout)
    assert (ran.code, ip["warmup_status"], ip["warmup"]["day"]) == (0, "warming", 1)
    assert ran.stderr.splitlines() == [
        "IP provisioning in progress. Expected within 24 hours.",
        f"Waiting for {ip['id']} to be provisioned.",
        f"{ip['id']} is provisioned after 1 d.",
    ]
    assert len(passing.received("POST")) == 1


def test_watching_writes_a_line_for_each_change_and_no_other(passing: World) -> None:
    stopping_after(passing, 24 * 2)
    ran = passing.run("show", ORDERED, "--watch", "--interval", "1h")
    assert (ran.code, ran.stderr) == (130, "Error: Stopped.\n")
    lines = ran.stdout.splitlines()
    assert [line.split("\t")[4:6] for line in lines[:3]] == [
        ["not_started", "0"],
        ["warming", "0"],
        ["warming", "0"],
    ]
    assert lines[-1].split("\t")[5] == "4"  # percent, 31 hours after the start
    assert len(passing.received("GET")) == 24 * 2


def test_watching_as_json_is_one_document_a_line(passing: World) -> None:
    stopping_after(passing, 30)
    ran = passing.run("show", ORDERED, "--watch", "--interval", "1h", "--json", terminal="out")
    documents = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.code == 130
    assert documents[0]["warmup"] == {
        "day": None,
        "steps_done": 0,
        "steps_total": 5,
        "current_step": None,
        "next_step": {"day": 1, "limit": 200, "sent": 0},
        "missed_step": None,
        "behind_days": None,
        "on_schedule": None,
        "scheduled_end": None,
        "estimated_warmed_at": None,
    }
    assert documents[-1]["warmup"]["estimated_warmed_at"] == "2026-04-30T04:00:00Z"
    assert all(before != after for before, after in pairwise(documents))


def test_watching_something_that_does_not_change(world: World) -> None:
    stopping_after(world, 10)
    ran = world.run("show", WARMING, "--watch")
    assert (ran.code, ran.stdout.count("\n")) == (130, 1)
    assert world.waits == [30.0] * 10


def test_watching_rides_trouble_out_with_a_notice(world: World) -> None:
    def asleep(_seconds: float) -> None:
        if len(world.waits) == 1:
            world.emulator.faults.add("GET:hang:4")

    world.asleep = asleep
    stopping_after(world, 12)
    ran = world.run("show", WARMING, "--watch")
    assert ran.code == 130
    notice, end = ran.stderr.splitlines()
    assert notice.startswith("Could not read ip_abc123: api.misar.io took too long to answer (")
    assert notice.endswith(" Still trying.")
    assert end == "Error: Stopped."


def test_waiting_in_one_process_while_another_moves_the_clock(environ: dict[str, str]) -> None:
    """The one test that runs in real time: the first pause is five seconds long."""
    store = Store(Path(environ["MISAR_IPS_EMULATOR_DB"]))
    with (
        EmulatorServer(Emulator(store), port=0) as server,
        subprocess.Popen(
            [*PROGRAM, "wait", ORDERED, "--for", "provisioned", "--interval", "5"],
            env={**environ, "MISARMAIL_BASE_URL": server.base_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as waiting,
    ):
        assert waiting.stderr is not None
        began = waiting.stderr.readline()
        moved = run_process("emulator", "advance", "17h", environ=environ)
        stdout, stderr = waiting.communicate(timeout=60)
    assert moved.stdout.startswith("2026-04-02T05:00:")
    assert began == "Waiting for ip_jkl012 to be provisioned.\n"
    assert (waiting.returncode, stdout) == (0, LINE)
    assert stderr.startswith("ip_jkl012 is provisioned after ")
