"""Keys that a command prints: its first line, and an end to whatever it does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import tomli_w

from misar_ips import ConfigError
from misar_ips.config.file import Profile
from misar_ips.config.profiles import read_key
from tests.configuration import DEFAULT_URL, NO_IPS, Setting
from tests.conftest import Ran, run_process


def with_command(setting: Setting, command: str) -> None:
    setting.write(tomli_w.dumps({"profiles": {"vault": {"api_key_command": command}}}))


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("echo msk_vault", "msk_vault"),
        ("printf 'msk_first\\nmsk_second\\n'", "msk_first"),
        ("printf 'msk_first\\r\\nmore'", "msk_first"),
        ("printf msk_vault", "msk_vault"),
        ("echo msk_$HOME;id|cat>x&`id`$(id)*", "msk_$HOME;id|cat>x&`id`$(id)*"),
        ("sh -c 'echo warning >&2; echo msk_vault'", "msk_vault"),
    ],
)
def test_the_first_line_of_a_command_is_the_key_and_there_is_no_shell(
    setting: Setting, command: str, key: str
) -> None:
    with_command(setting, command)
    assert setting.run("list").code == 0
    assert setting.sent == [(DEFAULT_URL, key)]


COMMAND = "The api_key_command of profile `vault`"
NO_COMMAND = "is not a command: it is empty, or a quote in it is not closed."


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            "sh -c 'echo the vault is locked >&2; exit 4'",
            "failed with exit code 4: the vault is locked.",
        ),
        ("false", "failed with exit code 1: it said nothing."),
        ("sh -c 'printf \"no \\377\" >&2; exit 5'", "failed with exit code 5: no \ufffd."),
        ("no-such-program --now", "could not be run: No such file or directory."),
        ("/", "could not be run: Permission denied."),
        ("", NO_COMMAND),
        ("   ", NO_COMMAND),
        ("echo 'msk_vault", NO_COMMAND),
    ],
)
def test_a_command_that_fails(setting: Setting, command: str, reason: str) -> None:
    with_command(setting, command)
    assert setting.refusal("list") == f"Error: {COMMAND} {reason}\n"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("true", "is empty."),
        ("printf '\\nmsk_second\\n'", "is empty."),
        ("echo two words", "has spaces"),
        ("printf 'msk_\\377'", "has spaces"),
        ("printf 'msk_a\\fmsk_b'", "has spaces"),
        ("""echo '"msk_vault"'""", "has quotation marks around it."),
        ("head -c 20000 /dev/zero", "is longer than 10,000 characters."),
        ("cat /dev/zero", "is longer than 10,000 characters."),
    ],
)
def test_a_command_that_prints_no_key(setting: Setting, command: str, reason: str) -> None:
    with_command(setting, command)
    error = setting.refusal("list")
    assert error.startswith(f"Error: The API key from {COMMAND.replace('The', 'the')} {reason}")


def test_a_command_that_never_stops_printing_is_ended(setting: Setting, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with_command(setting, f"sh -c 'yes msk_again & echo $$ $! > {pids}; wait'")
    assert setting.run("list") == Ran(0, "", NO_IPS)
    assert setting.sent == [(DEFAULT_URL, "msk_again")]
    assert [has_ended(int(pid)) for pid in pids.read_text().split()] == [True, True]


def has_ended(pid: int) -> bool:
    """Return whether a process that was just killed is gone, which takes the system a moment."""
    give_up_at = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return not is_running(pid)


def is_running(pid: int) -> bool:
    """Return whether a process is there and more than its parent's memory of it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_command_that_says_much_on_its_other_stream_gives_its_key(setting: Setting) -> None:
    with_command(setting, "sh -c 'head -c 1000000 /dev/zero >&2; echo msk_late'")
    assert setting.run("list").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_late")]


@pytest.mark.parametrize("printed", ["echo msk_early", "printf msk_early"])
def test_what_a_command_leaves_running_holds_nobody_up(
    setting: Setting, tmp_path: Path, printed: str
) -> None:
    pid_file = tmp_path / "pid"
    command = f"sh -c '{printed}; sleep 60 & echo $! > {pid_file}'"
    profile = Profile(name="vault", api_key_command=command)
    assert read_key(profile, {**setting.world.environ, "PATH": os.environ["PATH"]}) == "msk_early"
    left = int(pid_file.read_text())
    assert is_running(left)  # as an agent that a password manager starts must go on
    os.kill(left, signal.SIGKILL)


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    setting: Setting, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    command = f"sh -c 'echo msk_late; sleep 60 & echo $$ $! > {pids}; wait'"
    profile = Profile(name="vault", api_key_command=command)
    with pytest.raises(ConfigError) as refused:
        read_key(profile, setting.world.environ, limit=2)
    assert str(refused.value) == f"{COMMAND} took longer than 2 s and was ended."
    assert [has_ended(int(pid)) for pid in pids.read_text().split()] == [True, True]


def test_a_command_has_no_part_of_our_standard_input(setting: Setting) -> None:
    with_command(setting, "cat")
    ran = run_process("list", environ=setting.world.environ, stdin="msk_typed")
    assert ran == Ran(
        3, "", "Error: The API key from the api_key_command of profile `vault` is empty.\n"
    )


def test_a_command_has_our_environment(setting: Setting) -> None:
    with_command(setting, "printenv VAULT_KEY")
    assert setting.run("list", VAULT_KEY="msk_env_of_command").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_env_of_command")]


def test_a_command_is_not_run_to_list_the_profiles(setting: Setting, tmp_path: Path) -> None:
    with_command(setting, f"touch {tmp_path / 'trace'}")
    assert setting.run("profile", "list").code == 0
    assert not (tmp_path / "trace").exists()


# Whose command it is


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_another_users_command_is_not_run(setting: Setting, tmp_path: Path) -> None:
    with_command(setting, f"sh -c 'touch {tmp_path / 'trace'}; echo msk_theirs'")
    os.chown(setting.path, 12_345, 12_345)
    theirs = f"{setting.path} belongs to another user, who can change where a key is sent."
    assert setting.refusal("list") == (
        f"Warning: {theirs}\nError: {COMMAND} was not run: the configuration file belongs to "
        "another user. Set MISAR_IPS_CONFIG to a file of your own.\n"
    )
    assert setting.run("profile", "list").stderr == f"Warning: {theirs}\n"
    assert not (tmp_path / "trace").exists()


def test_a_command_from_a_file_that_others_can_change_is_warned_of(setting: Setting) -> None:
    with_command(setting, "echo msk_vault")
    for mode in (0o620, 0o602, 0o666):
        setting.path.chmod(mode)
        assert setting.run("list").stderr == (
            f"Warning: Others can change {setting.path}, and where a key is sent: "
            f"`chmod 600 {setting.path}`.\n{NO_IPS}"
        )
