"""What follows from an IP's status: whether it sends, is warmed, is new, may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import DedicatedIP

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.mark.parametrize(
    ("fields", "can_send", "is_warmed", "may_be_new"),
    [
        ({"warmup_status": "not_started"}, True, False, True),
        ({"warmup_status": "not_started", "warmup_percent": "62%"}, True, False, False),
        ({"warmup_status": "warming", "warmup_percent": 100}, True, False, False),
        ({"warmup_status": "warmed"}, True, True, False),
        ({"warmup_status": "suspended", "warmup_percent": 100}, False, False, False),
        ({"status": "provisioning"}, False, False, True),
        ({"status": "provisioning", "warmup_percent": 1}, False, False, False),
        ({"status": "active"}, True, False, False),
        ({"status": "active", "warmup_percent": 99.9}, True, False, False),
        ({"status": "active", "warmup_percent": 100}, True, True, False),
        ({"status": "deprovisioning", "warmup_percent": 100}, False, False, False),
        ({"warmup_percent": 100}, True, False, False),
    ],
)
def test_what_follows_from_a_status(
    fields: dict[str, object], *, can_send: bool, is_warmed: bool, may_be_new: bool
) -> None:
    ip = DedicatedIP.from_json({"id": "ip_1", **fields})
    assert (ip.can_send, ip.is_warmed, ip.may_be_new) == (can_send, is_warmed, may_be_new)


def test_an_ip_that_is_active_at_100_percent_is_warmed(world: World) -> None:
    ip = {"id": "ip_1", "status": "active", "warmup_percent": 100}
    reply = httpx.Response(200, json={"data": ip})
    world.transport = httpx.MockTransport(lambda _request: reply)
    assert world.run("wait", "ip_1", "--for", "warmed").code == 0
    assert world.waits == []


@pytest.mark.parametrize(
    ("fields", "has_begun"),
    [
        ({"warmup_status": "not_started"}, False),
        ({"warmup_status": "not_started", "warmup_percent": None}, False),
        ({"warmup_status": "not_started", "warmup_percent": 0}, False),
        ({"warmup_status": "not_started", "warmup_percent": "0"}, False),
        ({"warmup_status": "not_started", "warmup_percent": 0.1}, True),
        ({"warmup_status": "not_started", "warmup_percent": "62"}, True),
        ({"warmup_status": "not_started", "warmup_percent": "62%"}, True),
        ({"warmup_status": "not_started", "warmup_percent": 1e300}, True),
        ({"warmup_status": "warming", "warmup_percent": 0}, True),
        ({"warmup_status": "warmed"}, True),
        ({"warmup_status": "suspended"}, True),
        ({"warmup_status": "NOT_STARTED"}, True),
        ({"warmup_status": 0}, True),
        ({"status": "active"}, True),
        ({}, True),
    ],
)
def test_a_release_asks_unless_the_warm_up_surely_has_not_begun(
    world: World, fields: dict[str, object], *, has_begun: bool
) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        ip = {"id": "ip_1", **fields}
        return httpx.Response(200, json={"success": True, "ip": ip, "ips": [ip]})

    world.transport = httpx.MockTransport(answer)
    ran = world.run("release", "ip_1", "--json")
    assert ran.code == (2 if has_begun else 0)
    assert ("DELETE" in sent) is not has_begun
