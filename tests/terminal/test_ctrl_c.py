"""Ctrl-C in a real terminal, the hidden prompt, and the emulator that serves."""

from __future__ import annotations

import re
import select
import signal
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY, run_process
from tests.terminal.conftest import (
    CTRL_C,
    CTRL_D,
    SECONDS,
    NoticingEmulator,
    Start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


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
`misar-ips list` shows its IPs.
""",
    )
    assert run_process("list", environ=environ).code == 0


@pytest.mark.parametrize(
    ("keys", "code", "told"),
    [
        (CTRL_C, 130, "\nError: Stopped.\n"),
        (CTRL_D, 1, "\nNo key was given; nothing was changed.\n"),
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
    run = start("emulator", "serve", "--port", "0", "--quiet")
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
