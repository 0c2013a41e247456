"""Questions to a DNS server on loopback that answers well, badly, or not at all."""

from __future__ import annotations

import asyncio
import os
import resource
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from misar_ips.dns.nameservers import Nameserver
from misar_ips.dns.resolver import Answer, Limits, Resolver
from tests.dns.server import DNSServer

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL = Limits()
SHORT = Limits(one_try=0.1, question=0.5)
PTR_OF_9 = "9.113.0.203.in-addr.arpa"
CIRCLE = Answer(note="its aliases (CNAME) lead in a circle, or to too many others")
A = "mail.example A 203.0.113.9"
SOA = "example SOA ns.example. hostmaster.example. 1 7200 3600 1209600"  # and its minimum


def resolver(*servers: DNSServer, limits: Limits = USUAL) -> Resolver:
    return Resolver([Nameserver(server.host, server.port) for server in servers], limits)


def answer_of(
    *servers: DNSServer, name: str = "mail.example", kind: str = "A", limits: Limits = USUAL
) -> Answer:
    return asyncio.run(resolver(*servers, limits=limits).ask(name, kind))


def answer_to(
    name: str, records: list[str], fault: str = "", limits: Limits = USUAL, kind: str = "A"
) -> tuple[Answer, list[str]]:
    """Ask for a name's records; return the answer, and what the server was asked."""
    with DNSServer(records, {name: fault}) as server:
        answer = answer_of(server, name=name, kind=kind, limits=limits)
        problem = answer.problem.replace(server.address, "SERVER")
    told = Answer(answer.records, answer.exists, problem, answer.note, answer.negative_ttl)
    return told, server.asked


def test_without_resolvers_nothing_is_known() -> None:
    assert answer_of() == Answer(problem="this machine has no resolver; `--resolver` names one")


def test_addresses_of_both_versions() -> None:
    records = [A, "mail.example A 203.0.113.10", "mail.example AAAA 2001:db8:0::9"]
    answer, asked = answer_to("mail.example", records)
    assert answer == Answer(("203.0.113.9", "203.0.113.10"))
    assert asked == ["mail.example A"]
    assert answer_to("mail.example", records, kind="AAAA") == (
        Answer(("2001:db8::9",)),
        ["mail.example AAAA"],
    )


def test_mail_servers_come_in_the_order_of_preference() -> None:
    records = ["example MX 20 b.example.", "example MX 5 a.example.", "example MX 10 ."]
    assert answer_to("example", records, kind="MX")[0] == Answer(("a.example", ".", "b.example"))


def test_a_name_without_such_records_and_a_name_that_is_not_there() -> None:
    assert answer_to("mail.example", [A], kind="AAAA")[0] == Answer()
    assert answer_to("example", [A])[0] == Answer()
    assert answer_to("nosuch.example", [A])[0] == Answer(exists=False)


@pytest.mark.parametrize(("minimum", "ttl"), [(30, 30), (3600, 60)])  # records live for 60 s
def test_a_zone_says_how_long_it_is_kept_that_there_is_nothing(minimum: int, ttl: int) -> None:
    records = [f"{SOA} {minimum}", A]
    assert answer_to("mail.example", records, kind="AAAA")[0] == Answer(negative_ttl=ttl)
    assert answer_to("nosuch.example", records)[0] == Answer(exists=False, negative_ttl=ttl)
    assert answer_to("mail.example", records)[0].negative_ttl is None


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", ".".join(["x" * 60] * 5)])
def test_a_name_that_dns_cannot_hold(name: str) -> None:
    answer, asked = answer_to(name, [A])
    assert (answer, asked) == (Answer(exists=False, note="DNS can't hold such a name"), [])


@pytest.mark.parametrize("fault", ["", "aliases only"])
def test_aliases_are_followed_by_the_resolver_or_by_us(fault: str) -> None:
    records = ["a.example CNAME b.example.", "b.example CNAME mail.example.", A]
    with DNSServer(records, dict.fromkeys(["a.example", "b.example"], fault)) as server:
        assert answer_of(server, name="a.example") == Answer(("203.0.113.9",))
    names = ["a.example", "b.example", "mail.example"] if fault else ["a.example"]
    assert server.asked == [f"{name} A" for name in names]


