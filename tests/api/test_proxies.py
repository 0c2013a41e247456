"""Through a proxy: what it has seen, what it is blamed for, and what is never sent again for it."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from misar_ips import Client, NetworkError, OutcomeUnknownError
from misar_ips.errors import ProxyError
from tests import texts
from tests.certificates import Authority
from tests.conftest import KEY
from tests.listener import (
    NEW_IP,
    NO_IPS,
    OPEN_END,
    Listener,
    Part,
    drip,
    hang_up,
    play,
    read_request,
    reply,
    reset,
    stay_silent,
)

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from tests.api.conftest import Connect
    from tests.conftest import World

THERE = "https://mail.example.com/v1"
CONNECTED = b"HTTP/1.1 200 Connected\r\n\r\n"
LISTING = "list the dedicated IPs"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts yet."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def tls(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what the server behind a proxy shows; its authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority.server("DNS:mail.example.com")


@pytest.fixture
def through(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Client]:
    """Return a way to make a client that goes through a proxy."""

    def make(proxy: Listener, **options: Any) -> Client:  # noqa: ANN401 - any of Client's
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
        return connect(THERE, **options)

    return make


class Tunnel:
    """What a proxy does that lets through: behind it, parts are played one after another."""

    def __init__(self, tls: ssl.SSLContext, *parts: Part) -> None:
        self.received: list[bytes] = []
        self._tls, self._parts = tls, list(parts)

    @property
    def methods(self) -> list[str]:
        return [request.split()[0].decode() for request in self.received]

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(CONNECTED)
        with self._tls.wrap_socket(connection, server_side=True) as secured:
            self.received.append(read_request(secured))
            play(self._parts.pop(0) if len(self._parts) > 1 else self._parts[0], secured)


def refused(client: Client) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        client.list()
    assert not caught.value.maybe_applied
    return caught.value


class TestTheCulprit:
    @pytest.mark.parametrize(
        ("part", "reason", "said", "tries"),
        [
            (reply(status=407), "wants a password", "407 Status", 1),
            (reply(status=403), "refuses", "403 Status", 1),
            (reply(status=502), "refuses", "502 Status", 4),
            (reply(status=503), "refuses", "503 Status", 4),
            (hang_up, "can't be reached", "Server disconnected without sending a response", 4),
            (stay_silent, "took too long to answer", "timed out", 4),
            (
                partial(drip, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 500),
                "took too long to answer",
                "timed out",
                4,
            ),
        ],
        ids=["407", "403", "502", "503", "hangs up", "hangs", "drips"],
    )
    def test_is_the_proxy(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
        self,
        through: Callable[..., Client],
        waits: list[float],
        part: Part,
        reason: str,
        said: str,
        tries: int,
    ) -> None:
        with Listener(part) as proxy:
            error = refused(through(proxy, timeout=0.2))

        assert isinstance(error, ProxyError)
        assert error.message == f"Could not {LISTING}: the proxy {proxy.host} {reason} ({said})."
        assert error.hint == texts.PROXY
        assert proxy.methods == ["CONNECT"] * tries
        assert len(waits) == tries - 1
        assert KEY.encode() not in b"".join(proxy.received)

    def test_is_the_proxy_where_it_is_not_there(
        self, through: Callable[..., Client], waits: list[float]
    ) -> None:
        with Listener(b"") as proxy:
            pass
        error = refused(through(proxy))

        assert error.message.startswith(
            f"Could not {LISTING}: the proxy {proxy.host} can't be reached ("
        )
        assert waits == [0.5, 1.0, 2.0]

    def test_is_the_proxy_where_nobody_knows_its_name(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://nosuch.invalid:3128")
        error = refused(connect(THERE))

        assert error.message.startswith(
            f"Could not {LISTING}: the proxy nosuch.invalid:3128 is not known ("
        )

    def test_is_the_proxy_where_the_tunnel_leads_nowhere(
        self, through: Callable[..., Client]
    ) -> None:
        def open_and_fall_silent(connection: socket.socket) -> None:
            connection.sendall(CONNECTED)
            connection.recv(65_536)
            stay_silent(connection)

        with Listener(open_and_fall_silent) as proxy, pytest.raises(NetworkError) as caught:
            through(proxy).probe(patience=0.2)

        assert caught.value.message == (
            f"Could not {LISTING}: the proxy {proxy.host} took too long to answer (timed out)."
        )

    def test_is_the_server_where_its_certificate_is_wrong(
        self, through: Callable[..., Client], authority: Authority, waits: list[float]
    ) -> None:
        other = Tunnel(authority.server("DNS:other.example.com"), NO_IPS)
        with Listener(other) as proxy:
            error = refused(through(proxy))

        assert error.message.startswith(
            f"Could not {LISTING}: the certificate of mail.example.com can't be trusted ("
        )
        assert (error.hint, waits) == (texts.CERTIFICATE, [])

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            (hang_up, "the connection to mail.example.com was lost"),
            (stay_silent, "mail.example.com took too long to answer"),
            (partial(drip, OPEN_END, b" " * 500), "mail.example.com took too long to answer"),
        ],
    )
    def test_is_the_server_once_the_request_was_sent(
        self, through: Callable[..., Client], tls: ssl.SSLContext, part: Part, reason: str
    ) -> None:
        tunnel = Tunnel(tls, part)
        with Listener(tunnel) as proxy, pytest.raises(NetworkError) as caught:
            through(proxy, timeout=1).probe()

        assert caught.value.message.startswith(f"Could not {LISTING}: {reason} (")
        assert caught.value.maybe_applied
        assert tunnel.methods == ["GET"]

    def test_of_two_tunnels_the_second_is_the_proxys_again(
        self, through: Callable[..., Client], tls: ssl.SSLContext
    ) -> None:
        with Listener(Tunnel(tls, NO_IPS), reply(status=407)) as proxy:
            client = through(proxy)
            client.list()
            assert isinstance(refused(client), ProxyError)

    def test_by_https_its_certificate_has_to_be_trusted(
        self, connect: Connect, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, reason in (
            ("DNS:localhost,IP:127.0.0.1", "wants a password (407 Status)."),
            ("DNS:other.example.com", "has a certificate that can't be trusted ("),
        ):
            with Listener(reply(status=407), tls=authority.server(name)) as proxy:
                monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.host}")
                error = refused(connect(THERE))
            assert error.message.startswith(f"Could not {LISTING}: the proxy {proxy.host} {reason}")

    def test_users_are_told_so(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.transport = None
        with Listener(reply(status=407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@{proxy.host}")
            ran = world.run("list")

        assert (ran.code, ran.stdout) == (9, "")
        assert ran.stderr == (
            f"Error: Could not {LISTING}: the proxy {proxy.host} wants a password (407 Status). "
            f"{texts.PROXY}\n"
        )


class TestOrders:
    """An order is sent again where it certainly went no further than the proxy, and only there."""

    @pytest.mark.parametrize(
        "part",
        [reply(status=502), hang_up, reset, stay_silent],
        ids=["502", "hangs up", "resets", "hangs"],
    )
    def test_one_that_did_not_leave_the_proxy_is_sent_again(
        self, through: Callable[..., Client], tls: ssl.SSLContext, part: Part
    ) -> None:
        tunnel = Tunnel(tls, NO_IPS, NEW_IP)
        with Listener(tunnel, part, tunnel) as proxy:
            assert through(proxy, timeout=1).request().ip.id == "ip_1"

        assert proxy.methods == ["CONNECT"] * 3
        assert tunnel.methods == ["GET", "POST"]

    def test_a_proxy_that_wants_a_password_is_asked_once(
        self, through: Callable[..., Client], tls: ssl.SSLContext
    ) -> None:
        with (
            Listener(Tunnel(tls, NO_IPS), reply(status=407)) as proxy,
            pytest.raises(ProxyError, match=r"^Could not order an IP: ") as caught,
        ):
            through(proxy).request()

        assert not caught.value.maybe_applied
        assert proxy.methods == ["CONNECT"] * 2

    @pytest.mark.parametrize("part", [hang_up, reset, stay_silent])
    def test_one_that_was_sent_is_not(
        self, through: Callable[..., Client], tls: ssl.SSLContext, part: Part
    ) -> None:
        tunnel = Tunnel(tls, NO_IPS, part, NO_IPS)
        with Listener(tunnel) as proxy, pytest.raises(OutcomeUnknownError):
            through(proxy, timeout=1).request()

        assert tunnel.methods == ["GET", "POST", "GET"]


class TestTheWay:
    def test_reads_share_a_tunnel_and_an_order_has_its_own(
        self, through: Callable[..., Client], tls: ssl.SSLContext
    ) -> None:
        def two_reads(connection: socket.socket) -> None:
            connection.sendall(CONNECTED)
            with tls.wrap_socket(connection, server_side=True) as secured:
                for _ in range(2):
                    inside.append(read_request(secured))
                    secured.sendall(NO_IPS)

        inside: list[bytes] = []
        tunnel = Tunnel(tls, NEW_IP)
        with Listener(two_reads, tunnel) as proxy:
            client = through(proxy)
            client.list()
            client.request()
            client.close()

        assert [request.split()[0] for request in inside] == [b"GET", b"GET"]
        assert tunnel.methods == ["POST"]
        assert proxy.methods == ["CONNECT", "CONNECT"]
        assert KEY.encode() not in b"".join(proxy.received)

    def test_a_slow_handshake_takes_no_time_from_the_answer(
        self, through: Callable[..., Client], tls: ssl.SSLContext
    ) -> None:
        tunnel = Tunnel(tls, NO_IPS)

        def think_and_let_through(connection: socket.socket) -> None:
            threading.Event().wait(0.4)  # longer than the time-out
            tunnel(connection)

        def open_think_and_let_through(connection: socket.socket) -> None:
            connection.sendall(CONNECTED)
            threading.Event().wait(0.4)
            with tls.wrap_socket(connection, server_side=True) as secured:
                read_request(secured)
                play(NO_IPS, secured)

        with Listener(open_think_and_let_through) as proxy:
            assert through(proxy, timeout=0.2).list() == ()
        with Listener(think_and_let_through) as proxy:
            assert isinstance(refused(through(proxy, timeout=0.2)), ProxyError)

    def test_it_never_sees_a_key_meant_for_this_machine(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Listener(NO_IPS) as proxy, Listener(NO_IPS) as server:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://{proxy.host}")
            assert connect(server.base_url).list() == ()

        assert (proxy.methods, server.methods) == ([], ["GET"])

    @pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
    def test_each_variable_names_it(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        with Listener(reply(status=407)) as proxy:
            monkeypatch.setenv(variable, proxy.host)  # without a scheme, as curl takes it
            assert isinstance(refused(connect(THERE)), ProxyError)

    @pytest.mark.parametrize("base_url", ["HTTPS://mail.example.com", "https://MAIL.example.com"])
    def test_also_for_a_base_url_in_capitals(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, base_url: str
    ) -> None:
        with Listener(reply(status=407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
            assert isinstance(refused(connect(base_url)), ProxyError)

    @pytest.mark.parametrize(
        "exempt",
        [
            "*",
            "example.com",
            ".example.com",
            "mail.example.com",
            "fd07:b51a:cc66:f0::/64,example.com",
        ],
    )
    def test_no_proxy_is_read_as_curl_reads_it(
        self, monkeypatch: pytest.MonkeyPatch, exempt: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", exempt)

        Client(KEY, THERE).close()

    @pytest.mark.parametrize("exempt", ["", "fd07:b51a:cc66:f0::/64", "other.example", "[::", ",,"])
    def test_entries_that_name_something_else_are_passed_over(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, exempt: str
    ) -> None:
        monkeypatch.setenv("NO_PROXY", exempt)
        with Listener(reply(status=407)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
            assert isinstance(refused(connect(THERE)), ProxyError)


@pytest.mark.parametrize(
    "value",
    [
        "socks5://127.0.0.1:1",
        "gopher://127.0.0.1:1",
        "http://user:s3cr/et@127.0.0.1:1",
        "http://user:33/et@127.0.0.1:1",
        "http://user:33#et@127.0.0.1:1",
        "http://user:33?et@127.0.0.1:1",
        "http://",
        "http://[::1",
        ":::",
    ],
)
def test_a_value_that_can_not_be_used_is_named_but_not_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    world.transport = None
    ran = world.run("list")

    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr == (
        "Error: ALL_PROXY can't be used: it is not the address of an HTTP proxy. It looks like "
        "this: http://proxy.example.com:3128; special characters in a password are "
        "percent-encoded.\n"
    )
