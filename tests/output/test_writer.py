"""Where results, notes and errors go, and in which form: terminals, pipes, full disks."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.__main__ import main
from misar_ips.session import Session
from tests.conftest import Ran, run_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer
    from tests.conftest import World

LIST_OFF_A_TERMINAL = """\
ip_abc123\t198.51.100.42\tmail.yourdomain.com\tmarketing\twarming\t62\t2026-03-15T10:00:00Z
ip_def456\t198.51.100.17\ttx.yourdomain.com\ttransactional\twarmed\t100\t2026-01-12T08:00:00Z
ip_ghi789\t198.51.100.88\tnews.yourdomain.com\tmarketing\tsuspended\t38\t2026-03-02T15:00:00Z
ip_jkl012\t198.51.100.131\t\ttransactional\tnot_started\t0\t2026-04-01T04:00:00Z
"""

SHOW_OFF_A_TERMINAL = """\
id\tip_abc123
address\t198.51.100.42
rdns\tmail.yourdomain.com
pool\tmarketing
warmup_status\twarming
warmup_percent\t62
daily_limit\t8000
reputation_score\t84
created_at\t2026-03-15T10:00:00Z
provisioned_at\t
step\t1\t200\t200\ttrue
step\t7\t1000\t1000\ttrue
step\t14\t4000\t3800\tfalse
step\t21\t10000\t0\tfalse
step\t28\t25000\t0\tfalse
"""

NO_SUCH_IP = (
    "Error: Could not read ip_nosuch: Dedicated IP not found (HTTP 404)."
    " `misar-ips list` shows the IPs of this account.\n"
)

HEADER_IN_80_COLUMNS = (
    "ID         ADDRESS         RDNS           POOL           STATUS       WARM-UP"
)

HOSTILE = "a\x1b[31mb\r\n\tc\x7f\x9b2Jd\ud800e\u202ef[bold]g"
HOSTILE_MADE_PLAIN = r"a\x1b[31mb\r\n\tc\x7f\x9b2Jd\ud800e\u202ef[bold]g"
HOSTILE_ON_ONE_LINE = r"a\x1b[31mb c\x7f\x9b2Jd\ud800e\u202ef[bold]g"


def answering(world: World, status: int, body: object) -> World:
    """Return the world another server, which answers everything with one body."""
    content = json.dumps(body).encode()  # ASCII: a lone surrogate passes
    return replace(
        world, transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content))
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


# Results


def test_list_off_a_terminal(world: World) -> None:
    assert world.run("list") == Ran(0, LIST_OFF_A_TERMINAL, "")


def test_show_off_a_terminal(world: World) -> None:
    assert world.run("show", "ip_abc123") == Ran(0, SHOW_OFF_A_TERMINAL, "")


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_lines_off_a_terminal_do_not_depend_on_its_width(world: World, columns: str) -> None:
    world.environ["COLUMNS"] = columns
    assert world.run("list", terminal="in err").stdout == LIST_OFF_A_TERMINAL


def test_tabbed_lines_keep_their_fields_apart(world: World) -> None:
    texts = dict.fromkeys(("id", "address", "rdns", "pool", "warmup_status"), HOSTILE)
    ran = answering(world, 200, {"ips": [texts]}).run("list")
    assert ran.stdout == "\t".join([*[HOSTILE_MADE_PLAIN] * 5, "", ""]) + "\n"


def test_an_empty_list_is_one_line_on_stderr_and_an_empty_array(world: World) -> None:
    empty = answering(world, 200, {"ips": []})
    hint = "No dedicated IPs yet; `misar-ips request` orders one.\n"
    assert empty.run("list") == Ran(0, "", hint)
    assert empty.run("list", terminal="out err") == Ran(0, "", hint)
    assert empty.run("list", "--json") == Ran(0, "[]\n", "")
    assert world.run("list", "--pool", "cold") == Ran(0, "", "No IP matches.\n")


def test_json_is_one_line_off_a_terminal_and_indented_on_one(world: World) -> None:
    off = world.run("release", "ip_jkl012", "--json", terminal="in err")
    assert off == Ran(
        0, '[{"id": "ip_jkl012", "address": "198.51.100.131", "released": true}]\n', ""
    )
    world.emulator.store.reset()
    on = world.run("release", "ip_jkl012", "--json", terminal="out")
    assert (
        on.stdout
        == """\
