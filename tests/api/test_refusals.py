"""What a failure means, status by status, and in whose words it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from misar_ips import (
    APIError,
    ForbiddenError,
    NotFoundError,
    PlanLimitError,
    RateLimitError,
    RejectedError,
    UnauthorizedError,
)
from tests.api.conftest import answer, raw
from tests.texts import BASE_URL, LATER, LIST, NEW_KEY, NOT_ACCEPTED, PAGE, SCOPE, SUPPORT

if TYPE_CHECKING:
    from misar_ips import Client
    from tests.api.conftest import Answered

PRICING = "https://misar.io/pricing"
UPGRADE = {"current_plan": {"slug": "max"}, "urls": {"pricing": PRICING}}
RESOLVE = "rdns must resolve first"


def seen(client: Client) -> Client:
    """Return a client that has seen the API, so that a 404 is about an IP."""
    client.list()
    return client


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "reason", "hint"),
        [
            (
                401,
                {"error": "Invalid or missing API key."},
                UnauthorizedError,
                NOT_ACCEPTED,
                NEW_KEY,
            ),
            (403, {"error": "No scope"}, ForbiddenError, "No scope", SCOPE),
            (403, None, ForbiddenError, "the API key may not do this", SCOPE),
            (404, {"error": "Not found"}, NotFoundError, "Not found", LIST),
            (404, None, NotFoundError, "there is no such dedicated IP", LIST),
            (410, None, NotFoundError, "there is no such dedicated IP", LIST),
            (400, {"error": "No"}, RejectedError, "No", SUPPORT),
            (405, None, RejectedError, "the server refused it", SUPPORT),
            (409, {"message": "In use."}, RejectedError, "In use", SUPPORT),
            (413, None, RejectedError, "the server refused it", SUPPORT),
            (415, {"error": ""}, RejectedError, "the server refused it", SUPPORT),
            (422, {"error": "No MX"}, RejectedError, "No MX", SUPPORT),
            (418, None, APIError, "the server failed", LATER),
            (451, {"error": "Court"}, APIError, "Court", LATER),
            (500, {"error": "Oops:"}, APIError, "Oops", LATER),
            (502, "<html>", APIError, "<html>", LATER),  # a text in JSON, and no page
            (503, {"error": 5}, APIError, "the server failed", LATER),
            (504, None, APIError, "the server failed", LATER),
            (599, {"error": {"message": "Deep"}}, APIError, "Deep", LATER),
            (300, None, APIError, "the server redirects elsewhere", BASE_URL),
            (302, None, APIError, "the server redirects elsewhere", BASE_URL),
        ],
    )
    def test_each_is_one_error_with_its_next_step(  # noqa: PLR0913, PLR0917 - a table's columns
        self,
        answered: Answered,
        status: int,
        body: object,
        kind: type[APIError],
        reason: str,
        hint: str,
    ) -> None:
        client = seen(answered(answer([]), answer(body, status)))

        with pytest.raises(APIError) as caught:
            client.get("ip_1")

        assert type(caught.value) is kind
        assert caught.value.to_json() == {
            "code": kind.code,
            "message": f"Could not read ip_1: {reason} (HTTP {status}).",
            "hint": hint,
            "status": status,
        }

    @pytest.mark.parametrize(
        "status",
        [200, 202, 400, 401, 402, 403, 404, 405, 409, 410, 422, 451, 500, 501, 502, 503, 504],
    )
    @pytest.mark.parametrize(
        "page", [b"<html>", b"\n<!DOCTYPE html><title>Blocked</title>", b"\xef\xbb\xbf<html>"]
    )
    def test_a_web_page_is_told_as_one(self, answered: Answered, status: int, page: bytes) -> None:
        client = seen(answered(answer([]), raw(page, status)))

        with pytest.raises(APIError) as caught:
            client.get("ip_1")

        assert caught.value.exit_code == 1
        assert caught.value.message == f"Could not read ip_1: {PAGE} (HTTP {status})."
        assert caught.value.hint == BASE_URL

    def test_a_web_page_that_limits_is_a_rate_limit(self, answered: Answered) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(raw(b"<html>", 429)).list()

        assert caught.value.message == f"Could not list the dedicated IPs: {PAGE} (HTTP 429)."


class TestTheServersWords:
    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ({"error": RESOLVE}, RESOLVE),
            ({"message": RESOLVE}, RESOLVE),
            ({"detail": RESOLVE}, RESOLVE),
            ({"title": RESOLVE}, RESOLVE),
            ({"title": "Invalid", "detail": RESOLVE}, f"Invalid: {RESOLVE}"),
            ({"error": "Bad Request", "message": [RESOLVE, "Odd"]}, f"Bad Request: {RESOLVE}; Odd"),
            ({"error": "Invalid", "message": "Invalid"}, "Invalid"),
            ({"errors": RESOLVE}, RESOLVE),
            ({"errors": [RESOLVE, "Odd pool"]}, f"{RESOLVE}: Odd pool"),
            ({"errors": {"rdns": ["No dot"], "pool": "Odd"}}, "rdns: No dot: pool: Odd"),
            ({"errors": [{"message": RESOLVE}]}, RESOLVE),
            ({"errors": [{"field": "rdns", "message": "No dot"}]}, "rdns: No dot"),
            ({"errors": [{"path": "rdns", "detail": "No dot"}]}, "rdns: No dot"),
            ({"error": {"code": "E_1", "message": RESOLVE}}, RESOLVE),
            ({"error": {"fieldErrors": {"rdns": ["No dot"]}, "formErrors": []}}, "rdns: No dot"),
            ({"error": "Invalid", "details": ["No dot", "Odd"]}, "Invalid: No dot; Odd"),
            ({"error": "Invalid", "details": "No dot"}, "Invalid: No dot"),
            (
                {"error": "Invalid", "details": [{"path": "rdns", "message": "x"}]},
                "Invalid: rdns: x",
            ),
            ({"error": ["No dot"]}, "No dot"),
            (RESOLVE, RESOLVE),
            ({"error": "", "message": "   "}, "the server refused it"),
            ({"error": {}, "errors": [], "detail": None}, "the server refused it"),
            ({"success": False, "code": "E_1"}, "the server refused it"),
            ([RESOLVE], "the server refused it"),
        ],
    )
    def test_are_shown_wherever_they_are(self, answered: Answered, body: object, told: str) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(answer(body, 422)).update("ip_1", pool="cold")

        assert caught.value.message == f"Could not update ip_1: {told} (HTTP 422)."

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
            ({"fieldErrors": {}, "formErrors": ["Give pool or rdns"]}, ": Give pool or rdns"),
            ({"fieldErrors": {"pool": [5, None, {}, "Odd"]}, "formErrors": [[]]}, ": pool: Odd"),
            ({"fieldErrors": ["pool"], "formErrors": {"a": "b"}}, ": pool; a: b"),
            ({"fieldErrors": None, "formErrors": 7}, ""),
            ({"rdns": "No dot"}, ": rdns: No dot"),
            ({}, ""),
        ],
    )
    def test_every_fields_message_is_among_them(
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
    def test_details_of_another_type_are_no_object_for_scripts(
        self, answered: Answered, details: object
    ) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(answer({"error": "No", "details": details}, 400)).update("ip_1", pool="cold")

        assert caught.value.details is None

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"rdns must resolve first\n", RESOLVE),
            (b"  two\r\n  lines ", "two lines"),
            ("zu kurz: \u00fc".encode(), "zu kurz: \u00fc"),
            (b'{"error": "cut', "the server refused it"),
            (b"{}{}", "the server refused it"),
            (b"\x1b[31mred", "the server refused it"),
            (b"\xff\xfe", "the server refused it"),
            (b"x" * 501, "the server refused it"),
            (b"msk \\u002b", "the server refused it"),
        ],
    )
    def test_a_short_plain_text_is_one_of_them(
        self, answered: Answered, content: bytes, told: str
    ) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(raw(content, 422)).update("ip_1", pool="cold")

        assert caught.value.message == f"Could not update ip_1: {told} (HTTP 422)."

    def test_without_end_they_are_cut(self, answered: Answered) -> None:
        with pytest.raises(RejectedError) as caught:
            answered(answer({"error": "x" * 100_000}, 409)).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {'x' * 500} (HTTP 409)."
        )


class TestPlanRefusals:
    @pytest.mark.parametrize("status", [402, 403, 429])
    @pytest.mark.parametrize(
        "sign",
        [
            {"code": "plan_limit_exceeded"},
            {"error_type": "plan_limit_exceeded"},
            {"upgrade": {}},
            {"upgrade": True},
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
            answered(answer([]), refusal).request()

        assert caught.value.to_json() == {
            "code": "plan_limit",
            "message": f"Could not order an IP: 1 IP included (HTTP {status}).",
            "hint": f"Your plan is max; upgrade at {PRICING}.",
            "status": status,
            "plan": "max",
            "upgrade_url": PRICING,
        }
        assert waits == []

    @pytest.mark.parametrize("body", [None, {}, {"error": "Pay"}, "Pay"])
    def test_402_needs_no_sign(self, answered: Answered, body: object) -> None:
        with pytest.raises(PlanLimitError):
            answered(answer(body, 402)).list()

    @pytest.mark.parametrize(
        ("headers", "body", "plan", "url"),
        [
            ({}, {"upgrade": UPGRADE}, "max", PRICING),
            ({}, {"upgrade": {"currentPlanSlug": "pro"}}, "pro", None),
            ({}, {"upgrade": {"current_plan": {}, "currentPlanSlug": "pro"}}, "pro", None),
            ({}, {"upgrade": {"current_plan": "pro", "urls": [PRICING]}}, None, None),
            ({"x_misar_plan": "free"}, {"upgrade": UPGRADE}, "free", PRICING),
            ({"x_misar_upgrade_url": "https://x"}, {"upgrade": UPGRADE}, "max", "https://x"),
            ({}, {"upgrade": {"current_plan": {"slug": 5}, "urls": {"pricing": None}}}, None, None),
            ({}, {"upgrade": True, "url": "https://pay"}, None, "https://pay"),
            ({}, {"upgrade": {"urls": {"pricing": "u" * 9_000}}}, None, "u" * 500),
            ({"x_misar_plan": "p" * 9_000}, {"upgrade": True}, "p" * 500, None),
        ],
    )
    def test_plan_and_address_come_from_the_headers_else_the_body(
        self,
        answered: Answered,
        headers: dict[str, str],
        body: dict[str, Any],
        plan: str | None,
        url: str | None,
    ) -> None:
        with pytest.raises(PlanLimitError) as caught:
            answered(answer(body, 403, **headers)).list()

        assert (caught.value.plan, caught.value.upgrade_url) == (plan, url)
        assert caught.value.message == (
            "Could not list the dedicated IPs: the plan does not allow it (HTTP 403)."
        )
        assert caught.value.hint == (
            f"Your plan is {plan or 'not named'}; upgrade at {url or 'your account page'}."
        )

    def test_other_codes_are_none(self, answered: Answered) -> None:
        other = {"error": "No", "code": ["plan_limit_exceeded"], "upgrade": "soon"}

        with pytest.raises(ForbiddenError):
            answered(answer(other, 403)).list()
        with pytest.raises(RateLimitError):
            answered(answer(other, 429)).list()
        with pytest.raises(RejectedError):
            answered(answer({"code": "plan_limit_exceeded"}, 409)).list()
