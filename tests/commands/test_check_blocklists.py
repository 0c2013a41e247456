"""What `misar-ips check` says of blocklists, and which of them it asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from misar_ips.config.file import Profile
from misar_ips.config.profiles import save_profile
from tests.commands.checked import (
    BRIEF,
    HEALTHY,
    HEALTHY_NINE,
    IPV6,
    NIBBLES,
    WORKING_LIST,
    check,
    found_by,
)
from tests.conftest import KEY, Ran, World
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from pathlib import Path

NOT_LISTED = "Not listed on bl.example."
LISTED = "Listed on bl.example."
UNKNOWN = "Not known for bl.example: "
LISTS_ALL = f"{UNKNOWN}it lists everything, even 127.0.0.1: it is shut down, or taken over."
NO_TEST = f"{UNKNOWN}it lacks the test entry 127.0.0.2: no list, or it refuses this resolver."
NO_IPV6 = f"{UNKNOWN}it seems to hold IPv4 addresses only."
REFUSES = "it refuses public resolvers; ask through your own with `--resolver`"
NO_LISTING = "which no blocklist means as a listing"
NINE = "9.113.0.203.bl.example"
ONE = "1.0.0.127.bl.example"
TWO = "2.0.0.127.bl.example"
V6_TEST = "0.0.0.0.0.f.7.f.f.f.f." + ".".join("0" * 20) + ".bl.example"


def listed(world: World, records: list[str], address: str = "203.0.113.9") -> Ran:
    """Check whether bl.example, with these records, lists an address."""
    with DNSServer(records) as server:
        return check(world, server, address, "--json", "--blocklist", "bl.example")


@pytest.mark.parametrize(
    ("records", "status", "found", "message"),
    [
        (WORKING_LIST, "pass", [], NOT_LISTED),
        (
            [*WORKING_LIST, f"{NINE} A 127.0.0.4", f"{NINE} A 127.0.0.10", f'{NINE} TXT "Spam."'],
            "fail",
            ["127.0.0.4", "127.0.0.10"],
            f"{LISTED} It says: Spam.",
        ),
        ([*WORKING_LIST, f"{NINE} A 127.0.0.2"], "fail", ["127.0.0.2"], LISTED),
        ([f"{NINE} A 127.0.0.2"], "unknown", [], NO_TEST),
        (
            [*WORKING_LIST, f"{ONE} A 127.0.0.2", f"{NINE} A 127.0.0.2"],
            "unknown",
            [],
            LISTS_ALL,
        ),
        *(
            (
                [*WORKING_LIST, f"{NINE} A {code}"],
                "unknown",
                [],
                f"{UNKNOWN}it answered {code}, {NO_LISTING}.",
            )
            for code in ("203.0.113.80", "127.0.0.1")
        ),
    ],
)
def test_a_blocklist(
    world: World, records: list[str], status: str, found: list[str], message: str
) -> None:
    delist = "Stop what it was listed for, then ask the list to remove it."
    assert found_by(listed(world, records))[1:] == [
        {
            "name": "blocklist:bl.example",
            "status": status,
            "message": message,
            "hint": delist if status == "fail" else None,
            "found": found,
            "expected": [],
        }
    ]


@pytest.mark.parametrize(
    ("name", "code", "meaning"),
    [
        (TWO, "127.255.255.252", "there is a mistake in the zone's name"),
        (
            ONE,
            "127.255.255.254",
            "it refuses public resolvers; ask through your own with `--resolver`",
        ),
        (NINE, "127.255.255.255", "this resolver has asked it too often"),
        (NINE, "127.255.255.250", "an error"),
    ],
)
def test_an_error_of_a_list_is_not_a_listing(
    world: World, name: str, code: str, meaning: str
) -> None:
    working = [] if name == TWO else WORKING_LIST
    ran = listed(world, [*working, f"{name} A {code}", *HEALTHY_NINE])
    *_, blocklist = found_by(ran)
    assert (ran.code, blocklist["status"], blocklist["found"]) == (0, "unknown", [])
    assert blocklist["message"] == f"{UNKNOWN}it answered {code}: {meaning}."


@pytest.mark.parametrize("name", [TWO, NINE])
def test_a_list_that_does_not_answer_is_unknown(world: World, name: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer(WORKING_LIST, {name: "silent"}) as server:
        ran = check(world, server, "203.0.113.9", "--blocklist", "bl.example", "--json")
    assert found_by(ran)[-1]["message"] == f"{UNKNOWN}{server.address} did not answer in time."
    assert (f"{NINE} A" in server.asked) == (name == NINE)


def test_a_listing_counts_where_its_reason_is_lost(world: World) -> None:
    records = [*WORKING_LIST, f"{NINE} A 127.0.0.2"]
    with DNSServer(records, {f"{NINE} TXT": "servfail"}) as server:
        ran = check(world, server, "203.0.113.9", "--blocklist", "bl.example", "--json")
    *_, blocklist = found_by(ran)
    assert (blocklist["status"], blocklist["message"]) == ("fail", LISTED)


@pytest.mark.parametrize(
    ("records", "status", "message"),
    [
        ([*WORKING_LIST, f"2.{V6_TEST} A 127.0.0.2"], "pass", NOT_LISTED),
        ([f"2.{V6_TEST} A 127.0.0.2"], "pass", NOT_LISTED),
        (WORKING_LIST, "unknown", NO_IPV6),
        ([*WORKING_LIST, f"{NIBBLES}.bl.example A 127.0.0.3"], "fail", LISTED),
        ([*WORKING_LIST, f"1.{V6_TEST} A 127.0.0.3"], "unknown", LISTS_ALL),
        ([], "unknown", NO_TEST),
    ],
)
def test_a_blocklist_and_an_ipv6_address(
    world: World, records: list[str], status: str, message: str
) -> None:
    _, blocklist = found_by(listed(world, records, address=IPV6))
    assert (blocklist["status"], blocklist["message"]) == (status, message)


def test_each_list_is_tested_once_for_all_ips(world: World) -> None:
    with DNSServer([*WORKING_LIST, *HEALTHY]) as server:
        check(world, server, "--blocklist", "bl.example", "--blocklist", "BL.example.")
    asked = [name for name in server.asked if "bl.example" in name]
    ips = [f"{each}.100.51.198.bl.example A" for each in (42, 17, 88, 131)]
    assert sorted(asked) == sorted([f"{ONE} A", f"{TWO} A", *ips])
    assert {*asked[:2]} == {f"{ONE} A", f"{TWO} A"}


# Which lists


USUAL = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"]


@pytest.mark.parametrize(
    ("configured", "options", "zones"),
    [
        (None, [], []),
        (None, ["--blocklists"], USUAL),
        (
            None,
            ["--blocklist", "a.example", "--blocklist", "b.example"],
            ["a.example", "b.example"],
        ),
        (None, ["--blocklists", "--blocklist", "a.example"], [*USUAL, "a.example"]),
        ('["A.example.", "c.example"]', [], []),
        ('["A.example.", "c.example"]', ["--blocklists"], ["a.example", "c.example"]),
        ('["a.example"]', ["--blocklist", "b.example"], ["b.example"]),
        ('["a.example"]', ["--blocklists", "--blocklist", "a.example"], ["a.example"]),
        ("[]", ["--blocklists"], []),
    ],
)
def test_which_lists_are_asked(
    world: World, tmp_path: Path, configured: str | None, options: list[str], zones: list[str]
) -> None:
    if configured:
        _configure(world, tmp_path, f"blocklists = {configured}\n")
    names = [each["name"] for each in found_by(world.run("check", IPV6, "--json", *options))]
    assert names[1:] == [f"blocklist:{zone}" for zone in zones]


@pytest.mark.parametrize("value", ["1", '"a.example"', "[1]", '["a..b"]', '["\\u001b.example"]'])
def test_a_configured_list_that_is_not_one(world: World, tmp_path: Path, value: str) -> None:
    _configure(world, tmp_path, f"blocklists = {value}\n")
    ran = world.run("check", IPV6, "--blocklists")
    assert (ran.code, ran.stdout, "blocklists" in ran.stderr) == (3, "", True)
    assert "\x1b" not in ran.stderr
    assert world.run("list").code == 0


def test_configured_lists_survive_a_new_profile(world: World, tmp_path: Path) -> None:
    _configure(world, tmp_path, 'blocklists = ["a.example"]\n')
    profile = Profile("work", api_key=KEY)
    save_profile(world.environ, profile, make_default=True, replacing=False)
    names = [each["name"] for each in found_by(world.run("check", IPV6, "--json", "--blocklists"))]
    assert names == ["ptr", "blocklist:a.example"]


def _configure(world: World, tmp_path: Path, content: str) -> None:
    file = tmp_path / "lists.toml"
    file.write_text(content)
    file.chmod(0o600)
    world.environ["MISAR_IPS_CONFIG"] = str(file)


# A key in a list's name


LIST_KEY = "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (f"{LIST_KEY}.zen.dq.spamhaus.net", "KEY.zen.dq.spamhaus.net"),
        ("short.sbl.dq.spamhaus.net", "KEY.sbl.dq.spamhaus.net"),
        (f"{LIST_KEY}.combined.mail.abusix.zone", "KEY.combined.mail.abusix.zone"),
        ("zen.spamhaus.org", "zen.spamhaus.org"),
    ],
)
@pytest.mark.parametrize("format_", ["--json", "--debug"])
@pytest.mark.parametrize("terminal", ["", "out err"])
def test_a_key_in_a_lists_name_is_not_shown(
    world: World, zone: str, shown: str, format_: str, terminal: str
) -> None:
    key = zone.partition(".")[0]
    entry = f"9.113.0.203.{zone}"
    texts = [f'{entry} TXT "See https://{zone}/"', f"{entry} A 127.0.0.2"]
    with DNSServer([f"2.0.0.127.{zone} A 127.0.0.2", *texts]) as server:
        arguments = ["check", "203.0.113.9", "--blocklist", zone.upper(), format_]
        ran = world.run(*arguments, "--resolver", server.address, terminal=terminal)
    said = ran.stdout + ran.stderr
    assert (key in said.lower()) == (shown == zone)
    if format_ == "--json":
        blocklist = json.loads(ran.stdout)[0]["checks"][-1]
        assert blocklist["name"] == f"blocklist:{shown}"
        assert blocklist["message"] == f"Listed on {shown}. It says: See https://{shown}/"
    else:
        assert f"debug: A 9.113.0.203.{shown}.: " in said


@pytest.mark.parametrize("how", ["typed", "configured"])
def test_a_key_in_a_name_that_is_not_a_zone_is_not_shown(
    world: World, tmp_path: Path, how: str
) -> None:
    zone = f"{LIST_KEY}._zen.dq.spamhaus.net"
    _configure(world, tmp_path, f'blocklists = ["{zone}"]\n' if how == "configured" else "")
    options = ["--blocklists"] if how == "configured" else ["--blocklist", zone]
    ran = world.run("check", IPV6, *options)
    assert (ran.code, LIST_KEY in ran.stderr) == (3 if how == "configured" else 2, False)
