"""What `misar-ips metrics` writes, read as Prometheus reads it."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_fd_to_metric_families

from tests.commands.account import Account
from tests.commands.checked import BRIEF, HEALTHY, WORKING_LIST
from tests.conftest import Ran, World, run_process
from tests.dns.server import DNSServer
from tests.reference import IP

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

DOWN = """\
# HELP misar_ips_up Whether the account could be read.
# TYPE misar_ips_up gauge
misar_ips_up 0.0
"""
STATUSES = ("not_started", "warming", "warmed", "suspended")


@pytest.fixture
def account(world: World, tmp_path: Path) -> Account:
    """Return an account with the reference's IP, which the emulator's clock has on day 18."""
    account = Account(world, tmp_path / "unused.json")
    account.put("ip_abc123", **IP)
    return account


def samples(text: str) -> dict[str, dict[str, float]]:
    """Return the values by metric and id, or by id and status, "" for the account's."""
    found: dict[str, dict[str, float]] = {}
    for family in text_fd_to_metric_families(io.StringIO(text)):
        assert family.type == "gauge"
        for sample in family.samples:
            of = " ".join(filter(None, map(sample.labels.get, ("id", "status"))))
            values = found.setdefault(sample.name.removeprefix("misar_ips_"), {})
            assert of not in values, "told twice"
            values[of] = sample.value
    return found


def read(account: Account, *arguments: str) -> dict[str, dict[str, float]]:
    ran = account.world.run("metrics", *arguments)
    assert (ran.code, ran.stderr) == (0, "")
    return samples(ran.stdout)


# What it tells -----------------------------------------------------------------------------------


def test_the_emulators_account(world: World) -> None:
    told = samples(world.run("metrics").stdout)
    now = datetime(2026, 4, 1, 12, tzinfo=UTC).timestamp()
    assert told.pop("warmup_status") == {
        f"{ip} {status}": float(status == its)
        for ip, its in (
            ("ip_abc123", "warming"),
            ("ip_def456", "warmed"),
            ("ip_ghi789", "suspended"),
            ("ip_jkl012", "not_started"),
        )
        for status in STATUSES
    }
    scores = told.pop("reputation_score")
    assert told == {
        "up": {"": 1},
        "last_success_timestamp_seconds": {"": now},
        "warmup_percent": {"ip_abc123": 62, "ip_def456": 100, "ip_ghi789": 38, "ip_jkl012": 0},
        "daily_limit": {
            "ip_abc123": 8000,
            "ip_def456": 25000,
            "ip_ghi789": 2714,
            "ip_jkl012": 0,
        },
        "behind_days": {"ip_abc123": 0, "ip_def456": 0, "ip_ghi789": 9},
        "estimated_warmed_timestamp_seconds": {
            "ip_abc123": datetime(2026, 4, 12, 10, tzinfo=UTC).timestamp()
        },
    }
    shown = {
        ip_id: json.loads(world.run("show", ip_id, "--json").stdout).get("reputation_score")
        for ip_id in ("ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012")
    }
    assert scores == {ip_id: score for ip_id, score in shown.items() if score is not None}


def test_whose_they_are(account: Account) -> None:
    text = account.world.run("metrics").stdout
    labels = 'address="198.51.100.42",id="ip_abc123",pool="marketing",profile=""'
    assert f"misar_ips_daily_limit{{{labels}}} 8000.0\n" in text
    assert "\nmisar_ips_up 1.0\n" in text
    demo = account.world.run("metrics", "-p", "demo").stdout
    assert '\nmisar_ips_up{profile="demo"} 1.0\n' in demo
    assert f'misar_ips_daily_limit{{{labels[:-1]}demo"}} 8000.0\n' in demo


def test_what_is_not_known_has_no_line(account: Account) -> None:
    account.ips["ip_abc123"] = {"id": "ip_abc123"}
    assert set(read(account)) == {"up", "last_success_timestamp_seconds"}
    nonsense: dict[str, object] = {
        "warmup_status": [],
        "warmup_percent": "most",
        "daily_limit": None,
    }
    account.put("ip_abc123", **nonsense, reputation_score=float(10**300))
    assert set(read(account)) == {"up", "last_success_timestamp_seconds"}


