"""What comes of commands, beside the IPs themselves: orders, releases, changes, findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from misar_ips.dns.verdicts import FAIL, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from misar_ips.api.models import DedicatedIP
    from misar_ips.api.sending_limits import DayLimit, PoolLimit, TotalLimit
    from misar_ips.api.warmup import IPDetails
    from misar_ips.dns.verdicts import Check
    from misar_ips.errors import MisarError

    One: TypeAlias = "IPDetails | ChangedIP | ProfileEntry | TotalLimit"
    Many: TypeAlias = (
        "Sequence[DedicatedIP] | Sequence[IPDetails] | Sequence[Release] | Sequence[ProfileEntry]"
        " | Sequence[CheckedIP] | Sequence[Finding] | Sequence[PoolLimit] | Sequence[DayLimit]"
        " | Sequence[Change]"
    )
    Result: TypeAlias = One | Many
    """What a command may result in: one thing, or a list of things of one kind."""


@dataclass(frozen=True, slots=True)
class ChangedIP:
    """An IP as it is after it was ordered or changed."""

    ip: DedicatedIP

    def to_json(self) -> Mapping[str, Any]:
        """Return what the server sent of the IP."""
        return self.ip.to_json()


@dataclass(frozen=True, slots=True)
class Release:
    """What came of releasing one IP: ``error`` says why it is still there, None when it is gone."""

    id: str
    address: str | None
    error: MisarError | None = None

    @property
    def released(self) -> bool:
        """Whether the IP is gone."""
        return self.error is None

    def to_json(self) -> dict[str, object]:
        """Return the object that `release --json` promises."""
        why = {"error": self.error.to_json()} if self.error else {}
        return {"id": self.id, "address": self.address, "released": self.released, **why}


@dataclass(frozen=True, slots=True)
class CheckedIP:
    """One IP and all its checks; ``id`` is None where it is not one of the account.

    ``strict``: what is unknown has failed as well. ``named``: the user asked for this very IP.
    ``file`` is the message that was traced to it, None where the IP itself was checked.
    """

    id: str | None
    address: str | None
    checks: tuple[Check, ...]
    strict: bool = False
    named: bool = True
    file: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.having(FAIL) and not (self.strict and self.having(UNKNOWN))

    @property
    def name(self) -> str:
        """What to call it: the message, else its id, else its address."""
        file = "standard input" if self.file == "-" else self.file
        return file or self.id or self.address or ""

    def having(self, status: str) -> list[Check]:
        """Return the checks with this status."""
        return [check for check in self.checks if check.status == status]

    def to_json(self) -> dict[str, object]:
        """Return the object that `check --json` and `trace --json` promise."""
        checks = [check.to_json() for check in self.checks]
        file = {} if self.file is None else {"file": self.file}
        return {**file, "id": self.id, "address": self.address, "ok": self.ok, "checks": checks}


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """A configured profile, without its key: ``api_key`` is masked."""

    name: str
    base_url: str
    timeout: float
    api_key: str | None
    api_key_command: str | None
    default: bool

    def to_json(self) -> dict[str, object]:
        """Return the object that `profile list --json` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What `doctor` found on one point: ``status`` is a promise to scripts, ``hint`` what to do."""

    name: str
    status: str
    message: str
    hint: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object that `doctor --json` promises."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of an IP between two runs of `changes`, noticed at a ``time`` (RFC 3339).

    ``field`` is the reference's name, a check's name, or `ip` for an IP that is new or gone.
    """

    time: str
    id: str
    address: str | None
    field: str
    before: object
    after: object

    def to_json(self) -> dict[str, object]:
        """Return the object that `changes --json` promises."""
        return {
            "time": self.time,
            "id": self.id,
            "address": self.address,
            "field": self.field,
            "from": self.before,
            "to": self.after,
        }
