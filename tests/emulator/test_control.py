"""What was asked can be seen, and faults and clock set, while the emulator runs."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.testing import emulated
from tests.conftest import KEY
from tests.emulator.conftest import IPS, World, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from misar_ips.emulator.handler import Emulator
    from misar_ips.emulator.server import EmulatorServer


@pytest.fixture
def control(server: EmulatorServer) -> Iterator[httpx.Client]:
    """Return a client without a key, below the base URL that scripts are told."""
    with httpx.Client(base_url=f"{server.base_url}/_emulator", trust_env=False) as client:
        yield client


def test_every_request_is_told_with_its_answer(
    browser: httpx.Client, control: httpx.Client
) -> None:
    browser.get(f"{IPS}?verbose=1")
    browser.post(IPS, json={"pool": "cold", "rdns": "a.example.com"})
    browser.patch(f"{IPS}/nope", content=b"pool=cold")
    browser.delete(f"{IPS}/a%2Fb", headers={"Authorization": ""})
    told = control.get("/requests").json()
    assert [(each["method"], each["path"], each["status"]) for each in told] == [
        ("GET", f"/mail/v1{IPS}?verbose=1", 200),
        ("POST", f"/mail/v1{IPS}", 201),
        ("PATCH", f"/mail/v1{IPS}/nope", 415),
        ("DELETE", f"/mail/v1{IPS}/a%2Fb", 401),
    ]
    assert [each["body"] for each in told] == [
        *(None, {"pool": "cold", "rdns": "a.example.com"}, "pool=cold", None)
    ]
    assert [each["key"] for each in told] == [*[KEY[:12]] * 3, None]
    assert {each["time"][:17] for each in told} == {"2026-04-01T12:00:"}
    assert all(each["milliseconds"] >= 0 for each in told)


def test_what_was_told_can_be_forgotten(browser: httpx.Client, control: httpx.Client) -> None:
    browser.get(IPS)
    assert control.delete("/requests").json() == []
    browser.post(IPS)
    assert [each["method"] for each in control.get("/requests").json()] == ["POST"]


@pytest.mark.parametrize("prefix", ["", "/mail/v1", "/api/v1"])
def test_it_is_there_at_the_root_and_below_both_base_urls(
    server: EmulatorServer, prefix: str
) -> None:
    root = f"http://127.0.0.1:{server.port}{prefix}/_emulator"
    assert httpx.get(f"{root}/requests", trust_env=False).json() == []
    assert httpx.get(f"{root}/other", trust_env=False).status_code == 404


def test_a_request_that_was_never_answered_has_no_status(
    emulator: Emulator, browser: httpx.Client, control: httpx.Client
) -> None:
    emulator.faults.add("POST:lost-reply:1")
    with pytest.raises(httpx.ReadError):
        browser.post(IPS)
    (lost,) = control.get("/requests").json()
    assert (lost["method"], lost["status"]) == ("POST", None)


def test_requests_that_the_api_never_saw_are_told_as_well(
    server: EmulatorServer, browser: httpx.Client, control: httpx.Client
) -> None:
    talk(server, b"garbage\r\n\r\n")
    browser.post(IPS, headers={"Origin": "https://evil.example"})
    told = [
        (each["method"], each["path"], each["status"]) for each in control.get("/requests").json()
    ]
    assert told == [("?", "", 400), ("POST", f"/mail/v1{IPS}", 403)]


def test_a_broken_state_is_told_of(world: World) -> None:
    world.path.write_bytes(b"no database" * 100)
    with pytest.raises(Exception, match="not a state"):
        world.client.get(IPS)
    (told,) = world.emulator.requests
    assert (told.method, told.status) == ("GET", 503)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b'{"pool": "cold"}', {"pool": "cold"}),
        (b"[1, null]", [1, None]),
        (b"\xff", "\ufffd"),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b"1e999", "1e999"),
        (b"[" * 999, "[" * 999),
        (b"[" * 100 + b"]" * 100, "[" * 100 + "]" * 100),
        (b" " * 60_000, " " * 1_000 + "…"),
        (f'{{"rdns": "{KEY}"}}'.encode(), {"rdns": KEY[:12]}),
    ],
)
def test_a_body_is_told_as_json_or_as_text(world: World, content: bytes, shown: object) -> None:
    world.client.post(IPS, content=content)
    told = world.client.get("http://emulator/_emulator/requests").json()
    assert told[0]["body"] == shown


def test_no_key_is_told(world: World) -> None:
    oauth = "ya29.a0AfB_byC-def0123456789"
    url = f"http://emulator/mail/v1{IPS}?key={KEY}&{oauth}"
    for authorization in (f"Bearer {KEY}", f"bearer {oauth}", KEY, f"Basic {oauth}"):
        world.emulator(httpx.Request("GET", url, headers={"Authorization": authorization}))
    told = json.dumps(world.emulator.requests.to_json())
    assert KEY not in told
    assert [each.key for each in world.emulator.requests] == [KEY[:12], "?", KEY[:12], "?"]
    assert [oauth in each.path for each in world.emulator.requests] == [True, False, True, False]


def test_a_path_is_plain_and_cut(world: World) -> None:
    world.client.get("http://emulator/%1b[31m" + "a" * 1_000)
    (told,) = world.emulator.requests
    assert told.path == "/%1b[31m" + "a" * 492 + "…"


def test_memory_stays_whatever_is_asked(world: World) -> None:
    world.client.get(IPS)
    tracemalloc.start()
    for number in range(200):
        url = f"http://emulator/{number}{'p' * 60_000}"
        world.emulator(httpx.Request("POST", url, content=b"x" * 60_000))
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(list(world.emulator.requests)) == 201
    assert used < 1_000_000


def test_the_latest_thousand_requests_are_kept(world: World) -> None:
    for number in range(1_010):
        world.client.get(f"/{number}")
    paths = [request.path for request in world.emulator.requests]
    assert paths == [f"/mail/v1/{number}" for number in range(10, 1_010)]


# Faults and clock


def test_faults_are_set_and_cleared_while_it_runs(
    browser: httpx.Client, control: httpx.Client
) -> None:
    assert control.post("/faults", content="GET:503:2").json() == ["GET:503:2"]
    both = ["GET:503:2", "POST:lost-reply:1@2"]
    assert control.post("/faults", json={"fault": "post:lost-reply:1@2"}).json() == both
    assert browser.get(IPS).status_code == 503
    assert browser.post(IPS).status_code == 201
    assert control.get("/faults").json() == ["GET:503:1", "POST:lost-reply:1"]
    assert control.delete("/faults").json() == []
    assert browser.get(IPS).status_code == 200


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "``: the method must be one of ANY, GET, POST, PATCH, DELETE."),
        (b"POST:slow", "`POST:slow`: the kind must be a status from 400 to 599, or plan-402, "),
        (b"POST:503:1@0", "`POST:503:1@0`: the number after @ must be a whole number above 0."),
        (b'{"fault": "FETCH:503"}', "`FETCH:503`: the method must be one of ANY, GET, "),
        (b"{}", "``: the method must be one of "),
        (b"\xff", "`\ufffd`: the method must be one of "),
    ],
)
def test_a_malformed_fault_is_refused(control: httpx.Client, content: bytes, error: str) -> None:
    refused = control.post("/faults", content=content)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(error)
    assert control.get("/faults").json() == []


def test_the_clock_moves_by_a_duration() -> None:
    with emulated() as running:
        advance = f"{running.url}/_emulator/advance"
        for body, now in (
            (b"7d", "2026-04-08T12:00:00Z"),
            (b'{"by": "1h30m"}', "2026-04-08T13:30:00Z"),
            (b'{"by": 90}', "2026-04-08T13:31:30Z"),
        ):
            moved = httpx.post(advance, content=body, trust_env=False)
            assert moved.json() == {"success": True, "now": now}
        for body in (b"", b"0", b"-7d", b"soon", b"9999999d", b"[]"):
            refused = httpx.post(advance, content=body, trust_env=False)
            assert refused.status_code == 400
            assert "Write it as 90s, 15m, 24h" in refused.json()["error"]


def test_methods_that_make_no_sense_are_refused(control: httpx.Client) -> None:
    for method, path in (("GET", "advance"), ("POST", "requests"), ("PUT", "faults")):
        assert control.request(method, f"/{path}").status_code == 405


def test_control_takes_no_key_costs_no_quota_and_meets_no_fault(world: World) -> None:
    world.emulator.faults.add("ANY:503")
    for _ in range(100):
        assert world.client.get("http://emulator/_emulator/requests").json() == []
    world.emulator.faults.clear()
    assert world.client.get(IPS).headers["X-RateLimit-Remaining"] == "59"


def test_an_emulator_by_itself_takes_seconds(world: World) -> None:
    moved = world.client.post("http://emulator/_emulator/advance", content=b"90")
    assert moved.json() == {"success": True, "now": "2026-04-01T12:01:30Z"}
    assert world.client.post("http://emulator/_emulator/advance", content=b"7d").status_code == 400
