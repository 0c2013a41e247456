"""Which account is used: the first of option, variables and file, and what is told of the rest."""

from __future__ import annotations

import json
import pwd
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.configuration import (
    DEFAULT_URL,
    FIX_IT,
    IGNORED_URL,
    NO_HOME,
    NO_IPS,
    SHOWN,
    WAYS_TO_GO_ON,
    Setting,
    no_ips_of,
    work_profile,
)
from tests.conftest import KEY, Ran, World, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

# Precedence

FOUR_SOURCES = """\
[profiles.one]
api_key = "msk_one"
base_url = "https://one.example/v1"
[profiles.two]
api_key = "msk_two"
base_url = "https://two.example/v1"
[profiles.four]
api_key = "msk_four"
base_url = "https://four.example/v1"
"""
SEVERAL = (
    "Error: There are several profiles (one, two, four), and none is the default. Choose with "
    "`--profile NAME` or MISAR_IPS_PROFILE, or once and for all with "
    "`misar-ips profile use NAME`.\n"
)


@pytest.mark.parametrize("present", list(product([True, False], repeat=4)))
def test_the_first_source_wins_with_its_key_and_its_url(
    setting: Setting, present: tuple[bool, bool, bool, bool]
) -> None:
    option, profile_variable, key_variable, default = present
    setting.write('default_profile = "four"\n' * default + FOUR_SOURCES)
    arguments = ["list", *["--profile", "one"] * option]
    variables: dict[str, str] = {}
    if profile_variable:
        variables["MISAR_IPS_PROFILE"] = "two"
    if key_variable:
        variables |= {
            "MISARMAIL_API_KEY": "msk_three",
            "MISARMAIL_BASE_URL": "https://three.example/v1",
        }
    ran = setting.run(*arguments, **variables)
    names = [
        name
        for name, is_there in zip(("one", "two", "three", "four"), present, strict=True)
        if is_there
    ]
    if names:
        assert ran == Ran(0, "", no_ips_of(*arguments[1:]))
        assert setting.sent == [(f"https://{names[0]}.example/v1", f"msk_{names[0]}")]
    else:
        assert (ran, setting.sent) == (Ran(3, "", SEVERAL), [])


@pytest.mark.parametrize(
    ("arguments", "variables", "sent"),
    [
        pytest.param(
            ["--profile", "bare"],
            {"MISARMAIL_API_KEY": "msk_env", "MISARMAIL_BASE_URL": "https://env.example/v1"},
            (DEFAULT_URL, "msk_bare"),
            id="a profile without a URL does not take the variable's",
        ),
        pytest.param(
            [],
            {
                "MISAR_IPS_PROFILE": "bare",
                "MISARMAIL_API_KEY": "msk_env",
                "MISARMAIL_BASE_URL": "https://env.example/v1",
            },
            (DEFAULT_URL, "msk_bare"),
            id="nor does one that a variable names",
        ),
        pytest.param(
            [],
            {"MISARMAIL_API_KEY": "msk_env"},
            (DEFAULT_URL, "msk_env"),
            id="a key from a variable does not take the default profile's URL",
        ),
    ],
)
def test_a_key_never_goes_to_another_sources_url(
    setting: Setting, arguments: list[str], variables: dict[str, str], sent: tuple[str, str]
) -> None:
    setting.write(
        'default_profile = "away"\n'
        '[profiles.away]\napi_key = "msk_away"\nbase_url = "https://away.example/v1"\n'
        '[profiles.bare]\napi_key = "msk_bare"\n'
    )
    assert setting.run("list", *arguments, **variables).code == 0
    assert setting.sent == [sent]


@pytest.mark.parametrize("arguments", [[], ["--profile", "work"]])
def test_a_base_url_variable_without_a_key_is_ignored_with_a_warning(
    setting: Setting, arguments: list[str]
) -> None:
    setting.write(work_profile())
    ran = setting.run("list", *arguments, MISARMAIL_BASE_URL="https://elsewhere.example/v1")
    assert ran.code == 0
    assert ran.stderr == f"Warning: {IGNORED_URL}\n{no_ips_of(*arguments)}"
    assert setting.sent == [(DEFAULT_URL, "msk_work")]


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("MISAR_IPS_PROFILE", {"MISARMAIL_API_KEY": "msk_env"}),
        ("MISARMAIL_API_KEY", {}),
        ("MISARMAIL_BASE_URL", {"MISARMAIL_API_KEY": "msk_env"}),
        ("MISARMAIL_BASE_URL", {}),
        ("MISAR_IPS_CONFIG", {}),
    ],
)
def test_a_variable_that_is_set_but_empty_is_an_error(
    setting: Setting, name: str, others: dict[str, str]
) -> None:
    setting.write(work_profile())
    assert setting.refusal("list", **others, **{name: ""}) == (
        f"Error: {name} is set but empty. Set it to a value, or `unset {name}`.\n"
    )


