"""Who imports whom, and what a command loads: read from the code and from a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import misar_ips

if TYPE_CHECKING:
    from collections.abc import Iterator

    from misar_ips.emulator.server import EmulatorServer

PACKAGE = Path(misar_ips.__file__).parent

LAYERS = (
    "__main__",
    "cli",
    "commands",
    "shell testing",
    "session",
    "output",
    "results",
    "config dns",
    "api",
    "emulator hostnames times",
    "errors",
    "safe_text version",
)
"""Who may import whom: only what is further down. Those in one line do not know each other."""

FLOORS = {name: floor for floor, layer in enumerate(reversed(LAYERS)) for name in layer.split()}
APART = {("api", "emulator"), ("emulator", "hostnames"), ("emulator", "times")}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path) -> Iterator[str]:
    """Return the modules of ours that a file imports, inside functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported_by(path: Path) -> set[str]:
    """Return the parts of the package that a file imports from, its own left out."""
    names = {name.split(".")[1] for name in imports_of(path) if name.startswith("misar_ips.")}
    return names - {part_of(path)}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_file_imports_only_what_is_further_down(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return  # the public names, each from where it is
    up = {
        other
        for other in parts_imported_by(path)
        if FLOORS[other] >= FLOORS[part] or (part, other) in APART
    }
    assert up == set()


def test_no_two_files_import_each_other() -> None:
    module_of = {
        ".".join(["misar_ips", *path.relative_to(PACKAGE).with_suffix("").parts]): path
        for path in PACKAGE.rglob("*.py")
    }
    arrows = {
        (module, target)
        for module, path in module_of.items()
        for name in imports_of(path)
        for target in (name, name.rpartition(".")[0])
        if target in module_of and target != module
    }
    circles = {(one, other) for one, other in arrows if (other, one) in arrows and one < other}
    assert circles == set()


def loaded_by(*arguments: str, environ: dict[str, str], on_terminal: bool = False) -> set[str]:
    """Return the modules that a run of the program loads."""
    program = (
        "import io, sys\n"
        "from misar_ips.__main__ import main\n"
        "class Stream(io.StringIO):\n"
        f"    def isatty(self): return {on_terminal}\n"
        "sys.stdout = Stream()\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environ,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return set(done.stderr.split())


NEVER = {"pydantic", "asyncio", "click", "pygments"}
NOT_FOR_HELP = NEVER | {"httpx", "httpcore", "rich", "sqlite3", "tomllib", "idna", "dns"}
NOT_FOR_TABLES = NEVER | {
    "rich.console",
    "sqlite3",
    "tomllib",
    "tomli_w",
    "platformdirs",
    "dns",
    "concurrent",
}
NOT_FOR_TABLES |= {"misar_ips.results", "misar_ips.dns.verdicts", "misar_ips.cli.examples"}
NOT_FOR_JSON = NEVER | {"rich", "sqlite3", "tomllib", "tomli_w", "platformdirs", "dns"}


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["--version"], ["--help"], ["list", "--help"], ["wait", "-h"]),
        *(
            ["check", "-h"],
            ["profile", "-h"],
            ["profile", "add", "-h"],
            ["emulator", "serve", "-h"],
        ),
    ],
)
def test_help_and_version_load_neither_httpx_nor_rich(
    environ: dict[str, str], arguments: list[str]
) -> None:
    loaded = loaded_by(*arguments, environ=environ)
    assert "misar_ips" in loaded
    assert loaded & NOT_FOR_HELP == set()


def test_the_version_loads_no_typer(environ: dict[str, str]) -> None:
    assert "typer" not in loaded_by("--version", environ=environ)


@pytest.mark.parametrize(
    "arguments", [["list", "--json"], ["show", "ip_abc123", "--json"], ["list"]]
)
def test_what_scripts_read_is_written_without_rich(
    environ: dict[str, str], server: EmulatorServer, arguments: list[str]
) -> None:
    loaded = loaded_by(*arguments, environ={**environ, "MISARMAIL_BASE_URL": server.base_url})
    assert "httpx" in loaded
    assert loaded & NOT_FOR_JSON == set()


@pytest.mark.parametrize("arguments", [["list"], ["show", "ip_abc123"]])
def test_what_people_look_at_most_is_drawn_without_what_other_commands_need(
    environ: dict[str, str], server: EmulatorServer, arguments: list[str]
) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    loaded = loaded_by(*arguments, environ=environ, on_terminal=True)
    assert {"httpx", "misar_ips.output.ip_details"} <= loaded
    assert loaded & NOT_FOR_TABLES == set()
