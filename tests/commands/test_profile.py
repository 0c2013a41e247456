"""`misar-ips profile`: saved keys listed masked, chosen and removed."""

from __future__ import annotations

import json

import pytest

from tests.configuration import DEFAULT_URL, SHOWN, add, path_of, saved, table_of, write
from tests.conftest import KEY, Ran, World

# Listing


def test_an_empty_list(keyless: World) -> None:
    write(keyless, "")
    assert keyless.run("profile", "list") == Ran(
        0, "", "No profiles yet; `misar-ips profile add NAME` saves one.\n"
    )
    assert keyless.run("profile", "list", "--json") == Ran(0, "[]\n", "")


THREE = f"""\
default_profile = "ci"
[profiles.work]
api_key = "{KEY}"
[profiles.ci]
api_key_command = "op read op://infra/misar/key"
timeout = 2.5
[profiles.local]
api_key = "{KEY}"
base_url = "http://localhost:8025/mail/v1"
"""


def test_list_piped(keyless: World) -> None:
    write(keyless, THREE)
    assert keyless.run("profile", "list") == Ran(
        0,
        f"work\t{DEFAULT_URL}\tfalse\t{SHOWN}\n"
        f"ci\t{DEFAULT_URL}\ttrue\t\n"
        f"local\thttp://localhost:8025/mail/v1\tfalse\t{SHOWN}\n",
        "",
    )


def test_list_on_a_terminal(keyless: World) -> None:
    write(keyless, THREE)
    keyless.environ["NO_COLOR"] = "1"
    assert keyless.run("profile", "list", terminal="in out err") == Ran(
        0,
        "PROFILE  DEFAULT  KEY             BASE URL\n"
        f"work              {SHOWN}   {DEFAULT_URL}\n"
        f"ci       yes      from a command  {DEFAULT_URL}\n"
        f"local             {SHOWN}   http://localhost:8025/mail/v1\n",
        "",
    )


