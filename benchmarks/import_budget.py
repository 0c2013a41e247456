"""Which modules each command loads, and how long each of them takes by itself.

    python benchmarks/import_budget.py [--most 15]

It runs the commands against an emulator on this machine, and lists what they load beyond the
libraries that they are made of.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.server import EmulatorServer
from misar_ips.emulator.store import Store

FLOORS = {
    "import typer": ["-c", "import typer"],
    "import httpx": ["-c", "import typer, httpx"],
    "import rich": ["-c", "import typer, httpx, rich.console, rich.table"],
}
COMMANDS = [
    ["--version"],
    ["--help"],
    ["list", "--json"],
    ["show", "ip_abc123", "--json"],
    ["list"],
    ["show", "ip_abc123"],
    ["release", "ip_jkl012"],
    ["doctor"],
]
LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


def loaded_by(arguments: list[str], environ: dict[str, str]) -> dict[str, float]:
    """Return the modules that a Python loads, each with the milliseconds it takes by itself.

    Its standard output is a terminal, so that it draws what people see.
    """
    reader, terminal = pty.openpty()
    try:
        done = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-X", "importtime", *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        os.close(terminal)
        os.close(reader)
    return {name: int(microseconds) / 1000 for microseconds, name in LINE.findall(done.stderr)}


def table(title: str, modules: dict[str, float], most: int) -> str:
    """Return the modules of a command, those first that take longest."""
    lines = [f"{title}: {len(modules)} modules, {sum(modules.values()):.1f} ms"]
    slowest = sorted(modules, key=lambda name: -modules[name])[:most]
    return "\n".join([*lines, *(f"  {modules[name]:6.1f}  {name}" for name in slowest)])


def main() -> None:
    """Print a table for each floor and each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=15, help="rows of a table")
    most = parser.parse_args().most
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store(Path(folder, "emulator.db"))) as store,
        EmulatorServer(Emulator(store, rate_limit=0), port=0) as server,
    ):
        environ = {
            **os.environ,
            "MISARMAIL_API_KEY": "msk_benchmark",
            "MISARMAIL_BASE_URL": server.base_url,
            "MISAR_IPS_CONFIG": str(Path(folder, "config.toml")),
            "COLUMNS": "100",
        }
        known: set[str] = set()
        for title, arguments in FLOORS.items():
            modules = loaded_by(arguments, environ)
            new = {name: modules[name] for name in modules if name not in known}
            sys.stdout.write(f"{table(title, new, most)}\n\n")
            known |= set(modules)
        for command in COMMANDS:
            modules = loaded_by(["-m", "misar_ips", *command], environ)
            beyond = {name: modules[name] for name in modules if name not in known}
            sys.stdout.write(f"{table(' '.join(command), beyond, most)}\n\n")


if __name__ == "__main__":
    main()
