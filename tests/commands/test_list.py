"""Listing IPs with their details: what could be read, and what could not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import Ran
from tests.output.shown import without_colour
from tests.reference import IP, LIST

if TYPE_CHECKING:
    from tests.conftest import World

DETAILS = ("8000\t84\t18\t0", "25000\t98\t79\t0", "2714\t38\t29\t9", "0\t\t\t")
BEHIND = {**IP, "warmup_schedule": [{"day": 1, "limit": 200, "sent": 0, "done": False}]}


def account_of(world: World, number: int, unread: tuple[int, ...] = ()) -> World:
    """Return the world a server with so many IPs, some of which can't be read."""
    ips = [{**BEHIND, "id": f"ip_{each}"} for each in range(number)]

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if name == "dedicated-ips":
            listed = [{**ip, "warmup_schedule": None, "daily_limit": None} for ip in ips]
            return httpx.Response(200, json={"ips": listed})
        if int(name.removeprefix("ip_")) in unread:
            return httpx.Response(500, json={"error": "Out of order"})
        return httpx.Response(200, json={"ip": {**BEHIND, "id": name}})

    return replace(world, transport=httpx.MockTransport(answer))


def test_details_are_appended_to_the_columns(world: World) -> None:
    lines = zip(LIST.splitlines(), DETAILS, strict=True)
    expected = "".join(f"{line}\t{more}\n" for line, more in lines)
    assert world.run("list", "--details") == Ran(0, expected, "")


def test_details_as_json_are_what_show_prints(world: World) -> None:
    listed = json.loads(world.run("list", "--details", "--json").stdout)
    ids = [ip["id"] for ip in listed]
    assert listed == [json.loads(world.run("show", each, "--json").stdout) for each in ids]


def test_details_go_together_with_filters_and_an_order(world: World) -> None:
    ran = world.run("list", "--details", "--pool", "marketing", "--sort", "warmup_percent")
    assert [line.split("\t")[0] for line in ran.stdout.splitlines()] == ["ip_ghi789", "ip_abc123"]
    assert len(world.received()) == 3


def test_all_of_many_are_read(world: World) -> None:
    ran = without_colour(account_of(world, 12), 80).run("list", terminal="out")
    assert ran.stdout.count("warming !") == 12
    assert "12 behind schedule or suspended (!)" in ran.stdout
    assert ran.stderr == ""


WHY = "Could not read ip_3: Out of order (HTTP 500)."


def test_what_could_not_be_read_is_marked_and_told(world: World) -> None:
    ran = without_colour(account_of(world, 12, unread=(3, 7)), 200).run("list", terminal="out")
    rows = [line.split() for line in ran.stdout.splitlines()[1:13]]
    assert [row[0] for row in rows if "?" in row] == ["ip_3", "ip_7"]
    assert rows[3][-2:] == ["?", "?"]  # reputation and limit
    assert "10 behind schedule or suspended (!), 2 not read (?)" in ran.stdout
    assert "may send at least 80,000 messages today (no limit known: ip_3, ip_7)" in ran.stdout
    assert ran.stderr == f"Warning: The details of 2 of 12 IPs could not be read. {WHY}\n"
    assert ran.code == 0


def test_what_could_not_be_read_is_a_question_mark_for_scripts(world: World) -> None:
    ran = account_of(world, 5, unread=(3,)).run("list", "--details")
    rows = [line.split("\t")[7:] for line in ran.stdout.splitlines()]
    assert rows[3] == ["?"] * 4
    assert "?" not in [field for row in (*rows[:3], rows[4]) for field in row]
    assert ran.stderr == f"Warning: The details of 1 of 5 IPs could not be read. {WHY}\n"


def test_what_could_not_be_read_has_no_warmup_in_json(world: World) -> None:
    ran = account_of(world, 5, unread=(3,)).run("list", "--details", "--json")
    assert [ip["warmup"] is None for ip in json.loads(ran.stdout)] == [False] * 3 + [True, False]
    assert json.loads(ran.stderr)["warning"]["message"].endswith(WHY)


@pytest.mark.parametrize("options", [[], ["--details"], ["--json"]])
def test_a_part_of_the_account_is_told(world: World, options: list[str]) -> None:
    answer = {"ips": [IP], "ip": IP, "total": 25}
    world.transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    ran = world.run("list", *options)
    assert (ran.code, "The server listed 1 of 25 IPs." in ran.stderr) == (0, True)
