"""The whole program against a server that may answer anything: no crash, no control character."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_models import FIELDS, ip_like, json_values
from tests.test_views import cells

if TYPE_CHECKING:
    from tests.conftest import Ran, World

COMMANDS = [
    "list",
    "show ip_1",
    "show 198.51.100.42",
    "request --pool cold",
    "update ip_1 --pool cold",
    "release ip_1",
    "release ip_1 --yes",
    "wait ip_1 --for warmed --timeout 60s",
]
DONE = 0
FORESEEN = {DONE, *range(1, 12)} - {2, 3}
"""Every exit code but those for arguments, configuration and checks, where nothing is wrong."""

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
failures = st.sampled_from([302, 400, 401, 402, 403, 404, 409, 429, 500, 503])
statuses = st.one_of(st.just(200), st.sampled_from([201, 202]), failures)


def answered(world: World, status: int, body: object, line: str, **how: str) -> Ran:
    """Run the program against a server that answers everything with one body."""
    content = json.dumps(body).encode()  # ASCII: a lone surrogate passes, and so does NaN
    world.transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    world.waits.clear()
    return world.run(*line.split(), **how)


def ids_in(value: object) -> set[str]:
    """Give every id, and whatever else may be taken for one, that stands in a JSON value."""
    if isinstance(value, list):
        return {each for item in value for each in ids_in(item)}
    if isinstance(value, dict):
        here = {str(value["id"])} if "id" in value else set()
        return here | {each for item in value.values() for each in ids_in(item)}
    return set()


@pytest.mark.parametrize("line", COMMANDS)
@any_number_of_runs
@given(status=statuses, body=bodies)
def test_off_a_terminal(world: World, line: str, status: int, body: object) -> None:
    ran = answered(world, status, body, line)
    assert ran.code in FORESEEN | {2}  # `release` asks, and there is nobody to answer
    assert is_inert(ran.stdout.replace("\t", ""))
    assert is_inert(ran.stderr)
    assert "unexpected" not in ran.stderr


@pytest.mark.parametrize("line", COMMANDS)
@any_number_of_runs
@given(status=statuses, body=bodies)
def test_as_json(world: World, line: str, status: int, body: object) -> None:
    ran = answered(world, status, body, f"{line} --json")
    assert ran.code in FORESEEN | {2}
    assert is_inert(ran.stdout)
    assert is_inert(ran.stderr)
    if ran.code == DONE:
        shown = json.loads(ran.stdout)
        for ip in shown if isinstance(shown, list) else [shown]:
            if not line.startswith("release"):
                assert holds_what_was_sent(ip, body)
    else:
        error = json.loads(ran.stderr.splitlines()[-1])["error"]
        assert error["code"] != "internal_error"


@pytest.mark.parametrize("line", COMMANDS)
@any_number_of_runs
@given(status=statuses, body=bodies, columns=st.integers(20, 200))
def test_on_a_terminal(world: World, line: str, status: int, body: object, columns: int) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": str(columns), "TERM": "dumb"}
    ran = answered(world, status, body, line, terminal="in out err", stdin="y\n")
    assert ran.code in FORESEEN
    assert is_inert(ran.stdout)
    assert is_inert(ran.stderr)
    assert "unexpected" not in ran.stderr
    ids = ids_in(body) | {"ip_1"}
    for shown in ran.stdout.splitlines():
        assert cells(shown) <= columns or has_an_id(shown, ids), shown


def is_inert(text: str) -> bool:
    """Tell whether a terminal would do nothing on it but show it, line by line."""
    return all(line.isprintable() for line in text.split("\n"))


def has_an_id(shown: str, ids: set[str]) -> bool:
    """Tell whether a line holds an id, which is never cut."""
    return any(made_visible(each) in shown for each in ids if each)


def made_visible(text: str) -> str:
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def holds_what_was_sent(shown: dict[str, Any], body: object) -> bool:
    """Tell whether every field of an IP stands in the output as the server sent it."""
    if isinstance(body, list):
        return any(holds_what_was_sent(shown, each) for each in body)
    if not isinstance(body, dict):
        return False
    is_it = "id" in body and all(same(shown.get(name), value) for name, value in body.items())
    return is_it or any(holds_what_was_sent(shown, each) for each in body.values())


def same(shown: object, sent: object) -> bool:
    return json.dumps(shown, sort_keys=True) == json.dumps(sent, sort_keys=True)


def test_the_fields_of_the_reference_are_among_those_that_are_tried() -> None:
    assert {"id", "address", "rdns", "warmup_schedule"} <= set(FIELDS)
