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


def app_for(name: str) -> typer.Typer:
    """Return the app with the one command of that name: building all of them takes 5 ms.

    Where there is none, and for `help`, return it with every command.
    """
    wanted = [each for each in app.registered_commands if each.name == ALIASES.get(name, name)]
    if not wanted or name == "help":
        return whole_app()
    small = copy(app)
    small.registered_commands = wanted
    return small


def whole_app() -> typer.Typer:
    """Return the app with every command."""
    from misar_ips.cli import emulator, profile

    whole = copy(app)
    whole.registered_groups = []
    whole.add_typer(profile.app, name="profile", rich_help_panel=SET_UP)
    whole.add_typer(emulator.app, name="emulator", rich_help_panel=SET_UP)
    return whole
