"""The emulator under load: fifty clients at once, over sockets and as processes, and SIGKILL."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.store import Store
from tests.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.load

CLIENTS = 50
SECONDS = 10.0
LIMIT = 5  # dedicated IPs of the plan
IPS = "/dedicated-ips"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@dataclass
class BusyClient:
    """A client that orders, changes and releases one IP after the other, and checks what it sees.

    It knows its IP by the hostname that it gave it. ``troubles`` are broken promises: what must
    never be seen.
    """

    http: httpx.Client
    name: str
    requests: int = 0
    orders: int = 0
    lost: int = 0
    troubles: list[str] = field(default_factory=list)

    def work(self, until: float) -> None:
        """Go round and round; where an answer is lost, begin anew with what the server has."""
        while time.monotonic() < until:
            try:
                self.go_round()
            except httpx.TransportError:
                self.lost += 1
                threading.Event().wait(0.02)  # the server may be starting again

    def go_round(self) -> None:
        mine = [ip for ip in self.list() if ip["rdns"] == self.hostname]
        if mine:  # an order whose answer was lost
            ip_id = mine[0]["id"]
        else:
            reply = self.send("POST", IPS, rdns=self.hostname)
            if reply.status_code != httpx.codes.CREATED:
                self.expect(reply.json().get("code") == "plan_limit_exceeded", reply.text)
                return
            self.orders += 1
            ip_id = reply.json()["ip"]["id"]
        # Each of these was acknowledged before the next is sent, and must be seen by it.
        self.expect(self.pool_of(ip_id) is not None, "an order was lost")
        changed = self.send("PATCH", f"{IPS}/{ip_id}", pool=f"pool_{self.requests}")
        self.expect(changed.status_code == httpx.codes.OK, changed.text)
        self.expect(self.pool_of(ip_id) == changed.json()["ip"]["pool"], "a change was lost")
        released = self.send("DELETE", f"{IPS}/{ip_id}")
        self.expect(released.status_code == httpx.codes.OK, released.text)
        self.expect(self.pool_of(ip_id) is None, "a release was lost")

    @property
    def hostname(self) -> str:
        return f"{self.name}.example.com"

    def list(self) -> list[dict[str, Any]]:
        ips: list[dict[str, Any]] = self.send("GET", IPS).json()["ips"]
        addresses = [ip["address"] for ip in ips]
        self.expect(len(addresses) <= LIMIT, f"{len(addresses)} IPs")
        self.expect(len(addresses) == len(set(addresses)), f"twice in {addresses}")
        return ips

    def pool_of(self, ip_id: str) -> str | None:
        reply = self.send("GET", f"{IPS}/{ip_id}")
        return str(reply.json()["ip"]["pool"]) if reply.is_success else None

    def send(self, method: str, path: str, **body: str) -> httpx.Response:
        self.requests += 1
        reply = self.http.request(method, path, json=body or None)
        self.expect(not reply.is_server_error, f"{reply.status_code} {reply.text}")
        return reply

    def expect(self, is_so: bool, what: str) -> None:  # noqa: FBT001 - as `assert` takes it
        if not is_so:
            self.troubles.append(what)


def free_one_place(path: Path) -> None:
    """Leave the clients two of the plan's five places to compete for."""
    Store(path).release("ip_jkl012")


def over_a_socket(base_url: str, number: int, until: float) -> BusyClient:
    with httpx.Client(base_url=base_url, headers=HEADERS, timeout=60, trust_env=False) as http:
        client = BusyClient(http, f"client{number}")
        client.work(until)
    return client


def in_process(path: str, number: int, barrier: Any, results: Any) -> None:  # noqa: ANN401 - they have no names
    """Run in a process of its own, with an emulator in it as `--profile demo` has."""
    transport = httpx.MockTransport(Emulator(Store(Path(path)), rate_limit=0))
    with httpx.Client(
        transport=transport, base_url="http://emulator/mail/v1", headers=HEADERS
    ) as http:
        client = BusyClient(http, f"process{number}")
        barrier.wait()
        client.work(time.monotonic() + SECONDS)
    results.put((client.requests, client.orders, client.lost, client.troubles))


SERVE = """
import sys
from pathlib import Path
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store

store = Store(Path(sys.argv[1]))
server = EmulatorServer(Emulator(store, rate_limit=0), port=int(sys.argv[2]))
print(server.port, flush=True)
server.serve_forever()
"""


class Serving:
    """The emulator in a process of its own, which can be killed and started again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.port = 0
        self.written = ""
        self._process = self._start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mail/v1"

    def kill_and_start_again(self) -> None:
        self.kill()
        self._process = self._start()

    def kill(self) -> None:
        """Kill it, and keep what it has written."""
        self._process.kill()
        self.written += "".join(self._process.communicate())

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self._path), str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert process.stdout
        self.port = int(process.stdout.readline())
        return process


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    free_one_place(tmp_path / "emulator.db")
    serving = Serving(tmp_path / "emulator.db")
    yield serving
    serving.kill()
    assert serving.written == ""


class SlowClient:
    """A client that has sent a part of a request, and sends the rest when all others are done."""

    def __init__(self, port: int, part: bytes, rest: bytes) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.connection.sendall(part)
        self._rest = rest

    def finish(self) -> bytes:
        """Send the rest, and return the status of the answer."""
        with self.connection:
            self.connection.sendall(self._rest)
            return self.connection.recv(65_536)[9:12]


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Keep as many clients beside the others as there are, each in the middle of a request."""
    head = f"PATCH /mail/v1{IPS}/ip_nope HTTP/1.1\r\nHost: localhost\r\n".encode()
    head += f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n".encode()
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    stuck = [
        (b"", head + b"Content-Length: 2\r\n\r\n{}"),
        (head[:40], head[40:] + b"Content-Length: 2\r\n\r\n{}"),
        (chunked, b"2\r\n{}\r\n0\r\n\r\n"),
        (chunked + b"1\r\n{\r\n1", b"\r\n}\r\n0\r\n\r\n"),
        (chunked + b"2;slow\r\n{", b"}\r\n0\r\nX-Slow: yes\r\n\r\n"),
    ]
    clients = [SlowClient(port, *stuck[number % len(stuck)]) for number in range(CLIENTS)]
    yield
    assert {client.finish() for client in clients} == {b"400"}


