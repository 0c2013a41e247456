"""`misar-ips check`, run whole against a DNS server on loopback: what it finds and what it says."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips.config.file import Profile
from misar_ips.config.profiles import save_profile
from misar_ips.dns.nameservers import Nameserver
from misar_ips.dns.resolver import Limits
from misar_ips.dns.verdicts import looks_generic
from tests.conftest import KEY, Ran, World, run_process
from tests.dns.server import DNSServer
from tests.test_terminal import CTRL_C, TerminalRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from misar_ips.emulator.server import EmulatorServer

NETWORK = "100.51.198.in-addr.arpa"
HEALTHY = [
    f"42.{NETWORK} PTR Mail.YourDomain.com.",  # names are compared without regard to case
    "mail.yourdomain.com A 198.51.100.42",
    f"17.{NETWORK} PTR tx.yourdomain.com.",
    "tx.yourdomain.com CNAME mta.yourdomain.com.",
    "mta.yourdomain.com A 198.51.100.17",
]
WORKING_LIST = ["2.0.0.127.bl.example A 127.0.0.2"]
IPV6 = "2001:db8::9"
NIBBLES = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
V6_TEST = "2.0.0.0.0.0.f.7.f.f.f.f." + ".".join("0" * 20)
BRIEF = Limits(one_try=0.1)


def check(world: World, server: DNSServer, *arguments: str) -> Ran:
    return world.run("check", *arguments, "--resolver", server.address)


def found_by(ran: Ran) -> list[dict[str, Any]]:
    """Return the checks of the one IP that was checked with --json."""
    [ip] = json.loads(ran.stdout)
    assert ip["ok"] == (ran.code == 0)
    assert set(ip) == {"id", "address", "ok", "checks"}
    for each in ip["checks"]:
        assert set(each) == {"name", "status", "found", "expected", "message"}
    return list(ip["checks"])


def statuses_of(ran: Ran) -> dict[str, str]:
    return {each["name"]: each["status"] for each in found_by(ran)}


def with_ip(world: World, **fields: object) -> World:
    """Return a world whose account has one IP with these fields."""
    ip = {"id": "ip_x", "warmup_status": "warmed", **fields}

    def answer(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/dedicated-ips")
        return httpx.Response(200, json={"ips": [ip]} if is_list else {"ip": ip})

    return replace(world, transport=httpx.MockTransport(answer))


def test_everything_in_order(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "ip_def456")
    name = "tx.yourdomain.com"
    lines = [
        f"ptr\tpass\t{name}\t{name}\tThe PTR record is {name}, as set at MisarMail.",
        "forward\tpass\t198.51.100.17\t198.51.100.17\ttx.yourdomain.com resolves to 198.51.100.17.",
        "hostname\tpass\ttx.yourdomain.com\t\tThe name does not look generic.",
        "warmup\tpass\twarmed\t\tWarmed.",
    ]
    assert ran == Ran(0, "".join(f"ip_def456\t198.51.100.17\t{line}\n" for line in lines), "")


def test_json_of_an_ip_whose_name_resolves_elsewhere(world: World) -> None:
    records = [HEALTHY[0], "mail.yourdomain.com A 192.0.2.1", "mail.yourdomain.com A 192.0.2.2"]
    with DNSServer(records) as server:
        ran = check(world, server, "198.51.100.42", "--json")
    assert json.loads(ran.stdout) == [
        {
            "id": "ip_abc123",
            "address": "198.51.100.42",
            "ok": False,
            "checks": [
                {
                    "name": "ptr",
                    "status": "pass",
                    "found": "Mail.YourDomain.com",
                    "expected": "mail.yourdomain.com",
                    "message": "The PTR record is Mail.YourDomain.com, as set at MisarMail.",
                },
                {
                    "name": "forward",
                    "status": "fail",
                    "found": "192.0.2.1, 192.0.2.2",
                    "expected": "198.51.100.42",
                    "message": "Mail.YourDomain.com does not resolve to 198.51.100.42. Publish: "
                    "Mail.YourDomain.com. IN A 198.51.100.42",
                },
                {
                    "name": "hostname",
                    "status": "pass",
                    "found": "Mail.YourDomain.com",
                    "expected": None,
                    "message": "The name does not look generic.",
                },
                {
                    "name": "warmup",
                    "status": "pass",
                    "found": "warming",
                    "expected": "on schedule",
                    "message": "On schedule, day 18.",
                },
            ],
        }
    ]
    assert ran.code == 12
    assert json.loads(ran.stderr) == {
        "error": {
            "code": "check_failed",
            "message": "ip_abc123 failed the check.",
            "hint": "What to do stands beside each failure.",
        }
    }


def test_all_ips_are_checked_where_none_is_named(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "--json")
    assert [(ip["id"], ip["ok"]) for ip in json.loads(ran.stdout)] == [
        ("ip_abc123", True),
        ("ip_def456", True),
        ("ip_ghi789", False),
        ("ip_jkl012", False),
    ]
    assert ran.code == 12
    assert len(world.received()) == 5


def test_an_ip_that_is_named_twice_is_checked_once(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "ip_def456", "198.51.100.17", "ip_def456", "--json")
    assert [ip["id"] for ip in json.loads(ran.stdout)] == ["ip_def456"]
    assert server.asked == [f"17.{NETWORK} PTR", "tx.yourdomain.com A"]


def test_an_account_without_ips(world: World) -> None:
    empty = replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"ips": []}))
    )
    hint = "No dedicated IPs yet; `misar-ips request` orders one.\n"
    assert empty.run("check") == Ran(0, "", hint)
    assert empty.run("check", "--json") == Ran(0, "[]\n", "")


def test_an_unknown_id(world: World) -> None:
    ran = world.run("check", "ip_nosuch", "203.0.113.9")
    assert (ran.code, ran.stdout) == (6, "")
    assert ran.stderr.startswith("Error: Could not read ip_nosuch: ")


DANGLING = "it is an alias (CNAME) of gone.example, which does not exist"
CIRCLE = "its aliases (CNAME) lead in a circle, or to too many others"
PTR = f"42.{NETWORK} PTR"
COMMAND = "`misar-ips update ip_abc123 --rdns mail.yourdomain.com` has MisarMail publish it"
PTR_RECORD = f"42.{NETWORK}. IN PTR mail.yourdomain.com."


@pytest.mark.parametrize(
    ("records", "found", "message"),
    [
        ([], None, "There is no PTR record."),
        (
            [f"42.{NETWORK} CNAME gone.example."],
            None,
            f"There is no PTR record ({DANGLING}).",
        ),
        (
            [f"{PTR} other.example."],
            "other.example",
            "The PTR record is other.example, but mail.yourdomain.com is set at MisarMail.",
        ),
        (
            [f"{PTR} mail.yourdomain.com.", f"{PTR} other.example."],
            "mail.yourdomain.com, other.example",
            "There are 2 PTR records; receivers want exactly one.",
        ),
    ],
)
def test_a_ptr_that_is_not_as_it_should_be(
    world: World, records: list[str], found: str | None, message: str
) -> None:
    with DNSServer(records) as server:
        ptr, *_ = found_by(check(world, server, "ip_abc123", "--json"))
    assert ptr == {
        "name": "ptr",
        "status": "fail",
        "found": found,
        "expected": "mail.yourdomain.com",
        "message": f"{message} {COMMAND}, within a day: {PTR_RECORD}",
    }


@pytest.mark.parametrize(
    ("rdns", "ptr"),
    [
        ("mail.example.com.", "mail.example.com"),
        ("MAIL.Example.COM", "mail.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        (None, "anything.example"),
    ],
)
def test_names_are_compared_as_dns_compares_them(world: World, rdns: str | None, ptr: str) -> None:
    records = [f"9.113.0.203.in-addr.arpa PTR {ptr}.", f"{ptr} A 203.0.113.9"]
    with DNSServer(records) as server:
        ran = check(with_ip(world, address="203.0.113.9", rdns=rdns), server, "--json")
    assert statuses_of(ran) == dict.fromkeys(["ptr", "forward", "hostname", "warmup"], "pass")


@pytest.mark.parametrize("rdns", ["a..b", "\x1b[31m", "x" * 300, "ü..b"])
def test_an_rdns_that_is_no_name(world: World, rdns: str) -> None:
    with DNSServer([]) as server:
        ran = check(with_ip(world, address="203.0.113.9", rdns=rdns), server)
    assert ran.code == 12
    assert "\x1b" not in ran.stdout
    assert ran.stdout.splitlines()[1].split("\t")[2:4] == ["forward", "fail"]


def test_without_a_ptr_the_name_that_is_set_is_looked_up(world: World) -> None:
    with DNSServer(["mail.yourdomain.com A 198.51.100.42"]) as server:
        ran = check(world, server, "ip_abc123", "--json")
    assert statuses_of(ran) == {
        "ptr": "fail",
        "forward": "pass",
        "hostname": "pass",
        "warmup": "pass",
    }


def test_without_any_name_there_is_nothing_to_look_up(world: World) -> None:
    with DNSServer([]) as server:
        ptr, warm_up = found_by(check(world, server, "ip_jkl012", "--json"))
    assert ptr["message"] == (
        "There is no PTR record. `misar-ips update ip_jkl012 --rdns HOSTNAME` has MisarMail "
        "publish one."
    )
    assert (ptr["expected"], warm_up["status"]) == (None, "pass")


@pytest.mark.parametrize(
    ("records", "found", "message"),
    [
        ([], None, "mail.yourdomain.com does not exist."),
        (["mail.yourdomain.com AAAA ::1"], None, "mail.yourdomain.com has no A record."),
        (
            ["mail.yourdomain.com CNAME gone.example."],
            None,
            f"mail.yourdomain.com does not exist ({DANGLING}).",
        ),
        (
            ["mail.yourdomain.com CNAME a.example.", "a.example CNAME mail.yourdomain.com."],
            None,
            f"mail.yourdomain.com has no A record ({CIRCLE}).",
        ),
    ],
)
def test_a_name_that_does_not_lead_back(
    world: World, records: list[str], found: str | None, message: str
) -> None:
    with DNSServer([f"{PTR} mail.yourdomain.com.", *records]) as server:
        _, forward, *_ = found_by(check(world, server, "ip_abc123", "--json"))
    assert forward == {
        "name": "forward",
        "status": "fail",
        "found": found,
        "expected": "198.51.100.42",
        "message": f"{message} Publish: mail.yourdomain.com. IN A 198.51.100.42",
    }


@pytest.mark.parametrize("fault", ["servfail", "silent"])
@pytest.mark.parametrize("name", [f"42.{NETWORK}", "mail.yourdomain.com"])
def test_what_dns_does_not_tell_is_unknown(world: World, name: str, fault: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer(HEALTHY, {name: fault}) as server:
        ran = check(world, server, "ip_abc123", "--json")
    unknown = "forward" if name.startswith("mail") else "ptr"
    assert statuses_of(ran) == {
        "ptr": "pass",
        "forward": "pass",
        "hostname": "pass",
        "warmup": "pass",
        unknown: "unknown",
    }
    what = {"servfail": "answered SERVFAIL", "silent": "did not answer within 0.1 s"}[fault]
    told = next(each["message"] for each in found_by(ran) if each["name"] == unknown)
    whom = " for Mail.YourDomain.com" if unknown == "forward" else ""
    assert told == f"Not known{whom}: {server.address} {what}."
    assert ran.stderr == "Warning: 1 check could not be made; the reason stands beside each.\n"


def test_a_thousand_ptr_records(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    with DNSServer([f"{PTR} n{each}.example." for each in range(1000)]) as server:
        ran = world.run("check", "ip_abc123", "--resolver", server.address, terminal="out")
        lines = check(world, server, "ip_abc123").stdout.splitlines()
    assert (
        "  ✗ PTR        There are 1,000 PTR records; receivers want exactly one.\n"
        "               Found: n0.example, n1.example, n2.example and 997 more\n"
        "               Expected: mail.yourdomain.com\n"
    ) in ran.stdout
    assert lines[0].split("\t")[4].count(", ") == 999
    assert len([each for each in server.asked if each.endswith(" A")]) == 20


@pytest.mark.parametrize("terminal", ["", "out err"])
def test_hostile_answers_are_shown_inert(world: World, terminal: str) -> None:
    hostile = r"\027[31m[bold]x"
    records = [
        f"{PTR} {hostile}.example.",
        "2.0.0.127.bl.example A 127.0.0.2",
        "42.100.51.198.bl.example A 127.0.0.3",
        rf'42.100.51.198.bl.example TXT "{hostile}\010\007\226\128\174"',
    ]
    with DNSServer(records) as server:
        arguments = ["check", "ip_abc123", "--blocklist", "bl.example"]
        ran = world.run(*arguments, "--resolver", server.address, terminal=terminal)
        document = check(world, server, *arguments[1:], "--json").stdout
    assert ran.code == 12
    assert "\x07" not in ran.stdout
    assert "\u202e" not in ran.stdout
    assert "\x1b[31m[" not in ran.stdout
    assert r"\027[31m[bold]x.example" in ran.stdout
    assert r"\x1b[31m[bold]x" in ran.stdout
    assert document.isascii()
    assert "\x1b" not in document


@pytest.mark.parametrize(
    "name",
    [
        "198-51-100-42.isp.example",
        "host198.51.100.42.isp.example",
        "42.100.51.198.dsl.example",
        "ip-198-051-100-042.example",
        "dyn-51-100-42.example",
        "static-42-100-51.example",
        "h1985110042.example",
        "198051100042.example",
        "c633642a.example",
        "ip-C633642A.example",
        "2a6433c6.example",
    ],
)
def test_a_name_that_looks_generic(name: str) -> None:
    assert looks_generic(name, ip_address("198.51.100.42"))


@pytest.mark.parametrize(
    "name",
    [
        "mta42.example",
        "mail.example",
        "m100-42.example",
        "m151-100-42.example",
        "m198-51-1001.example",
        "a198.b51.c100.d42.example",
        "x",
    ],
)
def test_a_name_that_does_not_look_generic(name: str) -> None:
    assert not looks_generic(name, ip_address("198.51.100.42"))


@pytest.mark.parametrize(
    ("name", "is_generic"),
    [
        ("2001-db8--9.example", True),
        ("2001-0db8-0000-0000-0000-0000-0000-0009.example", True),
        ("host-20010db8000000000000000000000009.example", True),
        (f"{NIBBLES}.example", True),
        ("mta9.example", False),
    ],
)
def test_a_generic_name_of_an_ipv6_address(name: str, *, is_generic: bool) -> None:
    assert looks_generic(name, ip_address(IPV6)) == is_generic


def test_a_generic_name_is_a_warning(world: World) -> None:
    name = "host-203-0-113-9.isp.example"
    records = [f"9.113.0.203.in-addr.arpa PTR {name}.", f"{name} A 203.0.113.9"]
    with DNSServer(records) as server:
        ran = check(world, server, "203.0.113.9")
    address = "\t203.0.113.9\t"
    assert ran == Ran(
        0,
        f"{address}ptr\tpass\t{name}\t\tThe PTR record is {name}.\n"
        f"{address}forward\tpass\t203.0.113.9\t203.0.113.9\t{name} resolves to 203.0.113.9.\n"
        f"{address}hostname\twarning\t{name}\t\t{name} looks generic: the address's digits are "
        "in it, and receivers distrust that. Choose a name that tells a mail server, such as "
        "mta1.yourdomain.com.\n",
        "",
    )


def test_an_ipv6_address(world: World) -> None:
    records = [f"{NIBBLES}.ip6.arpa PTR six.example.", "six.example A 203.0.113.9"]
    with DNSServer(records) as server:
        _, forward, _ = found_by(check(world, server, "2001:DB8:0::9", "--json"))
    assert forward["message"] == (
        "six.example has no AAAA record. Publish: six.example. IN AAAA 2001:db8::9"
    )
    with DNSServer([*records, "six.example AAAA 2001:db8:0::9"]) as server:
        ran = check(world, server, "2001:DB8:0::9", "--json")
    assert statuses_of(ran) == {"ptr": "pass", "forward": "pass", "hostname": "pass"}


def test_an_address_of_one_link_only(world: World) -> None:
    assert world.run("check", "fe80::1%eth0") == Ran(
        2,
        "",
        "Error: `fe80::1%eth0` is an address of one link only; DNS knows none of those.\n",
    )


# A bare address, and the API


def test_a_bare_address_needs_no_key_and_no_api(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    with DNSServer([]) as server:
        ran = check(world, server, "203.0.113.9")
    assert ran == Ran(
        12,
        "\t203.0.113.9\tptr\tfail\t\t\tThere is no PTR record. Whoever manages the address, your "
        "provider for example, publishes its PTR.\n",
        "Error: 203.0.113.9 failed the check. What to do stands beside each failure.\n",
    )
    assert world.received() == []


def test_an_id_needs_a_key(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    for arguments in ([], ["ip_abc123"], ["203.0.113.9", "ip_abc123"]):
        assert world.run("check", *arguments).code == 3


@pytest.mark.parametrize("variable", ["MISAR_IPS_PROFILE", "MISARMAIL_API_KEY"])
def test_a_broken_configuration_is_told_of_all_the_same(world: World, variable: str) -> None:
    world.environ[variable] = ""
    assert world.run("check", "203.0.113.9").code == 3


@pytest.mark.parametrize(("fault", "status"), [("ANY:401", "401"), ("ANY:500", "500")])
def test_a_bare_address_is_checked_where_the_api_fails(
    world: World, fault: str, status: str
) -> None:
    world.emulator.faults.add(fault)
    with DNSServer(HEALTHY) as server:
        ran = check(world, server, "198.51.100.42")
    assert (ran.code, ran.stdout.count("\tpass\t"), ran.stdout[0]) == (0, 3, "\t")
    assert f"HTTP {status}" in ran.stderr
    assert ran.stderr.startswith("Warning: Could not list the dedicated IPs")
    assert ran.stderr.endswith(" DNS is checked all the same.\n")


def test_an_ip_without_an_address_yet(world: World) -> None:
    ran = with_ip(world, id="ip x", address=None, warmup_status="not_started").run("check")
    told = (
        "It has no address before it is provisioned. "
        "`misar-ips wait 'ip x' --for provisioned` waits for it."
    )
    assert ran == Ran(
        0,
        f"ip x\t\taddress\tunknown\t\t\t{told}\n"
        "ip x\t\twarmup\tpass\tnot_started\t\tNot begun yet.\n",
        "Warning: 1 check could not be made; the reason stands beside each.\n",
    )


@pytest.mark.parametrize("address", ["nonsense", "fe80::1%eth0"])
def test_an_ip_whose_address_is_none(world: World, address: str) -> None:
    first, _ = found_by(with_ip(world, address=address).run("check", "--json"))
    assert (first["status"], first["found"]) == ("unknown", address)
    assert first["message"] == "MisarMail gave an address that is none."


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"warmup_status": "warmed"}, "pass", "Warmed."),
        ({"warmup_status": "not_started"}, "pass", "Not begun yet."),
        ({"warmup_status": "suspended"}, "fail", "Suspended after a spike of complaints. "),
        ({"warmup_status": None}, "unknown", "MisarMail does not tell how far it should be."),
        ({"warmup_status": "warming"}, "unknown", "MisarMail does not tell how far it should be."),
        (
            {
                "warmup_status": "warming",
                "created_at": "2026-03-15T10:00:00Z",
                "warmup_schedule": [{"day": 1, "limit": 200, "sent": 200, "done": True}],
            },
            "pass",
            "On schedule, day ",
        ),
    ],
)
def test_the_warm_up(world: World, fields: dict[str, object], status: str, message: str) -> None:
    *_, warm_up = found_by(with_ip(world, address="203.0.113.9", **fields).run("check", "--json"))
    assert (warm_up["name"], warm_up["status"]) == ("warmup", status)
    assert warm_up["message"].startswith(message)


# Blocklists


def listed(world: World, records: list[str], address: str = "203.0.113.9") -> Ran:
    """Check whether bl.example, with these records, lists an address."""
    with DNSServer(records) as server:
        return check(world, server, address, "--json", "--blocklist", "bl.example")


NOT_LISTED = "Not listed on bl.example."
UNLISTED_TEST = "it lists everything, even 127.0.0.1: it is shut down, or taken over"
NO_TEST = "it lacks the test entry 127.0.0.2: no list, or it refuses this resolver"
NO_LISTING = "which no blocklist means as a listing"
DELIST = "Stop what it was listed for, then ask the list to remove it."
NINE = "9.113.0.203.bl.example"


@pytest.mark.parametrize(
    ("records", "status", "found", "message"),
    [
        (WORKING_LIST, "pass", None, NOT_LISTED),
        (
            [*WORKING_LIST, f"{NINE} A 127.0.0.4", f"{NINE} A 127.0.0.10", f'{NINE} TXT "Spam."'],
            "fail",
            "127.0.0.4, 127.0.0.10",
            f"Listed on bl.example. It says: Spam. {DELIST}",
        ),
        (
            [*WORKING_LIST, f"{NINE} A 127.0.0.2"],
            "fail",
            "127.0.0.2",
            f"Listed on bl.example. {DELIST}",
        ),
        ([], "unknown", None, f"Not known for bl.example: {NO_TEST}."),
        ([f"{NINE} A 127.0.0.2"], "unknown", None, f"Not known for bl.example: {NO_TEST}."),
        (
            [*WORKING_LIST, "1.0.0.127.bl.example A 127.0.0.2", f"{NINE} A 127.0.0.2"],
            "unknown",
            None,
            f"Not known for bl.example: {UNLISTED_TEST}.",
        ),
        (
            [*WORKING_LIST, f"{NINE} A 203.0.113.80"],
            "unknown",
            None,
            f"Not known for bl.example: it answered 203.0.113.80, {NO_LISTING}.",
        ),
        (
            [*WORKING_LIST, f"{NINE} A 127.0.0.1"],
            "unknown",
            None,
            f"Not known for bl.example: it answered 127.0.0.1, {NO_LISTING}.",
        ),
    ],
)
def test_a_blocklist(
    world: World, records: list[str], status: str, found: str | None, message: str
) -> None:
    assert found_by(listed(world, records))[1:] == [
        {
            "name": "blocklist:bl.example",
            "status": status,
            "found": found,
            "expected": "not listed",
            "message": message,
        }
    ]


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("127.255.255.252", "there is a mistake in the zone's name"),
        ("127.255.255.254", "it refuses public resolvers; ask through your own with `--resolver`"),
        ("127.255.255.255", "this resolver has asked it too often"),
        ("127.255.255.250", "an error"),
    ],
)
@pytest.mark.parametrize("name", ["2.0.0.127.bl.example", "1.0.0.127.bl.example", NINE])
def test_an_error_of_a_list_is_no_listing(world: World, name: str, code: str, meaning: str) -> None:
    working = [] if name.startswith("2.") else WORKING_LIST
    ptr = "9.113.0.203.in-addr.arpa PTR mail.example."
    ran = listed(world, [*working, f"{name} A {code}", ptr, "mail.example A 203.0.113.9"])
    *_, blocklist = found_by(ran)
    assert (ran.code, blocklist["status"], blocklist["found"]) == (0, "unknown", None)
    assert blocklist["message"] == f"Not known for bl.example: it answered {code}: {meaning}."


@pytest.mark.parametrize("name", ["2.0.0.127.bl.example", NINE])
def test_a_list_that_does_not_answer_is_unknown(world: World, name: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer(WORKING_LIST, {name: "silent"}) as server:
        *_, blocklist = found_by(
            check(world, server, "203.0.113.9", "--blocklist", "bl.example", "--json")
        )
    assert blocklist["message"] == (
        f"Not known for bl.example: {server.address} did not answer within 0.1 s."
    )
    assert (f"{NINE} A" in server.asked) == (name == NINE)


def test_a_listing_counts_where_its_reason_is_lost(world: World) -> None:
    world.dns_limits = BRIEF
    with DNSServer([*WORKING_LIST, f"{NINE} A 127.0.0.2"], {NINE: "truncated"}) as server:
        *_, blocklist = found_by(
            check(world, server, "203.0.113.9", "--blocklist", "bl.example", "--json")
        )
    assert (blocklist["status"], blocklist["found"]) == ("fail", "127.0.0.2")


@pytest.mark.parametrize(
    ("records", "status", "message"),
    [
        ([*WORKING_LIST, f"{V6_TEST}.bl.example A 127.0.0.2"], "pass", NOT_LISTED),
        ([f"{V6_TEST}.bl.example A 127.0.0.2"], "pass", NOT_LISTED),
        (
            WORKING_LIST,
            "unknown",
            "Not known for bl.example: it seems to hold IPv4 addresses only.",
        ),
        (
            [*WORKING_LIST, f"{NIBBLES}.bl.example A 127.0.0.3"],
            "fail",
            f"Listed on bl.example. {DELIST}",
        ),
        (
            [*WORKING_LIST, f"1{V6_TEST[1:]}.bl.example A 127.0.0.3"],
            "unknown",
            f"Not known for bl.example: {UNLISTED_TEST}.",
        ),
        ([], "unknown", f"Not known for bl.example: {NO_TEST}."),
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
    assert sorted(asked[:2]) == ["1.0.0.127.bl.example A", "2.0.0.127.bl.example A"]
    assert sorted(asked[2:]) == sorted(ips)


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
def test_a_configured_list_that_is_none(world: World, tmp_path: Path, value: str) -> None:
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


# Whom it asks


@pytest.mark.parametrize("command", [["check"], ["update", "x", "--pool", "p"], ["request"]])
@pytest.mark.parametrize("text", ["", "localhost", "1.2.3.4:0", "::1:x", "\x1b[31m"])
def test_a_resolver_that_is_no_address_is_a_usage_error(
    world: World, command: list[str], text: str
) -> None:
    ran = world.run(*command, "--resolver", text)
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])
    assert "is no resolver's address. Write it as 192.0.2.53, " in ran.stderr
    assert "\x1b" not in ran.stderr


def test_of_several_resolvers_each_may_answer(world: World) -> None:
    world.dns_limits = BRIEF
    silent = {f"17.{NETWORK}": "silent", "tx.yourdomain.com": "silent"}
    with DNSServer([], silent) as first, DNSServer(HEALTHY, host="::1") as second:
        ran = check(world, first, "ip_def456", "--resolver", second.address)
    assert (ran.code, ran.stdout.count("\tpass\t")) == (0, 4)


def test_the_systems_resolvers_are_asked_where_none_is_named(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run("check", "ip_def456")
    assert (ran.code, ran.stdout.count("\tpass\t")) == (0, 4)


def test_without_any_resolver_all_is_unknown(world: World) -> None:
    ran = world.run("check", "203.0.113.9")
    assert ran == Ran(
        0,
        "\t203.0.113.9\tptr\tunknown\t\t\t"
        "Not known: this machine has no resolver; `--resolver` names one.\n",
        "Warning: 1 check could not be made; the reason stands beside each.\n",
    )


def test_the_demo_asks_only_whom_it_is_told_to(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run("check", "ip_def456", "--profile", "demo", "--json")
        assert server.asked == []
        assert [(each["status"], each["message"]) for each in found_by(ran)] == [
            ("unknown", "Not known: the demo looks nothing up without `--resolver`."),
            (
                "unknown",
                "Not known for tx.yourdomain.com: the demo looks nothing up without `--resolver`.",
            ),
            ("pass", "The name does not look generic."),
            ("pass", "Warmed."),
        ]
        ran = check(world, server, "ip_def456", "--profile", "demo", "--json")
    assert set(statuses_of(ran).values()) == {"pass"}


def test_debug_logs_each_question(world: World) -> None:
    with DNSServer(HEALTHY, {"tx.yourdomain.com": "servfail"}) as server:
        log = check(world, server, "198.51.100.17", "--debug").stderr
    lines = [line for line in log.splitlines() if "dedicated-ips" not in line]
    assert lines[:3] == [
        f"debug: PTR 17.{NETWORK}.: {server.address} answered NOERROR",
        f"debug: A tx.yourdomain.com.: {server.address} answered SERVFAIL",
        f"debug: A tx.yourdomain.com.: {server.address} answered SERVFAIL",
    ]


def test_check_in_a_process_of_its_own(environ: dict[str, str], server: EmulatorServer) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    with DNSServer(HEALTHY) as dns_server:
        ran = run_process("check", "--resolver", dns_server.address, environ=environ)
    assert ran.code == 12
    assert ran.stdout.count("\n") == 14
    assert ran.stderr == (
        "Error: 2 of 4 IPs failed the check: ip_ghi789, ip_jkl012. "
        "What to do stands beside each failure.\n"
    )


# In a terminal

IN_TROUBLE = [
    f"42.{NETWORK} PTR mail.yourdomain.com.",
    "mail.yourdomain.com A 198.51.100.24",
    "2.0.0.127.zen.spamhaus.org A 127.0.0.2",
    "2.0.0.127.bl.spamcop.net A 127.0.0.2",
    "2.0.0.127.b.barracudacentral.org A 127.0.0.2",
    "1.0.0.127.zen.spamhaus.org A 127.255.255.254",
    "42.100.51.198.bl.spamcop.net A 127.0.0.2",
    '42.100.51.198.bl.spamcop.net TXT "Blocked - see https://www.spamcop.net/bl.shtml?198.51.100.42"',
]
README = (Path(__file__).parents[2] / "README.md").read_text()
IN_50_COLUMNS = """\
ip_abc123  198.51.100.42  3 passed, 1 failed
  ✓ PTR        The PTR record is
               mail.yourdomain.com, as set at
               MisarMail.
  ✗ Forward    mail.yourdomain.com does not
               resolve to 198.51.100.42.
               Found: 198.51.100.24
               Expected: 198.51.100.42
               Publish:
