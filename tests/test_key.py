"""The key is seen nowhere: that the watch over it notices, and what other processes can see."""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import KEY, Ran, World
from tests.key_watch import WATCH
from tests.listener import NO_IPS, Listener, play

if TYPE_CHECKING:
    from misar_ips.emulator.store import Store

# The watch itself: each of these tests lets the key be seen, and must fail for it ----------------

LEAKS = """
import logging
import subprocess
import sys

import httpx

from misar_ips import Client, MisarError
from misar_ips.session import Session
from tests.conftest import KEY, Ran, World
from tests.key_watch import WATCH


def test_stdout():
    print(f"key: {KEY}")


def test_stderr_of_a_child():
    program = "import sys; print(sys.stdin.read())"
    subprocess.run([sys.executable, "-c", program], input=KEY, text=True)


def test_output_of_a_child_that_is_kept():
    program = "import sys; print(sys.stdin.read())"
    subprocess.run([sys.executable, "-c", program], input=KEY, text=True, capture_output=True)


def test_command_line_of_a_child():
    subprocess.run(["true", f"--key={KEY}"])


def test_log():
    logging.getLogger("some.library").debug("sent %s", KEY)


def test_message_of_an_error():
    MisarError("The key is wrong.").message += KEY


def test_hint_of_an_error():
    MisarError("The key is wrong.").hint = KEY


def test_note_of_an_error():
    MisarError("The key is wrong.").add_note(KEY)


def test_cause_of_an_error():
    try:
        try:
            raise ValueError(KEY)
        except ValueError as cause:
            raise MisarError("The key is wrong.") from cause
    except MisarError:
        pass


def test_object_within_a_session(world, monkeypatch):
    monkeypatch.setattr(Client, "__repr__", lambda client: f"<{KEY}>")
    world.run("list")


def test_file_of_the_emulator(tmp_path):
    (tmp_path / "emulator.db-journal").write_text(KEY)
"""

HARMLESS = """
import subprocess

from tests.conftest import KEY, Ran, World


def test_key_in_the_environment_of_a_child():
    subprocess.run(["true"], env={"MISARMAIL_API_KEY": KEY})


def test_key_in_the_configuration(tmp_path):
    (tmp_path / "config.toml").write_text(KEY)
    print("key: msk_5ec2e75e…")
"""


def ended(content: str, tmp_path: Path) -> dict[str, list[str]]:
    """Run tests in a process of its own; return the outcomes of each, by its name."""
    file = tmp_path / "test_leaks.py"
    file.write_text(content)
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    silence = ["-rA", "--tb=no", "--show-capture=no"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", *plugins, *silence, str(file)],
        cwd=Path(__file__).parent.parent,
        # Where pytest believes to run in CI it shortens no assertion, and prints the key it found.
        env={name: os.environ[name] for name in os.environ if name not in {"CI", "BUILD_NUMBER"}},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    found: dict[str, list[str]] = {}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) .*::(\w+)", done.stdout, re.MULTILINE):
        found.setdefault(name, []).append(outcome)
    return found


def test_every_way_to_show_the_key_fails_a_test(tmp_path: Path) -> None:
    leaking = re.findall(r"^def (test_\w+)", LEAKS, re.MULTILINE)
    found = ended(LEAKS, tmp_path)
    assert set(found) == set(leaking)
    assert [name for name, outcomes in found.items() if outcomes == ["PASSED"]] == []


def test_keeping_the_key_where_it_belongs_fails_none(tmp_path: Path) -> None:
    assert ended(HARMLESS, tmp_path) == {
        "test_key_in_the_environment_of_a_child": ["PASSED"],
        "test_key_in_the_configuration": ["PASSED"],
    }


# A key in a place where none belongs -------------------------------------------------------------

MISPLACED = [
    "show KEY",
    "show KEY --watch",
    "update KEY --pool cold",
    "update ip_abc123 --pool KEY",
    "request --pool KEY",
    "request --rdns KEY",
    "release KEY --yes",
    "release ip_abc123 KEY --yes",
    "wait KEY --for warmed",
    "wait ip_abc123 --for KEY",
    "check KEY",
    "check --resolver KEY",
    "check --blocklist KEY",
    "list --sort KEY",
    "list --profile KEY",
    "list KEY",
    "list --api-key=KEY",
    "KEY",
    "profile add KEY",
    "profile add work --base-url KEY",
    "profile add work --base-url https://KEY@api.misar.io",
    "profile add work --timeout KEY",
    "profile add work --api-key-command KEY",
    "profile add work --api-key-command echo+KEY",
    "profile use KEY",
    "profile remove KEY",
]


@pytest.mark.parametrize("form", ["", "--json", "--debug"])
@pytest.mark.parametrize("line", MISPLACED)
def test_a_misplaced_key_is_neither_shown_nor_sent(world: World, line: str, form: str) -> None:
    words = [word.replace("+", " ").replace("KEY", KEY) for word in f"{line} {form}".split()]
    ran = world.run(*words, stdin=KEY)
    assert ran.code in {2, 3}
    assert ran.stdout == ""
    assert world.received() == []


def test_a_misplaced_key_is_told_from_another(world: World) -> None:
    assert world.run("show", KEY) == Ran(
        2,
        "",
        "Error: msk_5ec2e75e… is an API key, not an IP's id. `misar-ips list` shows the ids.\n",
    )


def configure(world: World, text: str) -> None:
    """Put a configuration file in the place of the key in the environment."""
    del world.environ["MISARMAIL_API_KEY"]
    file = Path(world.environ["MISAR_IPS_CONFIG"])
    file.parent.mkdir(mode=0o700)
    file.write_text(text)
    file.chmod(0o600)


