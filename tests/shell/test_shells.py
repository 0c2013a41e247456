"""Completion in the real shells, at real terminals, after what the README says to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.conftest import Ran, run_process
from tests.listener import Listener, json_reply

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

README = Path(__file__).parents[2] / "README.md"
ESCAPES = re.compile(r"\x1b(\[[0-9;?=>]*[a-zA-Z]|[=>]|\([A-Z0-9]|\][^\x07]*\x07)|[\x07\x0f]")
SECONDS = 20  # until a test gives up waiting


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
            "COLUMNS": "200",
        }
        self._write_prompt(home)

    def _write_prompt(self, home: Path) -> None:
        fish = home / ".config/fish"
        fish.mkdir(parents=True, exist_ok=True)
        # Without it fish reads every man page of the machine at its first start, for minutes, and
        # does so in the background, long after the test has ended.
        (home / ".local/share/fish/generated_completions").mkdir(parents=True, exist_ok=True)
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
    shell.tab("misar-ips -pdemo sho", "show ")
    shell.tab("misar-ips list --status=susp", "suspended ")
    shell.tab('misar-ips list --profile "de', "demo")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("misar-ips check --resolver 127.0.0.1:5353 ip_d", "ip_def456 "),
        ("misar-ips show '--profile=work' ip_d", "ip_def456 "),
        ("misar-ips show -p=work ip_d", "ip_def456 "),
        ("misar-ips release ip_abc123 2> log.txt ip_d", "ip_def456 "),
        ("misar-ips emulator reset --db fil", "files.txt "),
        ("misar-ips emulator reset --db=fil", "files.txt "),
        ("misar-ips list > fil", "files.txt "),
        ("misar-ips list 2>fil", "files.txt "),
    ],
)
def test_a_shell_hands_over_the_words_as_the_program_gets_them(
    shell: Shell, line: str, expected: str
) -> None:
    home = Path(shell.environ["HOME"])
    (home / "files.txt").touch()
    config = Path(shell.environ["MISAR_IPS_CONFIG"])
    config.parent.mkdir()
    url = shell.environ.pop("MISARMAIL_BASE_URL")
    key = shell.environ.pop("MISARMAIL_API_KEY")
    config.write_text(f'[profiles.work]\napi_key = "{key}"\nbase_url = "{url}"\n')
    config.chmod(0o600)
    shell.install()
    shell.tab(line, expected, before=f"cd {home}")


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
    with Listener(
        json_reply({"ips": [{"id": hostile}, {"id": "ip_good", "address": "`$(x)"}]})
    ) as it:
        shell.environ["MISARMAIL_BASE_URL"] = it.base_url
        shell.install()
        assert "touch" not in shell.tab("misar-ips show ip_", "ip_good ")
    assert not (tmp_path / "ran").exists()
