"""What a TAB offers: asked of the program in this process, and of the real shells."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pexpect  # type: ignore[import-untyped]  # it ships no types
import pytest

from misar_ips.emulator import handler
from misar_ips.shell import scripts as shells
from misar_ips.shell.completion import PLANS
from tests.conftest import KEY, Ran, World, run_process
from tests.listener import Listener, json_reply, stay_silent
from tests.test_architecture import loaded_by

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

COMPLETIONS = Path(__file__).parents[2] / "completions"
README = COMPLETIONS.parent / "README.md"
IDS = [
    "ip_abc123\t198.51.100.42 warming",
    "ip_def456\t198.51.100.17 warmed",
    "ip_ghi789\t198.51.100.88 suspended",
    "ip_jkl012\t198.51.100.131 not_started",
]
ESCAPES = re.compile(r"\x1b(\[[0-9;?=>]*[a-zA-Z]|[=>]|\([A-Z0-9]|\][^\x07]*\x07)|[\x07\x0f]")
SECONDS = 20  # until a test gives up waiting
COMMANDS = ["request", "wait", "list", "show", "check", "update", "release"]
COMMANDS += ["doctor", "profile", "emulator"]
PROFILES = """\
default_profile = "work"
[profiles.work]
api_key = "msk_0123"
[profiles.vault]
api_key_command = "touch ran"
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder that completion keeps IPs in, which is this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "misar-ips" / "completion"


def offered(world: World, *words: str, script: str = "fish") -> list[str]:
    """Return what is offered in the place of the last word: values, tabs, descriptions."""
    asking = World({**world.environ, shells.VARIABLE: script}, world.emulator, world.transport)
    ran = asking.run(*words)
    assert (ran.code, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def values(world: World, *words: str) -> list[str]:
    return [line.partition("\t")[0] for line in offered(world, *words)]


def configure(world: World, text: str) -> None:
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    del world.environ["MISARMAIL_API_KEY"]


# What is static


def test_commands(world: World) -> None:
    assert values(world, "") == COMMANDS
    assert offered(world, "rel") == ["release\tGive IPs back, after asking."]
    assert values(world, "profile", "") == ["add", "list", "use", "remove"]
    assert values(world, "nonsense", "") == COMMANDS


def test_options(world: World) -> None:
    assert values(world, "--") == [
        "--version",
        "--install-completion",
        "--show-completion",
        "--help",
    ]
    assert offered(world, "list", "--js") == ["--json\tPrint JSON."]
    assert values(world, "show", "ip_abc123", "--w") == ["--watch"]
    assert values(world, "show", "ip_abc123", "--watch", "--w") == []
    assert values(world, "emulator", "serve", "--fault", "GET:503", "--f") == ["--fault"]
    assert values(world, "show", "--", "--w") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list", "--status", ""], ["not_started", "warming", "warmed", "suspended"]),
        (["list", "--status", "warm"], ["warming", "warmed"]),
        (["list", "--status=warm"], ["--status=warming", "--status=warmed"]),
        (["list", "--sort", "warm"], ["warmup_status", "warmup_percent"]),
        (["wait", "ip_abc123", "--for", ""], ["provisioned", "warmed"]),
        (["emulator", "serve", "--plan", ""], ["free", "pro", "max", "enterprise"]),
        (["emulator", "reset", "--db", "x"], [":files"]),
        (["list", "--nonsense", ""], []),
        (["list", ""], []),
        (["request", "--rdns", ""], []),
        ([], COMMANDS),
    ],
)
def test_values(world: World, words: list[str], expected: list[str]) -> None:
    assert values(world, *words) == expected
    assert world.received() == []


def test_the_plans_are_the_emulators() -> None:
    assert list(PLANS) == list(handler.PLANS)


def test_bash_splits_words_at_equals_signs(world: World) -> None:
    for words in (["--status", "=", "warmi"], ["--status", "=warmi"[1:]]):
        assert offered(world, "list", *words, script="bash") == ["warming\twarm-up in progress"]
    assert len(offered(world, "list", "--status", "=", script="bash")) == 4


