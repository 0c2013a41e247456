"""The way to the server and to one IP of it: names, redirects, ids, and wrong base URLs."""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import (
    APIError,
    Client,
    ConfigError,
    InvalidResponseError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    UsageError,
)
from tests import texts
from tests.api.conftest import BASE, SEEDED, answer, methods, raw
from tests.conftest import KEY
from tests.listener import DONE, NO_IPS, Listener, json_reply, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from misar_ips.emulator.handler import Emulator
    from misar_ips.emulator.server import EmulatorServer
    from tests.api.conftest import Answered, Connect
    from tests.conftest import World


class TestReachingTheServer:
    def test_over_a_socket_as_a_library(self, server: EmulatorServer) -> None:
        with Client(KEY, server.base_url) as client:
            requested = client.request(pool="transactional")
            assert client.get(requested.ip.id).pool == "transactional"
            assert client.update(requested.ip.id, pool="cold").pool == "cold"
            client.release(requested.ip.id)
            assert [ip.id for ip in client.list()] == SEEDED

    def test_trouble_that_says_nothing_is_named_by_its_kind(self, connect: Connect) -> None:
        def break_off(_request: httpx.Request) -> httpx.Response:
            raise httpx.WriteError("")

        with pytest.raises(NetworkError) as caught:
            connect(transport=httpx.MockTransport(break_off)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the connection to 127.0.0.1 was lost (WriteError)."
        )

    def test_nobody_listens(self, connect: Connect, waits: list[float]) -> None:
        with Listener(DONE) as server:
            pass

        with pytest.raises(NetworkError) as caught:
            connect(server.base_url).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {server.host} can't be reached"
            f" ({os.strerror(errno.ECONNREFUSED)})."
        )
        assert caught.value.hint == texts.NETWORK
        assert waits == [0.5, 1.0, 2.0]

    def test_a_name_that_does_not_exist(self, connect: Connect, waits: list[float]) -> None:
        with pytest.raises(NetworkError) as caught:
            connect("https://no-such-host.invalid/mail/v1").list()

        assert caught.value.message.startswith(
            "Could not list the dedicated IPs: the host no-such-host.invalid is not known ("
        )
        assert caught.value.hint == texts.NETWORK
        assert not caught.value.maybe_applied
        assert len(waits) == 3

    @pytest.mark.parametrize(
        "base",
        ["https://999.1.1.1", "https://a..b/v1", f"https://{'a' * 64}.example", "https://[v1.x]"],
    )
    def test_a_name_that_can_not_exist(self, base: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Client(KEY, base)

        assert caught.value.message == "The base URL names a host that can't exist."
        assert caught.value.hint == "It looks like this: https://api.misar.io/mail/v1"

    @pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "\u00fcber"])
    def test_a_key_that_can_not_be_sent(self, key: str) -> None:
        with pytest.raises(ConfigError, match=r"^The API key from the caller "):
            Client(key)

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
    def test_a_timeout_that_is_none(self, timeout: float) -> None:
        with pytest.raises(UsageError, match=r"^The timeout "):
            Client(KEY, timeout=timeout)

    def test_a_reply_of_ten_mebibytes_is_read_and_a_larger_one_is_not(
        self, connect: Connect
    ) -> None:
        def answer(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=b"[]" + b" " * (length - 2))

        client = connect(transport=httpx.MockTransport(answer))
        length = 10 * 1024 * 1024
        assert client.list() == ()
        length += 1
        with pytest.raises(InvalidResponseError) as refused:
            client.list()
        assert refused.value.message == (
            "Could not list the dedicated IPs: the answer is larger than 10 MiB (HTTP 200)."
        )


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_the_key_reaches_no_other_host(self, connect: Connect, status: int) -> None:
        with Listener(DONE) as other:
            there = f"Location: {other.base_url}/dedicated-ips"
            redirect = reply(b"", there, status=status)
            with Listener(redirect) as server:
                client = connect(server.base_url)
                for attempt in (
                    client.list,
                    partial(client.get, "ip_1"),
                    client.list,
                ):
                    with pytest.raises(APIError) as caught:
                        attempt()
                    assert caught.value.status == status
                    assert caught.value.message.endswith(
                        f": the server redirects elsewhere (HTTP {status})."
                    )
                for change in (partial(client.update, "a", pool="b"), partial(client.release, "a")):
                    with pytest.raises(OutcomeUnknownError):
                        change()
            with Listener(NO_IPS, redirect, NO_IPS) as server, pytest.raises(OutcomeUnknownError):
                connect(server.base_url).request()

        assert other.received == []
        assert server.methods == ["GET", "POST", "GET"]

    @pytest.mark.parametrize("target", ["//[", "http://[::1", "https:///x", "\xff", "/%zz", ""])
    def test_a_target_that_is_none_does_no_harm(self, connect: Connect, target: str) -> None:
        with (
            Listener(reply(b"", f"Location: {target}", status=302)) as server,
            pytest.raises(MisarError, match=r"^Could not list the dedicated IPs: "),
        ):
            connect(server.base_url).list()


