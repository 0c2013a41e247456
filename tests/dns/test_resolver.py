"""Questions to a DNS server on loopback that answers well, badly, or not at all."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from misar_ips.dns.nameservers import Nameserver, system_nameservers, validate_resolver
from misar_ips.dns.resolver import Answer, Limits, Resolver
from misar_ips.errors import UsageError
from misar_ips.hostnames import validate_zone
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

USUAL = Limits()
SHORT = Limits(one_try=0.1)
PTR_OF_9 = "9.113.0.203.in-addr.arpa"
LOOP = Answer(note="its aliases (CNAME) lead in a circle, or to too many others")
A = "mail.example A 203.0.113.9"


def run(question: Coroutine[Any, Any, Answer]) -> Answer:
    return asyncio.run(question)


def resolver(*servers: DNSServer, limits: Limits = USUAL) -> Resolver:
    return Resolver([Nameserver(server.host, server.port) for server in servers], limits)


def address_of(
    name: str, records: list[str], fault: str = "", limits: Limits = USUAL, version: int = 4
) -> tuple[Answer, list[str]]:
    """Ask for a name's addresses; give the answer, and what the server was asked."""
    with DNSServer(records, {name: fault}) as server:
        answer = run(resolver(server, limits=limits).addresses(name, version))
        problem = answer.problem.replace(server.address, "SERVER")
    return Answer(answer.records, answer.exists, problem, answer.note), server.asked


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("192.0.2.53:5353", "192.0.2.53", 5353),
        ("2001:DB8:0::53", "2001:db8::53", 53),
        ("[2001:db8::53]", "2001:db8::53", 53),
        ("[::1]:65535", "::1", 65_535),
    ],
)
def test_a_resolver_is_an_address_and_a_port(text: str, address: str, port: int) -> None:
    assert validate_resolver(text) == Nameserver(address, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "dns.example:53",
        "192.0.2.53:",
        "192.0.2.53:0",
        "192.0.2.53:65536",
        "192.0.2.53:x",
        "192.0.2.256",
        "192.0.2",
        "[::1",
        "[::1]53",
        "[192.0.2.53:53",
        "::1:::53",
        "https://192.0.2.53",
        "\x1b[31m",
    ],
)
def test_a_resolver_that_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is no resolver's address"):
        validate_resolver(text)


@pytest.mark.parametrize(
    ("nameserver", "text"),
    [
        (Nameserver("192.0.2.53"), "192.0.2.53"),
        (Nameserver("192.0.2.53", 5353), "192.0.2.53:5353"),
        (Nameserver("::1"), "::1"),
        (Nameserver("::1", 5353), "[::1]:5353"),
    ],
)
def test_a_resolver_is_shown_as_it_is_written(nameserver: Nameserver, text: str) -> None:
    assert str(nameserver) == text
    assert validate_resolver(text) == nameserver


def test_a_zone_is_a_name_with_room_for_an_address() -> None:
    assert validate_zone("ZEN.Spamhaus.org.") == "zen.spamhaus.org"
    longest = ".".join(["a" * 46] * 4 + ["b"])
    assert validate_zone(longest) == longest
    for zone in (f"{longest}b", "", ".", "zen..org", "a b.org", "\x1b[31m.org"):
        with pytest.raises(UsageError):
            validate_zone(zone)


@pytest.mark.parametrize(
    ("content", "addresses"),
    [
        ("nameserver 192.0.2.53\nnameserver ::1\nsearch example.com\n", ["192.0.2.53", "::1"]),
        ("", []),
        ("# nameserver 192.0.2.53\n", []),
        ("nameserver\n", []),
        ("nameserver resolver.example\n", []),
        ("nameserver 192.0.2.53\nsearch a..b\n", []),
        ("\udcff", []),
    ],
)
def test_the_systems_resolvers(tmp_path: Path, content: str, addresses: list[str]) -> None:
    file = tmp_path / "resolv.conf"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert system_nameservers(str(file)) == tuple(Nameserver(each) for each in addresses)


def test_a_system_without_resolvers(tmp_path: Path) -> None:
    assert system_nameservers(str(tmp_path / "none")) == ()
    answer = run(Resolver(()).addresses("mail.example"))
    assert answer == Answer(problem="this machine has no resolver; `--resolver` names one")


