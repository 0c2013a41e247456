"""Routes, keys, bodies, rate limit and latency."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY
from tests.emulator.conftest import EXAMPLE, IPS, NO_IP, NO_KEY, START, World

if TYPE_CHECKING:
    from collections.abc import Callable


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
