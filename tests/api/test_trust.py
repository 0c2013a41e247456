"""Whom TLS trusts, shown by handshakes with a server whose authority is the tests' own."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import certifi
import pytest

from misar_ips.api import trust
from tests.certificates import Authority
from tests.conftest import run_process
from tests.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that signs the server's certificate."""
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that has signed nothing."""
    return Authority(tmp_path_factory.mktemp("other"), "Another authority")


def is_trusted(
    authority: Authority,
    environ: Mapping[str, str] | None = None,
    folders: Sequence[object] = (),
    bundles: Sequence[object] = (),
    *,
    name: str = "127.0.0.1",
) -> bool:
    """Shake hands with a server of the authority, and tell whether its certificate was accepted."""
    context = trust.authorities(
        environ or {}, [str(each) for each in folders], [str(each) for each in bundles]
    )
    with (
        Listener(b"", tls=authority.server("IP:127.0.0.1")) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        try:
            context.wrap_socket(connection, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_the_systems_folder_is_trusted(ours: Authority, other: Authority) -> None:
    assert is_trusted(ours, folders=[ours.folder_of_trust()])
    assert not is_trusted(ours, folders=[other.folder_of_trust()])


def test_a_folder_counts_before_a_bundle(ours: Authority, other: Authority) -> None:
    assert is_trusted(ours, folders=[ours.folder_of_trust()], bundles=[other.certificate])
    assert not is_trusted(ours, folders=[other.folder_of_trust()], bundles=[ours.certificate])


def test_a_folder_without_hashed_names_is_passed_over(
    ours: Authority, other: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "ca-certificates.crt").write_bytes(other.certificate.read_bytes())
    folders = [tmp_path / "not-there", other.certificate, folder]
    assert is_trusted(ours, folders=[*folders, ours.folder_of_trust()])
    assert is_trusted(ours, folders=folders, bundles=[tmp_path / "no-file", ours.certificate])


def test_what_the_environment_names_counts_first(ours: Authority, other: Authority) -> None:
    folders, bundles = [ours.folder_of_trust()], [ours.certificate]
    for environ in (
        {"SSL_CERT_FILE": str(other.certificate)},
        {"SSL_CERT_DIR": str(other.folder_of_trust())},
    ):
        assert not is_trusted(ours, environ, folders, bundles)
        assert is_trusted(other, environ, folders, bundles)
    both = {"SSL_CERT_FILE": str(other.certificate), "SSL_CERT_DIR": str(ours.folder_of_trust())}
    assert is_trusted(ours, both)
    assert is_trusted(other, both)


def test_empty_variables_name_nothing(ours: Authority) -> None:
    environ = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}
    assert is_trusted(ours, environ, folders=[ours.folder_of_trust()])


def test_without_a_store_of_the_systems_certifis_is_trusted(ours: Authority) -> None:
    with open(certifi.where(), "rb") as bundle:  # noqa: PTH123 - it is a text
        authorities = bundle.read().count(b"BEGIN CERTIFICATE")
    context = trust.authorities({}, [], [])
    assert context.cert_store_stats()["x509_ca"] == authorities > 0
    assert not is_trusted(ours)


def test_names_are_checked_whoever_is_trusted(ours: Authority) -> None:
    assert not is_trusted(ours, folders=[ours.folder_of_trust()], name="127.0.0.2")
    for environ, folders in (
        ({}, []),
        ({}, [ours.folder_of_trust()]),
        ({"SSL_CERT_DIR": "/nowhere"}, []),
    ):
        context = trust.authorities(environ, [str(each) for each in folders], [])
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.pem", "No such file or directory"),
        ("pipe", "nobody wrote to this pipe for 2 s"),
        ("/dev/null", "it is empty"),
        (".", "Is a directory"),
    ],
)
def test_what_can_not_be_read_for_authorities_is_told(
    environ: dict[str, str], tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / name
    os.mkfifo(tmp_path / "pipe")
    ran = run_process("list", environ={**environ, "SSL_CERT_FILE": str(path)})
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith(f"Error: SSL_CERT_FILE={path} can't be used: {reason}. ")


def test_a_pipe_that_somebody_writes_to_is_trusted(
    ours: Authority, other: Authority, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for authority, is_ours in ((ours, True), (other, False)):
        with subprocess.Popen(["/bin/sh", "-c", 'cat "$0" > "$1"', authority.certificate, pipe]):
            assert is_trusted(ours, {"SSL_CERT_FILE": str(pipe)}) is is_ours
