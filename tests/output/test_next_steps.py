"""What people are told in the end: one line, and the command that comes next. Scripts know."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import World

DONE = [
    (
        "request --pool cold",
        "IP provisioning in progress. Expected within 24 hours.",
        "wait {new} --for provisioned",
    ),
    ("wait ip_abc123 --for provisioned", "ip_abc123 is provisioned after 0 s.", "check ip_abc123"),
    ("wait ip_def456 --for warmed", "ip_def456 is warmed after 0 s.", "limit"),
    (
        "update ip_abc123 --pool transactional",
        "Updated ip_abc123: pool marketing -> transactional.",
        "list --pool transactional",
    ),
    (
        "update ip_jkl012 --rdns a.example --no-check",
        "Updated ip_jkl012: rDNS a.example.",
        "wait ip_jkl012 --for dns",
    ),
]


@pytest.mark.parametrize(("typed", "told", "following"), DONE, ids=[row[0] for row in DONE])
def test_the_line_and_the_next_step(world: World, typed: str, told: str, following: str) -> None:
    world.environ |= {"COLUMNS": "200", "NO_COLOR": "1"}
    ran = world.run(*typed.split(), "--profile", "demo", terminal="out err")
    assert ran.code == 0
    step = ran.stderr.splitlines()[-1]
    assert told in ran.stderr.splitlines()
    [line] = re.findall(r"^`misar-ips (.*)` .*\.$", step)
    new = ran.stdout.split()[0]
    assert line == f"{following.format(new=new)} --profile demo"
    assert shlex.split(line)[0] in world.run("--help").stdout


@pytest.mark.parametrize("typed", [row[0] for row in DONE])
def test_scripts_are_told_of_no_next_step(world: World, typed: str) -> None:
    assert "`" not in world.run(*typed.split()).stderr
    assert "`" not in world.run(*typed.split(), "--json", terminal="out err").stderr


def test_a_profile_that_is_not_the_default_is_named(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    world.environ["NO_COLOR"] = "1"
    command = ("profile", "add", "--api-key-command", "echo msk_0123456789abcdef")
    first = world.run(*command, "first", terminal="out err")
    assert first.stderr.endswith("\n`misar-ips list` shows its IPs.\n")
    second = world.run(*command, "second", terminal="out err")
    assert second.stderr.endswith("\n`misar-ips list --profile second` shows its IPs.\n")


def test_an_ip_that_is_not_provisioned_yet_says_when_it_is_expected(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    expected = "  Provisioned    not yet, expected by 2026-04-02 04:00 UTC\n"
    assert expected in world.run("show", "ip_jkl012", terminal="out").stdout
    world.emulator.store.advance(timedelta(days=1))
    assert (
        "Provisioned    2026-04-02 04:00 UTC"
        in world.run("show", "ip_jkl012", terminal="out").stdout
    )