def test_a_status_that_is_not_documented_is_told_beside_the_four(account: Account) -> None:
    account.put("ip_abc123", warmup_status="active")
    assert read(account)["warmup_status"] == {
        **{f"ip_abc123 {status}": 0 for status in STATUSES},
        "ip_abc123 active": 1,
    }


def test_half_of_the_details_failing(account: Account) -> None:
    account.put("ip_2", **{**IP, "id": "ip_2"})
    account.failing.append("ip_2")
    ran = account.world.run("metrics")
    assert ran.code == 0
    assert ran.stderr == (
        "Warning: The details of 1 of 2 IPs are not known. "
        "Could not read ip_2: Out of order (HTTP 503).\n"
    )
    told = samples(ran.stdout)
    assert told["up"] == {"": 1}
    assert told["warmup_status"]["ip_2 warming"] == 1
    assert told["warmup_percent"] == {"ip_abc123": 62, "ip_2": 62}
    for name in ("daily_limit", "reputation_score", "behind_days"):
        assert list(told[name]) == ["ip_abc123"]


@pytest.mark.parametrize(
    "text",
    ['a "quoted" pool', "back\\slash\\n", "two\nlines", 'all\\"\n}{,= of it', "ünïcode ☃", " ", ""],
)
def test_labels_are_read_back_as_they_were(account: Account, text: str) -> None:
    account.put("ip_abc123", pool=text)
    ran = account.world.run("metrics")
    [family] = [
        each
        for each in text_fd_to_metric_families(io.StringIO(ran.stdout))
        if each.name == "misar_ips_warmup_percent"
    ]
    [sample] = family.samples
    assert sample.labels == {
        "profile": "",
        "id": "ip_abc123",
        "address": "198.51.100.42",
        "pool": text,
    }


def test_nothing_reaches_the_terminal_that_acts_on_it(account: Account) -> None:
    account.put("ip_abc123", pool="\x1b[2J\r\u202e\ud800", warmup_status="\x1b]0;x\x07")
    text = account.world.run("metrics", terminal="out").stdout
    assert all(each.isprintable() or each == "\n" for each in text)
    assert samples(text)["up"] == {"": 1}


def test_an_ip_that_is_listed_twice_is_told_once(account: Account) -> None:
    account.listing = {"ips": [account.ips["ip_abc123"]] * 2}
    assert read(account)["daily_limit"] == {"ip_abc123": 8000}


def test_dns_and_blocklists(account: Account) -> None:
    account.world.dns_limits = BRIEF
    account.put("ip_2", address="198.51.100.99")
    account.put("ip_3", address=None)
    ask = ("--dns", "--blocklist", "bl.example", "--blocklist", "dead.example")
    with DNSServer([*HEALTHY, *WORKING_LIST], {"2.0.0.127.dead.example": "refused"}) as server:
        told = read(account, *ask, "--resolver", server.address)
        assert told["checks_failed"] == {"ip_abc123": 0, "ip_2": 1, "ip_3": 0}
        assert told["checks_unknown"] == {"ip_abc123": 1, "ip_2": 1, "ip_3": 1}
        lists = read(account, *ask[1:], "--resolver", server.address)
        assert lists["checks_failed"] == {"ip_abc123": 0, "ip_2": 0, "ip_3": 0}
    assert "checks_failed" not in read(account)


