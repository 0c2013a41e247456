"""The shapes in which servers send IPs: every envelope, every name of a field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from misar_ips import APIError, DedicatedIP, InvalidResponseError, WarmupStep
from tests import texts
from tests.api.conftest import answer, raw

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Answered

REFERENCE = {
    "id": "ip_abc123",
    "address": "198.51.100.42",
    "rdns": "mail.yourdomain.com",
    "warmup_status": "warming",
    "warmup_percent": 62,
    "pool": "marketing",
    "created_at": "2026-03-15T10:00:00Z",
}
LISTED = DedicatedIP(
    id="ip_abc123",
    address="198.51.100.42",
    rdns="mail.yourdomain.com",
    pool="marketing",
    warmup_status="warming",
    warmup_percent=62,
    created_at=datetime(2026, 3, 15, 10, tzinfo=UTC),
)
ONE = {"id": "ip_1"}
DETAILS = {
    **REFERENCE,
    "daily_limit": 8000,
    "reputation_score": 84,
    "warmup_schedule": [
        {"day": 1, "limit": 200, "sent": 200, "done": True},
        {"day": 7, "limit": None, "sent": "x"},
        "no step",
    ],
}


class TestList:
    @pytest.mark.parametrize(
        "body",
        [
            {"success": True, "ips": [REFERENCE]},
            {"success": True, "data": [REFERENCE], "total": 1},
            {"success": True, "data": {"ips": [REFERENCE], "total": 1}},
            {"data": {"ips": [REFERENCE]}},
            {"ips": [REFERENCE]},
            [REFERENCE],
        ],
    )
    def test_every_envelope_gives_the_same(self, answered: Answered, body: object) -> None:
        assert answered(answer(body)).list() == (LISTED,)

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {"success": True, "ips": []},
            {"success": True, "ips": None},
            {"success": True, "data": []},
            {"success": True, "data": {"ips": None, "total": 0}},
            {"success": True, "data": None},
        ],
    )
    def test_empty_in_every_envelope(self, answered: Answered, body: object) -> None:
        assert answered(answer(body)).list() == ()

    @pytest.mark.parametrize(
        "body",
        [
            {"success": True},
            {"success": True, "ips": {"id": "ip_1"}},
            {"success": True, "ips": "none"},
            {"success": True, "data": "none"},
            {"data": {"data": []}},
            "text",
            17,
            True,
            None,
        ],
    )
    def test_an_answer_without_a_list_is_an_error(self, answered: Answered, body: object) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(answer(body)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the answer has no list of IPs in it (HTTP 200)."
        )
        assert caught.value.hint == texts.BASE_URL
        assert caught.value.status == 200

    @pytest.mark.parametrize("entry", [None, "ip_1", 5, [ONE]])
    def test_an_entry_that_is_no_object_is_an_error(
        self, answered: Answered, entry: object
    ) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(answer({"ips": [ONE, entry]})).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: in the answer, an IP is not a JSON object"
            " (HTTP 200)."
        )

    @pytest.mark.parametrize("identifier", [None, "", True, 1.5, ["ip_1"], {}])
    def test_an_entry_without_an_id_is_an_error(
        self, answered: Answered, identifier: object
    ) -> None:
        with pytest.raises(InvalidResponseError, match="in the answer, an IP has no id"):
            answered(answer({"ips": [{**REFERENCE, "id": identifier}]})).list()

    def test_an_id_may_be_a_number(self, answered: Answered) -> None:
        assert answered(answer([{"id": 17}])).list() == (DedicatedIP("17"),)


class TestFields:
    @pytest.mark.parametrize(
        ("sent", "field", "value"),
        [
            ({"ip_address": "198.51.100.9"}, "address", "198.51.100.9"),
            ({"ip": "198.51.100.9"}, "address", "198.51.100.9"),
            ({"address": None, "ip": "198.51.100.9"}, "address", "198.51.100.9"),
            ({"ptr_record": "mx.example.com"}, "rdns", "mx.example.com"),
            ({"hostname": "mx.example.com"}, "rdns", "mx.example.com"),
            ({"rdns": None, "hostname": "mx.example.com"}, "rdns", "mx.example.com"),
            ({"dedicated_ip_pools": {"id": "p1", "pool_name": "cold"}}, "pool", "cold"),
            ({"status": "provisioning"}, "warmup_status", "provisioning"),
            ({"warmup_status": "warming", "status": "active"}, "warmup_status", "warming"),
            (
                {"created_at": "2026-03-15T10:00:00.123Z"},
                "created_at",
                datetime(2026, 3, 15, 10, 0, 0, 123_000, tzinfo=UTC),
            ),
            (
                {"provisioned_at": "2026-03-15T12:00:00+02:00"},
                "provisioned_at",
                datetime(2026, 3, 15, 10, tzinfo=UTC),
            ),
            ({"warmup_percent": "62"}, "warmup_percent", 62),
            ({"warmup_percent": 62.5}, "warmup_percent", 62.5),
        ],
    )
    def test_other_names_and_forms_are_read(
        self, answered: Answered, sent: dict[str, Any], field: str, value: object
    ) -> None:
        (ip,) = answered(answer([{**ONE, **sent}])).list()

        assert getattr(ip, field) == value
        assert ip.to_json()[field] == (value if isinstance(value, str) else sent[field])
        assert ip.to_json().items() >= {**ONE, **sent, field: ip.to_json()[field]}.items()

    def test_every_field_but_the_id_may_be_null(self, answered: Answered) -> None:
        nulls = dict.fromkeys([*REFERENCE, "daily_limit", "warmup_schedule", "provisioned_at"])

        assert answered(answer([{**nulls, **ONE}])).list() == (DedicatedIP("ip_1"),)

    @pytest.mark.parametrize("odd", [True, [], {}, [[]], {"a": 1}, -0.5, "\ud800", 10**400, ""])
    def test_a_field_of_an_odd_value_hides_no_ip(self, answered: Answered, odd: object) -> None:
        fields = [
            *REFERENCE,
            "ip",
            "status",
            "dedicated_ip_pools",
            "warmup_schedule",
            "daily_limit",
        ]

        (ip,) = answered(answer([{**dict.fromkeys(fields, odd), **ONE}])).list()

        assert ip.id == "ip_1"
        assert ip.to_json()["warmup_schedule"] == odd

    def test_unknown_fields_stay_in_the_json(self, answered: Answered) -> None:
        sent = {**REFERENCE, "region": {"name": "eu"}, "tags": [1, None]}

        (ip,) = answered(answer([sent])).list()

        assert ip.to_json() == sent


class TestDetails:
    @pytest.mark.parametrize(
        "body",
        [
            {"success": True, "ip": DETAILS},
            {"success": True, "data": DETAILS},
            {"success": True, "data": {"ip": DETAILS}},
            DETAILS,
        ],
    )
    def test_every_envelope_gives_the_same(self, answered: Answered, body: object) -> None:
        ip = answered(answer(body)).get("ip_abc123")

        assert (ip.id, ip.daily_limit, ip.reputation_score) == ("ip_abc123", 8000, 84)
        assert ip.warmup_schedule == (
            WarmupStep(1, 200, 200, done=True),
            WarmupStep(7, None, None, done=None),
        )

    def test_a_text_named_ip_is_the_address_and_no_envelope(self, answered: Answered) -> None:
        ip = answered(answer({"id": "ip_1", "ip": "198.51.100.9"})).get("ip_1")

        assert ip == DedicatedIP("ip_1", address="198.51.100.9")

    @pytest.mark.parametrize(
        "response",
        [
            answer({"success": True}),
            answer({"success": True, "ip": None}),
            answer({"ip": {"address": "198.51.100.9"}}),
            answer([REFERENCE]),
            raw(b""),
            raw(b" \n"),
            raw(b"", status=204),
        ],
    )
    def test_an_answer_without_an_ip_is_an_error(
        self, answered: Answered, response: httpx.Response
    ) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(response).get("ip_abc123")

        assert caught.value.message == (
            f"Could not read ip_abc123: the answer has no IP in it (HTTP {response.status_code})."
        )

    def test_another_ip_than_the_one_asked_for_is_an_error(self, answered: Answered) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(answer({"ip": {"id": "ip_other"}})).get("ip_abc123")

        assert caught.value.message == (
            "Could not read ip_abc123: the server answered with another IP, ip_other (HTTP 200)."
        )


class TestSuccessThatIsDenied:
    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_it_is_a_failure_with_the_servers_reason(
        self, answered: Answered, waits: list[float], status: int
    ) -> None:
        body = {"success": False, "error": "The pool is closed.", "ips": [REFERENCE]}

        with pytest.raises(APIError) as caught:
            answered(answer(body, status)).list()

        assert type(caught.value) is APIError
        assert caught.value.message == (
            f"Could not list the dedicated IPs: The pool is closed (HTTP {status})."
        )
        assert waits == []

    def test_nothing_is_ordered_or_changed(self, answered: Answered, asked: list[str]) -> None:
        refusal = answer({"success": False, "message": "Not today"})

        with pytest.raises(APIError, match=r"^Could not order an IP: Not today \(HTTP 200\)\."):
            answered(answer([]), refusal).request()
        with pytest.raises(APIError, match=r"^Could not update ip_1: Not today \(HTTP 200\)\."):
            answered(refusal).update("ip_1", pool="cold")
        assert asked == ["GET", "POST", "PATCH"]
