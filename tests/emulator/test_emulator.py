"""The emulator through its front door: in-process, over sockets, and from several processes."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misar_ips.emulator.faults import Faults, parse_fault
from misar_ips.emulator.handler import PLANS, Emulator
from misar_ips.emulator.server import EmulatorServer, is_loopback
from misar_ips.emulator.store import Store, default_path
from misar_ips.errors import ConfigError, UsageError
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IPS = "/dedicated-ips"
START = datetime(2026, 4, 1, 12, tzinfo=UTC)
NO_IP = {"success": False, "error": "Dedicated IP not found"}
NO_KEY = {
    "success": False,
    "error": "Invalid or missing API key. Use: Authorization: Bearer msk_...",
}
EXAMPLE = {
    "id": "ip_abc123",
    "address": "198.51.100.42",
    "rdns": "mail.yourdomain.com",
    "pool": "marketing",
    "warmup_status": "warming",
    "warmup_percent": 62,
    "daily_limit": 8000,
    "reputation_score": 84,
    "warmup_schedule": [
        {"day": 1, "limit": 200, "sent": 200, "done": True},
        {"day": 7, "limit": 1000, "sent": 1000, "done": True},
        {"day": 14, "limit": 4000, "sent": 3800, "done": False},
        {"day": 21, "limit": 10000, "sent": 0, "done": False},
        {"day": 28, "limit": 25000, "sent": 0, "done": False},
    ],
    "created_at": "2026-03-15T10:00:00Z",
}


class World:
    """One emulator in-process, with a real clock that only the test moves."""

    def __init__(self, path: Path, **options: Any) -> None:  # noqa: ANN401 - the emulator's own
        self.real_seconds = 1_800_000_000.123
        self.path = path
        self.store = Store(path, real_time=lambda: self.real_seconds)
        self.emulator = Emulator(self.store, **options)
        self.client = httpx.Client(
            transport=httpx.MockTransport(self.emulator),
            base_url="http://emulator/mail/v1",
            trust_env=False,
            headers={"Authorization": f"Bearer {KEY}"},
        )

    def details(self, ip_id: str) -> dict[str, Any]:
        ip: dict[str, Any] = self.client.get(f"{IPS}/{ip_id}").json()["ip"]
        return ip

    def order(self, **body: object) -> dict[str, Any]:
        ip: dict[str, Any] = self.client.post(IPS, json=body).json()["ip"]
        return ip

    def addresses(self) -> list[str]:
        return [ip["address"] for ip in self.client.get(IPS).json()["ips"]]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> World:  # noqa: ANN401 - the emulator's own
            made = World(tmp_path / "emulator.db", **options)
            stack.enter_context(made.client)
            return made

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


# --- what it starts with ---------------------------------------------------------------------


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


# --- ordering, changing, releasing -----------------------------------------------------------


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
    with pytest.raises(KeyError):
        Emulator(Store(tmp_path / "e.db"), plan="platinum")


# --- the clock -------------------------------------------------------------------------------


def test_the_clock_starts_with_the_state_and_runs_with_real_time(world: World) -> None:
    assert world.store.now() == START
    world.real_seconds += 90
    assert world.store.now() == START + timedelta(seconds=90)
    assert world.store.advance(timedelta(days=7)) == START + timedelta(days=7, seconds=90)
    reply = world.client.get(IPS)
    assert reply.headers["Date"] == "Wed, 08 Apr 2026 12:01:30 GMT"


@pytest.mark.parametrize("by", [timedelta(seconds=-1), timedelta.min, timedelta.max])
def test_the_clock_refuses_to_go_back_or_out_of_the_calendar(world: World, by: timedelta) -> None:
    with pytest.raises(UsageError):
        world.store.advance(by)
    assert world.store.now() == START


def test_a_new_ip_warms_up_over_four_weeks(world: World) -> None:
    ip_id = world.order(rdns="a.example.com")["id"]
    seen = []
    for hours in (23, 1, 12, 6 * 24 + 6, 27 * 24 - 6 * 24 - 18, 23, 1):
        world.store.advance(timedelta(hours=hours))
        seen.append(world.details(ip_id))
    assert [
        (ip["warmup_status"], ip["warmup_percent"], ip["daily_limit"], ip["reputation_score"])
        for ip in seen
    ] == [
        ("not_started", 0, 0, None),
        ("warming", 0, 200, 67),
        ("warming", 1, 200, 67),
        ("warming", 24, 1000, 73),
        ("warming", 96, 25000, 94),
        ("warming", 99, 25000, 94),
        ("warmed", 100, 25000, 95),
    ]
    assert [[step["sent"] for step in ip["warmup_schedule"]] for ip in seen] == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [100, 0, 0, 0, 0],
        [200, 750, 0, 0, 0],
        [200, 1000, 4000, 10000, 0],
        [200, 1000, 4000, 10000, 23958],
        [200, 1000, 4000, 10000, 25000],
    ]
    assert [[step["done"] for step in ip["warmup_schedule"]].count(True) for ip in seen] == [
        *(0, 0, 0, 1, 4, 4, 5)
    ]
    assert [ip["provisioned_at"] for ip in seen] == [None] + ["2026-04-02T12:00:00Z"] * 6
    assert {ip["created_at"] for ip in seen} == {"2026-04-01T12:00:00Z"}


def test_the_daily_limit_grows_every_day_between_the_steps(world: World) -> None:
    ip_id = world.order()["id"]
    limits = []
    for _ in range(28):
        world.store.advance(timedelta(days=1))
        limits.append(world.details(ip_id)["daily_limit"])
    assert [limits[day - 1] for day in (1, 4, 7, 14, 21, 28)] == [
        200,
        600,
        1000,
        4000,
        10000,
        25000,
    ]
    assert limits == sorted(set(limits))


def test_the_example_ip_follows_the_clock_from_its_start(world: World) -> None:
    world.store.advance(timedelta(days=1))
    next_day = world.details("ip_abc123")
    assert (next_day["warmup_percent"], next_day["daily_limit"]) == (64, 8286)
    assert next_day["warmup_schedule"] == EXAMPLE["warmup_schedule"]
    world.store.advance(timedelta(days=10))
    end = world.details("ip_abc123")
    assert end == {
        **EXAMPLE,
        "warmup_status": "warmed",
        "warmup_percent": 100,
        "daily_limit": 25000,
        "reputation_score": 95,
        "warmup_schedule": [
            {"day": 1, "limit": 200, "sent": 200, "done": True},
            {"day": 7, "limit": 1000, "sent": 1000, "done": True},
            {"day": 14, "limit": 4000, "sent": 3800, "done": False},
            {"day": 21, "limit": 10000, "sent": 10000, "done": True},
            {"day": 28, "limit": 25000, "sent": 25000, "done": True},
        ],
    }


def test_a_suspended_ip_stands_still(world: World) -> None:
    before = world.details("ip_ghi789")
    world.store.advance(timedelta(days=60))
    assert world.details("ip_ghi789") == before
    assert before["warmup_status"] == "suspended"


# --- routes, keys, bodies --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/mail/v1", f"/mail/v1{IPS}/", f"/mail/v1{IPS}/a/b", f"/mail/v2{IPS}", "/%00"]
)
def test_other_paths_are_not_found(world: World, path: str) -> None:
    reply = world.client.get(f"http://emulator{path}")
    assert (reply.status_code, reply.json()) == (404, {"success": False, "error": "Not found"})


@pytest.mark.parametrize(
    "segment", ["ip_nope", "..%2Fkeys%2Fk1", "a%2Fb", "%2E%2E", "a%3Fb", "%FF", "%00", "ip_ABC123"]
)
def test_an_unknown_id_is_one_segment_and_not_found(world: World, segment: str) -> None:
    for method in ("GET", "DELETE"):
        reply = world.client.request(method, f"{IPS}/{segment}")
        assert (reply.status_code, reply.json()) == (404, NO_IP)
    reply = world.client.patch(f"{IPS}/{segment}", json={"pool": "cold"})
    assert (reply.status_code, reply.json()) == (404, NO_IP)
    assert world.emulator.received[-1] == ("PATCH", f"/mail/v1{IPS}/{segment}")


def test_an_encoded_id_is_decoded_and_a_query_ignored(world: World) -> None:
    assert world.details("ip%5Fabc123?verbose=1") == EXAMPLE


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", IPS, "GET, POST"),
        ("PUT", f"{IPS}/ip_abc123", "GET, PATCH, DELETE"),
        ("POST", f"{IPS}/ip_abc123", "GET, PATCH, DELETE"),
    ],
)
def test_other_methods_are_refused(world: World, method: str, path: str, allowed: str) -> None:
    reply = world.client.request(method, path)
    assert (reply.status_code, reply.headers["Allow"]) == (405, allowed)
    assert reply.json() == {"success": False, "error": "Method Not Allowed"}


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer sk_1", f"Basic {KEY}", KEY, "Bearer msk_revoked_1", "msk_ x"],
)
def test_an_unknown_key_is_unauthorized(world: World, authorization: str) -> None:
    reply = world.client.get(IPS, headers={"Authorization": authorization})
    assert (reply.status_code, reply.json()) == (401, NO_KEY)


def test_a_key_without_the_scope_is_forbidden(world: World) -> None:
    reply = world.client.get(IPS, headers={"Authorization": "bearer msk_noscope1"})
    assert reply.status_code == 403
    assert reply.json() == {"success": False, "error": "API key does not have 'ips' scope"}


HOSTNAME = "Must be a hostname of at least two labels, such as mail.example.com."
POOL = "Must be 1 to 64 letters, digits, hyphens or underscores."


@pytest.mark.parametrize(
    ("body", "field_errors"),
    [
        ({"rdns": "localhost"}, {"rdns": [HOSTNAME]}),
        ({"rdns": "mail.example.com."}, {"rdns": [HOSTNAME]}),
        ({"rdns": "mail.example.com\n"}, {"rdns": [HOSTNAME]}),
        ({"rdns": "-a.example.com"}, {"rdns": [HOSTNAME]}),
        ({"rdns": "a_b.example.com"}, {"rdns": [HOSTNAME]}),
        ({"rdns": "mäil.example.com"}, {"rdns": [HOSTNAME]}),
        ({"rdns": f"{'a' * 64}.com"}, {"rdns": [HOSTNAME]}),
        ({"rdns": f"{'a.' * 126}aa"}, {"rdns": [HOSTNAME]}),
        ({"rdns": "\ud800.com"}, {"rdns": [HOSTNAME]}),
        ({"pool": ""}, {"pool": [POOL]}),
        ({"pool": "a b"}, {"pool": [POOL]}),
        ({"pool": "p" * 65}, {"pool": [POOL]}),
        ({"pool": 5}, {"pool": ["Expected a string."]}),
        ({"pool": None}, {"pool": ["Expected a string."]}),
        ({"a": "b", "\udcff": 1}, {"a": ["Unknown field."], "\udcff": ["Unknown field."]}),
        ({"rdns": [], "pool": "?"}, {"rdns": ["Expected a string."], "pool": [POOL]}),
    ],
)
def test_a_wrong_field_is_named(
    world: World, body: dict[str, object], field_errors: dict[str, list[str]]
) -> None:
    for method, path in (("POST", IPS), ("PATCH", f"{IPS}/ip_abc123")):
        reply = world.client.request(
            method,
            path,
            content=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        assert reply.status_code == 400
        assert reply.json() == {
            "success": False,
            "error": "Validation failed",
            "details": {"fieldErrors": field_errors, "formErrors": []},
        }
    assert world.details("ip_abc123") == EXAMPLE
    assert len(world.addresses()) == 4


@pytest.mark.parametrize("rdns", [f"{'a' * 63}.{'b-c'}", "1.2", f"{'a.' * 126}a"])
def test_a_hostname_at_the_limits_is_accepted(world: World, rdns: str) -> None:
    reply = world.client.patch(f"{IPS}/ip_abc123", json={"rdns": rdns})
    assert reply.json()["ip"]["rdns"] == rdns


@pytest.mark.parametrize(
    ("content", "form_errors"),
    [
        (b"", ["Give pool, rdns or both."]),
        (b"{}", ["Give pool, rdns or both."]),
        (b"[]", ["Expected an object."]),
        (b"null", ["Expected an object."]),
        (b"1e999", ["Expected an object."]),
    ],
)
def test_a_body_that_is_no_settings_is_refused(
    world: World, content: bytes, form_errors: list[str]
) -> None:
    reply = world.client.patch(
        f"{IPS}/ip_abc123", content=content, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code == 400
    assert reply.json() == {
        "success": False,
        "error": "Validation failed",
        "details": {"fieldErrors": {}, "formErrors": form_errors},
    }


BAD_JSON = [
    b"{",
    b'{"pool": NaN}',
    b"\xff\xfe",
    b'\xef\xbb\xbf{"pool": "a"}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"9" * 6_000,
    b" ",
]


@pytest.mark.parametrize("content", BAD_JSON)
def test_a_body_that_is_no_json_is_refused(world: World, content: bytes) -> None:
    reply = world.client.post(IPS, content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert reply.json() == {"success": False, "error": "The body is not valid JSON"}


def test_a_body_of_another_kind_or_size_is_refused(world: World) -> None:
    assert world.client.post(IPS, data={"pool": "a"}).status_code == 415
    assert world.client.post(IPS, content=b"{}").status_code == 415
    at_limit = b"{}" + b" " * (64 * 1024 - 2)
    headers = {"Content-Type": "application/json"}
    assert world.client.post(IPS, content=at_limit, headers=headers).status_code == 201
    assert world.client.post(IPS, content=at_limit + b" ", headers=headers).status_code == 413


@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    segment=st.text(st.characters(exclude_characters="/?#", exclude_categories=["Cs", "Cc"])),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
)
@settings(max_examples=60, deadline=None)
def test_no_request_is_answered_with_a_crash(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, segment: str, method: str
) -> None:
    world = World(tmp_path_factory.getbasetemp() / "any_request.db", rate_limit=0)
    with world.client:
        reply = world.client.request(
            method,
            f"{IPS}/{segment}",
            content=body,
            headers={"Content-Type": "application/json"},
        )
    assert reply.status_code < 500
    assert reply.json()["success"] is (reply.status_code < 400)


tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
paths = st.one_of(
    st.just("/mail/v1/dedicated-ips"),
    st.lists(st.sampled_from(["mail", "api", "v1", "dedicated-ips", "ip_abc123", "%", "%2F", ".."]))
    .map("/".join)
    .map("/{}".format),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?")).map(
        "/{}".format
    ),
)
header_names = st.sampled_from(
    ["Authorization", "Content-Type", "Content-Length", "Transfer-Encoding", "Host", "Accept"]
)
header_values = st.one_of(
    st.sampled_from([f"Bearer {KEY}", "application/json", "chunked", "-1", "application/json;;="]),
    st.text(st.characters(max_codepoint=255)),
)


@given(
    method=tokens | st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    path=paths,
    headers=st.lists(st.tuples(header_names, header_values), max_size=5),
    body=st.binary(max_size=100),
)
@settings(max_examples=200, deadline=None)
def test_no_method_path_or_header_is_answered_with_a_crash(
    tmp_path_factory: pytest.TempPathFactory,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    emulator = Emulator(Store(tmp_path_factory.getbasetemp() / "any_request.db"), rate_limit=0)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    url = httpx.URL(scheme="http", host="emulator", raw_path=path.encode())
    reply = emulator(httpx.Request(method, url, headers=raw, content=body))
    assert reply.status_code < 500
    assert reply.json()["success"] is (reply.status_code < 400)


# --- rate limit and latency ------------------------------------------------------------------


def test_the_61st_request_of_a_minute_is_refused(world: World) -> None:
    replies = [world.client.get(IPS) for _ in range(60)]
    reset = str(int(START.timestamp()) + 60)
    assert {reply.status_code for reply in replies} == {200}
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == [
        str(left) for left in range(59, -1, -1)
    ]
    assert {reply.headers["X-RateLimit-Reset"] for reply in replies} == {reset}
    world.real_seconds += 18
    refused = world.client.post(IPS)
    assert refused.status_code == 429
    assert refused.json() == {
        "success": False,
        "error": "Too many requests. Please slow down.",
        "retryAfter": 42,
    }
    assert refused.headers["Retry-After"] == "42"
    assert refused.headers["X-RateLimit-Limit"] == "60"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["X-RateLimit-Reset"] == reset
    other_key = {"Authorization": "Bearer msk_other"}
    assert world.client.get(IPS, headers=other_key).headers["X-RateLimit-Remaining"] == "59"
    world.real_seconds += 43
    assert world.client.get(IPS).headers["X-RateLimit-Remaining"] == "59"


def test_an_error_reply_carries_the_rate_limit_too(world: World) -> None:
    assert world.client.get(f"{IPS}/nope").headers["X-RateLimit-Remaining"] == "59"
    assert world.client.patch(f"{IPS}/nope").headers["X-RateLimit-Remaining"] == "58"
    assert "X-RateLimit-Limit" not in world.client.put(IPS).headers


def test_the_rate_limit_can_be_off(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit=0)
    replies = [world.client.get(IPS) for _ in range(70)]
    assert {reply.status_code for reply in replies} == {200}
    assert not [name for name in replies[0].headers if "ratelimit" in name]


def test_processes_share_the_rate_limit_and_no_file_holds_the_key(world: World) -> None:
    world.client.get(IPS)
    other = World(world.path)
    with other.client:
        assert other.client.get(IPS).headers["X-RateLimit-Remaining"] == "58"
    written = b"".join(file.read_bytes() for file in world.path.parent.iterdir())
    assert KEY.encode() not in written
    assert KEY[:12].encode() not in written


def test_latency_is_slept_before_each_reply(make_world: Callable[..., World]) -> None:
    naps: list[float] = []
    world = make_world(latency=1.5, sleep=naps.append)
    world.client.get(IPS)
    world.client.get(IPS)
    assert naps == [1.5, 1.5]


# --- faults ----------------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match=word):
        parse_fault(text)


# --- the file --------------------------------------------------------------------------------


def test_the_path_comes_from_the_environment_or_the_state_folder() -> None:
    assert default_path({"MISAR_IPS_EMULATOR_DB": "/x/y.db"}) == Path("/x/y.db")
    standard = default_path({})
    assert (standard.name, standard.parent.name) == ("emulator.db", "misar-ips")
    with pytest.raises(ConfigError, match=r"^MISAR_IPS_EMULATOR_DB is set but empty\.$"):
        default_path({"MISAR_IPS_EMULATOR_DB": ""})


def test_missing_folders_are_made_for_the_user_alone(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "b" / "e.db").ips()
    assert [folder.stat().st_mode & 0o777 for folder in (tmp_path / "a", tmp_path / "a" / "b")] == [
        *(0o700, 0o700)
    ]


def test_the_state_outlives_its_store(world: World) -> None:
    ip_id = world.order()["id"]
    world.store.advance(timedelta(days=3))
    world.store.close()
    later = World(world.path)
    with later.client:
        assert later.details(ip_id)["warmup_status"] == "warming"
        assert later.store.now() == START + timedelta(days=3)


def test_an_empty_file_becomes_a_state(tmp_path: Path) -> None:
    (tmp_path / "e.db").touch()
    assert len(Store(tmp_path / "e.db").ips()) == 4


def test_a_reset_starts_over_under_the_eyes_of_a_running_store(world: World) -> None:
    fresh = world.client.get(IPS).content
    world.order()
    world.store.advance(timedelta(days=30))
    Store(world.path, real_time=lambda: world.real_seconds).reset()
    reply = world.client.get(IPS)
    assert reply.content == fresh
    assert reply.headers["X-RateLimit-Remaining"] == "59"
    assert world.store.now() == START


def damaged_states(tmp_path: Path) -> list[bytes]:
    path = tmp_path / "sound.db"
    Store(path).ips()
    sound = path.read_bytes()
    return [
        b"no database at all\n" * 100,
        sound[: len(sound) // 2],
        sound[:100],
        sound[:5000] + b"\xff" * 9000 + sound[14000:],
        sound.replace(b"mail.yourdomain.com", b"\xff" * 19),
        sound.replace(b"CREATE TABLE ips", b"CREATE TABLE \xf2ps"),
    ]


def test_a_damaged_file_is_reported_and_kept_by_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    for content in damaged_states(tmp_path):
        path.write_bytes(content)
        store = Store(path)
        with pytest.raises(ConfigError) as caught:
            store.ips()
        assert str(path) in str(caught.value)
        assert "misar-ips emulator reset" in str(caught.value.hint)
        assert path.read_bytes() == content
        store.reset()
        assert store.ip("ip_abc123") == EXAMPLE
    assert (tmp_path / "e.db.damaged").exists()


def test_a_clock_that_was_lost_is_reported_and_mended(world: World) -> None:
    world.store.now()
    with contextlib.closing(sqlite3.connect(world.path)) as database:
        database.execute("DELETE FROM clock")
        database.commit()
    with pytest.raises(ConfigError, match="its clock is missing"):
        world.client.get(IPS)
    world.store.reset()
    assert world.store.now() == START


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    for use in (Store(path).ips, Store(path).reset):
        with pytest.raises(ConfigError, match="not the emulator's") as caught:
            use()
        assert "MISAR_IPS_EMULATOR_DB" in str(caught.value.hint)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_can_not_hold_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "e.db", tmp_path / "folder"):
        for use in (Store(path).ips, Store(path).reset):
            with pytest.raises(ConfigError, match="can't be used") as caught:
                use()
            assert str(path) in str(caught.value)
    assert (tmp_path / "folder").is_dir()


# --- many at once ----------------------------------------------------------------------------


def order_and_release(path: Path, barrier: Any, results: Any) -> None:  # noqa: ANN401 - unnamed types
    """Run in a process of its own: take IPs and give them back, and report what was seen."""
    store = Store(path)
    barrier.wait()
    held: list[str] = []
    most = 0
    for _ in range(25):
        ip = store.request("marketing", None, limit=5)
        if ip is not None:
            held.append(str(ip["id"]))
        addresses = [entry["address"] for entry in store.ips()]
        assert len(addresses) == len(set(addresses))
        most = max(most, len(addresses))
        store.count_request(KEY, 60)
        if held and most % 2:
            assert store.release(held.pop())
    results.put((most, len(held)))


def test_processes_at_once_make_one_state_and_keep_to_the_plan(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path, barrier, results = tmp_path / "new" / "e.db", context.Barrier(8), context.Queue()
    processes = [
        context.Process(target=order_and_release, args=(path, barrier, results)) for _ in range(8)
    ]
    for process in processes:
        process.start()
    seen = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert max(most for most, _ in seen) == 5
    store = Store(path)
    assert len(store.ips()) == 4 + sum(held for _, held in seen)
    assert store.count_request(KEY, 1000).remaining == 1000 - 8 * 25 - 1


def test_fifty_threads_order_no_more_than_the_plan_allows(tmp_path: Path) -> None:
    def order(_: int) -> int:
        # A store each: they share nothing but the file, as processes do.
        world = World(tmp_path / "e.db", rate_limit=0)
        with world.client:
            return world.client.post(IPS).status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(order, range(150)))
    assert (statuses.count(201), statuses.count(403)) == (1, 149)


SERVE = """
import sys
from pathlib import Path
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store

