"""The file that holds the state, and files that are something else."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from misar_ips.emulator.store import Store, default_path
from misar_ips.errors import ConfigError
from tests.conftest import Ran
from tests.conftest import World as Program
from tests.emulator.conftest import EXAMPLE, IPS, START, World


def test_the_path_comes_from_the_environment_or_the_state_folder() -> None:
    assert default_path({"MISAR_IPS_EMULATOR_DB": "/x/y.db"}) == Path("/x/y.db")
    standard = default_path({})
    assert (standard.name, standard.parent.name) == ("emulator.db", "misar-ips")
    with pytest.raises(ConfigError, match=r"^MISAR_IPS_EMULATOR_DB is set but empty\.$"):
        default_path({"MISAR_IPS_EMULATOR_DB": ""})


def test_missing_folders_are_made_for_the_user_alone(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "b" / "e.db").ips()
    assert [folder.stat().st_mode & 0o777 for folder in (tmp_path / "a", tmp_path / "a" / "b")] == [
        *(0o700, 0o700)
    ]


def test_the_state_outlives_its_store(world: World) -> None:
    ip_id = world.order()["id"]
    world.store.advance(timedelta(days=3))
    world.store.close()
    later = World(world.path)
    with later.client:
        assert later.details(ip_id)["warmup_status"] == "warming"
        assert later.store.now() == START + timedelta(days=3)


def test_an_empty_file_becomes_a_state(tmp_path: Path) -> None:
    (tmp_path / "e.db").touch()
    assert len(Store(tmp_path / "e.db").ips()) == 4


def test_a_reset_starts_over_under_the_eyes_of_a_running_store(world: World) -> None:
    fresh = world.client.get(IPS).content
    world.order()
    world.store.advance(timedelta(days=30))
    Store(world.path, real_time=lambda: world.real_seconds).reset()
    reply = world.client.get(IPS)
    assert reply.content == fresh
    assert reply.headers["X-RateLimit-Remaining"] == "59"
    assert world.store.now() == START


def damaged_states(tmp_path: Path) -> list[bytes]:
    path = tmp_path / "sound.db"
    Store(path).ips()
    sound = path.read_bytes()
    return [
        sound[: len(sound) // 2],
        sound[:100],
        sound[:5000] + b"\xff" * 9000 + sound[14000:],
        sound.replace(b"mail.yourdomain.com", b"\xff" * 19),
        sound.replace(b"CREATE TABLE ips", b"CREATE TABLE \xf2ps"),
    ]


def test_a_damaged_file_is_reported_and_kept_by_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    contents = damaged_states(tmp_path)
    for content in contents:
        path.write_bytes(content)
        store = Store(path)
        with pytest.raises(ConfigError) as caught:
            store.ips()
        assert str(path) in str(caught.value)
        assert "misar-ips emulator reset" in str(caught.value.hint)
        assert path.read_bytes() == content
        store.reset()
        assert store.ip("ip_abc123") == EXAMPLE
    kept = [file.read_bytes() for file in tmp_path.glob("e.db.damaged*")]
    assert len(set(kept)) == len(kept) > 1
    assert set(kept) <= set(contents)


ENDLESS_VIEW = """
DROP TABLE ips;
CREATE VIEW ips AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c)
    SELECT id, id AS address, id AS fields FROM c;
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE ips SET fields = x'ff00' WHERE id = 'ip_abc123'", "Expecting value"),
        ("UPDATE ips SET fields = replace(fields, '62', '1e999')", "field `warmup_percent`"),
        ("UPDATE ips SET fields = replace(fields, '62', 'Infinity')", "field `warmup_percent`"),
        ("UPDATE ips SET fields = replace(fields, '62', 'NaN')", "field `warmup_percent`"),
        ("UPDATE ips SET fields = replace(fields, '8000', '\"x\"')", "field `daily_limit`"),
        ("UPDATE ips SET fields = replace(fields, '2026-03-15', '+')", "field `created_at`"),
        ("UPDATE ips SET fields = replace(fields, '\"day\": 7', '\"day\": -7')", "warmup_schedule"),
        ("UPDATE ips SET fields = '[]'", "not an object"),
        ("UPDATE ips SET fields = NULL", "JSON object must be str"),
        ("UPDATE ips SET fields = replace(hex(zeroblob(50000)), '0', '[')", "recursion"),
        ("UPDATE clock SET advanced = 9e999", "no date"),
        ("UPDATE clock SET advanced = -9e999", "no date"),
        ("UPDATE clock SET advanced = 1e15", "no date"),
        ("UPDATE clock SET real_start = x'00'", "unsupported operand"),
        ("UPDATE clock SET real_start = 'noon'", "unsupported operand"),
        ("DROP TABLE ips", "tables were changed"),
        ("ALTER TABLE ips ADD COLUMN more", "tables were changed"),
        ("CREATE TRIGGER t AFTER UPDATE ON ips BEGIN DELETE FROM ips; END", "tables were changed"),
        (ENDLESS_VIEW, "tables were changed"),
        ("PRAGMA user_version = 20260401; DROP TABLE ips", "another version made it"),
    ],
)
def test_a_file_that_holds_what_was_never_written_is_reported_and_can_be_reset(
    tmp_path: Path, change: str, reason: str
) -> None:
    path = tmp_path / "e.db"
    store = Store(path)
    store.ips()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(change)
    with pytest.raises(ConfigError, match=re.escape(reason)) as caught:
        store.ips()
    assert str(caught.value).startswith(f"The emulator's state in {path} can't be used: ")
    assert "misar-ips emulator reset" in str(caught.value.hint)
    with pytest.raises(ConfigError):
        store.ip("ip_abc123")
    store.reset()
    assert store.ip("ip_abc123") == EXAMPLE


