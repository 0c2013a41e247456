"""The emulator's state: IPs, clock and rate limits in one SQLite file that processes share."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misar_ips.emulator.ip import START, EmulatedIP
from misar_ips.emulator.replies import Quota
from misar_ips.emulator.seeds import first_ips, free_addresses
from misar_ips.emulator.shapes import detail_fields, list_fields, order_fields
from misar_ips.emulator.warmup import PROVISIONING
from misar_ips.errors import ConfigError, NoHomeFolderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Written = Callable[[EmulatedIP, float], dict[str, object]]

END = datetime(9000, 1, 1, tzinfo=UTC)
BUSY_SECONDS = 60
RATE_WINDOW = 60
VERSION = 20_261_201
_VERSIONS = {20_260_401, VERSION}
_SQLITE_MAGIC = b"SQLite format 3\0"
_HEADER_SIZE = 100  # bytes
_FREEZE = "UPDATE clock SET frozen_at = coalesce(frozen_at, ?)"
_THAW = "UPDATE clock SET frozen_at = NULL, advanced = advanced + ?"

UNUSABLE = (
    *(sqlite3.Error, OSError, RecursionError),
    *(ValueError, TypeError, LookupError, ArithmeticError),
)
"""What a file that can't be opened, or holds damaged rows, makes sqlite3 and arithmetic raise."""

