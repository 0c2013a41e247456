"""`misar-ips check` in a terminal, and whom it asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from misar_ips.dns.nameservers import Nameserver
from tests.commands.checked import BRIEF, HEALTHY, NETWORK, check, found_by, statuses_of
from tests.conftest import Ran, World
from tests.dns.server import DNSServer
from tests.reference import NO_RESOLVER
from tests.terminal.conftest import CTRL_C, TerminalRun

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_TROUBLE = [
    f"17.{NETWORK} PTR tx.yourdomain.com.",
    "tx.yourdomain.com A 198.51.100.71",
    'yourdomain.com TXT "v=spf1 mx ~all"',
    "2.0.0.127.zen.spamhaus.org A 127.0.0.2",
    "2.0.0.127.bl.spamcop.net A 127.0.0.2",
    "2.0.0.127.b.barracudacentral.org A 127.0.0.2",
    "1.0.0.127.zen.spamhaus.org A 127.255.255.254",
    "17.100.51.198.bl.spamcop.net A 127.0.0.2",
    '17.100.51.198.bl.spamcop.net TXT "Blocked - see https://www.spamcop.net/bl.shtml?198.51.100.17"',
]
GUIDE = (Path(__file__).parents[2] / "docs" / "dns.md").read_text()
IN_50_COLUMNS = """\
ip_def456  198.51.100.17  3 passed, 1 failed
  ✓ PTR        The PTR record is
               tx.yourdomain.com, as set at
               MisarMail.
  ✗ Forward    tx.yourdomain.com does not resolve
               to 198.51.100.17.
               Found: 198.51.100.71
               Expected: 198.51.100.17
               Publish:
tx.yourdomain.com. IN A 198.51.100.17
  ✓ Hostname   The name does not look generic.
  ✓ Warm-up    Warmed.
