"""What `misar-ips changes` remembers: never lost, never told twice, never overwritten unread."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from tests.commands.account import Account
from tests.conftest import Ran, World, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

CHANGE = "ip_jkl012\t198.51.100.131\twarmup_status\tnot_started\twarming\n"
PROGRAM = (sys.executable, "-m", "misar_ips", "changes", "--state")


@pytest.fixture
def account(world: World, tmp_path: Path) -> Account:
    """Return an account with a change that has not been told."""
    account = Account(world, tmp_path / "state.json")
    account.put("ip_1", pool="a")
    assert account.changes() == Ran(0, "", "")
    account.put("ip_1", pool="b")
    return account


@pytest.fixture
def state(tmp_path: Path, environ: dict[str, str], server: EmulatorServer, store: Store) -> Path:
    """Return a state of the account that the server has, of seven days ago."""
    environ["MISARMAIL_BASE_URL"] = server.base_url
    path = tmp_path / "states" / "state.json"
    assert run_process("changes", "--state", str(path), environ=environ) == Ran(0, "", "")
    store.advance(timedelta(days=7))
    return path


# Where it is kept --------------------------------------------------------------------------------


def test_each_account_has_a_file_of_its_own(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "kept"))
    folder = tmp_path / "kept" / "misar-ips"
    assert world.run("changes", terminal="out").code == 0
    assert world.run("changes", "-p", "demo").code == 0
    world.environ["MISARMAIL_BASE_URL"] = "https://elsewhere.example/mail/v1"
    assert world.run("changes").code == 0
    files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    assert [path.name.rpartition("-")[0] for path in files] == [
        "changes-demo",
        "changes-key",
        "changes-key",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not any(world.environ["MISARMAIL_API_KEY"] in path.read_text() for path in files)


def test_without_a_home_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _uid: (_ for _ in ()).throw(KeyError()))
    ran = world.run("changes")
    assert (ran.code, ran.stdout) == (3, "")
    assert "There is no home folder" in ran.stderr
    assert "`--state`" in ran.stderr


def test_without_a_configuration_nothing_is_made(world: World, tmp_path: Path) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    state = tmp_path / "states" / "state.json"
    ran = world.run("changes", "--state", str(state))
    assert (ran.code, ran.stdout) == (3, "")
    assert not state.parent.exists()


# What goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["GET:500", "GET:401", "GET:403", "GET:429", "GET:truncated"])
def test_a_server_that_fails_leaves_the_state_as_it_was(
    world: World, store: Store, tmp_path: Path, fault: str
) -> None:
    state = tmp_path / "state.json"
    world.run("changes", "--state", str(state))
    before = state.read_bytes()
    store.advance(timedelta(days=7))
    world.emulator.faults.add(fault)
    ran = world.run("changes", "--state", str(state))
    assert (ran.code != 0, ran.stdout, state.read_bytes()) == (True, "", before)
    sound = replace(world, transport=httpx.MockTransport(Emulator(store, rate_limit=0)))
    assert sound.run("changes", "--state", str(state)).stdout.endswith(CHANGE)


def test_a_detail_that_cant_be_read_leaves_the_state_as_it_was(account: Account) -> None:
    account.put("ip_2")
    account.failing.append("ip_2")
    before = account.state.read_bytes()
    ran = account.changes()
    assert (ran.code, ran.stdout, account.state.read_bytes()) == (1, "", before)
    account.failing.clear()
    assert [row[1:] for row in account.told()] == [("pool", "a", "b"), ("ip", "", "new")]


SOUND = {"fields": {"id": "ip_1"}, "reputation": None, "checks": {}}
DAMAGE: list[dict[str, object]] = [
    {"fields": []},
    {"fields": {"daily_limit": "many"}},
    {"reputation": "good"},
    {"checks": []},
]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'"ips"',
        b"{}",
        b'{"version": 1}',
        b'{"version": 2, "ips": {}}',
        b'{"version": 1, "ips": []}',
        b'{"version": 1, "ips": {"ip_1": {}}}',
        b'{"version": 1, "ips": {"ip_1": null}}',
        b"[" * 100_000,
        b'{"version": 1, "ips": {}, "n": ' + b"9" * 5000 + b"}",
        *(
            json.dumps({"version": 1, "ips": {"ip_1": {**SOUND, **damage}}}).encode()
            for damage in DAMAGE
        ),
    ],
)
def test_a_damaged_state_is_never_overwritten(account: Account, content: bytes) -> None:
    account.state.write_bytes(content)
    ran = account.changes()
    assert ran == Ran(
        3,
        "",
        f"Error: {account.state} is damaged, or is not a state of `misar-ips changes`; it was not "
        "touched. Move it away to start anew, or name another one with `--state FILE`.\n",
    )
    assert account.state.read_bytes() == content


def test_what_cant_be_a_state(account: Account, tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null")):
        ran = account.world.run("changes", "--state", str(path))
        assert (ran.code, ran.stdout) == (3, "")
        assert f"{path} is no" in ran.stderr


# What could not be told --------------------------------------------------------------------------


def test_what_nobody_read_is_told_again(state: Path, environ: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, str(state)],
        env={"PATH": os.environ["PATH"], **environ},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert run_process(*PROGRAM[3:], str(state), environ=environ).stdout.endswith(CHANGE)
    assert run_process(*PROGRAM[3:], str(state), environ=environ) == Ran(0, "", "")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (">&-", "Changes found: 1, and standard output is closed; they are told next time."),
        (">/dev/full", "The output could not be written: No space left on device."),
    ],
)
def test_what_could_not_be_written_is_told_again(
    state: Path, environ: dict[str, str], output: str, told: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {output}', "sh", *PROGRAM, str(state)],
        env={"PATH": os.environ["PATH"], **environ},
        stderr=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {told}\n")
    assert run_process(*PROGRAM[3:], str(state), environ=environ).stdout.endswith(CHANGE)


def test_a_state_that_cant_be_written_is_an_error(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = account.state.read_bytes()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ran = account.changes()
    assert ran.code == 3
    assert ran.stdout.endswith("\tpool\ta\tb\n")
    assert f"{account.state} can't be written: No space left on device." in ran.stderr
    assert account.state.read_bytes() == before
    assert account.told() == [("ip_1", "pool", "a", "b")]


# Several runs ------------------------------------------------------------------------------------


def test_runs_at_once_tell_a_thing_once(state: Path, environ: dict[str, str]) -> None:
    def run(_number: int) -> Ran:
        return run_process(*PROGRAM[3:], str(state), environ=environ)

    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(run, range(4)))
    assert {(ran.code, ran.stderr) for ran in runs} == {(0, "")}
    assert "".join(ran.stdout for ran in runs).endswith(CHANGE)
    assert sum(len(ran.stdout.splitlines()) for ran in runs) == 1


KILLED_AT_EVERY_STEP = '''
import io, json, os, signal, sys
from pathlib import Path

import httpx

from misar_ips.__main__ import main
from misar_ips.session import Session

STATE = Path(sys.argv[1])
POOL = "a"


def answer(request):
    ip = {"id": "ip_1", "pool": POOL}
    is_list = request.url.path.endswith("/dedicated-ips")
    return httpx.Response(200, json={"ips": [ip]} if is_list else {"ip": ip})


def run():
    out = io.StringIO()
    transport = httpx.MockTransport(answer)
    session = Session(environ={"MISARMAIL_API_KEY": "msk_x"}, stdout=out, transport=transport)
    assert main(["changes", "--state", str(STATE)], session) == 0
    return out.getvalue()


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
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(notice)


def outcome(step):
    child = os.fork()
    if child == 0:
        kill_at(step)
        run()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


run()
old = STATE.read_bytes()
POOL = "b"
for step in range(1, 2000):
    STATE.write_bytes(old)
    code = outcome(step)
    print(json.dumps([code, STATE.read_text(), run(), sorted(os.listdir(STATE.parent))]))
    if code == 0:
        break
'''


def test_a_run_that_is_killed_at_any_step_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    state = tmp_path / "states" / "state.json"
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(state)],
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    *killed, finished = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) > 20
    assert {code for code, *_ in killed} == {-signal.SIGKILL}
    # First the old state, and the next run tells; then the new one, and it has nothing to tell.
    pools = [json.loads(content)["ips"]["ip_1"]["fields"]["pool"] for _, content, *_ in killed]
    change = pools.index("b")
    assert change > 0
    assert pools == ["a"] * change + ["b"] * (len(pools) - change)
    told = [bool(after) for _, _, after, _ in killed]
    assert told == [pool == "a" for pool in pools]
    assert {tuple(left) for *_, left in killed} == {("state.json", "state.json.lock")}
    assert finished[0] == 0
    assert finished[2] == ""
