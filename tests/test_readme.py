"""The README, held against the program: every example is run, every table is compared."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import errors
from misar_ips.config.profiles import choose_profile
from misar_ips.emulator.faults import KINDS
from scripts.readme import examples, with_examples_run
from tests.test_documents import COMMANDS

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer
    from tests.conftest import World

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return what stands in the README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_examples_print_what_the_readme_says(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq, which some examples pipe into, is not installed")
    written = examples(README)
    assert len(written) >= 13
    for example, run in zip(written, examples(with_examples_run(README, tmp_path)), strict=True):
        assert example == run


def test_the_exit_codes_are_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", README, re.MULTILINE)
    documented = {int(exit_code): set(re.findall(r"`(\w+)`", names)) for exit_code, names in rows}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.MisarError)]
    actual: dict[int, set[str]] = {int(errors.ExitCode.DONE): set()}
    for kind in ours:
        actual.setdefault(int(kind.exit_code), set()).add(kind.code)
    assert documented == actual
    assert set(errors.ExitCode) == set(actual)


def test_every_command_and_option_is_documented(world: World) -> None:
    for command in COMMANDS:
        assert f"misar-ips {command}" in README
        for option in re.findall(r"(--[a-z-]+)", world.run(*command.split(), "--help").stdout):
            assert option in {"--help", *re.findall(r"--[a-z-]+", README)}


def test_the_doctors_report_is_the_programs(world: World) -> None:
    [example] = [block for block in blocks("text") if block.startswith("$ misar-ips doctor\n")]
    world.environ |= {"SHELL": "bash", "HOME": "/nowhere", "NO_COLOR": "1"}
    headers = {
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "57",
        "Date": format_datetime(datetime.now(UTC), usegmt=True),
    }
    refused = {"success": False, "error": "API key does not have 'ips' scope"}
    world.transport = httpx.MockTransport(
        lambda _request: httpx.Response(403, json=refused, headers=headers)
    )
    ran = world.run("doctor", terminal="in out err")
    assert ran.code == 12
    shown = re.sub(r"\d+ ms", "84 ms", ran.stdout + ran.stderr)
    # What stands before is of the machine.
    assert shown.partition("✓ profile")[2] == example.partition("✓ profile")[2]


def test_the_emulators_options_and_faults_are_documented(world: World) -> None:
    shown = world.run("emulator", "serve", "--help").stdout
    table = README.partition("## The emulator")[2].partition("## The library")[0]
    offered = set(re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE))
    assert set(re.findall(r"`(--[a-z-]+)`", table)) == offered
    kinds = {kind for kind in KINDS if not kind.isdigit()}
    assert kinds <= set(re.findall(r"`([a-z-]+)`", table))


def test_the_warm_ups_keys_are_documented(world: World) -> None:
    warm_up = json.loads(world.run("show", "ip_abc123", "--json").stdout)["warmup"]
    table = README.partition("add one key, `warmup`")[2].partition("Errors are")[0]
    rows = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(warm_up)


def test_the_configuration_example_is_read(world: World, tmp_path: Path) -> None:
    [example] = blocks("toml")
    key = "msk_0123"
    path = tmp_path / "config.toml"
    path.write_text(example.replace("msk_…", key))
    path.chmod(0o600)
    environ = {"MISAR_IPS_CONFIG": str(path)}
    assert choose_profile(None, environ).api_key == key
    command = tomllib.loads(example)["profiles"]["vault"]["api_key_command"]
    assert choose_profile("vault", environ).api_key_command == command
    world.environ |= environ
    assert world.run("profile", "list").code == 0


def test_the_librarys_example_runs(server: EmulatorServer) -> None:
    [example] = blocks("python")
    program = example.replace('"msk_…"', f'"msk_0123", "{server.base_url}"')
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8"
    )
    assert done.stdout.splitlines() == [
        "ip_abc123 198.51.100.42 62",
        "ip_def456 198.51.100.17 100",
        "ip_ghi789 198.51.100.88 38",
        "ip_jkl012 198.51.100.131 0",
    ]


def test_the_two_set_up_commands_need_nothing_but_python() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if "-m venv" in line]
    assert [command.rpartition(" && ")[2] for command in commands] == [
        ".venv/bin/misar-ips list --profile demo",
        ".venv/bin/pytest -n auto",
    ]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
