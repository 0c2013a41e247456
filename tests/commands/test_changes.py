"""What `misar-ips changes` tells of an account that has changed since its last run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.commands.account import Account
from tests.commands.checked import BRIEF, HEALTHY, NETWORK, WORKING_LIST
from tests.conftest import Ran, World
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.store import Store

FIRST = "This is what later runs compare with: they tell what has changed since.\n"
NOTHING = "Nothing has changed.\n"


@pytest.fixture
def account(world: World, tmp_path: Path) -> Account:
    """Return an account of one IP that `changes` has seen."""
    account = Account(world, tmp_path / "state.json")
    account.put("ip_1", pool="a", warmup_status="warming", daily_limit=500, reputation_score=90)
    assert account.changes() == Ran(0, "", "")
    return account


# How it is told ----------------------------------------------------------------------------------


def test_a_week_of_the_emulators(world: World, store: Store, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    assert world.run("changes", "--state", state) == Ran(0, "", "")
    store.advance(timedelta(days=7))
    line = "ip_jkl012\t198.51.100.131\twarmup_status\tnot_started\twarming\n"
    assert world.run("changes", "--state", state) == Ran(0, f"2026-04-08T12:00:00Z\t{line}", "")
    assert world.run("changes", "--state", state) == Ran(0, "", "")


def test_in_json(world: World, store: Store, tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    assert world.run("changes", "--state", state, "--json") == Ran(0, "[]\n", "")
    assert world.run("changes", "--state", state, "--json") == Ran(0, "[]\n", "")
    store.advance(timedelta(days=7))
    ran = world.run("changes", "--state", state, "--json")
    assert json.loads(ran.stdout) == [
        {
            "time": "2026-04-08T12:00:00Z",
            "id": "ip_jkl012",
            "address": "198.51.100.131",
            "field": "warmup_status",
            "from": "not_started",
            "to": "warming",
        }
    ]


def test_on_a_terminal(world: World, store: Store, tmp_path: Path) -> None:
    world.environ["NO_COLOR"] = "1"
    state = str(tmp_path / "state.json")
    assert world.run("changes", "--state", state, terminal="out") == Ran(0, "", FIRST)
    assert world.run("changes", "--state", state, terminal="out") == Ran(0, "", NOTHING)
    store.advance(timedelta(days=7))
    ran = world.run("changes", "--state", state, terminal="out")
    assert ran == Ran(
        0,
        "ID         ADDRESS         CHANGED        FROM         TO\n"
        "ip_jkl012  198.51.100.131  warmup_status  not_started  warming\n",
        "",
    )


def test_no_line_is_wider_than_the_terminal(account: Account) -> None:
    account.world.environ["NO_COLOR"] = "1"
    for columns in (20, 40, 60, 80):
        account.world.environ["COLUMNS"] = str(columns)
        account.put("ip_1", rdns=f"mail{columns}.a-long-name.example.com", pool="x" * columns)
        lines = account.changes(terminal="out").stdout.splitlines()
        assert len(lines) == 3
        assert max(map(len, lines)) <= columns


def test_a_script_may_ask_by_exit_code(account: Account) -> None:
    assert account.changes("--exit-code") == Ran(0, "", "")
    account.put("ip_1", pool="b")
    ran = account.changes("--exit-code")
    assert (ran.code, ran.stderr) == (12, "Error: Changes found: 1.\n")
    assert ran.stdout.endswith("\tip_1\t198.51.100.42\tpool\ta\tb\n")
    account.put("ip_1", pool="c")
    ran = account.changes("--exit-code", "--json")
    assert json.loads(ran.stderr) == {"error": {"code": "changed", "message": "Changes found: 1."}}


# What is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "was", "now", "told"),
    [
        ("address", "198.51.100.42", "198.51.100.43", True),
        ("rdns", "a.example.com", "b.example.com", True),
        ("rdns", "a.example.com", None, True),
        ("rdns", None, "b.example.com", True),
        ("pool", "a", "b", True),
        ("warmup_status", "warming", "suspended", True),
        ("daily_limit", 500, 499, True),
        ("daily_limit", 500, 0, True),
        ("daily_limit", 500, 501, False),
        ("daily_limit", 500, None, False),
        ("daily_limit", 500, "a few", False),
        ("daily_limit", None, 500, False),
        ("warmup_status", "warming", 7, False),
        ("warmup_percent", 62, 61, False),
        ("created_at", "2026-03-15T10:00:00Z", "2026-03-16T10:00:00Z", False),
    ],
)
def test_what_is_told(account: Account, field: str, was: object, now: object, told: bool) -> None:  # noqa: FBT001 - a row
    account.put("ip_1", **{field: was})
    account.changes()
    account.put("ip_1", **{field: now})
    row = ("ip_1", field, *("" if value is None else str(value) for value in (was, now)))
    assert account.told() == ([row] if told else [])
    assert account.told() == []


def test_every_change_tells_every_field(account: Account) -> None:
    account.put("ip_1", warmup_percent=62, warmup_schedule=[{"day": 1, "limit": 200}], new=True)
    account.changes()
    account.put("ip_1", warmup_percent=63, daily_limit=501, reputation_score=89.5, new=False)
    account.put("ip_1", warmup_schedule=[{"day": 1, "limit": 300}])
    rows = {field: (was, now) for _, field, was, now in account.told("--every-change")}
    assert rows == {
        "warmup_percent": ("62", "63"),
        "daily_limit": ("500", "501"),
        "reputation_score": ("90", "89.5"),
        "warmup_schedule": ('[{"day": 1, "limit": 200}]', '[{"day": 1, "limit": 300}]'),
        "new": ("true", "false"),
    }
    assert account.told("--every-change") == []


def test_what_the_server_leaves_out_once_has_not_changed(account: Account) -> None:
    account.put("ip_1", rdns="a.example.com")
    account.changes()
    whole = account.ips["ip_1"]
    account.ips["ip_1"] = {"id": "ip_1"}
    assert account.told() == []
    account.ips["ip_1"] = {**whole, "daily_limit": 400}
    assert account.told() == [("ip_1", "daily_limit", "500", "400")]


def test_new_and_gone(account: Account) -> None:
    account.put("ip_2", address="198.51.100.43", pool="a")
    ran = account.changes()
    assert ran.stdout.split("\t")[1:] == ["ip_2", "198.51.100.43", "ip", "", "new\n"]
    del account.ips["ip_1"]
    ran = account.changes()
    assert ran.stdout.split("\t")[1:] == ["ip_1", "198.51.100.42", "ip", "", "gone\n"]
    account.put("ip_1")
    assert account.told() == [("ip_1", "ip", "", "new")]


@pytest.mark.parametrize("more", [{"total": 2}, {"has_more": True}, {"next": "/page/2"}])
def test_an_unfinished_list_makes_nothing_gone(account: Account, more: dict[str, object]) -> None:
    account.put("ip_2", pool="a")
    account.changes()
    gone = account.ips.pop("ip_1")
    account.put("ip_2", pool="b")
    account.listing = more
    ran = account.changes()
    assert ran.stderr.startswith("Warning: The server listed 1 of ")
    assert [line.split("\t")[1:] for line in ran.stdout.splitlines()] == [
        ["ip_2", "198.51.100.42", "pool", "a", "b"]
    ]
    account.listing = {}
    account.ips["ip_1"] = {**gone, "pool": "c"}
    assert account.told() == [("ip_1", "pool", "a", "c")]


# The reputation ----------------------------------------------------------------------------------


def slide(account: Account, *scores: float | None, options: tuple[str, ...] = ()) -> list[str]:
    """Return what is told of each of the scores, "" for nothing."""
    told = []
    for score in scores:
        account.put("ip_1", reputation_score=score)
        rows = account.told(*options)
        told.append(" ".join(f"{was}-{now}" for _, _, was, now in rows))
    return told


def test_a_slow_slide_is_told_once_it_has_fallen_by_five(account: Account) -> None:
    assert slide(account, 89, 88, 87, 86, 85, 84, 83, 82, 81, 80, 79) == [
        *("", "", "", "", "90-85"),
        *("", "", "", "", "85-80"),
        "",
    ]


def test_it_is_compared_with_the_highest_since_it_was_told(account: Account) -> None:
    assert slide(account, 86, 95, 91, 90) == ["", "", "", "95-90"]
    assert slide(account, 93, 88) == ["", "93-88"]


def test_a_reputation_that_is_not_known_has_not_fallen(account: Account) -> None:
    assert slide(account, None, None, 86, None, 85) == ["", "", "", "", "90-85"]


def test_how_far_it_falls_is_for_the_user_to_say(account: Account) -> None:
    drop = ("--reputation-drop", "0.5")
    assert slide(account, 89.6, 89.5, options=drop) == ["", "90-89.5"]
    assert slide(account, 80, options=("--reputation-drop", "20")) == [""]
    assert slide(account, 80) == ["89.5-80"]


def test_what_was_known_before_is_told_once(account: Account) -> None:
    assert slide(account, 80, options=("--reputation-drop", "20")) == [""]
    assert slide(account, None, None) == ["90-80", ""]


def test_what_every_change_told_is_not_told_again(account: Account) -> None:
    assert slide(account, 86, options=("--every-change",)) == ["90-86"]
    assert slide(account, 83, 81) == ["", "86-81"]


@pytest.mark.parametrize("drop", ["0", "-1", "nan", "x"])
def test_a_fall_that_is_no_fall(account: Account, drop: str) -> None:
    ran = account.changes("--reputation-drop", drop)
    assert (ran.code, ran.stdout) == (2, "")


# DNS and blocklists ------------------------------------------------------------------------------


PTR = f"42.{NETWORK} PTR mail.yourdomain.com."
LISTED = "42.100.51.198.bl.example A 127.0.0.2"


def told_with_dns(
    account: Account, records: list[str], *options: str, faults: dict[str, str] | None = None
) -> list[tuple[str, str, str, str]]:
    with DNSServer(records, faults or {}) as server:
        patient = replace(account.world, dns_limits=BRIEF)
        return replace(account, world=patient).told(*options, "--resolver", server.address)


def test_a_ptr_record_that_goes_and_comes(account: Account) -> None:
    records = HEALTHY[:2]
    assert told_with_dns(account, records, "--dns") == []
    assert told_with_dns(account, records, "--dns") == []
    assert told_with_dns(account, [], "--dns") == [("ip_1", "ptr", "pass", "fail")]
    assert told_with_dns(account, records, "--dns") == [("ip_1", "ptr", "fail", "pass")]
    # A run that does not ask has nothing to tell, and forgets nothing.
    assert account.told() == []
    assert told_with_dns(account, [PTR], "--dns") == [("ip_1", "forward", "pass", "fail")]


def test_a_resolver_that_refuses_between_two_listings_changes_nothing(account: Account) -> None:
    listed = [*WORKING_LIST, LISTED]
    refuses = {"2.0.0.127.bl.example": "refused"}
    ask = ("--blocklist", "bl.example")
    assert told_with_dns(account, WORKING_LIST, *ask) == []
    change = ("ip_1", "blocklist:bl.example", "pass", "fail")
    assert told_with_dns(account, listed, *ask) == [change]
    assert told_with_dns(account, listed, *ask, faults=refuses) == []
    assert told_with_dns(account, listed, *ask) == []
    back = ("ip_1", "blocklist:bl.example", "fail", "pass")
    assert told_with_dns(account, WORKING_LIST, *ask) == [back]


def test_blocklists_alone_tell_nothing_of_names(account: Account) -> None:
    ask = ("--blocklist", "bl.example")
    assert told_with_dns(account, [*HEALTHY, *WORKING_LIST], *ask) == []
    assert told_with_dns(account, WORKING_LIST, *ask) == []
    assert told_with_dns(account, WORKING_LIST, *ask, "--dns") == []
