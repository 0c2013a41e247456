"""What a TAB offers: commands, options and values, read from the very app that runs them.

A shell waits for this. So it never prints an error, never asks, needs no key for what is static,
and gives the API a second and a half for the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from misar_ips.api.arguments import DOCUMENTED_POOLS, GOALS
from misar_ips.shell import scripts as shells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from misar_ips.config.file import Profile
    from misar_ips.session import Session
    from misar_ips.shell.seen_ips import SeenIP

    Command = Any  # Typer's, of which it makes no public class

PATIENCE = 1.5  # seconds
STATUSES = {
    "not_started": "provisioned, warm-up not begun",
    "warming": "warm-up in progress",
    "warmed": "full daily limit",
    "suspended": "temporarily, after a complaint spike",
}
PLANS = ("free", "pro", "max", "enterprise")
_GOALS = {"provisioned": "the IP is there", "warmed": "its warm-up is complete"}
_SAFE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
"""What can stand in any shell's command line without quotes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that the word at the cursor may become."""

    value: str
    description: str = ""


@dataclass
class _Line:
    """A command line up to the cursor: the command it names, and what was given to it."""

    command: Command
    arguments: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)  # by the option's first name
    waiting: Command | None = None  # an option that has no value yet
    is_literal: bool = False  # after `--`, nothing is an option


def answer(command: Command, words: Sequence[str], session: Session) -> None:
    """Write what can stand in the place of the last word."""
    session.open(None, json=False, debug=False)
    try:
        *before, current = _normal(words, session.environ[shells.VARIABLE])
        offers = list(_offers(command, before, current, session))
    except Exception:  # noqa: BLE001 - a TAB never shows an error
        offers = []
    session.output.pairs((offer.value, offer.description) for offer in offers)


def _normal(words: Sequence[str], shell: str) -> list[str]:
    """Return the words as the program would get them: each shell has a way of its own."""
    *before, current = words or [""]
    if shell == shells.POWERSHELL:
        current = current.removeprefix("=")
    if shell == "bash":  # which takes "--pool=x" for three words
        before = [word for word in before if word != "="]
        current = "" if current == "=" else current
    return [*before, current]


def _offers(root: Command, before: list[str], current: str, session: Session) -> Iterator[Offer]:
    line = _read(root, before)
    if line.waiting is not None:
        values = _values(line.waiting, line, session)
        return _matching(values, current)
    if current.startswith("-") and not line.is_literal:
        name, equals, typed = current.partition("=")
        option = _option(line.command, name)
        if equals and option is not None:
            values = _values(option, line, session)
            return (
                Offer(f"{name}={each.value}", each.description) for each in _matching(values, typed)
            )
        return _matching(_unused_options(line), current)
    if hasattr(line.command, "commands"):
        return _matching(_commands(line.command), current)
    argument = _argument(line)
    return _matching(_values(argument, line, session) if argument else (), current)


def _read(root: Command, words: Iterable[str]) -> _Line:
    """Read the words before the cursor as the parser will, but without a complaint."""
    line = _Line(root)
    for word in words:
        if line.waiting is not None:
            line.options[line.waiting.opts[0]] = word
            line.waiting = None
        elif word == "--":
            line.is_literal = True
        elif word.startswith("-") and len(word) > 1 and not line.is_literal:
            _read_option(line, word)
        elif word in getattr(line.command, "commands", {}):
            line.command = line.command.commands[word]
        else:
            line.arguments.append(word)
    return line


def _read_option(line: _Line, word: str) -> None:
    name, equals, value = word.partition("=")
    option = _option(line.command, name)
    if option is None:
        return
    line.options[option.opts[0]] = value
    if not (option.is_flag or equals):
        line.waiting = option


def _option(command: Command, name: str) -> Command | None:
    return next((each for each in command.params if name in each.opts and name[:1] == "-"), None)


def _unused_options(line: _Line) -> Iterator[Offer]:
    for option in line.command.params:
        is_option = option.param_type_name == "option"
        if is_option and (option.multiple or option.opts[0] not in line.options):
            yield Offer(option.opts[0], option.help or "")
    yield Offer("--help", "Show this message and exit.")


def _commands(group: Command) -> Iterator[Offer]:
    for name, command in group.commands.items():
        yield Offer(name, command.get_short_help_str(limit=100))


