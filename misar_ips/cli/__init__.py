"""The commands: what each takes, and in a line or two what it does.

Nothing is printed, caught or ended here. Results go to ``session.output``, errors rise to main.
None of these modules has `from __future__ import annotations`: Typer reads the annotations when it
builds the commands. What a command works with is imported in it, because `--help` and a TAB build
them all and run none.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from misar_ips.cli.help import ALIASES
from misar_ips.cli.ips import app
from misar_ips.cli.options import SET_UP

if TYPE_CHECKING:
    import typer
    from typer.models import CommandInfo

_ORDER = (
    *("list", "show", "limit", "changes", "check", "trace", "wait"),
    *("request", "update", "release", "doctor", "metrics", "help"),
)
"""The commands as help, man page and completion show them: the first must not be an order."""


def app_for(name: str) -> typer.Typer:
    """Return the app with the one command of that name: building all of them takes 5 ms.

    Where there is none, and for `help`, return it with every command.
    """
    if name == "help":
        return whole_app()
    small = copy(app)
    small.registered_commands = _named(name, app) or _named(name, _with_every_command())
    return small if small.registered_commands else whole_app()


def whole_app() -> typer.Typer:
    """Return the app with every command."""
    from misar_ips.cli import emulator, profile

    whole = _with_every_command()
    whole.registered_groups = []
    whole.add_typer(profile.app, name="profile", rich_help_panel=SET_UP)
    whole.add_typer(emulator.app, name="emulator", rich_help_panel=SET_UP)
    return whole


def _named(name: str, among: typer.Typer) -> list[CommandInfo]:
    return [each for each in among.registered_commands if each.name == ALIASES.get(name, name)]


def _with_every_command() -> typer.Typer:
    """Return the app with the commands that have modules of their own, each in its place."""
    from misar_ips.cli import daily, messages  # noqa: F401 - they add their commands to the app

    whole = copy(app)
    whole.registered_commands = sorted(
        app.registered_commands, key=lambda each: _ORDER.index(each.name or "")
    )
    return whole