mail.yourdomain.com. IN A 198.51.100.42
  ✓ Hostname   The name does not look generic.
  ✓ Warm-up    On schedule, day 18.
"""


def test_the_readmes_example_is_what_a_terminal_shows(world: World) -> None:
    command, _, printed = README.partition("```text\n$ ")[2].partition("```")[0].partition("\n")
    world.environ["NO_COLOR"] = "1"
    with DNSServer(IN_TROUBLE) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run(*command.split()[1:], terminal="out err")
    assert (ran.code, ran.stdout + ran.stderr) == (12, printed)


def test_a_record_is_whole_in_a_narrow_terminal(world: World) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "50"}
    with DNSServer(IN_TROUBLE) as server:
        arguments = ["check", "ip_abc123", "--resolver", server.address]
        assert world.run(*arguments, terminal="out").stdout == IN_50_COLUMNS
        world.environ["COLUMNS"] = "30"
        shown = world.run(*arguments, terminal="out").stdout.splitlines()
    too_wide = [line for line in shown if len(line) > 30]
    assert too_wide == ["mail.yourdomain.com. IN A 198.51.100.42"]


# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
IN_A_TERMINAL = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def held(environ: dict[str, str]) -> Iterator[tuple[DNSServer, TerminalRun]]:
    """Return a check in a terminal, and the DNS server that holds its answer."""
    del environ["MISARMAIL_API_KEY"]
    records = ["9.113.0.203.in-addr.arpa PTR mail.example.", "mail.example A 203.0.113.9"]
    with DNSServer(records, {"9.113.0.203.in-addr.arpa": "held"}) as server:
        command = [sys.executable, "-m", "misar_ips", "check", "203.0.113.9"]
        run = TerminalRun(
            [*command, "--resolver", server.address], {**environ, "NO_COLOR": "1"}, 80
        )
        yield server, run
        run.process.close(force=True)


@IN_A_TERMINAL
def test_a_bar_shows_progress_where_it_takes_over_a_second(
    held: tuple[DNSServer, TerminalRun],
) -> None:
    server, run = held
    run.wait_for("Asking DNS  ░░░░░░░░░░░░░░░░░░░░  0 of 1")
    server.release.set()
    code, shown = run.end()
    assert code == 0
    assert shown.rpartition("\x1b[2K")[2] == (
        "203.0.113.9  3 passed\n"
        "  ✓ PTR        The PTR record is mail.example.\n"
        "  ✓ Forward    mail.example resolves to 203.0.113.9.\n"
        "  ✓ Hostname   The name does not look generic.\n"
    )


@IN_A_TERMINAL
def test_ctrl_c_ends_a_check(held: tuple[DNSServer, TerminalRun]) -> None:
    _, run = held
    run.wait_for("0 of 1")
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.endswith("Error: Stopped.\n")) == (130, True)


# Before harm


def warning_of(name: str, address: str, what: str) -> str:
    return (
        f"Warning: {what}: until it resolves to the IP's address, the large mailbox providers "
        f"refuse its mail. Publish `{name}. IN A {address}`.\n"
    )


@pytest.mark.parametrize("ip", ["ip_abc123", "198.51.100.42"])
@pytest.mark.parametrize(
    ("records", "what"),
    [
        ([], "new.example does not exist"),
        (["new.example AAAA ::1"], "new.example has no A record"),
        (["new.example A 192.0.2.1"], "new.example does not resolve to 198.51.100.42"),
        (["new.example CNAME mx.example.", "mx.example A 198.51.100.42"], ""),
    ],
)
def test_update_warns_of_a_name_that_leads_elsewhere(
    world: World, ip: str, records: list[str], what: str
) -> None:
    with DNSServer(records) as server:
        ran = world.run("update", ip, "--rdns", "new.example", "--resolver", server.address)
    warning = warning_of("new.example", "198.51.100.42", what) if what else ""
    assert (ran.code, ran.stderr) == (0, f"{warning}Updated ip_abc123.\n")
    assert "\tnew.example\t" in ran.stdout


@pytest.mark.parametrize("records", [[], ["new.example TXT x"]])
def test_request_warns_of_a_name_that_is_not_there(world: World, records: list[str]) -> None:
    with DNSServer(records) as server:
        arguments = ["request", "--rdns", "new.example", "--resolver", server.address]
        ran = world.run(*arguments, "--json")
    warning = (
        "Warning: new.example does not exist: until it resolves to the IP's address, the large "
        "mailbox providers refuse its mail. Publish its A record as soon as the new IP's address "
        "is known.\n"
    )
    message = "IP provisioning in progress. Expected within 24 hours.\n"
    assert (ran.code, ran.stderr) == (0, ("" if records else warning) + message)
    assert json.loads(ran.stdout)["warmup_status"] == "not_started"


@pytest.mark.parametrize("fault", ["servfail", "silent"])
def test_what_can_not_be_looked_up_is_no_warning(world: World, fault: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer([], {"new.example": fault}) as server:
        ran = world.run(
            "update", "ip_abc123", "--rdns", "new.example", "--resolver", server.address
        )
    assert (ran.code, ran.stderr, len(server.asked)) == (0, "Updated ip_abc123.\n", 2)


@pytest.mark.parametrize("how", [["--no-check"], ["--profile", "demo"]])
@pytest.mark.parametrize("command", [["request"], ["update", "ip_abc123"]], ids=lambda c: c[0])
def test_nothing_is_looked_up_where_that_is_not_wanted(
    world: World, command: list[str], how: list[str]
) -> None:
    with DNSServer([]) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run(*command, "--rdns", "new.example", *how)
    assert (ran.code, "Warning" in ran.stderr, server.asked) == (0, False, [])
    assert len(world.received("GET")) == (1 if command == ["request"] else 0)


def test_the_demo_warns_where_it_is_told_whom_to_ask(world: World) -> None:
    with DNSServer([]) as server:
        arguments = ["update", "ip_abc123", "--rdns", "new.example", "--profile", "demo"]
        ran = world.run(*arguments, "--resolver", server.address)
    assert ran.stderr.startswith("Warning: new.example does not exist: ")


def test_nothing_is_looked_up_where_no_name_is_given(world: World) -> None:
    with DNSServer([]) as server:
        world.run("update", "ip_abc123", "--pool", "cold", "--resolver", server.address)
    assert server.asked == []
    assert world.received() == ["PATCH /mail/v1/dedicated-ips/ip_abc123"]


def test_an_update_goes_on_where_the_address_is_not_to_be_had(world: World) -> None:
    world.emulator.faults.add("GET:500:1")
    with DNSServer(["new.example A 192.0.2.1"]) as server:
        ran = world.run(
            "update", "ip_abc123", "--rdns", "new.example", "--resolver", server.address
        )
    assert (ran.code, ran.stderr) == (0, "Updated ip_abc123.\n")
