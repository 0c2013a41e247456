"""The man page, made of what `--help` is made of; what all commands share is in it once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from misar_ips.cli import whole_app
from misar_ips.cli.help import (
    COMMON,
    ENVIRONMENT,
    EXIT_CODES,
    examples,
    meaning,
    purpose,
    term,
    usage,
)
from misar_ips.errors import ExitCode
from misar_ips.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_INDENT = 27  # columns; most terms and what they mean fit one line

Command: TypeAlias = Any  # Typer's, of which it makes no public classes
Parameter: TypeAlias = Any

_DESCRIPTION = """\
Lists, orders, changes and releases MisarMail's dedicated sending IPs, and shows how their warm-up
goes. Results go to standard output: drawn for people on a terminal, tab-separated lines elsewhere,
one JSON document with --json. Everything else goes to standard error.

An IP is named by its id, its address or its rDNS name."""

_HELP = {"-h, --help": "Show the help of the program, or of the command before it."}

_COMMON = """\
Every command that talks to the API takes these, after its name or before it."""

_FILES = {
    "~/.config/misar-ips/config.toml": "Profiles, and which one is the default; on macOS in "
    "~/Library/Application Support/misar-ips.",
    "~/.local/state/misar-ips/": "What the emulator, the profile demo, and changes keep.",
}


def man_page() -> str:
    """Return misar-ips(1) in troff's man macros."""
    root: Command = typer.main.get_command(whole_app())
    described: set[tuple[str, str]] = set()
    lines = [
        f'.TH MISAR\\-IPS 1 "" "misar\\-ips {__version__}" "User Commands"',
        ".SH NAME",
        "misar\\-ips \\- manage MisarMail dedicated sending IPs",
        ".SH SYNOPSIS",
        ".B misar\\-ips",
        "\\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]",
        ".SH DESCRIPTION",
        *_paragraphs(_DESCRIPTION),
        ".SH COMMANDS",
        *(line for name, each in root.commands.items() for line in _command(name, each, described)),
        ".SH OPTIONS",
        *_terms(_meanings(each for each in root.params if _panel(each) != COMMON)),
        *_paragraphs(_COMMON),
        *_terms({**_meanings(each for each in root.params if _panel(each) == COMMON), **_HELP}),
        ".SH EXIT STATUS",
        *_terms({str(int(code)): EXIT_CODES[code] for code in ExitCode}, indent=5),
        ".SH ENVIRONMENT",
        *_terms(ENVIRONMENT),
        ".SH FILES",
        *_terms(_FILES),
    ]
    return "\n".join(lines) + "\n"


def _command(name: str, command: Command, described: set[tuple[str, str]]) -> Iterator[str]:
    """Return a command's section; what was ``described`` of another command is only named."""
    if hasattr(command, "commands"):
        for inner, each in command.commands.items():
            yield from _command(f"{name} {inner}", each, described)
        return
    yield f".SS {_escaped(' '.join((name, *usage(command))))}"
    yield _escaped(purpose(command))
    own = _meanings(
        each for each in command.params if _panel(each) != COMMON and each.name != "help"
    )
    new = {term: what for term, what in own.items() if (term, what) not in described}
    known = [_escaped(f"{term}.") for term in own if term not in new and term.startswith("-")]
    described.update(own.items())
    yield from _terms(new)
    if known:
        yield f"As above: {' '.join(known).replace('. ', ', ')}"
    yield from (".nf", *(f"    {_escaped(example)}" for example in examples(command)[:2]), ".fi")


def _meanings(parameters: Iterable[Parameter]) -> dict[str, str]:
    return {term(each): meaning(each) for each in parameters}


def _panel(parameter: Parameter) -> str | None:
    return getattr(parameter, "rich_help_panel", None)


def _terms(terms: Mapping[str, str], indent: int = _INDENT) -> Iterator[str]:
    """Return a list of terms, each with what it means, without blank lines between them."""
    yield ".PD 0"
    for name, what in terms.items():
        yield from (f'.IP "\\fB{_escaped(name)}\\fR" {indent}', _escaped(what))
    yield from (".PP", ".PD")


def _paragraphs(text: str) -> list[str]:
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    return [line for each in paragraphs for line in (".PP", _escaped(each))]


def _escaped(text: str) -> str:
    """Return a text without what troff would read as its own: backslashes, hyphens, dots."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return re.sub(r"^([.'])", r"\\&\1", escaped)
