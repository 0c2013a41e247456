"""What `misar-ips changes` does: it tells what is new since its last run, and remembers it.

Looking, telling and remembering is done under one lock, so that of two runs at once only one tells
a thing; and what is new is remembered after it was written, so that what could not be told is told
again.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from misar_ips.commands.check import dns_checks
from misar_ips.config.file import user_folder
from misar_ips.config.locked_file import replace_whole, replaceable
from misar_ips.dns.verdicts import FAIL, PASS
from misar_ips.errors import ChangesFoundError, ConfigError, OutputError, UsageError
from misar_ips.results import Change
from misar_ips.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from misar_ips.api.models import DedicatedIP
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.dns.verdicts import Check
    from misar_ips.output.writer import Output
    from misar_ips.session import Session

    Known: TypeAlias = dict[str, Any]
    """What is known of an IP: its ``fields``, the highest ``reputation`` since one was told, and
    the statuses of its ``checks``."""
    Memory: TypeAlias = dict[str, Known]
    """What is known of each IP, by its id."""

REPUTATION_DROP = 5.0
"""By how much a reputation falls before that is told, in its own points."""

_VERSION = 1
_LONGEST_NAME = 40  # characters of a profile's name in a file's
_PATIENCE = 120.0  # seconds for another run, which may be waiting for the server or asking DNS
_TOLD = ("address", "rdns", "pool", "warmup_status")
_NUMBERS = ("daily_limit", "reputation_score")
_NOTHING: Known = {"fields": {}, "reputation": None, "checks": {}}


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched beside the plain fields.

    ``dns``: PTR and forward DNS; ``zones``: blocklists; both at ``nameservers`` where there are
    some. A reputation is told once it has fallen by ``reputation_drop``, and with
    ``every_change`` whenever it is another one, as every field then.
    """

    dns: bool = False
    zones: Sequence[str] = ()
    nameservers: Sequence[Nameserver] = ()
    reputation_drop: float = REPUTATION_DROP
    every_change: bool = False


def changes(session: Session, watched: Watched, *, state: Path | None, exit_code: bool) -> None:
    """Write what is new since the last run with the same ``state``, and remember it.

    The first run only remembers.

    Raises:
        UsageError: the reputation's fall is not more than zero.
        ChangesFoundError: something is new, and ``exit_code`` asks for that.
        ConfigError: the state is damaged, or can't be read or written; it is as it was.
        OutputError: what is new could not be written; the next run tells it.
        MisarError: the IPs could not be read; the state is as it was.
    """
    if not watched.reputation_drop > 0:  # written so that NaN fails as well
        raise UsageError("`--reputation-drop` must be more than 0.")
    path = _place_of(session, state)
    with ExitStack() as held:
        with session.waits.during("Waiting for another run of `misar-ips changes`"):
            target = held.enter_context(replaceable(path, _PATIENCE))
        before = _read(target)
        after = _look(session, watched, before or {})
        found: list[Change] = []
        if before is not None:
            now = rfc3339(session.now().replace(microsecond=0))
            found = list(_compared(before, after, watched, now))
        _tell(session.output, found, is_first=before is None)
        replace_whole(target, json.dumps({"version": _VERSION, "ips": after}).encode())
    if found and exit_code:
        raise ChangesFoundError(f"Changes found: {len(found)}.")


def _look(session: Session, watched: Watched, before: Memory) -> Memory:
    """Return what is known of the account's IPs now.

    An IP that is missing from a list that is not whole is not gone.

    Raises:
        MisarError: the list, or the details of an IP, could not be read.
    """
    listed = session.listed()
    ips = []
    for ip, error in session.client.with_details(listed, patiently=True):
        if error:
            raise error
        ips.append(ip)
    asked = dns_checks(session, ips, watched.nameservers, names=watched.dns, zones=watched.zones)
    seen = {
        ip.id: _known(ip, checks, before.get(ip.id, _NOTHING), watched)
        for ip, checks in zip(ips, asked, strict=True)
    }
    return seen if listed.is_whole else before | seen


def _known(ip: DedicatedIP, checks: Iterable[Check], old: Known, watched: Watched) -> Known:
    """Return what is known of an IP: what is seen now, and what was where nothing is seen."""
    fields = {**old["fields"], **_facts(ip)}
    score, highest = fields.get("reputation_score"), old["reputation"]
    if score is not None:
        is_told = watched.every_change or _has_fallen(highest, score, watched)
        highest = score if highest is None or is_told else max(highest, score)
    statuses = {each.name: each.status for each in checks if each.status in (PASS, FAIL)}
    return {"fields": fields, "reputation": highest, "checks": {**old["checks"], **statuses}}


