"""Which modules each command loads, and how long each of them takes by itself.

    python benchmarks/import_budget.py [--most 15]

It runs the commands with the built-in demo, and lists what they load beyond `import typer`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = [
    ["--version"],
    ["--help"],
    ["list", "--json", "--profile", "demo"],
    ["show", "ip_abc123", "--json", "--profile", "demo"],
    ["list", "--profile", "demo"],
]
LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


def loaded_by(arguments: list[str]) -> dict[str, float]:
    """Give the modules that a Python loads, each with the milliseconds it takes by itself."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-X", "importtime", *arguments],
            env={**os.environ, "MISAR_IPS_EMULATOR_DB": str(Path(folder) / "emulator.db")},
            capture_output=True,
            text=True,
            check=True,
        )
    return {name: int(microseconds) / 1000 for microseconds, name in LINE.findall(done.stderr)}


def main() -> None:
    """Print a table for each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=15, help="rows of a table")
    most = parser.parse_args().most
    floor = loaded_by(["-c", "import typer"])
    for command in COMMANDS:
        modules = loaded_by(["-m", "misar_ips", *command])
        beyond = {name: time for name, time in modules.items() if name not in floor}
        total = sum(beyond.values())
        sys.stdout.write(f"\n{' '.join(command)}: {len(beyond)} modules, {total:.1f} ms\n")
        for name in sorted(beyond, key=lambda each: -beyond[each])[:most]:
            sys.stdout.write(f"  {beyond[name]:6.1f}  {name}\n")


if __name__ == "__main__":
    main()
