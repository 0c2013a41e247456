"""TLS: which certificates are accepted, which never are, and what is said of variables."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from misar_ips import NetworkError
from tests import texts
from tests.certificates import Authority
from tests.listener import NEW_IP, NO_IPS, OPEN_END, Listener, Part, drip, stay_silent

if TYPE_CHECKING:
    import socket
    import ssl
    from pathlib import Path

    from tests.api.conftest import Connect
    from tests.conftest import World


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts yet."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return the authority, trusted by way of the environment."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


class TestCertificates:
    def test_one_of_an_authority_in_ssl_cert_file_is_accepted(
        self, connect: Connect, trusted: Authority
    ) -> None:
        with Listener(NO_IPS, NEW_IP, tls=trusted.server("IP:127.0.0.1")) as server:
            assert connect(server.base_url).request().ip.id == "ip_1"

        assert server.methods == ["GET", "POST"]

    def test_one_of_an_authority_in_ssl_cert_dir_is_accepted(
        self,
        connect: Connect,
        authority: Authority,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_DIR", str(authority.folder_of_trust()))

        with Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server:
            assert connect(server.base_url).list() == ()

    def test_without_it_the_same_is_refused(self, connect: Connect, authority: Authority) -> None:
        self.refused(
            connect, authority.server("IP:127.0.0.1"), "unable to get local issuer certificate"
        )

    def test_one_with_its_own_signature_is_refused(
        self, connect: Connect, authority: Authority
    ) -> None:
        self.refused(connect, authority.server_with_own_signature(), "self-signed certificate")

    def test_one_for_another_name_is_refused(self, connect: Connect, trusted: Authority) -> None:
        self.refused(
            connect,
            trusted.server("DNS:localhost,IP:127.0.0.2"),
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        )

    def test_one_that_has_expired_is_refused(self, connect: Connect, trusted: Authority) -> None:
        expired = trusted.server("IP:127.0.0.1", days=-1)
        self.refused(connect, expired, "certificate has expired")

    def refused(self, connect: Connect, tls: ssl.SSLContext, reason: str) -> None:
        with Listener(NO_IPS, tls=tls) as server, pytest.raises(NetworkError) as caught:
            connect(server.base_url, sleep=pytest.fail).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the certificate of"
            f" {server.host} can't be trusted ({reason})."
        )
        assert caught.value.hint == texts.CERTIFICATE
        assert not caught.value.maybe_applied
        assert server.received == []

    @pytest.mark.parametrize(
        "part",
        [
            stay_silent,
            partial(drip, b"HTTP/1.1 200 OK\r\nX: ", b"x" * 500),
            partial(drip, OPEN_END + b'{"ips": []}', b" " * 500),
        ],
    )
    def test_the_deadline_holds(self, connect: Connect, trusted: Authority, part: Part) -> None:
        with (
            Listener(part, tls=trusted.server("IP:127.0.0.1")) as server,
            pytest.raises(NetworkError) as caught,
        ):
            connect(server.base_url, timeout=0.1).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {server.host} took too long to answer (timed out)."
        )
        assert server.methods == ["GET"] * 4

    def test_at_the_deadline_it_is_the_client_that_ends(
        self, connect: Connect, trusted: Authority
    ) -> None:
        def drip_until_the_end(connection: socket.socket) -> None:
            drip(OPEN_END, b" " * 500, connection)
            heard.append(connection.recv(1))

        heard: list[bytes] = []
        with (
            Listener(drip_until_the_end, tls=trusted.server("IP:127.0.0.1")) as server,
            pytest.raises(NetworkError),
        ):
            connect(server.base_url, timeout=0.1).list()

        assert heard == [b""] * 4


class TestVariables:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "No such file or directory"),
            (b"", "it holds no certificates"),
            (b"no certificate", "it holds no certificates"),
        ],
    )
    def test_a_file_that_can_not_be_used_is_named(
        self,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        content: bytes | None,
        reason: str,
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_bytes(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        world.transport = None
        ran = world.run("list")

        assert (ran.code, ran.stdout) == (3, "")
        assert ran.stderr == (
            f"Error: SSL_CERT_FILE={file} can't be used: {reason}. "
            "Name a file of certificate authorities in PEM form, or unset it.\n"
        )

    def test_both_are_named_where_both_are_set(
        self, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        world.transport = None

        assert world.run("list").stderr.startswith(
            f"Error: SSL_CERT_FILE=/nonexistent.pem and SSL_CERT_DIR={tmp_path} can't be used: "
        )

    def test_without_tls_they_do_not_matter(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
        with Listener(NO_IPS) as server:
            assert connect(server.base_url).list() == ()
