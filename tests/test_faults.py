"""Every command under every fault: how it ends, what it says, what was sent, what was changed.

The tables say it in three parts: what a command sends when nothing is wrong (``COMMANDS``), how a
fault is told (``FAULTS``), and what each kind of fault leads to at each stage (``STORIES``).
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from misar_ips import Client, MisarError
from misar_ips.emulator.faults import KINDS, Faults
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from tests.certificates import Authority
from tests.conftest import KEY, Ran, World
from tests.listener import NO_IPS, ONE_IP, Listener, reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from misar_ips.emulator.store import Store

TRIES = 4
OUTCOME_UNKNOWN = 10

NO_RESOLVER = "this machine has no resolver; `--resolver` names one."
LIST = """\
ip_abc123\t198.51.100.42\tmail.yourdomain.com\tmarketing\twarming\t62\t2026-03-15T10:00:00Z
ip_def456\t198.51.100.17\ttx.yourdomain.com\ttransactional\twarmed\t100\t2026-01-12T08:00:00Z
ip_ghi789\t198.51.100.88\tnews.yourdomain.com\tmarketing\tsuspended\t38\t2026-03-02T15:00:00Z
ip_jkl012\t198.51.100.131\t\ttransactional\tnot_started\t0\t2026-04-01T04:00:00Z
"""
SHOW = """\
id\tip_abc123
address\t198.51.100.42
rdns\tmail.yourdomain.com
pool\tmarketing
warmup_status\twarming
warmup_percent\t62
daily_limit\t8000
reputation_score\t84
created_at\t2026-03-15T10:00:00Z
provisioned_at\t
step\t1\t200\t200\ttrue
step\t7\t1000\t1000\ttrue
step\t14\t4000\t3800\tfalse
step\t21\t10000\t0\tfalse
step\t28\t25000\t0\tfalse
"""
WARMED = LIST.splitlines(keepends=True)[1]
CHECKED = """\
ip_def456\t198.51.100.17\tptr\tunknown\t\ttx.yourdomain.com\tNot known: WHY
ip_def456\t198.51.100.17\tforward\tunknown\t\t198.51.100.17\tNot known for tx.yourdomain.com: WHY
ip_def456\t198.51.100.17\thostname\tpass\ttx.yourdomain.com\t\tThe name does not look generic.
ip_def456\t198.51.100.17\twarmup\tpass\twarmed\t\tWarmed.
""".replace("WHY", NO_RESOLVER)
UPDATED = "ip_abc123\t198.51.100.42\tmail.yourdomain.com\tcold\twarming\t62\t2026-03-15T10:00:00Z\n"
ORDERED = "{new}\t198.51.100.1\t\tcold\tnot_started\t\t\n"
PROVISIONED = "{new}\t198.51.100.1\t\tcold\twarming\t0\t2026-04-01T12:00:00Z\n"
FOUND = "{new}\t198.51.100.1\t\tcold\tnot_started\t0\t2026-04-01T12:00:00Z\n"
RELEASED, NOT_RELEASED = (f"ip_abc123\t198.51.100.42\t{done}\n" for done in ("true", "false"))

IN_PROGRESS = "IP provisioning in progress. Expected within 24 hours.\n"
FOUND_NOTE = "The answer to the order was lost, but the new IP is in the list.\n"
LOOK_FIRST = (
    "The order may have been carried out. No IP is new yet. Look at `misar-ips list` in a few "
    "minutes before you order again: a second order may be billed."
)
LATER = "Try again in a while; `--debug` shows each attempt."
BASE_URL = "Is the base URL right, and does a proxy stand in between?"
SUPPORT = "Where it should work, MisarMail's support can help."
NO_ROUTE = "If `misar-ips list` still shows it, the API can't release it; MisarMail's support can."
LIST_HINT = "`misar-ips list` shows the IPs of this account."
GO_ON = "Don't order again; go on waiting with `misar-ips wait {new} --for provisioned`."
NETWORK = "Check the network, the proxy variables and the base URL."
CERTIFICATE = "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."


# What a command does when nothing is wrong -------------------------------------------------------


@dataclass(frozen=True)
class Command:
    """A command: what it sends, what it prints when it is done, and what it changes.

    ``whats`` says what each of its requests is for, as errors put it, ``found`` what it prints of
    an order that it had to look for. ``code`` is its exit code when it is done, ``pauses`` counts
    the waits that are none between two tries.
    """

    line: str
    sends: str
    whats: tuple[str, ...]
    stdout: str
    stderr: str = ""
    changes: str = ""
    found: str = ""
    code: int = 0
    pauses: int = 0


THE_LIST = "list the dedicated IPs"
THE_IP = "read ip_abc123"
THE_WARMED_IP = "read ip_def456"
THE_ORDER = "order an IP"
THE_NEW_IP = "read {new}"

COMMANDS = {
    "list": Command("list", "GET", (THE_LIST,), LIST),
    "show": Command("show ip_abc123", "GET", (THE_IP,), SHOW),
    "show by address": Command("show 198.51.100.42", "GET GET", (THE_LIST, THE_IP), SHOW),
    "request": Command(
        "request --pool cold",
        "GET POST",
        (THE_LIST, THE_ORDER),
        stdout=ORDERED,
        stderr=IN_PROGRESS,
        changes="ordered",
        found=FOUND,
    ),
    "request and wait": Command(
        "request --pool cold --wait",
        "GET POST GET GET",
        (THE_LIST, THE_ORDER, THE_NEW_IP, THE_NEW_IP),
        stdout=PROVISIONED,
        stderr=f"{IN_PROGRESS}Waiting for {{new}} to be provisioned.\n"
        "{new} is provisioned after 1 min.\n",
        changes="ordered",
        found=PROVISIONED,
        pauses=1,
    ),
    "wait": Command(
        *("wait ip_def456 --for warmed", "GET", (THE_WARMED_IP,), WARMED),
        stderr="ip_def456 is warmed after 0 s.\n",
    ),
    "wait by address": Command(
        *("wait 198.51.100.17 --for warmed", "GET GET", (THE_LIST, THE_WARMED_IP), WARMED),
        stderr="ip_def456 is warmed after 0 s.\n",
    ),
    "watch": Command(
        *("show ip_abc123 --watch", "GET", (THE_IP,), LIST.splitlines(keepends=True)[0]),
        stderr="Error: Stopped.\n",
        code=130,
        pauses=1,
    ),
    "check": Command(
        *("check ip_def456", "GET", (THE_WARMED_IP,), CHECKED),
        stderr="Warning: 2 checks could not be made; the reason stands beside each.\n",
    ),
    "update": Command(
        "update ip_abc123 --pool cold",
        "PATCH",
        ("update ip_abc123",),
        stdout=UPDATED,
        stderr="Updated ip_abc123.\n",
        changes="updated",
    ),
    "update by address": Command(
        "update 198.51.100.42 --pool cold",
        "GET PATCH",
        (THE_LIST, "update ip_abc123"),
        stdout=UPDATED,
        stderr="Updated ip_abc123.\n",
        changes="updated",
    ),
    "release": Command(
        "release ip_abc123 --yes",
        "GET DELETE",
        (THE_IP, "release ip_abc123"),
        stdout=RELEASED,
        changes="released",
    ),
    "release by address": Command(
        "release 198.51.100.42 --yes",
        "GET GET DELETE",
        (THE_LIST, THE_IP, "release ip_abc123"),
        stdout=RELEASED,
        changes="released",
    ),
}


# How a fault is told -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A fault of the emulator: the story it leads to, the exit code, the reason and the hint."""

    story: str
    code: int
    reason: str
    hint: str


