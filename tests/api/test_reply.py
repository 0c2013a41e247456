"""What the client makes of each answer: IPs in every known shape, or the error it stands for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips import (
    APIError,
    Client,
    DedicatedIP,
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    OutcomeUnknownError,
    PlanLimitError,
    RateLimitError,
    RejectedError,
    UnauthorizedError,
    WarmupStep,
)
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    Answered = Callable[..., Client]

SUPPORT = "Where it should work, MisarMail's support can help."
LATER = "Try again in a while; `--debug` shows each attempt."
ELSEWHERE = "Is the base URL right, and does a proxy stand in between?"
LIST = "`misar-ips list` shows the IPs of this account."

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
PRICING = "https://misar.io/pricing"
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
ORDERED = {
    "id": "ip_new",
    "address": "198.51.100.7",
    "warmup_status": "not_started",
    "pool": "marketing",
    "provisioned_at": None,
}
AFTERWARDS = {**REFERENCE, "pool": "cold"}
UPGRADE = {"current_plan": {"slug": "max"}, "urls": {"pricing": PRICING}}


@pytest.fixture
def waits() -> list[float]:
    """Return the seconds that the client would have slept."""
    return []


@pytest.fixture
def answered(waits: list[float]) -> Answered:
    """Return a way to make a client that gets these answers, the last one for ever."""

    def make(*answers: httpx.Response) -> Client:
        left = list(answers)

        def answer(_request: httpx.Request) -> httpx.Response:
            return left.pop(0) if len(left) > 1 else left[0]

        return Client(
            KEY,
            "http://127.0.0.1/mail/v1",
            transport=httpx.MockTransport(answer),
            sleep=waits.append,
            jitter=lambda: 1.0,
        )

    return make


def answer(body: object = None, status: int = 200, **headers: str) -> httpx.Response:
    """Return a reply with a JSON body; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=json.dumps(body).encode(), headers=named)


def raw(content: bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=content)


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
            {"success": True, "data": None},
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
        assert caught.value.hint == "Is the base URL right, and does a proxy stand in between?"
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


class TestRequest:
    @pytest.mark.parametrize("status", [200, 201, 202])
    @pytest.mark.parametrize(
        "envelope",
        [
            lambda ip: {"success": True, "ip": ip, "message": "Soon."},
            lambda ip: {"success": True, "data": ip, "message": "Soon."},
            lambda ip: {**ip, "message": "Soon."},
        ],
    )
    def test_every_envelope_and_success(
        self, answered: Answered, envelope: Callable[[object], object], status: int
    ) -> None:
        client = answered(answer([]), answer(envelope(ORDERED), status))

        requested = client.request()

        assert requested.message == "Soon."
        assert requested.ip == DedicatedIP(
            "ip_new", address="198.51.100.7", pool="marketing", warmup_status="not_started"
        )

    def test_the_message_may_be_missing_or_of_another_type(self, answered: Answered) -> None:
        assert answered(answer([]), answer({"ip": ONE})).request().message is None
        assert answered(answer([]), answer({"ip": ONE, "message": 5})).request().message is None

    def test_an_answer_without_an_ip_leaves_it_open(self, answered: Answered) -> None:
        with pytest.raises(OutcomeUnknownError) as caught:
            answered(answer([]), answer({"success": True}), answer([])).request()

        assert caught.value.message == (
            "Could not order an IP: the answer has no IP in it (HTTP 200)."
            " The order may have been carried out. No IP is new yet."
        )


class TestUpdate:
    @pytest.mark.parametrize(
        "body",
        [
            {"success": True, "ip": AFTERWARDS},
            {"success": True, "data": AFTERWARDS},
            AFTERWARDS,
        ],
    )
    def test_an_answer_with_the_ip_is_enough(self, answered: Answered, body: object) -> None:
        client = answered(answer(body), answer({"error": "not asked for"}, 500))

        assert client.update("ip_abc123", pool="cold").to_json()["pool"] == "cold"

    @pytest.mark.parametrize(
        "response",
        [
            answer({"success": True}),
            answer({"success": True, "ip": None}),
            answer({"success": True, "data": {}}),
            answer({"success": True, "id": "ip_abc123"}),
            answer({"success": True, "data": {"id": "job_9", "pool": "cold"}}),
            answer("done"),
            raw(b""),
            raw(b"", status=202),
            raw(b"", status=204),
        ],
    )
    def test_after_any_other_success_the_ip_is_read(
        self, answered: Answered, response: httpx.Response
    ) -> None:
        client = answered(response, answer({"ip": AFTERWARDS}))

        assert client.update("ip_abc123", pool="cold").to_json() == AFTERWARDS