@pytest.mark.parametrize("content", [b"no database at all\n" * 100, b"x", b"[profiles.a]\nb = 1\n"])
@pytest.mark.parametrize("name", ["notes.txt", "config.toml"])
def test_a_file_of_somebody_elses_is_never_touched(
    program: Program, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    program.environ["MISAR_IPS_EMULATOR_DB"] = str(path)
    refused = Ran(
        3,
        "",
        f"Error: {path} is not a state of the emulator. Choose another file with `--db` or"
        " MISAR_IPS_EMULATOR_DB.\n",
    )
    assert program.run("emulator", "reset") == refused
    assert program.run("emulator", "reset", "--empty") == refused
    assert program.run("emulator", "advance", "7d") == refused
    assert program.run("emulator", "serve", "--port", "0") == refused
    del program.environ["MISAR_IPS_EMULATOR_DB"]
    assert program.run("emulator", "reset", "--db", str(path)) == refused
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for use in (Store(tmp_path / "pipe").ips, Store(tmp_path / "pipe").reset):
        with pytest.raises(ConfigError, match="it is not a regular file"):
            use()


def test_a_clock_that_was_lost_is_reported_and_mended(world: World) -> None:
    world.store.now()
    with contextlib.closing(sqlite3.connect(world.path)) as database:
        database.execute("DELETE FROM clock")
        database.commit()
    with pytest.raises(ConfigError, match="its clock is missing"):
        world.client.get(IPS)
    world.store.reset()
    assert world.store.now() == START


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    for use in (Store(path).ips, Store(path).reset):
        with pytest.raises(ConfigError, match="not a state of the emulator") as caught:
            use()
        assert "MISAR_IPS_EMULATOR_DB" in str(caught.value.hint)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_can_not_hold_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "e.db", tmp_path / "folder"):
        for use in (Store(path).ips, Store(path).reset):
            with pytest.raises(ConfigError, match="can't be used") as caught:
                use()
            assert str(path) in str(caught.value)
    assert (tmp_path / "folder").is_dir()
