"""Releasing IPs: what is shown, what is asked, what is sent, and what came of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import Ran

if TYPE_CHECKING:
    from tests.conftest import World

WARMING, WARMED, SUSPENDED, NOT_STARTED = "ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"

LOSSES_OF_WARMING = """\
ip_abc123  198.51.100.42  warming
  PTR hostname   mail.yourdomain.com
  Pool           marketing
  Warm-up        62%
  Reputation     84
  Created        17 days ago

"""
LOSSES_OF_WARMED = """\
ip_def456  198.51.100.17  warmed
  PTR hostname   tx.yourdomain.com
  Pool           transactional
  Warm-up        100%
  Reputation     98
  Provisioned    78 days ago

"""
LOSSES_OF_NOT_STARTED = """\
ip_jkl012  198.51.100.131  not_started
  PTR hostname   —
  Pool           transactional
  Warm-up        0%
  Reputation     —
  Created        0 days ago

"""
LAST_OF_POOL = "  Last of pool   yes, sends fall back to the shared pool\n"
CANCELLED = "Cancelled; nothing was changed.\n"
RELEASED_WARMING = "ip_abc123\t198.51.100.42\ttrue\n"
RELEASED_WARMED = "ip_def456\t198.51.100.17\ttrue\n"


@pytest.fixture(autouse=True)
def _no_colour(world: World) -> None:
    world.environ["NO_COLOR"] = "1"


def asked(world: World, answer: str, *arguments: str) -> Ran:
    """Run `release` at a terminal where somebody gives this answer; results go elsewhere."""
    return world.run("release", *arguments, stdin=answer, terminal="in err")


def ids_left(world: World) -> list[str]:
    return [str(ip["id"]) for ip in world.emulator.store.ips()]


def with_last_of_pool(losses: str) -> str:
    above, warm_up, below = losses.partition("  Warm-up")
    return above + LAST_OF_POOL + warm_up + below


def serving(world: World, ip: dict[str, object]) -> World:
    """Return the world another server, which has one IP and lets everything be done to it."""
    body = json.dumps({"success": True, "ip": ip, "ips": [ip]}).encode()
    return replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    )


# The question


def test_the_question_on_a_warming_ip(world: World) -> None:
    assert asked(world, "n\n", WARMING) == Ran(
        1, "", f"{LOSSES_OF_WARMING}Release ip_abc123? [y/N] {CANCELLED}"
    )
    assert WARMING in ids_left(world)
    assert world.received("DELETE") == []


def test_the_question_on_a_warmed_ip_says_what_is_lost_for_good(world: World) -> None:
    question = (
        "The reputation history of ip_def456 is discarded for good. Release ip_def456?\n[y/N] "
    )
    assert asked(world, "n\n", WARMED) == Ran(1, "", f"{LOSSES_OF_WARMED}{question}{CANCELLED}")


def test_one_question_for_several_after_all_were_shown(world: World) -> None:
    ran = asked(world, "y\n", WARMED, WARMING)
    assert ran.stderr == (
        f"{LOSSES_OF_WARMED}{LOSSES_OF_WARMING}"
        "The reputation history of ip_def456 is discarded for good. Release these 2 IPs?\n[y/N] "
    )
    assert ran.stdout == RELEASED_WARMED + RELEASED_WARMING
    assert ids_left(world) == [SUSPENDED, NOT_STARTED]


def test_one_that_has_something_to_lose_makes_all_be_shown(world: World) -> None:
    ran = asked(world, "n\n", NOT_STARTED, WARMING)
    question = "Release these 2 IPs? [y/N] "
    assert ran.stderr == f"{LOSSES_OF_NOT_STARTED}{LOSSES_OF_WARMING}{question}{CANCELLED}"


def test_an_ip_that_has_not_begun_goes_without_a_question(world: World) -> None:
    assert world.run("release", NOT_STARTED) == Ran(0, "ip_jkl012\t198.51.100.131\ttrue\n", "")
    assert world.received() == [
        "GET /mail/v1/dedicated-ips/ip_jkl012",
        "DELETE /mail/v1/dedicated-ips/ip_jkl012",
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"warmup_status": "warming", "warmup_percent": 0},
        {"warmup_status": "warmed"},
        {"warmup_status": "suspended", "warmup_percent": 0},
        {"warmup_status": "not_started", "warmup_percent": 1},
        {"warmup_status": "not_started", "warmup_percent": 0.5},
        {"warmup_status": "not_started", "warmup_percent": "62"},
        {"warmup_status": "active"},
        {"status": "provisioning"},
        {"warmup_status": None, "warmup_percent": 0},
        {},
    ],
)
def test_whatever_may_have_begun_is_asked_about(world: World, facts: dict[str, object]) -> None:
    ran = serving(world, {"id": "ip_1", **facts}).run("release", "ip_1")
    assert ran.code == 2


@pytest.mark.parametrize(
    "facts", [{"warmup_status": "warmed"}, {"status": "active", "warmup_percent": 100}]
)
def test_a_warmed_ip_is_known_by_every_name_for_it(world: World, facts: dict[str, object]) -> None:
    ran = asked(serving(world, {"id": "ip_1", **facts}), "n\n", "ip_1")
    assert "The reputation history of ip_1 is discarded for good." in ran.stderr


@pytest.mark.parametrize("percent", [{}, {"warmup_percent": 0}, {"warmup_percent": None}])
def test_what_has_surely_not_begun_is_not_asked_about(
    world: World, percent: dict[str, object]
) -> None:
    ip = {"id": "ip_1", "warmup_status": "not_started", **percent}
    assert serving(world, ip).run("release", "ip_1") == Ran(0, "ip_1\t\ttrue\n", "")


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "yes\n", "YES\n", " yes \n", "y"])
def test_answers_that_are_yes(world: World, answer: str) -> None:
    assert asked(world, answer, WARMING).code == 0
    assert WARMING not in ids_left(world)


@pytest.mark.parametrize(
    "answer",
    ["\n", "n\n", "N\n", "no\n", "yy\n", "ye\n", "yes!\n", "1\n", "true\n", "\uff59\n", "\ny\n"],
)
def test_answers_that_are_no(world: World, answer: str) -> None:
    ran = asked(world, answer, WARMING)
    assert (ran.code, ran.stdout) == (1, "")
    assert WARMING in ids_left(world)


def test_no_answer_at_all_is_no_and_ends_the_line(world: World) -> None:
    ran = asked(world, "", WARMING)
    assert ran == Ran(1, "", f"{LOSSES_OF_WARMING}Release ip_abc123? [y/N] \n{CANCELLED}")
    assert WARMING in ids_left(world)


def test_yes_answers_the_question(world: World) -> None:
    assert world.run("release", WARMED, "--yes") == Ran(0, RELEASED_WARMED, "")
    assert world.run("release", "-y", WARMING, "--json", terminal="in out err").code == 0


def test_a_refused_question_as_json(world: World) -> None:
    ran = world.run("release", WARMING, "--json", stdin="n\n", terminal="in err")
    cancelled = '{"error": {"code": "cancelled", "message": "Cancelled; nothing was changed."}}\n'
    assert ran == Ran(1, "", f"{LOSSES_OF_WARMING}Release ip_abc123? [y/N] {cancelled}")


# What is left in DNS


def test_people_are_told_which_dns_records_may_be_left(world: World) -> None:
    ran = world.run("release", "--yes", WARMING, NOT_STARTED, terminal="in out err")
    assert ran == Ran(
        0,
        "✓ Released ip_abc123 (198.51.100.42).\n✓ Released ip_jkl012 (198.51.100.131).\n",
        "DNS may still point at 198.51.100.42: the A record of mail.yourdomain.com, and\n"
        "SPF records with ip4:198.51.100.42.\n"
        "DNS may still point at 198.51.100.131: A records, and SPF records with\n"
        "ip4:198.51.100.131.\n",
    )


def test_scripts_are_told_nothing_of_dns(world: World) -> None:
    assert world.run("release", "--yes", WARMING, terminal="in err").stderr == ""
    assert world.run("release", "--yes", WARMED, "--json", terminal="in out err").stderr == ""


def test_dns_records_of_an_ipv6_address(world: World) -> None:
    ip = {"id": "x6", "address": "2001:db8::1", "rdns": "m\x1b.example.com"}
    world.transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"ip": ip}))
    ran = world.run("release", "--yes", "x6", terminal="out")
    assert ran.stderr == (
        "DNS may still point at 2001:db8::1: the AAAA record of m\\x1b.example.com, and SPF "
        "records with ip6:2001:db8::1.\n"
    )


def test_what_was_not_released_is_still_wanted_in_dns(world: World) -> None:
    world.emulator.faults.add("DELETE:409")
    assert "DNS" not in world.run("release", "--yes", WARMING, terminal="in out err").stderr


# The last IP of its pool


def test_the_last_ip_of_its_pool(world: World) -> None:
    world.emulator.store.release(SUSPENDED)
    shown = asked(world, "n\n", WARMING).stderr
    assert shown.startswith(with_last_of_pool(LOSSES_OF_WARMING))


def test_ips_that_go_together_are_the_last_of_their_pool_together(world: World) -> None:
    shown = asked(world, "n\n", WARMED, NOT_STARTED, WARMING).stderr
    assert shown.startswith(
        with_last_of_pool(LOSSES_OF_WARMED)
        + with_last_of_pool(LOSSES_OF_NOT_STARTED)
        + LOSSES_OF_WARMING
    )


def test_an_ip_without_a_pool_is_the_last_of_none(world: World) -> None:
    ran = asked(serving(world, {"id": "ip_1", "pool": None}), "n\n", "ip_1")
    assert ran.stderr == (
        "ip_1  no address yet  —\n"
        "  PTR hostname   —\n"
        "  Pool           —\n"
        "  Warm-up        —\n"
        "  Reputation     —\n"
        "  Provisioned    —\n\n"
        f"Release ip_1? [y/N] {CANCELLED}"
    )


def test_in_a_part_of_the_list_nobody_knows_whether_it_is_the_last(world: World) -> None:
    ip = {"id": "ip_1", "pool": "cold"}
    world.environ["COLUMNS"] = "200"
    world.transport = httpx.MockTransport(
        lambda _request: httpx.Response(200, json={"ips": [ip], "ip": ip, "total": 25})
    )
    ran = asked(world, "n\n", "ip_1")
    assert "Last of pool" not in ran.stderr
    assert ran.stderr.startswith("Warning: The server listed 1 of 25 IPs.\n")


# Nobody there to answer


@pytest.mark.parametrize("terminal", ["", "in", "err", "out err", "in out"])
def test_where_nobody_can_answer_nothing_is_sent_but_reads(world: World, terminal: str) -> None:
    world.environ["COLUMNS"] = "200"
    assert world.run("release", NOT_STARTED, WARMED, stdin="y\n", terminal=terminal) == Ran(
        2,
        "",
        "Error: To release ip_jkl012, ip_def456 needs a yes, and there is no terminal to ask on;"
        " nothing was changed. `--yes` releases without asking.\n",
    )
    assert world.received() == [
        "GET /mail/v1/dedicated-ips/ip_jkl012",
        "GET /mail/v1/dedicated-ips/ip_def456",
    ]


def test_where_nobody_can_answer_as_json(world: World) -> None:
    ran = world.run("release", WARMED, "--json")
    assert (ran.code, ran.stdout) == (2, "")
    assert json.loads(ran.stderr) == {
        "error": {
            "code": "confirmation_required",
            "message": "To release ip_def456 needs a yes, and there is no terminal to ask on;"
            " nothing was changed.",
            "hint": "`--yes` releases without asking.",
        }
    }


def test_an_ip_named_twice_gets_the_question_for_one(world: World) -> None:
    ran = asked(world, "n\n", "198.51.100.42", WARMING)
    assert ran.stderr == f"{LOSSES_OF_WARMING}Release ip_abc123? [y/N] {CANCELLED}"


def test_an_unknown_ip_among_known_ones_is_told_before_the_question_is_asked(world: World) -> None:
    world.environ["COLUMNS"] = "200"
    told = "Could not read ip_nosuch: Dedicated IP not found (HTTP 404)."
    ran = asked(world, "y\n", "ip_nosuch", WARMING)
    assert ran == Ran(
        6,
        f"ip_nosuch\t\tfalse\n{RELEASED_WARMING}",
        f"Warning: {told}\n{LOSSES_OF_WARMING}Release ip_abc123? [y/N] "
        f"Error: {told} `misar-ips list` shows the IPs of this account.\n",
    )


# Server text


def test_what_is_shown_before_a_release_is_inert(world: World) -> None:
    hostile = "a\x1b[31mb\nc\u202ed[bold]e"
    shown = r"a\x1b[31mb\nc\u202ed[bold]e"
    ip = {"id": "ip_1", "address": hostile, "rdns": hostile, "pool": hostile}
    ran = asked(serving(world, {**ip, "warmup_status": hostile}), "n\n", "ip_1")
    assert ran.stderr == (
        f"ip_1  {shown}  {shown}\n"
        f"  PTR hostname   {shown}\n"
        f"  Pool           {shown}\n"
        f"{LAST_OF_POOL}"
        "  Warm-up        —\n"
        "  Reputation     —\n"
        "  Provisioned    —\n\n"
        f"Release ip_1? [y/N] {CANCELLED}"
    )
