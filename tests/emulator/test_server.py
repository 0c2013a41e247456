"""The emulator over a socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer, is_loopback
from misar_ips.emulator.store import Store
from tests.conftest import KEY
from tests.emulator.conftest import EXAMPLE, IPS, NO_IP, NO_KEY, SERVE, talk


def test_the_same_answers_over_a_socket(server: EmulatorServer, browser: httpx.Client) -> None:
    assert server.base_url == f"http://127.0.0.1:{server.port}/mail/v1"
    reply = browser.get(f"{IPS}/ip_abc123")
    assert reply.text == json.dumps({"success": True, "ip": EXAMPLE})
    assert len(reply.headers.get_list("Date")) == 1
    assert reply.headers["Date"].startswith("Wed, 01 Apr 2026 12:00:")
    ip_id = browser.post(IPS, json={"rdns": "a.example.com"}).json()["ip"]["id"]
    assert browser.patch(f"{IPS}/{ip_id}", json={"pool": "cold"}).json()["ip"]["pool"] == "cold"
    assert browser.delete(f"{IPS}/{ip_id}").json() == {"success": True}
    assert browser.get(f"{IPS}/a%2Fb").json() == NO_IP
    assert browser.head(IPS).status_code == 405
    assert browser.request("BREW", IPS).headers["Allow"] == "GET, POST"


def test_a_connection_is_kept_and_each_reply_comes_in_one_piece(server: EmulatorServer) -> None:
    request = f"GET /mail/v1{IPS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(request)
            # Two pieces would wait for each other: 40 ms a reply.
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 ")
            assert json.loads(body) == NO_KEY


@pytest.mark.parametrize(("kind", "ordered"), [("reset", 4), ("lost-reply", 5)])
def test_a_dropped_connection_is_a_real_reset(
    emulator: Emulator, browser: httpx.Client, kind: str, ordered: int
) -> None:
    emulator.faults.add(f"POST:{kind}:1")
    with pytest.raises(httpx.ReadError, match="reset"):
        browser.post(IPS)
    assert len(browser.get(IPS).json()["ips"]) == ordered


def test_truncated_and_html_arrive_over_a_socket(emulator: Emulator, browser: httpx.Client) -> None:
    emulator.faults.add("GET:truncated:1")
    emulator.faults.add("GET:html:1")
    cut, page, whole = (browser.get(IPS) for _ in range(3))
    assert len(cut.content) == len(whole.content) // 2
    assert (page.status_code, page.text[:6]) == (502, "<html>")


def test_an_endless_reply_ends_when_its_client_leaves(
    emulator: Emulator, server: EmulatorServer, browser: httpx.Client
) -> None:
    emulator.faults.add("GET:endless:1")
    with browser.stream("GET", IPS) as reply:
        pieces = reply.iter_raw()
        assert sum(len(next(pieces)) for _ in range(100)) > 100_000
    assert browser.get(IPS).status_code == 200
    server.close()


def test_a_hang_is_silent_until_the_client_leaves(
    emulator: Emulator, browser: httpx.Client
) -> None:
    emulator.faults.add("GET:hang:1")
    with pytest.raises(httpx.ReadTimeout):
        browser.get(IPS, timeout=0.2)
    assert browser.get(IPS).status_code == 200


def test_closing_ends_a_hang_at_once(emulator: Emulator) -> None:
    emulator.faults.add("GET:hang")
    with EmulatorServer(emulator, port=0) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(talk, server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not emulator.received:
            time.sleep(0.001)
        server.close()
        assert waiting.result(timeout=5) == b""
    with pytest.raises(ConnectionRefusedError):
        talk(server, b"")


def test_closing_lets_a_reply_under_way_finish(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        started.set()
        go_on.wait(5)

    emulator = Emulator(Store(tmp_path / "e.db"), latency=1, sleep=sleep)
    with EmulatorServer(emulator, port=0) as server, ThreadPoolExecutor(2) as pool:
        reply = pool.submit(talk, server, b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert started.wait(5)
        closed = pool.submit(server.close)
        with pytest.raises(TimeoutError):
            closed.result(timeout=0.2)
        go_on.set()
        assert reply.result(timeout=5).startswith(b"HTTP/1.1 404 ")
        closed.result(timeout=5)


def test_a_server_that_never_served_closes(emulator: Emulator) -> None:
    EmulatorServer(emulator, port=0).close()


def test_a_signal_handler_may_close_the_server(tmp_path: Path) -> None:
    stop_on_signal = SERVE.replace(
        "print(", "import signal\nsignal.signal(15, lambda *_: server.close())\nprint("
    )
    assert stop_on_signal != SERVE
    with subprocess.Popen(
        [sys.executable, "-c", stop_on_signal, str(tmp_path / "e.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_the_callers_to_handle(server: EmulatorServer, emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        EmulatorServer(emulator, port=server.port)


def test_ipv6_is_served_and_bracketed(emulator: Emulator) -> None:
    try:
        server = EmulatorServer(emulator, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert server.base_url == f"http://[::1]:{server.port}/mail/v1"
        assert httpx.get(f"{server.base_url}{IPS}", trust_env=False).json() == NO_KEY


def test_a_damaged_state_is_a_503_that_says_so(
    server: EmulatorServer, browser: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "emulator.db").write_bytes(b"no database" * 500)
    reply = browser.get(IPS)
    assert reply.status_code == 503
    assert reply.json()["error"].endswith("emulator.db is not a state of the emulator.")
    (tmp_path / "emulator.db").unlink()
    assert browser.get(IPS).status_code == 200
    assert server.port


def test_loopback_hosts_are_told_from_others() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "192.0.2.1", "localhost.example.com")))  # noqa: S104 - nothing is bound


def test_many_clients_at_once_over_sockets(server: EmulatorServer) -> None:
    def client(_: int) -> list[int]:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(
            base_url=server.base_url, headers=headers, timeout=20, trust_env=False
        ) as browser:
            ordered = browser.post(IPS)
            addresses = [ip["address"] for ip in browser.get(IPS).json()["ips"]]
            assert len(addresses) == len(set(addresses)) <= 5
            return [ordered.status_code]

    with ThreadPoolExecutor(50) as pool:
        statuses = [status for seen in pool.map(client, range(50)) for status in seen]
    assert (statuses.count(201), statuses.count(403)) == (1, 49)
