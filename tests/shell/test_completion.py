"""What a TAB offers, asked of the program in this process."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import httpx
import pytest
import typer

from misar_ips.cli import whole_app
from misar_ips.shell.scripts import VARIABLE
from tests.conftest import Ran, World, run_process
from tests.listener import Listener, stay_silent
from tests.test_architecture import loaded_by

IDS = [
    "ip_abc123\t198.51.100.42 warming",
    "ip_def456\t198.51.100.17 warmed",
    "ip_ghi789\t198.51.100.88 suspended",
    "ip_jkl012\t198.51.100.131 not_started",
]
COMMANDS = list(typer.main.get_command(whole_app()).commands)  # type: ignore[attr-defined]  # a group
PROFILES = """\
default_profile = "work"
[profiles.work]
api_key = "msk_0123"
[profiles.vault]
api_key_command = "touch ran"
"""


def offered(world: World, *words: str, script: str = "fish") -> list[str]:
    """Return what is offered in the place of the last word: values, tabs, descriptions."""
    asking = World({**world.environ, VARIABLE: script}, world.emulator, world.transport)
    ran = asking.run(*words)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def values(world: World, *words: str, script: str = "fish") -> list[str]:
    return [line.partition("\t")[0] for line in offered(world, *words, script=script)]


def configure(world: World, text: str) -> None:
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    del world.environ["MISARMAIL_API_KEY"]


# What is static


def test_commands(world: World) -> None:
    assert values(world, "") == COMMANDS
    assert COMMANDS[0] == "list"  # the first TAB is not an order
    assert offered(world, "rel") == ["release\tRelease IPs, after asking."]
    assert values(world, "profile", "") == ["add", "list", "use", "remove"]
    assert values(world, "help", "profile", "") == ["add", "list", "use", "remove"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], COMMANDS),
        (["--version", ""], COMMANDS),
        (["help", "lis"], ["list"]),
        (["--ver"], ["--version"]),
        (["--install-completion", "z"], ["zsh"]),
        (["--install-completion=z"], ["--install-completion=zsh"]),
        (["list", "--js"], ["--json"]),
        (["show", "ip_abc123", "--w"], ["--watch"]),
        (["show", "ip_abc123", "--watch", "--w"], []),
        (["list", "--pool", "a", "--poo"], ["--pool"]),
        (["list", "--status", ""], ["not_started", "warming", "warmed", "suspended"]),
        (["ls", "--status", "warm"], ["warming", "warmed"]),
        (["list", "--status=warm"], ["--status=warming", "--status=warmed"]),
        (["list", "--sort", "warm"], ["warmup_status", "warmup_percent"]),
        (["wait", "ip_abc123", "--for", "p"], ["provisioned"]),
        (["emulator", "serve", "--plan", ""], ["free", "pro", "max", "enterprise"]),
        (["emulator", "reset", "--db", "x"], [":files"]),
        (["emulator", "reset", "--db="], [":files"]),
        (["list", "--nonsense", ""], []),
        (["list", ""], []),
        (["request", "--rdns", ""], []),
        (["profile", "add", ""], []),
    ],
)
def test_values(world: World, words: list[str], expected: list[str]) -> None:
    assert values(world, *words) == expected
    assert world.received() == []


def test_profiles(world: World) -> None:
    configure(world, PROFILES)
    assert offered(world, "list", "--profile", "") == [
        "work\thttps://api.misar.io/mail/v1, the default one",
        "vault\thttps://api.misar.io/mail/v1",
        "demo\tthe built-in account, which needs no key",
    ]
    assert values(world, "list", "-pw") == ["-pwork"]
    assert values(world, "-p=w") == ["-p=work"]
    assert values(world, "profile", "use", "") == ["work", "vault", "demo"]
    assert values(world, "profile", "remove", "") == ["work", "vault"]


def test_what_is_static_loads_neither_httpx_nor_rich(environ: dict[str, str]) -> None:
    environ[VARIABLE] = "bash"
    for words in (["li"], ["list", "--status", ""], ["list", "-p", ""], ["show", "--"]):
        loaded = loaded_by(*words, environ=environ)
        assert "misar_ips" in loaded
        assert loaded & {"httpx", "rich", "pygments", "sqlite3", "ssl", "dns"} == set()


# The words before the cursor are read as the program reads them


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("show -p work {}", True),
        ("show -pwork {}", True),
        ("show -p=work {}", True),
        ("show --profile=work {}", True),
        ("show '--profile=work' {}", True),
        ('show --profile="work" {}', True),
        (r"show --profile \work {}", True),
        ("-p work show {}", True),
        ("--json -pwork show --debug {}", True),
        ("-p nosuch show -p work {}", True),
        ("show -p work -- {}", True),
        ("-- show -p work {}", True),
        ("release -yp work {}", True),
        ("check --resolver 127.0.0.1:5353 -p work {}", True),
        ("check --resolver=[::1]:53 -p work {}", True),
        ("wait -p work --for warmed {}", True),
        ("show -p nosuch {}", False),
        ("show --profile=Work {}", False),
        ("show -- -p {}", False),
        ("show -p work --watch ip_abc123 {}", False),
        ("show -p work -- --watch {}", False),
        ("list -p work {}", False),
        ("list -p work --pool {}", False),
        ("update -p work --pool --rdns {}", True),
        ("wait -p work --for {}", False),
        ("rm -p work {}", False),
    ],
)
def test_tab_and_the_program_read_the_same_words_alike(
    world: World, line: str, *, reads: bool
) -> None:
    configure(world, PROFILES)
    before = line.removesuffix(" {}")
    assert ("ip_jkl012" in values(world, *before.split(" "), "ip_", script="bash")) is reads
    assert ("ip_jkl012" in values(world, *shlex.split(before), "ip_", script="zsh")) is reads
    is_an_ip = world.run(*shlex.split(line.format("ip_nosuch"))).code == 6
    assert is_an_ip is reads


def test_powershell_marks_the_word_at_the_cursor(world: World) -> None:
    assert len(offered(world, "list", "--status", "=", script="powershell")) == 4
    assert offered(world, "sho", script="powershell") == offered(world, "=sho", script="powershell")


# What the account has


def test_ids_with_address_and_status(world: World) -> None:
    assert offered(world, "show", "") == IDS
    assert offered(world, "update", "ip_d") == [IDS[1]]
    assert values(world, "show", "ip_abc123", "") == []
    named = ["release", "ip_abc123", "--yes", "ip_ghi789", ""]
    assert values(world, *named) == ["ip_def456", "ip_jkl012"]
    assert world.received() == ["GET /mail/v1/dedicated-ips"] * 3


def test_pools_in_use_and_the_two_documented(world: World) -> None:
    world.run("update", "ip_abc123", "--pool", "cold")
    assert values(world, "list", "--pool", "") == ["transactional", "marketing", "cold"]
    assert values(world, "list", "--pool=c") == ["--pool=cold"]
    del world.environ["MISARMAIL_API_KEY"]
    assert values(world, "request", "--pool", "") == ["transactional", "marketing"]


def test_a_command_for_the_key_is_not_run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(world, PROFILES)
    monkeypatch.chdir(tmp_path)
    assert offered(world, "show", "--profile", "vault", "") == []
    assert not (tmp_path / "ran").exists()


def test_what_would_need_quotes_is_not_offered(world: World) -> None:
    ips = [
        {"id": each, "pool": each} for each in ("$(id)", "a b", "x;y", "-x", "`id`", "ok\n", "a'")
    ]
    sent = [*ips, {"id": "fine", "address": "\x1b[31m$(id)", "pool": "fine"}]
    world.transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"ips": sent}))
    assert offered(world, "show", "") == ["fine\t\\x1b[31m$(id)"]
    assert values(world, "list", "--pool", "") == ["transactional", "marketing", "fine"]


@pytest.mark.parametrize("fault", ["GET:401", "GET:429", "GET:503", "GET:html", "GET:reset"])
def test_trouble_offers_nothing_and_says_nothing(world: World, fault: str) -> None:
    world.emulator.faults.add(fault)
    assert offered(world, "show", "--debug", "--json", "") == []
    assert len(world.received()) == 1


@pytest.mark.parametrize("config", ["[", "profiles = 1", ""])
def test_nothing_usable_configured_offers_nothing(world: World, config: str) -> None:
    configure(world, config)
    assert offered(world, "show", "") == []
    assert values(world, "list", "--profile", "") == ["demo"]


def test_a_server_that_does_not_answer_is_not_waited_for(environ: dict[str, str]) -> None:
    environ[VARIABLE] = "bash"
    with Listener(stay_silent) as listener:
        environ["MISARMAIL_BASE_URL"] = listener.base_url
        started = time.monotonic()
        assert run_process("show", "", environ=environ) == Ran(0, "", "")
        assert 1.4 < time.monotonic() - started < 6
