"""What the API speaks of, as facts: dedicated IPs and their warm-up.

Field names and meanings are those of the published reference. Values of the wrong type become
None, because one odd field must not hide an IP from its owner; ``raw`` keeps what was sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from misar_ips.api.statuses import BEFORE_WARM_UP, CANNOT_SEND, LEAVING
from misar_ips.hostnames import canonical_address, canonical_hostname

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from misar_ips.errors import MisarError

_OTHER_NAMES = {
    "address": ("ip_address", "ip"),
    "rdns": ("ptr_record", "hostname"),
    "warmup_status": ("status",),
}
"""The reference's field names, and those that the vendor's own libraries use in their place."""

_NUMERIC = (int, float, str)
"""What a number may come as. A tuple: `int | float | str` would be made anew for each value."""

_LARGEST_NUMBER = 10**15
"""Beyond this no count of messages is meant; floats would begin to lose whole numbers."""

_FIRST_YEAR = 2000
"""No date of an IP is older: year 1 and 1970 are what programs write for "never"."""

_NO_PERCENT = (None, 0)  # a tuple: what was sent may be what no set can hold


class WarmupStep(NamedTuple):
    """One step of the warm-up schedule.

    ``day`` counts from 1 at the start of the warm-up; ``limit`` and ``sent`` are messages.
    """

    day: int | None
    limit: int | None
    sent: int | None
    done: bool | None


class ReputationEntry(NamedTuple):
    """What the reputation was at a time."""

    date: datetime
    score: float


class DedicatedIP(NamedTuple):
    """One dedicated IP, as the server described it; None where it said nothing usable.

    ``warmup_percent`` is progress through the whole warm-up (0 to 100), ``daily_limit`` today's
    allowance in messages; ``reputation_score`` has no documented scale. The vendor's newer library
    knows ``warmup_day``, which counts from 1, ``warmup_start_date`` and ``reputation_history``,
    oldest first. ``raw`` is the server's own object under the reference's field names.
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
    warmup_day: int | None = None
    warmup_start_date: datetime | None = None
    reputation_history: tuple[ReputationEntry, ...] = ()
    raw: Mapping[str, Any] = MappingProxyType({})

    def __eq__(self, other: object) -> bool:
        """Compare the facts, in whichever way they were sent."""
        return isinstance(other, DedicatedIP) and self[:-1] == other[:-1]

    def __ne__(self, other: object) -> bool:
        return not self == other  # a tuple's own would compare what was sent as well

    def __hash__(self) -> int:
        return hash(self[:-1])

    def __repr__(self) -> str:
        """Return the facts, but not what was sent: that may hold anything."""
        facts = zip(self._fields, self[:-1], strict=False)
        return f"DedicatedIP({', '.join(f'{name}={value!r}' for name, value in facts)})"

    @classmethod
    def from_json(cls, value: object) -> DedicatedIP:
        """Read an IP from what the server sent, under whichever names.

        Raises:
            ValueError: it is not an object, or has no id.
        """
        if not isinstance(value, dict):
            raise ValueError("an IP is not a JSON object")  # noqa: TRY004 - a bad value, not a bug
        raw = _under_reference_names(value)
        identifier = _identifier(raw.get("id"))
        if not identifier:
            raise ValueError("an IP has no id")
        return cls(
            id=identifier,
            address=text_of(raw.get("address")),
            rdns=text_of(raw.get("rdns")),
            pool=text_of(raw.get("pool")) or _pool_name(raw.get("pool")),
            warmup_status=text_of(raw.get("warmup_status")),
            warmup_percent=number_of(raw.get("warmup_percent")),
            daily_limit=whole_of(raw.get("daily_limit")),
            reputation_score=number_of(raw.get("reputation_score")),
            warmup_schedule=tuple(_step(step) for step in _objects(raw.get("warmup_schedule"))),
            created_at=time_of(raw.get("created_at")),
            provisioned_at=time_of(raw.get("provisioned_at")),
            warmup_day=whole_of(raw.get("warmup_day")),
            warmup_start_date=time_of(raw.get("warmup_start_date")),
            reputation_history=_history(raw.get("reputation_history")),
            raw=raw,
        )

    def to_json(self) -> Mapping[str, Any]:
        """Return what the server sent, under the reference's field names."""
        return self.raw

    @property
    def started_at(self) -> datetime | None:
        """When the warm-up began, by estimate where the server sends no ``warmup_start_date``."""
        times = (self.warmup_start_date, self.provisioned_at, self.created_at)
        return next((time for time in times if time and time.year >= _FIRST_YEAR), None)

    @property
    def can_send(self) -> bool:
        """Whether mail may go out through it, up to its daily limit."""
        return self.warmup_status not in CANNOT_SEND

    @property
    def limit_today(self) -> int | None:
        """How many messages may be sent through it today: 0 where it can't send at all."""
        if not self.can_send:
            return 0
        return None if self.daily_limit is None else max(0, self.daily_limit)

    @property
    def counts_today(self) -> bool:
        """Whether it can send, and its limit is known."""
        return self.can_send and self.daily_limit is not None

    @property
    def is_leaving(self) -> bool:
        """Whether it is being given back, so that nothing can come of it any more."""
        return self.warmup_status in LEAVING

    @property
    def is_warmed(self) -> bool:
        """Whether its warm-up is complete; the vendor's newer library has no status for that."""
        percent = self.warmup_percent or 0
        return self.warmup_status == "warmed" or (self.warmup_status == "active" and percent >= 100)  # noqa: PLR2004 - percent

    @property
    def is_before_warm_up(self) -> bool:
        """Whether its warm-up has yet to begin."""
        return self.warmup_status in BEFORE_WARM_UP

    @property
    def may_be_new(self) -> bool:
        """Whether it can be an IP that was just ordered."""
        return self.is_before_warm_up and not self._has_percent

    @property
    def warm_up_has_begun(self) -> bool:
        """Whether releasing the IP may lose something: true unless it surely has not begun."""
        return self.warmup_status != "not_started" or self._has_percent

    @property
    def _has_percent(self) -> bool:
        percent = self.warmup_percent
        if percent is None:  # what can't be read may well be a percent
            percent = self.raw.get("warmup_percent")
        return percent not in _NO_PERCENT

    def is_called(self, name: str) -> bool:
        """Return whether an address or hostname is the IP's, in whichever spelling."""
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

    ``different`` has the settings, by name, that the server shows otherwise than ordered;
    ``is_sure`` is false where the IP was found in the list and only probably is the order.
    """

    ip: DedicatedIP
    message: str | None = None
    is_sure: bool = True
    different: Mapping[str, str | None] = MappingProxyType({})


def whole_days(start: datetime | None, now: datetime) -> int | None:
    """Return the whole days from ``start`` to ``now``, 0 for a start in the future."""
    return None if start is None else max(0, (now - start).days)


def text_of(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None


def number_of(value: object, largest: float = _LARGEST_NUMBER) -> float | None:
    """Return a number, also from text such as "62"; whole ones as int, to print as such."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not abs(number) <= largest:  # written so that NaN fails as well
        return None
    return int(number) if number.is_integer() else number


