"""What is generated is current, and what is written by hand tells of all that there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
import typer

import misar_ips
from misar_ips.cli import whole_app
from misar_ips.cli.help import EXIT_CODES
from misar_ips.errors import ExitCode
from scripts.man_page import man_page
from scripts.pictures import PICTURES, picture
from scripts.regenerate import ROOT

if TYPE_CHECKING:
    from tests.conftest import World

REGENERATE = "run `python -m scripts.regenerate`"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAN_PAGE = ROOT / "man" / "misar-ips.1"


def all_commands() -> dict[str, Any]:
    """Return every command by what is typed for it; the program itself is the empty text."""
    found: dict[str, Any] = {"": typer.main.get_command(whole_app())}
    for name, command in found[""].commands.items():
        found[name] = command
        for inner, each in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = each
    return found


COMMANDS = all_commands()


def test_the_man_page_is_current() -> None:
    assert MAN_PAGE.read_text(encoding="utf-8") == man_page(), REGENERATE


def test_the_man_page_is_one_that_man_can_show() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-c", str(MAN_PAGE)],  # noqa: S607 - wherever it is
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert shown.stderr == ""
    text = re.sub(".\b", "", shown.stdout)
    for section in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f"\n{section}\n" in text
    for command in COMMANDS:
        assert f"misar-ips {command}" in text


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_current_and_fetch_nothing(name: str) -> None:
    path = ROOT / "pictures" / name
    svg = path.read_text(encoding="utf-8")
    assert svg == picture(*PICTURES[name]), REGENERATE
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - a file of ours
    drawn = re.sub(r"<text[^>]*>[^<]*</text>", "", svg)
    assert set(re.findall(r"https?://[^\"' )]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert path.stat().st_size < 30_000
    assert f"(pictures/{name})" in (ROOT / "README.md").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Return a colour's relative luminance, as WCAG 2 defines it."""
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_can_be_read_on_any_page(name: str) -> None:
    svg = (ROOT / "pictures" / name).read_text(encoding="utf-8")
    [background] = re.findall(r'<rect width="100%" height="100%" .*? fill="(#\w{6})"', svg)
    colours = re.findall(r"fill: (#\w{6})", svg)
    assert len(colours) >= 5
    for colour in colours:
        assert (luminance(colour) + 0.05) / (luminance(background) + 0.05) >= 4.5


def sections(help_text: str) -> dict[str, list[str]]:
    """Return the lines of each section of a command's help, by its heading."""
    parts = [part.splitlines() for part in help_text.rstrip("\n").split("\n\n")]
    return {heading.removesuffix(":"): lines for heading, *lines in parts}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_teaches(world: World, command: str) -> None:
    ran = world.run(*command.split(), "--help")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran == world.run("help", *command.split())
    usage, sentence, *_ = ran.stdout.split("\n\n")
    assert usage.startswith(f"Usage: {' '.join(('misar-ips', *command.split()))} ")
    assert usage.endswith("[OPTIONS] -- COMMAND..." if command == "emulator run" else "[OPTIONS]")
    assert re.fullmatch(r"  [A-Z](.|\n)*\.", sentence)
    taught = sections(ran.stdout)
    assert 2 <= len(taught["Examples"]) <= 3
    assert all(example.startswith(f"  misar-ips {command}") for example in taught["Examples"])
    assert any("--help" in line for lines in taught.values() for line in lines)
    assert max(len(line) for line in ran.stdout.splitlines()) <= 80


def test_a_commands_help_names_the_exit_codes_that_are_its_own(world: World) -> None:
    own = {
        "wait": [11],
        "request": [10, 11],
        "update": [10, 11],
        "release": [1, 2, 10],
        "check": [12],
        "changes": [12],
        "trace": [12],
        "doctor": [12],
    }
    for command in COMMANDS:
        table = sections(world.run(*command.split(), "--help").stdout).get("Exit codes", [])
        assert [int(line.split()[0]) for line in table] == own.get(command, [])


def test_help_has_topics(world: World) -> None:
    codes = sections(world.run("help", "exit-codes").stdout)["Exit codes"]
    assert [int(line.split()[0]) for line in codes] == sorted(ExitCode)
    assert "MISAR_IPS_EMULATOR_DB" in world.run("help", "environment").stdout


def test_each_option_is_one_line_and_the_help_of_list_one_screen(world: World) -> None:
    for command in COMMANDS:
        _, _, *rest = world.run(*command.split(), "--help").stdout.split("\n\n")
        listed = "\n".join(rest).partition("\nExamples:")[0].splitlines()
        assert [line for line in listed if line.startswith("   ")] == []
    assert len(world.run("list", "-h").stdout.splitlines()) <= 24


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


HELP_OF_CHECK = """\
Usage: misar-ips check [IP...] [OPTIONS]

  Check IPs: PTR and forward DNS, SPF, blocklists, warm-up.

Arguments:
  [IP...]  Ids or addresses; all IPs without one.

DNS:
  --blocklists               Ask the usual blocklists as well.
  --blocklist ZONE           Ask this blocklist; repeatable.
  --sender DOMAIN            Check SPF for this envelope domain; repeatable.
  --resolver ADDRESS[:PORT]  Ask this resolver, not the system's; repeatable.

Options:
  --min-reputation N  Fail an IP whose reputation score is lower.
  --strict            Fail what is not known as well.

Common options:
  -p, --profile NAME  Use this profile; demo needs no key.
  --json              Print JSON.
  --debug             Log each attempt, and where an error came from.
  -h, --help          Show this message and exit.

Examples:
"""
GROUPS_OF_HELP = {
    "": ["Dedicated IPs", "Set-up and tests", "Options", "Common options"],
    "request": ["Options", "DNS", "Common options"],
    "list": ["Options", "Common options"],
    "profile": ["Commands", "Options"],
    "profile add": ["Arguments", "What is saved", "Options", "Common options"],
    "profile use": ["Arguments", "Options"],
    "emulator serve": ["Where it is", "Its account", "What it answers", "Options"],
}


def test_help_has_its_options_in_groups(world: World) -> None:
    assert world.run("check", "-h").stdout.startswith(HELP_OF_CHECK)
    for command, groups in GROUPS_OF_HELP.items():
        shown = list(sections(world.run(*command.split(), "--help").stdout))
        assert shown[2 : shown.index("Examples")] == groups


def test_help_tells_what_holds_where_nothing_is_given(world: World) -> None:
    shown = world.run("wait", "--help").stdout
    assert shown.startswith("Usage: misar-ips wait IP --for GOAL [OPTIONS]\n")
    assert "  --interval DURATION  How often to look; at least 5s. [default: 60s]\n" in shown
    assert " [default: 30]\n" in world.run("profile", "add", "--help").stdout


def test_the_changelog_is_of_this_version() -> None:
    assert CHANGELOG.startswith("# Changelog\n")
    headings = re.findall(r"^## \[(.*?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.MULTILINE)
    assert headings[0][0] in {"Unreleased", misar_ips.__version__}
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_contributing_names_every_module_and_check() -> None:
    modules = {path.stem for path in (ROOT / "misar_ips").glob("*.py")} - {"__init__", "__main__"}
    named = set(re.findall(r"`(\w+)(?:\.py)?`", CONTRIBUTING))
    assert modules - named == set()
    commands = re.findall(r"\.venv/bin/(\w+)", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    for command in {"pytest", *commands} - {"pip", "python"}:
        assert command in CONTRIBUTING
