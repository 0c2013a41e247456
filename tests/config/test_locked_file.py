"""The configuration survives: many writers, sudden ends, full and read-only disks, other owners."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from misar_ips.config.file import Profile
from misar_ips.config.profiles import save_profile
from tests.conftest import KEY, Ran, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

OLD = """\
default_profile = "work"

[profiles.work]
api_key = "msk_work"
"""
NEW = """\
default_profile = "work"

[profiles.work]
api_key = "msk_work"

[profiles.new]
api_key = "msk_new"
"""
LEFT = ["config.toml", "config.toml.lock"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a configuration folder with a sound file in it."""
    folder = tmp_path / "misar-ips"
    folder.mkdir(mode=0o700)
    file = folder / "config.toml"
    file.write_text(OLD)
    file.chmod(0o600)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Many at once ------------------------------------------------------------------------------------


def test_twenty_processes_at_once_lose_no_profile(
    environ: dict[str, str], server: EmulatorServer, folder: Path
) -> None:
    names = [f"p{number}" for number in range(20)]

    def add(name: str) -> Ran:
        arguments = ("profile", "add", name, "--base-url", server.base_url)
        return run_process(*arguments, environ=environ, stdin=KEY)

    with ThreadPoolExecutor(len(names)) as threads:
        codes = [ran.code for ran in threads.map(add, names)]
    assert codes == [0] * len(names)
    table = tomllib.loads((folder / "config.toml").read_text())
    assert sorted(table["profiles"]) == sorted([*names, "work"])
    assert table["default_profile"] == "work"
    assert names_in(folder) == LEFT


# Killed in the middle ----------------------------------------------------------------------------

KILLED_AT_EVERY_STEP = '''
import json
import os
import signal
import sys
from pathlib import Path

from misar_ips.config.profiles import Profile, save_profile

FOLDER = Path(sys.argv[1])
NOTE = FOLDER.with_name("step")  # which the killed one leaves its last step in
HALF_WRITTEN = FOLDER / ".config.toml.new"
OLD = (FOLDER / "config.toml").read_bytes()


def save():
    profile = Profile(name="new", api_key="msk_new")
    environ = {"MISAR_IPS_CONFIG": str(FOLDER / "config.toml")}
    save_profile(environ, profile, make_default=False, replacing=True)


def kill_at(step):
    """Let the process kill itself at one of the moments before and after it calls the system."""
    steps = 0

    def notice(frame, event, function):
        nonlocal steps
        if event not in {"c_call", "c_return"}:
            return
        owner = type(getattr(function, "__self__", None)).__module__  # of a file's methods
        if {function.__module__, owner} & {"posix", "fcntl", "_io"}:
            steps += 1
            if steps == step:
                NOTE.write_text(f"{event} {function.__name__}")
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(notice)


def outcome(step):
    child = os.fork()
    if child == 0:
        kill_at(step)
        save()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


save()  # what is loaded on first use is loaded by now
for step in range(1, 1000):
    for file in FOLDER.iterdir():
        file.unlink()
    (FOLDER / "config.toml").write_bytes(OLD)
    code = outcome(step)
    content, left = (FOLDER / "config.toml").read_text(), sorted(os.listdir(FOLDER))
    new = HALF_WRITTEN.read_text() if HALF_WRITTEN.exists() else ""
    save()
    after = sorted(os.listdir(FOLDER))
    print(json.dumps([code, content, left, after, NOTE.read_text(), new]))
    if code == 0:
        break
'''


def test_a_writer_that_is_killed_at_any_step_leaves_the_old_file_or_the_new_one(
    folder: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(folder)],
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    *killed, finished = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) > 20
    assert {code for code, *_ in killed} == {-signal.SIGKILL}
    # First the old file, then the new one, and never anything else.
    contents = [content for _, content, *_ in killed]
    change = contents.index(NEW)
    assert contents == [OLD] * change + [NEW] * (len(contents) - change)
    assert change > 0
    # What was half written is beside it until the next writer takes it away.
    remains = {name for _, _, left, *_ in killed for name in left}
    assert remains == {*LEFT, ".config.toml.new"}
    assert [after for _, _, _, after, *_ in killed if after != LEFT] == []
    assert finished[:4] == [0, NEW, LEFT, LEFT]
    # What is made to last on the disk is the whole of it.
    assert [new for *_, step, new in killed if step == "c_call fsync"] == [NEW, ""]


HOLD_THE_LOCK = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_left_by_a_dead_process_holds_nobody_up(
    environ: dict[str, str], folder: Path
) -> None:
    lock = folder / "config.toml.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(lock)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    assert lock.exists()
    del environ["MISARMAIL_API_KEY"]
    ran = run_process("profile", "use", "work", environ=environ)
    assert ran == Ran(0, "", "Profile work is the default now.\n")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_writing_leaves_no_file_open(environ: dict[str, str], folder: Path) -> None:
    def open_files_after_saving() -> int:
        profile = Profile(name="new", api_key="msk_new")
        save_profile(environ, profile, make_default=False, replacing=True)
        return len(list(Path("/proc/self/fd").iterdir()))

    assert open_files_after_saving() == open_files_after_saving()
    assert names_in(folder) == LEFT