def _argument(line: _Line) -> Command | None:
    """Return the argument that comes next, None where all are given."""
    arguments = [each for each in line.command.params if each.param_type_name == "argument"]
    given = len(line.arguments)
    if given < len(arguments):
        return arguments[given]
    return arguments[-1] if arguments and arguments[-1].nargs == -1 else None


def _matching(offers: Iterable[Offer], start: str) -> Iterator[Offer]:
    return (each for each in offers if each.value.startswith((start, shells.FILES)))


def _values(parameter: Command, line: _Line, session: Session) -> Iterable[Offer]:
    """Return the values that an option or argument may have, by what help calls them."""
    by_metavar: dict[str, Callable[[_Line, Session], Iterable[Offer]]] = {
        "IP": _ids,
        "IP...": _ids,
        "[IP...]": _ids,
        "POOL": _pools,
        "NAME": _profiles,
        "STATUS": lambda *_: _described(STATUSES),
        "GOAL": lambda *_: _described({goal: _GOALS[goal] for goal in GOALS}),
        "PLAN": lambda *_: _described(dict.fromkeys(PLANS, "")),
        "FIELD": lambda *_: _described(dict.fromkeys(_sort_fields(), "")),
        "PATH": lambda *_: [Offer(shells.FILES)],
    }
    given = by_metavar.get(parameter.metavar or "")
    return given(line, session) if given else ()


def _described(values: Mapping[str, str]) -> list[Offer]:
    return [Offer(value, description) for value, description in values.items()]


def _sort_fields() -> tuple[str, ...]:
    from misar_ips.api.arguments import FIELDS

    return tuple(FIELDS)


def _ids(line: _Line, session: Session) -> Iterator[Offer]:
    for ip in _seen(line, session):
        if ip.id not in line.arguments and _SAFE.fullmatch(ip.id):
            yield Offer(ip.id, " ".join(filter(None, (ip.address, ip.status))))


def _pools(line: _Line, session: Session) -> Iterator[Offer]:
    in_use = (ip.pool for ip in _seen(line, session) if ip.pool and _SAFE.fullmatch(ip.pool))
    for pool in dict.fromkeys((*DOCUMENTED_POOLS, *in_use)):
        yield Offer(pool)


def _profiles(line: _Line, session: Session) -> Iterator[Offer]:
    from misar_ips.config.file import DEMO
    from misar_ips.config.profiles import read_profiles
    from misar_ips.errors import ConfigError

    if line.command.name == "add":
        return  # a new name is wanted there
    try:
        profiles, default = read_profiles(session.environ)
    except ConfigError:
        profiles, default = [], None
    for profile in profiles:
        if _SAFE.fullmatch(profile.name):
            is_default = ", the default one" if profile.name == default else ""
            yield Offer(profile.name, f"{profile.base_url}{is_default}")
    if line.command.name != "remove":
        yield Offer(DEMO, "the built-in account, which needs no key")


def _seen(line: _Line, session: Session) -> Sequence[SeenIP]:
    """Return the account's IPs, as they were within the last minute; none where that takes long."""
    from misar_ips.config.profiles import choose_profile
    from misar_ips.errors import ConfigError
    from misar_ips.shell import seen_ips

    try:
        profile = choose_profile(line.options.get("--profile"), session.environ)
    except ConfigError:
        return ()
    seen = seen_ips.read(profile)
    # A command that prints the key may ask for a password or a finger, so it is not run.
    if seen is None and profile.api_key_command is None:
        seen = _look(session, profile)
    return seen or ()


def _look(session: Session, profile: Profile) -> tuple[SeenIP, ...] | None:
    """List the IPs once. A name that DNS does not find in time can't be waited for otherwise."""
    import threading

    from misar_ips.shell import seen_ips

    found: list[tuple[SeenIP, ...]] = []

    def look() -> None:
        from misar_ips.errors import MisarError

        try:
            with session.client_for(profile) as client:
                ips = client.probe(patience=PATIENCE).ips()
        except MisarError:
            return
        found.append(
            tuple(seen_ips.SeenIP(ip.id, ip.address, ip.pool, ip.warmup_status) for ip in ips)
        )

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(PATIENCE)
    if not found:
        return None
    seen_ips.keep(profile, found[0])
    return found[0]
