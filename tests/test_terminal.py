"""The program in a real terminal, in a process of its own, against a server on a real socket."""

from __future__ import annotations

import io
import os
import queue
import re
import select
import signal
import sys
import termios
from typing import TYPE_CHECKING, Any, Protocol

import pexpect  # type: ignore[import-untyped]  # it ships no types
import pytest

from misar_ips.emulator.handler import Emulator
from tests.conftest import KEY, run_process
from tests.key_watch import WATCH
from tests.output.test_views import (
    ACCOUNT,
    LIST_IN_60_COLUMNS,
    LIST_IN_80_COLUMNS,
    LIST_WITH_ALL_COLUMNS,
    SHOW_IN_60_COLUMNS,
    SHOW_IN_80_COLUMNS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

SECONDS = 20  # until a test gives up waiting
CTRL_C, CTRL_D = "\x03", "\x04"

LOSSES = """\
ip_def456  198.51.100.17  warmed
  PTR hostname   tx.yourdomain.com
  Pool           transactional
  Warm-up        100%
  Reputation     98 of 100
  Provisioned    78 days ago

The reputation history of ip_def456 is discarded for good. Release ip_def456?
[y/N] """


LEFT_IN_DNS = """\
DNS may still point at 198.51.100.17: the A record of tx.yourdomain.com, and SPF
records with ip4:198.51.100.17.
"""


class NoticingEmulator(Emulator):
    """An emulator that tells of each request when it arrives, and may answer no more after one."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, rate_limit=0)
        self.arrivals: queue.Queue[str] = queue.Queue()
        self.hang_at = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        arrived = f"{request.method} {request.url.path.rpartition('/')[2]}"
        if arrived == self.hang_at:
            self.faults.add("ANY:hang")
        self.arrivals.put(arrived)
        return super().__call__(request)

    def wait_for(self, wanted: str) -> None:
        while self.arrivals.get(timeout=SECONDS) != wanted:
            pass


@pytest.fixture
def emulator(store: Store) -> NoticingEmulator:
    return NoticingEmulator(store)


class TerminalRun:
    """A run of a program in a terminal of its own."""

    def __init__(self, command: list[str], environ: dict[str, str], columns: int) -> None:
        self.process = pexpect.spawn(
            command[0],
            command[1:],
            env={"PATH": os.environ["PATH"], **environ},
            dimensions=(24 if columns else 0, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=SECONDS,
        )
        self.process.delaybeforesend = None
        self.process.ptyproc.delayafterclose = 0
        self.process.logfile_read = io.StringIO()
        self.before = self.settings()

    def settings(self) -> list[Any]:
        """Return what the terminal does with keys and lines: echo, signals, line ends."""
        return termios.tcgetattr(self.process.child_fd)

    def wait_for(self, text: str) -> str:
        """Wait until a text is shown; give all that is new up to its end."""
        self.process.expect_exact(text)
        return f"{self.process.before}{text}".replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        self.process.send(keys)

    def end(self) -> tuple[int, str]:
        """Wait for the end; give the exit code and what was shown since the last wait."""
        self.process.expect(pexpect.EOF)
        shown = self.process.before.replace("\r\n", "\n")
        self.process.wait()
        assert self.settings() == self.before
        WATCH.look_at_text("a terminal", self.process.logfile_read.getvalue())
        return self.process.exitstatus, shown


class Start(Protocol):
    def __call__(self, *arguments: str, columns: int = 80, **variables: str) -> TerminalRun: ...


@pytest.fixture
def environ(environ: dict[str, str], server: EmulatorServer) -> dict[str, str]:
    """Return an environment that names the server, and leaves the width to the terminal."""
    del environ["COLUMNS"]
    return {**environ, "MISARMAIL_BASE_URL": server.base_url, "NO_COLOR": "1"}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Return a way to start the program in a terminal; whatever still runs at the end is ended."""
    runs = []

    def start(*arguments: str, columns: int = 80, **variables: str) -> TerminalRun:
        command = [sys.executable, "-m", "misar_ips", *arguments]
        runs.append(TerminalRun(command, {**environ, **variables}, columns))
        return runs[-1]

    yield start
    for run in runs:
        run.process.close(force=True)


# Looks


@pytest.mark.parametrize(
    ("columns", "table", "details"),
    [
        (60, LIST_IN_60_COLUMNS, SHOW_IN_60_COLUMNS),
        (80, LIST_IN_80_COLUMNS, SHOW_IN_80_COLUMNS),
        (200, LIST_WITH_ALL_COLUMNS + ACCOUNT, SHOW_IN_80_COLUMNS),
        (0, LIST_IN_80_COLUMNS, SHOW_IN_80_COLUMNS),  # a terminal that does not know its width
    ],
)
def test_widths(start: Start, columns: int, table: str, details: str) -> None:
    assert start("list", columns=columns).end() == (0, table)
    assert start("show", "ip_abc123", columns=columns).end() == (0, details)


def test_columns_has_the_first_word_on_the_width(start: Start) -> None:
    assert start("list", columns=200, COLUMNS="60").end() == (0, LIST_IN_60_COLUMNS)


def test_colours_are_on_unless_no_color_is_set(start: Start) -> None:
    _, coloured = start("list", NO_COLOR="").end()
    assert coloured.splitlines()[2] == (
        "\x1b[1mip_def456\x1b[0m  198.51.100.17   tx.yourdomai…  transactional  "
        "\x1b[32mwarmed     \x1b[0m  \x1b[32m█████ 100%\x1b[0m"
    )
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == LIST_IN_80_COLUMNS
    assert start("list").end() == (0, LIST_IN_80_COLUMNS)
    assert start("list", NO_COLOR="", TERM="dumb").end() == (0, LIST_IN_80_COLUMNS)


def test_a_terminal_that_has_only_ascii(start: Start) -> None:
    _, shown = start("list", PYTHONIOENCODING="ascii").end()
    assert shown.splitlines()[1] == (
        "ip_abc123  198.51.100.42   mail.yourdom.  marketing      warming      ###--  62%"
    )


def test_an_error_is_wrapped_at_words_and_red(start: Start) -> None:
    assert start("show", "ip_nosuch", columns=60, NO_COLOR="").end() == (
        6,
        """\
\x1b[1;31mError\x1b[0m: Could not read ip_nosuch: Dedicated IP not found
(HTTP 404). `misar-ips list` shows the IPs of this account.
""",
    )


# The question before a release


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ("y\r", 0, f"y\n✓ Released ip_def456 (198.51.100.17).\n{LEFT_IN_DNS}"),
        ("n\r", 1, "n\nError: Nothing was changed.\n"),
        ("\r", 1, "\nError: Nothing was changed.\n"),
        (CTRL_D, 1, "\nError: Nothing was changed.\n"),
        (CTRL_C, 130, "^C\nError: Stopped.\n"),
    ],
)
def test_the_question_and_its_answers(
    start: Start, store: Store, answer: str, code: int, told: str
) -> None:
    run = start("release", "ip_def456")
    assert run.wait_for("[y/N] ") == LOSSES
    run.press(answer)
    assert run.end() == (code, told)
    assert (store.ip("ip_def456") is None) == (code == 0)