def _facts(ip: DedicatedIP) -> dict[str, Any]:
    """Return all that the server tells of an IP, without what makes no sense."""
    read = {name: getattr(ip, name) for name in (*_TOLD, *_NUMBERS)}
    # That a text is null may well mean that it was taken away; a number is then not known.
    unset = {name for name in _TOLD if name in ip.raw and ip.raw[name] is None}
    senseless = {name for name, value in read.items() if value is None} - unset
    return {name: value for name, value in {**ip.raw, **read}.items() if name not in senseless}


def _compared(before: Memory, after: Memory, watched: Watched, now: str) -> Iterator[Change]:
    """Return what is new, IP by IP."""
    for ip_id in dict.fromkeys((*before, *after)):
        old, new = before.get(ip_id), after.get(ip_id)
        address = (new or old or _NOTHING)["fields"].get("address")
        for field, was, is_now in _differences(old, new, watched):
            yield Change(now, ip_id, address, field, was, is_now)


def _differences(
    old: Known | None, new: Known | None, watched: Watched
) -> Iterator[tuple[str, object, object]]:
    """Return what is told of one IP: the field, what it was, and what it is now."""
    if old is None or new is None:
        yield "ip", None, "new" if old is None else "gone"
        return
    for name, is_now in new["fields"].items():
        was = old["fields"].get(name)
        is_told = watched.every_change or name in _TOLD or _is_lower(name, is_now, was)
        if was != is_now and is_told:
            yield name, was, is_now
    score = new["fields"].get("reputation_score")
    if not watched.every_change and _has_fallen(old["reputation"], score, watched):
        yield "reputation_score", old["reputation"], score
    for name, status in new["checks"].items():
        if old["checks"].get(name, status) != status:
            yield name, old["checks"][name], status


def _is_lower(name: str, is_now: float, was: float | None) -> bool:
    return name == "daily_limit" and was is not None and is_now < was


def _has_fallen(highest: float | None, score: float | None, watched: Watched) -> bool:
    """Return whether a reputation is to be told; what is not known has not fallen."""
    if highest is None or score is None:
        return False
    return highest - score >= watched.reputation_drop


def _tell(output: Output, found: Sequence[Change], *, is_first: bool) -> None:
    if found and not output.can_write:
        raise OutputError(
            f"Changes found: {len(found)}, and standard output is closed; they are told next time."
        )
    if found or output.json:
        output.result(found)
    elif output.is_for_people:
        first = "This is what later runs compare with: they tell what has changed since."
        output.note(first if is_first else "Nothing has changed.")


def _place_of(session: Session, state: Path | None) -> Path:
    """Return the state's file: the one named, or in the user's folder one for each account.

    An account is a profile and its base URL, or a key without a profile, by its hash.

    Raises:
        ConfigError: nothing is configured, or there is no home folder to keep the state in.
    """
    profile = session.profile  # read in any case: what is not configured has no state either
    if state is not None:
        return state
    key = "" if profile.name else profile.api_key
    account = json.dumps([profile.name, profile.base_url, key])
    digest = hashlib.sha256(account.encode()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9._-]", "_", profile.name)[:_LONGEST_NAME] or "key"
    return user_folder("state", "`--state`") / f"changes-{name}-{digest}.json"


def _read(path: Path) -> Memory | None:
    """Return what was remembered, None where nothing was.

    Raises:
        ConfigError: the file is damaged, or something else.
    """
    try:
        state = json.loads(path.read_bytes())
        ips: Memory = state["ips"]
        is_ours = state["version"] == _VERSION and all(map(_is_known, ips.values()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise ConfigError(
            f"{path} is damaged, or is not a state of `misar-ips changes`; it was not touched.",
            hint="Move it away to start anew, or name another one with `--state FILE`.",
        )
    return ips


def _is_known(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    fields, checks = value["fields"], value["checks"]
    numbers = [value["reputation"], *(fields.get(name) for name in _NUMBERS)]
    is_numeric = all(isinstance(each, int | float | None) for each in numbers)
    return is_numeric and isinstance(checks, dict)
