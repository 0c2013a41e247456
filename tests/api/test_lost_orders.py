"""An order whose answer was lost: which new IP it brought, where the list settles that."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips import OutcomeUnknownError
from tests import texts
from tests.api.conftest import answer, raw
from tests.listener import NO_IPS, ORDERED, Listener, hang_up, reply

if TYPE_CHECKING:
    import socket

    from tests.api.conftest import Answered, Connect

NOON = "Wed, 01 Apr 2026 12:00:00 GMT"
LOST = httpx.Response(500)
NOT_SURELY = "New in the list, and not surely from it: {}."


class TestWhatIsNew:
    @pytest.mark.parametrize(
        "new",
        [
            {},
            {"pool": None, "rdns": None},
            {"pool": "cold", "rdns": "MX.example.com."},
            {"warmup_percent": 0, "created_at": "2026-04-01T12:00:00Z"},
            {"created_at": "2026-04-01T11:59:59Z"},  # a Date has whole seconds
            {"pool": {"id": "p_1"}},
        ],
    )
    def test_one_that_can_be_it_probably_is_it(
        self, answered: Answered, asked: list[str], new: dict[str, Any]
    ) -> None:
        ip = {"id": "ip_9", "warmup_status": "not_started", **new}

        requested = answered(answer([], date=NOON), LOST, answer([ip])).request(
            pool="cold", rdns="mx.example.com"
        )

        assert requested.ip.id == "ip_9"
        assert requested.message == texts.lost("ip_9")
        assert requested.different == {}
        assert asked == ["GET", "POST", "GET"]

    def test_a_default_name_is_no_other_order_but_told(self, answered: Answered) -> None:
        ip = {"id": "ip_9", "warmup_status": "not_started", "rdns": "ip-9.misar.example"}

        requested = answered(answer([]), LOST, answer([ip])).request(rdns="mx.example.com")

        assert (requested.ip.id, requested.different) == ("ip_9", {"rdns": "ip-9.misar.example"})

    @pytest.mark.parametrize(
        "new",
        [
            {"warmup_status": "warmed"},
            {"warmup_status": "warming"},
            {"warmup_status": None},
            {"warmup_percent": 1},
            {"warmup_percent": "62"},
            {"created_at": "2020-01-01T00:00:00Z"},
            {"created_at": "2026-04-01T11:59:57Z"},
            {"pool": "marketing"},
        ],
    )
    def test_one_that_can_not_be_it_leaves_it_open(
        self, answered: Answered, new: dict[str, Any]
    ) -> None:
        ip = {"id": "ip_9", "warmup_status": "not_started", "pool": "cold", **new}

        with pytest.raises(OutcomeUnknownError) as caught:
            answered(answer([], date=NOON), LOST, answer([ip])).request(pool="cold")

        assert caught.value.message.endswith(f" {NOT_SURELY.format('ip_9')}")
        assert caught.value.hint == texts.LOOK_FIRST

    def test_without_a_pool_the_references_default_is_the_one_ordered(
        self, answered: Answered
    ) -> None:
        ip = {"id": "ip_9", "warmup_status": "not_started", "pool": "transactional"}

        with pytest.raises(OutcomeUnknownError, match="not surely from it: ip_9"):
            answered(answer([]), LOST, answer([ip])).request()

    def test_of_several_the_only_one_that_can_be_it_is_taken(self, answered: Answered) -> None:
        after = [
            {"id": "ip_7", "warmup_status": "warmed"},
            {"id": "ip_8", "warmup_status": "not_started"},
        ]

        assert answered(answer([]), LOST, answer(after)).request().ip.id == "ip_8"

    def test_several_that_can_be_it_leave_it_open(self, connect: Connect) -> None:
        ips = [{"id": f"ip_{number}", "warmup_status": "not_started"} for number in range(3)]
        parts = [reply(json.dumps(listed).encode()) for listed in (ips[:1], ips)]

        with (
            Listener(parts[0], hang_up, parts[1]) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url).request()

        assert caught.value.message == (
            f"Could not order an IP: the connection to {server.host} was lost (Server disconnected"
            " without sending a response). The order may have been carried out."
            f" {NOT_SURELY.format('ip_1, ip_2')}"
        )
        assert caught.value.hint == texts.LOOK_FIRST

    @pytest.mark.parametrize("more", [{"total": 9}, {"has_more": True}, {"next": "/p2"}])
    @pytest.mark.parametrize("is_before", [True, False])
    def test_a_part_of_the_list_settles_nothing(
        self, answered: Answered, more: dict[str, Any], *, is_before: bool
    ) -> None:
        new = [{"id": "ip_9", "warmup_status": "not_started"}]
        before = {"ips": [], **(more if is_before else {})}
        after = {"ips": new, **({} if is_before else more)}

        with pytest.raises(OutcomeUnknownError) as caught:
            answered(answer(before), LOST, answer(after)).request()

        assert caught.value.message.endswith(
            " The server does not list all IPs, so nothing follows from it."
        )

    def test_a_second_list_that_fails_leaves_it_open(
        self, answered: Answered, asked: list[str]
    ) -> None:
        refusal = answer({"success": False, "error": "No scope"}, status=403)

        with pytest.raises(OutcomeUnknownError) as caught:
            answered(answer([]), raw(b"", 504), refusal).request()

        assert caught.value.message == (
            "Could not order an IP: the server failed (HTTP 504)."
            " The order may have been carried out."
            " Whether it was carried out could not be seen either."
            " Could not list the dedicated IPs: No scope (HTTP 403)."
        )
        assert caught.value.hint == texts.LOOK_FIRST
        assert asked == ["GET", "POST", "GET"]

    def test_each_of_two_troubles_has_its_own_reason(self, connect: Connect) -> None:
        def answer_nothing_and_leave(_connection: socket.socket) -> None:
            server.leave()

        with (
            Listener(NO_IPS, answer_nothing_and_leave) as server,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            connect(server.base_url).request()

        refused = os.strerror(errno.ECONNREFUSED)
        assert caught.value.message.endswith(
            f"Could not list the dedicated IPs: {server.host} can't be reached ({refused})."
        )

    def test_the_second_list_is_repeated_like_any_other(
        self, connect: Connect, waits: list[float]
    ) -> None:
        with Listener(NO_IPS, hang_up, reply(status=503), hang_up, ORDERED) as server:
            assert connect(server.base_url).request().ip.id == "ip_1"

        assert server.methods == ["GET", "POST", "GET", "GET", "GET"]
        assert waits == [0.5, 1.0]

    def test_what_was_found_is_remembered(self, answered: Answered) -> None:
        ip = {"id": "ip_9", "warmup_status": "not_started"}
        client = answered(answer([]), LOST, answer([ip]))

        client.request()

        assert client.carried_out == ["ip_9 was ordered"]
