"""One dedicated IP of the emulator: the fields it was made with, and what they may hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from misar_ips.emulator.warmup import DAY, PROVISIONING, STEPS, WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 4, 1, 12, tzinfo=UTC)
"""The clock's time when a state is made; an IP that it is made with is then as its fields say."""

_LARGEST = 10**12
_LONGEST_TEXT = 200
_STATUSES = ("not_started", "warming", "warmed", "suspended")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

_SETTINGS = {
    "pool": (
        re.compile(r"[A-Za-z0-9_-]{1,64}"),
        "Must be 1 to 64 letters, digits, hyphens or underscores.",
    ),
    "rdns": (
        re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+"),
        "Must be a hostname of at least two labels, such as mail.example.com.",
    ),
}


class EmulatedIP:
    """An IP with the reference's fields, of which only id and address are required.

    ``suspended_at`` may be among them, which the reference does not have.

    Raises:
        ValueError: A field is not what it must be; the text names it.
    """

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ValueError("it is not an object")  # noqa: TRY004 - a bad value, not a bug
        for name in dict.fromkeys((*_REQUIRED, *fields)):
            if name not in _FIELDS:
                raise ValueError(f"field `{name}`: it must be one of {', '.join(_FIELDS)}")
            (passes, rule), value = _FIELDS[name], fields.get(name)
            if not passes(value) and (value is not None or name in _REQUIRED):
                raise ValueError(f"field `{name}`: it must be {rule}")
        self.fields: dict[str, Any] = fields

    @property
    def created_at(self) -> int:
        """When it was ordered, in epoch seconds of the emulator's clock."""
        return _seconds(self.fields.get("created_at")) or _START

    @property
    def provisioned_at(self) -> int | None:
        """When its provisioning ends, in epoch seconds; None where that is not known."""
        provisioned_at = _seconds(self.fields.get("provisioned_at"))
        if self._status == "not_started" and (provisioned_at or _START) <= _START:
            ordered_at = max(self.created_at, _START - PROVISIONING + 1)
            return ordered_at + PROVISIONING
        return provisioned_at

    def seen_at(self, now: float) -> float:
        """Return the moment whose warm-up is shown: now, but for a suspended IP."""
        if self._status != "suspended":
            return now
        return _seconds(self.fields.get("suspended_at")) or _START

    def warm_up(self, now: float) -> WarmUp:
        """Return where the warm-up is at a moment of the emulator's clock."""
        seen_at = self.seen_at(now)
        steps = self.fields.get("warmup_schedule") or STEPS
        began_at = self._began_at(seen_at, int(steps[-1]["day"]) * DAY)
        return WarmUp(
            elapsed=seen_at - began_at,
            suspended=self._status == "suspended",
            steps=steps,
            given=self.fields,
            given_at=min(_START, seen_at) - began_at,
        )

    @property
    def _status(self) -> str | None:
        status: str | None = self.fields.get("warmup_status")
        return status

    def _began_at(self, seen_at: float, length: int) -> float:
        """Return when the warm-up began, so that the status and the percent given are right."""
        # The reference's example has no provisioned_at: its warm-up began when it was created.
        began_at = self.provisioned_at or self.created_at
        if self._status == "suspended":
            return min(began_at, seen_at)
        if self._status == "warmed":
            return min(began_at, _START - length)
        if self._status == "warming":
            percent = self.fields.get("warmup_percent")
            share = 1 if percent is None else percent / 100
            if not 0 <= _START - began_at < length or _START - began_at > share * length:
                return _START - int(share % 1 * length)
        return began_at


def setting_problem(name: str, value: object) -> str | None:
    """Return what is wrong with a setting, in the API's words; None: nothing is."""
    if name not in _SETTINGS:
        return "Unknown field."
    pattern, rule = _SETTINGS[name]
    if not isinstance(value, str):
        return "Expected a string."
    return None if pattern.fullmatch(value) else rule


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_TEXT


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and str(ip_address(value)) == value
    except ValueError:
        return False


def _is_number(most: int, value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= most  # type: ignore[operator]  # false for NaN as well


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(_LARGEST, value)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and 0 < (_seconds(value) or 0) <= _LARGEST
    except (ValueError, OverflowError):
        return False


def _is_schedule(value: object) -> bool:
    if not isinstance(value, list) or not value or not all(map(_is_step, value)):
        return False
    days = [step["day"] for step in value]
    return days[0] > 0 and days == sorted(set(days))


def _is_step(value: object) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"day", "limit", "sent", "done"}:
        return False
    counts = (value.get("day"), value.get("limit"), value.get("sent", 0))
    return all(map(_is_count, counts)) and isinstance(value.get("done", False), bool)


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return int(time.replace(tzinfo=time.tzinfo or UTC).timestamp())


_START = int(START.timestamp())
_REQUIRED = ("id", "address")
_A_TIME = (_is_time, "a time such as 2026-03-15T10:00:00Z")
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_text, f"a text of 1 to {_LONGEST_TEXT} printable characters"),
    "address": (_is_address, "an IP address"),
    "rdns": (
        lambda value: setting_problem("rdns", value) is None,
        "a hostname such as mail.example.com",
    ),
    "pool": (
        lambda value: setting_problem("pool", value) is None,
        "1 to 64 letters, digits, hyphens or underscores",
    ),
    "warmup_status": (_STATUSES.__contains__, f"one of {', '.join(_STATUSES)}"),
    "warmup_percent": (partial(_is_number, 100), "a number from 0 to 100"),
    "daily_limit": (_is_count, "a whole number, 0 or more"),
    "reputation_score": (partial(_is_number, _LARGEST), "a number, 0 or more"),
    "warmup_schedule": (_is_schedule, "a list of steps with day, limit, sent and done, by day"),
    "created_at": _A_TIME,
    "provisioned_at": _A_TIME,
    "suspended_at": _A_TIME,
}