TABLES = {
    # Two columns, not their difference: START plus a difference of zero is START to the last bit.
    "clock": "CREATE TABLE clock"
    " (real_start REAL NOT NULL, advanced REAL NOT NULL, frozen_at REAL)",
    # The fields as JSON: what an IP may hold is then checked in one place, whoever wrote it.
    "ips": "CREATE TABLE ips (id TEXT PRIMARY KEY, address TEXT NOT NULL UNIQUE, fields TEXT)",
    "requests": "CREATE TABLE requests"
    " (key_hash TEXT PRIMARY KEY, window_start REAL NOT NULL, count INTEGER NOT NULL)",
}


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

    It begins with the IPs of ``begins_with``, else with the emulator's own. ``written`` makes a
    JSON object of an IP, in the published reference's words unless told otherwise. Every method
    raises ConfigError where the file can't be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        begins_with: Sequence[EmulatedIP] | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._path = path.absolute()
        self._begins_with = begins_with
        self._real_time = real_time
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the emulator's time, in UTC."""
        with self._transaction() as database:
            return _to_datetime(self._clock(database)[0])

    def advance(self, by: timedelta) -> datetime:
        """Move the clock on, for every process, and return the new time.

        Raises:
            UsageError: ``by`` is negative, or leads beyond the year 8999.
        """
        seconds = by.total_seconds()
        with self._transaction() as database:
            target = self._clock(database)[0] + seconds
            if seconds < 0 or target > END.timestamp():
                raise UsageError("The emulator's clock only moves on, and ends with the year 8999.")
            database.execute("UPDATE clock SET advanced = advanced + ?", (seconds,))
            return _to_datetime(target)

    def freeze(self, *, frozen: bool = True) -> None:
        """Stop the clock but for ``advance``, or let it run on from where it is."""
        with self._transaction() as database:
            now, running = self._clock(database)
            if frozen:
                database.execute(_FREEZE, (self._real_time(),))
            else:
                database.execute(_THAW, (now - running,))

    def reset(self) -> None:
        """Start over; a damaged file is kept beside the new one as ``NAME.damaged``.

        Raises:
            ConfigError: The file is not a state of the emulator, and is left alone.
        """
        try:
            with self._transaction() as database:
                frozen_at = database.execute("SELECT frozen_at FROM clock").fetchone()
                self._make_anew(database)
            # Some damage outlives new tables, and only shows to a connection that reads afresh.
            with self._transaction() as database:
                if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                    raise sqlite3.DatabaseError("it is damaged")
        except ConfigError as error:
            if not _is_damage(error.__cause__) or self._is_something_else():
                raise
            self._set_aside()
            frozen_at = None
        self.freeze(frozen=frozen_at not in {None, (None,)})

    def count_ips(self) -> int:
        """Return how many IPs there are."""
        with self._transaction() as database:
            return int(database.execute("SELECT count(*) FROM ips").fetchone()[0])

    def ips(self, written: Written = list_fields) -> list[dict[str, object]]:
        """Return every IP, oldest request first."""
        with self._transaction() as database:
            now, _ = self._clock(database)
            rows = database.execute("SELECT fields FROM ips ORDER BY rowid").fetchall()
            return [written(_ip_of(row), now) for row in rows]

    def ip(self, ip_id: str, written: Written = detail_fields) -> dict[str, object] | None:
        """Return one IP; None: there is no such IP."""
        with self._transaction() as database:
            ip = _find(database, ip_id)
            return written(ip, self._clock(database)[0]) if ip else None

    def request(
        self, pool: str, rdns: str | None = None, *, limit: int, written: Written = order_fields
    ) -> dict[str, object] | None:
        """Order an IP and return it; None: there are ``limit`` IPs already."""
        with self._transaction() as database:
            now, _ = self._clock(database)
            taken = [row[0] for row in database.execute("SELECT address FROM ips")]
            address = next(free_addresses(taken), None)
            if len(taken) >= limit or address is None:
                return None
            fields = {"id": f"ip_{secrets.token_hex(8)}", "address": address, "rdns": rdns}
            ordered, ready = (_to_datetime(int(now) + later) for later in (0, PROVISIONING))
            fields |= {"pool": pool, "created_at": f"{ordered}", "provisioned_at": f"{ready}"}
            ip = EmulatedIP(fields)
            _insert(database, ip)
            return written(ip, now)

    def update(
        self, ip_id: str, *, written: Written = detail_fields, **settings: str
    ) -> dict[str, object] | None:
        """Change pool, rDNS or both, and return the IP; None: there is no such IP."""
        with self._transaction() as database:
            ip = _find(database, ip_id)
            if ip:
                ip.fields.update(settings)
                change = (json.dumps(ip.fields), ip_id)
                database.execute("UPDATE ips SET fields = ? WHERE id = ?", change)
            return written(ip, self._clock(database)[0]) if ip else None

    def release(self, ip_id: str) -> bool:
        """Take an IP back; False: there is no such IP."""
        with self._transaction() as database:
            return database.execute("DELETE FROM ips WHERE id = ?", (ip_id,)).rowcount > 0

    def count_request(self, key: str, per_minute: int) -> Quota:
        """Count one request of a key, in a minute that begins with its first; the key is hashed.

        The minute passes while the clock is frozen, too: nobody could wait for its end otherwise.
        """
        key_hash = hashlib.sha256(key.encode()).hexdigest()
        with self._transaction() as database:
            now, running = self._clock(database)
            database.execute(
                "DELETE FROM requests WHERE window_start NOT BETWEEN ? AND ?",
                (running - RATE_WINDOW, running),
            )
            database.execute(
                "INSERT INTO requests VALUES (?, ?, 1)"
                " ON CONFLICT (key_hash) DO UPDATE SET count = count + 1",
                (key_hash, running),
            )
            window_start, counted = database.execute(
                "SELECT window_start, count FROM requests WHERE key_hash = ?", (key_hash,)
            ).fetchone()
            return Quota(
                exceeded=counted > per_minute,
                limit=per_minute,
                remaining=max(0, per_minute - counted),
                resets_at=ceil(window_start + RATE_WINDOW + (now - running)),
                retry_after=max(1, ceil(window_start + RATE_WINDOW - running)),
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
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            return self._not_ours()
        return ConfigError(
            f"The emulator's state in {self._path} can't be used: {error}.",
            hint="Start over with `misar-ips emulator reset`, or choose another file with"
            " MISAR_IPS_EMULATOR_DB.",
        )

    def _not_ours(self) -> ConfigError:
        return ConfigError(
            f"{self._path} is not a state of the emulator.",
            hint="Choose another file with `--db` or MISAR_IPS_EMULATOR_DB.",
        )

    def _is_something_else(self) -> bool:
        """Return whether the file, by its first bytes, is surely not one that the emulator made.

        Not for where connections are open: to close a file gives up all locks on it that the
        process has, SQLite's as well.
        """
        try:
            if not self._path.is_file():  # to open a pipe would wait for its writer
                return False
            with self._path.open("rb") as file:
                head = file.read(_HEADER_SIZE)
        except OSError:
            return False
        version = int.from_bytes(head[60:64])  # where SQLite keeps its user_version
        return bool(head) and not (head.startswith(_SQLITE_MAGIC) and version in _VERSIONS)

    def _make_folder(self) -> None:
        if not self._path.parent.is_dir():
            for folder in reversed(self._path.parents):
                folder.mkdir(mode=0o700, exist_ok=True)

    def _connect(self) -> sqlite3.Connection:
        if self._path.exists() and not self._path.is_file():
            raise OSError("it is not a regular file")
        return sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)

    def _make_if_missing(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        # Compared whole: a view that never ends can't be told from a table by its name.
        found = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        if version in _VERSIONS and found != TABLES:
            reason = "its tables were changed" if version == VERSION else "another version made it"
            raise sqlite3.DatabaseError(reason)
        if version not in _VERSIONS:
            # SQLite takes a file of a few bytes, whatever they are, for an empty database.
            if found or self._path.stat().st_size:
                raise self._not_ours()
            self._make_anew(database)

    def _make_anew(self, database: sqlite3.Connection) -> None:
        for name, definition in TABLES.items():
            database.execute(f"DROP TABLE IF EXISTS {name}")
            database.execute(definition)
        database.execute("INSERT INTO clock VALUES (?, 0, NULL)", (self._real_time(),))
        for ip in first_ips("enterprise") if self._begins_with is None else self._begins_with:
            _insert(database, ip)
        database.execute(f"PRAGMA user_version = {VERSION}")

    def _set_aside(self) -> None:
        try:
            # The journal goes first: a new database must not be rolled back to the old one's pages.
            Path(f"{self._path}-journal").unlink(missing_ok=True)
            for number in count(1):
                aside = Path(f"{self._path}.damaged{'' if number == 1 else f'.{number}'}")
                if not aside.exists():
                    self._path.replace(aside)
                    return
        except OSError as error:
            raise self._unusable(error) from error

    def _clock(self, database: sqlite3.Connection) -> tuple[float, float]:
        """Return the time in epoch seconds, and what it would be if it had never been frozen."""
        clock = database.execute("SELECT real_start, advanced, frozen_at FROM clock").fetchone()
        if clock is None:
            raise LookupError("its clock is missing")
        real_start, advanced, frozen_at = clock
        real_time = self._real_time()
        # The difference first: a sum with START in it would cost the last digits.
        running = START.timestamp() + (real_time - real_start + advanced)
        now = running if frozen_at is None else running - (real_time - frozen_at)
        if not 0 <= now <= END.timestamp():
            raise ValueError("its clock shows no date")
        return now, running


def _ip_of(row: tuple[Any, ...]) -> EmulatedIP:
    return EmulatedIP(json.loads(row[0]))


def _find(database: sqlite3.Connection, ip_id: str) -> EmulatedIP | None:
    row = database.execute("SELECT fields FROM ips WHERE id = ?", (ip_id,)).fetchone()
    return None if row is None else _ip_of(row)


def _insert(database: sqlite3.Connection, ip: EmulatedIP) -> None:
    row = (ip.fields["id"], ip.fields["address"], json.dumps(ip.fields))
    database.execute("INSERT INTO ips VALUES (?, ?, ?)", row)


def _to_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _is_damage(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN}
    return isinstance(cause, UNUSABLE) and not isinstance(cause, OSError)