"""


def test_the_guides_example_is_what_a_terminal_shows(world: World) -> None:
    command, _, printed = GUIDE.partition("```text\n$ ")[2].partition("```")[0].partition("\n")
    world.environ |= {"NO_COLOR": "1", "MISAR_IPS_CONFIG": "/dev/null"}
    with DNSServer(IN_TROUBLE) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run(*command.split()[1:], terminal="out err")
    assert (ran.code, ran.stdout + ran.stderr) == (12, printed)


def test_a_record_is_whole_in_a_narrow_terminal(world: World) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "50"}
    with DNSServer(IN_TROUBLE) as server:
        arguments = ["check", "ip_def456", "--resolver", server.address]
        assert world.run(*arguments, terminal="out").stdout == IN_50_COLUMNS
        world.environ["COLUMNS"] = "30"
        shown = world.run(*arguments, terminal="out").stdout.splitlines()
    too_wide = [line for line in shown if len(line) > 30]
    assert too_wide == ["tx.yourdomain.com. IN A 198.51.100.17"]


def test_what_passed_everything_is_one_line_where_no_ip_is_named(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    records = [*HEALTHY, f"88.{NETWORK} PTR mail.example.", "mail.example A 198.51.100.88"]
    with DNSServer(records) as server:
        all_ips = check_in_terminal(world, server)
        named = check_in_terminal(world, server, "ip_def456")
    assert named.startswith("ip_def456  198.51.100.17  4 passed\n  ✓ PTR ")
    assert "\n\nip_def456  198.51.100.17  4 passed\n\nip_ghi789" in all_ips


def check_in_terminal(world: World, server: DNSServer, *names: str) -> str:
    return world.run("check", *names, "--resolver", server.address, terminal="out").stdout


# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
IN_A_TERMINAL = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def held(environ: dict[str, str]) -> Iterator[tuple[DNSServer, TerminalRun]]:
    """Return a check in a terminal, and the DNS server that holds its answer."""
    del environ["MISARMAIL_API_KEY"]
    records = ["9.113.0.203.in-addr.arpa PTR mail.example.", "mail.example A 203.0.113.9"]
    with DNSServer(records, {"9.113.0.203.in-addr.arpa": "held"}) as server:
        command = [sys.executable, "-m", "misar_ips", "check", "203.0.113.9"]
        run = TerminalRun(
            [*command, "--resolver", server.address], {**environ, "NO_COLOR": "1"}, 80
        )
        yield server, run
        run.process.close(force=True)


@IN_A_TERMINAL
def test_a_bar_shows_progress_where_it_takes_over_a_second(
    held: tuple[DNSServer, TerminalRun],
) -> None:
    server, run = held
    run.wait_for("Asking DNS  ░░░░░░░░░░░░░░░░░░░░  0 of 1")
    server.release.set()
    code, shown = run.end()
    assert code == 0
    assert shown.rpartition("\x1b[2K")[2] == (
        "203.0.113.9  3 passed\n"
        "  ✓ PTR        The PTR record is mail.example.\n"
        "  ✓ Forward    mail.example resolves to 203.0.113.9.\n"
        "  ✓ Hostname   The name does not look generic.\n"
    )


@IN_A_TERMINAL
def test_ctrl_c_ends_a_check(held: tuple[DNSServer, TerminalRun]) -> None:
    _, run = held
    run.wait_for("0 of 1")
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.endswith("Error: Stopped.\n")) == (130, True)


@pytest.mark.parametrize("terminal", ["", "out err"])
def test_hostile_answers_are_shown_inert(world: World, terminal: str) -> None:
    hostile = r"\027[31m[bold]x"
    records = [
        f"42.{NETWORK} PTR {hostile}.example.",
        "2.0.0.127.bl.example A 127.0.0.2",
        "42.100.51.198.bl.example A 127.0.0.3",
        rf'42.100.51.198.bl.example TXT "{hostile}\010\007\226\128\174"',
        rf'sender.example TXT "v=spf1 {hostile}"',
    ]
    with DNSServer(records) as server:
        arguments = ["ip_abc123", "--blocklist", "bl.example", "--sender", "sender.example"]
        ran = world.run("check", *arguments, "--resolver", server.address, terminal=terminal)
        document = check(world, server, *arguments, "--json").stdout
    assert ran.code == 12
    assert {"\x07", "\u202e"} & set(ran.stdout) == set()
    assert "\x1b[31m[" not in ran.stdout
    assert r"\027[31m[bold]x.example" in ran.stdout
    assert r"\x1b[31m[bold]x" in ran.stdout
    assert document.isascii()
    assert "\x1b" not in document


# Whom it asks


@pytest.mark.parametrize("command", [["check"], ["update", "x", "--pool", "p"], ["request"]])
@pytest.mark.parametrize("text", ["", "localhost", "1.2.3.4:0", "::1:x", "\x1b[31m"])
def test_a_resolver_that_is_no_address_is_a_usage_error(
    world: World, command: list[str], text: str
) -> None:
    ran = world.run(*command, "--resolver", text)
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])
    assert "is not a resolver's address. Write it as 192.0.2.53, " in ran.stderr
    assert "\x1b" not in ran.stderr


def test_of_several_resolvers_each_may_answer(world: World) -> None:
    world.dns_limits = BRIEF
    silent = {f"17.{NETWORK}": "silent", "tx.yourdomain.com": "silent"}
    with DNSServer([], silent) as first, DNSServer(HEALTHY, host="::1") as second:
        ran = check(world, first, "ip_def456", "--resolver", second.address)
    assert (ran.code, ran.stdout.count("\tpass\t")) == (0, 4)


def test_the_systems_resolvers_are_asked_where_none_is_named(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run("check", "ip_def456")
    assert (ran.code, ran.stdout.count("\tpass\t")) == (0, 4)


def test_without_any_resolver_all_is_unknown(world: World) -> None:
    ran = world.run("check", "203.0.113.9")
    assert ran == Ran(
        0,
        f"\t203.0.113.9\tptr\tunknown\t\t\tNot known: {NO_RESOLVER}\n",
        "Warning: 1 check could not be made; the reason is beside each.\n",
    )


def test_what_to_do_can_be_pasted_with_the_profile_in_use(world: World) -> None:
    with DNSServer([]) as server:
        ran = check(world, server, "ip_def456", "--profile", "demo", "--json")
    assert found_by(ran)[0]["hint"].startswith(
        "`misar-ips update ip_def456 --rdns tx.yourdomain.com --profile demo` has MisarMail "
    )


def test_the_demo_asks_only_whom_it_is_told_to(world: World) -> None:
    with DNSServer(HEALTHY) as server:
        world.nameservers = lambda: [Nameserver(server.host, server.port)]
        ran = world.run("check", "ip_def456", "--profile", "demo", "--json")
        assert server.asked == []
        assert [(each["status"], each["message"]) for each in found_by(ran)] == [
            ("unknown", "Not known: the demo looks nothing up without `--resolver`."),
            (
                "unknown",
                "Not known for tx.yourdomain.com: the demo looks nothing up without `--resolver`.",
            ),
            ("pass", "The name does not look generic."),
            ("pass", "Warmed."),
        ]
        ran = check(world, server, "ip_def456", "--profile", "demo", "--json")
    assert set(statuses_of(ran).values()) == {"pass"}


def test_debug_logs_each_question(world: World) -> None:
    with DNSServer(HEALTHY, {"tx.yourdomain.com": "servfail"}) as server:
        log = check(world, server, "198.51.100.17", "--debug").stderr
    lines = [line for line in log.splitlines() if "dedicated-ips" not in line]
    assert lines[:2] == [
        f"debug: PTR 17.{NETWORK}.: {server.address} answered NOERROR",
        f"debug: A tx.yourdomain.com.: {server.address} answered SERVFAIL",
    ]
