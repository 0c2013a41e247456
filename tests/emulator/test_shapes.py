"""The shape of the vendor's newer library, and every command of ours against both shapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from tests.conftest import World as Program
from tests.emulator.conftest import IPS, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from misar_ips.emulator.store import Store


@pytest.fixture
def sdk(make_world: Callable[..., World]) -> World:
    return make_world(shape="sdk")


def test_a_list_in_the_newer_librarys_words(sdk: World) -> None:
    listed = sdk.client.get(IPS).json()
    assert (listed["success"], listed["count"], len(listed["data"])) == (True, 4, 4)
    assert listed["data"][0] == {
        "id": "ip_abc123",
        "ip_address": "198.51.100.42",
        "ptr_record": "mail.yourdomain.com",
        "dedicated_ip_pools": {"id": "pool_marketing", "pool_name": "marketing"},
        "status": "active",
        "warmup_enabled": True,
        "warmup_start_date": "2026-03-15",
        "warmup_day": 18,
        "warmup_percent": 62,
        "warmup_target_volume": 25000,
        "daily_limit": 8000,
        "reputation_score": 84,
        "created_at": "2026-03-15T10:00:00.000Z",
    }
    assert [ip["status"] for ip in listed["data"]] == [
        *("active", "active", "suspended", "provisioning")
    ]
    provisioning = listed["data"][3]
    nothing_yet = ("ip_address", "warmup_start_date", "warmup_day")
    assert [provisioning[name] for name in nothing_yet] == [None, None, None]


def test_details_have_todays_step_and_a_history_that_moves_with_the_clock(sdk: World) -> None:
    def details() -> dict[str, Any]:
        ip: dict[str, Any] = sdk.client.get(f"{IPS}/ip_abc123").json()["data"]
        return ip

    first = details()
    assert first["warmup_schedule_entry"] == {
        "day_number": 18,
        "max_volume": 8000,
        "description": "Step of day 14",
    }
    history = first["reputation_history"]
    assert (len(history), history[0]["date"], history[-1]["date"]) == (
        *(18, "2026-03-15", "2026-04-01"),
    )
    assert [day["reputation_score"] for day in history] == list(range(67, 85))
    assert history[-1] == {
        "date": "2026-04-01",
        "emails_sent": 7429,
        "bounces": 74,
        "complaints": 0,
        "reputation_score": 84,
        "blacklisted": False,
        "blacklist_names": [],
    }
    sdk.client.post("http://emulator/_emulator/advance", content=b"172800")
    later = details()
    assert (later["warmup_day"], later["reputation_history"][-1]["date"]) == (20, "2026-04-03")
    assert later["reputation_history"][:18] == history
    sdk.client.post("http://emulator/_emulator/advance", content=b"8640000")
    assert (len(details()["reputation_history"]), details()["warmup_schedule_entry"]) == (30, None)


def test_a_suspension_shows_in_the_history(sdk: World) -> None:
    ip = sdk.client.get(f"{IPS}/ip_ghi789").json()["data"]
    *before, last = ip["reputation_history"]
    assert (last["date"], last["complaints"], last["reputation_score"]) == ("2026-03-14", 54, 38)
    assert {day["complaints"] for day in before} == {0}
    assert before[-1]["reputation_score"] == 76


def test_orders_changes_and_releases(sdk: World) -> None:
    ordered = sdk.client.post(IPS, json={"pool": "cold", "rdns": "a.example.com"})
    assert ordered.status_code == 201
    ip = ordered.json()["data"]
    assert (ip["status"], ip["ptr_record"]) == ("provisioning", "a.example.com")
    changed = sdk.client.patch(f"{IPS}/{ip['id']}", json={"pool": "transactional"}).json()["data"]
    assert changed["dedicated_ip_pools"]["pool_name"] == "transactional"
    assert sdk.client.delete(f"{IPS}/{ip['id']}").json() == {"success": True}
    assert sdk.client.get(f"{IPS}/{ip['id']}").status_code == 404


# Every command, against both shapes


@pytest.fixture(params=["reference", "sdk"])
def either(request: pytest.FixtureRequest, environ: dict[str, str], store: Store) -> Program:
    """Return the program with an emulator that speaks either shape."""
    emulator = Emulator(store, rate_limit=0, shape=request.param)
    return Program(environ, emulator, httpx.MockTransport(emulator))


def test_list_and_show(either: Program) -> None:
    ran = either.run("list")
    rows = [line.split("\t")[:6] for line in ran.stdout.splitlines()]
    assert ran.code == 0
    assert rows[0] == [
        *("ip_abc123", "198.51.100.42", "mail.yourdomain.com", "marketing", rows[0][4], "62")
    ]
    assert [row[0] for row in rows] == ["ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"]
    assert either.run("list", "--json").code == 0
    shown = either.run("show", "198.51.100.42")
    assert (shown.code, shown.stdout.splitlines()[:2]) == (
        *(0, ["id\tip_abc123", "address\t198.51.100.42"]),
    )
    assert json.loads(either.run("show", "ip_abc123", "--json").stdout)["warmup"]["day"] == 18
    assert either.run("show", "ip_abc123", terminal="out err").code == 0
    assert either.run("list", terminal="out err").code == 0


def test_request_update_and_release(either: Program) -> None:
    ran = either.run("request", "--pool", "cold", "--rdns", "a.example.com", "--json")
    assert ran.code == 0, ran.stderr
    ip_id = json.loads(ran.stdout)["id"]
    changed = either.run("update", ip_id, "--pool", "transactional", "--json")
    assert (changed.code, json.loads(changed.stdout)["pool"]) == (0, "transactional")
    assert "still shows" not in changed.stderr
    assert either.run("release", ip_id, "--yes").code == 0
    assert either.run("show", ip_id).code == 6


def test_a_lost_order_is_found(either: Program) -> None:
    either.emulator.faults.add("POST:lost-reply:1")
    ran = either.run("request", "--pool", "cold", "--rdns", "a.example.com")
    assert ran.code == 0, ran.stderr
    assert either.received("POST") == ["POST /mail/v1/dedicated-ips"]


def test_wait_ends_when_the_goal_is_reached(either: Program, store: Store) -> None:
    from datetime import timedelta

    either.asleep = lambda seconds: store.advance(timedelta(seconds=seconds))
    for goal in ("provisioned", "warmed"):
        arguments = ["--for", goal, "--interval", "6h", "--timeout", "60d"]
        assert either.run("wait", "ip_jkl012", *arguments).code == 0


@pytest.mark.parametrize(
    ("either", "warm_up"), [("reference", "pass"), ("sdk", "unknown")], indirect=["either"]
)
def test_check_reads_what_is_there(either: Program, warm_up: str) -> None:
    ran = either.run("check", "ip_abc123", "--json")
    (checked,) = json.loads(ran.stdout)
    points = {point["name"]: point["status"] for point in checked["checks"]}
    assert (checked["address"], points["warmup"]) == ("198.51.100.42", warm_up)


def test_doctor(either: Program) -> None:
    assert either.run("doctor").code == 0