def test_addresses_of_both_versions() -> None:
    records = [A, "mail.example A 203.0.113.10", "mail.example AAAA 2001:db8:0::9"]
    answer, asked = address_of("mail.example", records)
    assert answer == Answer(("203.0.113.9", "203.0.113.10"))
    assert asked == ["mail.example A"]
    assert address_of("mail.example", records, version=6) == (
        Answer(("2001:db8::9",)),
        ["mail.example AAAA"],
    )


def test_a_name_without_such_records_and_a_name_that_is_not_there() -> None:
    assert address_of("mail.example", [A], version=6)[0] == Answer()
    assert address_of("example", [A])[0] == Answer()
    assert address_of("nosuch.example", [A])[0] == Answer(exists=False)


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", ".".join(["x" * 60] * 5)])
def test_a_name_that_dns_cannot_hold(name: str) -> None:
    answer, asked = address_of(name, [A])
    assert (answer, asked) == (Answer(exists=False, note="DNS can't hold such a name"), [])


@pytest.mark.parametrize("fault", ["", "aliases only"])
def test_aliases_are_followed_by_the_resolver_or_by_us(fault: str) -> None:
    records = ["a.example CNAME b.example.", "b.example CNAME mail.example.", A]
    with DNSServer(records, dict.fromkeys(["a.example", "b.example"], fault)) as server:
        answer = run(resolver(server).addresses("a.example"))
    assert answer == Answer(("203.0.113.9",))
    names = ["a.example", "b.example", "mail.example"] if fault else ["a.example"]
    assert server.asked == [f"{name} A" for name in names]


@pytest.mark.parametrize("fault", ["", "aliases only"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_aliases_that_lead_in_a_circle(length: int, fault: str) -> None:
    records = [f"n{each}.example CNAME n{(each + 1) % length}.example." for each in range(length)]
    with DNSServer(records, {f"n{each}.example": fault for each in range(length)}) as server:
        assert run(resolver(server).addresses("n0.example")) == LOOP
    assert len(server.asked) == (length if fault else 1)


@pytest.mark.parametrize(("length", "is_found"), [(15, True), (16, False), (40, False)])
@pytest.mark.parametrize("fault", ["", "aliases only"])
def test_a_chain_of_aliases_has_an_end(length: int, fault: str, *, is_found: bool) -> None:
    names = [f"n{each}.example" for each in range(length)] + ["mail.example"]
    records = [f"{name} CNAME {other}." for name, other in pairwise(names)]
    with DNSServer([*records, A], dict.fromkeys(names, fault)) as server:
        answer = run(resolver(server).addresses("n0.example"))
    assert answer == (Answer(("203.0.113.9",)) if is_found else LOOP)
    assert len(server.asked) <= 16


def test_an_alias_of_nothing() -> None:
    answer, _ = address_of("a.example", ["a.example CNAME gone.example.", A])
    note = "it is an alias (CNAME) of gone.example, which does not exist"
    assert answer == Answer(exists=False, note=note)
    answer, _ = address_of("a.example", ["a.example CNAME mail.example.", A], version=6)
    assert answer == Answer()


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("servfail", "SERVER answered SERVFAIL"),
        ("refused", "SERVER answered REFUSED"),
        ("silent", "SERVER did not answer within 0.1 s"),
        ("wrong id", "SERVER did not answer within 0.1 s"),
        ("garbage", "SERVER did not answer within 0.1 s"),
        ("cut off", "SERVER can't be asked: the connection was closed"),
    ],
)
def test_what_is_no_answer_is_unknown_after_two_tries(fault: str, problem: str) -> None:
    answer, asked = address_of("mail.example", [A], fault, SHORT)
    assert answer == Answer(problem=problem)
    assert asked == ["mail.example A"] * (4 if fault == "cut off" else 2)


def test_a_server_that_names_others_is_no_resolver() -> None:
    answer, _ = address_of("mail.example", [A], "referral")
    assert answer == Answer(problem="SERVER only names other servers: it is no resolver")