def status(story: str, code: int, text: str, hint: str) -> Fault:
    return Fault(story, code, f"{text}.", hint)


def lost(story: str, reason: str) -> Fault:
    return Fault(story, 9, f"{reason}.", LATER)


def unreadable(reason: str) -> Fault:
    return Fault("unreadable", 1, f"the answer {reason} (HTTP STATUS).", BASE_URL)


NOT_ACCEPTED = "the API key is not accepted: it is wrong, revoked or expired (HTTP 401)"
DROPPED = "the connection to api.misar.io was lost (Connection dropped.)"
NO_JSON = "is no valid JSON"


def phrase(status: int) -> str:
    """Return what this Python calls a status: RFC 9110 has new names for some."""
    return HTTPStatus(status).phrase


FAULTS = {
    "400": Fault(
        *("refused", 8, "Validation failed: Refused by a fault of the emulator. (HTTP 400)."),
        SUPPORT,
    ),
    "401": status(
        *("refused", 4, NOT_ACCEPTED),
        "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it.",
    ),
    "402": status("refused", 1, "Payment Required (HTTP 402)", LATER),
    "403": status(
        *("refused", 4, "API key does not have 'ips' scope (HTTP 403)"),
        "Give the key the scope `ips` in MisarMail's settings.",
    ),
    "404": status("refused", 6, "Dedicated IP not found (HTTP 404)", LIST_HINT),
    "405": status("refused", 8, "Method Not Allowed (HTTP 405)", SUPPORT),
    "408": status("refused", 1, "Request Timeout (HTTP 408)", LATER),
    "409": status("refused", 8, "Conflict (HTTP 409)", SUPPORT),
    "413": status("refused", 8, f"{phrase(413)} (HTTP 413)", SUPPORT),
    "415": status("refused", 8, "Unsupported Media Type (HTTP 415)", SUPPORT),
    "422": status("refused", 8, f"{phrase(422)} (HTTP 422)", SUPPORT),
    "451": status("refused", 1, "Unavailable For Legal Reasons (HTTP 451)", LATER),
    "499": status("refused", 1, "Status 499 (HTTP 499)", LATER),
    "429": status(
        *("busy", 7, "Too many requests. Please slow down (HTTP 429)"), "Come back in 1 s."
    ),
    "500": status("passing", 1, "Internal Server Error (HTTP 500)", LATER),
    "502": status("passing", 1, "Bad Gateway (HTTP 502)", LATER),
    "503": status("passing", 1, "Service Unavailable (HTTP 503)", LATER),
    "504": status("passing", 1, "Gateway Timeout (HTTP 504)", LATER),
    "html": status("passing", 1, "the server failed (HTTP 502)", LATER),
    "501": status("broken", 1, "Not Implemented (HTTP 501)", LATER),
    "520": status("broken", 1, "Status 520 (HTTP 520)", LATER),
    "599": status("broken", 1, "Status 599 (HTTP 599)", LATER),
    "redirect": status("broken", 1, "the server redirects elsewhere (HTTP 307)", BASE_URL),
    "reset": lost("passing", DROPPED),
    "hang": lost("passing", "api.misar.io took too long to answer (No answer.)"),
    "lost-reply": lost("lost", DROPPED),
    "drip": lost("lost", "api.misar.io took too long to answer (No more of the answer.)"),
    "truncated": unreadable(NO_JSON),
    "endless": unreadable("is larger than 10 MiB"),
    "gzip-bomb": unreadable("is larger than 10 MiB"),
    "bad-text": unreadable(NO_JSON),
    "nan": unreadable(NO_JSON),
    "deep": unreadable(NO_JSON),
    "long-number": unreadable(NO_JSON),
    "wrong-type": Fault("readable", 0, "", ""),
    "many-headers": Fault("readable", 0, "", ""),
    "twice-named": Fault("readable", 0, "", ""),
}


