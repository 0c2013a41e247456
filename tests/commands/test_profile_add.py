"""`misar-ips profile add`: a key is asked for, tried and saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from tests.configuration import DEFAULT_URL, SHOWN, add, path_of, saved, table_of, write
from tests.conftest import KEY, Ran, World

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

OTHER_KEY = "msk_" + "0ther" * 12


def test_add_piped(keyless: World) -> None:
    ran = keyless.run("profile", "add", "work", stdin=f"{KEY}\n")
    assert ran == Ran(0, f"work\t{DEFAULT_URL}\ttrue\t{SHOWN}\n", saved(keyless, "work"))
    assert keyless.received() == ["GET /mail/v1/dedicated-ips"]
    assert table_of(keyless) == {"default_profile": "work", "profiles": {"work": {"api_key": KEY}}}


def test_add_as_json(keyless: World) -> None:
    ran = keyless.run("profile", "add", "work", "--json", stdin=KEY)
    assert (ran.code, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {
        "name": "work",
        "base_url": DEFAULT_URL,
        "timeout": 30,
        "api_key": SHOWN,
        "api_key_command": None,
        "default": True,
    }


def test_add_on_a_terminal(keyless: World) -> None:
    keyless.environ["NO_COLOR"] = "1"
    ran = keyless.run("profile", "add", "work", stdin=KEY, terminal="out")
    assert ran == Ran(
        0,
        f"PROFILE  DEFAULT  KEY            BASE URL\nwork     yes      {SHOWN}  {DEFAULT_URL}\n",
        f"{saved(keyless, 'work')}`misar-ips list` shows its IPs.\n",
    )


def test_add_with_every_option(keyless: World) -> None:
    add(keyless, "first")
    options = ["--base-url", "http://127.0.0.1:8025/mail/v1/", "--timeout", "1m30s", "--default"]
    ran = keyless.run("profile", "add", "local", *options, stdin=KEY)
    assert ran.stdout == f"local\thttp://127.0.0.1:8025/mail/v1\ttrue\t{SHOWN}\n"
    assert table_of(keyless) == {
        "default_profile": "local",
        "profiles": {
            "first": {"api_key": KEY},
            "local": {
                "api_key": KEY,
                "base_url": "http://127.0.0.1:8025/mail/v1",
                "timeout": 90.0,
            },
        },
    }


def test_add_with_a_command_saves_no_key_and_asks_for_none(keyless: World, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(OTHER_KEY)
    command = f"cat {tmp_path / 'key'}"
    ran = keyless.run("profile", "add", "vault", "--api-key-command", command)
    assert ran == Ran(0, f"vault\t{DEFAULT_URL}\ttrue\t\n", saved(keyless, "vault"))
    assert keyless.received() == ["GET /mail/v1/dedicated-ips"]
    assert table_of(keyless)["profiles"] == {"vault": {"api_key_command": command}}


@pytest.mark.parametrize("command", ["", "false", "echo 'msk"])
def test_add_with_a_command_that_gives_no_key_saves_nothing(keyless: World, command: str) -> None:
    ran = keyless.run("profile", "add", "vault", "--api-key-command", command, stdin=KEY)
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith("Error: The api_key_command of profile `vault` ")
    assert not path_of(keyless).exists()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_key_may_end_its_line(keyless: World, ending: str) -> None:
    assert keyless.run("profile", "add", "work", stdin=KEY + ending).code == 0
    assert table_of(keyless)["profiles"]["work"] == {"api_key": KEY}


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        f" {KEY}",
        f"{KEY}\t\n",
        f"{KEY}\nmore\n",
        f"{KEY}\r\rmore",
        f"{KEY}é",
        f"{KEY}\x00",
        f"{KEY}\udcff",
    ],
)
def test_a_malformed_key_is_neither_tried_nor_saved(keyless: World, typed: str) -> None:
    ran = keyless.run("profile", "add", "work", stdin=typed)
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith(("Error: The API key from standard input ", "Error: Standard "))
    assert keyless.received() == []
    assert not path_of(keyless).exists()


def test_a_key_that_is_no_text(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", "profile", "add", "work", "--debug"],
        env={**environ, "PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8:strict"},
        input=b"\xff" + KEY.encode(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"Error: The API key from standard input is not a text.\n" in done.stderr
    assert KEY.encode() not in done.stderr


@pytest.mark.parametrize(
    "name", ["demo", "", "a b", "a/b", "ä", "a\n", "a\x1b[31m", "\udcff", "[profiles]"]
)
def test_what_can_not_be_a_profiles_name(keyless: World, name: str) -> None:
    ran = keyless.run("profile", "add", name, "--json", stdin=KEY)
    assert (ran.code, ran.stdout) == (3, "")
    error = json.loads(ran.stderr)["error"]
    assert error["code"] == "config"
    if name != "demo":
        assert error["hint"] == "It consists of letters, digits, `-`, `_` and `.`."
    assert keyless.received() == []
    assert not path_of(keyless).exists()


def test_a_key_is_no_profiles_name(keyless: World) -> None:
    assert keyless.run("profile", "add", KEY, stdin=KEY) == Ran(
        3,
        "",
        "Error: msk_5ec2e75e… is an API key; it needs a name to be saved under. "
        "`misar-ips profile add NAME` asks for the key, where nobody else can see it.\n",
    )
    assert keyless.received() == []


@pytest.mark.parametrize("name", ["work", "Work-2_b", "a.b", "...", "1", "_"])
def test_what_can_be_a_profiles_name(keyless: World, name: str) -> None:
    add(keyless, name)
    assert table_of(keyless)["profiles"] == {name: {"api_key": KEY}}
    assert keyless.run("list", "--profile", name).code == 0


@pytest.mark.parametrize("options", [[], ["--replace"]])
def test_a_key_that_the_server_refuses_is_not_saved(keyless: World, options: list[str]) -> None:
    if options:
        write(keyless, '[profiles.work]\napi_key = "msk_old"\n')
    before = path_of(keyless).exists() and path_of(keyless).read_text()
    refused = "msk_revoked" + "0" * 50
    assert keyless.run("profile", "add", "work", *options, stdin=refused) == Ran(
        4,
        "",
        "Error: Nothing was saved. Could not list the dedicated IPs: the API key is not accepted: "
        "it is wrong, revoked or expired (HTTP 401). Make a key in MisarMail's settings, then "
        "`misar-ips profile add work`.\n",
    )
    assert (path_of(keyless).exists() and path_of(keyless).read_text()) == before


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("GET:403", "(HTTP 403)"),
        ("GET:500", "(HTTP 500)"),
        ("GET:404", "(HTTP 404)"),
        ("GET:html", "(HTTP 502)"),
        ("GET:truncated", "the answer is not valid JSON (HTTP 200)"),
        ("GET:429", "Please slow down (HTTP 429)"),
        ("GET:reset", "the connection to api.misar.io was lost (Connection dropped)"),
        ("GET:hang", "api.misar.io took too long to answer (No answer)"),
    ],
)
def test_other_trouble_saves_the_key_with_a_warning(
    keyless: World, fault: str, trouble: str
) -> None:
    keyless.emulator.faults.add(fault)
    ran = keyless.run("profile", "add", "work", stdin=KEY)
    assert (ran.code, ran.stdout) == (0, f"work\t{DEFAULT_URL}\ttrue\t{SHOWN}\n")
    warning, last = ran.stderr.splitlines(keepends=True)
    assert warning.startswith("Warning: The key was saved, though trying it failed. Could not list")
    assert trouble in warning
    assert last == saved(keyless, "work")
    assert table_of(keyless)["profiles"] == {"work": {"api_key": KEY}}


def test_a_key_is_tried_at_its_own_server_whatever_else_is_set(keyless: World) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((str(request.url), request.headers["Authorization"]))
        return httpx.Response(200, json={"success": True, "ips": []})

    write(keyless, '[profiles.old]\napi_key = "msk_old"\nbase_url = "https://old.example"\n')
    keyless.transport = httpx.MockTransport(answer)
    keyless.environ["MISARMAIL_API_KEY"] = "msk_env"
    keyless.environ["MISARMAIL_BASE_URL"] = "https://env.example"
    keyless.environ["MISAR_IPS_PROFILE"] = "old"
    assert keyless.run("profile", "add", "new", stdin=KEY).code == 0
    assert sent == [(f"{DEFAULT_URL}/dedicated-ips", f"Bearer {KEY}")]


def test_a_second_profile_leaves_the_default_as_it_is(keyless: World) -> None:
    add(keyless, "first", "second")
    assert table_of(keyless)["default_profile"] == "first"
    assert keyless.run("list").code == 0


def test_a_second_profile_beside_one_written_by_hand(keyless: World) -> None:
    write(keyless, '[profiles.byhand]\napi_key = "msk_hand"\n')
    add(keyless, "second")
    assert table_of(keyless)["default_profile"] == "byhand"


def test_a_profile_more_does_not_settle_a_choice_that_was_left_open(keyless: World) -> None:
    write(keyless, '[profiles.a]\napi_key = "msk_a"\n[profiles.b]\napi_key = "msk_b"\n')
    add(keyless, "c")
    assert "default_profile" not in table_of(keyless)


def test_a_first_profile_leaves_demo_the_default_where_it_is(keyless: World) -> None:
    write(keyless, 'default_profile = "demo"\n')
    add(keyless, "work")
    assert table_of(keyless)["default_profile"] == "demo"


def test_add_does_not_replace_by_accident(keyless: World) -> None:
    add(keyless, "work")
    before = path_of(keyless).read_bytes()
    keyless.emulator.received.clear()
    assert keyless.run("profile", "add", "work", stdin=OTHER_KEY) == Ran(
        3,
        "",
        "Error: There is a profile `work` already; nothing was changed. "
        "`misar-ips profile add work --replace` puts a new one in its place.\n",
    )
    assert (keyless.received(), path_of(keyless).read_bytes()) == ([], before)


def test_a_profile_that_appeared_while_the_key_was_tried_is_not_replaced(keyless: World) -> None:
    rival = '[profiles.work]\napi_key = "msk_rival"\n'

    def answer(_request: httpx.Request) -> httpx.Response:
        write(keyless, rival)
        return httpx.Response(200, json={"success": True, "ips": []})

    keyless.transport = httpx.MockTransport(answer)
    ran = keyless.run("profile", "add", "work", stdin=KEY)
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith("Error: There is a profile `work` already; nothing was changed. ")
    assert path_of(keyless).read_text() == rival


@pytest.mark.parametrize(
    "old",
    [
        'api_key = "msk_old"\nbase_url = "https://old.example"\ntimeout = 5',
        'api_key_command = "false"\nbase_url = "https://old.example"',
        'api_key = 3\nbase_url = "nonsense"\ntimeout = "x"',
    ],
)
@pytest.mark.parametrize(
    ("options", "new"),
    [
        ([], {"api_key": KEY}),
        (["--api-key-command", "echo msk_a"], {"api_key_command": "echo msk_a"}),
    ],
)
def test_replacing_leaves_nothing_of_the_old_but_unknown_keys(
    keyless: World, old: str, options: list[str], new: dict[str, str]
) -> None:
    write(keyless, f'[profiles.work]\ncolour = "red"\n{old}\n')
    ran = keyless.run("profile", "add", "work", "--replace", *options, stdin=KEY)
    assert ran.code == 0
    assert table_of(keyless) == {
        "default_profile": "work",
        "profiles": {"work": {"colour": "red", **new}},
    }
    assert keyless.run("list").code == 0


def test_replacing_what_is_no_table(keyless: World) -> None:
    write(keyless, 'profiles.work = "a"\n')
    assert keyless.run("profile", "add", "work", "--replace", stdin=KEY).code == 0
    assert table_of(keyless)["profiles"] == {"work": {"api_key": KEY}}


def test_a_broken_profile_does_not_keep_another_from_being_added(keyless: World) -> None:
    write(
        keyless, 'default_profile = "work"\nprofiles.work = {api_key = "msk_a"}\nprofiles.x = 3\n'
    )
    ran = keyless.run("profile", "add", "new", stdin=KEY)
    assert ran == Ran(0, f"new\t{DEFAULT_URL}\tfalse\t{SHOWN}\n", saved(keyless, "new"))


def test_everything_else_in_the_file_survives(keyless: World) -> None:
    content = """\