def test_powershell_marks_the_word_at_the_cursor(world: World) -> None:
    assert len(offered(world, "list", "--status", "=", script="powershell")) == 4
    assert offered(world, "sho", script="powershell") == offered(world, "=sho", script="powershell")


def test_profiles(world: World) -> None:
    configure(world, PROFILES)
    assert offered(world, "list", "--profile", "") == [
        "work\thttps://api.misar.io/mail/v1, the default one",
        "vault\thttps://api.misar.io/mail/v1",
        "demo\tthe built-in account, which needs no key",
    ]
    assert values(world, "list", "-p", "w") == ["work"]
    assert values(world, "profile", "use", "") == ["work", "vault", "demo"]
    assert values(world, "profile", "remove", "") == ["work", "vault"]
    assert values(world, "profile", "add", "") == []


def test_what_is_static_loads_neither_httpx_nor_rich(environ: dict[str, str]) -> None:
    environ[shells.VARIABLE] = "bash"
    for words in (["li"], ["list", "--status", ""], ["list", "-p", ""], ["show", "--"]):
        loaded = loaded_by(*words, environ=environ)
        assert "misar_ips" in loaded
        assert loaded & {"httpx", "rich", "pygments", "sqlite3", "ssl", "dns"} == set()


# What the account has


def test_ids_with_address_and_status(world: World) -> None:
    assert offered(world, "show", "") == IDS
    assert offered(world, "update", "ip_d") == [IDS[1]]
    assert offered(world, "wait", "--for", "warmed", "ip_j") == [IDS[3]]
    assert values(world, "show", "ip_abc123", "") == []
    assert values(world, "release", "ip_abc123", "--yes", "ip_ghi789", "") == [
        "ip_def456",
        "ip_jkl012",
    ]
    assert world.received() == ["GET /mail/v1/dedicated-ips"]


def test_pools_in_use_and_the_two_documented(world: World) -> None:
    world.run("update", "ip_abc123", "--pool", "cold")
    assert values(world, "list", "--pool", "") == ["transactional", "marketing", "cold"]
    del world.environ["MISARMAIL_API_KEY"]
    assert values(world, "request", "--pool", "") == ["transactional", "marketing"]


@pytest.mark.parametrize(
    "change",
    [["request"], ["update", "ip_abc123", "--pool", "cold"], ["release", "ip_jkl012"]],
    ids=lambda change: change[0],
)
def test_a_change_makes_the_next_tab_ask_again(world: World, change: list[str]) -> None:
    before = values(world, "show", "")
    assert world.run(*change).code == 0
    after = values(world, "show", "")
    assert len(world.received("GET /mail/v1/dedicated-ips")) >= 2
    expected = {"request": 5, "update": 4, "release": 3}[change[0]]
    assert (len(before), len(after)) == (4, expected)


@pytest.mark.parametrize("change", [["advance", "24h"], ["reset"]], ids=lambda change: change[0])
def test_moving_the_emulator_empties_the_cache(
    world: World, cache: Path, change: list[str]
) -> None:
    offered(world, "show", "")
    assert list(cache.iterdir())
    assert world.run("emulator", *change).code == 0
    assert not list(cache.iterdir())


def test_what_was_seen_is_kept_for_a_minute_and_for_nobody_else(world: World, cache: Path) -> None:
    offered(world, "show", "")
    [path] = cache.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.read_text() + path.name
    for age, requests in ((50, 1), (70, 2), (-1000, 3)):
        then = time.time() - age
        os.utime(path, (then, then))
        assert offered(world, "show", "") == IDS
        assert len(world.received()) == requests


@pytest.mark.parametrize("content", ["", "[", "[1]", '[["only an id"]]', "[[1,2,3,4,5]]"])
def test_a_broken_cache_is_asked_past(world: World, cache: Path, content: str) -> None:
    offered(world, "show", "")
    [path] = cache.iterdir()
    path.write_text(content)
    assert offered(world, "show", "") == IDS