# What a fault leads to ---------------------------------------------------------------------------

STORIES = {
    # The server refuses, and that is that.
    "refused": {
        "GET": ("fails", "GET"),
        "POST": ("fails", "POST"),
        "PATCH": ("fails", "PATCH"),
        "DELETE": ("fails", "DELETE"),
    },
    # It refuses for now: an order can be repeated as well, because it was not carried out.
    "busy": {
        "GET": ("fails", "GET GET GET GET"),
        "POST": ("fails", "POST POST POST POST"),
        "PATCH": ("fails", "PATCH PATCH PATCH PATCH"),
        "DELETE": ("fails", "DELETE DELETE DELETE DELETE"),
    },
    # It may have done it, or not; in truth it has not. Another try may fare better.
    "passing": {
        "GET": ("fails", "GET GET GET GET"),
        "POST": ("unknown", "POST GET"),
        "PATCH": ("fails", "PATCH PATCH PATCH PATCH GET"),
        "DELETE": ("fails", "DELETE DELETE DELETE DELETE GET"),
    },
    # Likewise, but another try would fare no better.
    "broken": {
        "GET": ("fails", "GET"),
        "POST": ("unknown", "POST GET"),
        "PATCH": ("fails", "PATCH GET"),
        "DELETE": ("fails", "DELETE GET"),
    },
    # It has done it, and no answer comes back.
    "lost": {
        "GET": ("fails", "GET GET GET GET"),
        "POST": ("found", "POST GET"),
        "PATCH": ("done", "PATCH PATCH PATCH PATCH GET"),
        "DELETE": ("done", "DELETE DELETE DELETE DELETE GET"),
    },
    # It has done it, and nobody can read what it says.
    "unreadable": {
        "GET": ("fails", "GET"),
        "POST": ("found", "POST GET"),
        "PATCH": ("done", "PATCH GET"),
        "DELETE": ("done", "DELETE GET"),
    },
    # It has done it, and says so oddly.
    "readable": {
        "GET": ("done", "GET"),
        "POST": ("done", "POST"),
        "PATCH": ("done", "PATCH"),
        "DELETE": ("done", "DELETE"),
    },
}


@pytest.fixture
def naps() -> list[float]:
    """Return the seconds that the emulator would have let pass."""
    return []


class StruckEmulator(Emulator):
    """An emulator that a fault strikes at one of its requests, and at all of that method after it.

    ``strike`` says at which, counted from 0, and how: as ``KIND``, or as ``KIND:COUNT``.
    """

    def strike(self, place: int, fault: str) -> None:
        self._place, self._fault = place, fault

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if len(self.received) == getattr(self, "_place", None):
            self.faults.add(f"{request.method}:{self._fault}")
        return super().__call__(request)


