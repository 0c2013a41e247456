"""HTTP as it comes over a socket, well-formed and not."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misar_ips.emulator.server import EmulatorServer
from tests.conftest import KEY
from tests.emulator.conftest import IPS, talk

if TYPE_CHECKING:
    from misar_ips.emulator.handler import Emulator


HOST = b"Host: localhost\r\n"
ORDER = f"POST /mail/v1{IPS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n".encode() + HOST
JSON = b"Content-Type: application/json\r\n"
CHUNKED = ORDER + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"pool": "cold"}'


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nno colon here\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /x HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (ORDER + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (ORDER + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /" + b"a" * 140_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 20_000 + b"\r\n", 431),
    ],
)
def test_malformed_http_is_refused(
    server: EmulatorServer, capfd: pytest.CaptureFixture[str], message: bytes, status: int
) -> None:
    head, _, body = talk(server, message, leave=True).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close" in head
    assert head.count(b"\r\nDate: Wed, 01 Apr 2026") == 1
    assert json.loads(body)["success"] is False
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "body",
    [
        b"10\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"000010\r\n" + BODY + b"\r\n000\r\n\r\n",
        b'1\r\n{\r\n0F\r\n"pool": "cold"}\r\n0\r\n\r\n',
        b'10;name=value;other="quoted"\r\n' + BODY + b"\r\n0;last\r\n\r\n",
        b"10\r\n" + BODY + b"\r\n0\r\nX-Trailer: one\r\nX-Other: two\r\n\r\n",
        b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
    ],
)
def test_a_chunked_body_is_read(server: EmulatorServer, browser: httpx.Client, body: bytes) -> None:
    assert talk(server, CHUNKED + body, leave=True).startswith(b"HTTP/1.1 201 ")
    assert browser.get(IPS).json()["ips"][-1]["pool"] == "cold"


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"-10\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"0x10\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"11\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"0f\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"10\r\n" + BODY + b"XX0\r\n\r\n",
        b"f" * 30 + b"\r\n" + BODY,
        b"10\r\n" + BODY + b"\r\n0\r\nno trailer\r\n\r\n",
        b"10\r\n" + BODY + b"\r\n",
        b"10\r\n" + BODY[:5],
        b"",
    ],
)
def test_a_malformed_or_cut_chunked_body_is_refused_and_not_carried_out(
    server: EmulatorServer, browser: httpx.Client, body: bytes
) -> None:
    assert talk(server, CHUNKED + body, leave=True).startswith(b"HTTP/1.1 400 ")
    assert len(browser.get(IPS).json()["ips"]) == 4


def test_a_chunked_body_of_any_length_is_refused_at_the_limit(server: EmulatorServer) -> None:
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    at_limit = chunk * 63 + b"400\r\n" + b" " * 1008 + BODY + b"\r\n"
    end = b"0\r\n\r\n"
    assert talk(server, CHUNKED + at_limit + end, leave=True).startswith(b"HTTP/1.1 201 ")
    beyond = at_limit + b"1\r\n \r\n"
    assert talk(server, CHUNKED + beyond + end, leave=True).startswith(b"HTTP/1.1 413 ")
    endless_line = b"10;" + b"x" * 200_000
    assert talk(server, CHUNKED + endless_line, leave=True).startswith(b"HTTP/1.1 4")


def test_a_client_that_asks_first_is_told_to_go_on(server: EmulatorServer) -> None:
    head = ORDER + JSON + b"Expect: 100-continue\r\nContent-Length: 16\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 \r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_requests_sent_ahead_are_answered_in_turn(server: EmulatorServer) -> None:
    get = f"GET /mail/v1{IPS} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n".encode() + HOST
    pool = b"10\r\n" + BODY + b"\r\n0\r\n\r\n"
    answers = talk(server, CHUNKED + pool + get + b"Connection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"201", b"200"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"http://127.0.0.1:8025/mail/v1{IPS}", 200),
        (f"HTTP://LOCALHOST/mail/v1{IPS}?x=1", 200),
        (f"http://[::1]:1/mail/v1{IPS}", 200),
        ("http://localhost", 404),
        ("http://localhost?x", 404),
        (f"http://evil.example/mail/v1{IPS}", 403),
        (f"http://localhost@evil.example/mail/v1{IPS}", 403),
        (f"http://evil@localhost/mail/v1{IPS}", 403),
        ("*", 404),
    ],
)
def test_an_absolute_target_is_answered_for_its_own_host(
    server: EmulatorServer, target: str, status: int
) -> None:
    head = f"GET {target} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n"
    # RFC 9112 section 3.2.2: the header's host does not count then.
    answer = talk(server, head.encode() + HOST + b"\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(host, 200) for host in ("localhost", "LocalHost:8025", "localhost.", "127.0.0.1:1")],
        *[(host, 200) for host in ("127.9.9.9", "[::1]", "[::1]:8025", "")],
        *[(host, 403) for host in ("evil.example", "evil.example:8025", "localhost.evil.example")],
        *[(host, 403) for host in ("192.0.2.1", "[2001:db8::1]", "127.0.0.1.evil.example", "0")],
        ("api.misar.io", 403),
    ],
)
def test_only_names_of_this_machine_are_answered(
    server: EmulatorServer, browser: httpx.Client, host: str, status: int
) -> None:
    """A page that has its own name lead to 127.0.0.1 would be allowed to read everything."""
    assert browser.get(IPS, headers={"Host": host}).status_code == status
    reply = browser.get(f"{server.base_url}/_emulator/requests", headers={"Host": host})
    assert reply.status_code == status


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null"])
def test_no_web_page_is_answered(
    server: EmulatorServer, browser: httpx.Client, origin: str
) -> None:
    headers = {"Origin": origin}
    refused = browser.post(IPS, headers=headers)
    assert refused.status_code == 403
    assert refused.json() == {
        "success": False,
        "error": "Only for programs on this machine: no Origin, and a Host such as localhost.",
    }
    for method, path in (("POST", "advance"), ("POST", "faults"), ("DELETE", "requests")):
        url = f"{server.base_url}/_emulator/{path}"
        assert browser.request(method, url, content="7d", headers=headers).status_code == 403
    assert browser.get(IPS).json()["ips"][-1]["id"] == "ip_jkl012"


def test_an_address_that_is_listened_on_is_a_name_as_well(emulator: Emulator) -> None:
    with EmulatorServer(emulator, "0.0.0.0", 0) as server:  # noqa: S104 - what is tested
        assert server.base_url == f"http://127.0.0.1:{server.port}/mail/v1"
        url = f"http://127.0.0.1:{server.port}/_emulator/requests"
        for host, status in (("0.0.0.0", 200), ("127.0.0.1", 200), ("evil.example", 403)):  # noqa: S104 - likewise
            reply = httpx.get(url, headers={"Host": host}, trust_env=False)
            assert reply.status_code == status


start_lines = st.one_of(
    st.binary(max_size=80),
    st.builds(
        b"%b %b %b".__mod__,
        st.tuples(
            st.sampled_from([b"GET", b"POST", b"", b"\x00", b"get"]),
            st.sampled_from([b"/", b"/mail/v1/dedicated-ips", b"*", b"http://[", b"//", b"\xff"]),
            st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/1.1.1", b"", b"\xff"]),
        ),
    ),
)
field_lines = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"Content-Length: 2",
            b"Content-Length: x",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Connection: close",
            b"Host: localhost",
            f"Authorization: Bearer {KEY}".encode(),
            b" folded",
        ]
    ),
)


@given(start_line=start_lines, fields=st.lists(field_lines, max_size=4), body=st.binary(max_size=9))
@settings(
    max_examples=150,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one server for all is the point
)
def test_any_bytes_over_a_socket_are_answered_or_left(
    server: EmulatorServer,
    capfd: pytest.CaptureFixture[str],
    start_line: bytes,
    fields: list[bytes],
    body: bytes,
) -> None:
    message = b"\r\n".join([start_line, *fields, b"", body])
    answer = talk(server, message, leave=True)
    statuses = re.findall(rb"^HTTP/1\.1 (\d+) ", answer, re.MULTILINE)
    assert bool(statuses) == bool(answer)
    assert set(statuses) & {b"500", b"502", b"503"} == set()
    # Neither a traceback nor a log.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("body", [b"{", b" " * 500_000])
def test_a_body_that_is_too_long_is_refused_without_a_reset(
    server: EmulatorServer, body: bytes
) -> None:
    head = ORDER + b"Content-Length: 99999999999\r\n\r\n"
    assert talk(server, head + body, leave=True).startswith(b"HTTP/1.1 4")


def test_a_body_cut_off_is_not_carried_out(server: EmulatorServer, browser: httpx.Client) -> None:
    cut = ORDER + JSON + b"Content-Length: 9\r\n\r\n{}"
    assert talk(server, cut, leave=True).startswith(b"HTTP/1.1 400 ")
    assert len(browser.get(IPS).json()["ips"]) == 4
