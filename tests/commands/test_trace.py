"""`misar-ips trace`, run whole on messages as all sorts of servers write their headers.

The messages are in the folder `messages`: the styles are real; addresses, names and words are not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.commands.checked import with_ips

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ran, World

MESSAGES = Path(__file__).parent / "messages"
OURS = "198.51.100.17"
TX = {"id": "ip_def456", "address": OURS, "rdns": "tx.yourdomain.com", "pool": "transactional"}


class Told(NamedTuple):
    """What is right for a message: the route's addresses and status, then the other statuses."""

    route: str
    found: tuple[str, ...] = (OURS,)
    helo: str | None = "pass"
    spf: str = "pass"
    dkim: str = "pass"
    dmarc: str = "pass"


SILENT: dict[str, Any] = {"spf": "unknown", "dkim": "unknown", "dmarc": "unknown"}
NOT_OURS: dict[str, Any] = {"found": ("203.0.113.66",), "helo": None}
RIGHT = {
    "communigate": Told("pass", **SILENT),
    "courier_mapped": Told("pass", dkim="unknown", dmarc="unknown"),
    "exchange": Told("pass", **SILENT),
    "exim": Told("pass"),
    "exim_port": Told("pass", **SILENT),
    "fastmail": Told("pass"),
    "forged_below": Told("warning", ("203.0.113.66", OURS), "pass", "fail", "fail", "unknown"),
    "forged_envelope": Told("fail", **NOT_OURS, spf="fail", dkim="fail", dmarc="unknown"),
    "forged_helo": Told("unknown", **NOT_OURS, **SILENT),
    "forged_helo_exim": Told("unknown", **NOT_OURS, **SILENT),
    "forged_where_the_receiver_is_silent": Told("warning", ("203.0.113.66", OURS), **SILENT),
    "forwarder": Told("warning", ("203.0.113.9", OURS), spf="fail"),
    "gmail": Told("pass"),
    "gmail_neutral": Told("pass", (OURS,), "warning", "warning", "warning", "unknown"),
    "icloud": Told("pass"),
    "ironport": Told("pass"),
    "mailing_list": Told("warning", ("203.0.113.25", OURS), **SILENT),
    "nobody_says": Told("unknown", ("127.0.0.1", "203.0.113.66"), None, **SILENT),
    "outlook": Told("pass"),
    "outlook_fail": Told("pass", (OURS,), "warning", "fail", "fail", "warning"),
    "policyd_spf": Told("pass", dkim="unknown", dmarc="unknown"),
    "postfix": Told("pass"),
    "proton": Told("pass"),
    "qmail": Told("pass", dkim="unknown", dmarc="unknown"),
    "sendmail": Told("pass", spf="fail", dkim="unknown", dmarc="fail"),
    "ses": Told("pass"),
    "shared_pool": Told("fail", ("203.0.113.40",), None, dmarc="fail"),
    "yahoo": Told("pass"),
    "yahoo_older": Told("pass"),
    "zoho": Told("pass"),
}


def traced(ran: Ran) -> tuple[str | None, Told]:
    """Return the id of the IP and what was told of the one message that was traced with --json."""
    [message] = json.loads(ran.stdout)
    checks = {check["name"]: check for check in message["checks"]}
    assert (
        message["ok"]
        == (ran.code == 0)
        == ("fail" not in {each["status"] for each in checks.values()})
    )
    statuses = {name: check["status"] for name, check in checks.items()}
    route = statuses.pop("route")
    helo = statuses.pop("helo", None)
    return message["id"], Told(route, tuple(checks["route"]["found"]), helo, **statuses)


def trace_text(world: World, text: str, *arguments: str) -> tuple[str | None, Told]:
    return traced(world.run("trace", "--json", *arguments, stdin=text))


def received(*lines: str) -> str:
    """Return a header of these lines in the demo account's words, one that nobody else is in."""
    return "\n".join((*lines, "From: hello@yourdomain.com", "", "Hello"))


def from_ours(by: str = "mx.receiver.example") -> str:
    return f"Received: from tx.yourdomain.com (tx.yourdomain.com [{OURS}]) by {by} with ESMTP; now"