@pytest.fixture
def emulator(store: Store, naps: list[float]) -> StruckEmulator:
    return StruckEmulator(store, rate_limit=0, sleep=naps.append)


def new_ip(store: Store) -> str:
    """Return the id of the one IP that was ordered, nothing where none was."""
    seeded = {"ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"}
    new = [str(ip["id"]) for ip in store.ips() if ip["id"] not in seeded]
    assert len(new) <= 1, "more than one IP was ordered"
    return "".join(new)


def changes_of(store: Store) -> str:
    """Return what has been changed on the account since its first day."""
    ip = store.ip("ip_abc123")
    done = {
        "ordered": bool(new_ip(store)),
        "updated": ip is not None and ip["pool"] == "cold",
        "released": ip is None,
    }
    return " ".join(name for name, is_done in done.items() if is_done)


def methods(world: World) -> list[str]:
    return [method for method, _ in world.emulator.received]


ROWS = [
    pytest.param(command, place, kind, id=f"{name}-{place} {method}-{kind}")
    for (name, command), kind in product(COMMANDS.items(), FAULTS)
    for place, method in enumerate(command.sends.split())
    if (name, place) != ("request and wait", 3)  # a look that is not the first: see below
]


@dataclass(frozen=True)
class Expected:
    """A row of the table: how the program ends, what it sent, how often it slept, what it did."""

    ran: Ran
    sends: list[str]
    waits: int
    changes: str = ""


def expected(command: Command, place: int, kind: str, new: str) -> Expected:
    """Read a row off the tables: a command, the request that a fault strikes first, the fault."""
    fault, sent = FAULTS[kind], command.sends.split()
    method, what = sent[place], command.whats[place]
    ending, sends = STORIES[fault.story][method]
    reason, hint = fault.reason.replace("STATUS", status_of(kind, method)), fault.hint
    if method == "DELETE" and kind in {"404", "405"}:
        hint = NO_ROUTE
    trouble = f"Could not {what}: {reason}".replace("{new}", new)
    before, here, after = sent[:place], sends.split(), sent[place + 1 :]
    tries = here.count(method) - 1
    if ending == "fails":
        sends_all = [*before, *here]
        if "POST" in before:
            told = f"{IN_PROGRESS}Error: {new} was ordered. {trouble} {GO_ON.format(new=new)}\n"
            return Expected(Ran(fault.code, "", told), sends_all, tries, command.changes)
        still_there = what_stays(command, method, kind)
        ran = Ran(fault.code, still_there, f"Error: {trouble} {hint}\n")
        return Expected(ran, sends_all, tries)
    if ending == "unknown":
        return Expected(Ran(10, "", f"Error: {trouble} {LOOK_FIRST}\n"), [*before, *here], tries)
    stdout, stderr = command.stdout, command.stderr
    if ending == "found":
        stdout, stderr = command.found, stderr.replace(IN_PROGRESS, FOUND_NOTE)
    ran = Ran(command.code, stdout.format(new=new), stderr.format(new=new))
    return Expected(ran, [*before, *here, *after], tries + command.pauses, command.changes)


def what_stays(command: Command, method: str, kind: str) -> str:
    """Return what a failed release prints of the IP: what is known of it by then."""
    if method == "DELETE":
        return NOT_RELEASED
    is_taken_for_unknown = kind == "404" and command.changes == "released"
    return f"{command.line.split()[1]}\t\tfalse\n" if is_taken_for_unknown else ""


def status_of(kind: str, method: str) -> str:
    return "201" if method == "POST" and kind != "truncated" else "200"


LONGEST_RETRY = 20.0  # seconds; whatever sleeps longer waits for an IP, not for another try


def let_time_pass(world: World, store: Store) -> None:
    """Have a day pass in a pause between two looks, at the end of which a watcher presses Ctrl-C.

    Nothing passes in a wait between two tries.
    """

    def asleep(seconds: float) -> None:
        if seconds > LONGEST_RETRY:
            store.advance(timedelta(days=1))
            if not new_ip(store):
                raise KeyboardInterrupt

    world.asleep = asleep


@pytest.mark.parametrize(("command", "place", "kind"), ROWS)
def test_a_command_under_a_fault(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
    world: World, store: Store, emulator: StruckEmulator, command: Command, place: int, kind: str
) -> None:
    let_time_pass(world, store)
    emulator.strike(place, kind)

    ran = world.run(*command.line.split())

    row = expected(command, place, kind, new_ip(store))
    assert ran == row.ran
    assert methods(world) == row.sends
    assert changes_of(store) == row.changes
    assert len(world.waits) == row.waits


