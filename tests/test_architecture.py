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

MAY_IMPORT = {
    "__init__": {"api", "errors", "results"},
    "__main__": {"__init__", "cli", "commands", "errors", "session", "shell"},
    "api": {"__init__", "api", "config", "errors", "hostnames", "results", "safe_text"},
    "cli": {
        "__init__",
        "api",
        "cli",
        "commands",
        "config",
        "errors",
        "hostnames",
        "results",
        "safe_text",
        "session",
        "shell",
        "times",
    },
    "commands": {
        "__init__",
        "api",
        "config",
        "dns",
        "emulator",
        "errors",
        "hostnames",
        "output",
        "results",
        "safe_text",
        "session",
        "shell",
        "times",
    },
    "config": {"config", "errors", "hostnames", "safe_text"},
    "dns": {"api", "dns", "hostnames", "output"},
    "emulator": {"emulator", "errors"},
    "errors": {"safe_text"},
    "hostnames": {"errors", "safe_text"},
    "output": {"api", "dns", "errors", "output", "results", "safe_text", "times"},
    "results": {"api", "dns"},
    "safe_text": set(),
    "session": {"api", "config", "dns", "emulator", "errors", "hostnames", "output", "shell"},
    "shell": {"commands", "config", "errors", "hostnames", "session", "shell"},
    "times": {"errors"},
}
"""The arrows of the design. What is not listed is a decision somebody has to make on purpose."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield parts[0], path


def imports_of(path: Path) -> set[str]:
    """Return the parts of the package that a file imports, inside functions and for types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "misar_ips":
            names = [f"misar_ips.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        found |= {f"{name}.".split(".")[1] for name in names if name.startswith("misar_ips")}
    return {"__init__" if name in {"", "__version__"} else name for name in found}


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value)[-25:])
def test_imports_follow_the_design(module: str, path: Path) -> None:
    assert imports_of(path) - MAY_IMPORT[module] == set()


def loaded_by(*arguments: str, environ: dict[str, str], on_terminal: bool = False) -> set[str]:
    """Return the modules that a run of the program loads."""
    program = (
        "import io, sys\n"
        "from misar_ips.__main__ import main\n"
        "class Stream(io.StringIO):\n"
        f"    def isatty(self): return {on_terminal}\n"
        "sys.stdout = Stream()\n"
        "assert main(sys.argv[1:], is_alone=True) == 0\n"
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
NOT_FOR_TABLES = NEVER | {"sqlite3", "tomllib", "tomli_w", "platformdirs", "dns", "concurrent"}
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
    assert {"httpx", "rich.console", "misar_ips.output.ip_table"} <= loaded
    assert loaded & NOT_FOR_TABLES == set()


def test_whoever_runs_the_program_beside_others_gets_all_of_httpcore(
    environ: dict[str, str], server: EmulatorServer
) -> None:
    program = (
        "import httpx\n"
        "from misar_ips.__main__ import main\n"
        "assert main(['list']) == 0\n"
        "httpx.AsyncClient()\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        env={**environ, "MISARMAIL_BASE_URL": server.base_url},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_httpx_sends_without_its_asynchronous_half(
    environ: dict[str, str], server: EmulatorServer
) -> None:
    loaded = loaded_by("list", environ={**environ, "MISARMAIL_BASE_URL": server.base_url})
    assert "httpcore._sync.http11" in loaded
    assert {name for name in loaded if name.startswith(("anyio", "httpcore._async"))} == set()
