"""What a TAB offers: Typer reads the line, and these completers know the values.

A shell waits for this. So it never prints an error, never asks, runs no command for a key, needs
no key for what is static, and gives the API a second and a half for the rest.
"""

# No `from __future__ import annotations`: Typer reads the annotations of the completers.
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from misar_ips.api.arguments import DOCUMENTED_POOLS, FIELDS, GOALS
from misar_ips.api.statuses import STATUSES
from misar_ips.shell.scripts import FILES, POWERSHELL, SCRIPTS, VARIABLE

if TYPE_CHECKING:
    from misar_ips.api.models import DedicatedIP
    from misar_ips.session import Session

    Command: TypeAlias = Any  # Typer's, of which it makes no public class

PATIENCE = 1.5  # seconds

WORDS = "misar_ips.words"
"""In a context's ``meta``: the words after the name of the command that was reached."""

Offers: TypeAlias = Iterator[tuple[str, str]]
"""Values, each with a description."""

_CURSOR = "\0"  # no word of a command line can hold it
_SAFE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
"""What can be in any shell's command line without quotes."""


def answer(command: "Command", words: Sequence[str], session: "Session") -> None:
    """Write what can be in the place of the last word, as the shells' scripts read it."""
    session.open(None, json=False, debug=False)
    try:
        *before, current = _as_the_program_gets_them(words, session.environ[VARIABLE])
        offers = list(_offers(command, before, current, session))
    except Exception:  # noqa: BLE001 - a TAB never shows an error
        offers = []
    session.output.pairs(offers)


def _as_the_program_gets_them(words: Sequence[str], shell: str) -> list[str]:
    """Return the words without their quotes, where the shell's script can't take them off."""
    from typer._click.shell_completion import split_arg_string  # what Typer's own scripts need

    *before, current = words or [""]
    if shell == "bash":
        before = ["".join(split_arg_string(word)) for word in before]
    if shell == POWERSHELL:
        return [*before, current.removeprefix("=")]
    return [*before, "".join(split_arg_string(current))]


def _offers(root: "Command", before: list[str], current: str, session: "Session") -> Offers:
    """Ask whatever takes the word at the cursor: the program's own parser tells what that is."""
    from typer._click.shell_completion import _resolve_context  # Typer makes it public nowhere

    context = _resolve_context(root, {"obj": session}, "misar-ips", before)
    parser = context.command.make_parser(context)
    values, others, _ = parser.parse_args([*context.meta[WORDS], current + _CURSOR])
    for parameter in context.command.params:
        value = values.get(parameter.name or "")
        last = value[-1] if isinstance(value, list | tuple) and value else value
        if isinstance(last, str) and last.endswith(_CURSOR):
            typed = last.removesuffix(_CURSOR)
            if not current.startswith("--"):
                typed = typed.removeprefix("=")  # as `-p=work` is read
            before_it = current.removesuffix(typed)
            if parameter.type.name == "path":
                return iter([(FILES, "")])
            items = parameter.shell_complete(context, typed)
            return ((f"{before_it}{item.value}", item.help or "") for item in items)
    is_too_much = current + _CURSOR in others and not hasattr(context.command, "commands")
    items = [] if is_too_much else context.command.shell_complete(context, current)
    return ((item.value, item.help or "") for item in items)


def _fixed(values: Iterable[str]) -> Callable[[], Offers]:
    """Return a completer for values that are always the same; a mapping tells what they mean."""
    meanings = values if isinstance(values, Mapping) else {}
    return lambda: ((value, meanings.get(value, "")) for value in values)


statuses = _fixed(STATUSES)
goals = _fixed(GOALS)
fields = _fixed(FIELDS)
shells = _fixed(tuple(SCRIPTS))


def plans() -> Offers:
    """Offer the plans that the emulator knows."""
    from misar_ips.emulator.seeds import PLANS

    return _fixed(tuple(PLANS))()


def commands(context: typer.Context) -> Offers:
    """Offer the commands that help can be asked for."""
    group: Any = context.find_root().command
    for name in context.params.get("words") or ():
        group = getattr(group, "commands", {}).get(name)
    for name, command in getattr(group, "commands", {}).items():
        yield name, command.get_short_help_str()


def ids(context: typer.Context) -> Offers:
    """Offer the account's IPs that the line does not name yet."""
    named = context.params.get("ips") or ()
    for ip in _listed(context):
        if ip.id not in named and _SAFE.fullmatch(ip.id):
            yield ip.id, " ".join(filter(None, (ip.address, ip.warmup_status)))


def pools(context: typer.Context) -> Offers:
    """Offer the documented pools, and those that the account's IPs are in."""
    in_use = [ip.pool for ip in _listed(context) if ip.pool and _SAFE.fullmatch(ip.pool)]
    return _fixed(dict.fromkeys((*DOCUMENTED_POOLS, *in_use), ""))()


def saved_profiles(context: typer.Context) -> Offers:
    """Offer the profiles of the configuration file."""
    from misar_ips.config.file import read_config
    from misar_ips.errors import ConfigError

    session: Session = context.obj
    try:
        file = read_config(session.environ)
        profiles, default = file.all_profiles(), file.default
    except ConfigError:
        return
    for profile in profiles:
        if _SAFE.fullmatch(profile.name):
            is_default = ", the default one" if profile.name == default else ""
            yield profile.name, f"{profile.base_url}{is_default}"


def profiles(context: typer.Context) -> Offers:
    """Offer the profiles that can be used: those of the file, and the one that is built in."""
    from misar_ips.config.file import DEMO

    yield from saved_profiles(context)
    yield DEMO, "the built-in account, which needs no key"


def _listed(context: typer.Context) -> "Sequence[DedicatedIP]":
    """Return the account's IPs; none where there is no key, or no answer in time."""
    import threading

    from misar_ips.config.profiles import choose_profile
    from misar_ips.errors import MisarError

    session: Session = context.obj
    found: list[DedicatedIP] = []

    def look() -> None:
        with suppress(MisarError):
            profile = choose_profile(context.params.get("profile"), session.environ)
            # A command that prints the key may ask for a password or a finger, so it is not run.
            if profile.api_key_command is None:
                with session.client_for(profile) as client:
                    found.extend(client.probe(patience=PATIENCE).ips())

    # A name that DNS does not find in time can't be waited for otherwise.
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(PATIENCE)
    return tuple(found)