def test_an_answer_that_is_no_text_is_no(start: Start, store: Store) -> None:
    run = start("release", "ip_def456", PYTHONIOENCODING="utf-8:strict")
    run.wait_for("[y/N] ")
    os.write(run.process.child_fd, b"\xff\r")
    code, shown = run.end()
    assert code == 1
    assert shown.endswith("\nError: Nothing was changed.\n")
    assert store.ip("ip_def456")


def test_the_question_is_asked_where_only_the_result_goes_to_a_file(
    environ: dict[str, str], tmp_path: Path
) -> None:
    command = '"$PYTHON" -m misar_ips release ip_abc123 --json > "$RESULT"'
    result = tmp_path / "result.json"
    variables = {**environ, "PYTHON": sys.executable, "RESULT": str(result)}
    run = TerminalRun(["/bin/bash", "-c", command], variables, columns=80)
    run.wait_for("Release ip_abc123? [y/N] ")
    run.press("y\r")
    assert run.end() == (0, "y\n")
    run.process.close()
    assert result.read_text() == (
        '[{"id": "ip_abc123", "address": "198.51.100.42", "released": true}]\n'
    )


# Displays that change

ENTER_SCREEN, LEAVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def test_watching_draws_in_place_until_ctrl_c(start: Start) -> None:
    run = start("show", "ip_abc123", "--watch")
    drawn = run.wait_for("As of 2026-04-01 12:00:00 UTC; Ctrl-C ends.")
    assert drawn.count(ENTER_SCREEN) == drawn.count(HIDE_CURSOR) == 1
    assert "  Schedule       on schedule, estimated warmed on 2026-04-12" in drawn
    run.process.setwinsize(24, 50)
    run.wait_for("                 2026-04-12")  # it goes on below in 50 columns
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.count(LEAVE_SCREEN)) == (130, 1)
    assert shown.endswith("\nError: Stopped.\n")
    assert SHOW_CURSOR in shown


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