server = EmulatorServer(Emulator(Store(Path(sys.argv[1])), rate_limit=0), port=0)
print(server.base_url, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def serving_process(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_killed_server_loses_no_acknowledged_change(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "e.db", 0
    for _ in range(3):
        with serving_process(path) as (process, base_url):
            stop = threading.Timer(0.3, process.send_signal, [signal.SIGKILL])
            stop.start()
            with httpx.Client(
                base_url=base_url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
            ) as client:
                for number in range(acknowledged + 1, 100_000):
                    try:
                        reply = client.patch(f"{IPS}/ip_abc123", json={"rdns": f"n{number}.test"})
                    except httpx.TransportError:
                        break
                    assert reply.status_code == 200
                    acknowledged = number
            stop.join()
        kept = Store(path).ip("ip_abc123")
        assert kept is not None
        # The change that was under way may have been made; an acknowledged one must have been.
        assert kept["rdns"] in {f"n{acknowledged}.test", f"n{acknowledged + 1}.test"}
    assert acknowledged > 10


# --- over a socket ---------------------------------------------------------------------------


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    return Emulator(Store(tmp_path / "emulator.db"), rate_limit=0)


@pytest.fixture
def server(emulator: Emulator) -> Iterator[EmulatorServer]:
    with EmulatorServer(emulator, port=0) as serving:
        yield serving


@pytest.fixture
def browser(server: EmulatorServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(
        base_url=server.base_url, headers=headers, timeout=5, trust_env=False
    ) as client:
        yield client


def talk(server: EmulatorServer, message: bytes, *, leave: bool = False) -> bytes:
    """Send bytes as they are, and give every byte that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(message)
        if leave:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as replies:
            return replies.read()


def test_the_same_answers_over_a_socket(server: EmulatorServer, browser: httpx.Client) -> None:
    assert server.base_url == f"http://127.0.0.1:{server.port}/mail/v1"
    reply = browser.get(f"{IPS}/ip_abc123")
    assert reply.text == json.dumps({"success": True, "ip": EXAMPLE})
    assert len(reply.headers.get_list("Date")) == 1
    assert reply.headers["Date"].startswith("Wed, 01 Apr 2026 12:00:")
    ip_id = browser.post(IPS, json={"rdns": "a.example.com"}).json()["ip"]["id"]
    assert browser.patch(f"{IPS}/{ip_id}", json={"pool": "cold"}).json()["ip"]["pool"] == "cold"
    assert browser.delete(f"{IPS}/{ip_id}").json() == {"success": True}
    assert browser.get(f"{IPS}/a%2Fb").json() == NO_IP
    assert browser.head(IPS).status_code == 405
    assert browser.request("BREW", IPS).headers["Allow"] == "GET, POST"


def test_a_connection_is_kept_and_answers_at_once(browser: httpx.Client) -> None:
    browser.get(IPS)
    began = time.perf_counter()
    replies = [browser.post(IPS, json={"pool": "?"}) for _ in range(50)]
    # Two writes a reply would cost 40 ms each, two seconds in all.
    assert time.perf_counter() - began < 1.5
    assert {reply.headers["Connection"] for reply in replies} == {"keep-alive"}
    assert len({reply.extensions["network_stream"] for reply in replies}) == 1


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nno colon here\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"GET /\x01 HTTP/1.1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_malformed_http_is_refused(
    server: EmulatorServer, capfd: pytest.CaptureFixture[str], message: bytes, status: int
) -> None:
    head, _, body = talk(server, message).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close" in head
    assert head.count(b"\r\nDate: Wed, 01 Apr 2026") == 1
    assert json.loads(body)["success"] is False
    assert capfd.readouterr() == ("", "")


start_lines = st.one_of(
    st.binary(max_size=80),
    st.builds(
        b"%b %b %b".__mod__,
        st.tuples(
            st.sampled_from([b"GET", b"POST", b"", b"\x00", b"get"]),
            st.sampled_from([b"/", b"/mail/v1/dedicated-ips", b"*", b"http://[", b"//", b"\xff"]),
            st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/1.1.1", b"", b"\xff"]),
        ),
    ),
)
field_lines = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"Content-Length: 2",
            b"Content-Length: x",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Connection: close",
            f"Authorization: Bearer {KEY}".encode(),
            b" folded",
        ]
    ),
)


@given(start_line=start_lines, fields=st.lists(field_lines, max_size=4), body=st.binary(max_size=9))
@settings(
    max_examples=150,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one server for all is the point
)
def test_any_bytes_over_a_socket_are_answered_or_left(
    server: EmulatorServer,
    capfd: pytest.CaptureFixture[str],
    start_line: bytes,
    fields: list[bytes],
    body: bytes,
) -> None:
    message = b"\r\n".join([start_line, *fields, b"", body])
    answer = talk(server, message, leave=True)
    statuses = re.findall(rb"^HTTP/1\.1 (\d+) ", answer, re.MULTILINE)
    assert bool(statuses) == bool(answer)
    assert [status for status in statuses if int(status) >= 500] == []
    # Neither a traceback nor a log.
    assert capfd.readouterr() == ("", "")


def test_an_absurd_body_is_refused_unread(server: EmulatorServer) -> None:
    head = f"POST /mail/v1{IPS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n"
    began = time.perf_counter()
    reply = talk(server, f"{head}Content-Length: 99999999999\r\n\r\n{{".encode(), leave=True)
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert time.perf_counter() - began < 2


def test_a_large_body_is_refused_without_a_reset(server: EmulatorServer) -> None:
    head = f"POST /mail/v1{IPS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n"
    message = f"{head}Content-Length: 500000\r\n\r\n".encode() + b" " * 500_000
    assert talk(server, message, leave=True).startswith(b"HTTP/1.1 413 ")


def test_a_body_cut_off_is_not_carried_out(server: EmulatorServer, browser: httpx.Client) -> None:
    head = (
        f"POST /mail/v1{IPS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 9\r\n\r\n"
    )
    assert talk(server, f"{head}{{}}".encode(), leave=True) == b""
    assert len(browser.get(IPS).json()["ips"]) == 4


def test_half_open_clients_block_nobody(server: EmulatorServer, browser: httpx.Client) -> None:
    with contextlib.ExitStack() as stack:
        for part in (b"", b"G", b"GET /mail/v1 HTTP/1.1\r\nA", b"POST / HTTP/1.1\r\n") * 15:
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.sendall(part)
        assert browser.get(IPS).status_code == 200


def test_a_client_that_vanishes_leaves_no_trace(
    server: EmulatorServer, browser: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert browser.get(IPS).status_code == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("kind", "ordered"), [("reset", 4), ("lost-reply", 5)])
def test_a_dropped_connection_is_a_real_reset(
    emulator: Emulator, browser: httpx.Client, kind: str, ordered: int
) -> None:
    emulator.faults.add(f"POST:{kind}:1")
    with pytest.raises(httpx.ReadError, match="reset"):
        browser.post(IPS)
    assert len(browser.get(IPS).json()["ips"]) == ordered


def test_truncated_and_html_arrive_over_a_socket(emulator: Emulator, browser: httpx.Client) -> None:
    emulator.faults.add("GET:truncated:1")
    emulator.faults.add("GET:html:1")
    cut, page, whole = (browser.get(IPS) for _ in range(3))
    assert len(cut.content) == len(whole.content) // 2
    assert (page.status_code, page.text[:6]) == (502, "<html>")


def test_an_endless_reply_ends_when_its_client_leaves(
    emulator: Emulator, server: EmulatorServer, browser: httpx.Client
) -> None:
    emulator.faults.add("GET:endless:1")
    with browser.stream("GET", IPS) as reply:
        pieces = reply.iter_raw()
        assert sum(len(next(pieces)) for _ in range(100)) > 100_000
    assert browser.get(IPS).status_code == 200
    began = time.perf_counter()
    server.close()  # which waits a second for whatever is under way
    assert time.perf_counter() - began < 0.9


def test_a_hang_is_silent_until_the_client_leaves(
    emulator: Emulator, browser: httpx.Client
) -> None:
    emulator.faults.add("GET:hang:1")
    with pytest.raises(httpx.ReadTimeout):
        browser.get(IPS, timeout=0.2)
    assert browser.get(IPS).status_code == 200


def test_closing_ends_a_hang_at_once(emulator: Emulator) -> None:
    emulator.faults.add("GET:hang")
    with EmulatorServer(emulator, port=0) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(talk, server, b"GET / HTTP/1.1\r\n\r\n")
        while not emulator.received:
            time.sleep(0.001)
        began = time.perf_counter()
        server.close()
        assert time.perf_counter() - began < 0.9
        assert waiting.result(timeout=5) == b""
    with pytest.raises(ConnectionRefusedError):
        talk(server, b"")


def test_closing_lets_a_reply_under_way_finish(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        started.set()
        go_on.wait(5)

    emulator = Emulator(Store(tmp_path / "e.db"), latency=1, sleep=sleep)
    with EmulatorServer(emulator, port=0) as server, ThreadPoolExecutor(2) as pool:
        reply = pool.submit(talk, server, b"GET /x HTTP/1.1\r\n\r\n")
        assert started.wait(5)
        closed = pool.submit(server.close)
        with pytest.raises(TimeoutError):
            closed.result(timeout=0.2)
        go_on.set()
        assert reply.result(timeout=5).startswith(b"HTTP/1.1 404 ")
        closed.result(timeout=5)


def test_a_server_that_never_served_closes(emulator: Emulator) -> None:
    EmulatorServer(emulator, port=0).close()


def test_a_signal_handler_may_close_the_server(tmp_path: Path) -> None:
    stop_on_signal = SERVE.replace(
        "print(", "import signal\nsignal.signal(15, lambda *_: server.close())\nprint("
    )
    assert stop_on_signal != SERVE
    with subprocess.Popen(
        [sys.executable, "-c", stop_on_signal, str(tmp_path / "e.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_the_callers_to_handle(server: EmulatorServer, emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        EmulatorServer(emulator, port=server.port)


def test_ipv6_is_served_and_bracketed(emulator: Emulator) -> None:
    try:
        server = EmulatorServer(emulator, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert server.base_url == f"http://[::1]:{server.port}/mail/v1"
        assert httpx.get(f"{server.base_url}{IPS}", trust_env=False).json() == NO_KEY


def test_a_damaged_state_is_a_503_that_says_so(
    server: EmulatorServer, browser: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "emulator.db").write_bytes(b"no database" * 500)
    reply = browser.get(IPS)
    assert reply.status_code == 503
    assert "emulator.db can't be used" in reply.json()["error"]
    Store(tmp_path / "emulator.db").reset()
    assert browser.get(IPS).status_code == 200
    assert server.port


def test_loopback_hosts_are_told_from_others() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "192.0.2.1", "localhost.example.com")))  # noqa: S104 - nothing is bound


def test_many_clients_at_once_over_sockets(server: EmulatorServer) -> None:
    def client(_: int) -> list[int]:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(
            base_url=server.base_url, headers=headers, timeout=20, trust_env=False
        ) as browser:
            ordered = browser.post(IPS)
            addresses = [ip["address"] for ip in browser.get(IPS).json()["ips"]]
            assert len(addresses) == len(set(addresses)) <= 5
            return [ordered.status_code]

    with ThreadPoolExecutor(50) as pool:
        statuses = [status for seen in pool.map(client, range(50)) for status in seen]
    assert (statuses.count(201), statuses.count(403)) == (1, 49)