def test_every_message_of_the_folder_has_its_right_answer() -> None:
    folder = {path.stem for path in MESSAGES.glob("*.eml")}
    assert folder == {*RIGHT, "ipv6"}


@pytest.mark.parametrize("name", RIGHT)
def test_a_message_as_its_receiver_has_it(world: World, name: str) -> None:
    right = RIGHT[name]
    told = traced(world.run("trace", str(MESSAGES / f"{name}.eml"), "--json"))
    assert told == ("ip_def456" if OURS in right.found else None, right)


def test_ipv6(world: World) -> None:
    world = with_ips(world, {**TX, "address": "2001:DB8:0::25", "rdns": "mta6.yourdomain.com"})
    told = traced(world.run("trace", str(MESSAGES / "ipv6.eml"), "--json"))
    assert told == ("ip_def456", Told("pass", ("2001:db8::25",), dmarc="unknown"))


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "with CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "the header alone": lambda content: content.partition(b"\n\n")[0],
    "the header alone, ended": lambda content: content.partition(b"\n\n")[0] + b"\n",
    "of an mbox": lambda content: (
        b"From bounce@yourdomain.com Wed Apr  1 18:00:00 2026\n" + content
    ),
    "of an mbox, with CRLF": lambda content: b"From x\r\n" + content.replace(b"\n", b"\r\n"),
    "after blank lines": lambda content: b"\r\n\n" + content,
    "after a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "beside bytes that are no text": lambda content: b"X-Odd: \xff\xfe\x00\xe9 (\n" + content,
    "folded at every space": lambda content: content.replace(b" ", b"\n "),
    "with field names in capitals": lambda content: content.replace(b"Received", b"RECEIVED"),
    "with a body of other headers": lambda content: (
        content + b"Received-SPF: fail client-ip=203.0.113.66\n" * 3
    ),
}


@pytest.mark.parametrize("name", ["gmail", "outlook", "postfix", "qmail", "forwarder"])
@pytest.mark.parametrize("form", FORMS)
def test_whatever_form_it_was_saved_in(world: World, tmp_path: Path, form: str, name: str) -> None:
    content = (MESSAGES / f"{name}.eml").read_bytes()
    if form == "folded at every space":
        header, _, body = content.partition(b"\n\n")
        content = (
            b"\n".join(
                field.partition(b": ")[0] + b": " + FORMS[form](field.partition(b": ")[2])
                for field in header.replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n")
            )
            + b"\n\n"
            + body
        )
    else:
        content = FORMS[form](content)
    path = tmp_path / "saved.eml"
    path.write_bytes(content)
    assert traced(world.run("trace", str(path), "--json"))[1] == RIGHT[name]


# Who handed it over


@pytest.mark.parametrize(
    "from_part",
    [
        f"tx.yourdomain.com (tx.yourdomain.com [{OURS}])",
        f"tx.yourdomain.com (tx.yourdomain.com. [{OURS}])",
        f"TX.YourDomain.com (unknown [{OURS}]:41234)",
        f"tx.yourdomain.com ([{OURS}:41234])",
        f"tx.yourdomain.com ({OURS})",
        f"tx.yourdomain.com ([::ffff:{OURS}])",
        f"tx.yourdomain.com ([IPv6:::ffff:{OURS}])",
        f"unknown (HELO tx.yourdomain.com) (mailer@{OURS})",
        f"127.0.0.1  (EHLO tx.yourdomain.com) ({OURS})",
        f"{OURS} (EHLO tx.yourdomain.com)",
        f"{OURS}(EHLO tx.yourdomain.com)",
        f"[{OURS}] (helo=tx.yourdomain.com)",
        f"[{OURS}] (HELO=tx.yourdomain.com port=4321)",
        f"[{OURS}]:41234 (helo=tx.yourdomain.com)",
        f"tx.yourdomain.com (host-{OURS}.isp.example [{OURS}])",
        f"tx.yourdomain.com (9.113.0.203.isp.example [{OURS}])",
        f"tx.yourdomain.com (203.0.113.9.isp.example {OURS})",
        f"tx.yourdomain.com (203.0.113.9 [{OURS}])",
        f"tx.yourdomain.com (by.isp.example [{OURS}] (may be forged (by whomever)))",
    ],
)
def test_the_address_and_the_helo_name_in_any_style(world: World, from_part: str) -> None:
    line = f"Received: from {from_part} by mx.receiver.example ([203.0.113.1]) with ESMTP; now"
    assert trace_text(world, received(line)) == ("ip_def456", Told("pass", **SILENT))