@pytest.mark.parametrize(
    ("line", "drawn", "taken"),
    [
        ("show ip_abc123 --watch", "Ctrl-C ends.", LEAVE_SCREEN),
        ("wait ip_abc123 --for warmed", "estimated 2026-04-12", "\x1b[2K"),
    ],
)
def test_whoever_ends_a_display_from_outside_gets_the_terminal_back(
    start: Start, line: str, drawn: str, taken: str
) -> None:
    run = start(*line.split())
    run.wait_for(drawn)
    run.process.kill(signal.SIGTERM)
    code, shown = run.end()
    assert code == 128 + signal.SIGTERM
    assert taken in shown
    assert SHOW_CURSOR in shown
    assert "Traceback" not in shown


# Ctrl-C


def test_ctrl_c_while_a_read_hangs(start: Start, emulator: NoticingEmulator) -> None:
    emulator.faults.add("GET:hang")
    run = start("list")
    emulator.wait_for("GET dedicated-ips")
    run.press(CTRL_C)
    assert run.end() == (130, "^C\nError: Stopped.\n")


def test_ctrl_c_while_an_order_hangs(start: Start, emulator: NoticingEmulator) -> None:
    emulator.faults.add("POST:hang")
    run = start("request", "--yes")
    emulator.wait_for("POST dedicated-ips")
    run.press(CTRL_C)
    assert run.end() == (
        130,
        "^C\nError: Stopped. The order may have been carried out; `misar-ips list` tells.\n",
    )


def test_ctrl_c_while_a_release_hangs_names_those_that_were_released(
    start: Start, emulator: NoticingEmulator
) -> None:
    emulator.hang_at = "DELETE ip_abc123"
    emulator.faults.add("DELETE:409:1")
    run = start("release", "ip_ghi789", "ip_def456", "ip_abc123", "--yes", columns=200)
    emulator.wait_for("DELETE ip_abc123")
    run.press(CTRL_C)
    stopped = "Error: Stopped. The release may have been carried out; `misar-ips list` tells."
    assert run.end() == (130, f"^C\n{stopped} Released before it: ip_def456.\n")


def test_ctrl_c_as_json(start: Start, emulator: NoticingEmulator) -> None:
    emulator.faults.add("GET:hang")
    run = start("list", "--json")
    emulator.wait_for("GET dedicated-ips")
    run.press(CTRL_C)
    assert run.end() == (130, '^C{"error": {"code": "interrupted", "message": "Stopped."}}\n')


def test_ctrl_c_in_a_wait_between_two_tries(start: Start, emulator: NoticingEmulator) -> None:
    emulator.faults.add("POST:429")
    run = start("request", "--yes", "--debug", columns=200)
    run.wait_for("waiting 1.00 s before try 2 of 4")
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.splitlines()[-1]) == (130, "Error: Stopped.")


