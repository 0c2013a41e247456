"""`misar-ips check`, run whole against a DNS server on loopback: which IPs, and what it reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.faults import Faults
from misar_ips.emulator.handler import Emulator
from tests.commands.checked import (
    BRIEF,
    HEALTHY,
    HEALTHY_NINE,
    NETWORK,
    check,
    found_by,
    statuses_of,
    with_ips,
)
from tests.conftest import Ran, World, run_process
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store


def test_everything_in_order(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "ip_def456")
    name = "tx.yourdomain.com"
    lines = [
        f"ptr\tpass\t{name}\t{name}\tThe PTR record is {name}, as set at MisarMail.",
        "forward\tpass\t198.51.100.17\t198.51.100.17\ttx.yourdomain.com resolves to 198.51.100.17.",
        "hostname\tpass\ttx.yourdomain.com\t\tThe name does not look generic.",
        "warmup\tpass\twarmed\t\tWarmed.",
    ]
    assert ran == Ran(0, "".join(f"ip_def456\t198.51.100.17\t{line}\n" for line in lines), "")


def test_json_of_an_ip_whose_name_resolves_elsewhere(world: World) -> None:
    records = [f"17.{NETWORK} PTR TX.yourdomain.com."]
    records += [f"tx.yourdomain.com A 192.0.2.{each}" for each in (1, 2)]
    with DNSServer(records) as server:
        ran = check(world, server, "198.51.100.17", "--json")
    name = "TX.yourdomain.com"
    assert json.loads(ran.stdout) == [
        {
            "id": "ip_def456",
            "address": "198.51.100.17",
            "ok": False,
            "checks": [
                {
                    "name": "ptr",
                    "status": "pass",
                    "message": f"The PTR record is {name}, as set at MisarMail.",
                    "hint": None,
                    "found": [name],
                    "expected": ["tx.yourdomain.com"],
                },
                {
                    "name": "forward",
                    "status": "fail",
                    "message": f"{name} does not resolve to 198.51.100.17.",
                    "hint": f"Publish: {name}. IN A 198.51.100.17",
                    "found": ["192.0.2.1", "192.0.2.2"],
                    "expected": ["198.51.100.17"],
                },
                {
                    "name": "hostname",
                    "status": "pass",
                    "message": "The name does not look generic.",
                    "hint": None,
                    "found": [name],
                    "expected": [],
                },
                {
                    "name": "warmup",
                    "status": "pass",
                    "message": "Warmed.",
                    "hint": None,
                    "found": ["warmed"],
                    "expected": [],
                },
            ],
        }
    ]
    assert ran.code == 12
    assert json.loads(ran.stderr) == {
        "error": {
            "code": "check_failed",
            "message": "ip_def456 failed the check.",
            "hint": "What to do is beside each failure.",
        }
    }


# Which IPs


def test_all_ips_are_checked_where_none_is_named(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "--json")
    assert [(ip["id"], ip["ok"]) for ip in json.loads(ran.stdout)] == [
        ("ip_abc123", True),
        ("ip_def456", True),
        ("ip_ghi789", False),
        ("ip_jkl012", False),
    ]
    assert ran.code == 12
    assert len(world.received()) == 5


def test_more_ips_than_are_read_at_once_at_sixty_requests_a_minute(
    world: World, store: Store
) -> None:
    emulator = Emulator(store, rate_limit=60, faults=Faults())
    listed = [{"id": "ip_def456", "address": f"203.0.113.{each}"} for each in range(70)]

    def answer(request: httpx.Request) -> httpx.Response:
        response = emulator(request)
        if response.is_success and request.url.path.endswith("/dedicated-ips"):
            return httpx.Response(200, json={"ips": listed})
        return response

    world = replace(world, transport=httpx.MockTransport(answer))
    world.asleep = lambda seconds: store.advance(timedelta(seconds=seconds))
    ran = world.run("check", "--json")
    warm_ups = [ip["checks"][-1]["message"] for ip in json.loads(ran.stdout)]
    assert warm_ups == ["Warmed."] * 70


@pytest.mark.parametrize(
    "names",
    [
        ["ip_def456", "198.51.100.17", "ip_def456", "::ffff:198.51.100.17", "TX.yourdomain.com"],
        ["::FFFF:c633:6411"],
        ["tx.yourdomain.com"],
    ],
)
def test_an_ip_is_checked_once_however_it_is_named(world: World, names: list[str]) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, *names, "--json")
    assert [ip["id"] for ip in json.loads(ran.stdout)] == ["ip_def456"]
    assert server.asked == [f"17.{NETWORK} PTR", "tx.yourdomain.com A"]


def test_two_ips_with_one_address(world: World) -> None:
    address = "203.0.113.9"
    twice = with_ips(world, {"id": "ip_a", "address": address}, {"id": "ip_b", "address": address})
    ran = twice.run("check", address)
    assert (ran.code, ran.stdout) == (2, "")
    assert "ip_a, ip_b" in ran.stderr
    with DNSServer(HEALTHY_NINE) as server:
        assert check(twice, server, "ip_b").stdout.startswith("ip_b\t203.0.113.9\tptr\tpass\t")


def test_an_id_wins_over_an_address(world: World) -> None:
    odd = with_ips(world, {"id": "203.0.113.9", "address": "203.0.113.8"}, {"address": "::9"})
    assert odd.run("check", "203.0.113.9").stdout.startswith("203.0.113.9\t203.0.113.8\tptr\t")


def test_an_account_without_ips(world: World) -> None:
    empty = with_ips(world)
    hint = "No dedicated IPs yet; `misar-ips request` orders one.\n"
    assert empty.run("check") == Ran(0, "", hint)
    assert empty.run("check", "--json") == Ran(0, "[]\n", "")


@pytest.mark.parametrize("names", [["ip_nosuch", "203.0.113.9"], ["nosuch.example"]])
def test_an_unknown_ip(world: World, names: list[str]) -> None:
    ran = world.run("check", *names)
    assert (ran.code, ran.stdout, names[0] in ran.stderr) == (6, "", True)


def test_an_address_of_one_link_only(world: World) -> None:
    assert world.run("check", "fe80::1%eth0") == Ran(
        2,
        "",
        "Error: `fe80::1%eth0` is an address of one link only; DNS knows none of those.\n",
    )


def test_an_ip_without_an_address_yet(world: World) -> None:
    new = {"id": "ip x", "address": None, "warmup_status": "not_started"}
    told = (
        "It has no address before it is provisioned. "
        "`misar-ips wait 'ip x' --for provisioned` waits for it."
    )
    assert with_ips(world, new).run("check") == Ran(
        0,
        f"ip x\t\taddress\tunknown\t\t\t{told}\n"
        "ip x\t\twarmup\tpass\tnot_started\t\tNot begun yet.\n",
        "Warning: 1 check could not be made; the reason is beside each.\n",
    )


@pytest.mark.parametrize("address", ["nonsense", "fe80::1%eth0"])
def test_an_ip_whose_address_is_not_one(world: World, address: str) -> None:
    first, _ = found_by(with_ips(world, {"address": address}).run("check", "--json"))
    assert (first["status"], first["found"]) == ("unknown", [address])
    assert first["message"] == "What MisarMail gave is not an address."


# A bare address, and the API


def test_a_bare_address_needs_no_key_and_no_api(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    with DNSServer([]) as server:
        ran = check(world, server, "203.0.113.9")
    assert ran == Ran(
        12,
        "\t203.0.113.9\tptr\tfail\t\t\tThere is no PTR record. Whoever manages the address, your "
        "provider for example, publishes its PTR.\n",
        "Error: 203.0.113.9 failed the check. What to do is beside each failure.\n",
    )
    assert world.received() == []


def test_an_id_needs_a_key(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    for names in ([], ["ip_abc123"], ["203.0.113.9", "ip_abc123"], ["203.0.113.9", "a.example"]):
        assert world.run("check", *names).code == 3


@pytest.mark.parametrize("variable", ["MISAR_IPS_PROFILE", "MISARMAIL_API_KEY"])
def test_a_broken_configuration_is_told_of_all_the_same(world: World, variable: str) -> None:
    world.environ[variable] = ""
    assert world.run("check", "203.0.113.9").code == 3


@pytest.mark.parametrize(("fault", "status"), [("ANY:401", "401"), ("ANY:500", "500")])
def test_a_bare_address_is_checked_where_the_api_fails(
    world: World, fault: str, status: str
) -> None:
    world.emulator.faults.add(fault)
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "198.51.100.42")
    assert (ran.code, ran.stdout.count("\tpass\t"), ran.stdout[0]) == (0, 3, "\t")
    assert f"HTTP {status}" in ran.stderr
    assert ran.stderr.startswith("Warning: Could not list the dedicated IPs")
    assert ran.stderr.endswith(" DNS is checked all the same.\n")


def test_details_that_can_not_be_read_are_unknown_with_the_reason(world: World) -> None:
    listed = {"id": "ip_x", "address": "203.0.113.9", "warmup_status": "warming"}

    def answer(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/dedicated-ips")
        return httpx.Response(200 if is_list else 500, json={"ips": [listed]} if is_list else {})

    broken = replace(world, transport=httpx.MockTransport(answer))
    with DNSServer(HEALTHY_NINE) as server:
        for arguments in ([], ["203.0.113.9"]):
            *_, warm_up, reputation = found_by(
                check(broken, server, *arguments, "--min-reputation", "1", "--json")
            )
            for each in (warm_up, reputation):
                assert each["status"] == "unknown"
                assert each["message"].startswith("Not known: Could not read ip_x")
    assert check(broken, server, "ip_x").code == 1


# What MisarMail says


STEPS = [
    {"day": 1, "limit": 200, "sent": 200, "done": True},
    {"day": 7, "limit": 1000, "sent": 899, "done": False},
    {"day": 14, "limit": 4000, "sent": 0, "done": False},
]


def warming(day: int, **fields: object) -> dict[str, object]:
    """Return an IP that is so many days into its warm-up."""
    now = datetime.now(UTC).replace(microsecond=0)
    begun = (now - timedelta(days=day - 1, hours=1)).isoformat()
    return {"warmup_status": "warming", "created_at": begun, "warmup_schedule": STEPS, **fields}


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"warmup_status": "warmed"}, "pass", "Warmed."),
        ({"warmup_status": "not_started"}, "pass", "Not begun yet."),
        ({"warmup_status": "suspended"}, "fail", "Suspended after a spike of complaints."),
        (
            {"warmup_status": "deprovisioning"},
            "warning",
            "It is being given back, and sends no more.",
        ),
        ({"warmup_status": None}, "unknown", "MisarMail does not tell how far it should be."),
        ({"warmup_status": "warming"}, "unknown", "MisarMail does not tell how far it should be."),
        (warming(13), "pass", "On schedule, day 13."),
        (
            warming(16),
            "warning",
            "Behind, by estimate: the step of day 7 ended on day 13 with 899 of 1,000 messages.",
        ),
    ],
)
def test_the_warm_up(world: World, fields: dict[str, object], status: str, message: str) -> None:
    ours = with_ips(world, {"address": "203.0.113.9", **fields})
    *_, warm_up = found_by(ours.run("check", "--json"))
    assert (warm_up["name"], warm_up["status"]) == ("warmup", status)
    assert warm_up["message"] == message
    if status == "warning" and "Behind" in message:
        assert warm_up["hint"] == (
            "Keep sending daily, up to the day's limit; never send more to catch up."
        )


@pytest.mark.parametrize(
    ("score", "least", "status", "message"),
    [
        (84, "84", "pass", "The reputation is 84."),
        (83.5, "84", "fail", "The reputation is 83.5, below 84."),
        (0, "0", "pass", "The reputation is 0."),
        (None, "84", "unknown", "Not known: MisarMail does not tell its reputation."),
    ],
)
def test_the_least_reputation(
    world: World, score: float | None, least: str, status: str, message: str
) -> None:
    scored = with_ips(world, {"address": "203.0.113.9", "reputation_score": score})
    with DNSServer(HEALTHY_NINE) as server:
        ran = check(scored, server, "--min-reputation", least, "--json")
    *_, reputation = found_by(ran)
    assert (reputation["name"], reputation["status"]) == ("reputation", status)
    assert (reputation["message"], reputation["expected"]) == (message, [f"at least {least}"])


@pytest.mark.parametrize("text", ["-1", "x", "nan", "inf"])
def test_a_reputation_that_is_not_a_number(world: World, text: str) -> None:
    assert (world.run("check", f"--min-reputation={text}").code, world.received()) == (2, [])


# What comes of it


def test_strictly_what_is_unknown_has_failed(world: World) -> None:
    world.dns_limits = BRIEF
    with DNSServer(HEALTHY_NINE, {"mail.example": "servfail"}) as server:
        loose = check(world, server, "203.0.113.9", "--json")
        strict = check(world, server, "203.0.113.9", "--strict", "--json")
        healthy = check(world, server, "198.51.100.9", "--strict")
    assert statuses_of(loose) == statuses_of(strict)
    assert statuses_of(strict)["forward"] == "unknown"
    assert (loose.code, strict.code, healthy.code) == (0, 12, 12)


def test_check_in_a_process_of_its_own(environ: dict[str, str], server: EmulatorServer) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    with DNSServer(HEALTHY) as dns_server:
        ran = run_process("check", "--resolver", dns_server.address, environ=environ)
    assert ran.code == 12
    assert ran.stdout.count("\n") == 14
    assert ran.stderr == (
        "Error: 2 of 4 IPs failed the check: ip_ghi789, ip_jkl012. "
        "What to do is beside each failure.\n"
    )


@pytest.mark.parametrize(("ip", "code"), [("ip_def456", 0), ("ip_jkl012", 12)])
def test_whatever_reads_no_more_does_not_decide_the_exit_code(
    environ: dict[str, str], server: EmulatorServer, ip: str, code: int
) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    reading, writing = os.pipe()
    os.close(reading)
    with DNSServer(HEALTHY) as dns_server:
        command = ["check", ip, "--resolver", dns_server.address]
        done = subprocess.run(
            [sys.executable, "-m", "misar_ips", *command],
            env={"PATH": os.environ["PATH"], **environ},
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    os.close(writing)
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False)