@pytest.mark.parametrize("fault", ["wrong id first", "lost once", "truncated"])
def test_what_can_be_mended_is(fault: str) -> None:
    answer, asked = address_of("mail.example", [A], fault, Limits(one_try=0.5))
    assert answer == Answer(("203.0.113.9",))
    assert len(asked) == (1 if fault == "wrong id first" else 2)


def test_a_thousand_names_come_over_tcp() -> None:
    records = [f"{PTR_OF_9} PTR n{each}.example." for each in range(1000)]
    with DNSServer(records) as server:
        answer = run(resolver(server).hostnames(ip_address("203.0.113.9")))
    assert answer == Answer(tuple(f"n{each}.example" for each in range(1000)))
    assert server.asked == [f"{PTR_OF_9} PTR"] * 2


def test_the_names_of_an_ipv6_address_are_asked_for_by_nibbles() -> None:
    name = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    with DNSServer([f"{name} PTR mail.example."]) as server:
        answer = run(resolver(server).hostnames(ip_address("2001:db8::9")))
    assert answer == Answer(("mail.example",))


def test_a_network_of_part_of_an_octet_delegates_by_alias() -> None:
    records = [f"{PTR_OF_9} CNAME 9.0-15.113.0.203.in-addr.arpa."]
    records += ["9.0-15.113.0.203.in-addr.arpa PTR mail.example."]
    with DNSServer(records) as server:
        answer = run(resolver(server).hostnames(ip_address("203.0.113.9")))
    assert answer == Answer(("mail.example",))


def test_texts_come_in_one_piece_whatever_is_in_them() -> None:
    records = [r'list.example TXT "two " "pieces"', r'list.example TXT "\027[31m\195\188\255"']
    with DNSServer(records) as server:
        answer = run(resolver(server).texts("list.example"))
    assert answer == Answer(("two pieces", "\x1b[31mü\ufffd"))


def test_a_server_over_ipv6() -> None:
    with DNSServer([A], {"mail.example": "truncated"}, host="::1") as server:
        assert server.address == f"[::1]:{server.port}"
        assert run(resolver(server).addresses("mail.example")) == Answer(("203.0.113.9",))


def test_where_one_server_fails_the_next_is_asked() -> None:
    with (
        DNSServer([A], {"mail.example": "silent"}) as silent,
        DNSServer([A], {"mail.example": "servfail"}) as broken,
        DNSServer([A]) as working,
    ):
        answer = run(resolver(silent, broken, working, limits=SHORT).addresses("mail.example"))
    assert answer == Answer(("203.0.113.9",))
    assert [len(server.asked) for server in (silent, broken, working)] == [1, 1, 1]


def test_the_time_for_all_questions_is_limited() -> None:
    names = [f"n{each}.example" for each in range(30)]
    limits = Limits(one_try=0.1, in_all=0.3, at_once=2)

    async def ask(asked: Resolver) -> list[Answer]:
        return await asyncio.gather(*(asked.addresses(name) for name in names))

    with DNSServer([A], dict.fromkeys(names, "silent")) as server:
        began = time.monotonic()
        answers = asyncio.run(ask(resolver(server, limits=limits)))
        took = time.monotonic() - began
    assert all(answer.problem for answer in answers)
    assert answers[-1].problem == "no time was left: all questions together have 0.3 s"
    assert len(server.asked) <= 8
    assert took < 3


def test_no_try_outlasts_the_time_for_all_questions() -> None:
    began = time.monotonic()
    answer, _ = address_of("mail.example", [A], "silent", Limits(one_try=30, in_all=0.2))
    assert answer.problem
    assert time.monotonic() - began < 10


def test_questions_are_asked_side_by_side() -> None:
    names = [f"n{each}.example" for each in range(20)]

    async def ask(asked: Resolver, server: DNSServer) -> list[Answer]:
        answers = asyncio.gather(*(asked.addresses(name) for name in names))
        while len(server.asked) < len(names):  # noqa: ASYNC110 - the server has threads, no loop
            await asyncio.sleep(0)  # lets them be asked; none is answered before all are
        server.release.set()
        return await answers

    with DNSServer([A], dict.fromkeys(names, "held")) as server:
        answers = asyncio.run(ask(resolver(server), server))
    assert answers == [Answer(exists=False)] * 20
