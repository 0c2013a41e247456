"""Waiting for DNS to confirm a PTR name: `wait --for dns` and `update --rdns … --wait`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.commands.checked import HEALTHY, NETWORK
from tests.conftest import Ran, World
from tests.dns.server import DNSServer
from tests.reference import IP_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from misar_ips.emulator.store import Store

PTR, FORWARD = HEALTHY[:2]
CONFIRMED = (
    "The PTR record is Mail.YourDomain.com, as set at MisarMail. "
    "Mail.YourDomain.com resolves to 198.51.100.42."
)


def learning(world: World, store: Store, server: DNSServer, records: Sequence[str]) -> None:
    """Have the server learn one record with each pause of the program."""
    to_learn = iter(records)

    def asleep(seconds: float) -> None:
        store.advance(timedelta(seconds=seconds))
        server.learn(*[each for each in [next(to_learn, "")] if each])

    world.asleep = asleep


def test_it_ends_once_ptr_and_forward_agree(world: World, store: Store) -> None:
    with DNSServer([]) as server:
        learning(world, store, server, [PTR, FORWARD])
        ran = world.run("wait", "ip_abc123", "--for", "dns", "--resolver", server.address)
    assert (ran.code, ran.stdout) == (0, IP_LINE)
    first, *_, last = ran.stderr.splitlines()
    assert first.startswith("Waiting for DNS to confirm ip_abc123. There is no PTR record")
    assert last == f"DNS confirms ip_abc123 after 2 min: {CONFIRMED}"
    assert world.waits == [60.0, 60.0]


def test_what_dns_confirms_already_is_not_waited_for(world: World) -> None:
    with DNSServer([PTR, FORWARD]) as server:
        ran = world.run("wait", "ip_abc123", "--for", "dns", "--resolver", server.address, "--json")
    assert (ran.code, ran.stderr, world.waits) == (0, "", [])
    assert json.loads(ran.stdout)["warmup"]["day"] == 18


def test_it_says_in_the_end_what_dns_says(world: World, store: Store) -> None:
    with DNSServer([f"42.{NETWORK} PTR old.example.", "old.example A 198.51.100.42"]) as server:
        learning(world, store, server, [])
        wait = ("wait", "ip_abc123", "--for", "dns", "--timeout", "90s")
        ran = world.run(*wait, "--resolver", server.address)
    assert (ran.code, ran.stdout) == (11, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: DNS does not confirm ip_abc123 after 1 min 30 s. The PTR record is old.example, "
        "but mail.yourdomain.com is set at MisarMail. old.example resolves to 198.51.100.42. Go on "
        "waiting with `misar-ips wait ip_abc123 --for dns`."
    )


def test_an_ip_without_a_ptr_name_is_not_waited_for(world: World) -> None:
    with DNSServer([]) as server:
        ran = world.run("wait", "ip_jkl012", "--for", "dns", "--resolver", server.address)
    assert ran == Ran(
        11,
        "",
        "Error: ip_jkl012 has no PTR name set. Set one with "
        "`misar-ips update ip_jkl012 --rdns HOSTNAME`.\n",
    )


def test_a_resolver_that_keeps_that_there_is_no_name_is_told_as_that(
    world: World, store: Store
) -> None:
    with DNSServer([f"{NETWORK} SOA ns.example. root.example. 1 2 3 4 3600"]) as server:
        learning(world, store, server, [PTR, FORWARD])
        ran = world.run("wait", "ip_abc123", "--for", "dns", "--resolver", server.address)
    assert ran.code == 0
    kept = [line for line in ran.stderr.splitlines() if line.startswith("Warning: A resolver")]
    assert len(kept) == 1
    assert "keeps that there is no such name for up to" in kept[0]


def test_the_demo_wants_a_resolver(world: World) -> None:
    ran = world.run("wait", "ip_abc123", "--for", "dns", "-p", "demo")
    assert (ran.code, ran.stdout) == (11, "")
    assert ran.stderr == (
        "Error: The demo looks nothing up by itself. Name a resolver with `--resolver`.\n"
    )


def test_both_halves_show_on_a_terminal(world: World, store: Store) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "200"}
    with DNSServer([PTR]) as server:
        learning(world, store, server, [FORWARD])
        ran = world.run(
            "wait", "ip_abc123", "--for", "dns", "--resolver", server.address, terminal="err"
        )
    assert ran.code == 0
    assert "ip_abc123 in DNS  ✓ PTR Mail.YourDomain.com  ✗ Forward " in ran.stderr


class TestUpdate:
    def test_a_changed_name_is_waited_for(self, world: World, store: Store) -> None:
        records = [f"42.{NETWORK} PTR mta1.yourdomain.com.", "mta1.yourdomain.com A 198.51.100.42"]
        with DNSServer([records[1]]) as server:
            learning(world, store, server, records[:1])
            change = ("update", "ip_abc123", "--rdns", "mta1.yourdomain.com", "--wait")
            ran = world.run(*change, "--resolver", server.address)
        assert ran.code == 0
        assert ran.stdout.startswith("ip_abc123\t198.51.100.42\tmta1.yourdomain.com\t")
        assert len(ran.stdout.splitlines()) == 1
        lines = ran.stderr.splitlines()
        assert lines[0] == "Updated ip_abc123: rDNS mta1.yourdomain.com."
        assert lines[-1].startswith("DNS confirms ip_abc123 after 1 min: ")
        assert world.received("PATCH") == ["PATCH /mail/v1/dedicated-ips/ip_abc123"]

    def test_a_wait_that_fails_says_that_it_was_changed(self, world: World, store: Store) -> None:
        with DNSServer(["mta1.yourdomain.com A 198.51.100.42"]) as server:
            learning(world, store, server, [])
            change = ("update", "ip_abc123", "--rdns", "mta1.yourdomain.com", "--wait", "--json")
            ran = world.run(*change, "--resolver", server.address)
        assert (ran.code, ran.stdout) == (11, "")
        error = json.loads(ran.stderr.splitlines()[-1])["error"]
        assert error["message"].startswith("ip_abc123 was changed. DNS does not confirm ip_abc123")

    def test_a_pool_is_nothing_to_wait_for(self, world: World) -> None:
        ran = world.run("update", "ip_abc123", "--pool", "transactional", "--wait")
        assert (ran.code, ran.stdout, world.received()) == (2, "", [])
