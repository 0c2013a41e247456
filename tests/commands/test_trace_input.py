"""Where `misar-ips trace` reads messages from, and what it makes of what is not one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from misar_ips.shell.scripts import FILES
from tests.commands.test_trace import MESSAGES, OURS, SILENT, Told, from_ours, received, traced
from tests.conftest import Ran, World
from tests.shell.test_completion import offered

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

GMAIL = MESSAGES / "gmail.eml"
DEMO = ("--profile", "demo", "--json")
BOUNDS = "ulimit -v 600000; ulimit -t 20; "
"""The shell's own: kilobytes of memory, and seconds that the processor may spend."""


def run_bounded(environ: dict[str, str], command: str) -> Ran:
    """Run a shell command in which $TRACE is the program, on the demo account."""
    trace = f"{sys.executable} -m misar_ips trace {' '.join(DEMO)}"
    done = subprocess.run(
        ["/bin/sh", "-c", BOUNDS + command],
        env={"PATH": os.environ["PATH"], **environ, "TRACE": trace},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_standard_input_with_a_dash_or_without(world: World) -> None:
    message = GMAIL.read_text()
    ran = world.run("trace", stdin=message)
    assert ran == world.run("trace", "-", stdin=message)
    assert ran.stdout.splitlines()[0] == (
        f"-\tip_def456\t{OURS}\troute\tpass\t{OURS}\t\t"
        f"{OURS} (ip_def456) handed it to its receiver, which says so."
    )


def test_several_files_in_their_order(world: World) -> None:
    names = [str(MESSAGES / f"{name}.eml") for name in ("yahoo", "shared_pool")]
    ran = world.run("trace", *names, "-", "--json", stdin=received(from_ours()))
    told = [
        (each["file"], each["id"], each["address"], each["ok"]) for each in json.loads(ran.stdout)
    ]
    assert told == [
        (names[0], "ip_def456", OURS, True),
        (names[1], None, None, False),
        ("-", "ip_def456", OURS, True),
    ]
    assert len(world.received()) == 1  # the account is listed once


NO_RECEIVED = (
    " has no Received line, so it does not tell which way it came. Save the message as it was "
    'received, with its whole header ("show original").\n'
)


def test_nothing_is_asked_or_told_where_one_is_not_a_message(world: World) -> None:
    body = "From: hello@yourdomain.com\n\nReceived: from x (x [198.51.100.17]) by y\n"
    ran = world.run("trace", str(GMAIL), "-", stdin=body)
    assert ran == Ran(2, "", f"Error: Standard input{NO_RECEIVED}")
    assert world.received() == []


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0" * 9, b"no header\n", b"\xff\xfeR\0e\0"])
def test_a_file_without_a_received_line(world: World, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "saved.eml"
    path.write_bytes(content)
    assert world.run("trace", str(path)) == Ran(2, "", f"Error: {path}{NO_RECEIVED}")


def test_a_file_that_can_not_be_read(world: World, tmp_path: Path) -> None:
    names = {tmp_path: "Is a directory", tmp_path / "x.eml": "No such file or directory"}
    for name, reason in names.items():
        ran = world.run("trace", str(name))
        assert ran == Ran(2, "", f"Error: {name} can't be read: {reason}.\n")
    assert world.run("trace", "") == Ran(
        2, "", "Error: `` can't be read: No such file or directory.\n"
    )


def test_a_file_whose_name_is_a_dash(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text(received(from_ours()))
    assert world.run("trace", "./-").stdout.startswith("./-\tip_def456\t")


def test_a_closed_standard_input(environ: dict[str, str]) -> None:
    ran = run_bounded(environ, "$TRACE <&-")
    assert (ran.code, json.loads(ran.stderr)["error"]["code"]) == (2, "usage")


def test_nothing_is_waited_for_after_the_header(environ: dict[str, str], tmp_path: Path) -> None:
    """Whether it is a pipe to standard input or a named one, and however slowly it comes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "misar_ips", "trace", *DEMO]
    header = received(from_ours()).encode()
    for names, reading in (("-",), subprocess.PIPE), ((str(pipe),), None):
        with subprocess.Popen(
            [*command, *names],
            env={"PATH": os.environ["PATH"], **environ},
            stdin=reading,
            stdout=subprocess.PIPE,
        ) as process:
            writer = process.stdin or pipe.open("wb", buffering=0)
            for part in (header[:30], header[30:99], header[99:]):
                writer.write(part)
                writer.flush()
            assert process.stdout
            assert json.loads(process.stdout.read())[0]["id"] == "ip_def456"
            assert process.wait(30) == 0
            writer.close()  # only now


def test_somebody_at_a_terminal_is_told_what_is_waited_for(world: World) -> None:
    note = "Paste the message's header. An empty line or Ctrl-D ends it.\n"
    message = received(from_ours())
    assert world.run("trace", stdin=message, terminal="in out err").stderr == note
    assert world.run("trace", stdin=message, terminal="out err").stderr == ""
    assert world.run("trace", str(GMAIL), terminal="in out err").stderr == ""


def test_tab_offers_files(world: World) -> None:
    assert offered(world, "trace", "") == offered(world, "trace", "a.eml", "b") == [f"{FILES}\t"]
    assert offered(world, "trace", "--pool", "t") == ["transactional\t"]


# What is large, deep or hostile: bounded in memory and in the processor's time


def test_a_gigabyte_behind_the_header_is_not_read(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "large.eml"
    path.write_text(received(from_ours()))
    os.truncate(path, 1 << 30)  # a hole, which takes no room
    ran = run_bounded(environ, f"$TRACE {path}")
    assert traced(ran) == ("ip_def456", Told("pass", **SILENT))


@pytest.mark.parametrize("source", ["/dev/zero", "yes |", "yes '' |", "yes 'X: y' |"])
def test_what_never_ends_is_not_a_message(environ: dict[str, str], source: str) -> None:
    ran = run_bounded(environ, f"{source} $TRACE" if "|" in source else f"$TRACE {source}")
    name = "Standard input" if "|" in source else source
    message = f"{name} is not a message: its header does not end within 1 MiB."
    if source == "yes |":  # a line that is no header's ends it
        assert ran.code == 2
    else:
        assert json.loads(ran.stderr)["error"]["message"] == message
    assert (ran.code, ran.stdout) == (2, "")


LONG = 200_000  # characters; whatever takes time with their square takes hours
MANY = {
    "lines": "Received: from x (x [203.0.113.66]) by y\n" * 10_000,
    "addresses": "".join(
        f"Received: from x ([2001:db8::{each:x}]) by y\n" for each in range(10_000)
    ),
    "results": "Authentication-Results: mx; x=y\n" * 10_000,
    "results in a line": "Authentication-Results: mx;" + "spf=fail;" * 20_000 + "\n",
    "lines of Received-SPF": "Received-SPF: pass client-ip=10.0.0.1\n" * 10_000,
    "folds": "Received: from x" + "\n x" * 100_000 + "\n",
    "nested parentheses": "Received: from x " + "(" * 1_040_000 + "\n",
}
REPEATED = ('"', "\\", '"\\', ":", "a.", "1.", "()", "helo=", " by", "IPv6:", " client-ip=", "\xe9")
BEGINNINGS = (
    *("Received: from ", "Received: from x (", "Received: from x (HELO ", "Received-SPF: pass "),
    *("Authentication-Results: ", "Authentication-Results: mx; spf=fail ("),
)


def are_traced(environ: dict[str, str], folder: Path, headers: Iterable[str]) -> None:
    """Make sure that all messages which begin so are traced to our IP, in one bounded run."""
    paths = []
    for number, header in enumerate(headers):
        paths.append(folder / f"{number}.eml")
        paths[-1].write_bytes((header + received(from_ours())).encode("latin-1"))
    ran = run_bounded(environ, f"$TRACE {' '.join(map(str, paths))}")
    assert ran.code in {0, 12}, ran.stderr
    assert [each["id"] for each in json.loads(ran.stdout)] == ["ip_def456"] * len(paths)


def test_many_of_everything(environ: dict[str, str], tmp_path: Path) -> None:
    are_traced(environ, tmp_path, MANY.values())


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_long_line_of_one_text(environ: dict[str, str], tmp_path: Path, beginning: str) -> None:
    lines = (f"{beginning}{text * (LONG // len(text))}-\n" for text in REPEATED)
    are_traced(environ, tmp_path, lines)


def test_thousands_of_addresses_are_not_all_told_in_a_text(world: World) -> None:
    lines = [f"Received: from x ([2001:db8::{number:x}]) by y; now" for number in range(1, 3001)]
    ran = world.run("trace", "--json", stdin=received(*lines))
    [message] = json.loads(ran.stdout)
    route = message["checks"][0]
    assert len(route["found"]) == 3000
    assert route["hint"].endswith("2001:db8::13, 2001:db8::14 and 2,980 more.")


@pytest.mark.parametrize("terminal", ["", "out err"])
def test_hostile_text_is_shown_inert(world: World, tmp_path: Path, terminal: str) -> None:
    path = tmp_path / "\x1b]0;x\x07.eml"
    line = "Authentication-Results: \x1b[31m[bold]mx\x07; spf=fail smtp.mailfrom=x@\x1b[2J; dkim=x"
    path.write_text(received(line, from_ours()))
    ran = world.run("trace", str(path), terminal=terminal)
    assert ran.code == 12
    assert r"\x1b[31m[bold]mx\x07 says fail." in ran.stdout
    assert r"\x1b]0;x\x07.eml" in ran.stdout
    shown = ran.stdout + ran.stderr
    assert [each for each in ("\x07", "\x1b[31m[", "\x1b]", "\x1b[2J") if each in shown] == []
