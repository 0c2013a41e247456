"""`misar-ips trace`: what a receiver says of SPF, DKIM and DMARC, and what nobody else may say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_trace import OURS, from_ours, received, trace_text

if TYPE_CHECKING:
    from tests.conftest import World

SHOWS = " shows why, and what to publish."
UNKNOWN = ("unknown", "unknown", "unknown")


def verdicts(world: World, *lines: str) -> tuple[str, str, str]:
    """Return the statuses of SPF, DKIM and DMARC for lines above the receiver's Received line."""
    told = trace_text(world, received(*lines, from_ours()))[1]
    return told.spf, told.dkim, told.dmarc


def results(text: str) -> str:
    return f"Authentication-Results: {text}"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pass", "pass"),
        ("PASS", "pass"),
        ("neutral", "warning"),
        ("policy", "warning"),
        ("bestguesspass", "warning"),
        ("fail", "fail"),
        ("hardfail", "fail"),
        ("softfail", "fail"),
        ("none", "fail"),
        ("permerror", "fail"),
        ("temperror", "unknown"),
        ("skipped", "unknown"),
        ("passed", "unknown"),
        ("pass_by_somebody", "unknown"),
        ("", "unknown"),
    ],
)
def test_each_word_of_a_receiver(world: World, word: str, status: str) -> None:
    line = results(f"mx.receiver.example; spf={word} smtp.mailfrom=x; dkim={word}; dmarc={word}")
    assert verdicts(world, line) == (status, status, status)


@pytest.mark.parametrize(
    "text",
    [
        "mx; spf=pass smtp.mailfrom=x; dkim=pass; dmarc=pass",
        "mx 1; spf=pass; dkim=pass; dmarc=pass",
        'mx; spf/1 = pass reason="; spf=fail"; dkim / 1 =pass; dmarc= pass',
        "spf=pass; dkim=pass; dmarc=pass",
        "spf = pass; dkim = pass; dmarc = pass",
        "mx;spf=pass;dkim=pass;dmarc=pass",
        "(a) mx (Server; spf=fail (nested; dkim=fail)); spf=pass(x); dkim (b)=(c)pass; dmarc=pass",
        "mx header.i=@x dkim=pass (ok) header.i=@y dkim=fail; spf=pass; dmarc=pass(p=none)",
        "mx; dkim-atps=fail; x-dkim=fail; policy.dkim=fail; dkim=pass; spf=pass; dmarc=pass",
        'mx; dkim=fail reason="a \\" dkim=x (" header.d=x; dkim=pass; spf=pass; dmarc=pass',
        "mx; spf=pass smtp.mailfrom=x; spf=fail smtp.helo=y; dkim=fail; dkim=pass; dmarc=pass",
        "mx; spf=fail smtp.helo=y; spf=pass smtp.mail=x; dkim=pass; dkim=fail; dmarc=pass",
        "mx; spf=pass smtp.mailfrom=spf=fail@x; dkim=pass; dmarc=pass header.from=dmarc=fail@x",
        "mx; spf=pass (of <dkim=fail@x>) smtp.mailfrom=x; dkim=pass; dmarc=pass",
    ],
)
def test_however_a_server_writes_that_all_passed(world: World, text: str) -> None:
    assert verdicts(world, results(text)) == ("pass", "pass", "pass")


@pytest.mark.parametrize(
    "text",
    [
        "mx; none",
        "mx",
        "",
        "; ; ;",
        "mx; (spf=pass) (dkim=pass) (dmarc=pass)",
        "mx; (spf=pass; dkim=pass; dmarc=pass",
        'mx; x="spf=pass; dkim=pass; dmarc=pass"',
        "mx; arc=pass smtp.spf=pass xdkim=pass; spfresult=pass; dmarc-policy=pass",
    ],
)
def test_what_is_not_said_is_unknown(world: World, text: str) -> None:
    assert verdicts(world, results(text)) == UNKNOWN


def test_all_lines_of_the_topmost_ones_name_count(world: World) -> None:
    lines = [
        "mx.example.net; arc=none",
        "MX.example.net; dmarc=pass",
        "mx.example.net/4F1; spf=pass",
    ]
    assert verdicts(world, *map(results, [*lines, "mx.example.net 1; dkim=pass"])) == (
        ("pass", "pass", "pass")
    )


@pytest.mark.parametrize("other", ["mx.example.com", "mx.google.example", "example.net", "x"])
def test_a_line_of_another_name_does_not_count(world: World, other: str) -> None:
    lines = ("mx.example.net; dkim=fail", f"{other}; spf=pass; dkim=pass; dmarc=pass")
    assert verdicts(world, *map(results, lines)) == ("unknown", "fail", "unknown")


