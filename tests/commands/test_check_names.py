"""What `misar-ips check` says of PTR records, and of the names in them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from misar_ips.hostnames import looks_generic
from tests.commands.checked import (
    BRIEF,
    HEALTHY,
    IPV6,
    NETWORK,
    NIBBLES,
    NINE,
    check,
    found_by,
    statuses_of,
    with_ips,
)
from tests.conftest import Ran, World
from tests.dns.server import DNSServer

DANGLING = "it is an alias (CNAME) of gone.example, which does not exist"
CIRCLE = "its aliases (CNAME) lead in a circle, or to too many others"
PTR = f"42.{NETWORK} PTR"
NAME = "mail.yourdomain.com"
UPDATE = "`misar-ips update ip_abc123 --rdns mail.yourdomain.com` has MisarMail publish it"
PTR_RECORD = f"42.{NETWORK}. IN PTR {NAME}."
NOT_A_NAME = "only letters, digits, hyphens and dots are allowed"
NO_HOSTS = "there are no hosts under .{} on the internet"


@pytest.mark.parametrize(
    ("records", "found", "message"),
    [
        ([], [], "There is no PTR record."),
        ([f"42.{NETWORK} CNAME gone.example."], [], f"There is no PTR record ({DANGLING})."),
        (
            [f"{PTR} other.example."],
            ["other.example"],
            f"The PTR record is other.example, but {NAME} is set at MisarMail.",
        ),
        (
            [f"{PTR} {NAME}.", f"{PTR} other.example."],
            [NAME, "other.example"],
            "There are 2 PTR records; receivers want exactly one.",
        ),
    ],
)
def test_a_ptr_that_is_not_as_it_should_be(
    world: World, records: list[str], found: list[str], message: str
) -> None:
    with DNSServer(records) as server:
        ptr, *_ = found_by(check(world, server, "ip_abc123", "--json"))
    assert ptr == {
        "name": "ptr",
        "status": "fail",
        "message": message,
        "hint": f"{UPDATE}, within a day: {PTR_RECORD}",
        "found": found,
        "expected": [NAME],
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".", "it is the root of all names"),
        ("localhost", NO_HOSTS.format("localhost")),
        ("localhost.localdomain", NO_HOSTS.format("localdomain")),
        ("mail.local", NO_HOSTS.format("local")),
        ("1.0.0.127.in-addr.arpa", NO_HOSTS.format("arpa")),
        (NINE, NO_HOSTS.format("arpa")),
        ("mail", "it needs at least two parts, as in mail.example.com"),
        ("my_mail.example", NOT_A_NAME),
        (r"my\032mail.example", NOT_A_NAME),
        ("-mail.example", NOT_A_NAME),
        ("203.0.113.9", "it ends in a number, as an address does"),
    ],
)
def test_only_a_usable_host_name_passes(world: World, name: str, why: str) -> None:
    ptr_record, a_record = f"{NINE} PTR {name.removesuffix('.')}.", f"{name} A 203.0.113.9"
    with DNSServer([ptr_record] if name == "." else [ptr_record, a_record]) as server:
        for set_name in (None, name):
            ours = with_ips(world, {"address": "203.0.113.9", "rdns": set_name})
            ptr, warm_up = found_by(check(ours, server, "--json"))
            assert (ptr["status"], ptr["found"], warm_up["name"]) == ("fail", [name], "warmup")
            assert ptr["message"] == (
                f"The PTR record is {name}, which is not a usable host name: {why}."
            )
            assert ptr["hint"] == (
                "`misar-ips update ip_x --rdns HOSTNAME` has MisarMail publish one."
            )


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
    records = [f"{NINE} PTR {ptr}.", f"{ptr} A 203.0.113.9"]
    with DNSServer(records) as server:
        ran = check(with_ips(world, {"address": "203.0.113.9", "rdns": rdns}), server, "--json")
    assert statuses_of(ran) == dict.fromkeys(["ptr", "forward", "hostname", "warmup"], "pass")


@pytest.mark.parametrize("rdns", ["a..b", "\x1b[31m", "x" * 300, "ü..b"])
def test_an_rdns_that_is_not_a_name(world: World, rdns: str) -> None:
    with DNSServer([]) as server:
        ran = check(with_ips(world, {"address": "203.0.113.9", "rdns": rdns}), server)
    assert (ran.code, ran.stdout.count("\tfail\t"), "\x1b" in ran.stdout) == (12, 1, False)
    assert "--rdns HOSTNAME`" in ran.stdout


@pytest.mark.parametrize("records", [[], [f"{PTR} localhost."]])
def test_without_a_usable_ptr_the_name_that_is_set_is_looked_up(
    world: World, records: list[str]
) -> None:
    with DNSServer([*records, f"{NAME} A 198.51.100.42"]) as server:
        statuses = statuses_of(check(world, server, "ip_abc123", "--json"))
    assert statuses == statuses | {"ptr": "fail", "forward": "pass", "hostname": "pass"}


def test_without_any_name_there_is_nothing_to_look_up(world: World) -> None:
    with DNSServer([]) as server:
        ptr, warm_up = found_by(check(world, server, "ip_jkl012", "--json"))
    assert ptr["message"] == "There is no PTR record."
    assert ptr["hint"] == "`misar-ips update ip_jkl012 --rdns HOSTNAME` has MisarMail publish one."
    assert (ptr["expected"], warm_up["status"]) == ([], "pass")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], f"{NAME} does not exist."),
        ([f"{NAME} AAAA ::1"], f"{NAME} has no A record."),
        ([f"{NAME} CNAME gone.example."], f"{NAME} does not exist ({DANGLING})."),
        (
            [f"{NAME} CNAME a.example.", f"a.example CNAME {NAME}."],
            f"{NAME} has no A record ({CIRCLE}).",
        ),
    ],
)
def test_a_name_that_does_not_lead_back(world: World, records: list[str], message: str) -> None:
    with DNSServer([f"{PTR} {NAME}.", *records]) as server:
        _, forward, *_ = found_by(check(world, server, "ip_abc123", "--json"))
    assert forward == {
        "name": "forward",
        "status": "fail",
        "message": message,
        "hint": f"Publish: {NAME}. IN A 198.51.100.42",
        "found": [],
        "expected": ["198.51.100.42"],
    }


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("servfail", "answered SERVFAIL"),
        ("silent", "did not answer in time"),
        ("denied", "contradicts itself"),
    ],
)
@pytest.mark.parametrize("name", [f"42.{NETWORK}", NAME])
def test_what_dns_does_not_tell_is_unknown(world: World, name: str, fault: str, what: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer(HEALTHY, {name: fault}) as server:
        ran = check(world, server, "ip_abc123", "--json")
    unknown, whom = ("forward", " for Mail.YourDomain.com") if name == NAME else ("ptr", "")
    [told] = (each for each in found_by(ran) if each["status"] == "unknown")
    assert (told["name"], told["message"]) == (
        unknown,
        f"Not known{whom}: {server.address} {what}.",
    )
    assert ran.code == 0
    assert "1 check could not be made; the reason is beside each." in ran.stderr


def test_a_thousand_ptr_records(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    with DNSServer([f"{PTR} n{each}.example." for each in range(1000)]) as server:
        ran = world.run("check", "ip_abc123", "--resolver", server.address, terminal="out")
        asked = len([each for each in server.asked if each.endswith(" A")])
        lines = check(world, server, "ip_abc123").stdout.splitlines()
    assert (
        "  ✗ PTR        There are 1,000 PTR records; receivers want exactly one.\n"
        "               Found: n0.example, n1.example, n2.example and 997 more\n"
        "               Expected: mail.yourdomain.com\n"
    ) in ran.stdout
    assert (lines[0].split("\t")[4].count(", "), asked) == (999, 10)


def test_a_generic_name_is_a_warning(world: World) -> None:
    name = "host-203-0-113-9.isp.example"
    with DNSServer([f"{NINE} PTR {name}.", f"{name} A 203.0.113.9"]) as server:
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
    assert forward["message"] == "six.example has no AAAA record."
    assert forward["hint"] == "Publish: six.example. IN AAAA 2001:db8::9"
    with DNSServer([*records, "six.example AAAA 2001:db8:0::9"]) as server:
        ran = check(world, server, "2001:DB8:0::9", "--json")
    assert statuses_of(ran) == {"ptr": "pass", "forward": "pass", "hostname": "pass"}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("198.51.100.42", "198-51-100-42.isp"),
        ("198.51.100.42", "host198.51.100.42.isp"),
        ("198.51.100.42", "42.100.51.198.dsl"),
        ("198.51.100.42", "ip-198-051-100-042"),
        ("198.51.100.42", "dyn-51-100-42"),
        ("198.51.100.42", "static-42-100-51"),
        ("198.51.100.42", "h1985110042"),
        ("198.51.100.42", "198051100042"),
        ("198.51.100.42", "ip-C633642A"),
        ("198.51.100.42", "2a6433c6"),
        (IPV6, "2001-db8--9"),
        (IPV6, "2001-0db8-0000-0000-0000-0000-0000-0009"),
        (IPV6, "host-20010db8000000000000000000000009"),
        (IPV6, NIBBLES),
    ],
)
def test_a_name_that_looks_generic(address: str, name: str) -> None:
    assert looks_generic(f"{name}.example", ip_address(address))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("198.51.100.42", "mta42"),
        ("198.51.100.42", "m100-42"),
        ("198.51.100.42", "m151-100-42"),
        ("198.51.100.42", "m198-51-1001"),
        ("198.51.100.42", "a198.b51.c100.d42"),
        (IPV6, "mta9"),
    ],
)
def test_a_name_that_does_not_look_generic(address: str, name: str) -> None:
    assert not looks_generic(f"{name}.example", ip_address(address))
