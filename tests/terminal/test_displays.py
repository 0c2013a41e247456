"""Displays that change: drawn in place, and the terminal given back whatever ends or stops them."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY
from tests.terminal.conftest import (
    CTRL_C,
    CTRL_Z,
    NoticingEmulator,
    Start,
    TerminalRun,
)

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer

# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

TOP_LEFT = "\x1b[H"
ENTER_SCREEN, LEAVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def test_watching_draws_in_place_until_ctrl_c(start: Start) -> None:
    run = start("show", "ip_abc123", "--watch")
    drawn = run.wait_for("As of 2026-04-01 12:00:00 UTC; Ctrl-C ends.")
    assert drawn.count(ENTER_SCREEN) == drawn.count(HIDE_CURSOR) == 1
    assert "  Schedule       on schedule, estimated warmed on 2026-04-12" in drawn
    run.process.setwinsize(24, 60)
    run.wait_for("\x1b[2Kip_abc123\r\n")  # in 60 columns the rest goes on below
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.count(LEAVE_SCREEN)) == (130, 1)
    assert shown.endswith(f"^C{SHOW_CURSOR}{LEAVE_SCREEN}")


def test_waiting_draws_a_bar_that_is_gone_in_the_end(start: Start) -> None:
    run = start("wait", "ip_abc123", "--for", "warmed")
    drawn = run.wait_for("estimated 2026-04-12")
    assert "ip_abc123 to be warmed  ███████▍░░░░  " in drawn
    run.press(CTRL_C)
    code, shown = run.end()
    assert code == 130
    assert "\x1b[2K" in shown  # the line is erased
    assert shown.endswith("\nError: Stopped.\n")
    assert SHOW_CURSOR in shown


DISPLAYS = [
    ("show ip_abc123 --watch", "Ctrl-C ends.", LEAVE_SCREEN),
    ("wait ip_abc123 --for warmed", "estimated 2026-04-12", "\x1b[2K"),
]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize(("line", "drawn", "taken"), DISPLAYS)
def test_whoever_ends_a_display_from_outside_gets_the_terminal_back(
    start: Start, line: str, drawn: str, taken: str, number: int
) -> None:
    run = start(*line.split())
    run.wait_for(drawn)
    run.process.kill(number)
    code, shown = run.end()
    assert code == 128 + number
    assert taken in shown
    assert SHOW_CURSOR in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(("line", "drawn", "taken"), DISPLAYS)
def test_ctrl_z_gives_the_terminal_back_and_fg_draws_anew(
    shell: TerminalRun, line: str, drawn: str, taken: str
) -> None:
    shell.press(f"misar-ips {line}\r")
    shell.wait_for(drawn)
    for _ in range(2):
        shell.press(CTRL_Z)
        stopped = shell.wait_for("Stopped")
        assert stopped.rfind(HIDE_CURSOR) < stopped.rfind(SHOW_CURSOR)
        assert taken in stopped
        shell.press("fg\r")
        assert HIDE_CURSOR in shell.wait_for(drawn)
    shell.press(CTRL_C)
    shell.wait_for(SHOW_CURSOR)
    shell.press("echo code=$?\r")
    shell.wait_for("code=130")


PLAIN_SHELL = """
import os, signal, subprocess, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0)
os.tcsetpgrp(0, job.pid)
os.waitpid(job.pid, os.WUNTRACED)
print("stopped, echo", bool(termios.tcgetattr(0)[3] & termios.ECHO))
os.killpg(job.pid, signal.SIGCONT)
sys.exit(job.wait())
"""
"""A shell that leaves the terminal as a job that was stopped has left it."""


def test_ctrl_z_at_the_hidden_prompt_turns_the_echo_on_and_fg_asks_again(
    environ: dict[str, str], tmp_path: Path
) -> None:
    del environ["MISARMAIL_API_KEY"]
    line = ["profile", "add", "work", "--base-url", environ.pop("MISARMAIL_BASE_URL")]
    program = [sys.executable, "-m", "misar_ips", *line]
    run = TerminalRun([sys.executable, "-c", PLAIN_SHELL, *program], environ, columns=200)
    run.wait_for("API key: ")
    run.press(CTRL_Z)
    assert "stopped, echo True" in run.wait_for("API key: ")
    run.press(f"{KEY}\r")
    code, shown = run.end()
    assert (code, KEY in shown) == (0, False)
    assert f"\nSaved profile work in {tmp_path}/misar-ips/config.toml.\n" in shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_whoever_ends_the_hidden_prompt_gets_the_echo_back(start: Start, number: int) -> None:
    run = start("profile", "add", "work")
    run.wait_for("API key: ")
    run.process.kill(number)
    code, _ = run.end()  # which compares the terminal's settings
    assert code == 128 + number


def test_where_a_terminal_is_low_the_plot_goes_first(start: Start) -> None:
    run = start("show", "ip_abc123", "--watch", columns=60, rows=20)
    drawn = run.wait_for("As of 2026-04-01 12:00:00 UTC; Ctrl-C ends.")
    frame = drawn.rpartition(TOP_LEFT)[2].replace("\r\x1b[2K", "").split("\n")
    assert [line for line in frame if "┤" in line] == []
    assert frame[-2] == "   28  25,000      0  ░░░░░░░░░░░░░  · ahead"
    assert len(frame) == 18
    run.press(CTRL_C)
    assert run.end()[0] == 130


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("list", "list the dedicated IPs"),
        ("show ip_abc123", "read ip_abc123"),
        ("show ip_abc123 --watch", "read ip_abc123"),
        ("wait ip_abc123 --for warmed", "read ip_abc123"),
        ("request --yes", "list the dedicated IPs"),
    ],
)
def test_a_slow_server_is_told_of_after_a_second(
    start: Start, emulator: NoticingEmulator, server: EmulatorServer, line: str, what: str
) -> None:
    emulator.may_answer.clear()
    run = start(*line.split())
    run.wait_for(f"Waiting for 127.0.0.1:{server.port} to {what}")
    emulator.may_answer.set()
    run.wait_for("ip_abc123" if "request" not in line else "IP provisioning in progress.")
    run.press(CTRL_C)
    _, shown = run.end()
    assert "Waiting for 127" not in shown