@pytest.mark.parametrize(
    "response",
    [
        answer({"success": True}),
        answer({}),
        answer([]),
        answer(None),
        answer("gone"),
        raw(b""),
        raw(b"", status=202),
        raw(b"", status=204),
    ],
)
def test_release_takes_every_success(answered: Answered, response: httpx.Response) -> None:
    # Anything but a success would be told apart by the next answer.
    answered(response, answer({"ip": REFERENCE})).release("ip_abc123")


class TestSuccessThatIsNone:
    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_success_false_is_a_failure_with_the_servers_reason(
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

    def test_nothing_is_ordered_changed_or_released(self, answered: Answered) -> None:
        refusal = answer({"success": False, "message": "Not today"})
        after = answer({"error": "never asked for"}, 404)

        with pytest.raises(APIError, match=r"^Could not order an IP: Not today \(HTTP 200\)\."):
            answered(answer([]), refusal, after).request()
        with pytest.raises(APIError, match=r"^Could not update ip_1: Not today \(HTTP 200\)\."):
            answered(refusal, after).update("ip_1", pool="cold")
        with pytest.raises(APIError, match=r"^Could not release ip_1: Not today \(HTTP 200\)\."):
            answered(refusal, after).release("ip_1")


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "reason", "hint"),
        [
            (
                401,
                {"error": "Invalid or missing API key."},
                UnauthorizedError,
                "the API key is not accepted: it is wrong, revoked or expired (HTTP 401).",
                "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it.",
            ),
            (
                403,
                {"error": "API key does not have 'ips' scope"},
                ForbiddenError,
                "API key does not have 'ips' scope (HTTP 403).",
                "Give the key the scope `ips` in MisarMail's settings.",
            ),
            (404, {"error": "Not found"}, NotFoundError, "Not found (HTTP 404).", LIST),
            (404, None, NotFoundError, "there is no such dedicated IP (HTTP 404).", LIST),
            (405, None, RejectedError, "the server refused it (HTTP 405).", SUPPORT),
            (409, {"message": "In use."}, RejectedError, "In use (HTTP 409).", SUPPORT),
            (413, None, RejectedError, "the server refused it (HTTP 413).", SUPPORT),
            (415, {"error": ""}, RejectedError, "the server refused it (HTTP 415).", SUPPORT),
            (422, {"error": "No MX"}, RejectedError, "No MX (HTTP 422).", SUPPORT),
            (402, {"error": "Pay first"}, APIError, "Pay first (HTTP 402).", LATER),
            (418, None, APIError, "the server failed (HTTP 418).", LATER),
            (500, {"error": "Oops:"}, APIError, "Oops (HTTP 500).", LATER),
            (502, "<html>", APIError, "the server failed (HTTP 502).", LATER),
            (503, {"error": 5}, APIError, "the server failed (HTTP 503).", LATER),
            (504, None, APIError, "the server failed (HTTP 504).", LATER),
            (599, {"error": {"message": "Deep"}}, APIError, "Deep (HTTP 599).", LATER),
            (300, None, APIError, "the server redirects elsewhere (HTTP 300).", ELSEWHERE),
            (302, None, APIError, "the server redirects elsewhere (HTTP 302).", ELSEWHERE),
        ],
    )
    def test_each_status_is_one_error_with_its_next_step(  # noqa: PLR0913, PLR0917 - a table's columns
        self,
        answered: Answered,
        status: int,
        body: object,
        kind: type[APIError],
        reason: str,
        hint: str,
    ) -> None:
        with pytest.raises(APIError) as caught:
            answered(answer(body, status)).get("ip_1")

        assert type(caught.value) is kind
        assert caught.value.message == f"Could not read ip_1: {reason}"
        assert caught.value.hint == hint
        assert caught.value.status == status
        assert caught.value.to_json() == {
            "code": kind.code,
            "message": caught.value.message,
            "hint": hint,
            "status": status,
        }

    @pytest.mark.parametrize(
        ("details", "told"),
        [
            ({"fieldErrors": {"rdns": ["No dot."]}}, ": rdns: No dot."),
            (
                {
                    "fieldErrors": {"pool": ["Short", "Odd"], "rdns": ["No dot"]},
                    "formErrors": ["F"],
                },
                ": pool: Short; pool: Odd; rdns: No dot; F",
            ),
            ({"fieldErrors": {"pool": "Short"}, "formErrors": "F"}, ": pool: Short; F"),
            (
                {"fieldErrors": {}, "formErrors": ["Give pool, rdns or both"]},
                ": Give pool, rdns or both",
            ),
            ({"fieldErrors": {"pool": [5, None, {}, "Odd"]}, "formErrors": [[]]}, ": pool: Odd"),
            ({"fieldErrors": ["pool"], "formErrors": {"a": "b"}}, ""),
            ({"fieldErrors": None, "formErrors": 7}, ""),
            ({}, ""),
        ],
    )
    def test_a_400_tells_every_fields_message(
        self, answered: Answered, details: dict[str, Any], told: str
    ) -> None:
        body = {"success": False, "error": "Validation failed", "details": details}

        with pytest.raises(RejectedError) as caught:
            answered(answer(body, 400)).update("ip_1", pool="cold")

        assert caught.value.message == (
            f"Could not update ip_1: Validation failed{told} (HTTP 400)."
        )
        assert caught.value.details == details

    @pytest.mark.parametrize("details", ["text", ["pool"], 5, True, None])
    def test_details_of_another_type_do_no_harm(self, answered: Answered, details: object) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(answer({"error": "No", "details": details}, 400)).update("ip_1", pool="cold")

        assert caught.value.message == "Could not update ip_1: No (HTTP 400)."
        assert caught.value.details is None

    def test_a_reason_without_end_is_cut(self, answered: Answered) -> None:
        with pytest.raises(NotFoundError) as caught:
            answered(answer({"error": "x" * 100_000}, 404)).get("ip_1")

        assert caught.value.message == f"Could not read ip_1: {'x' * 500} (HTTP 404)."