def test_every_kind_of_fault_is_in_the_table() -> None:
    named = {kind for kind in KINDS if not kind.isdigit()}
    assert named == {kind for kind in FAULTS if not kind.isdigit()}


CODES = {
    1: {"api_error", "invalid_response"},
    4: {"unauthorized", "forbidden"},
    6: {"not_found"},
    7: {"rate_limited"},
    8: {"rejected"},
    9: {"network"},
    10: {"outcome_unknown"},
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("name", "place"), [("list", 0), ("request", 1)])
def test_the_same_as_json_with_a_log(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
    world: World, store: Store, emulator: StruckEmulator, name: str, place: int, kind: str
) -> None:
    command = COMMANDS[name]
    emulator.strike(place, kind)

    ran = world.run(*command.line.split(), "--json", "--debug")

    row = expected(command, place, kind, new_ip(store))
    assert ran.code == row.ran.code
    log = [line for line in ran.stderr.splitlines() if line.startswith("debug: ")]
    if ran.code:
        assert ran.stdout == ""
        error = json.loads(ran.stderr.splitlines()[-1])["error"]
        assert error["code"] in CODES[ran.code]
        assert f"Error: {error['message']} {error['hint']}\n" == row.ran.stderr
    else:
        assert json.loads(ran.stdout)
    assert [line.split()[1] for line in log if " https://" in line] == row.sends
    assert changes_of(store) == row.changes


@pytest.mark.parametrize("status", range(400, 600))
def test_no_status_orders_twice(world: World, store: Store, status: int) -> None:
    world.emulator.faults.add(f"POST:{status}:1")

    with Client(KEY, transport=world.transport, sleep=world.sleep) as client:
        trouble = failure(client.request)

    was_repeated = status == httpx.codes.TOO_MANY_REQUESTS
    assert methods(world).count("POST") == (2 if was_repeated else 1)
    assert bool(new_ip(store)) is was_repeated is (trouble is None)


def failure(attempt: Callable[[], object]) -> MisarError | None:
    try:
        attempt()
    except MisarError as error:
        return error
    return None


# Commands that a fault does not end ---------------------------------------------------------------

each_kind = pytest.mark.parametrize("kind", FAULTS)


def told_of(kind: str, what: str, method: str = "GET") -> str:
    """Return how a fault is told, without what to do about it."""
    reason = FAULTS[kind].reason.replace("STATUS", status_of(kind, method))
    return f"Could not {what}: {reason}"


def reads(kind: str) -> list[str]:
    """Return what a read sends that is tried as often as it may be."""
    return STORIES[FAULTS[kind].story]["GET"][1].split()


def is_readable(kind: str) -> bool:
    return FAULTS[kind].story == "readable"


NO_LONGER = {kind for kind in FAULTS if FAULTS[kind].story == "refused"} | {"redirect"}
"""What waiting does not help against."""


@each_kind
def test_waiting_rides_out_what_may_pass(world: World, emulator: StruckEmulator, kind: str) -> None:
    emulator.strike(1, f"{kind}:{TRIES}")
    ran = world.run("wait", "ip_abc123", "--for", "warmed", "--timeout", "6m")
    trouble, hint = told_of(kind, THE_IP), FAULTS[kind].hint
    begun = "Waiting for ip_abc123 to be warmed, estimated warmed on 2026-04-16.\n"
    if kind in NO_LONGER:
        assert ran == Ran(FAULTS[kind].code, "", f"{begun}Error: {trouble} {hint}\n")
        assert methods(world) == ["GET", "GET"]
        return
    warning = "" if is_readable(kind) else f"Warning: {trouble} Still trying.\n"
    assert (ran.code, ran.stdout) == (11, "")
    assert ran.stderr.startswith(f"{begun}{warning}Error: ip_abc123 is not warmed after 6 min.")
    assert len(methods(world)) > 1 + TRIES


@each_kind
def test_watching_rides_out_what_may_pass(
    world: World, emulator: StruckEmulator, kind: str
) -> None:
    def asleep(seconds: float) -> None:
        if seconds > LONGEST_RETRY and sum(wait > LONGEST_RETRY for wait in world.waits) == LOOKS:
            raise KeyboardInterrupt

    world.asleep = asleep
    emulator.strike(1, f"{kind}:{TRIES}")
    ran = world.run("show", "ip_abc123", "--watch")
    trouble, hint = told_of(kind, THE_IP), FAULTS[kind].hint
    assert ran.stdout == COMMANDS["watch"].stdout  # nothing has changed but the weather
    if kind in NO_LONGER:
        assert (ran.code, ran.stderr) == (FAULTS[kind].code, f"Error: {trouble} {hint}\n")
        assert methods(world) == ["GET", "GET"]
        return
    notice = "" if is_readable(kind) else f"{trouble} Still trying.\n"
    assert (ran.code, ran.stderr) == (130, f"{notice}Error: Stopped.\n")
    assert len(methods(world)) >= LOOKS


