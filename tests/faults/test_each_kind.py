"""Each kind of fault that the emulator can make: how it is told, and what comes of an order."""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from misar_ips import Client, MisarError
from misar_ips.emulator.faults import KINDS, Faults
from misar_ips.emulator.server import EmulatorServer
from tests.conftest import KEY, Ran, World
from tests.faults.table import ScriptedEmulator, Story
from tests.reference import BASE_URL, LATER, LIST_HINT, LOOK_FIRST, SHOW, SUPPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from misar_ips.emulator.store import Store

TRIES = 4
NOT_FOUND = 6


@dataclass(frozen=True)
class Fault:
    """How a kind of fault is told, with which exit code, and how often a read is tried again.

    ``order`` says what comes of an order: it "failed", it is "unknown", or it was "done".
    """

    code: int
    reason: str
    hint: str
    tries: int
    order: str


def refused(code: int, reason: str, hint: str = SUPPORT) -> Fault:
    return Fault(code, reason, hint, 1, "failed")


def passing(code: int, reason: str, hint: str = LATER, order: str = "unknown") -> Fault:
    return Fault(code, reason, hint, TRIES, order)


def broken(reason: str, hint: str = LATER) -> Fault:
    return Fault(1, reason, hint, 1, "unknown")


def unreadable(reason: str) -> Fault:
    return Fault(1, f"the answer {reason} (HTTP STATUS)", BASE_URL, 1, "done")


def readable() -> Fault:
    return Fault(0, "", "", 1, "done")


def phrase(status: int) -> str:
    """Return what this Python calls a status: RFC 9110 has new names for some."""
    return f"{HTTPStatus(status).phrase} (HTTP {status})"


NOT_ACCEPTED = "the API key is not accepted: it is wrong, revoked or expired (HTTP 401)"
NEW_KEY = "It is from MISARMAIL_API_KEY: set that to a new one, or `unset MISARMAIL_API_KEY`."
NO_SCOPE = "API key does not have 'ips' scope (HTTP 403)"
SCOPE = "Give the key the scope `ips` in MisarMail's settings."
DROPPED = "the connection to api.misar.io was lost (Connection dropped)"
TOO_LONG = "api.misar.io took too long to answer"
PRO = "Your plan is pro; upgrade at https://misar.io/pricing."
UPGRADE = "Your plan is not named; upgrade at your account page."
PAGE = "a web page answered in its place, from a proxy or firewall perhaps (HTTP 502)"
NO_JSON = "is not valid JSON"

FAULTS = {
    "400": refused(8, "Validation failed: Refused by a fault of the emulator. (HTTP 400)"),
    "401": refused(4, NOT_ACCEPTED, NEW_KEY),
    "402": refused(5, phrase(402), UPGRADE),
    "403": refused(4, NO_SCOPE, SCOPE),
    "404": refused(6, "Dedicated IP not found (HTTP 404)", LIST_HINT),
    "405": refused(8, phrase(405)),
    "408": refused(1, phrase(408), LATER),
    "409": refused(8, phrase(409)),
    "413": refused(8, phrase(413)),
    "415": refused(8, phrase(415)),
    "422": refused(8, phrase(422)),
    "451": refused(1, phrase(451), LATER),
    "499": refused(1, "Status 499 (HTTP 499)", LATER),
    "429": passing(
        *(7, "Too many requests. Please slow down (HTTP 429)", "Come back in 1 s.", "failed")
    ),
    "500": passing(1, phrase(500)),
    "502": passing(1, phrase(502)),
    "503": passing(1, phrase(503)),
    "504": passing(1, phrase(504)),
    "html": passing(1, PAGE, BASE_URL),
    "501": broken(phrase(501)),
    "520": broken("Status 520 (HTTP 520)"),
    "599": broken("Status 599 (HTTP 599)"),
    "redirect": broken("the server redirects elsewhere (HTTP 307)", BASE_URL),
    "reset": passing(9, DROPPED),
    "hang": passing(9, f"{TOO_LONG} (No answer)"),
    "lost-reply": passing(9, DROPPED, order="done"),
    "drip": passing(9, f"{TOO_LONG} (No more of the answer)", order="done"),
    "truncated": unreadable(NO_JSON),
    "endless": unreadable("is larger than 10 MiB"),
    "gzip-bomb": unreadable("is larger than 10 MiB"),
    "bad-text": unreadable(NO_JSON),
    "nan": unreadable(NO_JSON),
    "deep": unreadable(NO_JSON),
    "long-number": unreadable(NO_JSON),
    "wrong-type": readable(),
    "many-headers": readable(),
    "twice-named": readable(),
    "plan-402": refused(5, "Dedicated IPs included in your pro plan: 0 (HTTP 402)", PRO),
    "plan-429": refused(5, "Dedicated IPs included in your pro plan: 0 (HTTP 429)", PRO),
    "no-route": refused(6, "Not found (HTTP 404)", LIST_HINT),
    "ignored": Fault(0, "the answer has no IP in it (HTTP 200)", BASE_URL, 1, "unknown"),
}