def test_ctrl_c_before_the_request_while_a_command_gives_the_key(
    start: Start, emulator: NoticingEmulator, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    locked = "sh -c 'echo locked > /dev/tty; sleep 60; true'"
    file.write_text(f'[profiles.vault]\napi_key_command = "{locked}"\n')
    file.chmod(0o600)
    run = start("list", "--profile", "vault", MISAR_IPS_CONFIG=str(file), columns=200)
    run.wait_for("locked")
    run.press(CTRL_C)
    code, shown = run.end()
    assert (code, shown.splitlines()[-1]) == (130, "Error: Stopped.")
    assert list(emulator.received) == []


def test_a_command_that_gives_the_key_may_ask_for_a_password(
    start: Start, server: EmulatorServer, tmp_path: Path
) -> None:
    ask = tmp_path / "ask"
    ask.write_text("printf 'Password: ' > /dev/tty; read word < /dev/tty; echo msk_$word\n")
    file = tmp_path / "config.toml"
    file.write_text(
        f'[profiles.vault]\napi_key_command = "sh {ask}"\nbase_url = "{server.base_url}"\n'
    )
    file.chmod(0o600)
    run = start("list", "--profile", "vault", MISAR_IPS_CONFIG=str(file), columns=200)
    run.wait_for("Password: ")
    run.press("revoked\r")
    code, shown = run.end()
    assert (code, "HTTP 401" in shown) == (4, True)


def test_ctrl_c_while_a_long_list_is_drawn(start: Start, store: Store) -> None:
    while store.request("marketing", None, limit=1000):
        pass
    run = start("list")
    # It has begun, and can't end: a terminal takes a fraction of the list unread.
    assert select.select([run.process.child_fd], [], [], SECONDS)[0]
    run.press(CTRL_C)
    code, shown = run.end()
    assert code == 130
    assert shown.count("Error: Stopped.\n") == 1
    assert "Traceback" not in shown


# The hidden prompt


def test_a_key_is_typed_unseen(
    start: Start, server: EmulatorServer, environ: dict[str, str], tmp_path: Path
) -> None:
    del environ["MISARMAIL_API_KEY"], environ["MISARMAIL_BASE_URL"]
    run = start("profile", "add", "work", "--base-url", server.base_url, columns=200)
    assert run.wait_for("API key: ") == "API key: "
    run.press(f"{KEY}\r")
    assert run.end() == (
        0,
        f"""
PROFILE  DEFAULT  KEY            BASE URL
work     yes      msk_5ec2e75e…  {server.base_url}
Saved profile work in {tmp_path}/misar-ips/config.toml.
""",
    )
    assert run_process("list", environ=environ).code == 0


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        (CTRL_C, 130, "\nError: Stopped.\n"),
        (CTRL_D, 1, "\nError: No key was given; nothing was changed.\n"),
    ],
)
def test_a_key_that_is_not_given(
    start: Start, tmp_path: Path, keys: str, code: int, told: str
) -> None:
    run = start("profile", "add", "work")
    run.wait_for("API key: ")
    run.press(keys)
    assert run.end() == (code, told)
    assert not (tmp_path / "misar-ips" / "config.toml").exists()


# The emulator


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_the_emulator_serves_until_it_is_stopped(start: Start, how: str) -> None:
    run = start("emulator", "serve", "--port", "0")
    shown = run.wait_for("export MISARMAIL_BASE_URL=")
    base_url = shown.partition("\n")[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mail/v1", base_url)
    assert shown == (
        f"{base_url}\nexport MISARMAIL_API_KEY=msk_emulator\nexport MISARMAIL_BASE_URL="
    )
    assert run.wait_for(base_url) == base_url
    environ = {"MISARMAIL_API_KEY": "msk_emulator", "MISARMAIL_BASE_URL": base_url}
    assert run_process("list", environ=environ).stdout.count("\n") == 4
    if how == "Ctrl-C":
        run.press(CTRL_C)
        assert run.end() == (0, "\n^C")
    else:
        run.process.kill(signal.SIGTERM)
        assert run.end() == (0, "\n")