LOOKS = 8


@each_kind
def test_a_key_is_saved_unless_the_server_refuses_it(world: World, kind: str) -> None:
    file = Path(world.environ["MISAR_IPS_CONFIG"])
    world.emulator.faults.add(f"GET:{kind}")
    ran = world.run("profile", "add", "work", stdin=KEY)
    trouble, hint = told_of(kind, THE_LIST), FAULTS[kind].hint
    assert methods(world) == reads(kind)
    assert file.exists() == (kind != "401")
    if kind == "401":
        assert ran == Ran(4, "", f"Error: {trouble} {hint}\n")
        return
    saved = f"Saved profile work in {file}.\n"
    warning = f"Warning: The key was saved, but could not be tried. {trouble}\n"
    stderr = saved if is_readable(kind) else f"{warning}{saved}"
    assert ran == Ran(0, "work\thttps://api.misar.io/mail/v1\ttrue\tmsk_5ec2e75e…\n", stderr)
    assert f'api_key = "{KEY}"' in file.read_text()


ANSWERED = "api\tpass\tIt answered after 0 ms.\t"
ACCEPTED = "access\tpass\tThe API accepts the key.\t"
IN_SCOPE = "scope\tpass\tThe key has the scope `ips`; IPs of the account: 4.\t"


@each_kind
def test_the_doctor_names_what_is_broken(world: World, kind: str) -> None:
    world.emulator.faults.add(f"GET:{kind}")
    ran = world.run("doctor")
    trouble = f"{told_of(kind, THE_LIST)}\t{FAULTS[kind].hint}"
    found, broken = {
        "401": ([ANSWERED, f"access\tfail\t{trouble}"], "access"),
        "403": ([ANSWERED, ACCEPTED, f"scope\tfail\t{trouble}"], "scope"),
        "429": ([ANSWERED, f"limit\twarning\t{trouble}"], ""),
    }.get(kind, ([f"api\tfail\t{trouble}"], "api"))
    if is_readable(kind):
        found, broken = [ANSWERED, ACCEPTED, IN_SCOPE], ""
    of_the_answer = ("api\t", "access\t", "scope\t", "limit\t")
    assert [line for line in ran.stdout.splitlines() if line.startswith(of_the_answer)] == found
    told = f"Error: Broken: {broken}. What to do stands beside each.\n" if broken else ""
    assert (ran.code, ran.stderr) == (12 if broken else 0, told)
    assert methods(world) == ["GET"]


@each_kind
def test_an_address_is_checked_all_the_same(world: World, kind: str) -> None:
    world.emulator.faults.add(f"GET:{kind}")
    ran = world.run("check", "198.51.100.17")
    unknown = f"\t198.51.100.17\tptr\tunknown\t\t\tNot known: {NO_RESOLVER}\n"
    warning = f"Warning: {told_of(kind, THE_LIST)} DNS is checked all the same.\n"
    could_not = "Warning: 1 check could not be made; the reason stands beside each.\n"
    if is_readable(kind):
        assert ran == Ran(0, CHECKED, COMMANDS["check"].stderr)
        assert methods(world) == ["GET", "GET"]
    else:
        assert ran == Ran(0, unknown, f"{warning}{could_not}")
        assert methods(world) == reads(kind)


@each_kind
def test_a_change_goes_on_where_the_ip_can_not_be_read_before_it(world: World, kind: str) -> None:
    world.emulator.faults.add(f"GET:{kind}")
    ran = world.run("update", "ip_abc123", "--pool", "cold", "--rdns", "mail.yourdomain.com")
    assert ran == Ran(0, UPDATED, "Updated ip_abc123.\n")
    assert methods(world) == ["GET", "PATCH"]
    assert world.waits == []


@each_kind
def test_a_list_is_shown_where_the_details_can_not_be_read(
    world: World, emulator: StruckEmulator, kind: str
) -> None:
    world.environ["NO_COLOR"] = "1"
    emulator.strike(1, kind)
    ran = world.run("list", terminal="out")
    assert (ran.code, ran.stderr) == (0, "")
    # Only an IP's details say that it is behind its schedule.
    behind = "warming !    ███░░  62%" if is_readable(kind) else "warming      ███░░  62%"
    assert (
        ran.stdout.splitlines()[1]
        == f"ip_abc123  198.51.100.42   mail.yourdom…  marketing      {behind}"
    )
    assert len(ran.stdout.splitlines()) > 5
    assert methods(world) == ["GET"] * 5
    assert world.waits == []


