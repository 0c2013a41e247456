"""Streams: which is a terminal, how wide and coloured, and what cannot be written or read."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from misar_ips.__main__ import main
from misar_ips.session import Session
from tests.conftest import Ran, run_process
from tests.output.shown import answering
from tests.reference import LIST, NO_SUCH_IP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from misar_ips.emulator.server import EmulatorServer
    from tests.conftest import World

ERROR = f"Error: {NO_SUCH_IP}\n"

HEADER_IN_80_COLUMNS = (
    "ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP"
)


def run_in_bash(command: str, environ: Mapping[str, str], **more: str) -> Ran:
    """Run a line of shell in which `misar-ips` is the program."""
    function = 'misar-ips() { "$PYTHON" -m misar_ips "$@"; }\n'
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", function + command],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, **environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


# Which stream is a terminal, and how wide it is


RELEASED = "✓ Released ip_jkl012 (198.51.100.131).\n"
RELEASED_IN_COLOUR = "\x1b[32m✓\x1b[0m Released ip_jkl012 (198.51.100.131).\n"
RELEASED_OFF_A_TERMINAL = "ip_jkl012\t198.51.100.131\ttrue\nip_nosuch\t\tfalse\n"
WRAPPED = ERROR.replace(" `misar-ips list` shows", "\n`misar-ips list` shows")
HINT = (
    "DNS may still point at 198.51.100.131: A records, and SPF records with ip4:198.51.100.131.\n"
)
NO_COLOUR, COLOUR = "Error: ", "\x1b[1;31mError\x1b[0m: "


@pytest.mark.parametrize(
    ("variables", "terminal", "stdout", "stderr"),
    [
        ({}, "out err", RELEASED_IN_COLOUR, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({}, "out", RELEASED_IN_COLOUR, ERROR),
        ({}, "err", RELEASED_OFF_A_TERMINAL, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({}, "", RELEASED_OFF_A_TERMINAL, ERROR),
        ({"NO_COLOR": "1"}, "out err", RELEASED, WRAPPED),
        ({"NO_COLOR": ""}, "out err", RELEASED_IN_COLOUR, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": "1"}, "", RELEASED_OFF_A_TERMINAL, ERROR.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": "1"}, "out", RELEASED_IN_COLOUR, ERROR.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": ""}, "", RELEASED_OFF_A_TERMINAL, ERROR),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "out err", RELEASED, WRAPPED),
        ({"TERM": "dumb"}, "out err", RELEASED, WRAPPED),
        (
            {"TERM": "dumb", "FORCE_COLOR": "1"},
            "out err",
            RELEASED_IN_COLOUR,
            WRAPPED.replace(NO_COLOUR, COLOUR),
        ),
    ],
)
def test_each_stream_decides_by_itself_whether_it_is_a_terminal(
    world: World, variables: dict[str, str], terminal: str, stdout: str, stderr: str
) -> None:
    world.environ.update(variables)
    ran = world.run("release", "ip_jkl012", "ip_nosuch", terminal=terminal)
    dns = HINT if "out" in terminal else ""  # which is for people
    if "err" in terminal:
        dns = dns.replace("with ip4", "with\nip4")
    assert ran == Ran(6, stdout, dns + stderr)


@pytest.mark.parametrize(
    "columns", ["", "0", "000", "-5", "+90", "9_0", "abc", "99999999999", "\uff11\uff12", " 60"]
)
def test_columns_that_is_no_number_is_not_heeded(world: World, columns: str) -> None:
    world.environ.update(COLUMNS=columns, NO_COLOR="1")
    assert world.run("list", terminal="out").stdout.splitlines()[0] == HEADER_IN_80_COLUMNS


@pytest.mark.parametrize(
    ("columns", "header"),
    [
        ("1", "ID"),
        ("19", "ID"),
        ("60", "ID ADDRESS RDNS STATUS WARM-UP"),
        ("0080", "ID ADDRESS RDNS POOL STATUS WARM-UP"),
        ("9999", "ID ADDRESS RDNS POOL STATUS WARM-UP AGE REPUTATION TODAY"),
    ],
)
def test_columns_is_heeded(world: World, columns: str, header: str) -> None:
    world.environ.update(COLUMNS=columns, NO_COLOR="1")
    shown = world.run("list", terminal="out").stdout
    assert " ".join(shown.splitlines()[0].split()) == header


class ASCIITerminal(io.TextIOWrapper):
    """A terminal whose encoding has nothing but ASCII."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.seek(0)
        return self.read()


