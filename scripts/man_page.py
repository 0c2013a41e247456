"""The man page, made of what `--help` is made of, and of the README's exit codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

from misar_ips.cli import whole_app
from misar_ips.cli.help import (
    ENVIRONMENT,
    EXIT_CODES,
    examples,
    groups,
    meaning,
    purpose,
    term,
    usage,
)
from misar_ips.errors import ExitCode
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

Command = Any  # Typer's, of which it makes no public class

_DESCRIPTION = """\
Lists, orders, changes and releases MisarMail's dedicated sending IPs, and shows how their warm-up
goes. Results go to standard output: drawn for people on a terminal, tab-separated lines elsewhere,
one JSON document with --json. Everything else goes to standard error.

An IP is named by its id or by its address."""

_HELP = {"-h, --help": "Show the help of the program, or of the command before it."}

_FILES = {
    "~/.config/misar-ips/config.toml": "Profiles, and which one is the default; on macOS in "
    "~/Library/Application Support/misar-ips.",
    "~/.local/state/misar-ips/emulator.db": "What the emulator and the profile demo keep.",
}


def man_page() -> str:
    """Return misar-ips(1) in troff's man macros."""
    root: Command = typer.main.get_command(whole_app())
    lines = [
        f'.TH MISAR\\-IPS 1 "" "misar\\-ips {__version__}" "User Commands"',
        ".SH NAME",
        "misar\\-ips \\- manage MisarMail dedicated sending IPs",
        ".SH SYNOPSIS",
        ".B misar\\-ips",
        "\\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]",
        ".SH DESCRIPTION",
        *_paragraphs(_DESCRIPTION),
        ".SH OPTIONS",
        *_terms({**{term(each): meaning(each) for each in root.params}, **_HELP}),
        ".SH COMMANDS",
        *(line for name, command in root.commands.items() for line in _command(name, command)),
        ".SH EXIT STATUS",
        *_terms({str(int(code)): EXIT_CODES[code] for code in ExitCode}),
        ".SH ENVIRONMENT",
        *_terms(ENVIRONMENT),
        ".SH FILES",
        *_terms(_FILES),
    ]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Command) -> Iterator[str]:
    if hasattr(command, "commands"):
        for inner, each in command.commands.items():
            yield from _command(f"{name} {inner}", each)
        return
    yield f".SS misar\\-ips {_escaped(' '.join((name, *usage(command))))}"
    yield from _paragraphs(purpose(command))
    yield from _groups(command)
    yield from (".PP", ".I Examples:", ".PP", ".nf", ".RS 4")
    yield from (_escaped(example) for example in examples(command))
    yield from (".RE", ".fi")
    if command.exit_codes:
        yield from (".PP", ".I Exit codes of its own:")
        own = {str(int(code)): EXIT_CODES[code] for code in command.exit_codes}
        yield from _terms(own, indent=5)


def _groups(command: Command) -> Iterator[str]:
    for name, parameters in groups(command.params).items():
        yield from (".PP", f".I {name}:")
        yield from _terms({term(each): meaning(each) for each in parameters})


def _terms(terms: dict[str, str], indent: int = 8) -> Iterator[str]:
    """Return a list of terms, each with what it means, without blank lines between them."""
    yield ".PD 0"
    for name, what in terms.items():
        yield from (f".TP {indent}", f".B {_escaped(name)}", _escaped(what))
    yield ".PD"


def _paragraphs(text: str) -> list[str]:
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    return [line for each in paragraphs for line in (".PP", _escaped(each))]


def _escaped(text: str) -> str:
    """Return a text without what troff would read as its own: backslashes, hyphens, dots."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return re.sub(r"^([.'])", r"\\&\1", escaped)
