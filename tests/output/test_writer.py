"""Where results, notes and errors go, and in which form: terminals, pipes, full disks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Ran, run_process
from tests.output.shown import answering
from tests.reference import LIST, NO_SUCH_IP, SHOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import World

ERROR = f"Error: {NO_SUCH_IP}\n"

HOSTILE = "a\x1b[31mb\r\n\tc\x7f\x9b2Jd\ud800e\u202ef[bold]g"
HOSTILE_MADE_PLAIN = r"a\x1b[31mb\r\n\tc\x7f\x9b2Jd\ud800e\u202ef[bold]g"
HOSTILE_ON_ONE_LINE = r"a\x1b[31mb c\x7f\x9b2Jd\ud800e\u202ef[bold]g"


# Results


def test_list_off_a_terminal(world: World) -> None:
    assert world.run("list") == Ran(0, LIST, "")


def test_show_off_a_terminal(world: World) -> None:
    assert world.run("show", "ip_abc123") == Ran(0, SHOW, "")


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_lines_off_a_terminal_do_not_depend_on_its_width(world: World, columns: str) -> None:
    world.environ["COLUMNS"] = columns
    assert world.run("list", terminal="in err").stdout == LIST


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
    assert world.run("list", "--pool", "cold", "--status", "warmed").stdout == ""


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
    for _ in range(90):
        deep = [deep]
    ip = {"id": "ip_1", "unknown": deep}
    ran = answering(world, 200, {"ips": [ip]}).run("list", "--json", terminal=terminal)
    assert json.loads(ran.stdout) == [ip]


# Errors


def test_an_error_is_one_line_off_a_terminal_however_narrow_that_is_said_to_be(
    world: World,
) -> None:
    world.environ["COLUMNS"] = "40"
    assert world.run("show", "ip_nosuch", terminal="in out") == Ran(6, "", ERROR)


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
    assert ran.stderr.startswith(f"{HOSTILE_ON_ONE_LINE}\n`misar-ips wait ip_1 ")


def test_with_json_stderr_is_json_lines_and_the_error_the_last(world: World) -> None:
    arguments = ["release", "ip_jkl012", "ip_nosuch", "ip_nosuch_either", "--json", "--debug"]
    ran = world.run(*arguments, terminal="err")
    *others, last = map(json.loads, ran.stderr.splitlines())
    assert last["error"]["code"] == "not_found"
    assert {name for line in others for name in line} == {"debug"}


def test_a_warning_as_json_is_a_line(world: World) -> None:
    ran = world.run("list", "--pool", "cold", "--json")
    assert (ran.code, ran.stdout) == (0, "[]\n")
    assert json.loads(ran.stderr) == {
        "warning": {
            "message": "No IP that is listed is in pool `cold`. Pools: marketing, transactional."
        }
    }


@pytest.mark.parametrize("line", ["request", "update ip_abc123 --pool marketing", "list"])
def test_notes_are_left_out_of_json(world: World, line: str) -> None:
    assert world.run(*line.split()).code == 0
    world.emulator.store.reset()
    assert world.run(*line.split(), "--json", terminal="err").stderr == ""


def test_an_error_as_json_escapes_every_control_character(world: World) -> None:
    ran = answering(world, 422, {"error": HOSTILE}).run("show", "ip_1", "--json", terminal="err")
    assert HOSTILE in json.loads(ran.stderr)["error"]["message"]
    assert ran.stderr.removesuffix("\n").isprintable()


def test_debug_logs_each_attempt_and_where_an_error_came_from(world: World) -> None:
    ran = world.run("show", "ip_nosuch", "--debug", terminal="out")
    lines = ran.stderr.splitlines()
    traceback = lines.index("debug: Traceback (most recent call last):")
    url = "https://api.misar.io/mail/v1/dedicated-ips"
    assert re.fullmatch(rf"debug: GET {re.escape(url)}/ip_nosuch 404 \d+ ms", lines[0])
    assert [line for line in lines[:-1] if not line.startswith("debug: ")] == []
    assert 0 < traceback < len(lines) - 1
    assert f"{lines[-1]}\n" == ERROR


def test_without_debug_there_is_neither_log_nor_traceback(world: World) -> None:
    assert world.run("show", "ip_nosuch").stderr == ERROR


# Secrets


def test_a_secret_is_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    ran = run_process("profile", "add", "work", environ=environ, stdin="one\ntwo\n")
    message = "Standard input holds more than one line; a key is one word."
    assert ran == Ran(3, "", f"Error: {message}\n")
    assert not (tmp_path / "misar-ips" / "config.toml").exists()
