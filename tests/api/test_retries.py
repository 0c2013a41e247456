"""What is tried again and after which wait, and how long a command may take for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import APIError, DedicatedIP, NetworkError, RateLimitError
from tests import texts
from tests.api.conftest import SEEDED, answer, methods, raw

if TYPE_CHECKING:
    from misar_ips import Client
    from misar_ips.emulator.handler import Emulator
    from tests.api.conftest import Answered, Connect

NOON = "Wed, 01 Apr 2026 12:00:00 GMT"
NOON_IN_SECONDS = 1_775_044_800
NOTHING = answer([])


class TestTries:
    @pytest.mark.parametrize("kind", ["500", "502", "503", "504", "html", "reset", "hang"])
    @pytest.mark.parametrize(("jitter", "expected"), [(1.0, [0.5, 1.0, 2.0]), (0.0, [0.0] * 3)])
    def test_three_waits_with_full_jitter(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
        self,
        emulator: Emulator,
        connect: Connect,
        waits: list[float],
        kind: str,
        jitter: float,
        expected: list[float],
    ) -> None:
        emulator.faults.add(f"GET:{kind}:3")
        client = connect(transport=httpx.MockTransport(emulator), jitter=jitter)

        assert len(client.list()) == len(SEEDED)
        assert methods(emulator) == ["GET"] * 4
        assert waits == expected

    @pytest.mark.parametrize(
        "status", [400, 401, 402, 403, 404, 405, 408, 409, 410, 418, 425, 501, 505, 520, 599]
    )
    def test_other_failures_are_tried_once(
        self, client: Client, emulator: Emulator, waits: list[float], status: int
    ) -> None:
        emulator.faults.add(f"GET:{status}")

        with pytest.raises(APIError):
            client.list()

        assert methods(emulator) == ["GET"]
        assert waits == []

    @pytest.mark.parametrize("status", [402, 403, 429])
    def test_a_plan_refusal_is_never_tried_again(
        self, answered: Answered, asked: list[str], status: int
    ) -> None:
        refusal = answer({"code": "plan_limit_exceeded"}, status, retry_after="1")

        with pytest.raises(APIError):
            answered(refusal).list()

        assert asked == ["GET"]


class TestTheWaitThatIsAskedFor:
    @pytest.mark.parametrize(
        ("body", "headers", "expected"),
        [
            ({}, {"retry_after": "7"}, 7.0),
            ({}, {"retry_after": " 7 "}, 7.0),
            ({}, {"retry_after": "60"}, 60.0),
            ({}, {"retry_after": "Wed, 01 Apr 2026 12:00:20 GMT", "date": NOON}, 20.0),
            ({}, {"retry_after": "Wed, 01 Apr 2026 14:00:20 +0200", "date": NOON}, 20.0),
            ({"retryAfter": 3}, {}, 3.0),
            ({"retryAfter": "3"}, {}, 3.0),
            ({"retryAfter": 3}, {"retry_after": "soon"}, 3.0),
            ({"retryAfter": 3}, {"retry_after": "9"}, 9.0),
        ],
    )
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_it_is_waited(  # noqa: PLR0913, PLR0917 - a table's columns
        self,
        answered: Answered,
        waits: list[float],
        body: dict[str, object],
        headers: dict[str, str],
        expected: float,
        status: int,
    ) -> None:
        assert answered(answer(body, status, **headers), NOTHING).list() == ()
        assert waits == [expected]

    @pytest.mark.parametrize(
        "headers",
        [
            {"retry_after": "0"},
            {"retry_after": "0.2"},
            {"retry_after": "Wed, 01 Apr 2026 11:00:00 GMT", "date": NOON},
            {"retry_after": "Wed, 01 Apr 2020 11:00:00 GMT"},
            {"x_ratelimit_reset": str(NOON_IN_SECONDS - 5), "date": NOON},
            {"x_ratelimit_reset": "30", "date": NOON},
        ],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_it_is_never_less_than_the_back_off(
        self, answered: Answered, waits: list[float], headers: dict[str, str], status: int
    ) -> None:
        limited = answer({}, status, **headers)

        assert answered(limited, limited, limited, NOTHING).list() == ()
        assert waits == [0.5, 1.0, 2.0]

    @pytest.mark.parametrize(
        ("status", "headers", "expected"),
        [
            (429, {}, 42.0),
            (429, {"retry_after": "7"}, 7.0),
            (429, {"retry_after": "soon"}, 42.0),
            (503, {}, 0.5),
        ],
    )
    def test_the_reset_of_the_rate_limit_counts_where_nothing_else_is_said(
        self,
        answered: Answered,
        waits: list[float],
        status: int,
        headers: dict[str, str],
        expected: float,
    ) -> None:
        reset = {"x_ratelimit_reset": str(NOON_IN_SECONDS + 42), "date": NOON}

        assert answered(answer({}, status, **reset, **headers), NOTHING).list() == ()
        assert waits == [expected]

    @pytest.mark.parametrize(
        ("text", "given"),
        [
            *[(text, None) for text in ("soon", "", "-5", "nan", "inf", "1e999", "9" * 400)],
            ("Wed, 99", -1),
            ("Wed, 99", True),
            ("Wed, 99", [5]),
            ("Wed, 99", {}),
            ("Wed, 99", "x"),
            pytest.param("", 10**400, id="a number of 401 digits"),
        ],
    )
    def test_what_makes_no_sense_leaves_the_usual_wait(
        self, answered: Answered, waits: list[float], text: str, given: object
    ) -> None:
        limited = answer({"retryAfter": given}, 429, retry_after=text, x_ratelimit_reset=text)

        assert answered(limited, NOTHING).list() == ()
        assert waits == [0.5]

    @pytest.mark.parametrize(
        ("body", "headers", "seconds", "told"),
        [
            ({}, {"retry_after": "61"}, 61, "1 min 1 s"),
            ({"retryAfter": 3600}, {}, 3600, "1 h"),
            ({}, {"retry_after": "99999999999"}, 99_999_999_999, "1157407 d 9 h"),
            ({}, {"retry_after": "Wed, 01 Apr 2026 13:00:00 GMT", "date": NOON}, 3600, "1 h"),
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
        told: str,
        status: int,
    ) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({"error": "Slow down.", **body}, status, **headers), NOTHING).list()

        assert caught.value.to_json() == {
            "code": "rate_limited",
            "message": f"Could not list the dedicated IPs: Slow down (HTTP {status}).",
            "hint": f"Come back in {told}.",
            "status": status,
            "retry_after": seconds,
        }
        assert waits == []

    def test_a_reset_in_more_than_a_minute_is_left_to_the_user(
        self, answered: Answered, waits: list[float]
    ) -> None:
        reset = answer({}, 429, x_ratelimit_reset=str(NOON_IN_SECONDS + 61), date=NOON)

        with pytest.raises(RateLimitError) as caught:
            answered(reset, NOTHING).list()

        assert (caught.value.retry_after, waits) == (61, [])

    def test_after_the_last_try_the_error_says_when_to_come_back(
        self, answered: Answered, waits: list[float]
    ) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({}, 429, retry_after="42")).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the server takes no more requests for now"
            " (HTTP 429)."
        )
        assert (caught.value.hint, caught.value.retry_after) == ("Come back in 42 s.", 42)
        assert waits == [42, 42, 42]

    def test_any_failure_tells_when_to_come_back(self, answered: Answered) -> None:
        with pytest.raises(APIError) as caught:
            answered(answer(status=503, retry_after="7")).list()

        assert caught.value.to_json()["retry_after"] == 7

    def test_without_a_time_the_error_just_says_later(self, answered: Answered) -> None:
        with pytest.raises(RateLimitError) as caught:
            answered(answer({}, 429)).list()

        assert (caught.value.hint, caught.value.retry_after) == (texts.LATER, None)


class TestPatience:
    """Whoever has only so much time, as `wait` has, waits no longer than that."""

    @pytest.mark.parametrize(
        ("limited", "patience", "expected"),
        [
            (answer({}, 429, retry_after="60"), 90, [60.0]),
            (answer({}, 429, retry_after="60"), 60, []),
            (answer({}, 429, retry_after="20"), 50, [20.0, 20.0]),
            (raw(b"", 503), 1.6, [0.5, 1.0]),
            (raw(b"", 503), 0.5, []),
        ],
    )
    def test_a_wait_that_would_be_too_long_is_not_begun(
        self,
        answered: Answered,
        waits: list[float],
        limited: httpx.Response,
        patience: float,
        expected: list[float],
    ) -> None:
        with pytest.raises(APIError):
            answered(limited).get("ip_1", patience=patience)

        assert waits == expected

    def test_nor_one_after_no_answer(
        self, client: Client, emulator: Emulator, waits: list[float]
    ) -> None:
        emulator.faults.add("GET:reset")

        with pytest.raises(NetworkError):
            client.get("ip_abc123", patience=1)

        assert waits == [0.5]

    def test_each_try_gets_what_is_left(self, connect: Connect, waits: list[float]) -> None:
        def answer_busy(request: httpx.Request) -> httpx.Response:
            limits.append(request.extensions["timeout"]["read"])
            return raw(b"", 503)

        limits: list[float] = []
        with pytest.raises(APIError):
            connect(transport=httpx.MockTransport(answer_busy)).get("ip_1", patience=10)

        assert waits == [0.5, 1.0, 2.0]
        assert limits == pytest.approx([10, 9.5, 8.5, 6.5], abs=0.4)

    def test_details_that_are_nice_to_have_are_read_once(
        self, answered: Answered, asked: list[str]
    ) -> None:
        (detailed,) = answered(raw(b"", 503)).with_details([DedicatedIP("ip_1")])

        assert isinstance(detailed.error, APIError)
        assert asked == ["GET"]


class TestTheLog:
    def test_each_attempt_and_wait_is_logged(
        self, client: Client, emulator: Emulator, log: list[str]
    ) -> None:
        emulator.faults.add("GET:503:1")
        emulator.faults.add("GET:reset:1")

        client.list()

        assert [re.sub(r"\d+ ms", "N ms", line) for line in log] == [
            "GET http://127.0.0.1/mail/v1/dedicated-ips 503 N ms",
            "waiting 0.50 s before try 2 of 4",
            "GET http://127.0.0.1/mail/v1/dedicated-ips RemoteProtocolError N ms",
            "waiting 1.00 s before try 3 of 4",
            "GET http://127.0.0.1/mail/v1/dedicated-ips 200 N ms",
        ]

    def test_the_method_is_logged(self, client: Client, log: list[str]) -> None:
        client.update("ip_abc123", pool="cold")
        client.release("ip_abc123")
        client.probe()
        client.with_details([DedicatedIP("ip_def456")])

        assert [line.partition(" ")[0] for line in log] == ["PATCH", "DELETE", "GET", "GET"]
