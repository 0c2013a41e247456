"""The looks at DNS that other commands take: before a PTR hostname is set, and while it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from misar_ips.api.models import DedicatedIP
from misar_ips.commands.check import check_names_of
from misar_ips.dns.nameservers import Nameserver
from misar_ips.session import Session
from tests.commands.checked import BRIEF, NINE
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from tests.conftest import World

ZONES = ("113.0.203.in-addr.arpa", "example")
PASSED = {"ptr": "pass", "forward": "pass"}
NOT_KEPT = {"ptr": None, "forward": None}


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
    assert (ran.code, ran.stderr.startswith(f"{warning}Updated ip_abc123: rDNS ")) == (0, True)
    assert "\tnew.example\t" in ran.stdout


@pytest.mark.parametrize("records", [[], ["new.example TXT x"]])
def test_request_warns_of_a_name_that_is_not_there(world: World, records: list[str]) -> None:
    with DNSServer(records) as server:
        arguments = ["request", "--rdns", "new.example", "--resolver", server.address]
        ran = world.run(*arguments)
    warning = (
        "Warning: new.example does not exist: until it resolves to the IP's address, the large "
        "mailbox providers refuse its mail. Publish its A record as soon as the new IP's address "
        "is known.\n"
    )
    message = "IP provisioning in progress. Expected within 24 hours.\n"
    assert (ran.code, ran.stderr) == (0, ("" if records else warning) + message)
    assert "\tnot_started\t" in ran.stdout


@pytest.mark.parametrize("fault", ["servfail", "silent"])
def test_what_can_not_be_looked_up_is_no_warning(world: World, fault: str) -> None:
    world.dns_limits = BRIEF
    with DNSServer([], {"new.example": fault}) as server:
        ran = world.run(
            "update", "ip_abc123", "--rdns", "new.example", "--resolver", server.address
        )
    assert (ran.code, "Warning" in ran.stderr, len(server.asked) > 0) == (0, False, True)


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
    assert (server.asked, len(world.received("PATCH"))) == ([], 1)


def test_an_update_goes_on_where_the_address_is_not_to_be_had(world: World) -> None:
    world.emulator.faults.add("GET:500:1")
    with DNSServer(["new.example A 192.0.2.1"]) as server:
        ran = world.run(
            "update", "ip_abc123", "--rdns", "new.example", "--resolver", server.address
        )
    assert (ran.code, ran.stderr) == (0, "Updated ip_abc123: rDNS new.example.\n")


@pytest.mark.parametrize(
    ("records", "statuses", "kept_for"),
    [
        ([], {"ptr": "fail", "forward": "fail"}, {"ptr": None, "forward": None}),
        (
            [f"{zone} SOA ns.example. post.example. 1 7200 3600 86400 30" for zone in ZONES],
            {"ptr": "fail", "forward": "fail"},
            {"ptr": 30, "forward": 30},
        ),
        ([f"{NINE} PTR mail.example.", "mail.example A 203.0.113.9"], PASSED, NOT_KEPT),
    ],
)
def test_names_are_looked_up_for_who_waits_for_them(
    world: World,
    records: list[str],
    statuses: dict[str, str],
    kept_for: dict[str, int | None],
) -> None:
    session = Session(environ=world.environ, transport=world.transport)
    ip = DedicatedIP("ip_x", "203.0.113.9", "mail.example")
    with DNSServer(records) as server:
        checks = check_names_of(session, ip, [Nameserver(server.host, server.port)])[:2]
    assert {each.name: each.status for each in checks} == statuses
    assert {each.name: each.negative_ttl for each in checks} == kept_for


def test_who_waits_for_names_sets_the_time(world: World) -> None:
    session = Session(environ=world.environ, transport=world.transport)
    with DNSServer([], {NINE: "silent"}) as server:
        ip = DedicatedIP("ip_x", "203.0.113.9")
        [ptr] = check_names_of(session, ip, [Nameserver(server.host, server.port)], seconds=0.1)
    assert ptr.message == "Not known: no time was left: all questions together have 0.1 s."