@pytest.mark.parametrize("fault", ["", "aliases only"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_aliases_that_lead_in_a_circle(length: int, fault: str) -> None:
    records = [f"n{each}.example CNAME n{(each + 1) % length}.example." for each in range(length)]
    with DNSServer(records, {f"n{each}.example": fault for each in range(length)}) as server:
        assert answer_of(server, name="n0.example") == CIRCLE
    assert len(server.asked) == (length if fault else 1)


@pytest.mark.parametrize(("length", "is_found"), [(15, True), (16, False), (40, False)])
@pytest.mark.parametrize("fault", ["", "aliases only"])
def test_a_chain_of_aliases_has_an_end(length: int, fault: str, *, is_found: bool) -> None:
    names = [f"n{each}.example" for each in range(length)] + ["mail.example"]
    records = [f"{name} CNAME {other}." for name, other in pairwise(names)]
    with DNSServer([*records, A], dict.fromkeys(names, fault)) as server:
        answer = answer_of(server, name="n0.example")
    assert answer == (Answer(("203.0.113.9",)) if is_found else CIRCLE)
    assert len(server.asked) <= 16


def test_an_alias_of_nothing() -> None:
    answer, _ = answer_to("a.example", ["a.example CNAME gone.example.", A])
    note = "it is an alias (CNAME) of gone.example, which does not exist"
    assert answer == Answer(exists=False, note=note)
    answer, _ = answer_to("a.example", ["a.example CNAME mail.example.", A], kind="AAAA")
    assert answer == Answer()


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("servfail", "answered SERVFAIL"),
        ("refused", "answered REFUSED"),
        ("notimp", "answered NOTIMP"),
        ("yxdomain", "answered YXDOMAIN"),
        ("denied", "contradicts itself"),
        ("beside the point", "contradicts itself"),
        ("truncated twice", "answered with a part only"),
        ("cut off", "can't be asked: the connection was closed"),
        ("referral", "only names other servers: it is not a resolver"),
    ],
)
def test_what_is_not_an_answer_is_unknown(fault: str, problem: str) -> None:
    answer, asked = answer_to("mail.example", [A], fault)
    assert answer == Answer(problem=f"SERVER {problem}")
    assert asked == ["mail.example A"] * (2 if fault in {"truncated twice", "cut off"} else 1)


@pytest.mark.parametrize("fault", ["silent", "wrong id", "garbage"])
def test_whoever_is_silent_is_asked_again(fault: str) -> None:
    answer, asked = answer_to("mail.example", [A], fault, SHORT)
    assert answer == Answer(problem="SERVER did not answer in time")
    assert len(asked) > 1


@pytest.mark.parametrize(
    ("name", "records", "answer"),
    [
        ("nosuch.example", [A], None),
        ("example", [A], None),
        ("nosuch.example", [A, f"{SOA} 30"], Answer(exists=False, negative_ttl=30)),
        ("mail.example", [A], Answer(("203.0.113.9",))),
    ],
)
def test_nothing_follows_from_the_silence_of_a_server_that_is_not_in_charge(
    name: str, records: list[str], answer: Answer | None
) -> None:
    problem = "SERVER answered nothing: it is neither a resolver nor in charge of the name"
    assert answer_to(name, records, "nobody")[0] == (answer or Answer(problem=problem))


@pytest.mark.parametrize("fault", ["wrong id first", "lost once", "truncated"])
def test_what_can_be_fixed_is(fault: str) -> None:
    answer, asked = answer_to("mail.example", [A], fault, Limits(one_try=0.5))
    assert answer == Answer(("203.0.113.9",))
    assert len(asked) == (1 if fault == "wrong id first" else 2)


def test_a_thousand_names_come_over_tcp() -> None:
    names = tuple(f"n{each}.example" for each in range(1000))
    answer, asked = answer_to(PTR_OF_9, [f"{PTR_OF_9} PTR {name}." for name in names], kind="PTR")
    assert answer == Answer(names)
    assert asked == [f"{PTR_OF_9} PTR"] * 2


@pytest.mark.parametrize(
    ("address", "records"),
    [
        (
            "2001:db8::9",
            [f"9.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa PTR mail.example."],
        ),
        (
            "203.0.113.9",  # in a network of part of an octet (RFC 2317)
            [
                f"{PTR_OF_9} CNAME 9.0-15.113.0.203.in-addr.arpa.",
                "9.0-15.113.0.203.in-addr.arpa PTR mail.example.",
            ],
        ),
    ],
)
def test_the_name_of_an_address(address: str, records: list[str]) -> None:
    name = ip_address(address).reverse_pointer
    assert answer_to(name, records, kind="PTR")[0] == Answer(("mail.example",))