# Disks and owners --------------------------------------------------------------------------------


def in_own_mounts(script: str, environ: dict[str, str], folder: Path, base_url: str) -> Ran:
    """Run a line of shell that may mount something over the folder, seen by nobody else.

    In it, `$FOLDER` is the folder and `add` adds the profile `new`.
    """
    unshare = shutil.which("unshare")
    own = [unshare or "", "--user", "--map-root-user", "--mount"]
    if unshare is None or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("needs the right to mount something over a folder for one process")
    add = f'"$PYTHON" -B -m misar_ips profile add new --base-url {base_url}'
    done = subprocess.run(
        [*own, "/bin/sh", "-c", f"add() {{ {add}; }}\n{script}"],
        env={
            **environ,
            "PATH": os.environ["PATH"],
            "PYTHON": sys.executable,
            "FOLDER": str(folder),
        },
        input=KEY,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    return Ran(done.returncode, done.stdout, done.stderr)


FULL_DISK = """
cp "$FOLDER/config.toml" "$FOLDER/../copy" &&
mount -t tmpfs -o size=8k,mode=700 none "$FOLDER" &&
cp "$FOLDER/../copy" "$FOLDER/config.toml" && chmod 600 "$FOLDER/config.toml" || exit 99
cat /dev/zero > "$FOLDER/large" 2> /dev/null
add
code=$?
cat "$FOLDER/config.toml"
ls -A "$FOLDER"
exit $code
"""


def test_a_full_disk(environ: dict[str, str], folder: Path, server: EmulatorServer) -> None:
    file = folder / "config.toml"
    assert in_own_mounts(FULL_DISK, environ, folder, server.base_url) == Ran(
        3,
        f"{OLD}config.toml\nconfig.toml.lock\nlarge\n",
        f"Error: {file} can't be written: No space left on device. It is as it was.\n",
    )


READ_ONLY_DISK = """
mount --bind "$FOLDER" "$FOLDER" && mount -o remount,bind,ro "$FOLDER" || exit 99
add
"""


def test_a_read_only_disk(environ: dict[str, str], folder: Path, server: EmulatorServer) -> None:
    file = folder / "config.toml"
    assert in_own_mounts(READ_ONLY_DISK, environ, folder, server.base_url) == Ran(
        3, "", f"Error: {file} can't be written: Read-only file system. It is as it was.\n"
    )
    assert file.read_text() == OLD
    assert names_in(folder) == ["config.toml"]


def obeying_modes() -> list[str]:
    """Return what to put before a command so that modes bind it, which they do not for root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root ignores modes, and the program setpriv is not there to change that")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


def remove_in_folder_of(mode: int, environ: dict[str, str], folder: Path) -> Ran:
    """Remove the profile `work` while the folder has a mode that binds even root."""
    folder.chmod(mode)
    done = subprocess.run(
        [*obeying_modes(), sys.executable, "-B", "-m", "misar_ips", "profile", "remove", "work"],
        env=environ,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    folder.chmod(0o700)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("names", [LEFT[:1], LEFT])
def test_a_read_only_folder(environ: dict[str, str], folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).touch()
    error = f"Error: {folder}/config.toml can't be written: Permission denied. It is as it was.\n"
    assert remove_in_folder_of(0o500, environ, folder) == Ran(3, "", error)
    assert (folder / "config.toml").read_text() == OLD
    assert names_in(folder) == names


def test_a_folder_that_can_not_be_synced(environ: dict[str, str], folder: Path) -> None:
    ran = remove_in_folder_of(0o300, environ, folder)  # syncing would have to open it
    assert (ran.code, ran.stdout) == (0, "")
    assert (folder / "config.toml").read_text() == "[profiles]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_owned_by_another_user(environ: dict[str, str], folder: Path) -> None:
    file = folder / "config.toml"
    os.chown(file, 12_345, 12_345)
    assert run_process("profile", "remove", "work", environ=environ) == Ran(
        3,
        "",
        f"Error: {file} belongs to another user; it was not changed. Change it as its owner, or "
        "set MISAR_IPS_CONFIG to a file of your own.\n",
    )
    assert (file.read_text(), file.stat().st_uid) == (OLD, 12_345)
    assert names_in(folder) == ["config.toml"]


def test_what_somebody_put_in_the_new_files_place_is_not_written_through(
    environ: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (folder / ".config.toml.new").symlink_to(tmp_path / "elsewhere")
    assert run_process("profile", "remove", "work", environ=environ).code == 0
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (folder / "config.toml").is_symlink()
    assert names_in(folder) == LEFT
