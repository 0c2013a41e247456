"""Reading IPs one by one and side by side, and what an interrupt is told while they change."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import Client, DedicatedIP, MisarError, RateLimitError, UnauthorizedError
from tests.api.conftest import SEEDED, answer, methods
from tests.listener import DONE, ONE_IP, Listener, Part, hang_up, json_reply, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from misar_ips.emulator.handler import Emulator
    from misar_ips.emulator.store import Store
    from tests.api.conftest import Answered, Connect

NO_ANSWER = "Server disconnected without sending a response"


class TestReading:
    def test_list_and_get(self, client: Client) -> None:
        assert [ip.id for ip in client.list()] == SEEDED

        ip = client.get("ip_abc123")

        assert (ip.address, ip.rdns, ip.pool) == (
            "198.51.100.42",
            "mail.yourdomain.com",
            "marketing",
        )
        assert (ip.warmup_status, ip.warmup_percent, ip.daily_limit) == ("warming", 62, 8000)
        assert [step.day for step in ip.warmup_schedule] == [1, 7, 14, 21, 28]

    @pytest.mark.parametrize(
        ("base", "path"),
        [
            ("http://127.0.0.1/mail/v1/", "/mail/v1/dedicated-ips"),
            ("http://localhost:8025/api/v1", "/api/v1/dedicated-ips"),
        ],
    )
    def test_both_prefixes(
        self, connect: Connect, emulator: Emulator, base: str, path: str
    ) -> None:
        client = connect(base, transport=httpx.MockTransport(emulator))

        assert len(client.list()) == len(SEEDED)
        assert list(emulator.received) == [("GET", path)]

    def test_trying_a_key(self, client: Client, emulator: Emulator) -> None:
        assert client.try_key() is None

        emulator.faults.add("GET:403:1")
        trouble = client.try_key()
        assert trouble is not None
        assert trouble.code == "forbidden"

        emulator.faults.add("GET:401")
        trouble = client.try_key()
        assert isinstance(trouble, UnauthorizedError)

    def test_the_servers_clock(self, client: Client, store: Store) -> None:
        assert client.server_time is None
        client.list()
        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

        store.advance(timedelta(days=1))
        client.get("ip_abc123")
        assert client.server_time == datetime(2026, 4, 2, 12, tzinfo=UTC)


class TestDetails:
    def test_beside_a_list(self, client: Client, emulator: Emulator) -> None:
        detailed = client.with_details(client.list())

        assert [(each.ip.id, each.ip.daily_limit, each.error) for each in detailed] == [
            ("ip_abc123", 8000, None),
            ("ip_def456", 25000, None),
            ("ip_ghi789", 2714, None),
            ("ip_jkl012", 0, None),
        ]
        assert methods(emulator) == ["GET"] * 5

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            (DONE, "the answer has no IP in it (HTTP 200)."),
            (
                json_reply({"ip": {"id": "ip_other"}}),
                "the server answered with another IP, ip_other (HTTP 200).",
            ),
            (json_reply({"ip": {"daily_limit": 1}}), "the answer has no IP in it (HTTP 200)."),
            (reply(status=503), "the server failed (HTTP 503)."),
            (reply(status=404), "there is no such dedicated IP (HTTP 404)."),
            (
                hang_up,
                f"the connection to HOST was lost ({NO_ANSWER}).",
            ),
        ],
    )
    def test_that_can_not_be_had_leave_an_ip_as_it_was_and_say_why(
        self, connect: Connect, part: Part, reason: str
    ) -> None:
        with Listener(ONE_IP, part) as server:
            client = connect(server.base_url)
            listed = client.list()
            (detailed,) = client.with_details(listed)

        assert detailed.ip == listed[0]
        assert detailed.error is not None
        told = reason.replace("HOST", server.host)
        assert detailed.error.message == f"Could not read ip_1: {told}"
        assert server.methods == ["GET", "GET"]

    def test_of_more_ips_than_are_read_at_once(self, connect: Connect) -> None:
        listed = tuple(DedicatedIP(f"ip_{number}") for number in range(25))
        read: list[str] = []
        ten_at_once = threading.Barrier(10, timeout=30)

        def answer_slowly(request: httpx.Request) -> httpx.Response:
            ip_id = request.url.path.rpartition("/")[2]
            read.append(ip_id)
            if ip_id in {ip.id for ip in listed[:10]}:
                ten_at_once.wait()
            return answer({"ip": {"id": ip_id, "daily_limit": 5}})

        client = connect(transport=httpx.MockTransport(answer_slowly))
        detailed = client.with_details(listed)

        assert [each.ip.id for each in detailed] == [ip.id for ip in listed]
        assert {each.ip.daily_limit for each in detailed} == {5}
        assert set(read[:10]) == {ip.id for ip in listed[:10]}

    def test_end_once_the_server_is_asked_too_often(
        self, answered: Answered, asked: list[str]
    ) -> None:
        ips = [DedicatedIP(f"ip_{number}") for number in range(30)]

        detailed = answered(answer({}, 429)).with_details(ips)

        assert [each.ip for each in detailed] == ips
        assert {type(each.error) for each in detailed} == {RateLimitError}
        assert len(asked) <= 10

    def test_patiently_they_are_read_to_the_end(
        self, answered: Answered, waits: list[float]
    ) -> None:
        limited = answer({}, 429, retry_after="60")
        client = answered(limited, answer({"ip": {"id": "ip_1"}}))

        (detailed,) = client.with_details([DedicatedIP("ip_1")], patiently=True)

        assert detailed.error is None
        assert waits == [60]

    def test_of_no_ip(self, client: Client, emulator: Emulator) -> None:
        assert client.with_details([]) == ()
        assert methods(emulator) == []

    def test_a_fault_of_ours_is_not_taken_for_the_servers(self, connect: Connect) -> None:
        def fail(_request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError("ours")

        client = connect(transport=httpx.MockTransport(fail))
        with pytest.raises(ZeroDivisionError):
            client.with_details([DedicatedIP("ip_1"), DedicatedIP("ip_2")])


class TestInterrupts:
    @pytest.mark.parametrize(
        ("method", "note"),
        [
            ("POST", ["The order may have been carried out; `misar-ips list` tells."]),
            ("PATCH", ["The change may have been carried out; `misar-ips list` tells."]),
            ("DELETE", ["The release may have been carried out; `misar-ips list` tells."]),
            ("GET", []),
        ],
    )
    def test_what_may_be_under_way_is_noted(
        self, emulator: Emulator, connect: Connect, method: str, note: list[str]
    ) -> None:
        def interrupted(request: httpx.Request) -> httpx.Response:
            if request.method == method:
                raise KeyboardInterrupt
            return emulator(request)

        client = connect(transport=httpx.MockTransport(interrupted))
        commands: dict[str, Callable[[], object]] = {
            "POST": client.request,
            "PATCH": partial(client.update, "ip_abc123", pool="cold"),
            "DELETE": partial(client.release, "ip_abc123"),
            "GET": client.list,
        }

        with pytest.raises(KeyboardInterrupt) as caught:
            commands[method]()

        assert getattr(caught.value, "__notes__", []) == note

    def test_also_while_it_waits_to_look(self, emulator: Emulator, connect: Connect) -> None:
        def interrupt(_seconds: float) -> None:
            raise KeyboardInterrupt

        emulator.faults.add("DELETE:lost-reply")
        client = connect(transport=httpx.MockTransport(emulator), sleep=interrupt)

        with pytest.raises(KeyboardInterrupt) as caught:
            client.release("ip_abc123")

        assert caught.value.__notes__ == [
            "The release may have been carried out; `misar-ips list` tells."
        ]

    def test_not_once_the_server_has_settled_it(self, connect: Connect) -> None:
        def interrupted(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                raise KeyboardInterrupt
            return answer({"error": "Slow down"}, 429, retry_after="1")

        def interrupt(_seconds: float) -> None:
            raise KeyboardInterrupt

        client = connect(transport=httpx.MockTransport(interrupted), sleep=interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            client.release("ip_abc123")

        assert getattr(caught.value, "__notes__", []) == []

    def test_a_fault_of_ours_after_an_order_is_no_proof_that_there_was_none(
        self, connect: Connect
    ) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                raise ZeroDivisionError("ours")
            return answer([])

        with pytest.raises(MisarError) as caught:
            connect(transport=httpx.MockTransport(fail)).request()

        assert caught.value.code == "outcome_unknown"
        assert caught.value.message == (
            "Something unexpected happened: ZeroDivisionError: ours. The order may have been"
            " carried out; `misar-ips list` tells."
        )