def test_texts_come_in_one_piece_whatever_is_in_them() -> None:
    records = [r'list.example TXT "two " "pieces"', r'list.example TXT "\027[31m\195\188\255"']
    answer, _ = answer_to("list.example", records, kind="TXT")
    assert answer == Answer(("two pieces", "\x1b[31mü\ufffd"))


def test_a_server_over_ipv6() -> None:
    with DNSServer([A], {"mail.example": "truncated"}, host="::1") as server:
        assert server.address == f"[::1]:{server.port}"
        assert answer_of(server) == Answer(("203.0.113.9",))


@pytest.mark.parametrize("fault", ["silent", "servfail", "refused", "denied", "garbage"])
def test_where_one_server_fails_the_next_is_asked_and_from_then_on_first(fault: str) -> None:
    async def ask(asked: Resolver) -> list[Answer]:
        return [await asked.ask("mail.example", kind) for kind in ("A", "AAAA")]

    with (
        DNSServer([A], {"mail.example": fault}) as broken,
        DNSServer([A]) as working,
    ):
        answers = asyncio.run(ask(resolver(broken, working, limits=SHORT)))
    assert answers == [Answer(("203.0.113.9",)), Answer()]
    assert (broken.asked, working.asked) == (
        ["mail.example A"],
        ["mail.example A", "mail.example AAAA"],
    )


def test_the_time_for_all_questions_is_limited() -> None:
    names = [f"n{each}.example" for each in range(30)]
    limits = Limits(one_try=0.1, question=0.1, run=0.3, at_once=2)

    async def ask(asked: Resolver) -> list[Answer]:
        return await asyncio.gather(*(asked.ask(name, "A") for name in names))

    with DNSServer([A], dict.fromkeys(names, "silent")) as server:
        answers = asyncio.run(ask(resolver(server, limits=limits)))
    assert all(answer.problem for answer in answers)
    assert answers[-1].problem == "no time was left: all questions together have 0.3 s"
    assert len(server.asked) <= 8


def test_no_try_outlasts_the_time_for_all_questions() -> None:
    limits = Limits(one_try=3_600, question=3_600, run=0.2)
    answer, _ = answer_to("mail.example", [A], "silent", limits)
    assert answer == Answer(problem="no time was left: all questions together have 0.2 s")


def test_questions_are_asked_side_by_side() -> None:
    names = [f"n{each}.example" for each in range(20)]

    async def ask(asked: Resolver, server: DNSServer) -> list[Answer]:
        answers = asyncio.gather(*(asked.ask(name, "A") for name in names))
        while len(server.asked) < len(names):  # noqa: ASYNC110 - the server has threads, no loop
            await asyncio.sleep(0)  # lets them be asked; none is answered before all are
        server.release.set()
        return await answers

    with DNSServer([A], dict.fromkeys(names, "held")) as server:
        answers = asyncio.run(ask(resolver(server), server))
    assert answers == [Answer(exists=False)] * 20


@pytest.fixture
def few_files() -> Iterator[None]:
    """Let this process open 30 files more, as under a low `ulimit -n`."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + 30, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)


@pytest.mark.usefixtures("few_files")
def test_where_few_files_may_be_open_all_is_asked_all_the_same() -> None:
    names = [f"n{each}.example" for each in range(90)]

    async def ask(asked: Resolver) -> list[Answer]:
        return await asyncio.gather(*(asked.ask(name, "A") for name in names))

    with DNSServer([A]) as server:
        assert asyncio.run(ask(resolver(server))) == [Answer(exists=False)] * 90


def test_a_question_is_asked_once() -> None:
    async def ask(asked: Resolver) -> list[Answer]:
        names = ("mail.example", "MAIL.example", "mail.example")
        return await asyncio.gather(*(asked.ask(name, "A") for name in names))

    with DNSServer([A]) as server:
        assert asyncio.run(ask(resolver(server))) == [Answer(("203.0.113.9",))] * 3
    assert server.asked == ["mail.example A"]
