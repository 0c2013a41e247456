"""How SPF records are found, read, and filled in: selection, grammar, macros."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dns.zone import HERE, HERE_6, HOSTS, PTR, Zone, said, verdict

LABEL_OF_63 = "a" * 63
RESULTS = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}


# Whose record, and which


@pytest.mark.parametrize(
    ("sender", "result"),
    [
        ("ana@example.com", "fail"),
        ("ana@EXAMPLE.com.", "fail"),
        ("@example.com", "fail"),
        (f"ana@{LABEL_OF_63}.example", "fail"),
        (f"ana@{LABEL_OF_63}a.example", "none"),
        ("ana@a..example", "none"),
        ("ana@.example.com", "none"),
        ("ana@localhost", "none"),
        ("ana@", "none"),
        ("ana@[192.0.2.9]", "none"),
        ("ana@bücher.example", "none"),
        ("ana@" + ".".join([LABEL_OF_63] * 4), "none"),
        ("ana@a\x1b[2J.example", "none"),
        ("ana@nowhere.example", "none"),
    ],
)
def test_only_a_whole_domain_name_has_a_record(sender: str, result: str) -> None:
    names = ["example.com", f"{LABEL_OF_63}.example", "localhost"]
    zone = Zone([f"{name} TXT v=spf1 -all" for name in names])
    assert verdict(zone, sender=sender).result == result


@pytest.mark.parametrize(
    ("texts", "result"),
    [
        ([], "none"),
        (["token=1", "v=spf2.0/mfrom +all", "v=DMARC1; p=none"], "none"),
        (["v=spf1"], "neutral"),
        (["V=SpF1 -all"], "fail"),
        (["v=spf1  ~all  "], "softfail"),
        (["v=spf10 -all"], "none"),
        (["v=spf1-all"], "none"),
        (["v=spf1\t-all"], "none"),
        ([" v=spf1 -all"], "none"),
        (["spf1 -all"], "none"),
        (["bücher", "v=spf1 -all"], "fail"),
        (["v=spf10 +all", "v=spf1 -all"], "fail"),
        (["v=spf1 -all", "v=spf1 -all"], "permerror"),
        (["v=spf1 +all", "V=SPF1"], "permerror"),
    ],
)
def test_one_record_says_that_it_is_spf(texts: list[str], result: str) -> None:
    assert verdict(Zone([f"example.com TXT {text}" for text in texts])).result == result


def test_two_records_are_told_as_two() -> None:
    zone = Zone(["example.com TXT v=spf1 -all", "example.com TXT v=spf1 +all"])
    assert verdict(zone).reason == "example.com has 2 SPF records; only one is allowed."


# The grammar

VALID = """
all +all -All ?aLL
ip4:192.0.2.0/0 ip4:192.0.2.0/32 IP4:192.0.2.1 ip6:::/128 ip6:2001:DB8::/99 ip6:::192.0.2.1
a a/0 a/32 a//128 a/24//64 a:x.example a:x.example/24//64 a:x/y:z.example a:x.example. a:_x.example
a:x.xn--p1ai a:x.e-1 a:x.1a a:}{.example
mx mx:x.example//7 ptr ptr:x.example exists:x.example include:other.example
a:%{d} a:x%% a:x.%{d} a:%{d2r-.}.example a:%{L}.example a:x%-%_%%.example a:%{dR} a:%{d007}
redirect=other.example Redirect=other.example exp=x.example exp=%{d}
x= x=: x-1_2.3=a/b all=x mx= include= a=%{s}
"""

INVALID = """
all. all:x.example all/8 al alls *all --all + - ALL: =all
ip4 ip4: ip4:192.0.2 ip4:192.0.2.256 ip4:192.0.2.01 ip4:192.0.2.1/33 ip4:192.0.2.1/ ip4:192.0.2.1/08
ip4:192.0.2.1//24 ip4:192.0.2.1:25 ip4:192.0.2.1/24/24 ip4:::1 ip4:%{i} ip4/24
ip6 ip6: ip6:2001:db8 ip6:192.0.2.1 ip6:::/129 ip6:::/00 ip6:::1//64 ip6:fe80::1%eth0 ip6:1::2::3
a: a/ a/33 a/-1 a/024 a//129 a/24/64 a//64/24 a///64 a:/24 a.x.example
a:example a:example. a:x.123 a:192.0.2.1 a:x.-a a:x.a- a:x.example:25 a:x.exa_mple a:x.example..
mx: mx/33 mx:x ptr: ptr/24 ptr:x.example/24 exists exists: exists:x.example/24 exists/24
include include: include:x include:x.example/24
a:% a:%{ a:%{} a:%{d a:%d.example a:%(d).example a:%{x}.example a:%{d0} a:%{d00r} a:%{dr2} a:%{d*}
a:%{dd} a:%{c} a:%{r} a:%{t} a:%{d}example a:%{d}. a:%%example a:x.example%
redirect= redirect=x redirect:x.example -redirect=x.example redirect=x.example/24
exp= exp=x exp=%{r}.example exp:x.example 1x=y =x -x=y x=% x=%{z}
bücher a:é.example
"""


@pytest.mark.parametrize("term", [*VALID.split(), f"a:%{{d{'9' * 5000}}}"])
def test_a_valid_term_is_taken(term: str) -> None:
    result, _ = said(f"v=spf1 ip4:{HERE} {term}")
    assert result == "pass"


@pytest.mark.parametrize(
    "term",
    [
        *INVALID.split(),
        "x=a\tb",
        "a:x.example\tmx",
        "a:x.example\n",
        "all\r\n",
        "a:x\x00.example",
        "\x7f",
    ],
)
def test_a_syntax_error_counts_wherever_it_is(term: str) -> None:
    found = verdict(Zone([f"example.com TXT v=spf1 ip4:{HERE} -all {term}", *HOSTS]))
    assert (found.result, found.mechanism) == ("permerror", None)
    assert found.reason.endswith("in the SPF record of example.com.")


@pytest.mark.parametrize("name", ["redirect", "exp", "Exp"])
def test_a_modifier_that_means_something_is_there_once(name: str) -> None:
    record = f"v=spf1 {name}=x.example ip4:{HERE} {name.lower()}=y.example"
    found = verdict(Zone([f"example.com TXT {record}"]))
    assert found.result == "permerror"
    reason = f"There is more than one `{name.lower()}=` in the SPF record of example.com."
    assert found.reason == reason


def test_what_a_modifier_of_the_future_means_is_not_known() -> None:
    assert said("v=spf1 ra=x rp=100 ra=y default=pass -all") == ("fail", "-all")


def test_the_explanation_is_not_looked_up() -> None:
    zone = Zone(["example.com TXT v=spf1 exp=why.example.com -all"])
    assert verdict(zone).result == "fail"
    assert zone.asked == ["example.com TXT"]


@given(st.text())
def test_any_text_behind_the_version_gets_a_verdict(text: str) -> None:
    assert verdict(Zone([f"example.com TXT v=spf1 {text}", *HOSTS])).result in RESULTS


@given(st.text("aeilmptxs:%{}d/0123.=-+~? "), st.text(), st.text())
def test_anything_like_a_record_gets_a_verdict(text: str, local_part: str, helo: str) -> None:
    zone = Zone([f"example.com TXT v=spf1 {text}", *HOSTS])
    assert verdict(zone, sender=f"{local_part}@example.com", helo=helo).result in RESULTS


# Macros


def name_of(spec: str, *records: str, address: str = HERE, sender: str = "", helo: str = "") -> str:
    """Return which name is looked up for a domain-spec of eu.example.com, "" for none."""
    zone = Zone([f"eu.example.com TXT v=spf1 exists:{spec}", *records])
    verdict(
        zone,
        address=address,
        sender=sender or "big-ben+london=uk@eu.example.com",
        helo=helo or "mta.example.net",
    )
    questions = [each for each in zone.asked[1:] if each.endswith(" A")]
    return questions[-1].removesuffix(" A") if questions else ""


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("%{d}", "eu.example.com"),
        ("%{d}.", ""),
        ("%{D1}", "com"),
        ("%{d2}", "example.com"),
        ("%{d3}", "eu.example.com"),
        ("%{d12}", "eu.example.com"),
        ("%{d0002}", "example.com"),
        (f"%{{d{'9' * 5000}}}", "eu.example.com"),
        ("%{dr}", "com.example.eu"),
        ("%{d2r}", "example.eu"),
        ("%{d1R}", "eu"),
        ("%{o}.x", "eu.example.com.x"),
        ("%{o}.x.example", "eu.example.com.x.example"),
        ("%{s}", "big-ben+london=uk@eu.example.com"),
        ("%{l}", "big-ben+london=uk"),
        ("%{l-}", "big.ben+london=uk"),
        ("%{lr-}", "ben+london=uk.big"),
        ("%{l1-}", "ben+london=uk"),
        ("%{l2r+-}", "ben.big"),
        ("%{l-+=}", "big.ben.london.uk"),
        ("%{lr-+=.,/_}.x.example", "uk.london.ben.big.x.example"),
        ("%{L}", "big-ben%2Blondon%3Duk"),
        ("%{S2}", "example.com"),
        ("%{L-}", "big.ben%2blondon%3duk"),
        ("%{i}.x.example", "192.0.2.9.x.example"),
        ("%{ir}.%{v}.arpa", "9.2.0.192.in-addr.arpa"),
        ("%{i2}.x.example", "2.9.x.example"),
        ("%{h}", "mta.example.net"),
        ("%{h2}.%{d}", "example.net.eu.example.com"),
        ("a%%b%_c%-d.example", "a%b c%20d.example"),
        ("x%%", "x%"),
        ("x.example.", "x.example"),
        ("%{l}..x.example", ""),
    ],
)
def test_a_macro_is_what_it_stands_for(spec: str, name: str) -> None:
    assert name_of(spec).lower() == name.lower()


def test_the_domain_of_a_macro_is_the_one_whose_record_it_is_in() -> None:
    included = "other.example TXT v=spf1 exists:%{d}.d.%{o}.o.example"
    zone = Zone(["eu.example.com TXT v=spf1 include:other.example", included])
    verdict(zone, sender="ana@eu.example.com")
    assert zone.asked[-1] == "other.example.d.eu.example.com.o.example A"


def test_an_ipv6_address_is_spelled_in_digits() -> None:
    digits = "2.0.0.1.0.d.b.8" + ".0" * 23 + ".9"
    assert name_of("%{i}", address=HERE_6) == digits
    reversed_ = name_of("%{ir}.%{v}.arpa", address=HERE_6)
    assert reversed_ == ".".join(reversed(digits.split("."))) + ".ip6.arpa"


@pytest.mark.parametrize("address", ["::ffff:192.0.2.9", HERE])
def test_a_mapped_address_is_spelled_as_the_ipv4_address(address: str) -> None:
    assert name_of("%{i}.%{v}.x.example", address=address) == "192.0.2.9.in-addr.x.example"


@pytest.mark.parametrize(
    ("sender", "spec", "name"),
    [
        ("@eu.example.com", "%{s}", "postmaster@eu.example.com"),
        ("ana@eu.example.com.", "%{d}.%{o}.x.example", "eu.example.com.eu.example.com.x.example"),
        ("@eu.example.com", "%{l}.x.example", "postmaster.x.example"),
        ('"a@b"@eu.example.com', "%{l}.%{o}", '"a@b".eu.example.com'),
        ("a b@eu.example.com", "%{l}.%{o}", "a b.eu.example.com"),
        ("ünal@eu.example.com", "%{l}.%{o}", ""),
        ("ünal@eu.example.com", "%{L}.%{o}", "%c3%bcnal.eu.example.com"),
        ("\udcff@eu.example.com", "%{L}.%{o}", "%3f.eu.example.com"),
        ("a\x00b@eu.example.com", "%{l}.%{o}", ""),
        ("~a-b_c.d@eu.example.com", "%{L}.%{o}", "~a-b_c.d.eu.example.com"),
    ],
)
def test_the_sender_in_a_macro(sender: str, spec: str, name: str) -> None:
    assert name_of(spec, sender=sender) == name


def test_without_a_sender_the_postmaster_of_the_helo_name_sends() -> None:
    zone = Zone(["mta.example.net TXT v=spf1 exists:%{s}"])
    verdict(zone, sender="", domain="mta.example.net")
    assert zone.asked[-1] == "postmaster@mta.example.net A"


@pytest.mark.parametrize(
    ("helo", "name"),
    [
        ("localhost", "localhost"),
        ("[192.0.2.9]", "[192.0.2.9]"),
        ("two words", "two words"),
        ("a" * 64, ""),
        (".", ""),
    ],
)
def test_the_helo_name_in_a_macro_is_no_syntax_error(helo: str, name: str) -> None:
    assert name_of("%{h}", helo=helo) == name
    record = "eu.example.com TXT v=spf1 a:%{h} ~all"
    assert verdict(Zone([record]), sender="ana@eu.example.com", helo=helo).result == "softfail"


@pytest.mark.parametrize(
    ("records", "name"),
    [
        ([], "unknown"),
        ([f"{PTR} mx.example.org"], "unknown"),
        ([f"{PTR} mx.example.org", "mx.example.org A 198.51.100.1"], "unknown"),
        ([f"{PTR} mx.example.org", "mx.example.org A 192.0.2.9"], "mx.example.org"),
        (
            [
                *(f"{PTR} mx.example.org", "mx.example.org A 192.0.2.9"),
                *(f"{PTR} a.eu.example.com", "a.eu.example.com A 192.0.2.9"),
            ],
            "a.eu.example.com",
        ),
        (
            [
                *(f"{PTR} a.eu.example.com", "a.eu.example.com A 192.0.2.9"),
                *(f"{PTR} eu.example.com", "eu.example.com A 192.0.2.9"),
            ],
            "eu.example.com",
        ),
    ],
)
def test_the_confirmed_name_in_a_macro(records: list[str], name: str) -> None:
    assert name_of("%{p}.x.example", *records) == f"{name}.x.example"


def test_a_name_that_is_too_long_loses_labels_on_the_left() -> None:
    label = "b" * 49  # five of them and "x.example" are 259 characters
    assert name_of(".".join([label] * 5) + ".x.example") == ".".join([label] * 4) + ".x.example"
    fitting = ".".join([label] * 5) + ".c.d"
    assert len(fitting) == 253
    assert name_of(fitting + ".") == fitting
    assert name_of(fitting + "e") == fitting.partition(".")[2] + "e"
    assert name_of(f"a.{fitting}e") == fitting.partition(".")[2] + "e"
    assert name_of(f"%{{d}}.{'%{l}' * 5000}.{fitting}") == fitting
    assert name_of("%{l}" * 5000) == ""


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=9), st.integers(1, 12))
def test_the_parts_on_the_right_are_kept(parts: list[str], most: int) -> None:
    sender = ".".join(parts) + "@eu.example.com"
    kept, reversed_ = name_of(f"%{{l{most}}}", sender=sender), name_of("%{lr}", sender=sender)
    assert ".".join(parts).endswith(kept)
    assert kept.count(".") + 1 == min(most, len(parts))
    assert sorted(reversed_.split(".")) == sorted(parts)
    assert reversed_.startswith(parts[-1])