class TestPlanRefusal:
    @pytest.mark.parametrize("status", [402, 403, 429])
    @pytest.mark.parametrize(
        "sign",
        [
            {"code": "plan_limit_exceeded"},
            {"error_type": "plan_limit_exceeded"},
            {"upgrade": {}},
        ],
    )
    def test_each_sign_with_each_status(
        self, answered: Answered, waits: list[float], status: int, sign: dict[str, object]
    ) -> None:
        refusal = answer(
            {"success": False, "error": "1 IP included.", **sign},
            status,
            x_misar_plan="max",
            x_misar_upgrade_url=PRICING,
            retry_after="5",
        )

        with pytest.raises(PlanLimitError) as caught:
            answered(answer([]), refusal, answer({"ip": ONE})).request()

        assert caught.value.to_json() == {
            "code": "plan_limit",
            "message": f"Could not order an IP: 1 IP included (HTTP {status}).",
            "hint": f"Your plan is max; upgrade at {PRICING}.",
            "status": status,
            "plan": "max",
            "upgrade_url": PRICING,
        }
        assert waits == []

    @pytest.mark.parametrize(
        ("headers", "upgrade", "plan", "url"),
        [
            ({}, UPGRADE, "max", PRICING),
            ({}, {"currentPlanSlug": "pro"}, "pro", None),
            ({}, {"current_plan": {}, "currentPlanSlug": "pro"}, "pro", None),
            ({}, {"current_plan": "pro", "urls": [PRICING]}, None, None),
            ({"x_misar_plan": "free"}, UPGRADE, "free", PRICING),
            ({"x_misar_upgrade_url": "https://x"}, UPGRADE, "max", "https://x"),
            ({}, {"current_plan": {"slug": 5}, "urls": {"pricing": None}}, None, None),
        ],
    )
    def test_plan_and_address_come_from_the_headers_else_the_body(
        self,
        answered: Answered,
        headers: dict[str, str],
        upgrade: dict[str, Any],
        plan: str | None,
        url: str | None,
    ) -> None:
        refusal = answer({"upgrade": upgrade}, 403, **headers)

        with pytest.raises(PlanLimitError) as caught:
            answered(refusal).list()

        assert (caught.value.plan, caught.value.upgrade_url) == (plan, url)
        assert caught.value.message == (
            "Could not list the dedicated IPs: the plan does not allow it (HTTP 403)."
        )
        assert caught.value.hint == (
            f"Your plan is {plan or 'not named'}; upgrade at {url or 'your account page'}."
        )

    def test_other_codes_are_no_plan_refusal(self, answered: Answered) -> None:
        other = {"error": "No", "code": ["plan_limit_exceeded"], "upgrade": "soon"}

        with pytest.raises(ForbiddenError):
            answered(answer(other, 403)).list()
        with pytest.raises(RateLimitError):
            answered(answer(other, 429)).list()
        with pytest.raises(RejectedError):
            answered(answer({"code": "plan_limit_exceeded"}, 409)).list()