def whole_of(value: object) -> int | None:
    """Return a whole number; a fraction is cut off."""
    number = number_of(value)
    return None if number is None else int(number)


def time_of(value: object) -> datetime | None:
    """Return an RFC 3339 time or date in UTC, which is meant where it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.upper())  # RFC 3339 allows a small t and z
        if time.tzinfo is not UTC:  # it nearly always is, and a long list has many times
            time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= _FIRST_YEAR else None


def _under_reference_names(value: dict[str, Any]) -> dict[str, Any]:
    raw = dict(value)
    for name, others in _OTHER_NAMES.items():
        if raw.get(name) is None:
            found = [raw[other] for other in others if text_of(raw.get(other))]
            raw.update((name, text) for text in found[:1])
    pool = _pool_name(raw.get("dedicated_ip_pools"))
    if raw.get("pool") is None and pool:
        raw["pool"] = pool
    return raw


def _pool_name(value: object) -> str | None:
    """Return the name in a pool's object, or in the first of a list of them."""
    pools = _objects(value if isinstance(value, list) else [value])
    return next(filter(None, (text_of(pool.get("pool_name")) for pool in pools)), None)


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _step(value: dict[str, Any]) -> WarmupStep:
    done = value.get("done")
    return WarmupStep(
        day=whole_of(value.get("day")),
        limit=whole_of(value.get("limit")),
        sent=whole_of(value.get("sent")),
        done=done if isinstance(done, bool) else None,
    )


def _history(value: object) -> tuple[ReputationEntry, ...]:
    read = [
        (time_of(each.get("date")), number_of(each.get("reputation_score")))
        for each in _objects(value)
    ]
    known = [ReputationEntry(date, score) for date, score in read if date and score is not None]
    return tuple(sorted(known))


def _identifier(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(value)
