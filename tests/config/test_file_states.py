"""The file in every state: modes, owners, links, pipes, other kinds, full disks, and its lock."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from misar_ips.config import locked_file
from tests.configuration import DEFAULT_URL, NO_IPS, Setting, work_profile
from tests.conftest import KEY, Ran, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer


@pytest.mark.parametrize(
    ("mode", "warning"),
    [
        (0o600, None),
        (0o711, None),
        (0o640, "Others can read the keys in {path}: `chmod 600 {path}`."),
        (0o604, "Others can read the keys in {path}: `chmod 600 {path}`."),
        (0o620, "Others can change {path}, and where a key is sent: `chmod 600 {path}`."),
        (0o646, "Others can change {path}, and where a key is sent: `chmod 600 {path}`."),
    ],
)
def test_a_file_that_others_can_use_gets_a_warning(
    setting: Setting, mode: int, warning: str | None
) -> None:
    setting.write(work_profile(), mode)
    told = f"Warning: {warning.format(path=setting.path)}\n" if warning else ""
    assert setting.run("list").stderr == told + NO_IPS


def test_the_command_that_closes_the_file_can_be_pasted(setting: Setting, tmp_path: Path) -> None:
    path = tmp_path / "my file.toml"
    path.write_text(work_profile())
    path.chmod(0o644)
    ran = setting.run("list", MISAR_IPS_CONFIG=str(path))
    assert f"`chmod 600 '{path}'`" in ran.stderr


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_folder_and_file_are_their_owners_alone_whatever_the_umask(
    setting: Setting, tmp_path: Path, umask: int
) -> None:
    path = tmp_path / "new" / "folder" / "config.toml"
    before = os.umask(umask)
    try:
        for arguments in (["profile", "add", "work"], ["profile", "use", "work"]):
            ran = setting.run(*arguments, stdin=KEY, MISAR_IPS_CONFIG=str(path))
            assert ran.code == 0
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in path.parents[:2]} == {0o700}
    assert [each.stat().st_mode & 0o777 for each in path.parent.iterdir()] == [0o600] * 2


def test_a_file_that_others_could_read_is_closed_by_the_next_change(setting: Setting) -> None:
    setting.write(work_profile())
    setting.path.chmod(0o644)
    assert setting.run("profile", "use", "work").code == 0
    assert setting.path.stat().st_mode & 0o777 == 0o600


def test_writing_leaves_nothing_but_the_file_and_its_lock(setting: Setting) -> None:
    for name in ("one", "two", "three"):
        assert setting.run("profile", "add", name, stdin=KEY).code == 0
    assert sorted(path.name for path in setting.path.parent.iterdir()) == [
        "config.toml",
        "config.toml.lock",
    ]
    assert setting.path.read_text() == (
        'default_profile = "one"\n\n'
        f'[profiles.one]\napi_key = "{KEY}"\n\n'
        f'[profiles.two]\napi_key = "{KEY}"\n\n'
        f'[profiles.three]\napi_key = "{KEY}"\n'
    )


def test_a_link_stays_a_link_and_its_target_is_replaced(setting: Setting, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "misar.toml"
    target.parent.mkdir()
    target.write_text(work_profile())
    setting.path.parent.mkdir()
    setting.path.symlink_to("../dotfiles/misar.toml")
    assert setting.run("profile", "add", "new", stdin=KEY).code == 0
    assert setting.path.readlink() == Path("../dotfiles/misar.toml")
    assert list(tomllib.loads(target.read_text())["profiles"]) == ["work", "new"]
    assert list(setting.path.parent.iterdir()) == [setting.path]


def test_a_link_to_nothing_is_told_and_stays(setting: Setting, tmp_path: Path) -> None:
    setting.path.parent.mkdir()
    setting.path.symlink_to(tmp_path / "unmounted" / "misar.toml")
    error = f"Error: {setting.path} is a link to a file that is not there.\n"
    assert setting.refusal("list") == error
    assert setting.refusal("profile", "add", "new", stdin=KEY) == error
    assert setting.refusal("profile", "use", "new") == (
        f"Error: {setting.path} can't be written: No such file or directory. It is as it was.\n"
    )
    assert setting.path.is_symlink()
    assert not (tmp_path / "unmounted").exists()


def test_a_folder_in_the_files_place(setting: Setting) -> None:
    setting.path.mkdir(parents=True)
    assert setting.refusal("list") == f"Error: {setting.path} can't be read: Is a directory.\n"
    assert setting.refusal("profile", "use", "work") == (
        f"Error: {setting.path} is not a regular file; it was not changed.\n"
    )
    assert setting.path.is_dir()


def test_a_pipe_that_nobody_writes_to_is_given_up_after_two_seconds(setting: Setting) -> None:
    setting.path.parent.mkdir()
    os.mkfifo(setting.path)
    reason = f"{setting.path} can't be read: nobody wrote to this pipe for 2 s."
    # In a process of its own, because one that reads the pipe for ever would end no test.
    assert run_process("list", environ=setting.world.environ) == Ran(3, "", f"Error: {reason}\n")
    ran = run_process("doctor", environ={**setting.world.environ, "MISAR_IPS_PROFILE": "demo"})
    assert f"configuration\tfail\t{reason}\t\n" in ran.stdout
    assert "scope\tpass\t" in ran.stdout
    assert ran.code == 12


def test_a_pipe_in_the_files_place_is_not_replaced(setting: Setting) -> None:
    setting.path.parent.mkdir()
    os.mkfifo(setting.path)
    assert setting.refusal("profile", "use", "work") == (
        f"Error: {setting.path} is not a regular file; it was not changed.\n"
    )
    assert setting.path.is_fifo()


@pytest.mark.parametrize("arguments", [["list"], ["doctor"]])
def test_a_pipe_that_somebody_writes_to_is_read(setting: Setting, arguments: list[str]) -> None:
    setting.path.parent.mkdir()
    os.mkfifo(setting.path)
    with subprocess.Popen(
        ["/bin/sh", "-c", 'printf %s "$0" > "$1"', work_profile(), str(setting.path)]
    ):
        assert setting.run(*arguments).code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_work")]


@pytest.mark.parametrize("content", ["", work_profile()])
def test_a_device_is_read_like_a_file(setting: Setting, content: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, content.encode())
    os.close(writing)
    path = f"/dev/fd/{reading}" if content else os.devnull
    assert setting.run("profile", "list", MISAR_IPS_CONFIG=path).code == 0
    os.close(reading)


def test_a_device_without_end_is_not_read_to_its_end(setting: Setting) -> None:
    assert setting.refusal("list", MISAR_IPS_CONFIG="/dev/zero") == (
        "Error: /dev/zero is larger than any configuration: it was not read.\n"
    )


def test_a_path_under_a_file(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / "config.toml"
    error = f"Error: {path} can't be read: Not a directory.\n"
    assert setting.refusal("list", MISAR_IPS_CONFIG=str(path)) == error
    assert setting.refusal("profile", "add", "new", stdin=KEY, MISAR_IPS_CONFIG=str(path)) == error
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_can_not_be_written(setting: Setting, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 253)  # just short enough for a file, too long for its lock
    ran = setting.run("profile", "add", "new", stdin=KEY, MISAR_IPS_CONFIG=str(path))
    assert ran == Ran(
        3, "", f"Error: {path} can't be written: File name too long. It is as it was.\n"
    )
    assert not path.exists()


def test_a_file_larger_than_any_configuration(setting: Setting) -> None:
    content = b"#" * (1 << 20) + b"\n"
    setting.write(content)
    for arguments in (["list"], ["profile", "add", "new"]):
        assert setting.refusal(*arguments, stdin=KEY) == (
            f"Error: {setting.path} is larger than any configuration: it was not read.\n"
        )
    assert setting.path.read_bytes() == content


def test_a_file_of_the_largest_size(setting: Setting) -> None:
    text = work_profile()
    setting.write(text + "#" * ((1 << 20) - len(text)))
    assert setting.run("list").code == 0


def test_another_users_file_is_not_taken_over(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(work_profile())
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert setting.refusal("profile", "use", "work") == (
        f"Error: {setting.path} belongs to another user; it was not changed. Change it as its "
        "owner, or set MISAR_IPS_CONFIG to a file of your own.\n"
    )
    # No lock either: the owner could not open it.
    assert list(setting.path.parent.iterdir()) == [setting.path]
    assert setting.path.read_text() == work_profile()


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    setting: Setting, server: EmulatorServer
) -> None:
    setting.write(work_profile())
    program = [sys.executable, "-B", "-m", "misar_ips"]
    arguments = ["profile", "add", "new", "--base-url", server.base_url]
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *program, *arguments],
        env={**setting.world.environ, "PATH": os.environ["PATH"]},
        input=KEY,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        f"Error: {setting.path} can't be written: File too large. It is as it was.\n",
    )
    assert setting.path.read_text() == work_profile()
    names = sorted(path.name for path in setting.path.parent.iterdir())
    assert names == ["config.toml", "config.toml.lock"]


# The lock


def test_a_lock_that_another_holds_is_waited_for_and_then_told(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(work_profile())
    lock = setting.path.with_name("config.toml.lock")
    with lock.open("w") as held, monkeypatch.context() as patch:
        fcntl.flock(held, fcntl.LOCK_EX)
        patch.setattr(locked_file, "LOCK_PATIENCE", 0.05)
        assert setting.refusal("profile", "use", "work") == (
            f"Error: Another misar-ips is holding {lock}. Try again once it is done.\n"
        )
    assert setting.path.read_text() == work_profile()
    # The lock file is still there, as after a process that died; nobody holds it.
    assert setting.run("profile", "use", "work").code == 0


def test_a_lock_that_is_given_back_is_taken(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(work_profile())
    pauses: list[float] = []
    with setting.path.with_name("config.toml.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            fcntl.flock(held, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", pause)
        assert setting.run("profile", "use", "work").code == 0
    assert pauses == [0.02]