def test_an_empty_variable_does_not_matter_where_an_earlier_source_decides(
    setting: Setting,
) -> None:
    setting.write(work_profile())
    ran = setting.run("list", "--profile", "work", MISAR_IPS_PROFILE="", MISARMAIL_API_KEY="")
    assert (ran.code, setting.sent) == (0, [(DEFAULT_URL, "msk_work")])


def test_with_nothing_configured_the_error_names_every_way(setting: Setting) -> None:
    assert setting.refusal("list", MISAR_IPS_CONFIG="/dev/null") == (
        f"Error: No API key is configured. {WAYS_TO_GO_ON}"
    )


def test_the_only_profile_is_the_default(setting: Setting) -> None:
    setting.write(work_profile())
    assert setting.run("list").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_work")]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--profile", "gone"], {}),
        ([], {"MISAR_IPS_PROFILE": "gone"}),
    ],
)
def test_an_unknown_profile(
    setting: Setting, arguments: list[str], variables: dict[str, str]
) -> None:
    setting.write(work_profile())
    assert setting.refusal("list", *arguments, **variables) == (
        "Error: There is no profile `gone`. Known profiles: work, demo.\n"
    )


def test_an_unknown_profile_like_two_others(setting: Setting) -> None:
    setting.write(work_profile() + '[profiles.works]\napi_key = "msk_works"\n')
    assert setting.refusal("list", "--profile", "wor") == (
        "Error: There is no profile `wor`. Did you mean `work` or `works`? "
        "Known profiles: work, works, demo.\n"
    )


def test_the_file_is_kept_in_the_users_configuration_folder(
    tmp_path: Path, server: EmulatorServer
) -> None:
    environ = {"HOME": str(tmp_path)}
    arguments = ("profile", "add", "work", "--base-url", server.base_url)
    assert run_process(*arguments, environ=environ, stdin=KEY).code == 0
    [path] = tmp_path.rglob("config.toml")
    assert path.parent.name == "misar-ips"
    assert run_process("profile", "list", environ=environ).stdout == (
        f"work\t{server.base_url}\ttrue\t{SHOWN}\n"
    )


def test_the_configuration_path_may_begin_with_a_tilde(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(work_profile())
    environ = {"HOME": str(tmp_path), "MISAR_IPS_CONFIG": "~/mine.toml"}
    ran = run_process("profile", "list", environ=environ)
    assert (ran.code, ran.stdout) == (0, f"work\t{DEFAULT_URL}\ttrue\tmsk_…\n")


def test_a_home_that_nobody_has_is_a_name_like_another(setting: Setting) -> None:
    name = "~nobody-of-that-name/config.toml"
    assert f"MISAR_IPS_CONFIG names {name}, and" in setting.refusal("list", MISAR_IPS_CONFIG=name)


# The built-in profile


@pytest.mark.parametrize("content", [None, "not = TOML = at all", "profiles = 3", b"\xff\xfe"])
def test_demo_needs_no_configuration_and_no_sound_one(
    world: World, content: str | bytes | None
) -> None:
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    del world.environ["MISARMAIL_API_KEY"]
    ran = world.run("list", "--profile", "demo")
    assert (ran.code, ran.stdout.count("\n"), ran.stderr) == (0, 4, "")


def test_demo_can_be_the_default(setting: Setting) -> None:
    setting.write('default_profile = "demo"\n' + work_profile())
    assert setting.run("list").code == 0
    assert setting.sent == [("http://localhost/mail/v1", "msk_demo")]


@pytest.mark.parametrize(
    ("arguments", "content", "source"),
    [(["--profile", "demo"], "", "--profile"), ([], 'default_profile = "demo"', "{path}")],
)
def test_demo_has_a_source_and_warnings_like_any_profile(
    setting: Setting, arguments: list[str], content: str, source: str
) -> None:
    setting.write(content)
    ran = setting.run("doctor", *arguments, MISARMAIL_BASE_URL="https://elsewhere.example/v1")
    facts = [line.split("\t") for line in ran.stdout.splitlines()]
    assert [text for name, _, text, _ in facts if name == "profile"] == [
        f"Profile demo, from {source.format(path=setting.path)}."
    ]
    assert [text for name, status, text, _ in facts if (name, status) == ("url", "warning")] == [
        IGNORED_URL
    ]
    ran = setting.run("list", *arguments, MISARMAIL_BASE_URL="https://elsewhere.example/v1")
    assert ran == Ran(0, "", f"Warning: {IGNORED_URL}\n{no_ips_of(*arguments)}")


@pytest.mark.parametrize("command", ["add", "remove"])
def test_demo_can_not_be_changed(setting: Setting, command: str) -> None:
    assert setting.refusal("profile", command, "demo", stdin=KEY) == (
        "Error: The profile name `demo` is built in; it can't be added, changed or removed. "
        "Choose another name; `--profile demo` talks to the emulator.\n"
    )


def test_demo_in_the_file_is_not_taken_for_the_built_in_one(setting: Setting) -> None:
    setting.write('[profiles.demo]\napi_key = "msk_mine"\n')
    assert setting.refusal("list") == (
        f"Error: {setting.path}: the profile name `demo` is built in. {FIX_IT}"
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "source"),
    [
        (["--profile", "demo"], {}, "--profile"),
        ([], {"MISAR_IPS_PROFILE": "demo"}, "MISAR_IPS_PROFILE"),
        ([], {}, "{path}"),
    ],
)
def test_people_are_told_that_they_see_the_demo_account(
    setting: Setting, arguments: list[str], variables: dict[str, str], source: str
) -> None:
    setting.write('default_profile = "demo"\n' + work_profile())
    setting.world.environ["COLUMNS"] = "500"
    label = f"Demo account, from {source.format(path=setting.path)}: nothing here is real.\n"
    for terminal, is_told in (("in out err", True), ("out", True), ("in err", False)):
        ran = setting.run("list", *arguments, terminal=terminal, **variables)
        assert (ran.code, ran.stderr) == (0, (label if is_told else "") + no_ips_of(*arguments))
    assert setting.run("list", "--json", *arguments, terminal="out err", **variables).stderr == ""


