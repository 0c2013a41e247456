"""Words that other tools have, and what they are called here; errors whose hints can be pasted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NEAR_COMMANDS = {
    "release": "rm del delete destroy drop terminate free deallocate return",
    "remove": "rm del delete drop forget unset logout",
    "reset": "rm clear clean restart",
    "show": "get describe info inspect view display cat watch status details",
    "list": "get describe info index ll ips all show",
    "request": "create add new order buy purchase rent allocate provision",
    "add": "create new save store login set import",
    "update": "edit set modify change patch put rename move assign configure",
    "use": "set select switch default activate edit update",
    "check": "verify validate lookup dns ptr blocklist blacklist",
    "doctor": "diagnose health ping test debug whoami",
    "wait": "poll follow until",
    "limit": "limits quota capacity today",
    "changes": "diff events log history monitor",
    "trace": "header headers received",
    "metrics": "prometheus export exporter stats",
    "serve": "start up server mock listen",
    "advance": "forward tick skip time clock",
    "profile add NAME": "login auth signin config init setup key keys token",
    "profile remove NAME": "logout signout",
    "profile list": "profiles accounts",
    "profile use NAME": "switch use",
    "emulator serve": "serve mock server start",
    "--version": "version",
    "--install-completion": "completion completions",
}
"""By what is meant, the words for it; of several things that a word may mean, the first counts."""

_NEAR_OPTIONS = {
    "--rdns": "--hostname --host --ptr --reverse-dns --reverse --name --dns --domain",
    "--json": "-o --output --format -j",
    "--version": "-v -V",
    "--debug": "-v --verbose -d -vv --log",
    "--yes": "-f --force --assume-yes --no-confirm -q --quiet",
    "--profile": "--account --context --user --env",
    "--watch": "-w --follow --refresh -f",
    "--wait": "-w --block --sync",
    "--for": "--until --state --status --goal",
    "--timeout": "--max-wait --deadline -t",
    "--interval": "--every --period -n --poll -i",
    "--pool": "--group --ip-pool --stream",
    "--status": "--state --filter --warmup-status -s",
    "--sort": "--order --order-by --sort-by -s",
    "--details": "-l --long --wide --full --all -a",
    "--resolver": "--nameserver --dns-server --server --ns",
    "--blocklist": "--rbl --dnsbl --blacklist --zone",
    "--base-url": "--url --endpoint --api-url --host --server",
    "--replace": "--force --overwrite -f",
    "--db": "--database --state --file",
    "--help": "-? --usage",
}
_OF_THE_KEY = {"--key", "--api-key", "--api_key", "--apikey", "--token", "-k", "--secret"}


def unknown_command(
    before: Sequence[str], words: Sequence[str], known: Collection[str]
) -> UsageError:
    """Return the error for a word that is not a command, with the line that may be meant.

    ``before`` are the words before it on the line, ``known`` the commands that it could be.
    """
    word, *rest = words
    message = f"`{word}` is not a command."
    near = _near(word, _NEAR_COMMANDS, {*known, "--version", "--install-completion"})
    if near == "show" and not rest:
        near = "list"
    if near is None:
        see = [*(each for each in before if each != "--"), "--help"]
        return UsageError(message, hint=f"See `{line(see)}`.")
    name = near.removesuffix(" NAME") if rest else near
    meant = [near] if near.startswith("--") else [*before, *name.split(), *rest]
    return UsageError(message, hint=f"Did you mean `{line(meant)}`?")


def unknown_option(
    path: str, typed: Sequence[str], option: str, known: Collection[str]
) -> UsageError:
    """Return the error for an option that a command does not have, with the line that may be meant.

    ``path`` names the command, ``typed`` is the whole line after the program's name.
    """
    message = f"`{option}` is not an option of `{path}`."
    if option in _OF_THE_KEY and "--base-url" not in known:
        hint = "`misar-ips profile add NAME` takes a key unseen, and keeps it."
        return UsageError("A key is not given on the command line.", hint=hint)
    near = _near(option, _NEAR_OPTIONS, known)
    if near is None:
        return UsageError(message, hint=f"See `{path} --help`.")
    if near in {"--version", "--help"}:
        return UsageError(message, hint=f"Did you mean `{path} {near}`?")
    replaced = _with_option_replaced(typed, option, near)
    return UsageError(message, hint=f"Did you mean `{line(replaced)}`?")


def line(words: Sequence[str]) -> str:
    """Return a command line of the program, as it can be pasted into a shell."""
    return shlex.join(["misar-ips", *words])


def _near(word: str, meanings: dict[str, str], known: Collection[str]) -> str | None:
    for meant, words in meanings.items():
        is_meant = not {word, word.lower()}.isdisjoint(words.split())
        if is_meant and (meant in known or meant.split()[0] in known):
            return meant
    from difflib import get_close_matches

    matches = get_close_matches(word.lower(), known, n=1)
    return matches[0] if matches else None


def _with_option_replaced(typed: Sequence[str], option: str, near: str) -> list[str]:
    words = list(typed)
    place = next((at for at, word in enumerate(words) if _begins_with(word, option)), None)
    if place is None:
        return [*words, near]
    value = words[place][len(option) :]
    if near == "--json":  # `-o json`: ours takes no value
        has_value = not value and words[place + 1 : place + 2] in (["json"], ["text"], ["table"])
        return [*words[:place], near, *words[place + 1 + has_value :]]
    return [*words[:place], f"{near}{value}", *words[place + 1 :]]


def _begins_with(word: str, option: str) -> bool:
    is_short = not option.startswith("--")
    return word == option or word.startswith(option if is_short else f"{option}=")