[
  {
    "id": "ip_jkl012",
    "address": "198.51.100.131",
    "released": true
  }
]
"""
    )


@pytest.mark.parametrize("terminal", ["", "out"])
@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show", "ip_abc123"), ("request",), ("update", "ip_abc123", "--pool=x")],
)
def test_json_is_exactly_one_document(
    world: World, arguments: tuple[str, ...], terminal: str
) -> None:
    world.environ["FORCE_COLOR"] = "1"
    ran = world.run(*arguments, "--json", terminal=terminal)
    value = json.loads(ran.stdout)
    ip = value[0] if isinstance(value, list) else value
    assert ip["id"].startswith("ip_")
    assert ran.stdout.isascii()
    assert ran.stdout.endswith(("]\n", "}\n"))


@pytest.mark.parametrize("terminal", ["", "out"])
def test_json_escapes_every_control_character_and_loses_none(world: World, terminal: str) -> None:
    every_control = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
    ip = {"id": "ip_1", "rdns": HOSTILE, "unknown": every_control}
    ran = answering(world, 200, {"ips": [ip]}).run("list", "--json", terminal=terminal)
    assert json.loads(ran.stdout) == [ip]
    assert ran.stdout.replace("\n", "").isprintable()


@pytest.mark.parametrize("terminal", ["", "out"])
def test_json_nested_as_deeply_as_can_be_read_can_be_written(world: World, terminal: str) -> None:
    deep: list[object] = []
    for _ in range(600):
        deep = [deep]
    ip = {"id": "ip_1", "unknown": deep}
    ran = answering(world, 200, {"ips": [ip]}).run("list", "--json", terminal=terminal)
    assert json.loads(ran.stdout) == [ip]


# Which stream is a terminal, and how wide it is


RELEASED = "✓ Released ip_jkl012 (198.51.100.131).\n"
RELEASED_IN_COLOUR = "\x1b[32m✓\x1b[0m Released ip_jkl012 (198.51.100.131).\n"
RELEASED_OFF_A_TERMINAL = "ip_jkl012\t198.51.100.131\ttrue\nip_nosuch\t\tfalse\n"
WRAPPED = NO_SUCH_IP.replace(" `misar-ips list` shows", "\n`misar-ips list` shows")
HINT = (
    "DNS may still point at 198.51.100.131: A records, and SPF records with ip4:198.51.100.131.\n"
)
NO_COLOUR, COLOUR = "Error: ", "\x1b[1;31mError\x1b[0m: "


@pytest.mark.parametrize(
    ("variables", "terminal", "stdout", "stderr"),
    [
        ({}, "out err", RELEASED_IN_COLOUR, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({}, "out", RELEASED_IN_COLOUR, NO_SUCH_IP),
        ({}, "err", RELEASED_OFF_A_TERMINAL, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({}, "", RELEASED_OFF_A_TERMINAL, NO_SUCH_IP),
        ({"NO_COLOR": "1"}, "out err", RELEASED, WRAPPED),
        ({"NO_COLOR": ""}, "out err", RELEASED_IN_COLOUR, WRAPPED.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": "1"}, "", RELEASED_OFF_A_TERMINAL, NO_SUCH_IP.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": "1"}, "out", RELEASED_IN_COLOUR, NO_SUCH_IP.replace(NO_COLOUR, COLOUR)),
        ({"FORCE_COLOR": ""}, "", RELEASED_OFF_A_TERMINAL, NO_SUCH_IP),
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
        ("60", "ID ADDRESS POOL STATUS WARM-UP"),
        ("0080", "ID ADDRESS RDNS POOL STATUS WARM-UP"),
        ("9999", "ID ADDRESS RDNS POOL STATUS WARM-UP AGE"),
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

1 warming, 1 warmed, 1 suspended, 1 not_started, 35,714 messages today, 1 behind
schedule or suspended (!), next estimated warmed on 2026-04-12
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


# Errors


def test_an_error_is_one_line_off_a_terminal_however_narrow_that_is_said_to_be(
    world: World,
) -> None:
    world.environ["COLUMNS"] = "40"
    assert world.run("show", "ip_nosuch", terminal="in out") == Ran(6, "", NO_SUCH_IP)


def test_an_error_is_wrapped_at_words_on_a_terminal(world: World) -> None:
    world.environ.update(COLUMNS="40", NO_COLOR="1")
    assert (
        world.run("show", "ip_nosuch", terminal="err").stderr
        == """\
