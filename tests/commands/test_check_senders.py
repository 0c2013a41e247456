"""What `misar-ips check --sender` says of SPF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.checked import BRIEF, HEALTHY_NINE, IPV6, NINE, check, found_by
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from tests.conftest import World

INCLUDED = 'spf.misar.io TXT "v=spf1 ip4:203.0.113.0/24 -all"'
PUT = "Put `include:spf.misar.io` before `all` in its record; if it is there already, `{}`."
PUT_NINE = PUT.format("ip4:203.0.113.9")
FIX = "Receivers take that for a no. Fix the record, with `include:spf.misar.io` in it."
LETS_ALL = "That lets anybody send. End it with `~all`, after `include:spf.misar.io`."
PUBLISH = 'Publish: sender.example. IN TXT "v=spf1 include:spf.misar.io ~all"'
IN_RECORD = "in the SPF record of sender.example"


def spf_of(world: World, records: list[str], address: str = "203.0.113.9") -> dict[str, object]:
    """Check an address for sender.example."""
    with DNSServer([*records, *HEALTHY_NINE]) as server:
        return found_by(check(world, server, address, "--sender", "Sender.example.", "--json"))[-1]


@pytest.mark.parametrize(
    ("record", "status", "says", "hint"),
    [
        (
            "v=spf1 include:spf.misar.io ~all",
            "pass",
            f"pass: `include:spf.misar.io` matches {IN_RECORD}, through `ip4:203.0.113.0/24`.",
            None,
        ),
        (
            "v=spf1 exists:%{h}.helo.example -all",  # HELO is the name of the PTR record
            "pass",
            f"pass: `exists:%{{h}}.helo.example` matches {IN_RECORD}.",
            None,
        ),
        ("v=spf1 +all", "warning", f"pass: `+all` matches {IN_RECORD}.", LETS_ALL),
        ("v=spf1 ?all", "warning", f"neutral: `?all` matches {IN_RECORD}.", PUT_NINE),
        ("v=spf1 ~all", "fail", f"softfail: `~all` matches {IN_RECORD}.", PUT_NINE),
        ("v=spf1 -all", "fail", f"fail: `-all` matches {IN_RECORD}.", PUT_NINE),
        ("nothing", "fail", "none: sender.example has no SPF record.", PUBLISH),
        (
            "v=spf1 include:no.example -all",
            "fail",
            "permerror: `include:no.example` leads to no record: no.example has no SPF record.",
            FIX,
        ),
    ],
)
def test_what_spf_says_of_an_envelope_domain(
    world: World, record: str, status: str, says: str, hint: str | None
) -> None:
    helo = "mail.example.helo.example A 127.0.0.2"
    assert spf_of(world, [f'sender.example TXT "{record}"', INCLUDED, helo]) == {
        "name": "spf:sender.example",
        "status": status,
        "message": f"sender.example says {says}",
        "hint": hint,
        "found": [says.partition(":")[0]],
        "expected": ["pass"],
    }


def test_an_ipv6_address(world: World) -> None:
    spf = spf_of(world, ['sender.example TXT "v=spf1 ip6:2001:db8::/48 -all"'], IPV6)
    assert (spf["status"], spf["found"]) == ("pass", ["pass"])
    spf = spf_of(world, ['sender.example TXT "v=spf1 -all"'], IPV6)
    assert spf["hint"] == PUT.format(f"ip6:{IPV6}")


def test_what_can_not_be_looked_up_is_unknown(world: World) -> None:
    world.dns_limits = BRIEF
    with DNSServer(HEALTHY_NINE, {"sender.example": "servfail"}) as server:
        ran = check(world, server, "203.0.113.9", "--sender", "sender.example", "--json")
    *_, spf = found_by(ran)
    assert (ran.code, spf["status"], spf["found"], spf["hint"]) == (
        0,
        "unknown",
        ["temperror"],
        None,
    )
    assert f"{server.address} answered SERVFAIL" in spf["message"]


def test_several_senders_each_once_and_with_the_log(world: World) -> None:
    records = ['a.example TXT "v=spf1 ip4:203.0.113.9 -all"', 'b.example TXT "v=spf1 -all"']
    with DNSServer([*records, *HEALTHY_NINE]) as server:
        senders = ["--sender", "a.example", "--sender", "b.example", "--sender", "A.example"]
        ran = check(world, server, "203.0.113.9", *senders, "--debug")
    lines = [line.split("\t")[2:4] for line in ran.stdout.splitlines()]
    assert lines[3:] == [["spf:a.example", "pass"], ["spf:b.example", "fail"]]
    assert f"debug: TXT a.example.: {server.address} answered NOERROR\n" in ran.stderr
    assert sorted(server.asked) == [
        f"{NINE} PTR",
        "a.example TXT",
        "b.example TXT",
        "mail.example A",
    ]


@pytest.mark.parametrize("text", ["", "a..b", "me@sender.example", "\x1b[31m.example"])
def test_a_sender_that_is_not_a_domain(world: World, text: str) -> None:
    ran = world.run("check", "203.0.113.9", "--sender", text)
    assert (ran.code, ran.stdout, "\x1b" in ran.stderr, world.received()) == (2, "", False, [])
