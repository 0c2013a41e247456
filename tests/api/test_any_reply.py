"""The whole program against a server that may answer anything: no crash, no control character."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_models import FIELDS, ip_like, json_values
from tests.conftest import KEY
from tests.output.shown import cells

if TYPE_CHECKING:
    from tests.conftest import Ran, World

WATCH_LINE = "show ip_1 --watch"  # at a terminal it is drawn with escape sequences, not printed
COMMANDS = [
    "list",
    "show ip_1",
    "show 198.51.100.42",
    "request --pool cold",
    "update ip_1 --pool cold",
    "release ip_1",
    "release ip_1 --yes",
    "wait ip_1 --for warmed --timeout 60s",
    WATCH_LINE,
    "request --wait",
    "list --sort warmup_percent",
    "check ip_1",
    "check 198.51.100.42",
    "check",
    "doctor",
]
PIPED = "profile add work --replace"
DONE, STOPPED = 0, 130
FORESEEN = {DONE, *range(1, 13), STOPPED} - {2, 3}
"""Every exit code but those for arguments and configuration, where nothing is wrong."""

SHOWING_IPS = ("list", "show", "request", "update", "wait")
PATIENCE = 6  # pauses, after which whoever waits or watches presses Ctrl-C

any_number_of_runs = settings(
    max_examples=40,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own answer
)
printable = st.characters(exclude_categories=["Cs"])
ips = st.builds(
    lambda fields, ip_id: {**fields, "id": ip_id},
    ip_like,
    st.sampled_from(["ip_1", "ip_2", 7]) | st.text(printable, min_size=1, max_size=30),
)
ip_1 = ip_like.map(lambda fields: {**fields, "id": "ip_1"})
called_by_address = ip_1.map(lambda fields: {**fields, "address": "198.51.100.42"})
understood = st.fixed_dictionaries(
    {
        "ips": st.tuples(called_by_address, st.lists(ips, max_size=3)).map(
            lambda pair: [pair[0], *pair[1]]
        ),
        "ip": called_by_address | ip_1,
    },
    optional={"success": st.sampled_from([True]), "message": json_values, "total": json_values},
)
bodies = st.one_of(
    understood,
    understood,
    json_values,
    st.fixed_dictionaries(
        {},
        optional={
            "success": st.booleans() | json_values,
            "ips": st.lists(ips, max_size=4) | json_values,
            "ip": ips | json_values,
            "data": ips | st.lists(ips, max_size=3) | json_values,
            "error": json_values,
            "message": json_values,
            "code": st.just("plan_limit_exceeded") | json_values,
            "details": st.dictionaries(st.sampled_from(["fieldErrors", "formErrors"]), json_values),
            "upgrade": json_values,
            "retryAfter": json_values,
        },
    ),
)
odd_headers = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)
times = st.sampled_from(
    [
        "Wed, 01 Apr 2026 12:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Mon, 01 Jan 0001 00:00:00 +1400",
        "Thu, 32 Foo 99999 25:61:61 GMT",
    ]
)
counts = st.sampled_from(["0", "1", "59", "-1", "1e3", "1_0", "nan", "inf", "9" * 400, "٣"])
headers = st.fixed_dictionaries(
    {},
    optional={
        "Date": times | odd_headers,
        "Retry-After": counts | times | odd_headers,
        "X-RateLimit-Limit": counts | odd_headers,
        "X-RateLimit-Remaining": counts | odd_headers,
        "X-Misar-Plan": odd_headers,
        "X-Misar-Upgrade-Url": odd_headers,
        "Content-Type": odd_headers,
        "Set-Cookie": odd_headers,
        "Location": odd_headers,
    },
)
failures = st.sampled_from([302, 400, 401, 402, 403, 404, 409, 429, 500, 503])
statuses = st.one_of(st.just(200), st.sampled_from([201, 202]), failures)


@dataclass(frozen=True)
class Answer:
    """What a server answers to everything."""

    status: int
    headers: dict[str, str]
    body: object

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        fields = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        content = json.dumps(self.body).encode()  # ASCII: a lone surrogate passes, so does NaN
        return httpx.Response(self.status, headers=fields, content=content)


answers = st.builds(Answer, statuses, headers, bodies)


def answered(world: World, answer: Answer, line: str, **how: str) -> Ran:
    """Run the program against a server that answers everything alike."""

    def asleep(_seconds: float) -> None:
        if len(world.waits) >= PATIENCE:
            raise KeyboardInterrupt

    world.transport = httpx.MockTransport(answer)
    world.asleep = asleep
    world.waits.clear()
    return world.run(*line.split(), **how)


def ids_in(value: object) -> set[str]:
    """Return every id, and whatever else may be taken for one, that stands in a JSON value."""
    if isinstance(value, list):
        return {each for item in value for each in ids_in(item)}
    if isinstance(value, dict):
        here = {str(value["id"])} if "id" in value else set()
        return here | {each for item in value.values() for each in ids_in(item)}
    return set()


@pytest.mark.parametrize("line", [*COMMANDS, PIPED])
@any_number_of_runs
@given(answer=answers)
def test_off_a_terminal(world: World, line: str, answer: Answer) -> None:
    ran = answered(world, answer, line, stdin=KEY)
    assert ran.code in FORESEEN | {2}  # `release` asks, and there is nobody to answer
    assert is_inert(ran.stdout.replace("\t", ""))
    assert is_inert(ran.stderr)
    assert "unexpected" not in ran.stderr


@pytest.mark.parametrize("line", [*COMMANDS, PIPED])
@any_number_of_runs
@given(answer=answers)
def test_as_json(world: World, line: str, answer: Answer) -> None:
    ran = answered(world, answer, f"{line} --json", stdin=KEY)
    assert ran.code in FORESEEN | {2}
    assert is_inert(ran.stdout)
    assert is_inert(ran.stderr)
    if ran.code == DONE:
        shown = json.loads(ran.stdout)
        if (
            line == "list"
            and isinstance(answer.body, dict)
            and isinstance(answer.body.get("ips"), list)
        ):
            assert len(shown) == len(answer.body["ips"])
        for ip in shown if isinstance(shown, list) else [shown]:
            if line.startswith(SHOWING_IPS):
                assert holds_what_was_sent(ip, answer.body)
    elif ran.code != STOPPED or line != WATCH_LINE:  # Ctrl-C is how watching ends
        error = json.loads(ran.stderr.splitlines()[-1])["error"]
        assert error["code"] != "internal_error"


@pytest.mark.parametrize("line", [line for line in COMMANDS if line != WATCH_LINE])
@any_number_of_runs
@given(answer=answers, columns=st.integers(20, 200))
def test_on_a_terminal(world: World, line: str, answer: Answer, columns: int) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": str(columns), "TERM": "dumb"}
    ran = answered(world, answer, line, terminal="in out err", stdin="y\n")
    assert ran.code in FORESEEN
    assert is_inert(ran.stdout)
    assert is_inert(ran.stderr)
    assert "unexpected" not in ran.stderr
    ids = ids_in(answer.body) | {"ip_1"}
    for shown in ran.stdout.splitlines():
        assert cells(shown) <= columns or has_an_id(shown, ids), shown


def is_inert(text: str) -> bool:
    """Return whether a terminal would do nothing on it but show it, line by line."""
    return all(line.isprintable() for line in text.split("\n"))


def has_an_id(shown: str, ids: set[str]) -> bool:
    """Return whether a line holds an id, which is never cut."""
    return any(made_visible(each) in shown for each in ids if each)


def made_visible(text: str) -> str:
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def holds_what_was_sent(shown: dict[str, Any], body: object) -> bool:
    """Return whether every field of an IP stands in the output as the server sent it."""
    if isinstance(body, list):
        return any(holds_what_was_sent(shown, each) for each in body)
    if not isinstance(body, dict):
        return False
    is_it = "id" in body and all(
        same(shown.get(f"server_{name}" if name == "warmup" else name), value)
        or same(shown.get(name), value)
        for name, value in body.items()
    )
    return is_it or any(holds_what_was_sent(shown, each) for each in body.values())


def same(shown: object, sent: object) -> bool:
    return json.dumps(shown, sort_keys=True) == json.dumps(sent, sort_keys=True)


def test_the_fields_of_the_reference_are_among_those_that_are_tried() -> None:
    assert {"id", "address", "rdns", "warmup_schedule"} <= set(FIELDS)