Error: Could not read ip_nosuch:
Dedicated IP not found (HTTP 404).
`misar-ips list` shows the IPs of this
account.
"""
    )


@pytest.mark.parametrize("terminal", ["", "out err"])
def test_an_error_is_one_line_of_json_where_that_was_asked_for(world: World, terminal: str) -> None:
    assert world.run("show", "ip_nosuch", "--json", terminal=terminal) == Ran(
        6,
        "",
        '{"error": {"code": "not_found",'
        ' "message": "Could not read ip_nosuch: Dedicated IP not found (HTTP 404).",'
        ' "hint": "`misar-ips list` shows the IPs of this account.", "status": 404}}\n',
    )


@pytest.mark.parametrize("terminal", ["", "err"])
def test_what_the_server_says_of_a_failure_is_inert(world: World, terminal: str) -> None:
    world.environ.update(COLUMNS="500", NO_COLOR="1")
    body = {"error": HOSTILE, "details": {"fieldErrors": {HOSTILE: [HOSTILE]}}}
    ran = answering(world, 422, body).run("show", "ip_1", terminal=terminal)
    assert ran.stderr.startswith(
        f"Error: Could not read ip_1: {HOSTILE_ON_ONE_LINE}:"
        f" {HOSTILE_ON_ONE_LINE}: {HOSTILE_ON_ONE_LINE} (HTTP 422)."
    )
    assert ran.stderr.removesuffix("\n").isprintable()


def test_a_hint_made_of_the_servers_words_is_inert(world: World) -> None:
    refusal = {
        "error": "No more",
        "code": "plan_limit_exceeded",
        "upgrade": {"current_plan": {"slug": HOSTILE}, "urls": {"pricing": HOSTILE}},
    }
    stderr = answering(world, 402, refusal).run("list").stderr
    assert stderr.count(HOSTILE_ON_ONE_LINE) == 2
    assert stderr.removesuffix("\n").isprintable()


def test_what_the_server_says_of_a_success_is_inert(world: World) -> None:
    body = {"ips": [], "ip": {"id": "ip_1"}, "message": HOSTILE}
    ran = answering(world, 200, body).run("request", terminal="out err")
    assert ran.stderr == f"{HOSTILE_ON_ONE_LINE}\n"


def test_an_error_as_json_escapes_every_control_character(world: World) -> None:
    ran = answering(world, 422, {"error": HOSTILE}).run("show", "ip_1", "--json", terminal="err")
    assert HOSTILE in json.loads(ran.stderr)["error"]["message"]
    assert ran.stderr.removesuffix("\n").isprintable()


def test_debug_logs_each_attempt_and_where_an_error_came_from(world: World) -> None:
    ran = world.run("show", "ip_nosuch", "--debug", terminal="out")
    first, second, *rest = ran.stderr.splitlines()
    assert re.fullmatch(
        r"debug: GET https://api\.misar\.io/mail/v1/dedicated-ips/ip_nosuch 404 \d+ ms", first
    )
    assert second == "debug: Traceback (most recent call last):"
    assert [line for line in rest[:-1] if not line.startswith("debug: ")] == []
    assert f"{rest[-1]}\n" == NO_SUCH_IP


def test_without_debug_there_is_neither_log_nor_traceback(world: World) -> None:
    assert world.run("show", "ip_nosuch").stderr == NO_SUCH_IP


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
    ("command", "ran"),
    [
        ("misar-ips list >&-", Ran(0, "", "")),
        ("misar-ips list --json >&-", Ran(0, "", "")),
        ("misar-ips show ip_nosuch >&-", Ran(6, "", NO_SUCH_IP)),
        ("misar-ips list 2>&-", Ran(0, LIST_OFF_A_TERMINAL, "")),
        ("misar-ips show ip_nosuch 2>&-", Ran(6, "", "")),
        ("misar-ips show ip_nosuch --json --debug 2> /dev/full", Ran(6, "", "")),
        ("misar-ips list --debug 2> /dev/full", Ran(0, LIST_OFF_A_TERMINAL, "")),
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
    assert ran == Ran(0, LIST_OFF_A_TERMINAL.splitlines(keepends=True)[0], "")


# Secrets


def test_a_secret_is_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    ran = run_process("profile", "add", "work", environ=environ, stdin="one\ntwo\n")
    message = "Standard input holds more than one line; a key is one word."
    assert ran == Ran(3, "", f"Error: {message}\n")
    assert not (tmp_path / "misar-ips" / "config.toml").exists()
