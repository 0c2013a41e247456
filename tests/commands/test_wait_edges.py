"""A wait at its edges: how near two looks may come, and what alone says that an IP is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.reference import IP

if TYPE_CHECKING:
    from tests.conftest import World

LEAST_PAUSE = 5.0  # seconds


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_two_looks_are_never_nearer_than_five_seconds(world: World, jitter: float) -> None:
    world = replace(world, jitter=jitter)
    ran = world.run(*("wait", "ip_abc123", "--for", "warmed", "--interval", "5", "--timeout", "18"))
    assert ran.code == 11
    assert min(world.waits[:-1]) >= LEAST_PAUSE
    assert sum(world.waits) == pytest.approx(18)  # the last one only waits for the end
    assert len(world.received()) == len(world.waits) > 2


def test_no_look_follows_that_would_come_too_soon(world: World) -> None:
    ran = world.run(
        *("wait", "ip_abc123", "--for", "warmed", "--interval", "60", "--timeout", "64")
    )
    assert ran.code == 11
    assert world.waits == [60, 4]
    assert len(world.received()) == 2


@pytest.mark.parametrize(("percent", "is_there"), [(0, False), (None, False), (1, True)])
def test_a_percent_alone_says_that_an_ip_is_provisioned(
    world: World, percent: int | None, *, is_there: bool
) -> None:
    ip = {**IP, "warmup_status": "not_started", "warmup_percent": percent}
    assert "provisioned_at" not in ip
    answer = httpx.MockTransport(lambda _request: httpx.Response(200, json={"ip": ip}))
    world = replace(world, transport=answer)
    ran = world.run("wait", "ip_abc123", "--for", "provisioned", "--timeout", "1h")
    assert ran.code == (0 if is_there else 11)
    assert (world.waits == []) is is_there
