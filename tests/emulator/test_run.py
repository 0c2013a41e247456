"""`misar-ips emulator run`: a command beside an emulator, its exit code, and nothing left over."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.conftest import Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

PROGRAM = [sys.executable, "-m", "misar_ips"]
ORDER = 'curl -s -X POST "$MISARMAIL_BASE_URL/dedicated-ips" -H "Authorization: Bearer msk_x"'
CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"
SECONDS = 20

# Each writes its process id, and goes on in the background until it is ended.
FAMILY = 'sleep 1000 & echo $! >> "$PIDS"; echo $$ >> "$PIDS"; echo ready; wait'
STUBBORN = 'trap \'\' TERM; sleep 1000 & echo $! >> "$PIDS"; echo $$ >> "$PIDS"; echo ready; wait'


@pytest.fixture
def family(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return an environment for commands that write their processes' ids down.

    After the test, none of them may be there, and no folder of an emulator.
    """
    (tmp_path / "tmp").mkdir()
    pids = tmp_path / "pids"
    yield {
        **environ,
        "PATH": os.environ["PATH"],
        "PIDS": str(pids),
        "PS1": "prompt> ",
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": os.getcwd(),  # noqa: PTH109 - as a text
    }
    alive = [pid for pid in map(int, pids.read_text().split()) if is_running(pid)]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert alive == []
    assert list((tmp_path / "tmp").iterdir()) == []


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - not a file that pathlib is for
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run(environ: dict[str, str], *arguments: str, stdin: str = "") -> Ran:
    done = subprocess.run(
        [*PROGRAM, "emulator", "run", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_command_finds_an_account_of_its_own(environ: dict[str, str]) -> None:
    environ["MISAR_IPS_PROFILE"] = "somebody's"
    environ["MISARMAIL_BASE_URL"] = "https://api.misar.io/mail/v1"
    program = " ".join(PROGRAM)
    listed = run(environ, "--", "sh", "-c", f"{program} request -p demo; {program} list | wc -l")
    assert listed.stdout.splitlines()[-1].strip() == "5"
    assert run(environ, *PROGRAM, "list").stdout.count("\n") == 4
    assert not os.path.exists(environ["MISAR_IPS_EMULATOR_DB"])  # noqa: PTH110 - a text


def test_the_clock_of_the_commands_account_can_be_moved(environ: dict[str, str]) -> None:
    program = " ".join(PROGRAM)
    moved = run(
        environ,
        "--freeze",
        *("--", "sh", "-c", f"{program} emulator advance 29d && {program} list --status warmed"),
    )
    ids = [line.partition("\t")[0] for line in moved.stdout.splitlines()]
    assert ids == ["2026-04-30T12:00:00Z", "ip_abc123", "ip_def456", "ip_jkl012"]


@pytest.mark.parametrize("code", [0, 1, 3, 77, 255])
def test_the_exit_code_is_the_commands(environ: dict[str, str], code: int) -> None:
    assert run(environ, "--", "sh", "-c", f"exit {code}") == Ran(code, "", "")
    assert run(environ, "sh", "-c", f"exit {code}") == Ran(code, "", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_command_that_a_signal_ended_is_128_and_its_number(
    family: dict[str, str], number: int
) -> None:
    crash = f'sleep 1000 & echo $! >> "$PIDS"; kill -{number} $$'
    assert run(family, "--", "sh", "-c", crash).code == 128 + number


def test_the_commands_streams_are_its_own(environ: dict[str, str]) -> None:
    ran = run(environ, "--", "sh", "-c", "cat; echo oops >&2", stdin="typed\n")
    assert ran == Ran(0, "typed\n", "oops\n")


def test_options_after_the_command_are_the_commands(environ: dict[str, str]) -> None:
    ran = run(environ, "echo", "--plan", "gold", "--json", "-h")
    assert ran == Ran(0, "--plan gold --json -h\n", "")


def test_what_was_asked_can_be_asserted_in_one_line(environ: dict[str, str]) -> None:
    count = 'curl -s "$MISARMAIL_BASE_URL/_emulator/requests" | grep -o \'"POST"\' | wc -l'
    script = f"{ORDER} || true; {count}"
    ran = run(environ, "--fault", "POST:lost-reply:1", "--log", "--", "sh", "-c", script)
    assert (ran.code, ran.stdout.strip()) == (0, "1")
    assert ran.stderr.startswith("POST /mail/v1/dedicated-ips no answer ")


def test_a_log_is_written_for_a_command_with_json_as_well(environ: dict[str, str]) -> None:
    ran = run(environ, "--log", "--", *PROGRAM, "list", "--json")
    assert ran.stderr.startswith("GET /mail/v1/dedicated-ips 200 ")


def test_a_command_that_can_not_be_run(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("true\n")
    for command, code, reason in (
        ("nosuch", 127, "No such file or directory"),
        (str(tmp_path / "plain"), 126, "Permission denied"),
        (str(tmp_path), 126, "Permission denied"),
    ):
        told = f"Error: {command} can't be run: {reason}.\n"
        assert run(environ, "--", command) == Ran(code, "", told)


def test_a_script_without_its_first_line_is_run_as_a_shell_does_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "script").write_text('echo "got $1"\n')
    (tmp_path / "script").chmod(0o755)
    assert run(environ, "--", str(tmp_path / "script"), "this").stdout == "got this\n"


def test_a_command_is_due(environ: dict[str, str]) -> None:
    told = "Error: Missing argument 'COMMAND...'. See `misar-ips emulator run --help`.\n"
    assert run(environ) == Ran(2, "", told)


# What ends it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_is_passed_on_and_nothing_is_left(family: dict[str, str], number: int) -> None:
    with subprocess.Popen(
        [*PROGRAM, "emulator", "run", "--", "sh", "-c", FAMILY],
        env=family,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=SECONDS) == 128 + number


def test_what_a_command_leaves_running_is_ended_with_it(family: dict[str, str]) -> None:
    leave = 'nohup sleep 1000 > /dev/null 2>&1 & echo $! >> "$PIDS"; exit 5'
    assert run(family, "--", "sh", "-c", leave).code == 5


def test_a_command_may_end_as_it_likes_at_sigterm(family: dict[str, str]) -> None:
    tidy = f"trap 'echo tidy; exit 3' TERM; {FAMILY}"
    with subprocess.Popen(
        [*PROGRAM, "emulator", "run", "--", "sh", "-c", tidy],
        env=family,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "tidy\n"
        assert process.wait(timeout=SECONDS) == 3


# In a terminal


@pytest.fixture
def terminal(family: dict[str, str]) -> Iterator[Callable[..., pexpect.spawn]]:
    """Return what starts a command in a terminal of its own."""
    started: list[pexpect.spawn] = []

    def start(*command: str) -> pexpect.spawn:
        process = pexpect.spawn(
            command[0], list(command[1:]), env=family, encoding="utf-8", timeout=SECONDS
        )
        process.delaybeforesend = None
        process.ptyproc.delayafterclose = 0
        process.logfile_read = io.StringIO()
        started.append(process)
        return process

    yield start
    for process in started:
        process.close(force=True)


@pytest.mark.parametrize(("key", "number"), [(CTRL_C, 2), (CTRL_BACKSLASH, 3)])
def test_ctrl_c_reaches_the_command(
    terminal: Callable[..., pexpect.spawn], key: str, number: int
) -> None:
    process = terminal(*PROGRAM, "emulator", "run", "--", "sh", "-c", FAMILY)
    process.expect_exact("ready")
    process.send(key)
    process.expect(pexpect.EOF)
    process.wait()
    assert process.exitstatus == 128 + number


def test_ctrl_c_is_the_commands_to_handle(terminal: Callable[..., pexpect.spawn]) -> None:
    script = f"trap 'echo once more' INT; {FAMILY}; wait; exit 9"
    process = terminal(*PROGRAM, "emulator", "run", "--", "bash", "-c", script)
    process.expect_exact("ready")
    process.send(CTRL_C)
    process.expect_exact("once more")
    process.kill(signal.SIGTERM)
    process.expect(pexpect.EOF)
    process.wait()
    assert process.exitstatus == 128 + signal.SIGTERM


def test_a_command_may_ask_at_the_terminal(terminal: Callable[..., pexpect.spawn]) -> None:
    ask = 'echo $$ >> "$PIDS"; read -p "Name? " name; echo "hello $name"'
    process = terminal(*PROGRAM, "emulator", "run", "--", "bash", "-c", ask)
    process.expect_exact("Name? ")
    process.sendline("Ada")
    process.expect_exact("hello Ada")
    process.expect(pexpect.EOF)


def test_ctrl_z_stops_it_whole_and_fg_goes_on(
    terminal: Callable[..., pexpect.spawn], tmp_path: Path
) -> None:
    ask = 'echo $$ >> "$PIDS"; read -p "Name? " name; echo "hello $name"'
    (tmp_path / "ask").write_text(ask)
    shell = terminal("bash", "--norc", "-i")
    shell.expect_exact("prompt> ")
    shell.sendline(f"{' '.join(PROGRAM)} emulator run -- bash {tmp_path / 'ask'}")
    shell.expect_exact("Name? ")
    shell.send(CTRL_Z)
    shell.expect_exact("Stopped")
    shell.expect_exact("prompt> ")
    shell.sendline("fg")
    shell.expect_exact("fg\r\n")
    shell.expect_exact("emulator run")  # what fg goes on with; keys typed before that may be lost
    shell.sendline("Ada")
    shell.expect_exact("hello Ada")
    shell.sendline("exit 0")
    shell.expect(pexpect.EOF)


def test_a_pipe_at_the_terminal_shares_it(terminal: Callable[..., pexpect.spawn]) -> None:
    script = 'echo $$ >> "$PIDS"; echo ready; sleep 1000'
    line = f"{' '.join(PROGRAM)} emulator run -- bash -c '{script}' | cat"
    shell = terminal("bash", "--norc", "-i")
    shell.expect_exact("prompt> ")
    shell.sendline(line)
    shell.expect_exact("ready\r\n")
    shell.send(CTRL_C)
    shell.expect_exact("prompt> ")
    shell.sendline("exit 0")
    shell.expect(pexpect.EOF)


@pytest.mark.load
def test_what_does_not_end_is_killed(family: dict[str, str]) -> None:
    stubborn = f'({STUBBORN}) & while ! grep -q . "$PIDS" 2> /dev/null; do sleep 0.05; done'
    began = time.monotonic()
    assert run(family, "--", "bash", "-c", stubborn).code == 0
    assert time.monotonic() - began >= 2