def test_each_account_has_its_own(world: World) -> None:
    configure(world, PROFILES + '[profiles.other]\napi_key = "msk_4567"\n')
    assert offered(world, "show", "") == IDS
    world.emulator.store.release("ip_abc123")
    assert offered(world, "show", "--profile", "other", "") == IDS[1:]
    assert offered(world, "show", "-p=work", "") == offered(world, "show", "") == IDS


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
def test_trouble_offers_nothing_and_says_nothing(world: World, cache: Path, fault: str) -> None:
    world.emulator.faults.add(fault)
    assert offered(world, "show", "--debug", "--json", "") == []
    assert len(world.received()) == 1
    assert not cache.exists()


@pytest.mark.parametrize("config", ["[", "profiles = 1", ""])
def test_nothing_usable_configured_offers_nothing(world: World, config: str) -> None:
    configure(world, config)
    assert offered(world, "show", "") == []
    assert values(world, "list", "--profile", "") == ["demo"]


def test_a_server_that_does_not_answer_is_not_waited_for(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ |= {shells.VARIABLE: "bash", "XDG_CACHE_HOME": str(tmp_path)}
    with Listener(stay_silent) as listener:
        environ["MISARMAIL_BASE_URL"] = listener.base_url
        started = time.monotonic()
        assert run_process("show", "", environ=environ) == Ran(0, "", "")
        assert 1.4 < time.monotonic() - started < 6


# The real shells


class Shell:
    """A shell at a terminal, which has done what the README says to have completion."""

    PROMPT = "READY>"
    COMMANDS = {  # noqa: RUF012 - a table, and nobody changes it
        "bash": ["bash", "-i"],
        "zsh": ["zsh", "-i"],
        "fish": ["fish", "-i"],
    }

    def __init__(self, name: str, environ: dict[str, str], home: Path) -> None:
        self.name = name
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        self.environ = {
            **environ,
            "HOME": str(home),
            "SHELL": f"/bin/{name}",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(home / "cache"),
            "COLUMNS": "200",
        }
        self._write_prompt(home)

    def _write_prompt(self, home: Path) -> None:
        fish = home / ".config/fish"
        fish.mkdir(parents=True, exist_ok=True)
        greeting = f"function fish_prompt; echo -n '{self.PROMPT}'; end\nset fish_greeting\n"
        (fish / "config.fish").write_text(greeting)
        (home / ".bashrc").write_text(f"PS1='{self.PROMPT}'\nbind 'set page-completions off'\n")
        (home / ".zshrc").write_text(f"PS1='{self.PROMPT}'\nunsetopt PROMPT_SP\n")

    def install(self) -> Ran:
        return run_process("--install-completion", environ=self.environ)

    def tab(self, line: str, *expected: str, before: str = "") -> str:
        """Type a line, press TAB twice, and give what is shown once all that is expected is.

        ``before`` is a line that is run first.
        """
        process = pexpect.spawn(
            self.COMMANDS[self.name][0],
            self.COMMANDS[self.name][1:],
            env=self.environ,
            dimensions=(50, 200),
            encoding="utf-8",
            timeout=SECONDS,
        )
        try:
            process.expect_exact(self.PROMPT)
            if before:
                process.send(f"{before}\r")
                process.expect(f"\n.*{self.PROMPT}")
            process.send(f"{line}\t\t")
            shown = ""
            while not all(text in ESCAPES.sub("", shown) for text in expected):
                shown += process.read_nonblocking(1000, timeout=SECONDS)
            return ESCAPES.sub("", shown)
        finally:
            process.close(force=True)


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(
    request: pytest.FixtureRequest,
    environ: dict[str, str],
    server: EmulatorServer,
    tmp_path: Path,
) -> Shell:
    """Return each shell in turn, at home in a folder of its own."""
    environ["MISARMAIL_BASE_URL"] = server.base_url
    return Shell(request.param, environ, tmp_path)


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_a_shell_completes_after_it_was_installed(shell: Shell) -> None:
    installed = shell.install()
    assert (installed.code, installed.stdout) == (0, "")
    assert installed.stderr.startswith(
        f"Completion for {shell.name} is in {shell.environ['HOME']}/"
    )
    shell.tab("misar-ips show ip_", "ip_abc123", "198.51.100.42 warming", "ip_jkl012")
    shell.tab("misar-ips sho", "show ")
    shell.tab("misar-ips list --statu", "--status ")
    shell.tab("misar-ips list --status susp", "suspended ")
    shell.tab("misar-ips wait ip_abc123 --for prov", "provisioned ")
    shell.tab("misar-ips list --pool tr", "transactional ")
    shell.tab("misar-ips list --profile d", "demo ")
    shell.tab(f"misar-ips emulator reset --db {shell.environ['HOME']}/emulat", "emulator.db")


def test_who_follows_the_readme_alone_gets_to_a_completed_line(shell: Shell) -> None:
    del shell.environ["MISARMAIL_API_KEY"], shell.environ["MISARMAIL_BASE_URL"]
    section = (
        README.read_text(encoding="utf-8")
        .partition("### Completion")[2]
        .partition("## First steps")[0]
    )
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    [install, tell, ask] = [
        re.sub(" +#.*", "", line) for block in blocks for line in block.splitlines()
    ]
    assert run_process(*install.split()[1:], environ=shell.environ).code == 0
    assert ask == "misar-ips show ip_"
    shell.tab(ask, "ip_abc123", "198.51.100.42 warming", "ip_jkl012", before=tell)


def test_installing_twice_changes_nothing(shell: Shell) -> None:
    shell.install()
    home = Path(shell.environ["HOME"])
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert shell.install().code == 0
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_hostile_id_is_neither_run_nor_offered(shell: Shell, tmp_path: Path) -> None:
    hostile = f"ip_$(touch {tmp_path}/ran)"
    cache = tmp_path / "cache"
    with Listener(
        json_reply({"ips": [{"id": hostile}, {"id": "ip_good", "address": "`$(x)"}]})
    ) as it:
        shell.environ["MISARMAIL_BASE_URL"] = it.base_url
        shell.install()
        assert "touch" not in shell.tab("misar-ips show ip_", "ip_good ")
    assert list(cache.rglob("*.json"))
    assert not (tmp_path / "ran").exists()


# Installing


def test_the_script_is_shown_for_the_shell_in_use(world: World) -> None:
    for name, (file, script) in shells.SCRIPTS.items():
        world.environ["SHELL"] = f"/usr/bin/{name}"
        assert world.run("--show-completion") == Ran(0, script, "")
        assert (COMPLETIONS / file).read_text() == script
    world.environ["SHELL"] = "/opt/pwsh"
    assert world.run("--show-completion").stdout == shells.SCRIPTS["powershell"][1]


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_a_shell_that_is_not_known(world: World, option: str) -> None:
    world.environ["SHELL"] = "/bin/tcsh"
    assert world.run(option) == Ran(
        2,
        "",
        "Error: SHELL names no shell that can be completed in. "
        "Set it for once, as in `SHELL=bash`; it can be bash, zsh, fish, powershell.\n",
    )


def test_powershells_profile_is_left_to_its_owner(world: World) -> None:
    world.environ["SHELL"] = "pwsh"
    assert world.run("--install-completion") == Ran(
        2,
        "",
        "Error: PowerShell's profile is not changed. Add this line to $PROFILE: "
        "`$env:SHELL = 'pwsh'; misar-ips --show-completion | Out-String | Invoke-Expression`\n",
    )
    [line] = re.findall(r"```powershell\n(.*)\n```", README.read_text(encoding="utf-8"))
    assert f"`{line}`" in world.run("--install-completion").stderr


def test_a_place_that_cant_be_written(world: World, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    world.environ |= {"SHELL": "bash", "HOME": str(tmp_path / "home")}
    ran = world.run("--install-completion")
    assert (ran.code, ran.stdout) == (3, "")
    assert re.match("Error: Completion could not be installed: .*: Not a directory.", ran.stderr)
