"""The examples of README and docs: found, typed into a shell, and put back with what they print."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Mapping

README = Path(__file__).parent.parent / "README.md"
DOCUMENTS = (README, *sorted((README.parent / "docs").glob("*.md")))
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MESSAGE = re.compile(r"^```eml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXAMPLE = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_REQUESTED_ID = re.compile(r"ip_[0-9a-f]{16}")  # a new IP's id is random
_DEMO = re.compile(r"^Demo account, from MISAR_IPS_PROFILE: .*\n", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def examples(document: str) -> list[tuple[str, str]]:
    """Return each example's command and what the document says that it prints."""
    return [example for block in _BLOCK.findall(document) for example in _EXAMPLE.findall(block)]


def with_examples_run(document: str, folder: Path) -> str:
    """Return README, or a document, with what its examples print now, of the demo account.

    They are typed in a folder, which has the emulator's state and the message that is shown.
    """
    environ = {
        "MISAR_IPS_EMULATOR_DB": str(folder / "db"),
        "HOME": str(folder),
        "MISAR_IPS_PROFILE": "demo",
    }
    for message in _MESSAGE.findall(document):
        (folder / "received.eml").write_text(message, encoding="utf-8")

    def run(block: re.Match[str]) -> str:
        commands = [command for command, _ in _EXAMPLE.findall(block[1])]
        runs = [f"$ {command}\n{typed(command, environ)}".rstrip("\n") for command in commands]
        return "```console\n" + "\n\n".join(runs) + "\n```"

    return _BLOCK.sub(run, document)


def typed(command: str, environ: Mapping[str, str]) -> str:
    """Return what a terminal of 80 columns shows when the command is typed into bash at home."""
    shell = pexpect.spawn(
        "bash",
        ["-c", command],
        env={
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "MISAR_IPS_CONFIG": "/nonexistent/config.toml",
            **environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        cwd=environ["HOME"],
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
    )
    shell.expect(pexpect.EOF)
    shown = str(shell.before)
    shell.close()
    if "| jq " in command:  # older ones colour what they print whatever NO_COLOR says
        shown = _COLOUR.sub("", shown)
    shown = _DEMO.sub("", shown.replace("\r\n", "\n"))
    return _REQUESTED_ID.sub("ip_5d0c1f3a9b7e2468", shown)