NAMED = [kind for kind in FAULTS if not kind.isdigit()]

OF_THE_ROUTE = {"404", "no-route"}
"""What says more of the collection than of an IP; see the rows of a list and of an order."""


def test_every_kind_of_fault_is_in_the_table() -> None:
    assert {kind for kind in KINDS if not kind.isdigit()} == set(NAMED)


def read_under(fault: Fault, story: Story) -> None:
    """Run `show` under a fault, and compare what is said, and how often it was tried."""
    told = f"Error: Could not read ip_abc123: {fault.reason}. {fault.hint}\n"
    told = told.replace("STATUS", "200")
    expected = Ran(fault.code, "", told) if fault.code else Ran(0, SHOW, "")
    assert story.run("show ip_abc123") == expected
    # A 404 may be the base URL's: does it have a list?
    looked = " LIST" if fault.code == NOT_FOUND else ""
    assert story.log == " . ".join(["GET"] * fault.tries) + looked


@pytest.mark.parametrize("kind", FAULTS)
def test_a_read_tells_what_happened(story: Story, kind: str) -> None:
    story.server.follow(f"GET: {kind}")
    read_under(FAULTS[kind], story)


CODES = {
    1: {"api_error", "invalid_response"},
    4: {"unauthorized", "forbidden"},
    5: {"plan_limit"},
    6: {"not_found"},
    7: {"rate_limited"},
    8: {"rejected"},
    9: {"network"},
    10: {"outcome_unknown"},
}


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in OF_THE_ROUTE])
def test_an_order_tells_what_came_of_it(story: Story, kind: str) -> None:
    fault = FAULTS[kind]
    story.server.follow(f"POST: {kind}")
    ran = story.run("request --pool cold --json --debug")
    told = f"Could not order an IP: {fault.reason}"
    said = [json.loads(line) for line in ran.stderr.splitlines()]
    log = [each["debug"]["message"] for each in said if "debug" in each]
    sent = [line.split()[0] for line in log if " https://" in line]
    assert sent == story.log.replace("LIST", "GET").replace(".", "").split()
    if fault.order == "done":
        assert json.loads(ran.stdout)["id"] == story.new_ip
        is_lost = fault.code != 0
        assert (ran.code, story.log) == (0, "LIST POST LIST" if is_lost else "LIST POST")
        return
    error = said[-1]["error"]
    assert (ran.stdout, story.changes) == ("", "")
    assert error["code"] in CODES[ran.code]
    if fault.order == "unknown":
        assert (ran.code, story.log) == (10, "LIST POST LIST")
        assert f"{error['message']} {error['hint']}" == f"{told}. {LOOK_FIRST}"
    else:
        assert (ran.code, story.log) == (fault.code, "LIST " + " . ".join(["POST"] * fault.tries))
        assert (error["message"], error["hint"]) == (f"{told}.", fault.hint)


