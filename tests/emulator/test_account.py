"""The account: what it begins with, ordering, changing, releasing, and its plan."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.seeds import PLANS
from misar_ips.emulator.store import Store
from misar_ips.errors import UsageError
from tests.emulator.conftest import EXAMPLE, IPS, NO_IP, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_example_ip_starts_exactly_as_in_the_reference(world: World) -> None:
    reply = world.client.get(f"{IPS}/ip_abc123")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.text == json.dumps({"success": True, "ip": EXAMPLE})


def test_the_list_holds_four_ips_with_the_list_fields_only(world: World) -> None:
    names = ("id", "address", "rdns", "warmup_status", "warmup_percent", "pool", "created_at")
    rows = [
        ("ip_abc123", "198.51.100.42", "mail.yourdomain.com", "warming", 62, "marketing"),
        ("ip_def456", "198.51.100.17", "tx.yourdomain.com", "warmed", 100, "transactional"),
        ("ip_ghi789", "198.51.100.88", "news.yourdomain.com", "suspended", 38, "marketing"),
        ("ip_jkl012", "198.51.100.131", None, "not_started", 0, "transactional"),
    ]
    created = ("2026-03-15T10:00:00Z", "2026-01-12T08:00:00Z", "2026-03-02T15:00:00Z")
    ips = [
        dict(zip(names, (*row, at), strict=True))
        for row, at in zip(rows, (*created, "2026-04-01T04:00:00Z"), strict=True)
    ]
    assert world.client.get(IPS).text == json.dumps({"success": True, "ips": ips})


def test_both_path_prefixes_lead_to_the_same_ips(world: World) -> None:
    new, old = (world.client.get(f"http://emulator{p}/v1{IPS}") for p in ("/mail", "/api"))
    assert new.status_code == old.status_code == 200
    assert new.content == old.content


def test_the_seeded_order_is_provisioned_a_day_after_it_was_made(world: World) -> None:
    assert world.details("ip_jkl012")["provisioned_at"] is None
    world.store.advance(timedelta(hours=16))
    seeded = world.details("ip_jkl012")
    assert (seeded["warmup_status"], seeded["provisioned_at"]) == (
        "warming",
        "2026-04-02T04:00:00Z",
    )


def test_an_order_is_answered_with_the_references_fields_only(world: World) -> None:
    reply = world.client.post(IPS, json={"pool": "transactional", "rdns": "a.example.com"})
    ip_id = reply.json()["ip"]["id"]
    assert ip_id.startswith("ip_")
    assert reply.status_code == 201
    assert reply.json() == {
        "success": True,
        "ip": {
            "id": ip_id,
            "address": "198.51.100.1",
            "warmup_status": "not_started",
            "pool": "transactional",
            "provisioned_at": None,
        },
        "message": "IP provisioning in progress. Expected within 24 hours.",
    }
    stored = world.details(ip_id)
    assert (stored["address"], stored["pool"]) == ("198.51.100.1", "transactional")
    assert stored["rdns"] == "a.example.com"


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"content": b"{}", "headers": None}])
def test_an_order_needs_no_settings(world: World, options: dict[str, Any]) -> None:
    if "headers" in options:
        options["headers"] = {"Content-Type": "Application/JSON; charset=utf-8"}
    reply = world.client.post(IPS, **options)
    assert (reply.status_code, reply.json()["ip"]["pool"]) == (201, "marketing")


def test_an_update_changes_what_it_names_and_gives_the_details(world: World) -> None:
    reply = world.client.patch(f"{IPS}/ip_abc123", json={"pool": "pool_t01"})
    assert reply.status_code == 200
    assert reply.json() == {"success": True, "ip": {**EXAMPLE, "pool": "pool_t01"}}
    world.client.patch(f"{IPS}/ip_abc123", json={"rdns": "tx.yourdomain.com"})
    changed = {**EXAMPLE, "pool": "pool_t01", "rdns": "tx.yourdomain.com"}
    assert world.details("ip_abc123") == changed


def test_a_release_makes_room_and_can_not_be_repeated(world: World) -> None:
    world.order()
    assert world.client.post(IPS).status_code == 403
    first = world.client.delete(f"{IPS}/ip_abc123")
    again = world.client.delete(f"{IPS}/ip_abc123")
    assert (first.status_code, first.json()) == (200, {"success": True})
    assert (again.status_code, again.json()) == (404, NO_IP)
    assert world.client.get(f"{IPS}/ip_abc123").status_code == 404
    assert world.client.post(IPS).status_code == 201


def test_an_address_is_never_in_use_twice(world: World) -> None:
    ordered = 0
    while world.store.request("marketing", None, limit=1000):
        ordered += 1
    every = {f"198.51.100.{host}" for host in range(1, 255)}
    assert ordered == 250
    assert len(world.addresses()) == 254
    assert set(world.addresses()) == every


@pytest.mark.parametrize(("plan", "included"), PLANS.items())
def test_an_order_beyond_the_plan_is_refused(
    make_world: Callable[..., World], plan: str, included: int
) -> None:
    world = make_world(plan=plan)
    for ip in world.store.ips():
        world.store.release(str(ip["id"]))
    for _ in range(included):
        assert world.client.post(IPS).status_code == 201
    refusal = world.client.post(IPS)
    assert refusal.status_code == 403
    assert refusal.json() == {
        "success": False,
        "error": f"Dedicated IPs included in your {plan} plan: {included}.",
        "code": "plan_limit_exceeded",
        "upgrade": {
            "current_plan": {"slug": plan},
            "urls": {"pricing": "https://misar.io/pricing"},
        },
    }
    assert refusal.headers["x-misar-plan"] == plan
    assert refusal.headers["x-misar-upgrade-url"] == "https://misar.io/pricing"
    assert len(world.addresses()) == included


def test_an_unknown_plan_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no plan `platinum`"):
        Emulator(Store(tmp_path / "e.db"), plan="platinum")