class TestIds:
    @pytest.mark.parametrize(
        ("ip_id", "segment"),
        [
            ("a/b", "a%2Fb"),
            ("a#b", "a%23b"),
            ("a?b", "a%3Fb"),
            ("../keys/k1", "..%2Fkeys%2Fk1"),
            ("a b", "a%20b"),
            ("a%2Fb", "a%252Fb"),
            ("%2e%2e", "%252e%252e"),
            ("...", "..."),
            ("a\\b", "a%5Cb"),
            ("a;b:c@d&e=f", "a%3Bb%3Ac%40d%26e%3Df"),
            ("caf\u00e9\u2603", "caf%C3%A9%E2%98%83"),
            ("\U0001f600", "%F0%9F%98%80"),
        ],
    )
    def test_an_id_is_one_segment(self, connect: Connect, ip_id: str, segment: str) -> None:
        known = json_reply({"ip": {"id": ip_id, "pool": "cold"}})

        with Listener(known) as server:
            client = connect(server.base_url)
            assert client.get(ip_id).id == ip_id
            assert client.update(ip_id, pool="cold").id == ip_id
            client.release(ip_id)

        assert [request.split(b"\r\n")[0].decode() for request in server.received] == [
            f"{method} /mail/v1/dedicated-ips/{segment} HTTP/1.1"
            for method in ("GET", "PATCH", "DELETE")
        ]

    @pytest.mark.parametrize("ip_id", ["", ".", "..", "a\nb", "a\x00", "\x1b[1m", "\x7f", "\udcff"])
    def test_what_can_be_no_id_is_not_sent(
        self, client: Client, emulator: Emulator, ip_id: str
    ) -> None:
        for attempt in (
            partial(client.get, ip_id),
            partial(client.find, ip_id),
            partial(client.update, ip_id, pool="cold"),
            partial(client.release, ip_id),
        ):
            with pytest.raises(UsageError):
                attempt()

        assert methods(emulator) == []


class TestAWrongBaseUrl:
    """It answers 404 to everything, and no IP may be called unknown for that."""

    NO_PATH = "http://127.0.0.1/v1"
    SHAPE = "The base URL should look like https://api.misar.io/mail/v1."

    @pytest.mark.parametrize(
        ("base", "hint"),
        [
            (NO_PATH, SHAPE),
            (f"{BASE}/dedicated-ips", "Leave `/dedicated-ips` out of the base URL."),
        ],
    )
    @pytest.mark.parametrize("status", [404, 410])
    def test_is_told_by_every_method(
        self, connect: Connect, base: str, hint: str, status: int
    ) -> None:
        nothing_there = httpx.MockTransport(lambda _request: answer({"error": "No"}, status))
        client = connect(base, transport=nothing_there)
        attempts: list[Callable[[], object]] = [
            client.list,
            client.request,
            partial(client.get, "ip_1"),
            partial(client.find, "198.51.100.42"),
            partial(client.update, "ip_1", pool="cold"),
            partial(client.release, "ip_1"),
        ]

        for attempt in attempts:
            with pytest.raises(APIError) as caught:
                attempt()
            assert type(caught.value) is APIError
            assert caught.value.exit_code == 1
            assert caught.value.message.endswith(
                f": there is no dedicated-IP API at {base} (HTTP {status})."
            )
            assert caught.value.hint == hint

    def test_a_page_in_its_place_is_told_as_well(self, answered: Answered) -> None:
        with pytest.raises(APIError) as caught:
            answered(raw(b"<html>", 404)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: there is no dedicated-IP API at"
            f" {BASE}; {texts.PAGE} (HTTP 404)."
        )
        assert caught.value.hint == self.SHAPE

    def test_after_a_list_a_404_is_the_ips(self, answered: Answered, asked: list[str]) -> None:
        client = answered(answer([]), answer({}, 404))
        client.list()

        with pytest.raises(NotFoundError):
            client.get("ip_1")
        assert asked == ["GET", "GET"]

    def test_one_list_tells_the_two_apart(self, answered: Answered, asked: list[str]) -> None:
        client = answered(answer({}, 404), answer([]), answer({}, 404))

        for _ in range(2):
            with pytest.raises(NotFoundError):
                client.get("ip_1")
        assert asked == ["GET", "GET", "GET"]

    @pytest.mark.parametrize("look", [raw(b"", 503), raw(b"", 401), answer({}, 429)])
    def test_where_the_list_settles_nothing_the_404_counts(
        self, answered: Answered, asked: list[str], look: httpx.Response
    ) -> None:
        with pytest.raises(NotFoundError):
            answered(answer({}, 404), look).get("ip_1")
        assert asked == ["GET", "GET"]

    def test_nor_where_there_is_no_answer(self, connect: Connect) -> None:
        def leave(_connection: object) -> None:
            server.leave()

        gone = json_reply({"error": "Not found"}, status=404)
        with Listener(gone, leave) as server, pytest.raises(NotFoundError):
            connect(server.base_url).get("ip_1")

    @pytest.mark.parametrize(
        "line",
        ["list", "show ip_1", "request", "update ip_1 --pool cold", "release ip_1 --yes", "doctor"],
    )
    def test_users_are_told_so(self, world: World, line: str) -> None:
        world.transport = httpx.MockTransport(lambda _request: raw(b"404 page not found\n", 404))
        world.environ["MISARMAIL_BASE_URL"] = "https://api.misar.io/mail"
        ran = world.run(*line.split())

        assert ran.code in {1, 12}
        told = " ".join((ran.stdout + ran.stderr).split())
        assert "there is no dedicated-IP API at https://api.misar.io/mail (HTTP 404)." in told
        assert self.SHAPE in told
