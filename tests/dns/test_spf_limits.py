"""SPF within its limits: look-ups, those that find nothing, and those that fail for now."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.dns.zone import HERE, HERE_6, HOSTS, PTR, PTR_6, Zone, said, verdict


@pytest.mark.parametrize("term", ["a", "mx", "ptr", "include:other.example", "~a:%{d}"])
def test_ten_terms_may_look_something_up(term: str) -> None:
    records = [
        "other.example TXT v=spf1 ip4:198.51.100.9",
        "200.2.0.192.in-addr.arpa PTR mx1.example.com",
    ]
    address = "192.0.2.200"
    ten, eleven = " ".join([term] * 10), " ".join([term] * 11)
    assert said(f"v=spf1 {ten} -all", *records, address=address) == ("fail", "-all")
    found = verdict(
        Zone([f"example.com TXT v=spf1 {eleven} -all", *HOSTS, *records]), address=address
    )
    assert (found.result, found.mechanism) == ("permerror", None)
    assert found.reason == "More than 10 DNS look-ups are needed."


@pytest.mark.parametrize(
    ("records", "result"),
    [
        (["v=spf1 include:b.example include:b.example a a -all", "v=spf1 a a a"], "fail"),
        (["v=spf1 include:b.example include:b.example a a a -all", "v=spf1 a a a"], "permerror"),
        (["v=spf1 a a a a redirect=b.example", "v=spf1 a a a a a -all"], "fail"),
        (["v=spf1 a a a a redirect=b.example", "v=spf1 a a a a a a -all"], "permerror"),
        (["v=spf1 redirect=example.com", ""], "permerror"),
        (["v=spf1 include:b.example", "v=spf1 include:example.com"], "permerror"),
        (["v=spf1 redirect=b.example", "v=spf1 redirect=example.com"], "permerror"),
        (["v=spf1 include:%{d} -all", ""], "permerror"),
        ([f"v=spf1 {'ip4:198.51.100.1 ' * 50}ip4:192.0.2.9 -all", ""], "pass"),
    ],
)
def test_the_terms_of_all_records_count_together(records: list[str], result: str) -> None:
    zone = Zone(
        [
            f"example.com TXT {records[0]}",
            f"b.example TXT {records[1]}",
            "example.com A 198.51.100.7",
            "b.example A 198.51.100.7",
        ]
    )
    assert verdict(zone).result == result


@pytest.mark.parametrize(
    ("terms", "result"),
    [
        ("a:no1.example a:no2.example", "fail"),
        ("a:no1.example mx:no2.example exists:no3.example", "permerror"),
        ("ptr mx:no2.example exists:no3.example", "permerror"),
        ("exists:no1.example exists:no1.example exists:no1.example", "permerror"),
        ("mx:void.example", "permerror"),
        ("a:no1.example a:no2.example include:other.example", "pass"),
        ("a:no1.example include:more.example", "permerror"),
        ("a:no1.example a:no2.example a:x..example a:both.example.com", "pass"),
    ],
)
def test_two_look_ups_may_find_nothing(terms: str, result: str) -> None:
    others = [
        "other.example TXT v=spf1 ip4:192.0.2.9",
        "more.example TXT v=spf1 a:no2.example a:no3.example",
        *(f"void.example MX {number} no{number}.example" for number in range(3)),
    ]
    assert said(f"v=spf1 {terms} -all", *others)[0] == result


def test_the_reason_names_the_look_up_that_finds_nothing() -> None:
    zone = Zone(["example.com TXT v=spf1 a:no1.example a:no2.example mx:no3.example"])
    assert verdict(zone).reason == (
        "More than 2 DNS look-ups find nothing, the last one the MX records of no3.example."
    )


@pytest.mark.parametrize(("number", "result"), [(10, "pass"), (11, "permerror")])
def test_ten_mail_hosts_may_be_looked_up(number: int, result: str) -> None:
    hosts = [f"many.example MX {each} both.example.com" for each in range(number)]
    found = verdict(Zone(["example.com TXT v=spf1 mx:many.example -all", *HOSTS, *hosts]))
    assert found.result == result
    assert (found.reason == "many.example has more than 10 MX records.") == (result == "permerror")


@pytest.mark.parametrize(("number", "result"), [(9, "pass"), (10, "fail")])
def test_no_more_than_ten_names_of_an_address_are_looked_at(number: int, result: str) -> None:
    names = [f"{PTR} near.example.com"] * number + [f"{PTR} both.example.com"]
    assert said("v=spf1 ptr:both.example.com -all", *names)[0] == result


TERMS = st.sampled_from(
    [
        *("a", "mx", "ptr", "a:one.example", "mx:two.example//64", "a:nowhere.example"),
        *("exists:%{p}.example.com", "exists:%{i}.%{d}", "~ptr:%{d}", "-exists:%{l1r+}.%{o}"),
        *("include:one.example", "?include:two.example", "include:example.com", "include:%{d2}"),
        *("redirect=one.example", "redirect=two.example", "ip4:198.51.100.1", "-all", "x=%{s}"),
    ]
)
RECORDS = st.lists(TERMS, max_size=15).map(" ".join)


@given(RECORDS, RECORDS, RECORDS, st.sampled_from([HERE, HERE_6]))
@example("include:example.com a a a a a a a a a a", "", "", HERE)
def test_an_evaluation_ends_whatever_the_records_say(
    first: str, second: str, third: str, address: str
) -> None:
    names = ["example.com", "one.example", "two.example"]
    zone = Zone(
        [
            *(
                f"{name} TXT v=spf1 {each}"
                for name, each in zip(names, (first, second, third), strict=True)
            ),
            *(f"{name} MX 10 host.example" for name in names),
            *(f"{name} A 198.51.100.3" for name in names),
            *(f"{name} AAAA 2001:db8:3::3" for name in names),
            "host.example A 198.51.100.4",
            f"{PTR} both.example.com",
            f"{PTR_6} both.example.com",
            *HOSTS,
        ]
    )
    assert verdict(zone, address=address).result in {
        *("none", "neutral", "pass", "fail", "softfail", "permerror")
    }
    behind = {"host.example", "both.example.com"}  # what terms lead to: no term names them
    terms = [each for each in zone.asked if each.split()[0] not in behind and "arpa" not in each]
    assert len(terms) <= 1 + 10


# What DNS can't tell for now


@pytest.mark.parametrize(
    ("terms", "question", "result"),
    [
        ("-all", "example.com TXT", "temperror"),
        ("a -all", "example.com A", "temperror"),
        ("mx -all", "example.com MX", "temperror"),
        ("mx -all", "mx1.example.com A", "temperror"),
        ("mx:both.example.com mx -all", "mx2.example.com A", "temperror"),
        ("exists:x.example -all", "x.example A", "temperror"),
        ("include:x.example -all", "x.example TXT", "temperror"),
        ("redirect=x.example", "x.example TXT", "temperror"),
        ("ip4:192.0.2.9 a -all", "example.com A", "pass"),
        ("a -all", "example.com AAAA", "fail"),
        ("ptr -all", "9.2.0.192.in-addr.arpa PTR", "fail"),
        ("ptr -all", "mail.example.com A", "pass"),
        ("exists:%{p}.listed.example -all", "9.2.0.192.in-addr.arpa PTR", "pass"),
        ("a:x.example bogus", "x.example A", "permerror"),
    ],
)
def test_what_cannot_be_looked_up_is_no_verdict(terms: str, question: str, result: str) -> None:
    records = [
        f"example.com TXT v=spf1 {terms}",
        f"{PTR} mail.example.com",
        f"{PTR} both.example.com",
        "unknown.listed.example A 127.0.0.2",
        *HOSTS,
    ]
    found = verdict(Zone(records, failing=frozenset({question})))
    assert found.result == result
    if result == "temperror":
        name, record_type = question.split()
        what = f"The {record_type} records of {name} can't be looked up"
        assert found.reason == f"{what}: the resolver did not answer."