@contextmanager
def faults_and_clock_moving(base_url: str) -> Iterator[list[int]]:
    """Set and clear faults, and move the clock on, as long as the block lasts.

    It yields the statuses of what was answered to that.
    """
    statuses: list[int] = []
    has_ended = threading.Event()

    def work() -> None:
        with httpx.Client(base_url=f"{base_url}/_emulator", timeout=60, trust_env=False) as control:
            while not has_ended.is_set():
                answers = [
                    control.post("/faults", content="POST:plan-429:1"),
                    control.post("/faults", content="POST:plan-402:1@3"),
                    control.post("/advance", content=b"3600"),
                    control.get("/requests"),
                    control.delete("/faults"),
                ]
                statuses.extend(answer.status_code for answer in answers)

    thread = threading.Thread(target=work)
    thread.start()
    yield statuses
    has_ended.set()
    thread.join()


def all_at_once(work: Callable[[int], BusyClient]) -> list[BusyClient]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, range(CLIENTS)))


def test_fifty_clients_over_sockets_beside_fifty_slow_ones(serving: Serving) -> None:
    with slow_clients(serving.port), faults_and_clock_moving(serving.base_url) as moved:
        until = time.monotonic() + SECONDS
        clients = all_at_once(lambda number: over_a_socket(serving.base_url, number, until))

    assert [trouble for client in clients for trouble in client.troubles] == []
    assert sum(client.lost for client in clients) == 0
    # How much was done is the machine's business; that it was done rightly stands above.
    assert min(client.requests for client in clients) > 0
    assert sum(client.orders for client in clients) > 0
    assert set(moved) == {200}


def test_a_server_that_is_killed_again_and_again_loses_no_acknowledged_change(
    serving: Serving,
) -> None:
    until = time.monotonic() + SECONDS
    has_ended = threading.Event()

    def kill_now_and_then() -> None:
        while not has_ended.wait(0.7):
            serving.kill_and_start_again()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    clients = all_at_once(lambda number: over_a_socket(serving.base_url, number, until))
    has_ended.set()
    killer.join()

    assert [trouble for client in clients for trouble in client.troubles] == []
    assert sum(client.lost for client in clients) > 0
    assert sum(client.orders for client in clients) > 0


CHANGE_AND_TELL = """
import sys
from itertools import count
from pathlib import Path
from misar_ips.emulator.store import Store

store = Store(Path(sys.argv[1]))
for number in count(int(sys.argv[2])):
    store.update("ip_abc123", rdns=f"n{number}.test")
    print(number, flush=True)
"""


class Victims:
    """Processes that change one IP and are killed at it, one after the other, until told to stop.

    ``troubles`` are changes that were told and are not there.
    """

    def __init__(self, path: Path) -> None:
        self.killed = 0
        self.troubles: list[str] = []
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._kill_one_after_the_other)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _kill_one_after_the_other(self) -> None:
        told = 0
        while not self._stop.is_set():
            told = self._last_word(told + 1)
            self.killed += 1
            ip = Store(self._path).ip("ip_abc123")
            # The change that was under way may have been made; the one before it must have been.
            if not ip or ip["rdns"] not in {f"n{told}.test", f"n{told + 1}.test"}:
                self.troubles.append(f"{told} was told, {ip} is there")

    def _last_word(self, first: int) -> int:
        with subprocess.Popen(
            [sys.executable, "-c", CHANGE_AND_TELL, str(self._path), str(first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        ) as victim:
            assert victim.stdout
            assert victim.stderr
            began = victim.stdout.readline()
            self._stop.wait(0.3)
            victim.kill()
            # Not by communicate(), which does not see what was read ahead with that first line.
            more, errors = victim.stdout.read(), victim.stderr.read()
        if errors:
            self.troubles.append(errors)
        # What is not a whole line was not told.
        return int(f"{began}{more}".rpartition("\n")[0].splitlines()[-1])


def test_fifty_processes_with_an_emulator_each_beside_some_that_are_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "emulator.db"
    free_one_place(path)
    context = multiprocessing.get_context("spawn")
    results, barrier = context.Queue(), context.Barrier(CLIENTS)
    processes = [
        context.Process(target=in_process, args=(str(path), number, barrier, results))
        for number in range(CLIENTS)
    ]
    for process in processes:
        process.start()
    with Victims(path) as victims:
        seen = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * CLIENTS
    assert [trouble for *_, troubles in seen for trouble in troubles] == []
    assert sum(lost for _, _, lost, _ in seen) == 0
    assert sum(orders for _, orders, _, _ in seen) > 0
    assert min(requests for requests, *_ in seen) > 0
    assert victims.troubles == []
    assert victims.killed > 0