def test_list_as_json(keyless: World) -> None:
    write(keyless, THREE)
    ran = keyless.run("profile", "list", "--json")
    assert (ran.code, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == [
        {
            "name": "work",
            "base_url": DEFAULT_URL,
            "timeout": 30,
            "api_key": SHOWN,
            "api_key_command": None,
            "default": False,
        },
        {
            "name": "ci",
            "base_url": DEFAULT_URL,
            "timeout": 2.5,
            "api_key": None,
            "api_key_command": "op read op://infra/misar/key",
            "default": True,
        },
        {
            "name": "local",
            "base_url": "http://localhost:8025/mail/v1",
            "timeout": 30,
            "api_key": SHOWN,
            "api_key_command": None,
            "default": False,
        },
    ]


def test_odd_names_are_shown_plain(keyless: World) -> None:
    write(keyless, '[profiles."a\\t\\u001b[31mb"]\napi_key = "msk_a"\n')
    assert keyless.run("profile", "list").stdout == (
        f"a\\t\\x1b[31mb\t{DEFAULT_URL}\ttrue\tmsk_…\n"
    )


# Choosing


@pytest.mark.parametrize("terminal", ["", "in out err"])
def test_use(keyless: World, terminal: str) -> None:
    add(keyless, "first", "second")
    assert keyless.run("profile", "use", "second", terminal=terminal) == Ran(
        0, "", "Profile second is the default now.\n"
    )
    assert table_of(keyless)["default_profile"] == "second"


def test_use_demo(keyless: World) -> None:
    add(keyless, "work")
    assert keyless.run("profile", "use", "demo").code == 0
    keyless.emulator.received.clear()
    assert keyless.run("list").stdout.count("\n") == 4
    assert keyless.run("profile", "list").stdout == f"work\t{DEFAULT_URL}\tfalse\t{SHOWN}\n"


def test_use_fixes_a_default_that_is_gone(keyless: World) -> None:
    write(keyless, 'default_profile = "gone"\n[profiles.work]\napi_key = "msk_a"\n')
    assert keyless.run("profile", "use", "work").code == 0
    assert table_of(keyless)["default_profile"] == "work"


@pytest.mark.parametrize("command", ["use", "remove"])
def test_an_unknown_profile_changes_nothing(keyless: World, command: str) -> None:
    write(keyless, THREE)
    assert keyless.run("profile", command, "gone") == Ran(
        3, "", "Error: There is no profile `gone`. Known profiles: work, ci, local, demo.\n"
    )
    assert path_of(keyless).read_text() == THREE


def test_use_refuses_a_profile_that_can_not_be_used(keyless: World) -> None:
    content = "[profiles.work]\napi_key = 3\n"
    write(keyless, content)
    assert keyless.run("profile", "use", "work").code == 3
    assert path_of(keyless).read_text() == content


# Variables that win over what was set


@pytest.mark.parametrize(
    ("variables", "winner"),
    [
        ({"MISAR_IPS_PROFILE": "demo"}, ("demo", "MISAR_IPS_PROFILE")),
        ({"MISAR_IPS_PROFILE": "other", "MISARMAIL_API_KEY": KEY}, ("other", "MISAR_IPS_PROFILE")),
        ({"MISARMAIL_API_KEY": KEY}, ("another key", "MISARMAIL_API_KEY")),
        ({"MISAR_IPS_PROFILE": "work"}, None),
        ({"MISAR_IPS_PROFILE": "work", "MISARMAIL_API_KEY": KEY}, None),
        ({}, None),
    ],
)
def test_a_variable_that_wins_over_what_was_set_is_warned_of(
    keyless: World, variables: dict[str, str], winner: tuple[str, str] | None
) -> None:
    keyless.environ |= variables
    warning = ""
    if winner:
        account, variable = winner
        warning = (
            f"Warning: Commands still use {account}, because {variable} is set and wins over "
            f"profile work: `unset {variable}`, or add `--profile work` to each command.\n"
        )
    added = keyless.run("profile", "add", "work", stdin=KEY)
    assert (added.code, added.stderr) == (0, saved(keyless, "work") + warning)
    used = keyless.run("profile", "use", "work")
    assert used == Ran(0, "", f"Profile work is the default now.\n{warning}")


# Removing


@pytest.mark.parametrize("terminal", ["", "in out err"])
def test_remove(keyless: World, terminal: str) -> None:
    add(keyless, "first", "second")
    assert keyless.run("profile", "remove", "second", terminal=terminal) == Ran(
        0, "", "Removed profile second.\n"
    )
    assert table_of(keyless) == {
        "default_profile": "first",
        "profiles": {"first": {"api_key": KEY}},
    }


def test_removing_the_default_one_of_several_leaves_the_choice_open(keyless: World) -> None:
    add(keyless, "first", "second", "third")
    assert keyless.run("profile", "remove", "first").stderr == (
        "Removed profile first. No profile is the default now.\n"
    )
    assert list(table_of(keyless)) == ["profiles"]
    assert keyless.run("list").code == 3


def test_removing_the_default_one_of_two_leaves_the_other(keyless: World) -> None:
    add(keyless, "first", "second")
    assert keyless.run("profile", "remove", "first").stderr == "Removed profile first.\n"
    assert keyless.run("profile", "list").stdout == f"second\t{DEFAULT_URL}\ttrue\t{SHOWN}\n"


def test_removing_the_only_one(keyless: World) -> None:
    write(keyless, '[profiles.byhand]\napi_key = "msk_hand"\n')
    assert keyless.run("profile", "remove", "byhand").stderr == (
        "Removed profile byhand. No profile is the default now.\n"
    )
    assert table_of(keyless) == {"profiles": {}}


@pytest.mark.parametrize("broken", ['work = "a"', "work = 3", "work = {api_key = 1}"])
def test_a_broken_profile_can_be_removed(keyless: World, broken: str) -> None:
    write(keyless, f'[profiles]\n{broken}\nother = {{api_key = "msk_a"}}\n')
    assert keyless.run("profile", "remove", "work").code == 0
    assert table_of(keyless)["profiles"] == {"other": {"api_key": "msk_a"}}


def test_demo_can_not_be_removed(keyless: World) -> None:
    ran = keyless.run("profile", "remove", "demo")
    assert (ran.code, ran.stdout) == (3, "")
    assert ran.stderr.startswith("Error: The profile name `demo` is built in; ")


@pytest.mark.parametrize("default", ["demo", "kept"])
def test_removing_another_one_leaves_the_default(keyless: World, default: str) -> None:
    add(keyless, "kept", "other")
    assert keyless.run("profile", "use", default).code == 0
    assert keyless.run("profile", "remove", "other").stderr == "Removed profile other.\n"
    if default == "demo":
        assert keyless.run("profile", "remove", "kept").stderr == "Removed profile kept.\n"
    assert table_of(keyless)["default_profile"] == default


def test_a_key_in_the_wrong_place_is_shown_cut(keyless: World) -> None:
    write(keyless, f'[profiles.{KEY}]\napi_key = "msk_a"\nbase_url = "https://a.example/{KEY}"\n')
    shown = (SHOWN, f"https://a.example/{SHOWN}")
    assert keyless.run("profile", "list").stdout == f"{shown[0]}\t{shown[1]}\ttrue\tmsk_…\n"
    [entry] = json.loads(keyless.run("profile", "list", "--json").stdout)
    assert (entry["name"], entry["base_url"]) == shown
    assert SHOWN in keyless.run("profile", "list", terminal="in out err").stdout
