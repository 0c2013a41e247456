"""Threads and processes that share one state."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from misar_ips.emulator.store import Store
from tests.conftest import KEY
from tests.emulator.conftest import IPS, SERVE, World

if TYPE_CHECKING:
    from collections.abc import Iterator


def order_and_release(path: Path, barrier: Any, results: Any) -> None:  # noqa: ANN401 - unnamed types
    """Run in a process of its own: take IPs and give them back, and report what was seen."""
    store = Store(path)
    barrier.wait()
    held: list[str] = []
    most = 0
    for _ in range(25):
        ip = store.request("marketing", None, limit=5)
        if ip is not None:
            held.append(str(ip["id"]))
        addresses = [entry["address"] for entry in store.ips()]
        assert len(addresses) == len(set(addresses))
        most = max(most, len(addresses))
        store.count_request(KEY, 60)
        if held and most % 2:
            assert store.release(held.pop())
    results.put((most, len(held)))


def test_processes_at_once_make_one_state_and_keep_to_the_plan(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path, barrier, results = tmp_path / "new" / "e.db", context.Barrier(8), context.Queue()
    processes = [
        context.Process(target=order_and_release, args=(path, barrier, results)) for _ in range(8)
    ]
    for process in processes:
        process.start()
    seen = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert max(most for most, _ in seen) == 5
    store = Store(path)
    assert len(store.ips()) == 4 + sum(held for _, held in seen)
    assert store.count_request(KEY, 1000).remaining == 1000 - 8 * 25 - 1


def test_fifty_threads_order_no_more_than_the_plan_allows(tmp_path: Path) -> None:
    def order(_: int) -> int:
        # A store each: they share nothing but the file, as processes do.
        world = World(tmp_path / "e.db", rate_limit=0)
        with world.client:
            return world.client.post(IPS).status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(order, range(150)))
    assert (statuses.count(201), statuses.count(403)) == (1, 149)


@contextlib.contextmanager
def serving_process(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_killed_server_loses_no_acknowledged_change(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "e.db", 0
    for _ in range(3):
        with serving_process(path) as (process, base_url):
            began = threading.Event()

            def kill_while_it_works(
                process: subprocess.Popen[str] = process, began: threading.Event = began
            ) -> None:
                # However busy the machine is, something was acknowledged before.
                assert began.wait(60)
                threading.Event().wait(0.1)
                process.kill()

            killer = threading.Thread(target=kill_while_it_works)
            killer.start()
            with httpx.Client(
                base_url=base_url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
            ) as client:
                for number in range(acknowledged + 1, 1_000_000):
                    try:
                        reply = client.patch(f"{IPS}/ip_abc123", json={"rdns": f"n{number}.test"})
                    except httpx.TransportError:
                        break
                    assert reply.status_code == 200
                    acknowledged = number
                    began.set()
            killer.join()
        kept = Store(path).ip("ip_abc123")
        assert kept is not None
        # The change that was under way may have been made; an acknowledged one must have been.
        assert kept["rdns"] in {f"n{acknowledged}.test", f"n{acknowledged + 1}.test"}
    assert acknowledged >= 3
