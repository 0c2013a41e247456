"""What the API speaks of: read from whatever the server sends, and given back as it was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import tzset
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from misar_ips import DedicatedIP, NotFoundError, WarmupStep
from misar_ips.api.models import whole_days
from misar_ips.results import Release

if TYPE_CHECKING:
    from tests.conftest import Ran, World

EXAMPLE = {
    "id": "ip_abc123",
    "address": "198.51.100.42",
    "rdns": "mail.yourdomain.com",
    "pool": "marketing",
    "warmup_status": "warming",
    "warmup_percent": 62,
    "daily_limit": 8000,
    "reputation_score": 84,
    "warmup_schedule": [
        {"day": 1, "limit": 200, "sent": 200, "done": True},
        {"day": 14, "limit": 4000, "sent": 3800, "done": False},
    ],
    "created_at": "2026-03-15T10:00:00Z",
}
MARCH_15 = datetime(2026, 3, 15, 10, tzinfo=UTC)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["62", "nan", "-1e999", "2026-03-15T10:00:00Z", "9999-12-31T23:59:59-14:00"])
    | st.sampled_from([10**400, -(10**400), "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = (
    *("id", "address", "ip_address", "ip", "rdns", "ptr_record", "hostname", "pool"),
    *("dedicated_ip_pools", "pool_name", "warmup_status", "status", "warmup_percent"),
    *("daily_limit", "reputation_score", "warmup_schedule", "created_at", "provisioned_at"),
    *("warmup_day", "warmup_start_date", "reputation_history", "warmup"),
)
step_like = st.dictionaries(st.sampled_from(["day", "limit", "sent", "done"]), json_values)
ip_like = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(max_size=4), json_values | st.lists(step_like, max_size=3)
)


def shown(world: World, **fields: object) -> Ran:
    """Run `show` against a server that sends these fields."""
    body = json.dumps({"success": True, "ip": {"id": "ip_1", **fields}})
    reply = httpx.Response(200, content=body, headers={"Content-Type": "application/json"})
    world.transport = httpx.MockTransport(lambda _request: reply)
    return world.run("show", "ip_1")


def field_of(ran: Ran, name: str) -> str:
    """Return one field of what `show` prints off a terminal."""
    assert (ran.code, ran.stderr) == (0, "")
    return dict(line.split("\t", 1) for line in ran.stdout.splitlines())[name]


def test_the_references_example() -> None:
    assert DedicatedIP.from_json(EXAMPLE) == DedicatedIP(
        id="ip_abc123",
        address="198.51.100.42",
        rdns="mail.yourdomain.com",
        pool="marketing",
        warmup_status="warming",
        warmup_percent=62,
        daily_limit=8000,
        reputation_score=84,
        warmup_schedule=(
            WarmupStep(day=1, limit=200, sent=200, done=True),
            WarmupStep(day=14, limit=4000, sent=3800, done=False),
        ),
        created_at=MARCH_15,
    )


def test_an_ip_can_be_compared_and_kept_in_a_set_but_not_changed() -> None:
    one, same = DedicatedIP.from_json(EXAMPLE), DedicatedIP.from_json({**EXAMPLE, "new": [1]})
    assert {one} == {same}
    assert not one != same  # noqa: SIM202 - a tuple has a comparison of its own for that
    assert not DedicatedIP("ip_1", provisioned_at=MARCH_15) == DedicatedIP("ip_1")  # noqa: SIM201 - likewise
    assert DedicatedIP("ip_1", provisioned_at=MARCH_15) != DedicatedIP("ip_1")
    assert repr(DedicatedIP("ip_1")).startswith("DedicatedIP(id='ip_1', address=None, rdns=None, ")
    with pytest.raises(AttributeError):
        one.id = "ip_other"  # type: ignore[misc]  # what the test is about


def test_what_the_server_sent_stands_in_no_representation() -> None:
    shown = repr(DedicatedIP.from_json({"id": "ip_1", "unknown": "seen"}))
    assert "ip_1" in shown
    assert "seen" not in shown


def test_what_the_server_sent_is_given_back() -> None:
    sent = {**EXAMPLE, "unknown": {"deep": [1, None]}, "warmup_percent": "62"}
    assert DedicatedIP.from_json(sent).to_json() == sent


@pytest.mark.parametrize("value", [None, True, 3, "ip_1", [], [EXAMPLE]])
def test_what_is_no_object_is_no_ip(value: object) -> None:
    with pytest.raises(ValueError, match="an IP is not a JSON object"):
        DedicatedIP.from_json(value)


@pytest.mark.parametrize("identifier", [None, "", True, False, 1.5, [], {}])
def test_without_an_id_there_is_no_ip(identifier: object) -> None:
    for value in ({"id": identifier, "address": "198.51.100.42"}, {"address": "198.51.100.42"}):
        with pytest.raises(ValueError, match="an IP has no id"):
            DedicatedIP.from_json(value)


def test_an_id_may_be_a_number() -> None:
    assert DedicatedIP.from_json({"id": 7}) == DedicatedIP(id="7")


@pytest.mark.parametrize(
    ("sent", "name", "value"),
    [
        ({"ip_address": "192.0.2.1"}, "address", "192.0.2.1"),
        ({"ip": "192.0.2.1"}, "address", "192.0.2.1"),
        ({"ip_address": "192.0.2.1", "ip": "192.0.2.2"}, "address", "192.0.2.1"),
        ({"address": None, "ip": "192.0.2.2"}, "address", "192.0.2.2"),
        ({"address": "192.0.2.3", "ip": "192.0.2.2"}, "address", "192.0.2.3"),
        ({"ip": {"id": 1}}, "address", ""),
        ({"ptr_record": "a.example"}, "rdns", "a.example"),
        ({"hostname": "a.example"}, "rdns", "a.example"),
        ({"ptr_record": "", "hostname": "b.example"}, "rdns", "b.example"),
        ({"status": "active"}, "warmup_status", "active"),
        ({"warmup_status": "warmed", "status": "active"}, "warmup_status", "warmed"),
        ({"dedicated_ip_pools": {"id": 1, "pool_name": "cold"}}, "pool", "cold"),
        ({"dedicated_ip_pools": {"id": 1}}, "pool", ""),
        ({"dedicated_ip_pools": [{"id": 1}, {"id": 2, "pool_name": "cold"}]}, "pool", "cold"),
        ({"pool": {"id": "p", "pool_name": "cold"}}, "pool", "cold"),
        ({"pool": {"id": "p"}}, "pool", ""),
        ({"pool": None}, "pool", ""),
        ({"pool": None, "dedicated_ip_pools": None}, "pool", ""),
        ({"dedicated_ip_pools": {"pool_name": 3}}, "pool", ""),
        ({"dedicated_ip_pools": ["cold"]}, "pool", ""),
        ({"pool": "marketing", "dedicated_ip_pools": {"pool_name": "x"}}, "pool", "marketing"),
        ({"warmup_percent": 62.5}, "warmup_percent", "62.5"),
        ({"warmup_percent": 62.0}, "warmup_percent", "62"),
        ({"warmup_percent": "62"}, "warmup_percent", "62"),
        ({"warmup_percent": -0.0}, "warmup_percent", "0"),
        ({"warmup_percent": True}, "warmup_percent", ""),
        ({"warmup_percent": "NaN"}, "warmup_percent", ""),
        ({"warmup_percent": "-inf"}, "warmup_percent", ""),
        ({"warmup_percent": "62%"}, "warmup_percent", ""),
        ({"warmup_percent": [62]}, "warmup_percent", ""),
        ({"daily_limit": 8000.9}, "daily_limit", "8000"),
        ({"daily_limit": "8000"}, "daily_limit", "8000"),
        ({"daily_limit": 10**15}, "daily_limit", "1000000000000000"),
        ({"daily_limit": 10**15 + 1}, "daily_limit", ""),
        ({"daily_limit": 10**400}, "daily_limit", ""),
        ({"daily_limit": False}, "daily_limit", ""),
        ({"created_at": "2026-03-15T10:00:00Z"}, "created_at", "2026-03-15T10:00:00Z"),
        ({"created_at": "2026-03-15T10:00:00.25Z"}, "created_at", "2026-03-15T10:00:00.250000Z"),
        ({"created_at": "2026-03-15T12:00:00+02:00"}, "created_at", "2026-03-15T10:00:00Z"),
        ({"created_at": "2026-03-15T10:00:00"}, "created_at", "2026-03-15T10:00:00Z"),
        ({"created_at": "2026-03-15t10:00:00z"}, "created_at", "2026-03-15T10:00:00Z"),
        (
            {"created_at": "2026-03-15t12:00:00.5+02:00"},
            "created_at",
            "2026-03-15T10:00:00.500000Z",
        ),
        (
            {"created_at": "2026-03-15T10:00:00.123456789Z"},
            "created_at",
            "2026-03-15T10:00:00.123456Z",
        ),
        ({"created_at": "2026-03-15 10:00:00+00"}, "created_at", "2026-03-15T10:00:00Z"),
        ({"created_at": "2026-03-15"}, "created_at", "2026-03-15T00:00:00Z"),
        ({"created_at": "2000-01-01T00:00:00Z"}, "created_at", "2000-01-01T00:00:00Z"),
        ({"created_at": "1999-12-31T23:59:59Z"}, "created_at", ""),
        ({"created_at": "1970-01-01T00:00:00Z"}, "created_at", ""),
        ({"created_at": "9999-12-31T23:59:59Z"}, "created_at", "9999-12-31T23:59:59Z"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at", ""),
        ({"created_at": "yesterday"}, "created_at", ""),
        ({"created_at": 1773568800}, "created_at", ""),
        ({"created_at": "\ud800"}, "created_at", ""),
        ({"address": 5, "rdns": ["x"]}, "address", ""),
    ],
)
def test_a_field_under_any_name_and_of_any_type(
    world: World, sent: dict[str, object], name: str, value: str
) -> None:
    assert field_of(shown(world, **sent), name) == value


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (None, []),
        ("soon", []),
        ({"day": 1}, []),
        ([1, None, "x", []], []),
        ([{}], ["step\t\t\t\t"]),
        (
            [{"day": "7", "limit": 1e3, "sent": None, "done": 1}, 5, {"day": 8, "done": False}],
            ["step\t7\t1000\t\t", "step\t8\t\t\tfalse"],
        ),
    ],
)
def test_a_schedule_of_any_shape(world: World, schedule: object, steps: list[str]) -> None:
    ran = shown(world, warmup_schedule=schedule)
    assert (ran.code, ran.stderr) == (0, "")
    assert [line for line in ran.stdout.splitlines() if line.startswith("step")] == steps


@given(json_values | ip_like)
def test_any_json_value_is_an_ip_or_a_value_error(value: object) -> None:
    try:
        ip = DedicatedIP.from_json(value)
    except ValueError:
        return
    assert isinstance(value, dict)
    given_back = ip.to_json()
    for name, sent in value.items():
        if sent is not None:
            assert given_back[name] is sent
    for number in (ip.warmup_percent, ip.daily_limit, ip.reputation_score):
        assert number is None or abs(number) <= 10**15
    for text in (ip.address, ip.rdns, ip.pool, ip.warmup_status):
        assert text is None or text
    for time in (ip.created_at, ip.provisioned_at):
        assert time is None or time.tzinfo is UTC
    again = DedicatedIP.from_json(dict(given_back))
    assert again == ip


@given(ip_like.map(lambda fields: {"id": "ip_1", **fields}))
@example({"id": "ip_1", "ip": "192.0.2.1"})
def test_reading_leaves_what_was_sent_as_it_was(sent: dict[str, object]) -> None:
    before = repr(sent)
    try:
        DedicatedIP.from_json(sent)
    except ValueError:
        assert sent["id"] != "ip_1"
    assert repr(sent) == before


@pytest.mark.parametrize(
    ("sent", "asked", "found"),
    [
        ("2001:DB8:0::1", "2001:db8::1", True),
        (" 198.51.100.42 ", "198.51.100.42", True),
        ("198.51.100.42", "198.51.100.43", False),
        (None, "198.51.100.42", False),
        ("soon", "198.51.100.42", False),
    ],
)
def test_an_ip_is_found_by_its_address_however_it_is_spelled(
    world: World, sent: object, asked: str, *, found: bool
) -> None:
    ip = {"id": "ip_1", "address": sent}
    reply = httpx.Response(200, json={"success": True, "ips": [ip], "ip": ip})
    world.transport = httpx.MockTransport(lambda _request: reply)
    assert world.run("show", asked).code == (0 if found else 6)


def test_a_release_tells_its_error_only_where_there_is_one() -> None:
    assert Release("ip_1", "192.0.2.1").to_json() == {
        "id": "ip_1",
        "address": "192.0.2.1",
        "released": True,
    }
    gone = NotFoundError("It is gone already.")
    assert Release("ip_2", None, gone).to_json() == {
        "id": "ip_2",
        "address": None,
        "released": False,
        "error": gone.to_json(),
    }


def test_what_the_newer_library_knows() -> None:
    ip = DedicatedIP.from_json(
        {
            "id": "ip_1",
            "warmup_day": "12",
            "warmup_start_date": "2026-03-15",
            "reputation_history": [
                {"date": "2026-03-17", "reputation_score": 71.5, "bounces": 2},
                {"date": "2026-03-15T10:00:00Z", "reputation_score": "70"},
                {"date": "2026-03-16"},
                {"date": "soon", "reputation_score": 3},
                None,
            ],
        }
    )
    assert (ip.warmup_day, ip.warmup_start_date) == (12, datetime(2026, 3, 15, tzinfo=UTC))
    assert ip.reputation_history == (
        (MARCH_15, 70),
        (datetime(2026, 3, 17, tzinfo=UTC), 71.5),
    )


def test_what_the_server_calls_otherwise_is_kept_beside_it(world: World) -> None:
    sent = {"id": "ip_1", "pool": {"id": "p", "pool_name": "cold"}, "warmup": {"day": 3}}
    reply = httpx.Response(200, json={"ip": sent, "ips": [sent]})
    world.transport = httpx.MockTransport(lambda _request: reply)
    shown = json.loads(world.run("show", "ip_1", "--json").stdout)
    assert (shown["pool"], shown["server_warmup"]) == (sent["pool"], sent["warmup"])
    assert shown["warmup"]["steps_total"] is None
    assert json.loads(world.run("list", "--json").stdout) == [sent]


@pytest.mark.parametrize(
    ("start", "days"),
    [
        (None, None),
        (MARCH_15, 17),
        (datetime(2026, 3, 31, 12, 0, 1, tzinfo=UTC), 0),
        (datetime(2026, 3, 31, 12, tzinfo=UTC), 1),
        (datetime(2026, 4, 2, tzinfo=UTC), 0),
    ],
)
def test_whole_days(start: datetime | None, days: int | None) -> None:
    assert whole_days(start, datetime(2026, 4, 1, 12, tzinfo=UTC)) == days


def test_the_warm_ups_start_is_estimated_from_the_better_of_two_times() -> None:
    later = datetime(2026, 3, 16, tzinfo=UTC)
    assert DedicatedIP("a", created_at=MARCH_15, provisioned_at=later).started_at == later
    assert DedicatedIP("a", created_at=MARCH_15).started_at == MARCH_15
    assert DedicatedIP("a").started_at is None


def test_times_are_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "XYZ-9")
        tzset()
        ip = DedicatedIP.from_json({"id": "ip_1", "created_at": "2026-03-15T12:00:00+02:00"})
    tzset()
    assert str(ip.created_at) == "2026-03-15 10:00:00+00:00"


def test_an_ip_that_is_odd_in_every_field_does_not_hide_another(world: World) -> None:
    odd = {**{name: [{}] for name in EXAMPLE}, "id": "ip_odd"}
    reply = httpx.Response(200, json={"success": True, "ips": [odd, EXAMPLE]})
    world.transport = httpx.MockTransport(lambda _request: reply)
    assert [line.split("\t")[0] for line in world.run("list").stdout.splitlines()] == [
        "ip_odd",
        "ip_abc123",
    ]
    assert json.loads(world.run("list", "--json").stdout) == [odd, EXAMPLE]
