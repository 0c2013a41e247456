"""`misar-ips emulator serve`, as a process: what it prints, and how it starts and ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.store import Store
from tests.conftest import KEY, Ran, run_process
from tests.emulator.conftest import IPS, talk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import World as Program

HEADERS = {"Authorization": f"Bearer {KEY}"}


class Serving:
    """The program that serves, and after ``stop`` all that it wrote."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        assert process.stderr
        self.url = process.stdout.readline().strip()
        self.exports = [process.stderr.readline().strip() for _ in range(2)]

    def get(self, path: str = IPS) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=HEADERS, trust_env=False)

    def stop(self) -> str:
        """End it by Ctrl-C and return what more it wrote to stderr."""
        self.process.send_signal(signal.SIGINT)
        rest, errors = self.process.communicate(timeout=20)
        assert (self.process.returncode, rest) == (0, "")
        return errors


@contextlib.contextmanager
def serving(environ: dict[str, str], *options: str) -> Iterator[Serving]:
    with subprocess.Popen(
        [sys.executable, "-m", "misar_ips", "emulator", "serve", "--port", "0", *options],
        env={"PATH": os.environ["PATH"], **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Serving(process)
        finally:
            process.kill()


def without_digits(lines: str) -> list[str]:
    """Return log lines without how many milliseconds each took."""
    return [re.sub(r" \d+ ms ", " ms ", line) for line in lines.splitlines()]


def test_each_request_is_a_line_on_stderr(environ: dict[str, str]) -> None:
    with serving(environ, "--fault", "POST:reset:1") as served:
        served.get()
        served.get(f"{IPS}/nope")
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{served.url}{IPS}", headers=HEADERS, trust_env=False)
        port = int(served.url.split(":")[2].split("/")[0])
        httpx.get(f"http://127.0.0.1:{port}/%1b%5b31m", trust_env=False)
        httpx.get(f"http://127.0.0.1:{port}/{'x' * 1000}", trust_env=False)
        lines = served.stop()
    assert without_digits(lines) == [
        "GET /mail/v1/dedicated-ips 200 ms msk_5ec2e75e",
        "GET /mail/v1/dedicated-ips/nope 404 ms msk_5ec2e75e",
        "POST /mail/v1/dedicated-ips no answer ms msk_5ec2e75e",
        "GET /%1b%5b31m 404 ms no key",
        f"GET /{'x' * 499}… 404 ms no key",
    ]


def test_a_line_has_method_path_status_milliseconds_and_the_masked_key(
    environ: dict[str, str],
) -> None:
    with serving(environ) as served:
        served.get()
        (line,) = served.stop().splitlines()
    method, path, status, milliseconds, unit, key = line.split(" ")
    assert (method, path, status) == ("GET", "/mail/v1/dedicated-ips", "200")
    assert (milliseconds.isdecimal(), unit, key) == (True, "ms", KEY[:12])


def test_quiet_writes_none(environ: dict[str, str]) -> None:
    with serving(environ, "--quiet") as served:
        assert served.get().status_code == 200
        assert served.exports == [
            "export MISARMAIL_API_KEY=msk_emulator",
            f"export MISARMAIL_BASE_URL={served.url}",
        ]
        assert served.stop() == ""


def test_what_others_may_reach_is_exported_as_this_machine_reaches_it(
    environ: dict[str, str],
) -> None:
    options = ("--host", "0.0.0.0", "--allow-remote", "--quiet")  # noqa: S104 - what is tested
    with serving(environ, *options) as served:
        assert served.url.startswith("http://127.0.0.1:")
        assert served.exports[1] == f"export MISARMAIL_BASE_URL={served.url}"
        found = {"MISARMAIL_API_KEY": KEY, "MISARMAIL_BASE_URL": served.url}
        assert run_process("list", environ=found).code == 0


def test_a_frozen_clock_stands_still_but_for_advance(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with serving(environ, "--freeze", "--quiet") as served:
        assert served.get().headers["Date"] == "Wed, 01 Apr 2026 12:00:00 GMT"
        moved = run_process("emulator", "advance", "1d", environ=environ)
        assert moved == Ran(0, "2026-04-02T12:00:00Z\n", "")
        assert served.get().headers["Date"] == "Thu, 02 Apr 2026 12:00:00 GMT"
        assert run_process("emulator", "reset", environ=environ).code == 0
        assert served.get().headers["Date"] == "Wed, 01 Apr 2026 12:00:00 GMT"
        frozen = Store(tmp_path / "emulator.db")
        assert frozen.now() == frozen.now()
        served.stop()
    with serving(environ, "--quiet"):
        running = Store(tmp_path / "emulator.db")
        assert running.now() < running.now()


def test_a_frozen_clock_goes_on_from_where_it_stood(tmp_path: Path) -> None:
    seconds = [1_000.0]
    store = Store(tmp_path / "e.db", real_time=lambda: seconds[0])
    start = store.now()
    seconds[0] += 5
    store.freeze()
    seconds[0] += 100
    store.freeze()
    assert (store.now() - start).total_seconds() == 5
    store.freeze(frozen=False)
    seconds[0] += 7
    assert (store.now() - start).total_seconds() == 12


def test_the_rate_limit_passes_while_the_clock_is_frozen(tmp_path: Path) -> None:
    seconds = [1_000.0]
    store = Store(tmp_path / "e.db", real_time=lambda: seconds[0])
    store.freeze()
    assert not store.count_request("k", 1).exceeded
    seconds[0] += 18
    refused = store.count_request("k", 1)
    assert (refused.exceeded, refused.retry_after) == (True, 42)
    assert refused.resets_at == store.now().timestamp() + 42
    seconds[0] += 43
    assert not store.count_request("k", 1).exceeded


@pytest.mark.parametrize("option", ["--empty", "--seed"])
def test_a_beginning_of_ones_own_starts_over_each_time(
    environ: dict[str, str], tmp_path: Path, option: str
) -> None:
    (tmp_path / "seed.json").write_text('[{"id": "ip_own"}]')
    options = [option] if option == "--empty" else [option, str(tmp_path / "seed.json")]
    first = [] if option == "--empty" else ["ip_own"]
    for _ in range(2):
        with serving(environ, *options, "--quiet") as served:
            assert [ip["id"] for ip in served.get().json()["ips"]] == first
            assert httpx.post(f"{served.url}{IPS}", headers=HEADERS, trust_env=False).is_success
            served.stop()
    with serving(environ, "--quiet") as served:
        assert len(served.get().json()["ips"]) == len(first) + 1


def test_a_port_that_is_taken_costs_no_state(program: Program, environ: dict[str, str]) -> None:
    program.emulator.store.request("marketing", None, limit=5)
    with serving(environ, "--quiet") as served:
        port = served.url.split(":")[2].split("/")[0]
        ran = program.run("emulator", "serve", "--port", port, "--empty")
        assert ran.code == 2
        assert len(served.get().json()["ips"]) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--latency", "1e300"], "`1e300` is not a valid duration. Write it as 90s, 15m,"),
        (["--latency", "99999d"], "`99999d` is longer than 3650 days."),
        (["--latency", "-1"], "`-1` is not a valid duration."),
        (["--shape", "xml"], "There is no shape `xml`. Shapes: reference, sdk."),
        (["--fault", "POST:slow"], "`POST:slow`: the kind must be a status from 400 to 599, or "),
        (["--fault", "POST:503@x"], "`POST:503@x`: the number after @ must be a whole number"),
    ],
)
def test_options_that_make_no_sense(program: Program, options: list[str], message: str) -> None:
    for command in (["serve", "--port", "0"], ["run"]):
        ran = program.run("emulator", *command, *options, *["true"][: len(command) == 1])
        assert (ran.code, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"Error: {message}")


def test_latency_takes_fractions_of_a_second(environ: dict[str, str]) -> None:
    with serving(environ, "--latency", "0.001") as served:
        assert served.get().status_code == 200


def test_a_client_that_sends_garbage_is_told_of_on_one_line(environ: dict[str, str]) -> None:
    with serving(environ) as served:
        port = int(served.url.split(":")[2].split("/")[0])
        assert talk(port, b"\x1b[31mred\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        (line,) = served.stop().splitlines()
    assert line.startswith("? 400 ")