@pytest.mark.parametrize(
    "from_part",
    [
        f"{OURS} (host.isp.example [203.0.113.66])",
        f"[{OURS}] ([203.0.113.66])",
        f"unknown (HELO {OURS}) (203.0.113.66)",
        f"unknown (HELO [{OURS}]) (203.0.113.66)",
        f"unknown (HELO ?{OURS}?) (203.0.113.66)",
        "unknown (HELO ) (203.0.113.66)",
        f"203.0.113.66 (EHLO [{OURS}])",
        f"[203.0.113.66] (helo=[IPv6:::ffff:{OURS}])",
        f"x ({OURS}.isp.example [203.0.113.66])",
        f"x ({OURS}-host.isp.example [203.0.113.66])",
        f"x ({OURS} [203.0.113.66])",
        f"x (1{OURS} [203.0.113.66])",
        f"host.isp.example ([203.0.113.66]) by mx.receiver.example ([{OURS}])",
        f"host.isp.example (203.0.113.66)by mx.receiver.example ({OURS})",
        f"host.isp.example ([203.0.113.66]); (for [{OURS}])",
    ],
)
def test_an_address_of_ours_that_is_not_the_peers_counts_for_nothing(
    world: World, from_part: str
) -> None:
    line = f"Received: from {from_part} by mx.receiver.example with ESMTP; now"
    told = trace_text(world, received(line))
    assert told == (None, Told("unknown", ("203.0.113.66",), None, **SILENT))


@pytest.mark.parametrize(
    "line", ["by tx.yourdomain.com id 1; now", f"(from [{OURS}]) by x; now", ""]
)
def test_a_line_without_a_from_part_names_nobody(world: World, line: str) -> None:
    told = trace_text(world, received(f"Received: {line}"))
    assert told == (None, Told("unknown", (), None, **SILENT))


@pytest.mark.parametrize(
    "spf",
    [
        f"Received-SPF: pass (x: domain of a@b designates {OURS} as permitted sender)",
        f"Received-SPF: pass (x: domain of b) client-ip={OURS}; helo=tx.yourdomain.com",
        f'Received-SPF: pass client-ip = "{OURS}"; helo = "tx.yourdomain.com"',
        f"Received-SPF: pass (IPv6) client-ip=::ffff:{OURS};",
        f"Received-SPF: pass (x: {OURS} is neither permitted nor denied by domain of a@b)",
        f"Authentication-Results: spf=pass (sender IP is {OURS}) smtp.mailfrom=b",
        f"Authentication-Results: mx; spf=pass (mx: domain of a@b designates {OURS} as sender)",
        f"Authentication-Results: mx; spf=pass (mx: a@b does not designate {OURS}) smtp.mailfrom=b",
    ],
)
def test_the_receivers_word_decides(world: World, spf: str) -> None:
    """Also where its own hops have public addresses, as those of the largest providers do."""
    inner = (
        "Received: from A.prod.mail.example (2001:db8::1) by B.mail.example (2001:db8::2); now",
        "Received: from C.protection.mail.example (2001:db8::3) by A.example (2001:db8::1); now",
    )
    ip, told = trace_text(world, received(*inner, spf, from_ours()))
    assert (ip, told.route, told.found) == ("ip_def456", "pass", (OURS,))
    foreign = spf.replace(OURS, "203.0.113.66")
    ip, told = trace_text(world, received(*inner, foreign, from_ours()))
    assert (ip, told.route, told.found) == ("ip_def456", "warning", ("203.0.113.66", OURS))
    ip, told = trace_text(world, received(*inner, foreign, "Received: by mx.receiver.example; now"))
    assert (ip, told.route) == (None, "fail")