def test_no_status_orders_twice(story: Story) -> None:
    for status in range(400, 600):
        story.store.reset()
        story.server.log.clear()
        story.server.follow(f"POST: {status}, ok")
        with Client(KEY, transport=story.world.transport, sleep=lambda _seconds: None) as client:
            trouble = failure(client.request)
        was_repeated = status == httpx.codes.TOO_MANY_REQUESTS
        assert story.server.log.count("POST") == (2 if was_repeated else 1)
        assert bool(story.new_ip) is was_repeated is (trouble is None)


def failure(attempt: Callable[[], object]) -> MisarError | None:
    try:
        attempt()
    except MisarError as error:
        return error
    return None


# Any faults one after the other ------------------------------------------------------------------

TRUE_KINDS = sorted(set(FAULTS) - OF_THE_ROUTE - {"ignored"})
"""A 404 or a success that is not true would be believed, and rightly so."""

COMMANDS = {
    "request --pool cold": "ordered",
    "request --pool cold --wait": "ordered",
    "update ip_abc123 --pool cold": "updated",
    "update 198.51.100.42 --pool cold": "updated",
    "release ip_abc123 --yes": "released",
    "release 198.51.100.42 --yes": "released",
}
OUTCOME_UNKNOWN = 10


@given(command=st.sampled_from([*COMMANDS]), kinds=st.lists(st.sampled_from(TRUE_KINDS)))
@example("update ip_abc123 --pool cold", ["lost-reply", "401", "many-headers"])
@example("release ip_abc123 --yes", ["many-headers", "lost-reply", "409", "many-headers"])
@example("request --pool cold", ["many-headers", "429", "lost-reply", "503", "many-headers"])
@example("request --pool cold --wait", ["many-headers", "many-headers", "401"])
@settings(
    max_examples=200,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example starts it over
)
def test_the_exit_code_tells_what_was_done(story: Story, command: str, kinds: list[str]) -> None:
    story.store.reset()
    story.server.faults = Faults([f"ANY:{kind}:1" for kind in kinds])
    ran = story.run(command)
    if ran.code == 0 or f"{story.new_ip} was ordered. " in ran.stderr:
        assert story.changes == COMMANDS[command]
    elif ran.code != OUTCOME_UNKNOWN:
        assert story.changes == ""


# The same faults over a socket -------------------------------------------------------------------


@pytest.fixture
def over_a_socket(environ: dict[str, str], store: Store) -> Iterator[tuple[Story, EmulatorServer]]:
    """Return the program with an emulator on a socket, which drips a hundred bytes a second."""
    emulator = ScriptedEmulator(store, sleep=lambda _: threading.Event().wait(0.01))
    with EmulatorServer(emulator, port=0) as server:
        yield Story(World(environ, emulator, transport=None), store, emulator), server


@pytest.mark.parametrize("kind", NAMED)
def test_a_fault_over_a_socket(over_a_socket: tuple[Story, EmulatorServer], kind: str) -> None:
    story, server = over_a_socket
    save_profile(story.world, server.base_url, timeout=0.15 if kind in {"hang", "drip"} else 30)
    fault = FAULTS[kind]
    reason = fault.reason.replace("api.misar.io", f"127.0.0.1:{server.port}")
    reset = os.strerror(errno.ECONNRESET)
    for in_process, over_it in (
        ("Connection dropped", reset),
        ("No answer", "timed out"),
        ("No more of the answer", "timed out"),
    ):
        reason = reason.replace(in_process, over_it)
    story.server.follow(f"GET: {kind}; POST: {kind}")
    read_under(Fault(fault.code, reason, fault.hint, fault.tries, fault.order), story)
    story.server.log.clear()
    ordered = story.run("request --pool cold")
    assert (ordered.code == 0, story.changes) == {
        "failed": (False, ""),
        "unknown": (False, ""),
        "done": (True, "ordered"),
    }[fault.order]
    assert story.server.log.count("POST") == 1


def save_profile(world: World, base_url: str, timeout: float = 30) -> None:
    """Put a profile in the place of the key in the environment."""
    world.environ.pop("MISARMAIL_API_KEY", None)
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'[profiles.work]\napi_key = "{KEY}"\nbase_url = "{base_url}"\ntimeout = {timeout}\n'
    )
    path.chmod(0o600)
