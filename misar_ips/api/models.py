"""What the API speaks of, as facts: dedicated IPs and their warm-up.

Field names and meanings are those of the published reference. Values of the wrong type become
None, because one odd field must not hide an IP from its owner; ``raw`` keeps what was sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from misar_ips.errors import MisarError

_OTHER_NAMES = {
    "address": ("ip_address", "ip"),
    "rdns": ("ptr_record", "hostname"),
    "warmup_status": ("status",),
}
"""The reference's field names, and those that the vendor's own libraries use in their place."""

_NO_WARM_UP = (None, 0)

_NUMERIC = (int, float, str)
"""What a number may come as. A tuple: `int | float | str` would be made anew for each value."""

_LARGEST_NUMBER = 10**15
"""Beyond this no count of messages is meant; floats would begin to lose whole numbers."""


class WarmupStep(NamedTuple):
    """One step of the warm-up schedule.

    ``day`` counts from 1 at the start of the warm-up; ``limit`` and ``sent`` are messages.
    """

    day: int | None
    limit: int | None
    sent: int | None
    done: bool | None


class DedicatedIP(NamedTuple):
    """One dedicated IP, as the server described it; None where it said nothing usable.

    ``warmup_percent`` is progress through the whole warm-up (0 to 100), ``daily_limit`` today's
    allowance in messages, ``reputation_score`` is out of 100. ``raw`` is the server's own object
    under the reference's field names.
    """

    id: str
    address: str | None = None
    rdns: str | None = None
    pool: str | None = None
    warmup_status: str | None = None
    warmup_percent: float | None = None
    daily_limit: int | None = None
    reputation_score: float | None = None
    warmup_schedule: tuple[WarmupStep, ...] = ()
    created_at: datetime | None = None
    provisioned_at: datetime | None = None
    raw: Mapping[str, Any] = MappingProxyType({})

    def __eq__(self, other: object) -> bool:
        """Compare the facts, in whichever way they were sent."""
        return isinstance(other, DedicatedIP) and self._facts == other._facts

    def __ne__(self, other: object) -> bool:
        return not self == other  # a tuple's own would compare what was sent as well

    def __hash__(self) -> int:
        return hash(self._facts)

    def __repr__(self) -> str:
        """Return the facts, but not what was sent: anything may stand in that."""
        facts = zip(self._fields, self._facts, strict=False)
        return f"DedicatedIP({', '.join(f'{name}={value!r}' for name, value in facts)})"

    @classmethod
    def from_json(cls, value: object) -> DedicatedIP:
        """Read an IP from what the server sent, under whichever names.

        Raises:
            ValueError: it is no object, or has no id.
        """
        if not isinstance(value, dict):
            raise ValueError("an IP is not a JSON object")  # noqa: TRY004 - a bad value, not a bug
        raw = _under_reference_names(value)
        identifier = _identifier(raw.get("id"))
        if not identifier:
            raise ValueError("an IP has no id")
        return cls(
            id=identifier,
            address=_text(raw.get("address")),
            rdns=_text(raw.get("rdns")),
            pool=_text(raw.get("pool")),
            warmup_status=_text(raw.get("warmup_status")),
            warmup_percent=_number(raw.get("warmup_percent")),
            daily_limit=_whole(raw.get("daily_limit")),
            reputation_score=_number(raw.get("reputation_score")),
            warmup_schedule=_schedule(raw.get("warmup_schedule")),
            created_at=_time(raw.get("created_at")),
            provisioned_at=_time(raw.get("provisioned_at")),
            raw=raw,
        )

    def to_json(self) -> Mapping[str, Any]:
        """Return what the server sent, under the reference's field names."""
        return self.raw

    @property
    def _facts(self) -> tuple[object, ...]:
        return self[:-1]

    @property
    def started_at(self) -> datetime | None:
        """The best estimate of when the warm-up began; no field of the API dates it."""
        return self.provisioned_at or self.created_at

    @property
    def warm_up_has_begun(self) -> bool:
        """Whether releasing the IP may lose something: true unless it surely has not begun."""
        percent = self.warmup_percent
        if percent is None:  # what can't be read may well be a percent
            percent = self.raw.get("warmup_percent")
        return self.warmup_status != "not_started" or percent not in _NO_WARM_UP

    def is_called(self, name: str) -> bool:
        """Return whether an address or hostname is the IP's, in whichever spelling."""
        from misar_ips.hostnames import canonical_address, canonical_hostname

        address = canonical_address(name)
        if address is not None:
            return canonical_address(self.address) == address
        hostname = canonical_hostname(name)
        return hostname is not None and canonical_hostname(self.rdns) == hostname


class IPList(tuple[DedicatedIP, ...]):  # noqa: SLOT001 - a tuple of any length has no slots
    """The IPs that a server listed, and what it says of how many there are.

    ``total`` is that number, None where it says none; ``has_more`` is its word that there are more.
    """

    total: int | None
    has_more: bool

    def __new__(
        cls, ips: Iterable[DedicatedIP] = (), *, total: int | None = None, has_more: bool = False
    ) -> Self:
        """Make the list."""
        self = super().__new__(cls, ips)
        self.total = total
        self.has_more = has_more
        return self

    @property
    def is_whole(self) -> bool:
        """Whether nothing that the server said tells of more IPs than these."""
        return not self.has_more and (self.total is None or self.total <= len(self))


class DetailedIP(NamedTuple):
    """An IP with all its details, or as the list has it, beside why they could not be read."""

    ip: DedicatedIP
    error: MisarError | None = None


class RequestedIP(NamedTuple):
    """A newly ordered IP. ``message`` is the server's word, or ours where its answer was lost.

    ``different`` has the settings, by name, that the server shows otherwise than ordered.
    """

    ip: DedicatedIP
    message: str | None = None
    different: Mapping[str, str | None] = MappingProxyType({})


def whole_days(start: datetime | None, now: datetime) -> int | None:
    """Return the whole days from ``start`` to ``now``, 0 for a start in the future."""
    return None if start is None else max(0, (now - start).days)


def _under_reference_names(value: dict[str, Any]) -> dict[str, Any]:
    raw = dict(value)
    for name, others in _OTHER_NAMES.items():
        if raw.get(name) is None:
            found = [raw[other] for other in others if _text(raw.get(other))]
            raw.update((name, text) for text in found[:1])
    pools = raw.get("dedicated_ip_pools")
    if raw.get("pool") is None and isinstance(pools, dict) and "pool_name" in pools:
        raw["pool"] = pools["pool_name"]
    return raw


def _schedule(value: object) -> tuple[WarmupStep, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_step(step) for step in value if isinstance(step, dict))


def _step(value: dict[str, Any]) -> WarmupStep:
    done = value.get("done")
    return WarmupStep(
        day=_whole(value.get("day")),
        limit=_whole(value.get("limit")),
        sent=_whole(value.get("sent")),
        done=done if isinstance(done, bool) else None,
    )


def _identifier(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    """Return a number, also from text such as "62"; whole ones as int, to print as such."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not abs(number) <= _LARGEST_NUMBER:  # written so that NaN fails as well
        return None
    return int(number) if number.is_integer() else number


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _time(value: object) -> datetime | None:
    """Return an RFC 3339 time, UTC where it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is UTC:  # nearly always, and a long list has many times
            return time
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