@pytest.mark.parametrize(
    "spf",
    [
        f"fail (x: domain of y designates {OURS} z@b does not designate 203.0.113.66)",
        f"fail (x: domain of y designates {OURS} as permitted sender) client-ip=203.0.113.66",
        f"fail client-ip=203.0.113.66; envelope-from=client-ip={OURS}@b",
        f'fail client-ip=203.0.113.66; envelope-from="; client-ip={OURS}"@b',
    ],
)
def test_what_the_sender_wrote_into_the_receivers_word_does_not_count(
    world: World, spf: str
) -> None:
    told = trace_text(world, received(f"Received-SPF: {spf}", "Received: by mx; now"))
    assert (told[0], told[1].route, told[1].found) == (None, "fail", ("203.0.113.66",))


@pytest.mark.parametrize("name", ["unknown", "host.isp.example", "mx.receiver.example.org"])
def test_whoever_greets_with_the_receivers_name_is_still_not_the_receiver(
    world: World, name: str
) -> None:
    line = f"Received: from mx.receiver.example ({name} [203.0.113.66]) by mx.receiver.example; now"
    forged = f"Received-SPF: pass client-ip={OURS}; helo=tx.yourdomain.com"
    told = trace_text(world, received(line, forged, from_ours()))[1]
    assert (told.route, told.spf) == ("warning", "unknown")
    inner = line.replace(name, "gateway.receiver.example")
    assert trace_text(world, received(inner, forged, from_ours()))[1].route == "pass"


def test_an_address_inside_the_receivers_network_is_not_its_word(world: World) -> None:
    lines = (
        "Received-SPF: none client-ip=10.0.0.7",
        "Received: from gw (gw [10.0.0.7]) by mx; now",
    )
    ip, told = trace_text(world, received(*lines, from_ours("gw.receiver.example")))
    assert (ip, told.route, told.found) == ("ip_def456", "pass", (OURS,))


def test_without_the_receivers_word_a_newer_public_hop_makes_it_a_warning(world: World) -> None:
    newer = "Received: from gateway.example (203.0.113.5) by mx.receiver.example; now"
    ip, told = trace_text(world, received(newer, from_ours("gateway.example")))
    assert (ip, told.route, told.found) == ("ip_def456", "warning", ("203.0.113.5", OURS))
    inner = "Received: from gateway (192.168.7.5) by mx.receiver.example; now"
    ip, told = trace_text(world, received(inner, from_ours("gateway")))
    assert (ip, told.route, told.found) == ("ip_def456", "pass", (OURS,))


def test_of_two_ips_of_ours_the_newest_line_counts(world: World) -> None:
    older = "Received: from mail.yourdomain.com ([198.51.100.42]) by tx.yourdomain.com; now"
    ip, told = trace_text(world, received(from_ours(), older))
    assert (ip, told.found) == ("ip_def456", (OURS,))


def test_an_address_that_several_ips_have_is_no_answer(world: World) -> None:
    world = with_ips(world, TX, {**TX, "id": "ip_twin"})
    ran = world.run("trace", stdin=received(from_ours()))
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Error: {OURS} belongs to several IPs: ip_def456, ip_twin.")


# HELO


@pytest.mark.parametrize(
    ("helo", "status"),
    [("TX.yourdomain.com.", "pass"), ("mta.example", "warning"), (f"[{OURS}]", "warning")],
)
def test_helo_against_the_ptr_name(world: World, helo: str, status: str) -> None:
    line = f"Received: from {helo} (tx.yourdomain.com [{OURS}]) by mx.receiver.example; now"
    assert trace_text(world, received(line))[1].helo == status


def test_helo_that_can_not_be_compared(world: World) -> None:
    line = f"Received: from localhost (tx.yourdomain.com [{OURS}]) by mx.receiver.example; now"
    assert trace_text(world, received(line))[1].helo == "unknown"
    world = with_ips(world, {**TX, "rdns": None})
    assert trace_text(world, received(from_ours()))[1].helo == "unknown"