# Any faults one after the other ------------------------------------------------------------------

TRUE_KINDS = sorted(set(FAULTS) - {"404"})
"""A 404 that is not true would be believed, and rightly so."""

any_faults = st.lists(st.sampled_from(TRUE_KINDS), max_size=9)
changing = st.sampled_from([command for command in COMMANDS.values() if command.changes])


@given(command=changing, kinds=any_faults)
@example(COMMANDS["update"], ["lost-reply", "401", "many-headers"])
@example(COMMANDS["release"], ["many-headers", "lost-reply", "409", "many-headers"])
@example(COMMANDS["request"], ["many-headers", "429", "lost-reply", "503", "many-headers"])
@example(COMMANDS["request and wait"], ["many-headers", "many-headers", "401"])
@settings(
    max_examples=200,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example starts it over
)
def test_the_exit_code_tells_what_was_done(
    world: World, store: Store, command: Command, kinds: list[str]
) -> None:
    store.reset()
    let_time_pass(world, store)
    world.emulator.faults = Faults([f"ANY:{kind}:1" for kind in kinds])
    ran = world.run(*command.line.split())
    if ran.code == 0 or f"{new_ip(store)} was ordered. " in ran.stderr:
        assert changes_of(store) == command.changes
    elif ran.code != OUTCOME_UNKNOWN:
        assert changes_of(store) == ""


# The same faults over a socket -------------------------------------------------------------------


@pytest.fixture
def slow_emulator(store: Store) -> StruckEmulator:
    """Return an emulator that drips a hundred bytes a second."""
    return StruckEmulator(store, rate_limit=0, sleep=lambda _: threading.Event().wait(0.01))


@pytest.fixture
def socket_world(
    environ: dict[str, str], slow_emulator: StruckEmulator
) -> Iterator[tuple[World, EmulatorServer]]:
    del environ["MISARMAIL_API_KEY"]
    with EmulatorServer(slow_emulator, port=0) as server:
        yield World(environ, slow_emulator, transport=None), server


def save_profile(world: World, base_url: str, timeout: float = 30) -> None:
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'[profiles.work]\napi_key = "{KEY}"\nbase_url = "{base_url}"\ntimeout = {timeout}\n'
    )
    path.chmod(0o600)


def as_told_over_a_socket(text: str, host: str) -> str:
    """Replace what the emulator says in-process of a broken connection by what a socket says."""
    text = text.replace("api.misar.io", host)
    text = text.replace("Connection dropped.", os_error(errno.ECONNRESET))
    return text.replace("No answer.", "timed out").replace("No more of the answer.", "timed out")


def os_error(number: int) -> str:
    return f"[Errno {number}] {os.strerror(number)}"


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if not kind.isdigit()])
@pytest.mark.parametrize(
    ("name", "place"), [("list", 0), ("request", 1), ("update", 0), ("release", 1)]
)
def test_a_fault_over_a_socket(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
    socket_world: tuple[World, EmulatorServer],
    slow_emulator: StruckEmulator,
    store: Store,
    name: str,
    place: int,
    kind: str,
) -> None:
    world, server = socket_world
    command = COMMANDS[name]
    is_silent = kind in {"hang", "drip"}
    save_profile(world, server.base_url, timeout=0.15 if is_silent else 30)
    slow_emulator.strike(place, kind)

    ran = world.run(*command.line.split())

    row = expected(command, place, kind, new_ip(store))
    told = as_told_over_a_socket(row.ran.stderr, f"127.0.0.1:{server.port}")
    assert ran == replace(row.ran, stderr=told)
    assert methods(world) == row.sends
    assert changes_of(store) == row.changes


# Servers that are never reached ------------------------------------------------------------------


def refused(world: World, base_url: str, command: Command, trouble: str, tries: int) -> None:
    """Run a command, and check that it ends with code 9 and tells of this trouble."""
    save_profile(world, base_url)
    world.waits.clear()
    told = f"Error: Could not {command.whats[0]}: {trouble}\n"
    assert world.run(*command.line.split()) == Ran(9, "", told)
    assert len(world.waits) == tries - 1


@pytest.fixture
def far_world(environ: dict[str, str], emulator: Emulator) -> World:
    """Return the program with the network in its place, and a profile in the place of a key."""
    del environ["MISARMAIL_API_KEY"]
    return World(environ, emulator, transport=None)


def test_a_name_that_does_not_exist(far_world: World) -> None:
    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("no-such-host.invalid", 443)
    trouble = f"the host no-such-host.invalid is not known ({unknown.value}). {NETWORK}"
    for name in ("list", "request"):  # asking DNS may take its time
        refused(far_world, "https://no-such-host.invalid/v1", COMMANDS[name], trouble, TRIES)


