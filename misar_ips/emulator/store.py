"""The emulator's state: IPs, clock and rate limits in one SQLite file that processes share."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.emulator.warmup import PROVISIONING, WarmUp
from misar_ips.errors import ConfigError, NoHomeFolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START = datetime(2026, 4, 1, 12, tzinfo=UTC)
"""The clock's time at the moment the state is made."""

END = datetime(9000, 1, 1, tzinfo=UTC)
BUSY_SECONDS = 60
RATE_WINDOW = 60
VERSION = 20_260_401
HOSTS = range(1, 255)

UNUSABLE = (sqlite3.Error, OSError, ValueError, TypeError, LookupError, ArithmeticError)
"""What a file that can't be opened, or holds damaged rows, makes sqlite3 and arithmetic raise."""

TABLES = {
    # Two columns, not their difference: START plus a difference of zero is START to the last bit.
    "clock": "CREATE TABLE clock (real_start REAL NOT NULL, advanced REAL NOT NULL)",
    "ips": """CREATE TABLE ips (
        id TEXT PRIMARY KEY,
        address TEXT NOT NULL UNIQUE,
        rdns TEXT,
        pool TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        provisioned_at INTEGER,
        suspended_at INTEGER,
        percent_floor INTEGER NOT NULL DEFAULT 0,
        limit_floor INTEGER NOT NULL DEFAULT 0,
        missed_on_day_14 INTEGER NOT NULL DEFAULT 0)""",
    "requests": """CREATE TABLE requests (
        key_hash TEXT PRIMARY KEY, window_start REAL NOT NULL, count INTEGER NOT NULL)""",
}


@dataclass(frozen=True)
class Quota:
    """Where a key stands in its rate limit: ``resets_at`` is in epoch seconds of the clock."""

    exceeded: bool
    limit: int
    remaining: int
    resets_at: int
    retry_after: int


def default_path(environ: Mapping[str, str]) -> Path:
    """Return the place of the state: ``MISAR_IPS_EMULATOR_DB``, else the user's state folder.

    Raises:
        ConfigError: The variable is set but empty; or not set, and no home folder is known.
    """
    override = environ.get("MISAR_IPS_EMULATOR_DB")
    if override is None:
        import platformdirs

        folder = Path()
        with suppress(RuntimeError):
            folder = platformdirs.user_state_path("misar-ips")
        if not folder.is_absolute():  # as older versions of platformdirs say that there is no home
            raise NoHomeFolderError("MISAR_IPS_EMULATOR_DB")
        return folder / "emulator.db"
    if not override:
        raise ConfigError("MISAR_IPS_EMULATOR_DB is set but empty.")
    return Path(override)


