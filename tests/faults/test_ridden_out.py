"""Commands that a fault does not end: they ride it out, or go on with what they have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY, Ran
from tests.faults.table import LONGEST_RETRY, Row, each_row
from tests.faults.test_each_kind import FAULTS, NEW_KEY, NO_SCOPE, NOT_ACCEPTED, SCOPE
from tests.faults.test_each_request import (
    BUSY,
    CHECKED,
    CONFLICT,
    DOWN,
    TWO_UNKNOWN,
    UPDATED,
)
from tests.reference import IP_LINE, LATER, LIST, NO_RESOLVER

if TYPE_CHECKING:
    from tests.faults.table import Story

# While it polls ----------------------------------------------------------------------------------

MAY_PASS = ["429", "503", "501", "reset", "lost-reply", "truncated", "html", "wrong-type"]
NO_LONGER = ["409", "401", "403", "404", "redirect"]
"""What waiting does not help against."""

BEGUN = "Waiting for ip_abc123 to be warmed, estimated warmed on 2026-04-12.\n"


def told_of(kind: str, what: str) -> str:
    """Return how a fault is told, without what to do about it."""
    return f"Could not {what}: {FAULTS[kind].reason}.".replace("STATUS", "200")


def once_seen(kind: str) -> str:
    """Return the script of a server that answers a first look, and then all tries of another."""
    return f"GET: {', '.join(['ok', *[kind] * FAULTS[kind].tries, 'ok'])}"


@pytest.mark.parametrize("kind", MAY_PASS)
def test_waiting_rides_out_what_may_pass(story: Story, kind: str) -> None:
    story.server.follow(once_seen(kind))
    ran = story.world.run("wait", "ip_abc123", "--for", "warmed", "--timeout", "6m")
    is_told = FAULTS[kind].code != 0
    notice = f"Warning: {told_of(kind, 'read ip_abc123')} Still trying.\n" if is_told else ""
    assert (ran.code, ran.stdout) == (11, "")
    assert ran.stderr.startswith(f"{BEGUN}{notice}Error: ip_abc123 is not warmed after 6 min.")
    assert len(story.server.log) > 1 + FAULTS[kind].tries


@pytest.mark.parametrize("kind", NO_LONGER)
@pytest.mark.parametrize(
    ("command", "begun", "shown"),
    [("wait ip_abc123 --for warmed", BEGUN, ""), ("show ip_abc123 --watch", "", IP_LINE)],
)
def test_what_does_not_pass_is_not_waited_out(
    story: Story, kind: str, command: str, begun: str, shown: str
) -> None:
    story.server.follow(f"GET: ok, {kind}")
    ran = story.world.run(*command.split())
    told = f"Error: {told_of(kind, 'read ip_abc123')} {FAULTS[kind].hint}\n"
    assert ran == Ran(FAULTS[kind].code, shown, f"{begun}{told}")
    assert story.log == "GET GET"


LOOKS = 8


@pytest.mark.parametrize("kind", MAY_PASS)
def test_watching_rides_out_what_may_pass(story: Story, kind: str) -> None:
    world = story.world

    def asleep(seconds: float) -> None:
        if seconds > LONGEST_RETRY and sum(wait > LONGEST_RETRY for wait in world.waits) == LOOKS:
            raise KeyboardInterrupt

    world.asleep = asleep
    story.server.follow(once_seen(kind))
    ran = world.run("show", "ip_abc123", "--watch")
    is_told = FAULTS[kind].code != 0
    notice = f"{told_of(kind, 'read ip_abc123')} Still trying.\n" if is_told else ""
    # Nothing has changed but the weather, so its line is there once.
    assert ran == Ran(130, IP_LINE, notice)
    assert len(story.server.log) >= LOOKS


# A key that is saved -----------------------------------------------------------------------------

UNTRIED = "Warning: The key was saved, though trying it failed. Could not list the dedicated IPs:"


@pytest.mark.parametrize("kind", ["403", "409", "429", "503", "lost-reply", "truncated", "nan"])
def test_a_key_is_saved_though_it_could_not_be_tried(story: Story, kind: str) -> None:
    file = Path(story.world.environ["MISAR_IPS_CONFIG"])
    del story.world.environ["MISARMAIL_API_KEY"]
    story.server.follow(f"LIST: {kind}")
    ran = story.run("profile add work", stdin=KEY)
    reason = FAULTS[kind].reason.replace("STATUS", "200")
    assert ran == Ran(
        0,
        "work\thttps://api.misar.io/mail/v1\ttrue\tmsk_5ec2e75e…\n",
        f"{UNTRIED} {reason}.\nSaved profile work in {file}.\n",
    )
    assert story.log == " . ".join(["LIST"] * FAULTS[kind].tries)
    assert f'api_key = "{KEY}"' in file.read_text()


def test_a_key_that_the_server_refuses_is_not_saved(story: Story) -> None:
    story.server.follow("LIST: 401")
    ran = story.run("profile add work", stdin=KEY)
    assert (ran.code, ran.stdout, story.log) == (4, "", "LIST")
    assert ran.stderr.startswith(f"Error: Nothing was saved. {NAMED} {NOT_ACCEPTED}.")
    assert not Path(story.world.environ["MISAR_IPS_CONFIG"]).exists()


# The doctor --------------------------------------------------------------------------------------

NAMED = "Could not list the dedicated IPs:"
ANSWERED = "api\tpass\tIt answered after 0 ms.\t"
ACCEPTED = "access\tpass\tThe API accepts the key.\t"
IN_SCOPE = "scope\tpass\tThe key has the scope `ips`; IPs of the account: 4.\t"
FINDINGS = {
    "wrong-type": ("", [ANSWERED, ACCEPTED, IN_SCOPE]),
    "401": ("access", [ANSWERED, f"access\tfail\t{NAMED} {NOT_ACCEPTED}.\t{NEW_KEY}"]),
    "403": ("scope", [ANSWERED, ACCEPTED, f"scope\tfail\t{NAMED} {NO_SCOPE}.\t{SCOPE}"]),
    "429": ("", [ANSWERED, f"limit\twarning\t{NAMED} {BUSY}".replace(". Come", ".\tCome")]),
    "409": ("api", [f"api\tfail\t{NAMED} {CONFLICT}".replace(". Where", ".\tWhere")]),
    "503": ("api", [f"api\tfail\t{NAMED} {DOWN}".replace(". Try", ".\tTry")]),
    "hang": ("api", [f"api\tfail\t{told_of('hang', 'list the dedicated IPs')}\t{LATER}"]),
}


@pytest.mark.parametrize("kind", FINDINGS)
def test_the_doctor_names_what_is_broken(story: Story, kind: str) -> None:
    broken, found = FINDINGS[kind]
    story.server.follow(f"LIST: {kind}")
    ran = story.run("doctor")
    of_the_answer = ("api\t", "access\t", "scope\t", "limit\t")
    lines = [line for line in ran.stdout.splitlines() if line.startswith(of_the_answer)]
    assert lines == found
    told = f"Error: Broken: {broken}. What to do is beside each.\n" if broken else ""
    assert (ran.code, ran.stderr) == (12 if broken else 0, told)
    assert story.log == "LIST"


# What goes on without an answer ------------------------------------------------------------------

UNKNOWN = f"\t198.51.100.17\tptr\tunknown\t\t\tNot known: {NO_RESOLVER}\n"
ALL_THE_SAME = "DNS is checked all the same.\n"
ONE_UNKNOWN = "Warning: 1 check could not be made; the reason is beside each.\n"
CHANGE = "update ip_abc123 --pool cold"

GOES_ON = [
    Row("an address is checked where the list is refused", "LIST: 409", "check 198.51.100.17",
        0, "LIST", f"Warning: {NAMED} Conflict (HTTP 409). {ALL_THE_SAME}{ONE_UNKNOWN}", UNKNOWN),
    Row("an address is checked in an outage", "LIST: 503", "check 198.51.100.17",
        0, "LIST . LIST . LIST . LIST",
        f"Warning: {NAMED} Service Unavailable (HTTP 503). {ALL_THE_SAME}{ONE_UNKNOWN}", UNKNOWN),
    Row("an address is checked where the list is odd", "LIST: wrong-type", "check 198.51.100.17",
        0, "LIST GET", TWO_UNKNOWN, CHECKED),
    Row("a change goes on where the look before it fails", "GET: 409, ok", CHANGE,
        0, "GET PATCH", "Updated ip_abc123: pool cold.\n", UPDATED, "updated"),
    Row("a change goes on where the look before it can't be read", "GET: truncated, ok", CHANGE,
        0, "GET PATCH", "Updated ip_abc123: pool cold.\n", UPDATED, "updated"),
    Row("a change goes on where the list before it fails", "LIST: 409", CHANGE,
        0, "GET LIST PATCH", "Updated ip_abc123: pool marketing -> cold.\n", UPDATED, "updated"),
]  # fmt: skip


@each_row(GOES_ON)
def test_it_goes_on(story: Story, row: Row) -> None:
    story.holds(row)


@pytest.mark.parametrize("kind", ["409", "429", "503", "lost-reply", "truncated", "wrong-type"])
def test_a_list_is_shown_where_the_details_can_not_be_read(story: Story, kind: str) -> None:
    story.world.environ["NO_COLOR"] = "1"
    story.server.follow(f"GET: {kind}")
    ran = story.run("list", terminal="out")
    assert ran.code == 0
    shown = [line.split()[0] for line in ran.stdout.splitlines() if line.startswith("ip_")]
    assert shown == [line.split("\t")[0] for line in LIST.splitlines()]
    # Where it takes no more for now, those that are not under way yet are not asked for.
    assert story.server.log.count("LIST") == 1
    assert story.server.log.count("GET") <= len(LIST.splitlines())
