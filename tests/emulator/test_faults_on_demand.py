"""Faults that are asked for."""

from __future__ import annotations

import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.faults import Faults, Rule
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.store import Store
from misar_ips.errors import UsageError
from tests.conftest import KEY
from tests.emulator.conftest import IPS, NO_IP, NO_KEY, START, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_any_status_can_be_asked_for_and_nothing_is_carried_out(world: World) -> None:
    for status in range(400, 600):
        world.emulator.faults.add(f"POST:{status}:1")
        reply = world.client.post(IPS)
        assert reply.status_code == status
        assert reply.json()["success"] is False
        assert reply.json()["error"]
        assert parsedate_to_datetime(reply.headers["Date"]) == START
    assert len(world.addresses()) == 4
    assert world.client.post(IPS).status_code == 201


def test_known_statuses_speak_as_the_api_does(world: World) -> None:
    def body(status: int) -> httpx.Response:
        world.emulator.faults.add(f"GET:{status}:1")
        return world.client.get(IPS)

    assert body(401).json() == NO_KEY
    assert body(404).json() == NO_IP
    assert body(503).json() == {"success": False, "error": "Service Unavailable"}
    assert body(400).json()["details"]["formErrors"] == ["Refused by a fault of the emulator."]
    busy = body(429)
    assert busy.json()["retryAfter"] == 1
    assert busy.headers["Retry-After"] == "1"
    assert busy.headers["X-RateLimit-Reset"] == str(int(START.timestamp()) + 1)


def test_html_is_a_proxys_page_and_nothing_is_carried_out(world: World) -> None:
    world.emulator.faults.add("POST:html")
    reply = world.client.post(IPS)
    assert reply.status_code == 502
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "<html>" in reply.text
    assert len(world.addresses()) == 4


def test_truncated_is_carried_out_and_its_body_cut(world: World) -> None:
    world.emulator.faults.add("POST:truncated")
    reply = world.client.post(IPS)
    assert reply.status_code == 200
    assert reply.text.startswith('{"success": true, "ip": {"id": "ip_')
    assert reply.headers["Content-Length"] == str(len(reply.content))
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert len(world.addresses()) == 5


@pytest.mark.parametrize(
    ("kind", "error", "ordered"),
    [
        ("reset", httpx.RemoteProtocolError, 4),
        ("lost-reply", httpx.RemoteProtocolError, 5),
        ("hang", httpx.ReadTimeout, 4),
    ],
)
def test_an_answer_that_never_comes(
    world: World, kind: str, error: type[httpx.TransportError], ordered: int
) -> None:
    world.emulator.faults.add(f"POST:{kind}:1")
    with pytest.raises(error) as caught:
        world.client.post(IPS)
    assert caught.value.request.method == "POST"
    assert len(world.addresses()) == ordered


def test_a_dripping_reply_takes_a_second_for_each_byte(make_world: Callable[..., World]) -> None:
    naps: list[float] = []
    world = make_world(sleep=naps.append)
    world.emulator.faults.add("POST:drip")
    drops: list[bytes] = []
    with world.client.stream("POST", IPS) as reply, pytest.raises(httpx.ReadTimeout):
        drops.extend(reply.iter_raw())
    assert (reply.status_code, b"".join(drops), naps) == (201, b" " * 600, [1] * 600)
    assert len(world.addresses()) == 5


def test_a_gzip_bomb_is_small_until_it_is_unpacked(world: World) -> None:
    world.emulator.faults.add("GET:gzip-bomb")
    with world.client.stream("GET", IPS) as reply:
        packed = b"".join(reply.iter_raw())
    assert len(packed) < 500_000
    assert len(zlib.decompress(packed, wbits=31)) == 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("twice-named", '{"success": false, "success": true, "ips": [{"id": "ip_abc123"'),
        ("nan", '{"odd": NaN, "success": true, '),
        ("long-number", f'{{"odd": {"9" * 5000}, "success": true, '),
        ("deep", f'{{"odd": {"[" * 100_000}{"]" * 100_000}, "success": true, '),
    ],
)
def test_an_odd_reply_is_the_true_one_with_something_before_it(
    world: World, kind: str, start: str
) -> None:
    true = world.client.get(IPS).text
    world.emulator.faults.add(f"GET:{kind}")
    odd = world.client.get(IPS).text
    assert odd.startswith(start)
    assert odd.endswith(true.removeprefix("{"))


def test_faults_are_counted_in_the_order_they_were_asked_for(world: World) -> None:
    for text in ("get:500:2", "ANY:503:1", "PATCH:502"):
        world.emulator.faults.add(text)
    assert [world.client.get(IPS).status_code for _ in range(4)] == [500, 500, 503, 200]
    assert world.client.patch(f"{IPS}/x").status_code == 502
    assert world.client.patch(f"{IPS}/x").status_code == 502


def test_a_counted_fault_strikes_no_more_often_among_threads(tmp_path: Path) -> None:
    emulator = Emulator(Store(tmp_path / "e.db"), rate_limit=0, faults=Faults(["GET:500:20"]))
    headers = {"Authorization": f"Bearer {KEY}"}
    request = httpx.Request("GET", f"http://emulator/mail/v1{IPS}", headers=headers)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: emulator(request).status_code, range(100)))
    assert (statuses.count(500), statuses.count(200)) == (20, 80)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "method"),
        ("POST", "kind"),
        ("FETCH:500", "method"),
        ("POST:399", "kind"),
        ("POST:600", "kind"),
        ("POST:slow", "lost-reply"),
        ("POST:\u0665\u0660\u0660", "kind"),
        ("POST:500:", "count"),
        ("POST:500:0", "count"),
        ("POST:500:-1", "count"),
        ("POST:500:" + "9" * 5000, "count"),
        ("POST:500:1:2", "count"),
    ],
)
def test_a_malformed_fault_says_what_is_allowed(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Rule.parse(text)
