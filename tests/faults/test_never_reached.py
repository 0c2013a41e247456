"""Servers that are never reached, or that a certificate, a proxy or a cookie stands before."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.certificates import Authority
from tests.conftest import KEY, Ran, World
from tests.faults.test_each_kind import TRIES, save_profile
from tests.listener import NO_IPS, Listener, json_reply, reply
from tests.reference import CERTIFICATE, NETWORK, ORDER_FOUND, PROXY

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from misar_ips.emulator.handler import Emulator
    from tests.faults.table import Story

COMMANDS = {
    "list": "list the dedicated IPs",
    "show ip_abc123": "read ip_abc123",
    "show 198.51.100.42": "list the dedicated IPs",
    "show ip_abc123 --watch": "read ip_abc123",
    "wait ip_def456 --for warmed": "read ip_def456",
    "check ip_def456": "read ip_def456",
    "request --pool cold": "list the dedicated IPs",
    "request --pool cold --wait": "list the dedicated IPs",
    "update ip_abc123 --pool cold": "update ip_abc123",
    "release ip_abc123 --yes": "read ip_abc123",
}
"""Each with what its first request is for, as errors put it."""


def refused(world: World, base_url: str, command: str, trouble: str, tries: int) -> None:
    """Run a command, and check that it ends with code 9 and tells of this trouble."""
    save_profile(world, base_url)
    world.waits.clear()
    told = f"Error: Could not {COMMANDS[command]}: {trouble}\n"
    assert world.run(*command.split()) == Ran(9, "", told)
    # An update looks first, and then goes on all the same.
    assert len(world.waits) == (tries - 1) * (2 if command.startswith("update") else 1)


def os_error(number: int) -> str:
    return os.strerror(number)


@pytest.fixture
def far_world(environ: dict[str, str], emulator: Emulator) -> World:
    """Return the program with the network in its place, and a profile in the place of a key."""
    return World(environ, emulator, transport=None)


def test_a_name_that_does_not_exist(far_world: World) -> None:
    with pytest.raises(socket.gaierror) as unknown:
        socket.getaddrinfo("no-such-host.invalid", 443)
    trouble = f"the host no-such-host.invalid is not known ({unknown.value.strerror}). {NETWORK}"
    for command in ("list", "request --pool cold"):  # asking DNS may take its time
        refused(far_world, "https://no-such-host.invalid/v1", command, trouble, TRIES)


def test_a_port_nobody_listens_on(far_world: World) -> None:
    with Listener(NO_IPS) as server:
        pass
    trouble = f"{server.host} can't be reached ({os_error(errno.ECONNREFUSED)}). {NETWORK}"
    for command in COMMANDS:
        refused(far_world, server.base_url, command, trouble, TRIES)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that nobody trusts yet."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "reason"),
    [
        ("own signature", False, "self-signed certificate"),
        ("good", False, "unable to get local issuer certificate"),
        ("expired", True, "certificate has expired"),
        (
            *("other name", True),
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
)
def test_a_certificate_that_is_not_trusted(  # noqa: PLR0913, PLR0917 - fixtures and a table's columns
    far_world: World,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    certificate: str,
    is_trusted: bool,  # noqa: FBT001 - a table's column
    reason: str,
) -> None:
    contexts: dict[str, Callable[[], ssl.SSLContext]] = {
        "own signature": authority.server_with_own_signature,
        "good": lambda: authority.server("IP:127.0.0.1"),
        "expired": lambda: authority.server("IP:127.0.0.1", days=-1),
        "other name": lambda: authority.server("DNS:localhost,IP:127.0.0.2"),
    }
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with Listener(NO_IPS, tls=contexts[certificate]()) as server:
        trouble = f"the certificate of {server.host} can't be trusted ({reason}). {CERTIFICATE}"
        for command in COMMANDS:
            refused(far_world, server.base_url, command, trouble, tries=1)
    assert server.received == []


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return another authority, which signs nothing here."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environment_says_whom_to_trust(
    far_world: World,
    authority: Authority,
    stranger: Authority,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    def trust(one: Authority) -> None:
        is_file = variable == "SSL_CERT_FILE"
        monkeypatch.setenv(variable, str(one.certificate if is_file else one.folder_of_trust()))

    with Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server:
        save_profile(far_world, server.base_url)
        trust(authority)
        assert far_world.run("list", "--json") == Ran(0, "[]\n", "")
        trust(stranger)
        refusal = far_world.run("list")
    assert refusal.code == 9
    assert f"the certificate of {server.host} can't be trusted (unable to get" in refusal.stderr
    assert server.methods == ["GET"]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_asked_unless_it_says_no(
    far_world: World, authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with (
        Listener(NO_IPS, tls=authority.server("IP:127.0.0.1")) as server,
        Listener(reply(status=502)) as proxy,
    ):
        save_profile(far_world, server.base_url)
        monkeypatch.setenv(variable, f"http://{proxy.host}")
        refused = f"the proxy {proxy.host} refuses (502 Status). {PROXY}"
        assert far_world.run("list") == Ran(
            9, "", f"Error: Could not list the dedicated IPs: {refused}\n"
        )
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert far_world.run("list", "--json") == Ran(0, "[]\n", "")
    assert [request.split(b"\r\n")[0] for request in proxy.received] == [
        f"CONNECT {server.host} HTTP/1.1".encode()
    ] * TRIES
    assert KEY.encode() not in b"".join(proxy.received)
    assert server.methods == ["GET"]


# Faults of our own -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "what", "changes"),
    [
        ("request --pool cold", "order", "ordered"),
        ("update ip_abc123 --pool cold", "change", "updated"),
        ("release ip_abc123 --yes", "release", "released"),
    ],
)
@pytest.mark.parametrize("is_carried_out", [False, True])
def test_a_fault_of_ours_does_not_hide_what_may_have_been_done(
    story: Story, command: str, what: str, changes: str, *, is_carried_out: bool
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" or is_carried_out:
            response = story.server(request)
        if request.method != "GET":
            raise ZeroDivisionError("division by zero")
        return response

    story.world.transport = httpx.MockTransport(fail)
    ran = story.run(command)
    told = (
        "Error: Something unexpected happened: ZeroDivisionError: division by zero. "
        f"The {what} may have been carried out; `misar-ips list` tells. "
        "This is a fault in misar-ips; `--debug` shows where.\n"
    )
    stdout = "ip_abc123\t198.51.100.42\tfalse\n" if what == "release" else ""
    assert ran == Ran(10, stdout, told)
    assert story.changes == (changes if is_carried_out else "")


# Servers that want to be remembered --------------------------------------------------------------


NEW_IP = json_reply({"ips": [{"id": "ip_1", "pool": "marketing", "warmup_status": "not_started"}]})


@pytest.mark.parametrize("cookie", ["session=1; Path=/", "session=\xff", "session=\xe2\x82\xac"])
def test_no_cookie_goes_back(far_world: World, cookie: str) -> None:
    set_cookie = f"Set-Cookie: {cookie}"
    no_ips = reply(b'{"ips": []}', set_cookie)
    with Listener(no_ips, reply(b"", set_cookie, status=500), NEW_IP) as server:
        save_profile(far_world, server.base_url)
        ran = far_world.run("request", "--pool", "marketing")
    assert ran == Ran(
        0, "ip_1\t\t\tmarketing\tnot_started\t\t\n", ORDER_FOUND.format(new="ip_1") + "\n"
    )
    assert server.methods == ["GET", "POST", "GET"]
    assert b"cookie" not in b"".join(server.received).lower()
