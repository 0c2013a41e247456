"""Shapes and bytes of answers that are not the reference's, from the wire to what is said."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.listener import Listener

if TYPE_CHECKING:
    from tests.conftest import Ran, World

IP = {"id": "ip_1", "address": "198.51.100.42", "created_at": "2026-03-15T10:00:00Z"}


def answered(world: World, line: str, status: int, body: object, **headers: str) -> Ran:
    """Run the program against a server that answers everything alike."""
    world.transport = httpx.MockTransport(
        lambda _request: httpx.Response(status, json=body, headers=headers)
    )
    return world.run(*line.split())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {}),
        (402, None),
        (402, {"success": False, "error": "Payment required"}),
        (403, {"upgrade": True}),
        (429, {"upgrade": True}),
        (403, {"error": "No", "upgrade": {"urls": {"pricing": "https://misar.io/plans"}}}),
        (429, {"code": "plan_limit_exceeded"}),
    ],
)
@pytest.mark.parametrize("line", ["list", "request", "update ip_1 --pool cold"])
def test_a_plan_refusal_is_never_tried_again(
    world: World, line: str, status: int, body: object
) -> None:
    ran = answered(world, line, status, body)
    assert ran.code == 5
    assert "plan" in ran.stderr
    assert world.waits == []


@pytest.mark.parametrize("body", [{"upgrade": False}, {"upgrade": None}, {}])
def test_without_the_marks_of_a_plan_it_is_the_key(world: World, body: object) -> None:
    assert answered(world, "list", 403, body).code == 4


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": None},
        {"success": True, "ips": None},
        {"data": {"ips": None}},
        {"data": []},
        [],
    ],
)
def test_no_ips_in_any_shape(world: World, body: object) -> None:
    ran = answered(world, "list --json", 200, body)
    assert (ran.code, ran.stdout) == (0, "[]\n")


@pytest.mark.parametrize("body", [{"success": True}, {"data": "x"}, {"data": {}}, {"ips": {}}])
def test_what_holds_no_list_is_not_an_empty_one(world: World, body: object) -> None:
    assert answered(world, "list --json", 200, body).code == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"fieldErrors": {"rdns": ["must resolve"]}, "formErrors": ["not today"]}},
        {
            "error": "No",
            "details": {"fieldErrors": {"rdns": ["must resolve"]}, "formErrors": ["not today"]},
        },
        {"error": "No", "details": ["rdns: must resolve", "not today"]},
        {"details": [{"field": "rdns", "message": "must resolve"}, {"message": "not today"}]},
        {"errors": [{"path": "rdns", "message": "must resolve"}, "not today"]},
        {"title": "rdns: must resolve", "detail": "not today"},
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_every_message_of_a_refusal_is_shown(world: World, status: int, body: object) -> None:
    ran = answered(world, "update ip_1 --pool cold", status, body)
    assert ran.code == 8
    assert "rdns: must resolve" in ran.stderr
    assert "not today" in ran.stderr


@pytest.mark.parametrize(
    "date",
    [
        "Wed, 01 Apr 2026 12:00:00 GMT",
        "Wed, 01 Apr 2026 14:00:00 +0200",
        "Wed, 01 Apr 2026 07:00:00 EST",
        "Wed, 01 Apr 2026 12:00:00 -0000",
    ],
)
def test_the_servers_time_is_shown_in_utc(world: World, date: str) -> None:
    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    world.asleep = stop
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "80"}
    world.transport = httpx.MockTransport(
        lambda _request: httpx.Response(200, json={"ip": IP}, headers={"Date": date})
    )
    ran = world.run("show", "ip_1", "--watch", terminal="out")
    assert "As of 2026-04-01 12:00:00 UTC" in ran.stdout


@pytest.mark.parametrize("cuts", [[10], [1, 2, 30], []])
def test_gzip_of_several_members_is_read(world: World, cuts: list[int]) -> None:
    """As RFC 1952 section 2.2 has it, and as some caches put replies together."""
    body = json.dumps({"ips": [IP]}).encode()
    parts = zip([0, *cuts], [*cuts, len(body)], strict=True)
    content = b"".join(gzip.compress(body[start:end]) for start, end in parts)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(content)}\r\n\r\n"
    with Listener(head.encode() + content) as server:
        world.transport = None
        world.environ["MISARMAIL_BASE_URL"] = server.base_url
        ran = world.run("list", "--json")
    assert (ran.code, json.loads(ran.stdout)) == (0, [IP])
