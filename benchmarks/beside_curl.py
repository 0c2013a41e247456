"""How long a task takes with misar-ips, and how long with curl and jq: the README's table.

    python benchmarks/beside_curl.py [--rounds 15]

Both talk to `misar-ips emulator serve` on this machine, and take turns; medians are given. It needs
curl and jq.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from startup import DISTURBING, PROGRAM, emulator_process, run

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
HEAD = "| Task | misar-ips | curl and jq |\n|---|---|---|\n"


def medians(rounds: int, environ: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Return the seconds that each task takes, both ways."""
    samples: dict[str, list[tuple[float, float]]] = {task: [] for task in TASKS}
    for round_number in range(rounds + 1):
        for task, (ours, theirs) in TASKS.items():
            taken = [
                run(["bash", "-c", line], environ, on_terminal=False) for line in (ours, theirs)
            ]
            if round_number:  # the first round fills the caches
                samples[task].append((taken[0], taken[1]))
    return {
        task: (
            statistics.median(ours for ours, _ in pairs),
            statistics.median(theirs for _, theirs in pairs),
        )
        for task, pairs in samples.items()
    }


def main() -> None:
    """Measure, and print the table with where and when it was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if name not in DISTURBING}
        environ |= {
            "MISARMAIL_API_KEY": "msk_benchmark",
            "MISAR_IPS_EMULATOR_DB": str(Path(folder, "emulator.db")),
            "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}",
        }
        with emulator_process(environ) as url:
            taken = medians(rounds, {**environ, "MISARMAIL_BASE_URL": url})
    rows = [
        f"| {task} | {ours * 1000:.0f} ms | {theirs * 1000:.0f} ms |\n"
        for task, (ours, theirs) in taken.items()
    ]
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    sys.stdout.write(f"{HEAD}{''.join(rows)}\n{machine}, {datetime.now(UTC):%Y-%m-%d}\n")


if __name__ == "__main__":
    main()