class TestBodies:
    @pytest.mark.parametrize(
        "content",
        [
            b'{"ips": [',
            b'{"ips": []} extra',
            b'{"ips": [{"id": "a", "warmup_percent": NaN}]}',
            b'{"ips": [{"id": "a", "warmup_percent": -Infinity}]}',
            b'{"ips": [{"id": "a", "warmup_percent": 1e999}]}',
            b'{"ips": [{"id": "a", "warmup_percent": ' + b"9" * 5_000 + b"}]}",
            b'{"ips": [{"id": "caf\xe9"}]}',
            b"\xff\xfe\x00",
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b"ips: []",
        ],
        ids=lambda content: content[:50].decode("latin-1"),
    )
    def test_what_is_no_json_is_one_clear_error(self, answered: Answered, content: bytes) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(raw(content)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the answer is no valid JSON (HTTP 200)."
        )

    def test_a_web_page_is_called_one(self, answered: Answered) -> None:
        page = httpx.Response(200, html="\n<!doctype html><title>Log in</title>")

        with pytest.raises(InvalidResponseError) as caught:
            answered(page).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the answer is a web page (HTTP 200)."
        )

    def test_of_two_equal_names_the_last_counts(self, answered: Answered) -> None:
        content = b'{"ips": [{"id": "ip_1", "pool": "cold", "id": "ip_2"}]}'

        assert answered(raw(content)).list() == (DedicatedIP("ip_2", pool="cold"),)

    @pytest.mark.parametrize("media_type", ["text/html", "application/octet-stream", "", "\xff"])
    def test_json_under_another_name_is_read(self, answered: Answered, media_type: str) -> None:
        headers = {b"Content-Type": media_type.encode("latin-1")}

        response = httpx.Response(200, content=b'[{"id": "ip_1"}]', headers=headers)

        assert answered(response).list() == (DedicatedIP("ip_1"),)

    def test_a_byte_order_mark_does_no_harm(self, answered: Answered) -> None:
        assert answered(raw(b'\xef\xbb\xbf[{"id": "ip_1"}]')).list() == (DedicatedIP("ip_1"),)

    def test_a_reply_that_repeats_the_key_shows_it_masked(self, answered: Answered) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(answer({"error": f"Odd key {KEY}", "details": {"k": KEY}}, 400)).list()

        assert caught.value.to_json() == {
            "code": "rejected",
            "message": "Could not list the dedicated IPs: Odd key msk_5ec2e75e… (HTTP 400).",
            "hint": SUPPORT,
            "status": 400,
            "details": {"k": "msk_5ec2e75e…"},
        }

    def test_a_key_as_short_as_a_word_changes_no_reply(self) -> None:
        transport = httpx.MockTransport(lambda _request: answer([{"id": "data"}]))

        with Client("data", "http://127.0.0.1", transport=transport) as client:
            assert client.list() == (DedicatedIP("data"),)

    @pytest.mark.parametrize(("length", "shown"), [(15, "k" * 15), (16, "…")])
    def test_a_key_is_hidden_from_sixteen_characters_on(self, length: int, shown: str) -> None:
        key = "k" * length
        transport = httpx.MockTransport(lambda _request: answer([{"id": "ip_1", "rdns": key}]))

        with Client(key, "http://127.0.0.1", transport=transport) as client:
            assert client.list() == (DedicatedIP("ip_1", rdns=shown),)


