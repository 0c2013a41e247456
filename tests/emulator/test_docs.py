"""docs/emulator.md says what is so: its examples are run, and its tables are the program's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from misar_ips.emulator.faults import KINDS
from misar_ips.testing import emulated

DOCS = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^(?:#|//|<\?php //) (\S+\.\w+)$", re.MULTILINE)
FILES = {found[1]: text for _, text in BLOCKS if (found := NAME.search(text[:60]))}
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
COMMANDS = [text for text in SHELL if not text.startswith(("#!", "pip "))]
INTERPRETERS = ("node", "go", "php", "curl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of the page."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        # With the program, and the Python, that the tests run with.
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_page_has_the_examples_it_promises() -> None:
    assert set(FILES) == {
        *("order.sh", "order.mjs", "order.test.mjs", "order_test.go", "order.php"),
        *("test_order.py", "own_account.py"),
    }
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("command", COMMANDS, ids=lambda text: text.split("-- ")[-1][:20].strip())
def test_a_command_of_the_page_works(folder: Path, command: str) -> None:
    needed = [name for name in INTERPRETERS if re.search(rf"\b{name}\b", command)]
    if "order.sh" in command:
        needed.append("curl")
    for name in needed:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    done = run(folder, command)
    assert done.returncode == 0, done.stdout + done.stderr
    if "posts=" in command:
        assert done.stdout.endswith("1 order(s) were sent\n")


def test_a_script_that_tries_again_is_found_out(folder: Path) -> None:
    script = FILES["order.sh"]
    start = script.index("curl ")
    (folder / "order.sh").write_text(f"{script[:start]}for each in 1 2; do\n{script[start:]}done\n")
    (command,) = (text for text in COMMANDS if "posts=" in text)
    done = run(folder, command)
    assert (done.returncode, done.stdout.endswith("2 order(s) were sent\n")) == (1, True)


def test_the_script_of_the_page_that_needs_nothing_but_python(folder: Path) -> None:
    assert run(folder, "python own_account.py").stdout == "suspended\n"


def test_the_json_of_the_page_is_what_the_emulator_takes_and_gives(tmp_path: Path) -> None:
    request, seed = (json.loads(text) for kind, text in BLOCKS if kind == "json")
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    with emulated(seed=tmp_path / "seed.json") as running, running.client() as client:
        assert [ip.id for ip in client.list()] == ["ip_1", "ip_2"]
        assert client.get("ip_1").reputation_score == 31
        client.request(pool="cold")
        told = running.requests[-1]
        assert {**vars(told), "milliseconds": 3} == request


def test_every_kind_of_fault_is_explained() -> None:
    table = DOCS[DOCS.index("## Faults") : DOCS.index("## The account")]
    named = set(re.findall(r"`([a-z0-9-]+)`", table))
    assert {kind for kind in KINDS if not kind.isdigit()} <= named


def test_every_option_is_explained() -> None:
    for command in ("run", "serve", "reset"):
        shown = subprocess.run(
            [sys.executable, "-m", "misar_ips", "emulator", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for option in set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", shown, re.MULTILINE)) - {"--help"}:
            (row,) = (
                line for line in DOCS.splitlines() if re.match(rf"\| (.*, )?`{option}\b", line)
            )
            cells = row.split("|")[3:6]
            assert cells[("run", "serve", "reset").index(command)].strip(), (command, option)