def test_a_port_nobody_listens_on(far_world: World) -> None:
    with Listener(NO_IPS) as server:
        pass
    trouble = f"{server.host} can't be reached ({os_error(errno.ECONNREFUSED)}). {NETWORK}"
    for command in COMMANDS.values():
        refused(far_world, server.base_url, command, trouble, TRIES)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts yet."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ("own signature", False, "self-signed certificate"),
        ("good", False, "unable to get local issuer certificate"),
        ("expired", True, "certificate has expired"),
        (
            *("other name", True),
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
)
def test_a_certificate_that_is_not_trusted(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
    far_world: World,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
    is_trusted: bool,  # noqa: FBT001 - a table's column
    reason: str,
) -> None:
    contexts: dict[str, Callable[[], ssl.SSLContext]] = {
        "own signature": authority.server_with_own_signature,
        "good": lambda: authority.server("IP:127.0.0.1"),
        "expired": lambda: authority.server("IP:127.0.0.1", days=-1),
        "other name": lambda: authority.server("DNS:localhost,IP:127.0.0.2"),
    }
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with Listener(NO_IPS, tls=contexts[certificate]()) as server:
        trouble = f"the certificate of {server.host} can't be trusted ({reason}). {CERTIFICATE}"
        for command in COMMANDS.values():
            refused(far_world, server.base_url, command, trouble, tries=1)
    assert server.received == []


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return another authority, which signs nothing here."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environment_says_whom_to_trust(
    far_world: World,
    authority: Authority,
    stranger: Authority,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    def trust(one: Authority) -> None:
        is_file = variable == "SSL_CERT_FILE"
        monkeypatch.setenv(variable, str(one.certificate if is_file else one.folder_of_trust()))

    with Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server:
        save_profile(far_world, server.base_url)
        trust(authority)
        assert far_world.run("list", "--json") == Ran(0, "[]\n", "")
        trust(stranger)
        refusal = far_world.run("list")
    assert refusal.code == 9
    assert f"the certificate of {server.host} can't be trusted (unable to get" in refusal.stderr
    assert server.methods == ["GET"]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_asked_unless_it_says_no(
    far_world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with (
        Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server,
        Listener(reply(status=502)) as proxy,
    ):
        save_profile(far_world, server.base_url)
        monkeypatch.setenv(variable, f"http://{proxy.host}")
        refused = f"{server.host} can't be reached (502 Status). {NETWORK}"
        assert far_world.run("list") == Ran(
            9, "", f"Error: Could not list the dedicated IPs: {refused}\n"
        )
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert far_world.run("list", "--json") == Ran(0, "[]\n", "")
    assert [request.split(b"\r\n")[0] for request in proxy.received] == [
        f"CONNECT {server.host} HTTP/1.1".encode()
    ] * TRIES
    assert KEY.encode() not in b"".join(proxy.received)
    assert server.methods == ["GET"]


# Faults of our own -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"), [("request", "order"), ("update", "change"), ("release", "release")]
)
@pytest.mark.parametrize("is_carried_out", [False, True])
def test_a_fault_of_ours_does_not_hide_what_may_have_been_done(
    world: World, store: Store, name: str, what: str, *, is_carried_out: bool
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return world.emulator(request)
        if is_carried_out:
            world.emulator(request)
        raise ZeroDivisionError("division by zero")

    command = COMMANDS[name]
    world.transport = httpx.MockTransport(fail)
    ran = world.run(*command.line.split())
    told = (
        "Error: Something unexpected happened: ZeroDivisionError: division by zero. "
        f"The {what} may have been carried out; `misar-ips list` tells. "
        "This is a fault in misar-ips; `--debug` shows where.\n"
    )
    assert ran == Ran(10, NOT_RELEASED if name == "release" else "", told)
    assert changes_of(store) == (command.changes if is_carried_out else "")


# Servers that want to be remembered --------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["session=1; Path=/", "session=\xff", "session=\xe2\x82\xac"])
def test_no_cookie_goes_back(far_world: World, cookie: str) -> None:
    set_cookie = f"Set-Cookie: {cookie}"
    no_ips = reply(b'{"ips": []}', set_cookie)
    with Listener(no_ips, reply(b"", set_cookie, status=500), ONE_IP) as server:
        save_profile(far_world, server.base_url)
        ran = far_world.run("request", "--pool", "marketing")
    assert ran == Ran(0, "ip_1\t\t\tmarketing\t\t\t\n", FOUND_NOTE)
    assert server.methods == ["GET", "POST", "GET"]
    assert b"cookie" not in b"".join(server.received).lower()
