"""The IPs that a state begins with: the emulator's own, or those of somebody's seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from misar_ips.emulator.ip import EmulatedIP
from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_Value = TypeVar("_Value")

FIRST_IPS: list[object] = json.loads("""[
{"id": "ip_abc123", "address": "198.51.100.42", "rdns": "mail.yourdomain.com", "pool": "marketing",
 "warmup_status": "warming", "warmup_percent": 62, "daily_limit": 8000, "reputation_score": 84,
 "warmup_schedule": [{"day": 1, "limit": 200, "sent": 200, "done": true},
                     {"day": 7, "limit": 1000, "sent": 1000, "done": true},
                     {"day": 14, "limit": 4000, "sent": 3800, "done": false},
                     {"day": 21, "limit": 10000, "sent": 0, "done": false},
                     {"day": 28, "limit": 25000, "sent": 0, "done": false}],
 "created_at": "2026-03-15T10:00:00Z"},
{"id": "ip_def456", "address": "198.51.100.17", "rdns": "tx.yourdomain.com",
 "pool": "transactional", "warmup_status": "warmed", "created_at": "2026-01-12T08:00:00Z",
 "provisioned_at": "2026-01-13T08:00:00Z"},
{"id": "ip_ghi789", "address": "198.51.100.88", "rdns": "news.yourdomain.com",
 "pool": "marketing", "warmup_status": "suspended", "created_at": "2026-03-02T15:00:00Z",
 "provisioned_at": "2026-03-03T15:00:00Z", "suspended_at": "2026-03-14T09:00:00Z"},
{"id": "ip_jkl012", "address": "198.51.100.131", "pool": "transactional",
 "warmup_status": "not_started", "created_at": "2026-04-01T04:00:00Z",
 "provisioned_at": "2026-04-02T04:00:00Z"}
]""")
"""The first IP is the published reference's example."""

PLANS = {"free": 0, "pro": 0, "max": 1, "enterprise": 5}
"""How many dedicated IPs each plan includes, from the published reference."""

_ADDED_BY_US = "warmup"  # by `misar-ips show --json`, whose output is good for a seed as well


def look_up(kind: str, name: str, known: Mapping[str, _Value]) -> _Value:
    """Return what a name means.

    Raises:
        UsageError: It is not known; the hint says which are.
    """
    if name not in known:
        raise UsageError(
            f"There is no {kind} `{name}`.", hint=f"{kind.capitalize()}s: {', '.join(known)}."
        )
    return known[name]


def first_ips(plan: str, seed: Path | Sequence[object] | None = None) -> list[EmulatedIP]:
    """Return the IPs that a state begins with.

    ``seed`` are the reference's objects or the JSON file that holds them; without one, they are as
    many of the emulator's own as the plan includes.

    Raises:
        UsageError: There is no such plan, or it includes fewer IPs than the seed holds; or one is
            not an IP, and its number, id and field are named.
    """
    limit = look_up("plan", plan, PLANS)
    if seed is None:
        seed = FIRST_IPS[:limit]
    name, ips = ("The seed", seed) if not isinstance(seed, Path) else (str(seed), _read(seed))
    if len(ips) > limit:
        raise UsageError(f"{name} holds {len(ips)} IPs, and the plan `{plan}` includes {limit}.")
    free = free_addresses([ip.get("address") for ip in ips if isinstance(ip, dict)])
    found: list[EmulatedIP] = []
    for number, given in enumerate(ips, 1):
        place = f"{name}: IP {number}"
        fields = given
        if isinstance(given, dict):
            fields = {**given, "address": given.get("address") or next(free)}
            fields.pop(_ADDED_BY_US, None)
            place += f" (`{given['id']}`)" if "id" in given else ""
        try:
            ip = EmulatedIP(fields)
        except ValueError as error:
            raise UsageError(f"{place}, {error}.") from error
        for field in ("id", "address"):
            if ip.fields[field] in [each.fields[field] for each in found]:
                raise UsageError(f"{place}, field `{field}`: an IP before it has the same.")
        found.append(ip)
    return found


def _read(path: Path) -> list[object]:
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{path} is not valid JSON: {error.msg} at {place}.") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}.") from error
    ips = value.get("ips") if isinstance(value, dict) else value
    if not isinstance(ips, list):
        raise UsageError(f'{path} must hold a list of IPs, or an object such as {{"ips": [...]}}.')
    return ips


def free_addresses(taken: Collection[object]) -> Iterator[str]:
    """Return the emulator's addresses that no IP has yet."""
    return (each for host in range(1, 255) if (each := f"198.51.100.{host}") not in taken)
