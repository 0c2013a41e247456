"""Results as scripts read them: tab-separated lines, full values, no header, no colour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from misar_ips.api.models import DedicatedIP
from misar_ips.api.warmup import IPDetails
from misar_ips.safe_text import plain
from misar_ips.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    from misar_ips.api.sending_limits import DayLimit, PoolLimit, TotalLimit
    from misar_ips.results import (
        Change,
        ChangedIP,
        CheckedIP,
        Finding,
        ProfileEntry,
        Release,
        Result,
    )

    One: TypeAlias = IPDetails | PoolLimit | DayLimit | TotalLimit
    Other: TypeAlias = ChangedIP | CheckedIP | Change | Finding | ProfileEntry | Release


def lines_of(value: Result, *, brief: bool = False) -> Iterator[str]:
    """Return a result's lines; ``brief``: one line for an IP instead of one for each field."""
    if not isinstance(value, Sequence):
        yield from _lines(value, brief=brief)
        return
    for each in value:
        if isinstance(each, DedicatedIP):
            yield _tabbed(_list_columns(each))
        elif isinstance(each, IPDetails):
            yield _tabbed((*_list_columns(each.ip), *_columns_of_details(each)))
        else:
            yield from _lines(each)


def _lines(value: One | Other, *, brief: bool = False) -> Iterator[str]:
    # Loaded here and below, each where it may be needed: what scripts read most comes fast.
    if isinstance(value, IPDetails):
        yield from [_tabbed(_list_columns(value.ip))] if brief else _detail_lines(value.ip)
        return
    from misar_ips.api.sending_limits import DayLimit, PoolLimit, TotalLimit

    if isinstance(value, PoolLimit):
        yield _tabbed((value.pool, value.daily_limit, len(value.counted), len(value.ips)))
    elif isinstance(value, DayLimit):
        yield _tabbed(tuple(value.to_json().values()))
    elif isinstance(value, TotalLimit):
        yield _tabbed((value.daily_limit,))
    else:
        yield from _other_lines(value)


def _other_lines(value: Other) -> Iterator[str]:
    from misar_ips.results import Change, ChangedIP, CheckedIP, Finding, ProfileEntry

    if isinstance(value, ChangedIP):
        yield _tabbed(_list_columns(value.ip))
    elif isinstance(value, CheckedIP):
        yield from _check_lines(value)
    elif isinstance(value, Change):
        yield _tabbed(tuple(value.to_json().values()))
    elif isinstance(value, Finding):
        yield _tabbed((value.name, value.status, value.message, value.hint))
    elif isinstance(value, ProfileEntry):
        yield _tabbed((value.name, value.base_url, value.default, value.api_key))
    else:
        yield _tabbed((value.id, value.address, value.released))


def _check_lines(ip: CheckedIP) -> Iterator[str]:
    for check in ip.checks:
        found, expected = ", ".join(check.found), ", ".join(check.expected)
        told = " ".join(filter(None, (check.message, check.whole_hint)))
        file = () if ip.file is None else (ip.file,)
        yield _tabbed((*file, ip.id, ip.address, check.name, check.status, found, expected, told))


def _list_columns(ip: DedicatedIP) -> tuple[object, ...]:
    """Return the columns of `list`, in the order that is promised for ever."""
    return (
        ip.id,
        ip.address,
        ip.rdns,
        ip.pool,
        ip.warmup_status,
        ip.warmup_percent,
        rfc3339(ip.created_at),
    )


def _columns_of_details(details: IPDetails) -> tuple[object, ...]:
    """Return what `list --details` appends, "?" where it could not be read."""
    ip, warm_up = details.ip, details.warm_up
    if details.error:
        return ("?",) * 4
    return ip.daily_limit, ip.reputation_score, warm_up.day, warm_up.behind_days


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
    return "\t".join(map(_field, values))


def _field(value: Any) -> str:  # noqa: ANN401 - any value of a field
    if isinstance(value, str):
        return plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):  # of a field that `changes --every-change` tells
        return plain(json.dumps(value, ensure_ascii=False))
    return str(value)
