"""Results as scripts read them: tab-separated lines, full values, no header, no colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from misar_ips.checks import CheckedIP
from misar_ips.models import ChangedIP, DedicatedIP, Finding, ProfileEntry, Release
from misar_ips.text import plain, rfc3339
from misar_ips.warmup import IPDetails

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from misar_ips.models import Result


def lines_of(value: Result, *, brief: bool = False) -> Iterator[str]:
    """Give a result's lines; ``brief``: one line for an IP, and not one for each of its fields."""
    if isinstance(value, IPDetails) and not brief:
        yield from _detail_lines(value.ip)
    elif isinstance(value, IPDetails | ChangedIP):
        yield _tabbed(_list_columns(value.ip))
    elif isinstance(value, ProfileEntry):
        yield _tabbed(_columns(value))
    else:
        for each in value:
            if isinstance(each, CheckedIP):
                yield from _check_lines(each)
            else:
                yield _tabbed(_columns(each))


def _columns(value: DedicatedIP | Release | ProfileEntry | Finding) -> tuple[object, ...]:
    if isinstance(value, DedicatedIP):
        return _list_columns(value)
    if isinstance(value, Release):
        return value.id, value.address, value.released
    if isinstance(value, Finding):
        return value.name, value.status, value.message, value.hint
    return value.name, value.base_url, value.default, value.api_key


def _check_lines(ip: CheckedIP) -> Iterator[str]:
    for check in ip.checks:
        found, message = ", ".join(check.found), check.whole_message
        yield _tabbed((ip.id, ip.address, check.name, check.status, found, check.expected, message))


def _list_columns(ip: DedicatedIP) -> tuple[object, ...]:
    """Give the columns of `list`, in the order that is promised for ever."""
    return (
        ip.id,
        ip.address,
        ip.rdns,
        ip.pool,
        ip.warmup_status,
        ip.warmup_percent,
        rfc3339(ip.created_at),
    )


def _detail_lines(ip: DedicatedIP) -> Iterator[str]:
    fields: dict[str, object] = {
        "id": ip.id,
        "address": ip.address,
        "rdns": ip.rdns,
        "pool": ip.pool,
        "warmup_status": ip.warmup_status,
        "warmup_percent": ip.warmup_percent,
        "daily_limit": ip.daily_limit,
        "reputation_score": ip.reputation_score,
        "created_at": rfc3339(ip.created_at),
        "provisioned_at": rfc3339(ip.provisioned_at),
    }
    for name, value in fields.items():
        yield _tabbed((name, value))
    for step in ip.warmup_schedule:
        yield _tabbed(("step", step.day, step.limit, step.sent, step.done))


def _tabbed(values: Sequence[object]) -> str:
    return "\t".join(_field(value) for value in values)


def _field(value: Any) -> str:  # noqa: ANN401 - any value of a field
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(str(value))
