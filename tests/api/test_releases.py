"""Releasing an IP: "released" stands for what is gone, and for nothing else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from misar_ips import (
    APIError,
    MisarError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    RejectedError,
)
from tests import texts
from tests.api.conftest import answer, methods, raw
from tests.listener import GONE, NO_IPS, THE_IP, Listener, Part, hang_up, play, reply

if TYPE_CHECKING:
    import socket

    import httpx

    from misar_ips import Client
    from misar_ips.emulator.handler import Emulator
    from tests.api.conftest import Answered, Connect

LIST, IP, ABSENT = answer([]), answer({"ip": {"id": "ip_1"}}), answer({"error": "Not found"}, 404)
PAGE = raw(b"<html>Not found</html>", 404)
NO_ROUTE, GONE_FOR_GOOD = raw(b"", 405), raw(b"", 410)
BUSY, FAILED = answer({"error": "Slow down"}, 429), raw(b"", 503)
DROPPED = "the connection to 127.0.0.1 was lost (Connection dropped)."
STILL_THERE = "ip_1 is still there."


def release(client: Client) -> MisarError | None:
    """Release an IP after a look at the list, and return the error, None where it is gone."""
    client.list()
    try:
        client.release("ip_1")
    except MisarError as error:
        assert client.carried_out == []
        return error
    assert client.carried_out == ["ip_1 was released"]
    return None


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
def test_every_success_is_taken(
    answered: Answered, asked: list[str], response: httpx.Response
) -> None:
    assert release(answered(LIST, response, ABSENT)) is None
    assert asked == ["GET", "DELETE"]


def test_a_success_that_is_empty_may_call_itself_packed(connect: Connect) -> None:
    with Listener(reply(b"", "Content-Encoding: gzip")) as server:
        connect(server.base_url).release("ip_1")

    assert server.methods == ["DELETE"]


class TestA404:
    """It means "gone" only after a try that may have been carried out, and where a GET agrees."""

    @pytest.mark.parametrize("before", [FAILED, raw(b"", 500), raw(b"", 502), raw(b"", 504)])
    @pytest.mark.parametrize("absent", [ABSENT, PAGE, NO_ROUTE, GONE_FOR_GOOD])
    def test_after_a_failure_where_the_ip_is_gone(
        self,
        answered: Answered,
        asked: list[str],
        before: httpx.Response,
        absent: httpx.Response,
    ) -> None:
        assert release(answered(LIST, before, absent, ABSENT)) is None
        assert asked == ["GET", "DELETE", "DELETE", "GET"]

    @pytest.mark.parametrize("absent", [ABSENT, PAGE, NO_ROUTE, GONE_FOR_GOOD])
    @pytest.mark.parametrize("before", [[], [FAILED], [BUSY], [BUSY, FAILED]])
    def test_where_the_ip_is_still_there(
        self, answered: Answered, before: list[httpx.Response], absent: httpx.Response
    ) -> None:
        error = release(answered(LIST, *before, absent, IP))

        assert isinstance(error, RejectedError)
        assert (error.exit_code, error.status) == (8, absent.status_code)
        assert error.message.startswith("Could not release ip_1: ")
        assert error.message.endswith(f" {STILL_THERE}")
        assert error.hint == texts.NO_ROUTE

    @pytest.mark.parametrize("before", [[], [BUSY], [BUSY, BUSY]])
    def test_after_nothing_that_can_have_been_carried_out(
        self, answered: Answered, before: list[httpx.Response]
    ) -> None:
        error = release(answered(LIST, *before, ABSENT))

        assert isinstance(error, NotFoundError)
        assert error.message == "Could not release ip_1: Not found (HTTP 404)."

    def test_after_a_refused_connection(self, connect: Connect, log: list[str]) -> None:
        with Listener(GONE, NO_IPS, GONE) as server:
            pass
        client = connect(server.base_url, sleep=server.come_back, clock=lambda: 0.0)
        with server, pytest.raises(NotFoundError):
            client.release("ip_1")

        assert "ConnectError" in log[0]
        assert server.methods == ["DELETE", "GET", "GET"]
        assert client.carried_out == []

    def test_of_a_typo(self, client: Client, emulator: Emulator) -> None:
        with pytest.raises(NotFoundError) as caught:
            client.release("ip_typo")

        assert caught.value.message == (
            "Could not release ip_typo: Dedicated IP not found (HTTP 404)."
        )
        assert set(methods(emulator)) == {"DELETE", "GET"}

    def test_where_the_look_fails(self, answered: Answered) -> None:
        error = release(answered(LIST, ABSENT, raw(b"", 403)))

        assert isinstance(error, NotFoundError)

    @pytest.mark.parametrize("look", [raw(b"", 403), raw(b"", 500), raw(b"<html>"), PAGE])
    def test_where_the_look_after_a_failure_fails(
        self, answered: Answered, look: httpx.Response
    ) -> None:
        error = release(answered(LIST, FAILED, ABSENT, look))

        assert isinstance(error, OutcomeUnknownError)
        assert error.message == f"Could not release ip_1: Not found (HTTP 404). {texts.MAYBE}"


class TestLostAnswers:
    def test_404_on_a_later_try_is_a_release(self, client: Client, emulator: Emulator) -> None:
        emulator.faults.add("DELETE:lost-reply:1")

        client.release("ip_abc123")

        assert "ip_abc123" not in {ip.id for ip in client.list()}
        assert methods(emulator)[:2] == ["DELETE", "DELETE"]

    def test_it_is_repeated(self, client: Client, emulator: Emulator, waits: list[float]) -> None:
        emulator.faults.add("DELETE:503:3")

        client.release("ip_abc123")

        assert methods(emulator) == ["DELETE"] * 4
        assert waits == [0.5, 1.0, 2.0]

    @pytest.mark.parametrize("then", ["400", "401", "403", "409", "410", "422", "429"])
    def test_a_refusal_of_a_later_try_does_not_undo_an_earlier_one(
        self, client: Client, emulator: Emulator, then: str
    ) -> None:
        emulator.faults.add("DELETE:lost-reply:1")
        emulator.faults.add(f"DELETE:{then}")

        client.release("ip_abc123")

        assert "ip_abc123" not in {ip.id for ip in client.list()}

    @pytest.mark.parametrize("kind", ["503", "reset", "hang", "redirect"])
    def test_one_that_is_still_there_has_failed(
        self, client: Client, emulator: Emulator, kind: str
    ) -> None:
        emulator.faults.add(f"DELETE:{kind}")

        with pytest.raises(MisarError, match=r"^Could not release ip_abc123: ") as caught:
            client.release("ip_abc123")

        assert caught.value.exit_code in {1, 9}
        assert client.carried_out == []

    @pytest.mark.parametrize("look", ["GET:500", "GET:401", "GET:reset", "GET:truncated"])
    def test_where_looking_fails_too_the_outcome_is_unknown(
        self, client: Client, emulator: Emulator, look: str
    ) -> None:
        emulator.faults.add("DELETE:lost-reply:1")
        emulator.faults.add("DELETE:reset")
        emulator.faults.add(look)

        with pytest.raises(OutcomeUnknownError) as caught:
            client.release("ip_abc123")

        assert caught.value.message == f"Could not release ip_abc123: {DROPPED} {texts.MAYBE}"
        assert caught.value.hint == (
            "`misar-ips show ip_abc123` tells, once the server can be reached."
        )

    @pytest.mark.parametrize("part", [hang_up, reply(status=503)])
    def test_what_may_have_arrived_before_the_server_left_is_unknown(
        self, connect: Connect, part: Part
    ) -> None:
        def leave(connection: socket.socket) -> None:
            server.leave()
            play(part, connection)

        with Listener(leave) as server, pytest.raises(OutcomeUnknownError) as caught:
            connect(server.base_url).release("ip_1")

        assert server.methods == ["DELETE"]
        assert caught.value.message == (
            f"Could not release ip_1: {server.host} can't be reached"
            f" ({os.strerror(errno.ECONNREFUSED)}). {texts.MAYBE}"
        )

    def test_a_wait_that_is_too_long_does_not_hide_what_came_before(
        self, answered: Answered
    ) -> None:
        later = answer({"error": "Slow down"}, 429, retry_after="3600")

        assert release(answered(LIST, FAILED, later, ABSENT)) is None
        assert isinstance(release(answered(LIST, FAILED, later, IP)), RateLimitError)


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422])
def test_a_refusal_is_final(client: Client, emulator: Emulator, status: int) -> None:
    emulator.faults.add(f"DELETE:{status}")

    with pytest.raises(APIError) as caught:
        client.release("ip_abc123")

    assert caught.value.status == status
    assert methods(emulator) == ["DELETE"]


def test_a_denied_success_is_a_refusal(answered: Answered, asked: list[str]) -> None:
    error = release(answered(LIST, answer({"success": False, "message": "Not today"})))

    assert error is not None
    assert error.message == "Could not release ip_1: Not today (HTTP 200)."
    assert asked == ["GET", "DELETE"]


def test_a_success_that_nobody_can_read_is_looked_after(connect: Connect) -> None:
    with Listener(reply(b"<html>"), THE_IP) as server, pytest.raises(APIError) as caught:
        connect(server.base_url).release("ip_1")

    assert caught.value.message == f"Could not release ip_1: {texts.PAGE} (HTTP 200)."
    assert server.methods == ["DELETE", "GET"]


def test_what_was_carried_out_is_remembered(client: Client) -> None:
    ordered = client.request().ip.id
    client.update(ordered, pool="cold")
    client.release(ordered)

    assert client.carried_out == [
        f"{ordered} was ordered",
        f"{ordered} was changed",
        f"{ordered} was released",
    ]