def test_servers_that_name_each_method_add_to_the_topmost_ones_word(world: World) -> None:
    lines = ["bimi.mail.example; bimi=none", "dkim.mail.example; dkim=pass; dmarc=fail"]
    lines += ("dmarc.mail.example; dmarc=pass", "spf.mail.example; spf=pass")
    assert verdicts(world, *map(results, lines)) == ("pass", "pass", "fail")
    said = (
        results("dkim.mail.example; dkim=fail"),
        results("forged.mail.example; dkim=pass; spf=pass"),
    )
    assert verdicts(world, *said) == ("pass", "fail", "unknown")
    below = results("spf.mail.example; spf=pass")  # as the sender may have written it
    told = trace_text(world, received(results("dkim.mail.example; x=y"), from_ours(), below))[1]
    assert (told.route, told.spf) == ("pass", "unknown")
    assert verdicts(world, results("mx.example; x=y"), results("evil.example; spf=pass")) == UNKNOWN


def test_what_is_below_the_receivers_own_line_is_not_its_word(world: World) -> None:
    """Not even under its name: the message may have been sent with it."""
    forged = results("mx.receiver.example; spf=pass; dkim=pass; dmarc=pass")
    older = from_ours("mx.receiver.example")
    told = trace_text(world, received(from_ours(), older, forged))[1]
    assert (told.route, told.spf, told.dkim, told.dmarc) == ("pass", *UNKNOWN)
    above = results("mx.receiver.example; spf=fail smtp.mailfrom=x; dkim=fail; dmarc=fail")
    told = trace_text(world, received(above, from_ours(), older, forged))[1]
    assert (told.spf, told.dkim, told.dmarc) == ("fail", "fail", "fail")


def test_received_spf_counts_where_the_results_do_not_tell_of_spf(world: World) -> None:
    spf = f"Received-SPF: Pass (x) client-ip={OURS}"
    assert verdicts(world, spf) == ("pass", "unknown", "unknown")
    assert verdicts(world, spf, results("mx; spf=fail smtp.mailfrom=x")) == (
        ("fail", "unknown", "unknown")
    )
    assert verdicts(world, spf, results("mx; dkim=pass")) == ("pass", "pass", "unknown")
    assert verdicts(world, spf, f"Received-SPF: fail client-ip={OURS}")[0] == "pass"
    assert verdicts(world, f"Received-SPF: (x) client-ip={OURS}")[0] == "unknown"


def test_arc_and_other_peoples_headers_are_not_read(world: World) -> None:
    names = ["ARC-Authentication-Results", "X-Authentication-Results", "Authentication-Results-X"]
    names += ("X-Received-SPF", "Original-Authentication-Results", "X-Received")
    lines = [f"{name}: i=1; mx; spf=pass; dkim=pass; dmarc=pass" for name in names]
    assert verdicts(world, *lines) == UNKNOWN


# What to do


def hint_of(world: World, name: str, *lines: str) -> object:
    ran = world.run("trace", "--json", "-p", "demo", stdin=received(*lines, from_ours()))
    [message] = json.loads(ran.stdout)
    return {check["name"]: check["hint"] for check in message["checks"]}[name]


@pytest.mark.parametrize(
    ("method", "text", "hint"),
    [
        ("spf", "spf=pass", None),
        ("spf", "spf=temperror", None),
        (
            "spf",
            "spf=softfail smtp.mailfrom=bounce@Mail.YourDomain.com",
            "`misar-ips check ip_def456 --sender mail.yourdomain.com --profile demo`" + SHOWS,
        ),
        (
            "spf",
            "spf=none smtp.mailfrom=`rm\\ -r`",
            "`misar-ips check ip_def456 --sender DOMAIN --profile demo`" + SHOWS,
        ),
        ("dkim", "dkim=none", "The message is not signed. Set up DKIM for the domain in From."),
        (
            "dkim",
            "dkim=fail",
            "The key in DNS is another one, or the message was changed on its way.",
        ),
        (
            "dmarc",
            "dmarc=none header.from=hello@yourdomain.com",
            'Publish: _dmarc.yourdomain.com. IN TXT "v=DMARC1; p=none"',
        ),
        ("dmarc", "dmarc=none", "Publish a DMARC record for the domain in From."),
        (
            "dmarc",
            "dmarc=fail",
            "SPF or DKIM must pass for the domain in From, or for one of its organization.",
        ),
    ],
)
def test_what_to_do_about_it(world: World, method: str, text: str, hint: str | None) -> None:
    assert hint_of(world, method, results(f"mx; {text}")) == hint


def test_spf_of_a_forwarder_is_not_to_be_fixed_here(world: World) -> None:
    newer = "Received: from fwd.example ([203.0.113.9]) by mx.receiver.example; now"
    assert hint_of(world, "spf", results("mx; spf=fail smtp.mailfrom=yourdomain.com"), newer) == (
        "That is about the server that handed it over, not about an IP of this account."
    )


def test_helo_that_differs_and_none_to_compare_with(world: World) -> None:
    differs = f"Received: from mta9.example ([{OURS}]) by mx.receiver.example; now"
    assert hint_of(world, "helo", differs) == (
        "Receivers trust a server more that greets with its PTR name. "
        "`misar-ips update ip_def456 --rdns mta9.example --profile demo` makes them the same."
    )
    without = "Received: from mta9.example ([198.51.100.131]) by mx.receiver.example; now"
    assert hint_of(world, "helo", without) == (
        "`misar-ips update ip_jkl012 --rdns HOSTNAME --profile demo` sets one."
    )
