"""README and docs, held against the program: every example is run, every table is compared."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import errors
from misar_ips.config.profiles import choose_profile
from scripts.pictures import CHECK, shown
from scripts.readme import DOCUMENTS, examples, with_examples_run
from tests.test_documents import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer
    from tests.conftest import World

TEXTS = {path.name: path.read_text(encoding="utf-8") for path in DOCUMENTS}
README, SCRIPTING = TEXTS["README.md"], TEXTS["scripting.md"]
ALL = "\n".join(TEXTS.values())
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def blocks(document: str, language: str) -> list[str]:
    """Return what is in the code blocks of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXTS[document], re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if examples(text)])
def test_the_examples_print_what_is_written(tmp_path: Path, name: str) -> None:
    if "| jq " in TEXTS[name] and shutil.which("jq") is None:
        pytest.skip("jq, which some examples pipe into, is not installed")
    run = examples(with_examples_run(TEXTS[name], tmp_path))
    for example, printed in zip(examples(TEXTS[name]), run, strict=True):
        assert example == printed


def test_a_newcomer_reads_little_and_finds_the_rest() -> None:
    assert len(README.splitlines()) <= 280
    for name in TEXTS.keys() - {"README.md"}:
        assert f"(docs/{name})" in README
    for name, target in re.findall(r"\[([\w./]+\.md)\]\(([^)]+)\)", ALL):
        assert target.rpartition("/")[2] in {*TEXTS, "CONTRIBUTING.md", "CHANGELOG.md"}, name


def test_the_exit_codes_are_the_programs() -> None:
    table = SCRIPTING.partition("## Exit codes")[2]
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", table, re.MULTILINE)
    documented = {int(exit_code): set(re.findall(r"`(\w+)`", names)) for exit_code, names in rows}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.MisarError)]
    actual: dict[int, set[str]] = {int(code): set() for code in errors.ExitCode}
    for kind in ours:
        actual[int(kind.exit_code)].add(kind.code)
    assert documented == actual
    told = set(re.findall(r"\d+", README.partition("| Exit code | |")[2].partition("\n\n")[0]))
    assert {str(int(code)) for code in errors.ExitCode} <= told


def test_every_command_and_option_is_documented(world: World) -> None:
    documented = {"--help", *re.findall(r"--[a-z-]+", ALL)}
    for command in COMMANDS:
        assert f"misar-ips {command}" in ALL
        offered = set(re.findall(r"(--[a-z-]+)", world.run(*command.split(), "--help").stdout))
        assert offered <= documented


def test_the_doctors_report_is_the_programs(world: World) -> None:
    [example] = [
        block
        for block in blocks("configuration.md", "text")
        if block.startswith("$ misar-ips doctor\n")
    ]
    world.environ |= {"HOME": "/nowhere", "NO_COLOR": "1"}
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
    report = re.sub(r"\d+ ms", "84 ms", ran.stdout + ran.stderr)
    # What is above it is of the machine.
    assert report.partition("✓ profile")[2] == example.partition("✓ profile")[2]


def test_the_report_of_check_is_the_programs() -> None:
    [example] = [
        block for block in blocks("dns.md", "text") if block.startswith(f"$ misar-ips {CHECK}\n")
    ]
    assert COLOUR.sub("", shown(CHECK, 80)) == example.partition("\n")[2]


def test_the_configuration_example_is_read(world: World, tmp_path: Path) -> None:
    [example] = blocks("configuration.md", "toml")
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


def printed_by(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout.splitlines()


def test_the_librarys_examples_run(server: EmulatorServer) -> None:
    first, second = blocks("library.md", "python")
    assert printed_by(first.replace('"msk_…"', f'"msk_0123", "{server.base_url}"')) == [
        "ip_abc123 198.51.100.42 62",
        "ip_def456 198.51.100.17 100",
        "ip_ghi789 198.51.100.88 38",
        "ip_jkl012 198.51.100.131 0",
    ]
    assert printed_by(second) == ["warmed"]


def test_the_librarys_names_are_documented() -> None:
    import misar_ips

    named = set(re.findall(r"`(\w+)", TEXTS["library.md"])) | {"Client", "WarmupStep"}
    assert set(misar_ips.__all__) <= named
    offered = {name for name in vars(misar_ips.Client) if not name.startswith("_")}
    internal = {"close", "proxy", "probe", "try_key", "server_time", "carried_out"}
    assert set(re.findall(r"^\| `(\w+)\(", TEXTS["library.md"], re.MULTILINE)) == offered - internal


def test_the_two_set_up_commands_need_nothing_but_python() -> None:
    lines = [line for block in blocks("README.md", "sh") for line in block.splitlines()]
    commands = [line for line in lines if "-m venv" in line]
    assert [command.rpartition(" && ")[2] for command in commands] == [
        ".venv/bin/misar-ips list --profile demo",
        ".venv/bin/pytest -n 4",
    ]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
