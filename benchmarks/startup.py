"""How long a command takes beside the imports that it can't do without, and what large lists cost.

Absolute times are noise on shared machines, so every budget is a ratio to a floor: a Python that
only imports the same libraries. Floors and commands take turns, and medians are compared.

    python benchmarks/startup.py [--rounds 15] [--json] [--only TEXT]
    python benchmarks/startup.py [--rounds 15] --beside-curl

The second form prints a table: how long a task takes with misar-ips, and how long with
curl and jq, which it needs.

It installs nothing and talks to this machine alone: to `misar-ips emulator serve`, to the same
emulator behind TLS with a certificate authority of its own, and to a server of long lists. It runs
the `misar-ips` beside this Python. Exit code 1: a budget is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import pty
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = str(Path(sys.executable).with_name("misar-ips"))
TYPER = "import typer"
HTTPX = "import typer, httpx"
RICH = "import typer, httpx, rich.console, rich.table"
DISTURBING = ("SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP")
"""Variables that change what is measured; they are left out of every run."""


@dataclass
class Row:
    """A command, what it is measured against, and the most that the ratio may be."""

    name: str
    command: list[str]
    floor: str
    budget: float
    on_terminal: bool = False
    url: str = "emulator"
    of_memory: bool = False
    extra: dict[str, str] = field(default_factory=dict)


ROWS = [
    Row("--version", ["--version"], TYPER, 0.50),
    Row("--help", ["--help"], TYPER, 1.08),
    Row("list --help", ["list", "--help"], TYPER, 1.10),
    Row(
        "completion of a command",
        ["li"],
        TYPER,
        1.10,
        extra={"_MISAR_IPS_COMPLETE": "bash"},
    ),
    Row("list --json", ["list", "--json"], HTTPX, 1.10),
    Row("show --json", ["show", "ip_abc123", "--json"], HTTPX, 1.10),
    Row("limit --total", ["limit", "--total"], HTTPX, 1.15),
    Row("list --json, https", ["list", "--json"], HTTPX, 1.25, url="https"),
    Row("list, terminal", ["list"], RICH, 1.15, on_terminal=True, url="5"),
    Row("show, terminal", ["show", "ip_abc123"], RICH, 1.15, on_terminal=True),
    Row("list --json, 10,000", ["list", "--json"], "list --json, 5", 2.0, url="10000"),
    Row("list piped, 10,000", ["list"], "list piped, 5", 2.0, url="10000"),
    Row("list, terminal, 1,000", ["list"], "list, terminal", 6.0, on_terminal=True, url="1000"),
    Row(
        "memory of list --json, 10,000",
        ["list", "--json"],
        "memory of list --json, 5",
        2.5,
        url="10000",
        of_memory=True,
    ),
]
BASELINES = [
    Row("list --json, 5", ["list", "--json"], "", 0, url="5"),
    Row("list piped, 5", ["list"], "", 0, url="5"),
    Row("memory of list --json, 5", ["list", "--json"], "", 0, url="5", of_memory=True),
]

CURL = "curl -s -H 'Authorization: Bearer '$MISARMAIL_API_KEY $MISARMAIL_BASE_URL/dedicated-ips"
TASKS = {
    "every IP's address": (
        "misar-ips list | cut -f 2",
        f"{CURL} | jq -r '.ips[].address'",
    ),
    "what is warming, as JSON": (
        "misar-ips list --status warming --json",
        f"{CURL} | jq '[.ips[] | select(.warmup_status == \"warming\")]'",
    ),
    "one IP's limit of today": (
        "misar-ips show ip_abc123 --json | jq .daily_limit",
        f"{CURL}/ip_abc123 | jq .ip.daily_limit",
    ),
}
"""What is compared: the same task with misar-ips, and with curl and jq."""


class LongLists(BaseHTTPRequestHandler):
    """A server whose paths begin with the number of IPs that it lists."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a list, or the details of an IP."""
        body = _answer(self.path)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write nothing."""


@cache
def _answer(path: str) -> bytes:
    number, *_, last = path.strip("/").split("/")
    is_list = last == "dedicated-ips"
    return json.dumps({"ips": ips(int(number))} if is_list else {"ip": ip(0, last)}).encode()


def ip(number: int, ip_id: str | None = None) -> dict[str, object]:
    """Return one IP of a long list."""
    return {
        "id": ip_id or f"ip_{number:06x}",
        "address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        "rdns": f"mta{number}.example.com",
        "warmup_status": "warming",
        "warmup_percent": number % 101,
        "pool": "marketing",
        "created_at": "2026-03-15T10:00:00Z",
    }


def ips(number: int) -> list[dict[str, object]]:
    """Return a long list."""
    return [ip(each) for each in range(number)]


@contextmanager
def long_lists() -> Iterator[str]:
    """Serve long lists, and yield where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), LongLists)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def emulator_process(environ: dict[str, str]) -> Iterator[str]:
    """Run `misar-ips emulator serve`, and yield its base URL."""
    command = [PROGRAM, "emulator", "serve", "--port", "0", "--rate-limit", "0"]
    with subprocess.Popen(  # noqa: S603 - the program that is measured
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield process.stdout.readline().strip()
        process.terminate()


@contextmanager
def emulator_behind_tls(folder: Path) -> Iterator[str]:
    """Serve the emulator over https with a certificate of its own, and yield its base URL."""
    subprocess.run(  # noqa: S603 - a fixed command
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    server = EmulatorServer(Emulator(Store(folder / "tls.db"), rate_limit=0), port=0)
    plain = server._http.socket  # noqa: SLF001 - the emulator itself has no need of TLS
    server._http.socket = context.wrap_socket(plain, server_side=True)  # noqa: SLF001 - likewise
    with server:
        yield f"https://localhost:{server.port}/mail/v1"


def peak_memory(command: list[str], environ: dict[str, str]) -> int:
    """Run a command to its end, and return its peak memory in KiB.

    A child's peak begins with what its parent has, so a small process is put between.
    """
    program = (
        "import os, resource, sys\n"
        "child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
        "os.waitpid(child, 0)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603 - the program that is measured
        [sys.executable, "-S", "-c", program, *command],
        env=environ,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return int(done.stderr)


def run(command: list[str], environ: dict[str, str], *, on_terminal: bool) -> float:
    """Run a command to its end, and return its seconds."""
    reader, writer = pty.openpty() if on_terminal else os.pipe()
    drain = threading.Thread(target=_drain, args=(reader,))
    drain.start()
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - the program that is measured
        command, env=environ, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    process.wait()
    seconds = time.perf_counter() - began
    drain.join()
    stderr = process.stderr.read() if process.stderr else b""
    if process.stderr:
        process.stderr.close()
    if process.returncode not in {0, 1} or b"Error" in stderr:
        raise SystemExit(f"{command} failed: {stderr.decode()}")
    return seconds


def _drain(descriptor: int) -> None:
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        try:
            while stream.read(65_536):
                pass
        except OSError:  # how a terminal says that the other side is gone
            return


def measure(
    rows: list[Row], urls: dict[str, str], environ: dict[str, str], rounds: int
) -> dict[str, float]:
    """Let floors and commands take turns, and return the median of each."""
    floors = dict.fromkeys(row.floor for row in rows if row.floor.startswith("import"))
    samples: dict[str, list[float]] = {name: [] for name in floors}
    samples |= {row.name: [] for row in rows}
    for round_number in range(rounds + 1):
        taken: dict[str, float] = {}
        for floor in floors:
            taken[floor] = run([sys.executable, "-c", floor], environ, on_terminal=False)
        for row in rows:
            variables = {**environ, "MISARMAIL_BASE_URL": urls[row.url], **row.extra}
            command = [PROGRAM, *row.command]
            if row.of_memory:
                taken[row.name] = float(peak_memory(command, variables))
            else:
                taken[row.name] = run(command, variables, on_terminal=row.on_terminal)
        if round_number:  # the first round fills the caches
            for name, value in taken.items():
                samples[name].append(value)
    return {name: statistics.median(values) for name, values in samples.items()}


def report(rows: list[Row], medians: dict[str, float]) -> list[dict[str, object]]:
    """Return a line of facts for each row that has a budget."""
    return [
        {
            "name": row.name,
            "median": round(medians[row.name] * (1 if row.of_memory else 1000), 1),
            "unit": "KiB" if row.of_memory else "ms",
            "floor": row.floor,
            "floor_median": round(medians[row.floor] * (1 if row.of_memory else 1000), 1),
            "ratio": round(medians[row.name] / medians[row.floor], 3),
            "budget": row.budget,
            "kept": medians[row.name] <= medians[row.floor] * row.budget,
        }
        for row in rows
        if row.budget
    ]


def beside_curl(environ: dict[str, str], rounds: int) -> Iterator[str]:
    """Return the lines of the README's table: the medians of each task, both ways taking turns."""
    path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
    yield "| Task | misar-ips | curl and jq |\n|---|---|---|\n"
    for task, pair in TASKS.items():
        samples = [
            [
                run(["bash", "-c", line], {**environ, "PATH": path}, on_terminal=False)
                for line in pair
            ]
            for _ in range(rounds + 1)
        ]
        # The first round fills the caches.
        medians = [statistics.median(taken) * 1000 for taken in zip(*samples[1:], strict=True)]
        yield f"| {task} | {medians[0]:.0f} ms | {medians[1]:.0f} ms |\n"
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    yield f"\n{machine}, {datetime.now(UTC):%Y-%m-%d}\n"


def written(lines: list[dict[str, object]]) -> str:
    """Return the lines of a report for people."""
    return "".join(
        f"{line['name']:30} {line['median']:>9} {line['unit']:3}"
        f"  {line['ratio']:>6} of at most {line['budget']:<5} "
        f"{'kept' if line['kept'] else 'MISSED':6}  {line['floor']}\n"
        for line in lines
    )


def main() -> int:
    """Measure, print, and return 1 where a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="only rows with this text in their name")
    parser.add_argument(
        "--beside-curl", action="store_true", help="a table of tasks with curl and jq"
    )
    options = parser.parse_args()
    wanted = [row for row in ROWS if options.only in row.name]
    needed = {row.floor for row in wanted}
    rows = [row for row in (*BASELINES, *ROWS) if row in wanted or row.name in needed]
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        environ = {name: value for name, value in os.environ.items() if name not in DISTURBING}
        environ |= {
            "MISARMAIL_API_KEY": "msk_benchmark",
            "MISAR_IPS_EMULATOR_DB": str(folder / "emulator.db"),
            "TERM": "xterm-256color",
            "COLUMNS": "100",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
        }
        emulator = opened.enter_context(emulator_process(environ))
        if options.beside_curl:
            served = {**environ, "MISARMAIL_BASE_URL": emulator}
            sys.stdout.writelines(beside_curl(served, options.rounds))
            return 0
        lists = opened.enter_context(long_lists())
        urls = {number: f"{lists}/{number}/mail/v1" for number in ("5", "1000", "10000")}
        urls["https"] = opened.enter_context(emulator_behind_tls(folder))
        urls["emulator"] = emulator
        lines = report(wanted, measure(rows, urls, environ, options.rounds))
    sys.stdout.write(json.dumps(lines, indent=2) + "\n" if options.json else written(lines))
    return 0 if all(line["kept"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