default_profile = "with space"
colour = "blue"
[profiles."with space"]
api_key = "msk_a"
note = [1, 2.5, {deep = 2026-03-15T10:00:00Z}]
[profiles."ü.\\"x"]
api_key_command = "true"
[profiles."ü.\\"x".more]
even = false
[plugins.x]
lines = '''
two
lines'''
"""
    write(keyless, content)
    add(keyless, "new", "newer")
    assert keyless.run("profile", "use", "new").code == 0
    assert keyless.run("profile", "remove", "newer").code == 0
    expected = tomllib.loads(content)
    expected["default_profile"] = "new"
    expected["profiles"]["new"] = {"api_key": KEY}
    assert table_of(keyless) == expected


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "1e9", "25h", "soon"])
def test_a_timeout_that_can_not_be_waited(keyless: World, timeout: str) -> None:
    ran = keyless.run("profile", "add", "work", f"--timeout={timeout}", stdin=KEY)
    assert (ran.code, ran.stdout, keyless.received()) == (2, "", [])
    assert not path_of(keyless).exists()


def test_the_saved_profile_works_over_a_socket(keyless: World, server: EmulatorServer) -> None:
    real = World(keyless.environ, keyless.emulator, httpx.HTTPTransport())
    options = ["--base-url", server.base_url]
    assert real.run("profile", "add", "local", *options, stdin=KEY).code == 0
    assert real.run("list").stdout.count("\n") == 4
    assert real.received() == ["GET /mail/v1/dedicated-ips"] * 2


def test_each_profile_talks_to_its_own_server(keyless: World, store: Store) -> None:
    emulators = {name: Emulator(store, rate_limit=0) for name in ("one.example", "two.example")}
    keyless.transport = httpx.MockTransport(lambda request: emulators[request.url.host](request))
    for host, emulator in emulators.items():
        options = ["--base-url", f"https://{host}/mail/v1"]
        assert keyless.run("profile", "add", host, *options, stdin=KEY).code == 0
        emulator.received.clear()
    assert keyless.run("show", "ip_abc123", "--profile", "two.example").code == 0
    assert list(emulators["one.example"].received) == []
    assert list(emulators["two.example"].received) == [("GET", "/mail/v1/dedicated-ips/ip_abc123")]