def test_no_other_account_is_called_the_demos(setting: Setting) -> None:
    setting.write(work_profile())
    assert setting.run("list", terminal="in out err").stderr == NO_IPS


# A file that is not there


def test_a_variable_that_names_no_file_is_told(setting: Setting) -> None:
    told = f"MISAR_IPS_CONFIG names {setting.path}, and there is no such file."
    assert setting.refusal("list") == f"Error: No API key is configured. {told} {WAYS_TO_GO_ON}"
    assert setting.refusal("list", "-p", "work") == (
        f"Error: There is no profile `work`. {told} Known profiles: demo.\n"
    )
    listed = setting.run("profile", "list")
    assert listed.stderr == (
        f"Warning: {told}\nNo profiles yet; `misar-ips profile add NAME` saves one.\n"
    )
    checked = setting.run("check", "203.0.113.9", "--blocklists")
    assert checked.stderr.startswith(f"Warning: {told}\n")
    [finding] = [
        each
        for each in json.loads(setting.run("doctor", "--json").stdout)
        if each["name"] == "configuration"
    ]
    assert (finding["status"], finding["message"]) == ("warning", told)


def test_it_is_not_told_to_whom_the_file_does_not_matter(setting: Setting) -> None:
    assert setting.run("list", MISARMAIL_API_KEY=KEY).stderr == NO_IPS
    assert setting.run("list", "-p", "demo").stderr == no_ips_of("-p", "demo")
    added = setting.run("profile", "add", "work", stdin=KEY)
    assert added.stderr == f"Saved profile work in {setting.path}.\n"


# A home folder that is not there


@pytest.fixture
def homeless(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """Return a setting without HOME, of a user whom the system does not know."""

    def unknown(user: int) -> object:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    del setting.world.environ["MISAR_IPS_CONFIG"], setting.world.environ["MISAR_IPS_EMULATOR_DB"]
    return setting


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "-p", "work"],
        ["profile", "list"],
        ["profile", "use", "work"],
        ["profile", "add", "work"],
        ["check", "203.0.113.9", "--blocklists"],
    ],
)
def test_without_a_home_only_what_needs_the_file_fails(
    homeless: Setting, arguments: list[str]
) -> None:
    assert homeless.refusal(*arguments, stdin=KEY) == (
        f"Error: {NO_HOME} Set HOME, or MISAR_IPS_CONFIG to a file.\n"
    )


@pytest.mark.parametrize(
    "arguments", [["list"], ["request"], ["update", "ip_abc123", "--pool", "cold"], ["doctor"]]
)
def test_without_a_home_a_key_from_the_environment_is_enough(
    homeless: Setting, arguments: list[str]
) -> None:
    homeless.world.transport = httpx.MockTransport(homeless.world.emulator)
    ran = homeless.run(*arguments, MISARMAIL_API_KEY=KEY)
    assert (ran.code, NO_HOME in ran.stderr) == (0, False)


def test_without_a_home_doctor_says_so_and_goes_on(homeless: Setting) -> None:
    ran = homeless.run("doctor", "--json", MISARMAIL_API_KEY=KEY)
    found = {each["name"]: each for each in json.loads(ran.stdout)}
    assert found["configuration"] == {
        "name": "configuration",
        "status": "warning",
        "message": NO_HOME,
        "hint": "Set HOME, or MISAR_IPS_CONFIG to a file.",
    }
    assert found["scope"]["status"] == "pass"
    assert homeless.run("doctor").code == 12  # no key at all


def test_without_a_home_the_demo_account_is_there_for_one_command(homeless: Setting) -> None:
    homeless.world.transport = None
    ran = homeless.run("list", "-p", "demo")
    assert (ran.code, ran.stdout.count("\n")) == (0, 4)
    assert ran.stderr == (f"Warning: {NO_HOME} The demo account starts anew with each command.\n")
    assert homeless.run("emulator", "advance", "1d") == Ran(
        3, "", f"Error: {NO_HOME} Set HOME, or MISAR_IPS_EMULATOR_DB to a file.\n"
    )
