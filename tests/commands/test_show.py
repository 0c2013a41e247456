"""An IP that is watched: a line for each change, until Ctrl-C or until nobody reads any more."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.commands.conftest import ORDERED, WARMING, stopping_after
from tests.reference import IP

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer
    from tests.conftest import World


def test_watching_writes_a_line_for_each_change_and_no_other(passing: World) -> None:
    stopping_after(passing, 24 * 2)
    ran = passing.run("show", ORDERED, "--watch", "--interval", "1h")
    assert (ran.code, ran.stderr) == (130, "")
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
    [notice] = ran.stderr.splitlines()
    assert notice.startswith("Could not read ip_abc123: api.misar.io took too long to answer (")
    assert notice.endswith(" Still trying.")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watching_ends_within_an_interval_where_nobody_reads(
    environ: dict[str, str], server: EmulatorServer, options: list[str]
) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "misar_ips", "show", WARMING),
            *("--watch", "--interval", "5", *options),
        ],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith((b"ip_abc123\t", b'{"id": "ip_abc123"'))
        watching.stdout.close()
        assert watching.wait(timeout=30) == 0
        assert watching.stderr is not None
        assert watching.stderr.read() == b""


def test_show_reads_an_ip_by_its_id_once_and_by_its_address_after_a_list(world: World) -> None:
    by_id = world.run("show", WARMING)
    assert world.received() == ["GET /mail/v1/dedicated-ips/ip_abc123"]
    by_address = world.run("show", "198.51.100.42")
    assert world.received()[1:] == [
        "GET /mail/v1/dedicated-ips",
        "GET /mail/v1/dedicated-ips/ip_abc123",
    ]
    assert by_id == by_address


def test_a_warmup_of_the_servers_own_is_kept(world: World) -> None:
    ip = {**IP, "warmup": "theirs"}
    world.transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"ip": ip}))
    shown = json.loads(world.run("show", WARMING, "--json").stdout)
    assert shown["server_warmup"] == "theirs"
    assert shown["warmup"]["steps_total"] == 5