class Store:
    """The state at ``path``, made on first use; any number of threads and processes may share it.

    IPs are given as JSON objects with the published reference's fields. Every method raises
    ConfigError where the file can't be used.
    """

    def __init__(self, path: Path, *, real_time: Callable[[], float] = time.time) -> None:
        self._path = path.absolute()
        self._real_time = real_time
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the emulator's time, in UTC."""
        with self._transaction() as database:
            return _to_datetime(self._seconds(database))

    def advance(self, by: timedelta) -> datetime:
        """Move the clock on, for every process, and give the new time.

        Raises:
            UsageError: ``by`` is negative, or leads beyond the year 9000.
        """
        seconds = by.total_seconds()
        with self._transaction() as database:
            target = self._seconds(database) + seconds
            if seconds < 0 or target > END.timestamp():
                raise UsageError("The emulator's clock only moves on, and ends with the year 8999.")
            database.execute("UPDATE clock SET advanced = advanced + ?", (seconds,))
            return _to_datetime(target)

    def reset(self) -> None:
        """Start over; a damaged file is kept beside the new one as ``NAME.damaged``."""
        try:
            with self._transaction() as database:
                self._make_anew(database)
            # Some damage outlives new tables, and only shows to a connection that reads afresh.
            with self._transaction() as database:
                if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    raise sqlite3.DatabaseError("it is damaged")
        except ConfigError as error:
            if not _is_damage(error.__cause__):
                raise
            self._set_aside()
            self.now()

    def ips(self) -> list[dict[str, object]]:
        """Return every IP with the reference's list fields, oldest request first."""
        with self._transaction() as database:
            now = self._seconds(database)
            rows = database.execute("SELECT * FROM ips ORDER BY rowid").fetchall()
            return [_list_fields(row, now) for row in rows]

    def ip(self, ip_id: str) -> dict[str, object] | None:
        """Return one IP with the reference's detail fields; None: there is no such IP."""
        with self._transaction() as database:
            return self._details(database, ip_id)

    def request(self, pool: str, rdns: str | None, *, limit: int) -> dict[str, object] | None:
        """Order an IP and give it as the POST's answer; None: there are ``limit`` IPs already."""
        with self._transaction() as database:
            now = self._seconds(database)
            taken = {row["address"] for row in database.execute("SELECT address FROM ips")}
            free = [address for address in map(_address, HOSTS) if address not in taken]
            if len(taken) >= limit or not free:
                return None
            ip_id = f"ip_{secrets.token_hex(8)}"
            database.execute(
                "INSERT INTO ips (id, address, rdns, pool, created_at, provisioned_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (ip_id, free[0], rdns, pool, int(now), int(now) + PROVISIONING),
            )
            return {
                "id": ip_id,
                "address": free[0],
                "warmup_status": "not_started",
                "pool": pool,
                "provisioned_at": None,
            }

    def update(
        self, ip_id: str, *, pool: str | None = None, rdns: str | None = None
    ) -> dict[str, object] | None:
        """Change what is given, and give the IP's details; None: there is no such IP."""
        with self._transaction() as database:
            database.execute(
                "UPDATE ips SET pool = coalesce(?, pool), rdns = coalesce(?, rdns) WHERE id = ?",
                (pool, rdns, ip_id),
            )
            return self._details(database, ip_id)

    def release(self, ip_id: str) -> bool:
        """Return an IP back; False: there is no such IP."""
        with self._transaction() as database:
            return database.execute("DELETE FROM ips WHERE id = ?", (ip_id,)).rowcount > 0

    def count_request(self, key: str, per_minute: int) -> Quota:
        """Count one request of a key, in a minute that begins with its first; the key is hashed."""
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        with self._transaction() as database:
            now = self._seconds(database)
            database.execute(
                "DELETE FROM requests WHERE window_start NOT BETWEEN ? AND ?",
                (now - RATE_WINDOW, now),
            )
            database.execute(
                "INSERT INTO requests VALUES (?, ?, 1)"
                " ON CONFLICT (key_hash) DO UPDATE SET count = count + 1",
                (key_hash, now),
            )
            window_start, count = database.execute(
                "SELECT window_start, count FROM requests WHERE key_hash = ?", (key_hash,)
            ).fetchone()
        resets_at = window_start + RATE_WINDOW
        return Quota(
            exceeded=count > per_minute,
            limit=per_minute,
            remaining=max(0, per_minute - count),
            resets_at=ceil(resets_at),
            retry_after=max(1, ceil(resets_at - now)),
        )

    def close(self) -> None:
        """Do nothing: no file stays open between two calls."""

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # A connection for each call notices at once when another process replaced the file.
        try:
            self._make_folder()
            # SQLite lets waiting connections sleep in turns of up to 0.1 s; a lock is fairer.
            with self._lock, closing(self._connect()) as database:
                # What a killed process has written stays written; only a power cut could damage it.
                database.execute("PRAGMA synchronous = OFF")
                # Taken at the start, so that two readers who both want to write can't deadlock.
                database.execute("BEGIN IMMEDIATE")
                self._make_if_missing(database)
                yield database
                database.execute("COMMIT")
        except UNUSABLE as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"The emulator's state in {self._path} can't be used: {error}.",
            hint="Start over with `misar-ips emulator reset`, or choose another file with"
            " MISAR_IPS_EMULATOR_DB.",
        )

    def _make_folder(self) -> None:
        if not self._path.parent.is_dir():
            for folder in reversed(self._path.parents):
                folder.mkdir(mode=0o700, exist_ok=True)

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        database.row_factory = sqlite3.Row
        return database

    def _make_if_missing(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            return
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise ConfigError(
                f"{self._path} is a database, but not the emulator's.",
                hint="Choose another file with MISAR_IPS_EMULATOR_DB.",
            )
        self._make_anew(database)

    def _make_anew(self, database: sqlite3.Connection) -> None:
        for name, definition in TABLES.items():
            database.execute(f"DROP TABLE IF EXISTS {name}")
            database.execute(definition)
        database.execute("INSERT INTO clock VALUES (?, 0)", (self._real_time(),))
        for row in _seed():
            database.execute("INSERT INTO ips VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.execute(f"PRAGMA user_version = {VERSION}")

    def _set_aside(self) -> None:
        try:
            # The journal goes first: a new database must not be rolled back to the old one's pages.
            Path(f"{self._path}-journal").unlink(missing_ok=True)
            self._path.replace(f"{self._path}.damaged")
        except OSError as error:
            raise self._unusable(error) from error

    def _seconds(self, database: sqlite3.Connection) -> float:
        clock = database.execute("SELECT real_start, advanced FROM clock").fetchone()
        if clock is None:
            raise LookupError("its clock is missing")
        since_start: float = self._real_time() - clock["real_start"] + clock["advanced"]
        return START.timestamp() + since_start

    def _details(self, database: sqlite3.Connection, ip_id: str) -> dict[str, object] | None:
        row = database.execute("SELECT * FROM ips WHERE id = ?", (ip_id,)).fetchone()
        return None if row is None else _detail_fields(row, self._seconds(database))


def _seed() -> list[tuple[object, ...]]:
    def at(*moment: int) -> int:
        year, month, day, hour = moment
        return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())

    warmed, suspended, ordered = at(2026, 1, 12, 8), at(2026, 3, 2, 15), at(2026, 4, 1, 4)
    return [
        (
            *("ip_abc123", _address(42), "mail.yourdomain.com", "marketing"),
            *(at(2026, 3, 15, 10), None, None, 62, 8_000, 200),
        ),
        (
            *("ip_def456", _address(17), "tx.yourdomain.com", "transactional"),
            *(warmed, warmed + PROVISIONING, None, 0, 0, 0),
        ),
        (
            *("ip_ghi789", _address(88), "news.yourdomain.com", "marketing"),
            *(suspended, suspended + PROVISIONING, at(2026, 3, 14, 9), 0, 0, 0),
        ),
        (
            *("ip_jkl012", _address(131), None, "transactional"),
            *(ordered, ordered + PROVISIONING, None, 0, 0, 0),
        ),
    ]


def _warm_up(row: sqlite3.Row, now: float) -> WarmUp:
    seen_at = now if row["suspended_at"] is None else row["suspended_at"]
    # The reference's example has no provisioned_at: its warm-up began when it was created.
    began_at = row["created_at"] if row["provisioned_at"] is None else row["provisioned_at"]
    return WarmUp(
        elapsed=seen_at - began_at,
        suspended=row["suspended_at"] is not None,
        percent_floor=row["percent_floor"],
        limit_floor=row["limit_floor"],
        missed_on_day_14=row["missed_on_day_14"],
    )


def _list_fields(row: sqlite3.Row, now: float) -> dict[str, object]:
    warm_up = _warm_up(row, now)
    return {
        "id": row["id"],
        "address": row["address"],
        "rdns": row["rdns"],
        "warmup_status": warm_up.status,
        "warmup_percent": warm_up.percent,
        "pool": row["pool"],
        "created_at": _to_text(row["created_at"]),
    }


def _detail_fields(row: sqlite3.Row, now: float) -> dict[str, object]:
    warm_up = _warm_up(row, now)
    details = {
        "id": row["id"],
        "address": row["address"],
        "rdns": row["rdns"],
        "pool": row["pool"],
        "warmup_status": warm_up.status,
        "warmup_percent": warm_up.percent,
        "daily_limit": warm_up.daily_limit,
        "reputation_score": warm_up.reputation_score,
        "warmup_schedule": warm_up.schedule,
        "created_at": _to_text(row["created_at"]),
    }
    provisioned_at = row["provisioned_at"]
    if provisioned_at is not None:
        details["provisioned_at"] = _to_text(provisioned_at) if provisioned_at <= now else None
    return details


def _address(host: int) -> str:
    return f"198.51.100.{host}"


def _to_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _to_text(seconds: int) -> str:
    return _to_datetime(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_damage(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN}
    return isinstance(cause, UNUSABLE) and not isinstance(cause, OSError)
