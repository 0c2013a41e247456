"""Ordering an IP: what is asked before, what is told, and waiting for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import Ran
from tests.reference import IN_PROGRESS

if TYPE_CHECKING:
    from tests.conftest import World


def test_request_waits_for_its_ip(passing: World) -> None:
    ran = passing.run("request", "--wait")
    [new] = [str(ip["id"]) for ip in passing.emulator.store.ips()][4:]
    assert (ran.code, ran.stdout.split("\t")[4]) == (0, "warming")
    assert ran.stderr.splitlines() == [
        IN_PROGRESS,
        f"Waiting for {new} to be provisioned.",
        f"{new} is provisioned after 1 d.",
    ]
    assert len(passing.received("POST")) == 1


def test_an_order_that_is_waited_for_is_one_json_document(passing: World) -> None:
    ran = passing.run("request", "--wait", "--json")
    ip = json.loads(ran.stdout)
    assert (ran.code, ran.stderr) == (0, "")
    assert (ip["warmup_status"], ip["warmup"]["day"]) == ("warming", 1)


@pytest.mark.parametrize(
    ("fault", "code", "hint"),
    [
        ("GET:403:1", 4, "Go on waiting with `misar-ips wait {new} --for provisioned`."),
        ("GET:401:1", 4, "It is from MISARMAIL_API_KEY: "),  # which comes first
    ],
)
def test_a_wait_that_fails_says_that_the_ip_was_ordered(
    world: World, fault: str, code: int, hint: str
) -> None:
    world.asleep = lambda _seconds: world.emulator.faults.add(fault)
    ran = world.run("request", "--wait", "--json")
    error = json.loads(ran.stderr)["error"]
    [new] = [str(ip["id"]) for ip in world.emulator.store.ips()][4:]
    assert (ran.code, ran.stdout) == (code, "")
    assert error["message"].startswith(
        f"{new} was ordered. Don't order again. Could not read {new}: "
    )
    assert error["hint"].startswith(hint.format(new=new))


@pytest.mark.parametrize(
    ("ordered", "told"),
    [
        (["--pool", "transactional"], "pool `marketing` for ip_1, not `transactional`"),
        (["--rdns", "a.example", "--no-check"], "rDNS `b.example` for ip_1, not `a.example`"),
        (["--pool", "Marketing", "--rdns", "B.example", "--no-check"], ""),
    ],
)
def test_an_answer_with_other_settings_than_ordered_is_a_warning(
    world: World, ordered: list[str], told: str
) -> None:
    new = {"id": "ip_1", "pool": "marketing", "rdns": "b.example"}
    world.transport = httpx.MockTransport(
        lambda request: httpx.Response(
            200, json={"ips": []} if request.method == "GET" else {"ip": new}
        )
    )
    ran = world.run("request", *ordered)
    warning = f"Warning: MisarMail shows {told} as ordered.\n" if told else ""
    assert ran == Ran(0, "ip_1\t\tb.example\tmarketing\t\t\t\n", f"{warning}Ordered ip_1.\n")
