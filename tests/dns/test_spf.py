"""Whether SPF lets an address send: what each mechanism matches, what leads to other records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dns.zone import HERE, HERE_6, PTR, PTR_6, Zone, said, verdict

if TYPE_CHECKING:
    from ipaddress import IPv4Address


@pytest.mark.parametrize(
    ("record", "result", "mechanism"),
    [
        ("v=spf1", "neutral", None),
        ("v=spf1 ip4:198.51.100.1", "neutral", None),
        ("v=spf1 all", "pass", "all"),
        ("v=spf1 +all", "pass", "+all"),
        ("v=spf1 -all", "fail", "-all"),
        ("v=spf1 ~all", "softfail", "~all"),
        ("v=spf1 ?all", "neutral", "?all"),
        ("v=spf1 -ALL", "fail", "-ALL"),
        ("v=spf1 ~all +all", "softfail", "~all"),
        ("v=spf1 ?ip4:192.0.2.9 -all", "neutral", "?ip4:192.0.2.9"),
        ("v=spf1 -ip4:192.0.2.9 +all", "fail", "-ip4:192.0.2.9"),
        ("v=spf1 ip4:198.51.100.1 -all", "fail", "-all"),
    ],
)
def test_the_first_mechanism_that_matches_decides(
    record: str, result: str, mechanism: str | None
) -> None:
    assert said(record) == (result, mechanism)


@pytest.mark.parametrize(
    ("term", "address", "matches"),
    [
        ("ip4:192.0.2.9", HERE, True),
        ("ip4:192.0.2.8", HERE, False),
        ("ip4:192.0.2.8/31", HERE, True),
        ("ip4:192.0.2.99/24", HERE, True),
        ("ip4:0.0.0.0/0", HERE, True),
        ("ip4:0.0.0.0/0", HERE_6, False),
        ("ip6:2001:DB8::9", HERE_6, True),
        ("ip6:2001:db8::/33", HERE_6, True),
        ("ip6:2001:db8:8000::/33", HERE_6, False),
        ("ip6:2001:db8::1/64", HERE_6, True),
        ("ip6:::/0", HERE_6, True),
        ("ip6:::/0", HERE, False),
        ("ip4:192.0.2.9", "::ffff:192.0.2.9", True),
        ("ip6:::ffff:192.0.2.9", "::ffff:192.0.2.9", False),
        ("a", "198.51.100.7", True),
        ("a", "2001:db8:7::7", True),
        ("a", HERE, False),
        ("a/0", HERE, True),
        ("a//0", HERE, False),
        ("a//0", HERE_6, True),
        ("a:both.example.com", HERE, True),
        ("a:Both.Example.COM.", HERE, True),
        ("a:both.example.com", HERE_6, True),
        ("a:both.example.com", "::ffff:192.0.2.9", True),
        ("a:near.example.com", HERE, False),
        ("a:near.example.com/24", HERE, True),
        ("a:near.example.com/24", HERE_6, False),
        ("a:near.example.com//112", HERE_6, True),
        ("a:near.example.com/32//112", HERE_6, True),
        ("a:near.example.com/25//112", HERE, False),
        ("a:only6.example.com/0", HERE, False),
        ("a:nowhere.example.com/0", HERE, False),
        ("mx", HERE, True),
        ("mx", HERE_6, True),
        ("mx", "198.51.100.1", True),
        ("mx", "198.51.100.2", False),
        ("mx/31", "198.51.100.0", True),
        ("mx:example.com/24//64", "2001:db8::1", True),
        ("mx:both.example.com", HERE, False),
        ("mx:dotted.example.com", HERE, True),
        ("mx:nullmx.example.com", HERE, False),
        ("exists:listed.example.com", HERE, True),
        ("exists:listed.example.com", HERE_6, True),
        ("exists:only6.example.com", HERE_6, False),
        ("exists:nowhere.example.com", HERE, False),
    ],
)
def test_what_a_mechanism_matches(term: str, address: str, matches: bool) -> None:  # noqa: FBT001 - a table's column
    expected = ("pass", term) if matches else ("fail", "-all")
    assert said(f"v=spf1 {term} -all", address=address) == expected


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_an_ip4_network_holds_the_addresses_that_begin_with_its_bits(
    address: IPv4Address, network: IPv4Address, length: int
) -> None:
    begins_alike = (int(address) ^ int(network)) >> (32 - length) == 0
    result, _ = said(f"v=spf1 ip4:{network}/{length} -all", address=str(address))
    assert result == ("pass" if begins_alike else "fail")


@pytest.mark.parametrize(
    ("term", "records", "matches"),
    [
        ("ptr", [f"{PTR} mail.example.com", "mail.example.com A 192.0.2.9"], True),
        ("ptr", [f"{PTR} Mail.EXAMPLE.com", "mail.example.com A 192.0.2.9"], True),
        ("ptr:Both.Example.com", [f"{PTR} both.example.com."], True),
        ("ptr", [f"{PTR} mail.example.com", "mail.example.com A 192.0.2.10"], False),
        ("ptr", [f"{PTR} mail.example.com", "mail.example.com AAAA 2001:db8::9"], False),
        ("ptr", [f"{PTR} mail.badexample.com", "mail.badexample.com A 192.0.2.9"], False),
        ("ptr", [f"{PTR} example.com"], False),
        ("ptr:near.example.com", [f"{PTR} both.example.com"], False),
        ("ptr:both.example.com", [f"{PTR} x.example.com", f"{PTR} both.example.com"], True),
        ("ptr:example.com", [f"{PTR} nowhere.example.com", f"{PTR} both.example.com"], True),
        ("ptr:example.com", [], False),
    ],
)
def test_ptr_matches_a_name_that_has_the_address_too(
    term: str,
    records: list[str],
    matches: bool,  # noqa: FBT001 - a table's column
) -> None:
    expected = ("pass", term) if matches else ("fail", "-all")
    assert said(f"v=spf1 {term} -all", *records) == expected


def test_ptr_of_an_ipv6_address_looks_for_its_aaaa_record() -> None:
    records = [f"{PTR_6} mail.example.com", f"mail.example.com AAAA {HERE_6}"]
    assert said("v=spf1 ptr -all", *records, address=HERE_6) == ("pass", "ptr")


@pytest.mark.parametrize(
    ("included", "result", "mechanism"),
    [
        ("v=spf1 ip4:192.0.2.9 -all", "pass", "include:other.example"),
        ("v=spf1 -ip4:192.0.2.9 +all", "softfail", "~all"),
        ("v=spf1 ~all", "softfail", "~all"),
        ("v=spf1 ?all", "softfail", "~all"),
        ("v=spf1", "softfail", "~all"),
        ("v=spf1 a -all", "pass", "include:other.example"),
        ("v=spf1 redirect=third.example", "pass", "include:other.example"),
        ("v=spf1 include:third.example -all", "pass", "include:other.example"),
        ("v=spf1 bogus", "permerror", None),
        ("v=spf2 +all", "permerror", None),
    ],
)
def test_include_matches_where_the_other_record_passes(
    included: str, result: str, mechanism: str | None
) -> None:
    others = [f"other.example TXT {included}", "other.example A 192.0.2.9"]
    third = "third.example TXT v=spf1 ip4:192.0.2.0/24"
    assert said("v=spf1 include:other.example ~all", *others, third) == (result, mechanism)


@pytest.mark.parametrize(
    ("record", "result", "mechanism"),
    [
        ("v=spf1 redirect=other.example", "pass", "a"),
        ("v=spf1 REDIRECT=other.example", "pass", "a"),
        ("v=spf1 redirect=other.example ip4:192.0.2.9", "pass", "ip4:192.0.2.9"),
        ("v=spf1 redirect=other.example -all", "fail", "-all"),
        ("v=spf1 redirect=closed.example exp=text.example", "fail", "-all"),
        ("v=spf1 redirect=nowhere.example", "permerror", None),
        ("v=spf1 redirect=a..example", "permerror", None),
    ],
)
def test_redirect_leads_on_where_nothing_matches(
    record: str, result: str, mechanism: str | None
) -> None:
    others = [
        "other.example TXT v=spf1 a ?all",
        "other.example A 192.0.2.9",
        "closed.example TXT v=spf1 -all",
    ]
    assert said(record, *others) == (result, mechanism)


def test_a_pass_says_whether_it_lets_anyone_send() -> None:
    others = ["open.example TXT v=spf1 +ALL", "own.example TXT v=spf1 ip4:192.0.2.9 all"]
    expected = {
        "v=spf1 +all": True,
        "v=spf1 all": True,
        "v=spf1 redirect=open.example": True,
        "v=spf1 include:open.example -all": True,
        "v=spf1 include:own.example -all": False,
        "v=spf1 ip4:192.0.2.9 +all": False,
        "v=spf1 -all": False,
        "v=spf1 ?include:open.example": False,
        "v=spf1": False,
    }
    found = {
        record: verdict(Zone([f"example.com TXT {record}", *others])).lets_anyone_send
        for record in expected
    }
    assert found == expected


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=spf1 ip4:192.0.2.9", "`ip4:192.0.2.9` matches in the SPF record of example.com."),
        ("v=spf1 ip4:192.0.2.1", "Nothing matches in the SPF record of example.com."),
        (
            "v=spf1 redirect=two.example",
            "`+ip4:192.0.2.9` matches in the SPF record of two.example.",
        ),
        (
            "v=spf1 include:three.example",
            "`include:three.example` leads to no record: three.example has no SPF record.",
        ),
        (
            "v=spf1 ip4:192.0.2.256",
            "`ip4:192.0.2.256` is a syntax error in the SPF record of example.com.",
        ),
        (
            "v=spf1 ip4:192.0.2.9\x1b[2J\n",
            r"`ip4:192.0.2.9\x1b[2J\n` is a syntax error in the SPF record of example.com.",
        ),
        (f"v=spf1 {'x' * 80}", f"`{'x' * 80}` is a syntax error in the SPF record of example.com."),
        (
            f"v=spf1 {'x' * 300}",
            f"`{'x' * 80}…` is a syntax error in the SPF record of example.com.",
        ),
        (
            "v=spf1 ip4:192.0.2.9 é",
            "There are characters beyond ASCII in the SPF record of example.com.",
        ),
    ],
)
def test_the_reason_names_what_decides(record: str, reason: str) -> None:
    other = "two.example TXT v=spf1 +ip4:192.0.2.9"
    assert verdict(Zone([f"example.com TXT {record}", other])).reason == reason


def test_the_reason_leads_through_the_included_records() -> None:
    records = [
        "example.com TXT v=spf1 include:one.example -all",
        "one.example TXT v=spf1 include:two.example",
        "two.example TXT v=spf1 +ip4:192.0.2.9",
    ]
    found = verdict(Zone(records))
    assert found.terms == ("include:one.example", "include:two.example", "+ip4:192.0.2.9")
    assert found.reason == (
        "`include:one.example` matches in the SPF record of example.com, "
        "through `include:two.example` and `+ip4:192.0.2.9`."
    )
