"""docs/scripting.md has every column and every JSON key that the program prints."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scripts.readme import README

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import World

GUIDE = (README.parent / "docs" / "scripting.md").read_text(encoding="utf-8")
COLUMNS, DOCUMENTS = GUIDE.partition("## JSON")[::2]
IP = "list"
MESSAGE = "Received: from x ([198.51.100.42]) by mx.example; Thu, 2 Apr 2026 12:30:04 +0000\n\n"
TYPED = {
    "list": "list",
    "list --details": "list --details",
    "show": "show ip_abc123",
    "limit": "limit",
    "limit --days N": "limit --days 3",
    "limit --total": "limit --total",
    "changes": "changes",
    "check": "check ip_ghi789",
    "trace": "trace message.eml",
    "wait": "wait ip_abc123 --for provisioned",
    "request": "request --pool cold",
    "update": "update ip_jkl012 --pool cold",
    "release": "release ip_jkl012 ip_nosuch --yes",
    "doctor": "doctor",
    "profile list": "profile list",
}
"""What is typed for each row of the tables."""


def row(table: str, command: str) -> str:
    """Return the second cell of the row that is about a command."""
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE)
    [cell] = [cell for named, cell in rows if f"`{command}`" in named.split(", ")]
    return str(cell)


@pytest.fixture
def account(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the demo account, of which `changes` has news, with a saved profile and a message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "message.eml").write_text(MESSAGE)
    del world.environ["MISARMAIL_API_KEY"]
    world.environ |= {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    world.run("profile", "add", "work", stdin="msk_0123456789abcdef")
    world.environ["MISAR_IPS_PROFILE"] = "demo"
    world.run("changes")
    world.emulator.store.advance(timedelta(days=1))
    return world


def keys_of(value: object) -> Iterator[str]:
    """Return every key in a JSON value."""
    for inner in value.values() if isinstance(value, dict) else value:  # type: ignore[attr-defined]
        if isinstance(inner, dict | list):
            yield from keys_of(inner)
    if isinstance(value, dict):
        yield from value


@pytest.mark.parametrize("command", TYPED)
def test_every_key_is_documented(account: World, command: str) -> None:
    document = json.loads(account.run(*TYPED[command].split(), "--json").stdout)
    assert document
    cell = row(DOCUMENTS, command)
    assert isinstance(document, list) == ("array" in cell or cell.startswith("`["))
    named = set(re.findall(r'"(\w+)"', cell))
    if not named or "error" in named or command == "trace":
        named |= set(re.findall(r"`(\w+)`", DOCUMENTS)) | set(re.findall(r'"(\w+)"', DOCUMENTS))
    assert set(keys_of(document)) <= named


def test_the_warm_ups_keys_are_documented(world: World) -> None:
    warm_up = json.loads(world.run("show", "ip_abc123", "--json").stdout)["warmup"]
    table = DOCUMENTS.partition("`warmup` is what")[2].partition("A `warmup` of")[0]
    rows = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    assert [name for each in rows for name in re.findall(r"`(\w+)`", each)] == list(warm_up)


@pytest.mark.parametrize("command", TYPED)
def test_every_column_is_documented(account: World, command: str) -> None:
    lines = account.run(*TYPED[command].split()).stdout.splitlines()
    assert lines
    numbers = {line.count("\t") + 1 for line in lines}
    cell = row(COLUMNS, command)
    if command == "show":
        fields = [line.partition("\t")[0] for line in lines if not line.startswith("step")]
        told = COLUMNS.partition("The fields of `show` are ")[2].partition(", always")[0]
        assert fields == re.findall(r"`(\w+)`", told)
        assert numbers == {2, 5}
        return
    columns = len(re.sub(r"\(.*?\)", "", cell.partition(";")[0]).split(","))
    if "those of `list`" in cell or "the same, then" in cell:
        columns = len(row(COLUMNS, "list").split(",")) + (4 if "then" in cell else 0)
    assert numbers == {columns}


def test_the_names_of_checks_are_documented(account: World) -> None:
    told = DOCUMENTS.partition("A check's `name` is")[2].partition("`status` is")[0]
    names = set(re.findall(r"`([a-z]+)[`:]", told))
    for typed in ("check", "trace message.eml"):
        for ip in json.loads(account.run(*typed.split(), "--json").stdout):
            assert {each["name"].partition(":")[0] for each in ip["checks"]} <= names