def test_a_key_within_the_command_that_should_print_it(world: World) -> None:
    configure(world, f'[profiles.work]\napi_key_command = "echo {KEY}"\n')
    assert world.run("list") == Ran(
        3,
        "",
        "Error: The api_key_command of profile `work` has an API key in it, and others can see "
        "what is run. `misar-ips profile add work --replace` keeps the key itself.\n",
    )
    listed = world.run("profile", "list", "--json")
    assert json.loads(listed.stdout)[0]["api_key_command"] == "echo msk_5ec2e75e…"


# What other processes can see --------------------------------------------------------------------


def command_lines() -> list[bytes]:
    """Return the command line of every process of this machine."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes())
        except OSError:  # it has ended
            continue
    return lines


def while_running(environ: dict[str, str], *arguments: str, stdin: str = "") -> list[bytes]:
    """Run the program; return every command line there is while the server answers it."""
    seen: list[bytes] = []

    def look_and_answer(connection: socket.socket) -> None:
        seen.extend(command_lines())
        play(NO_IPS, connection)

    with Listener(look_and_answer) as server:
        line = [argument.replace("BASE_URL", server.base_url) for argument in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "misar_ips", *line],
            env={**environ, "MISARMAIL_BASE_URL": server.base_url},
            input=stdin,
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
    assert done.returncode == 0, done.stderr
    assert KEY.encode() in b"".join(server.received)
    return seen


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
class TestTheProcessList:
    def test_a_key_from_the_environment(self, environ: dict[str, str]) -> None:
        self.shows_the_program_but_no_key(while_running(environ, "list"))

    def test_a_key_from_standard_input(self, environ: dict[str, str]) -> None:
        del environ["MISARMAIL_API_KEY"]
        arguments = ("profile", "add", "work", "--base-url", "BASE_URL")
        self.shows_the_program_but_no_key(while_running(environ, *arguments, stdin=KEY))

    def test_a_key_from_a_command(self, environ: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "key").write_text(KEY)
        del environ["MISARMAIL_API_KEY"]
        arguments = ("profile", "add", "vault", "--base-url", "BASE_URL")
        command = f"cat {tmp_path / 'key'}"
        seen = while_running(environ, *arguments, "--api-key-command", command)
        self.shows_the_program_but_no_key(seen)

    def shows_the_program_but_no_key(self, seen: list[bytes]) -> None:
        assert [line for line in seen if b"misar_ips" in line]
        assert [line for line in seen if KEY.encode() in line] == []


# Every object there is ---------------------------------------------------------------------------


def objects_of_ours() -> list[object]:
    """Return every living object of a class of ours, whoever holds it."""
    return [each for each in gc.get_objects() if type(each).__module__.startswith("misar_ips")]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("list --debug", {"Session", "Output", "Profile", "Client"}),
        ("request --wait", {"Session", "Profile", "Client", "DedicatedIP"}),
        ("update ip_abc123 --pool cold", {"Session", "Profile", "Client"}),
        ("release ip_abc123 --yes", {"Session", "Profile", "Client", "DedicatedIP"}),
        ("show ip_abc123", {"Session", "Profile", "Client"}),
        ("wait ip_def456 --for warmed", {"Session", "Profile", "Client", "_Waiting"}),
        ("check ip_def456", {"Session", "Profile", "Client"}),
        ("doctor", {"Session", "Profile", "Client", "Finding"}),
        ("profile add work", {"Session", "Profile", "Client"}),
    ],
)
@pytest.mark.parametrize("source", ["environment", "file"])
def test_no_object_shows_the_key_while_a_request_is_under_way(
    world: World, store: Store, line: str, kinds: set[str], source: str
) -> None:
    seen: set[str] = set()

    def look_and_answer(request: httpx.Request) -> httpx.Response:
        assert KEY in request.headers["Authorization"]
        for each in objects_of_ours():
            WATCH.look_at_text(f"the repr of a {type(each).__name__}", repr(each))
            seen.add(type(each).__name__)
        return world.emulator(request)

    if source == "file":
        keep_the_key_in_a_file(world)
    world.asleep = lambda _seconds: store.advance(timedelta(days=1))
    world.transport = httpx.MockTransport(look_and_answer)
    assert world.run(*line.split(), stdin=KEY).code == 0
    assert kinds <= seen


def keep_the_key_in_a_file(world: World) -> None:
    configure(world, f"[profiles.kept]\napi_key = '{KEY}'\n")


# The emulator's log ------------------------------------------------------------------------------


def test_the_emulator_writes_no_key_anywhere(environ: dict[str, str]) -> None:
    request_lines = ["GET /mail/v1/dedicated-ips HTTP/1.1", f"GET /{KEY} HTTP/1.1"]
    request_lines += [f"{KEY} / HTTP/1.1", f"GET / {KEY}", KEY]
    with subprocess.Popen(
        [sys.executable, "-m", "misar_ips", "emulator", "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline().split(":")[2].split("/")[0])
        headers = f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        answers = [answer_to(port, f"{line}\r\n{headers}".encode()) for line in request_lines]
        process.terminate()
        written, errors = process.communicate(timeout=20)
    assert [answer.split()[1] for answer in answers] == [b"200", b"404", b"404", b"400", b"400"]
    assert KEY.encode() not in b"".join(answers)
    assert (process.returncode, written) == (0, "")
    assert KEY not in errors


def answer_to(port: int, message: bytes) -> bytes:
    """Send bytes, say that there will be no more, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()
