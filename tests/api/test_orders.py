"""Ordering an IP: what is sent, what is sent again, and what is read from the answer."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips import (
    APIError,
    NetworkError,
    OutcomeUnknownError,
    PlanLimitError,
    RateLimitError,
    UsageError,
    __version__,
)
from misar_ips.emulator.faults import Faults
from misar_ips.emulator.handler import Emulator
from tests import texts
from tests.api.conftest import SEEDED, answer, methods
from tests.conftest import KEY
from tests.listener import NEW_IP, NO_IPS, Listener, play

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from misar_ips import Client
    from misar_ips.emulator.store import Store
    from tests.api.conftest import Answered, Connect


class TestSending:
    def test_what_is_sent(self, connect: Connect) -> None:
        with Listener(NO_IPS, NEW_IP) as server:
            connect(server.base_url).request(pool="cold", rdns="mx.example.com")

        head, _, body = server.received[1].partition(b"\r\n\r\n")
        first, *headers = head.decode().splitlines()
        assert first == "POST /mail/v1/dedicated-ips HTTP/1.1"
        assert {
            f"Host: {server.host}",
            f"Authorization: Bearer {KEY}",
            "Accept: application/json",
            "Accept-Encoding: gzip",
            "Content-Type: application/json",
            f"User-Agent: misar-ips/{__version__}",
        } <= set(headers)
        assert json.loads(body) == {"pool": "cold", "rdns": "mx.example.com"}

    def test_defaults_are_left_to_the_server(self, connect: Connect) -> None:
        with Listener(NO_IPS, NEW_IP) as server:
            connect(server.base_url).request()

        assert server.received[1].endswith(b"\r\n\r\n{}")

    def test_the_ordinary_answer(self, client: Client, emulator: Emulator) -> None:
        requested = client.request(pool="transactional", rdns="mx.example.com")

        assert requested.message == texts.IN_PROGRESS
        assert (requested.ip.pool, requested.ip.warmup_status) == ("transactional", "not_started")
        assert requested.different == {}
        assert requested.ip.id in {ip.id for ip in client.list()}
        assert methods(emulator) == ["GET", "POST", "GET"]

    @pytest.mark.parametrize(
        "settings", [{"rdns": "localhost"}, {"rdns": "a b.example"}, {"pool": ""}, {"pool": "\n"}]
    )
    def test_what_can_not_be_sent_is_not(
        self, client: Client, emulator: Emulator, settings: dict[str, str]
    ) -> None:
        with pytest.raises(UsageError):
            client.request(**settings)

        assert methods(emulator) == []

    def test_nothing_is_ordered_where_the_list_fails(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("GET:503")

        with pytest.raises(APIError) as caught:
            client.request()

        assert caught.value.message == (
            "Could not list the dedicated IPs: Service Unavailable (HTTP 503)."
        )
        assert methods(emulator) == ["GET"] * 4


class TestRepeating:
    @pytest.mark.parametrize(
        ("fault", "times"), [("POST:reset", 0), ("POST:hang", 0), ("POST:lost-reply", 1)]
    )
    def test_one_order_at_most_reaches_the_account(
        self, client: Client, emulator: Emulator, fault: str, times: int
    ) -> None:
        emulator.faults.add(fault)

        with suppress(OutcomeUnknownError):
            client.request()

        assert methods(emulator) == ["GET", "POST", "GET"]
        assert len(client.list()) == len(SEEDED) + times

    def test_a_429_is_no_order_and_repeated(
        self, client: Client, emulator: Emulator, waits: list[float]
    ) -> None:
        emulator.faults.add("POST:429:3")

        client.request()

        assert methods(emulator) == ["GET", "POST", "POST", "POST", "POST"]
        assert waits == [1, 1, 2]
        assert len(client.list()) == len(SEEDED) + 1

    def test_429_to_the_end_is_a_rate_limit(self, client: Client, emulator: Emulator) -> None:
        emulator.faults.add("POST:429")

        with pytest.raises(RateLimitError) as caught:
            client.request()

        assert caught.value.message == (
            "Could not order an IP: Too many requests. Please slow down (HTTP 429)."
        )
        assert not caught.value.maybe_applied
        assert methods(emulator) == ["GET", "POST", "POST", "POST", "POST"]

    def test_a_lost_answer_after_a_429_ends_the_repeating(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("POST:429:1")
        emulator.faults.add("POST:lost-reply:1")

        client.request()

        assert methods(emulator) == ["GET", "POST", "POST", "GET"]
        assert len(client.list()) == len(SEEDED) + 1

    def test_a_refused_connection_is_no_order_and_repeated(self, connect: Connect) -> None:
        def answer_and_leave(connection: socket.socket) -> None:
            server.leave()
            play(NO_IPS, connection)

        with Listener(answer_and_leave, NEW_IP) as server:
            client = connect(server.base_url, sleep=server.come_back, clock=lambda: 0.0)
            assert client.request().message == "Soon."

        assert server.methods == ["GET", "POST"]

    def test_refused_to_the_end_nothing_was_ordered(self, connect: Connect) -> None:
        def answer_and_leave(connection: socket.socket) -> None:
            server.leave()
            play(NO_IPS, connection)

        with Listener(answer_and_leave) as server, pytest.raises(NetworkError) as caught:
            connect(server.base_url).request()

        assert caught.value.message == (
            f"Could not order an IP: {server.host} can't be reached"
            f" ({os.strerror(errno.ECONNREFUSED)})."
        )
        assert not caught.value.maybe_applied
        assert server.methods == ["GET"]

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 422, 451])
    def test_a_refusal_is_final(self, client: Client, emulator: Emulator, status: int) -> None:
        emulator.faults.add(f"POST:{status}")

        with pytest.raises(APIError) as caught:
            client.request()

        assert (caught.value.status, caught.value.maybe_applied) == (status, False)
        assert methods(emulator) == ["GET", "POST"]

    def test_a_404_after_a_list_does_not_blame_the_base_url(
        self, client: Client, emulator: Emulator
    ) -> None:
        emulator.faults.add("POST:404")

        with pytest.raises(APIError) as caught:
            client.request()

        assert type(caught.value) is APIError
        assert caught.value.message == "Could not order an IP: Dedicated IP not found (HTTP 404)."
        assert caught.value.hint == texts.SUPPORT

    def test_a_plan_refusal_is_final(self, store: Store, connect: Connect) -> None:
        emulator = Emulator(store, plan="max", rate_limit=0, faults=Faults())

        with pytest.raises(PlanLimitError) as caught:
            connect(transport=httpx.MockTransport(emulator)).request()

        assert caught.value.to_json() == {
            "code": "plan_limit",
            "message": (
                "Could not order an IP: Dedicated IPs included in your max plan: 1 (HTTP 403)."
            ),
            "hint": "Your plan is max; upgrade at https://misar.io/pricing.",
            "status": 403,
            "plan": "max",
            "upgrade_url": "https://misar.io/pricing",
        }
        assert methods(emulator) == ["GET", "POST"]


class TestAnswers:
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
        ordered = {"id": "ip_new", "pool": "marketing", "provisioned_at": None}

        requested = answered(answer([]), answer(envelope(ordered), status)).request()

        assert requested.message == "Soon."
        assert (requested.ip.id, requested.ip.pool) == ("ip_new", "marketing")

    @pytest.mark.parametrize("message", [{}, {"message": 5}, {"message": ""}])
    def test_without_a_word_of_the_server_there_is_one_of_ours(
        self, answered: Answered, message: dict[str, object]
    ) -> None:
        requested = answered(answer([]), answer({"ip": {"id": "ip_1"}, **message})).request()

        assert requested.message == "Ordered ip_1."

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"success": True}, ""),
            ({"message": "Pay first"}, "; it says: Pay first"),
            ({"url": "https://pay.example/1"}, "; it names https://pay.example/1"),
            (
                {"data": {"url": "https://pay.example/1"}, "message": "Pay"},
                "; it says: Pay; it names https://pay.example/1",
            ),
        ],
    )
    def test_an_answer_without_an_ip_leaves_it_open(
        self, answered: Answered, body: object, said: str
    ) -> None:
        with pytest.raises(OutcomeUnknownError) as caught:
            answered(answer([]), answer(body), answer([])).request()

        assert caught.value.message == (
            f"Could not order an IP: the answer has no IP in it{said} (HTTP 200)."
            " The order may have been carried out. No IP is new yet."
        )

    def test_an_answer_with_an_ip_that_was_there_before_is_garbage(
        self, answered: Answered, asked: list[str]
    ) -> None:
        before = answer([{"id": "ip_abc123"}])

        with pytest.raises(OutcomeUnknownError) as caught:
            answered(before, answer({"ip": {"id": "ip_abc123"}}, 201), before).request()

        assert caught.value.message == (
            "Could not order an IP: the server answered with ip_abc123, which was there before"
            " (HTTP 201). The order may have been carried out. No IP is new yet."
        )
        assert asked == ["GET", "POST", "GET"]

    @pytest.mark.parametrize("ip_id", ["..", "\x1f", "a\nb", "x" * 1001])
    def test_so_is_one_whose_id_nobody_can_ask_for(self, answered: Answered, ip_id: str) -> None:
        new = {"id": ip_id, "warmup_status": "not_started"}

        with pytest.raises(OutcomeUnknownError, match="an IP has an id that can't be used"):
            answered(answer([]), answer({"ip": new}), answer([new])).request()

    @pytest.mark.parametrize(
        ("ip", "different"),
        [
            ({"pool": "marketing"}, {"pool": "marketing"}),
            ({"pool": "COLD", "rdns": "MX.example.com."}, {}),
            ({"pool": None}, {}),
            ({"rdns": "other.example.com"}, {"rdns": "other.example.com"}),
            ({"pool": {"id": "p_1"}}, {}),
        ],
    )
    def test_another_pool_or_name_than_ordered_is_told(
        self, answered: Answered, ip: dict[str, Any], different: dict[str, str]
    ) -> None:
        new = answer({"ip": {"id": "ip_1", **ip}})

        requested = answered(answer([]), new).request(pool="cold", rdns="mx.example.com")

        assert requested.different == different

    def test_a_unicode_name_is_the_one_that_was_ordered(self, answered: Answered) -> None:
        new = answer({"ip": {"id": "ip_1", "rdns": "b\u00fccher.example"}})

        assert answered(answer([]), new).request(rdns="xn--bcher-kva.example").different == {}