class TestRetryAfter:
    DATE = "Wed, 01 Apr 2026 12:00:00 GMT"

    @pytest.mark.parametrize(
        ("body", "headers", "expected"),
        [
            ({}, {"retry_after": "7"}, 7.0),
            ({}, {"retry_after": " 7 "}, 7.0),
            ({}, {"retry_after": "0"}, 0.0),
            ({}, {"retry_after": "60"}, 60.0),
            ({}, {"retry_after": "Wed, 01 Apr 2026 12:00:20 GMT", "date": DATE}, 20.0),
            ({}, {"retry_after": "Wed, 01 Apr 2026 11:00:00 GMT", "date": DATE}, 0.0),
            ({}, {"retry_after": "Wed, 01 Apr 2020 11:00:00 GMT"}, 0.0),
            ({"retryAfter": 3}, {}, 3.0),
            ({"retryAfter": "3"}, {}, 3.0),
            ({"retryAfter": 3}, {"retry_after": "soon"}, 3.0),
            ({"retryAfter": 3}, {"retry_after": "9"}, 9.0),
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_what_the_server_asks_for_is_waited(  # noqa: PLR0913, PLR0917 - a table's columns
        self,
        answered: Answered,
        waits: list[float],
        body: dict[str, object],
        headers: dict[str, str],
        expected: float,
        status: int,
    ) -> None:
        assert answered(answer(body, status, **headers), answer([])).list() == ()
        assert waits == [expected]

    @pytest.mark.parametrize(
        "text", ["soon", "", "-5", "nan", "inf", "1e999", "9" * 400, "Wed, 99"]
    )
    @pytest.mark.parametrize("asked", [None, -1, True, [5], {}, "x", 10**400])
    def test_what_makes_no_sense_leaves_the_usual_wait(
        self, answered: Answered, waits: list[float], text: str, asked: object
    ) -> None:
        limited = answer({"retryAfter": asked}, 429, retry_after=text)

        assert answered(limited, answer([])).list() == ()
        assert waits == [0.5]

    @pytest.mark.parametrize(
        ("body", "headers", "seconds"),
        [
            ({}, {"retry_after": "61"}, 61),
            ({"retryAfter": 3600}, {}, 3600),
            ({}, {"retry_after": "1000000000000"}, 1_000_000_000_000),
            ({}, {"retry_after": "Wed, 01 Apr 2026 13:00:00 GMT", "date": DATE}, 3600),
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_more_than_a_minute_is_left_to_the_user(  # noqa: PLR0913, PLR0917 - a table's columns
        self,
        answered: Answered,
        waits: list[float],
        body: dict[str, object],
        headers: dict[str, str],
        seconds: float,
        status: int,
    ) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({"error": "Slow down.", **body}, status, **headers), answer([])).list()

        assert caught.value.to_json() == {
            "code": "rate_limited",
            "message": f"Could not list the dedicated IPs: Slow down (HTTP {status}).",
            "hint": f"Come back in {seconds} s.",
            "status": status,
            "retry_after": seconds,
        }
        assert waits == []

    def test_after_the_last_try_the_error_says_when_to_come_back(
        self, answered: Answered, waits: list[float]
    ) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({}, 429, retry_after="42")).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the server takes no more requests for now"
            " (HTTP 429)."
        )
        assert caught.value.hint == "Come back in 42 s."
        assert caught.value.retry_after == 42
        assert waits == [42, 42, 42]

    def test_any_failure_tells_when_to_come_back(self, answered: Answered) -> None:
        with pytest.raises(APIError) as caught:
            answered(answer(status=503, retry_after="7")).list()

        assert caught.value.to_json()["retry_after"] == 7

    def test_without_a_time_the_error_just_says_later(self, answered: Answered) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({}, 429)).list()

        assert caught.value.hint == LATER
        assert caught.value.retry_after is None


class TestServerTime:
    def test_it_is_that_of_the_last_reply(self, answered: Answered) -> None:
        client = answered(
            answer([], date="Wed, 01 Apr 2026 12:00:00 GMT"),
            answer([], date="Wed, 08 Apr 2026 12:00:00 GMT"),
        )
        assert client.server_time is None

        client.list()
        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

        client.list()
        assert client.server_time == datetime(2026, 4, 8, 12, tzinfo=UTC)

    @pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
    def test_it_is_utc_however_the_zone_is_named(self, answered: Answered, zone: str) -> None:
        client = answered(answer([], date=f"Wed, 01 Apr 2026 12:00:00 {zone}"))

        client.list()

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

    def test_a_failure_tells_it_too(self, answered: Answered) -> None:
        client = answered(answer({}, 404, date="Wed, 01 Apr 2026 12:00:00 GMT"))

        with pytest.raises(NotFoundError):
            client.get("ip_1")

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

    @pytest.mark.parametrize("date", ["", "now", "Wed, 99 Apr 2026 12:00:00 GMT", "1", "\t"])
    def test_a_date_that_is_none_leaves_it_as_it_was(self, answered: Answered, date: str) -> None:
        client = answered(answer([], date="Wed, 01 Apr 2026 12:00:00 GMT"), answer([], date=date))

        client.list()
        client.list()

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)
