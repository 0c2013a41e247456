"""Installing completion: which shell, which files, and what is left alone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from misar_ips.shell.scripts import SCRIPTS
from tests.conftest import Ran, World

COMPLETIONS = Path(__file__).parents[2] / "completions"
README = COMPLETIONS.parent / "README.md"
KNOWN = "It can be bash, zsh, fish, powershell.\n"


@pytest.fixture
def home(world: World, tmp_path: Path) -> Path:
    """Return the home folder of somebody who uses bash."""
    home = tmp_path / "home"
    home.mkdir()
    world.environ |= {"SHELL": "/bin/bash", "HOME": str(home)}
    return home


def test_the_script_is_shown_for_the_shell_in_use_or_named(world: World) -> None:
    for name, (file, script) in SCRIPTS.items():
        world.environ["SHELL"] = f"/usr/bin/{name}"
        assert world.run("--show-completion") == Ran(0, script, "")
        assert (COMPLETIONS / file).read_text() == script
        world.environ["SHELL"] = "/bin/bash"
        assert world.run("--show-completion", name) == Ran(0, script, "")
        assert world.run(f"--show-completion={name}") == Ran(0, script, "")
    assert world.run("--show-completion", "pwsh").stdout == SCRIPTS["powershell"][1]
    assert world.run("--show-completion", "--debug").stdout == SCRIPTS["bash"][1]


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_a_shell_that_is_not_known(world: World, option: str) -> None:
    world.environ["SHELL"] = "/bin/tcsh"
    hint = f"Name it, as in `misar-ips --install-completion bash`. {KNOWN}"
    expected = f"Error: SHELL does not name a shell that can be completed in. {hint}"
    assert world.run(option) == Ran(2, "", expected)
    world.environ["SHELL"] = "/bin/bash"
    expected = f"Error: There is no completion for `tcsh`. {KNOWN}"
    assert world.run(option, "tcsh") == Ran(2, "", expected)


def test_another_shell_than_the_one_in_use_is_installed(world: World, home: Path) -> None:
    ran = world.run("--install-completion", "zsh")
    script = home / ".local/share/zsh/site-functions/_misar-ips"
    sentence = f"Completion for zsh is in {script}, which {home}/.zshrc loads. A new shell has it."
    assert ran == Ran(0, "", f"{sentence}\n")
    assert script.read_text() == SCRIPTS["zsh"][1]
    assert not (home / ".bashrc").exists()


def test_powershells_profile_is_left_to_its_owner(world: World) -> None:
    ran = world.run("--install-completion", "powershell")
    assert (ran.code, ran.stdout) == (2, "")
    [line] = re.findall(r"```powershell\n(.*)\n```", README.read_text(encoding="utf-8"))
    assert ran.stderr == (
        f"Error: PowerShell's profile is not changed. Add this line to $PROFILE: `{line}`\n"
    )


def test_a_relative_folder_for_data_is_ignored(
    world: World, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    world.environ["XDG_DATA_HOME"] = "data"
    world.environ["XDG_CONFIG_HOME"] = "config"
    assert world.run("--install-completion").code == 0
    assert (home / ".local/share/bash-completion/completions/misar-ips").is_file()
    assert world.run("--install-completion", "fish").code == 0
    assert (home / ".config/fish/completions/misar-ips.fish").is_file()
    assert not (tmp_path / "data").exists()
    assert "data/" not in (home / ".bashrc").read_text().replace(str(home), "")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_does_not_complain_where_the_script_is_gone(
    world: World, home: Path, shell: str
) -> None:
    assert world.run("--install-completion", shell).code == 0
    [script] = [path for path in home.rglob("*misar-ips") if path.is_file()]
    script.unlink()
    done = subprocess.run(
        [shell, "-c", f"source {home}/.{shell}rc; echo $?"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_what_the_start_file_holds_stays(world: World, home: Path) -> None:
    start_file = home / ".bashrc"
    start_file.write_bytes(b"alias m=misar-ips # \xff")
    assert world.run("--install-completion").code == 0
    first = start_file.read_bytes()
    assert first.startswith(b"alias m=misar-ips # \xff\n\n# Completion of misar-ips\n")
    assert world.run("--install-completion").code == 0
    assert start_file.read_bytes() == first


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_a_start_file_that_is_not_a_file(world: World, home: Path, kind: str) -> None:
    start_file = home / ".bashrc"
    if kind == "fifo":
        os.mkfifo(start_file)
    else:
        start_file.mkdir()
    ran = world.run("--install-completion")
    assert (ran.code, ran.stdout) == (3, "")
    assert f"{start_file} is not a regular file." in ran.stderr


def test_a_place_that_cant_be_written(world: World, home: Path) -> None:
    world.environ["HOME"] = f"{home}/file"
    (home / "file").write_text("not a folder")
    ran = world.run("--install-completion")
    assert (ran.code, ran.stdout) == (3, "")
    assert re.match("Error: Completion could not be installed: .*: Not a directory.", ran.stderr)


def test_a_full_disk_leaves_the_old_script(
    world: World, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = home / ".local/share/bash-completion/completions/misar-ips"
    script.parent.mkdir(parents=True)
    script.write_text("# of another version\n")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device", str(script))

    monkeypatch.setattr(os, "fsync", fail)
    ran = world.run("--install-completion")
    assert (ran.code, ran.stdout) == (3, "")
    assert "No space left on device" in ran.stderr
    assert [path.name for path in script.parent.iterdir()] == ["misar-ips"]
    assert script.read_text() == "# of another version\n"
    assert not (home / ".bashrc").exists()
