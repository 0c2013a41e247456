"""Waiting for an IP: four weeks in milliseconds, by the emulator's clock."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store
from tests.commands.conftest import ORDERED, SUSPENDED, WARMING
from tests.conftest import Ran, World, run_process
from tests.listener import Listener, stay_silent
from tests.reference import IP

PROGRAM = [sys.executable, "-m", "misar_ips"]
LINE = "ip_jkl012\t198.51.100.131\t\ttransactional\twarming\t0\t2026-04-01T04:00:00Z\n"


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
    assert (ran.code, ran.stderr) == (0, "")
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
        (["--for", "gold"], "`gold` can't be waited for. Goals: provisioned, warmed, dns."),
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


@pytest.mark.parametrize(("percent", "code"), [(99.9, 11), (100, 0)])
def test_an_ip_that_is_active_is_warmed_at_a_hundred_percent(
    world: World, percent: float, code: int
) -> None:
    ip = {"id": "x1", "status": "active", "warmup_percent": percent}
    world.transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": ip}))
    assert world.run("wait", "x1", "--for", "warmed", "--timeout", "1m").code == code


@pytest.mark.parametrize("name", [WARMING, "198.51.100.42"])
def test_the_time_out_holds_for_a_server_that_says_nothing(
    world: World, environ: dict[str, str], name: str
) -> None:
    del world
    with Listener(stay_silent) as silent:
        environ["MISARMAIL_BASE_URL"] = silent.base_url
        ran = run_process("wait", name, "--for", "warmed", "--timeout", "1s", environ=environ)
    what = f"read {name}" if name == WARMING else "list the dedicated IPs"
    assert (ran.code, ran.stdout) == (11, "")
    assert ran.stderr == (
        f"Error: {name} was not seen to be warmed within 1 s. Could not {what}: {silent.host} "
        f"took too long to answer (timed out). Go on waiting with `misar-ips wait {name} "
        "--for warmed`.\n"
    )
    assert silent.methods == ["GET"]


def busy(world: World, seconds: str) -> World:
    """Return the world a server that shows the IP once, and then wants to be left alone."""
    first = iter([httpx.Response(200, json={"ip": IP})])
    later = httpx.Response(429, headers={"Retry-After": seconds})
    return replace(world, transport=httpx.MockTransport(lambda _: next(first, later)))


@pytest.mark.parametrize("seconds", ["60", "20", "90", "3600", "99999999999"])
def test_the_time_out_holds_for_a_server_that_wants_to_be_left_alone(
    world: World, seconds: str
) -> None:
    ran = busy(world, seconds).run("wait", WARMING, "--for", "warmed", "--timeout", "90s")
    assert ran.code == 11
    assert sum(world.waits) == 90
    assert "ip_abc123 was not seen to be warmed within 1 min 30 s. Could not read" in ran.stderr


def test_nobody_sleeps_longer_than_a_day(world: World) -> None:
    busy(world, "99999999999").run("wait", WARMING, "--for", "warmed", "--timeout", "3d")
    assert max(world.waits) == 86_400
    assert sum(world.waits) == 3 * 86_400


def test_what_a_poll_leaves_behind_is_collected(world: World) -> None:
    gc.disable()  # as in a run of the program
    try:
        world.run("wait", WARMING, "--for", "warmed", "--timeout", "1h")
        assert gc.isenabled()
    finally:
        gc.enable()


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
