"""How IPs are written: in the reference's words, or in those of the vendor's newer library."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.emulator.warmup import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from misar_ips.emulator.ip import EmulatedIP
    from misar_ips.emulator.warmup import WarmUp

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_HISTORY_DAYS = 30
_LIST_FIELDS = ("id", "address", "rdns", "warmup_status", "warmup_percent", "pool", "created_at")


def list_fields(ip: EmulatedIP, now: float) -> dict[str, object]:
    """Return an IP as the reference's list has it."""
    details = detail_fields(ip, now)
    return {name: details[name] for name in _LIST_FIELDS}


def detail_fields(ip: EmulatedIP, now: float) -> dict[str, object]:
    """Return an IP with all of the reference's fields."""
    warm_up, provisioned_at = ip.warm_up(now), ip.provisioned_at
    details = {
        "id": ip.fields["id"],
        "address": ip.fields["address"],
        "rdns": ip.fields.get("rdns"),
        "pool": ip.fields.get("pool") or "marketing",
        "warmup_status": warm_up.status,
        "warmup_percent": warm_up.percent,
        "daily_limit": warm_up.daily_limit,
        "reputation_score": warm_up.reputation_score,
        "warmup_schedule": warm_up.schedule,
        "created_at": _time(ip.created_at),
    }
    if provisioned_at is not None:
        details["provisioned_at"] = _time(provisioned_at) if provisioned_at <= now else None
    return details


def order_fields(ip: EmulatedIP, now: float) -> dict[str, object]:
    """Return an IP as the reference's answer to an order has it."""
    details = detail_fields(ip, now)
    names = ("id", "address", "warmup_status", "pool", "provisioned_at")
    return {name: details[name] for name in names}


def _sdk_fields(ip: EmulatedIP, now: float) -> dict[str, object]:
    warm_up, details = ip.warm_up(now), detail_fields(ip, now)
    has_begun = warm_up.day is not None
    statuses = {"not_started": "provisioning", "suspended": "suspended"}
    pool = str(details["pool"])
    return {
        "id": details["id"],
        "ip_address": details["address"] if has_begun else None,
        "ptr_record": details["rdns"],
        "dedicated_ip_pools": {"id": f"pool_{pool}", "pool_name": pool},
        "status": statuses.get(warm_up.status, "active"),
        "warmup_enabled": warm_up.status == "warming",
        "warmup_start_date": _date(ip.seen_at(now) - warm_up.elapsed) if has_begun else None,
        "warmup_day": warm_up.day,
        "warmup_percent": warm_up.percent,
        "warmup_target_volume": warm_up.steps[-1]["limit"],
        "daily_limit": warm_up.daily_limit,
        "reputation_score": warm_up.reputation_score,
        "created_at": str(details["created_at"]).replace("Z", ".000Z"),
    }


def _sdk_details(ip: EmulatedIP, now: float) -> dict[str, object]:
    warm_up = ip.warm_up(now)
    step = [step for step in warm_up.steps if step["day"] <= (warm_up.day or 1)][-1:]
    entry = {
        "day_number": warm_up.day,
        "max_volume": warm_up.daily_limit,
        "description": f"Step of day {step[0]['day']}" if step else "Before the first step",
    }
    return {
        **_sdk_fields(ip, now),
        "warmup_schedule_entry": entry if warm_up.status == "warming" else None,
        "reputation_history": _history(warm_up, ip.seen_at(now)),
    }


def _history(warm_up: WarmUp, seen_at: float) -> list[dict[str, object]]:
    """Return a month of days, the oldest first; a suspension is its last day's complaints."""
    entries = []
    for ago in reversed(range(min(warm_up.day or 0, _HISTORY_DAYS))):
        elapsed = warm_up.elapsed - ago * DAY
        sent = warm_up.limit_at(elapsed)
        entry = {
            "date": _date(seen_at - ago * DAY),
            "emails_sent": sent,
            "bounces": sent // 100,
            "complaints": 0 if ago or not warm_up.suspended else sent // 50,
            "reputation_score": warm_up.score_at(elapsed) if ago else warm_up.reputation_score,
            "blacklisted": False,
            "blacklist_names": [],
        }
        entries.append(entry)
    return entries


def _date(seconds: float) -> str:
    return _time(seconds).partition("T")[0]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(TIME_FORMAT)


class Shape(NamedTuple):
    """How the list, the details and an order's answer show an IP, and under which names.

    ``counts``: a list says how long it is.
    """

    listed: Callable[[EmulatedIP, float], dict[str, object]]
    detailed: Callable[[EmulatedIP, float], dict[str, object]]
    ordered: Callable[[EmulatedIP, float], dict[str, object]]
    many: str
    one: str
    counts: bool


SHAPES = {
    "reference": Shape(list_fields, detail_fields, order_fields, "ips", "ip", counts=False),
    "sdk": Shape(_sdk_fields, _sdk_details, _sdk_fields, "data", "data", counts=True),
}