# The file ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "textfile"
    folder.mkdir()
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_the_file_is_readable_by_the_collector(account: Account, folder: Path, mask: int) -> None:
    file = folder / "misar_ips.prom"
    before = os.umask(mask)
    try:
        assert account.world.run("metrics", "--output", str(file)) == Ran(0, "", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_text() == account.world.run("metrics").stdout
    assert names_in(folder) == [file.name]


def test_the_file_is_replaced_and_never_changed(account: Account, folder: Path) -> None:
    file, link = folder / "real.prom", folder / "link.prom"
    link.symlink_to(file)
    account.world.run("metrics", "--output", str(link))
    with file.open() as collector:
        account.put("ip_abc123", daily_limit=9000)
        assert account.world.run("metrics", "--output", str(link)) == Ran(0, "", "")
        # Who began to read the old one reads it to its end.
        assert samples(collector.read())["daily_limit"] == {"ip_abc123": 8000}
    assert samples(file.read_text())["daily_limit"] == {"ip_abc123": 9000}
    assert link.is_symlink()
    assert names_in(folder) == ["link.prom", "real.prom"]


def test_a_file_that_cant_be_written(
    account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = folder / "no" / "x.prom"
    ran = account.world.run("metrics", "--output", str(nowhere))
    error = f"Error: {nowhere} could not be written: No such file or directory.\n"
    assert ran == Ran(1, "", error)
    file = folder / "x.prom"
    file.write_text("old\n")

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ran = account.world.run("metrics", "--output", str(file))
    assert ran == Ran(1, "", f"Error: {file} could not be written: No space left on device.\n")
    assert (file.read_text(), names_in(folder)) == ("old\n", ["x.prom"])


@pytest.mark.parametrize("name", ["x", "x.txt", "x.prom.txt", ".prom", "x.PROM", ""])
def test_the_collector_reads_only_what_ends_in_prom(account: Account, name: str) -> None:
    ran = account.world.run("metrics", "--output", name)
    assert (ran.code, ran.stdout) == (2, "")
    assert "does not end in `.prom`" in ran.stderr


# What goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [("GET:401", 4), ("GET:403", 4), ("GET:429", 7), ("GET:500", 1), ("GET:reset", 9)],
)
def test_an_api_that_fails_is_told_and_nothing_else(
    world: World, folder: Path, fault: str, code: int
) -> None:
    file = folder / "x.prom"
    assert world.run("metrics", "--output", str(file)).code == 0
    world.emulator.faults.add(fault)
    ran = world.run("metrics", "--output", str(file))
    assert (ran.code, ran.stdout, file.read_text()) == (code, "", DOWN)
    assert ran.stderr.startswith("Error: Could not list the dedicated IPs: ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    ran = world.run("metrics")
    assert (ran.code, ran.stdout) == (code, DOWN)
    # Of two failures the first decides.
    ran = world.run("metrics", "--output", str(folder / "no" / "x.prom"))
    assert (ran.code, ran.stdout) == (code, "")


def test_without_a_configuration(world: World, folder: Path) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    ran = world.run("metrics", "--output", str(folder / "x.prom"))
    assert (ran.code, ran.stdout, names_in(folder)) == (3, "", [])


@pytest.mark.parametrize("arguments", [["metrics", "--json"], ["--json", "metrics"]])
def test_there_is_no_json(world: World, arguments: list[str]) -> None:
    ran = world.run(*arguments)
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])
    assert json.loads(ran.stderr)["error"]["code"] == "usage"


def test_as_a_process(environ: dict[str, str], server: EmulatorServer) -> None:
    ran = run_process("metrics", environ={**environ, "MISARMAIL_BASE_URL": server.base_url})
    assert (ran.code, ran.stderr) == (0, "")
    assert samples(ran.stdout)["up"] == {"": 1}


def test_the_documentation_has_every_metric(account: Account) -> None:
    account.world.dns_limits = BRIEF
    text = account.world.run("metrics", "--dns").stdout
    written = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    table = [line for line in written.splitlines() if line.startswith("| `misar_ips_")]
    documented = re.findall("`(misar_ips_[a-z_]+)`", "\n".join(table))
    assert documented == re.findall("^# TYPE (misar_ips_[a-z_]+) gauge$", text, re.MULTILINE)
    rules = set(re.findall("misar_ips_[a-z_]+", written.partition("```yaml")[2]))
    assert rules <= set(documented)