def test_a_terminal_that_has_only_ascii_gets_bars_in_ascii(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    stdout = ASCIITerminal()
    session = Session(
        environ=world.environ, stdout=stdout, stderr=io.StringIO(), transport=world.transport
    )
    assert main(["list"], session) == 0
    assert (
        stdout.shown()
        == """\
ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP
ip_abc123  198.51.100.42   mail.yourdom.  marketing      warming      ###--  62%
ip_def456  198.51.100.17   tx.yourdomai.  transactional  warmed       ##### 100%
ip_ghi789  198.51.100.88   news.yourdom.  marketing      suspended !  ##---  38%
ip_jkl012  198.51.100.131  -              transactional  not_started  -----   0%

1 warming, 1 warmed, 1 suspended, 1 not_started, may send 33,000 messages today,
1 behind schedule or suspended (!), next estimated warmed on 2026-04-12
"""
    )


def test_a_terminal_that_has_only_ascii_gets_other_letters_as_escapes(world: World) -> None:
    stderr = ASCIITerminal()
    session = Session(
        environ={**world.environ, "NO_COLOR": "1"},
        stdout=io.StringIO(),
        stderr=stderr,
        transport=answering(world, 422, {"error": "Größe 日本 😀"}).transport,
    )
    assert main(["show", "ip_1"], session) == 8
    assert stderr.shown().startswith(
        "Error: Could not read ip_1: Gr\\xf6\\xdfe \\u65e5\\u672c \\U0001f600 (HTTP 422)."
    )


# Streams that can't be written


@pytest.mark.parametrize("command", ["list", "show ip_abc123", "list --json", "--version"])
def test_a_full_disk_is_a_clear_error(environ: dict[str, str], command: str) -> None:
    demo = {**environ, "MISAR_IPS_PROFILE": "demo"}
    ran = run_in_bash(f"misar-ips {command} > /dev/full", demo)
    message = "The output could not be written: No space left on device."
    told = (
        f'{{"error": {{"code": "internal_error", "message": "{message}"}}}}\n'
        if "--json" in command
        else f"Error: {message}\n"
    )
    assert ran == Ran(1, "", told)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("request --yes", r"ip_\w+ was ordered"),
        ("update ip_abc123 --pool cold", "ip_abc123 was changed"),
        ("release ip_abc123 --yes", "ip_abc123 was released"),
    ],
)
def test_what_was_carried_out_is_told_where_its_result_can_not_be_written(
    environ: dict[str, str], command: str, done: str
) -> None:
    ran = run_in_bash(f"misar-ips {command} > /dev/full", environ, MISAR_IPS_PROFILE="demo")
    why = r"The output could not be written: No space left on device\."
    assert ran.code == 1
    assert re.fullmatch(rf"Error: {done}\. {why}\n", ran.stderr)


@pytest.mark.parametrize(
    ("command", "ran"),
    [
        ("misar-ips list >&-", Ran(0, "", "")),
        ("misar-ips list --json >&-", Ran(0, "", "")),
        ("misar-ips show ip_nosuch >&-", Ran(6, "", ERROR)),
        ("misar-ips list 2>&-", Ran(0, LIST, "")),
        ("misar-ips show ip_nosuch 2>&-", Ran(6, "", "")),
        ("misar-ips show ip_nosuch --json --debug 2> /dev/full", Ran(6, "", "")),
        ("misar-ips list --debug 2> /dev/full", Ran(0, LIST, "")),
        ("misar-ips list > /dev/full 2> /dev/full", Ran(1, "", "")),
        ("misar-ips show ip_nosuch >&- 2>&-", Ran(6, "", "")),
        ("misar-ips list <&- >&- 2>&-", Ran(0, "", "")),
    ],
)
def test_streams_that_are_closed_or_full_change_no_exit_code(
    environ: dict[str, str], command: str, ran: Ran
) -> None:
    assert run_in_bash(command, environ, MISAR_IPS_PROFILE="demo") == ran


def run_unread(arguments: list[str], environ: Mapping[str, str], stream: str) -> Ran:
    """Run the program in a process whose stdout or stderr is a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.DEVNULL,
        stdout=writing if stream == "stdout" else subprocess.PIPE,
        stderr=writing if stream == "stderr" else subprocess.PIPE,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    os.close(writing)
    return Ran(done.returncode, done.stdout or "", done.stderr or "")


def test_a_pipe_that_nobody_reads_ends_the_program_quietly(environ: dict[str, str]) -> None:
    assert run_unread(["list", "-p", "demo"], environ, "stdout") == Ran(0, "", "")
    assert run_unread(["list", "-p", "demo", "--json"], environ, "stdout") == Ran(0, "", "")


def test_a_log_that_nobody_reads_stops_no_work(environ: dict[str, str]) -> None:
    arguments = ["release", "ip_jkl012", "ip_def456", "--yes", "--debug", "-p", "demo"]
    assert run_unread(arguments, environ, "stderr") == Ran(
        0, "ip_jkl012\t198.51.100.131\ttrue\nip_def456\t198.51.100.17\ttrue\n", ""
    )
    left = run_process("list", "-p", "demo", environ=environ).stdout
    assert [line.split("\t")[0] for line in left.splitlines()] == ["ip_abc123", "ip_ghi789"]


def test_head_takes_the_first_of_many_lines_quietly(
    environ: dict[str, str], server: EmulatorServer, world: World
) -> None:
    hostname = ".".join(["mail"] * 50)
    for _ in range(250):
        world.emulator.store.request("marketing", hostname, limit=254)
    environ["MISARMAIL_BASE_URL"] = server.base_url
    whole = run_process("list", environ=environ).stdout
    assert len(whole) > 64 * 1024  # more than a pipe holds, so that the program finds it closed
    ran = run_in_bash("misar-ips list | head -1", environ)
    assert ran == Ran(0, LIST.splitlines(keepends=True)[0], "")
