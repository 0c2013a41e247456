"""Where the key comes from: precedence, the file in every state, keys from commands, the lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from misar_ips import ConfigError
from misar_ips.api.credentials import mask_key
from misar_ips.config.file import Profile
from misar_ips.config.profiles import choose_profile, read_key, save_profile
from tests.conftest import KEY, Ran, World, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer

DEFAULT_URL = "https://api.misar.io/mail/v1"
NOTHING_CONFIGURED = (
    "Error: No API key is configured. Save one with `misar-ips profile add NAME` (then chosen by "
    "itself, by `--profile NAME` or by MISAR_IPS_PROFILE), or set MISARMAIL_API_KEY; or look "
    "around without a key: `misar-ips list --profile demo`.\n"
)
IGNORED_URL = (
    "Warning: MISARMAIL_BASE_URL is ignored: it counts only together with MISARMAIL_API_KEY.\n"
)
NO_KEY = (
    "spaces, line breaks or non-ASCII characters in it. "
    "Copy it once more; a key is one word such as msk_0123abcd…."
)
MEND_IT = "Mend the file by hand; it was not touched.\n"
LONG_ZONE = "a." * 100 + "example"
PLACE = re.compile(r"line \d+, column \d+")

any_file = settings(
    max_examples=60,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example writes it anew
)


@dataclass
class Setting:
    """The program in an environment without a key; what it sends is written down and answered."""

    world: World
    path: Path
    sent: list[tuple[str, str]] = field(default_factory=list)
    """The base URL and the key of each request."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.sent.append((str(request.url).removesuffix("/dedicated-ips"), key))
        return httpx.Response(200, json={"success": True, "ips": []})

    def write(self, text: str | bytes) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.path.chmod(0o600)

    def run(self, *arguments: str, stdin: str = "", **variables: str) -> Ran:
        """Run the program with some more variables in its environment."""
        self.world.environ.update(variables)
        ran = self.world.run(*arguments, stdin=stdin)
        for name in variables:
            del self.world.environ[name]
        return ran

    def refusal(self, *arguments: str, stdin: str = "", **variables: str) -> str:
        """Return the error of a run that ends with 3 and sends nothing."""
        ran = self.run(*arguments, stdin=stdin, **variables)
        assert (ran.code, ran.stdout, self.sent) == (3, "", [])
        return ran.stderr


@pytest.fixture
def setting(world: World) -> Setting:
    del world.environ["MISARMAIL_API_KEY"]
    made = Setting(world, Path(world.environ["MISAR_IPS_CONFIG"]))
    world.transport = httpx.MockTransport(made.answer)
    return made


def work_profile(lines: str) -> str:
    return f'[profiles.work]\napi_key = "msk_work"\n{lines}\n'


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
        assert ran == Ran(0, "", "No dedicated IPs yet; `misar-ips request` orders one.\n")
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
    setting.write(work_profile(""))
    ran = setting.run("list", *arguments, MISARMAIL_BASE_URL="https://elsewhere.example/v1")
    assert ran.code == 0
    assert ran.stderr.startswith(IGNORED_URL)
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
    setting.write(work_profile(""))
    assert setting.refusal("list", **others, **{name: ""}) == (
        f"Error: {name} is set but empty. Give it a value, or `unset {name}`.\n"
    )


def test_an_empty_variable_does_not_matter_where_an_earlier_source_decides(
    setting: Setting,
) -> None:
    setting.write(work_profile(""))
    ran = setting.run("list", "--profile", "work", MISAR_IPS_PROFILE="", MISARMAIL_API_KEY="")
    assert (ran.code, setting.sent) == (0, [(DEFAULT_URL, "msk_work")])


@pytest.mark.parametrize("key", ["msk_a b", "msk_a\n", " msk_a", "msk_ä", "msk_\x00", "\udcff"])
def test_a_malformed_key_in_the_environment_is_not_sent(setting: Setting, key: str) -> None:
    assert setting.refusal("list", MISARMAIL_API_KEY=key) == (
        f"Error: The API key from MISARMAIL_API_KEY has {NO_KEY}\n"
    )


def test_with_nothing_configured_the_error_names_every_way(setting: Setting) -> None:
    assert setting.refusal("list") == NOTHING_CONFIGURED


def test_the_only_profile_is_the_default(setting: Setting) -> None:
    setting.write(work_profile(""))
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
    setting.write(work_profile(""))
    assert setting.refusal("list", *arguments, **variables) == (
        "Error: There is no profile `gone`. Known profiles: work, demo.\n"
    )


def test_an_unknown_profile_like_two_others(setting: Setting) -> None:
    setting.write(work_profile("") + '[profiles.works]\napi_key = "msk_works"\n')
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
        f"work\t{server.base_url}\ttrue\tmsk_5ec2e75e…\n"
    )


def test_the_configuration_path_may_begin_with_a_tilde(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(work_profile(""))
    environ = {"HOME": str(tmp_path), "MISAR_IPS_CONFIG": "~/mine.toml"}
    ran = run_process("profile", "list", environ=environ)
    assert (ran.code, ran.stdout) == (0, f"work\t{DEFAULT_URL}\ttrue\tmsk_…\n")


def test_a_home_that_nobody_has_is_a_name_like_another(setting: Setting) -> None:
    assert setting.refusal("list", MISAR_IPS_CONFIG="~nobody-of-that-name/config.toml") == (
        NOTHING_CONFIGURED
    )


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
    setting.write('default_profile = "demo"\n' + work_profile(""))
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
        "MISARMAIL_BASE_URL is ignored: it counts only together with MISARMAIL_API_KEY."
    ]
    ran = setting.run("list", *arguments, MISARMAIL_BASE_URL="https://elsewhere.example/v1")
    assert (ran.code, ran.stderr.startswith(IGNORED_URL)) == (0, True)


@pytest.mark.parametrize("command", ["add", "remove"])
def test_demo_can_not_be_changed(setting: Setting, command: str) -> None:
    assert setting.refusal("profile", command, "demo", stdin=KEY) == (
        "Error: The profile name `demo` is built in; it can't be added, changed or removed. "
        "Choose another name; `--profile demo` talks to the emulator.\n"
    )


def test_demo_in_the_file_is_not_taken_for_the_built_in_one(setting: Setting) -> None:
    setting.write('[profiles.demo]\napi_key = "msk_mine"\n')
    assert setting.refusal("list") == (
        f"Error: {setting.path}: the profile name `demo` is built in. {MEND_IT}"
    )


# What can stand in the file


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("profiles = 3", "profiles is no table"),
        ("profiles = [1]", "profiles is no table"),
        ('[profiles]\nwork = "a"', "profiles.work is no table"),
        ("[[profiles.work]]\napi_key = 'x'", "profiles.work is no table"),
        ("[profiles.work]\napi_key = 1", "profiles.work.api_key is no text"),
        ("[profiles.work]\napi_key = 2026-01-01", "profiles.work.api_key is no text"),
        ("[profiles.work]\napi_key_command = ['a']", "profiles.work.api_key_command is no text"),
        (work_profile("base_url = 1"), "profiles.work.base_url is no text"),
        (work_profile("base_url = {}"), "profiles.work.base_url is no text"),
        ("[profiles.work]", "profiles.work needs either api_key or api_key_command"),
        (
            work_profile('api_key_command = "true"'),
            "profiles.work needs either api_key or api_key_command",
        ),
        ("default_profile = 1\n" + work_profile(""), "default_profile is no text"),
        ("default_profile = []\n" + work_profile(""), "default_profile is no text"),
        (
            'default_profile = "gone"\n' + work_profile(""),
            "default_profile names `gone`, and there is no such profile",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(setting: Setting, content: str, reason: str) -> None:
    setting.write(content)
    assert setting.refusal("list") == f"Error: {setting.path}: {reason}. {MEND_IT}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"a.example"', "blocklists is no list of texts"),
        ('["a.example", 1]', "blocklists is no list of texts"),
        (f'["{LONG_ZONE}"]', f"in blocklists, `{LONG_ZONE}` is too long a name for a blocklist"),
    ],
)
def test_blocklists_that_are_none(setting: Setting, value: str, reason: str) -> None:
    setting.write(f"blocklists = {value}\n")
    assert setting.refusal("check", "203.0.113.9", "--blocklists") == (
        f"Error: {setting.path}: {reason}. {MEND_IT}"
    )


@pytest.mark.parametrize(
    "timeout", ['"x"', '"30"', "true", "0", "-1", "nan", "inf", "-inf", "1e400", "86401", "[]"]
)
def test_a_timeout_that_is_no_number_of_seconds(setting: Setting, timeout: str) -> None:
    setting.write(work_profile(f"timeout = {timeout}"))
    assert setting.refusal("list") == (
        f"Error: The timeout of profile `work` in {setting.path} is no number of seconds above 0 "
        "and up to 86400.\n"
    )


def test_a_timeout_longer_than_any_float(setting: Setting) -> None:
    setting.write(work_profile(f"timeout = 1{'0' * 400}"))
    assert "is no number of seconds" in setting.refusal("list")


@pytest.mark.parametrize(("written", "seconds"), [("5", 5.0), ("0.5", 0.5), ("86400", 86400.0)])
def test_a_timeout(setting: Setting, written: str, seconds: float) -> None:
    setting.write(work_profile(f"timeout = {written}"))
    [entry] = json.loads(setting.run("profile", "list", "--json").stdout)
    assert entry["timeout"] == seconds


@pytest.mark.parametrize("key", ["", "msk_a b", "msk_a\\n", "msk_\\u00e9", "msk_\\u0000"])
def test_a_malformed_key_in_the_file_is_not_sent(setting: Setting, key: str) -> None:
    setting.write(f'[profiles.work]\napi_key = "{key}"')
    assert setting.refusal("list").startswith("Error: The API key from profile `work` ")


def test_what_is_wrong_with_another_profile_does_not_matter(setting: Setting) -> None:
    setting.write('profiles.work = {api_key = "msk_work"}\nprofiles.odd = 3\nprofiles.none = {}\n')
    assert setting.run("list", "--profile", "work").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_work")]


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example/api/v1",
        "https://mail.example:8443",
        "https://MAIL.example",
        "HTTPS://mail.example",
        "https://192.0.2.7/v1",
        "http://localhost:8025/mail/v1",
        "http://LOCALHOST:8025",
        "http://127.0.0.1",
        "http://127.1.2.3:1",
        "http://[::1]:8025",
    ],
)
def test_a_base_url_that_can_be_used(setting: Setting, url: str) -> None:
    ran = setting.run("list", MISARMAIL_API_KEY="msk_env", MISARMAIL_BASE_URL=url)
    assert ran.code == 0
    assert setting.sent == [(str(httpx.URL(url)).removesuffix("/"), "msk_env")]


def test_a_base_url_loses_its_trailing_slash(setting: Setting) -> None:
    setting.run("list", MISARMAIL_API_KEY="msk_env", MISARMAIL_BASE_URL="https://mail.example/v1//")
    assert setting.sent == [("https://mail.example/v1", "msk_env")]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mail.example/v1", "is no https URL"),
        ("ftp://mail.example", "is no https URL"),
        ("https://", "is no https URL"),
        ("https:///v1", "is no https URL"),
        ("https://:443", "is no https URL"),
        ("file:///etc/passwd", "is no https URL"),
        ("http://mail.example", "is not https; http is for this machine's own addresses only"),
        ("http://10.0.0.1", "is not https; http is for this machine's own addresses only"),
        ("http://localhost.example", "is not https; http is for this machine's own addresses only"),
        ("http://128.0.0.1", "is not https; http is for this machine's own addresses only"),
        ("http://[::2]", "is not https; http is for this machine's own addresses only"),
        ("http://0.0.0.0", "is not https; http is for this machine's own addresses only"),
        ("https://me@mail.example", "has user info, a query or a fragment in it"),
        ("https://me:pw@mail.example", "has user info, a query or a fragment in it"),
        ("http://localhost@mail.example", "has user info, a query or a fragment in it"),
        ("https://mail.example/v1?a=b", "has user info, a query or a fragment in it"),
        ("https://mail.example/v1?", "has user info, a query or a fragment in it"),
        ("https://mail.example/v1#a", "has user info, a query or a fragment in it"),
        ("https://mail.example/v1#", "has user info, a query or a fragment in it"),
        ("https://mail.example\\v1", "has a backslash in it"),
        ("https://mail.example:port", "is malformed"),
        ("https://mail.example:99999", "is malformed"),
        ("https://[::1", "is malformed"),
        ("https://mail.example/v 1", "is empty, or has spaces or non-ASCII characters in it"),
        (" https://mail.example", "is empty, or has spaces or non-ASCII characters in it"),
        ("https://mail.example\n", "is empty, or has spaces or non-ASCII characters in it"),
        ("https://mäil.example", "is empty, or has spaces or non-ASCII characters in it"),
    ],
)
def test_a_base_url_that_can_not_be_used(setting: Setting, url: str, reason: str) -> None:
    expected = f"{reason}. It looks like this: {DEFAULT_URL}\n"
    assert setting.refusal("list", MISARMAIL_API_KEY="msk_env", MISARMAIL_BASE_URL=url) == (
        f"Error: The base URL from MISARMAIL_BASE_URL {expected}"
    )
    setting.write(tomli_w.dumps({"profiles": {"work": {"api_key": "msk_work", "base_url": url}}}))
    assert setting.refusal("list") == (
        f"Error: The base URL of profile `work` in {setting.path} {expected}"
    )
    assert setting.refusal("profile", "add", "new", "--base-url", url, stdin=KEY) == (
        f"Error: The base URL {expected}"
    )


# Keys from commands


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


COMMAND = "api_key_command of profile `vault`"
NO_COMMAND = "it is empty, or a quote in it is not closed."


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            "sh -c 'echo the vault is locked >&2; exit 4'",
            f"Error: The {COMMAND} failed with exit code 4: the vault is locked.\n",
        ),
        ("false", f"Error: The {COMMAND} failed with exit code 1: it said nothing.\n"),
        (
            "sh -c 'printf \"no \\377\" >&2; exit 5'",
            f"Error: The {COMMAND} failed with exit code 5: no \ufffd.\n",
        ),
        (
            "no-such-program --now",
            f"Error: The {COMMAND} could not be run: No such file or directory.\n",
        ),
        ("/", f"Error: The {COMMAND} could not be run: Permission denied.\n"),
        *[
            (
                broken,
                f"Error: The {COMMAND} is no command: {NO_COMMAND}\n",
            )
            for broken in ("", "   ", "echo 'msk_vault", 'echo "')
        ],
        ("true", f"Error: The API key from the {COMMAND} is empty.\n"),
        ("printf '\\nmsk_second\\n'", f"Error: The API key from the {COMMAND} is empty.\n"),
        *[
            (
                odd,
                f"Error: The API key from the {COMMAND} has {NO_KEY}\n",
            )
            for odd in (
                "echo two words",
                "printf 'msk_\\377'",
                "printf 'msk_a\\fmsk_b'",
                "printf 'msk_\\000'",
                "echo 'msk_vault '",
            )
        ],
    ],
)
def test_a_command_that_gives_no_key(setting: Setting, command: str, error: str) -> None:
    with_command(setting, command)
    assert setting.refusal("list") == error


def test_a_command_that_takes_too_long_is_ended(setting: Setting, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = f"sh -c 'echo $$ > {pid_file}; echo msk_late; exec sleep 3'"
    profile = Profile(name="vault", api_key_command=command)
    with pytest.raises(ConfigError) as refused:
        read_key(profile, setting.world.environ, limit=0.3)
    assert refused.value.message == f"The {COMMAND} took longer than 0.3 s and was ended."
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_a_command_has_no_part_of_our_standard_input(setting: Setting) -> None:
    with_command(setting, "cat")
    ran = run_process("list", environ=setting.world.environ, stdin="msk_typed")
    assert ran == Ran(3, "", f"Error: The API key from the {COMMAND} is empty.\n")


def test_a_command_has_our_environment(setting: Setting) -> None:
    with_command(setting, "printenv VAULT_KEY")
    assert setting.run("list", VAULT_KEY="msk_env_of_command").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_env_of_command")]


def test_a_command_is_not_run_to_list_the_profiles(setting: Setting, tmp_path: Path) -> None:
    with_command(setting, f"touch {tmp_path / 'trace'}")
    assert setting.run("profile", "list").code == 0
    assert not (tmp_path / "trace").exists()


# Keys stay unseen


def test_a_profile_does_not_show_its_key(world: World) -> None:
    profile = choose_profile(None, world.environ)
    assert profile.api_key == KEY
    assert KEY not in f"{profile!r} {profile}"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (KEY, "msk_5ec2e75e…"),
        ("msk_" + "a" * 32, "msk_aaaaaaaa…"),
        ("msk_" + "a" * 31, "msk_…"),
        ("msk_", "msk_…"),
        ("oauth" + "a" * 100, "…"),
        ("", "…"),
    ],
)
def test_no_more_than_a_third_of_a_key_is_shown(key: str, shown: str) -> None:
    assert mask_key(key) == shown


# The file in every state


def test_a_file_that_others_can_read_gets_a_warning(setting: Setting) -> None:
    setting.write(work_profile(""))
    for mode in (0o644, 0o640, 0o604):
        setting.path.chmod(mode)
        assert setting.run("list").stderr == (
            f"Warning: Others can read the keys in {setting.path}: `chmod 600 {setting.path}`.\n"
            "No dedicated IPs yet; `misar-ips request` orders one.\n"
        )
    for mode in (0o600, 0o733):
        setting.path.chmod(mode)
        assert setting.run("list").stderr == (
            "No dedicated IPs yet; `misar-ips request` orders one.\n"
        )


def test_folder_and_file_are_made_for_their_owner_alone(setting: Setting) -> None:
    before = os.umask(0)
    try:
        assert setting.run("profile", "add", "work", stdin=KEY).code == 0
    finally:
        os.umask(before)
    assert setting.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in setting.path.parent.iterdir()] == [0o600] * 2


def test_the_folders_above_are_made_too(setting: Setting, tmp_path: Path) -> None:
    path = tmp_path / "new" / "home" / "config.toml"
    assert setting.run("profile", "add", "work", stdin=KEY, MISAR_IPS_CONFIG=str(path)).code == 0
    assert path.is_file()


def test_a_file_that_others_could_read_is_closed_by_the_next_change(setting: Setting) -> None:
    setting.write(work_profile(""))
    setting.path.chmod(0o644)
    assert setting.run("profile", "use", "work").code == 0
    assert setting.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "two words", "a/b", "caf\u00e9"])
def test_a_name_that_no_profile_can_have(setting: Setting, name: str) -> None:
    assert setting.refusal("profile", "add", name, stdin=KEY) == (
        f"Error: `{name}` can't be a profile's name. "
        "Letters, digits, `-`, `_` and `.` can stand in one.\n"
    )
    assert not setting.path.exists()


def test_writing_leaves_nothing_but_the_file_and_its_lock(setting: Setting) -> None:
    for name in ("one", "two", "three"):
        assert setting.run("profile", "add", name, stdin=KEY).code == 0
    assert sorted(path.name for path in setting.path.parent.iterdir()) == [
        "config.toml",
        "config.toml.lock",
    ]
    assert setting.path.read_text() == (
        'default_profile = "one"\n\n'
        f'[profiles.one]\napi_key = "{KEY}"\n\n'
        f'[profiles.two]\napi_key = "{KEY}"\n\n'
        f'[profiles.three]\napi_key = "{KEY}"\n'
    )


def test_a_link_stays_a_link_and_its_target_is_replaced(setting: Setting, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "misar.toml"
    target.parent.mkdir()
    target.write_text(work_profile(""))
    setting.path.parent.mkdir()
    setting.path.symlink_to("../dotfiles/misar.toml")
    assert setting.run("profile", "add", "new", stdin=KEY).code == 0
    assert setting.path.readlink() == Path("../dotfiles/misar.toml")
    assert list(tomllib.loads(target.read_text())["profiles"]) == ["work", "new"]
    assert list(setting.path.parent.iterdir()) == [setting.path]


def test_a_link_to_nothing_is_told_and_stays(setting: Setting, tmp_path: Path) -> None:
    setting.path.parent.mkdir()
    setting.path.symlink_to(tmp_path / "unmounted" / "misar.toml")
    error = f"Error: {setting.path} is a link to a file that is not there.\n"
    assert setting.refusal("list") == error
    assert setting.refusal("profile", "add", "new", stdin=KEY) == error
    assert setting.refusal("profile", "use", "new") == (
        f"Error: {setting.path} can't be written: No such file or directory. It is as it was.\n"
    )
    assert setting.path.is_symlink()
    assert not (tmp_path / "unmounted").exists()


def test_a_folder_in_the_files_place(setting: Setting) -> None:
    setting.path.mkdir(parents=True)
    assert setting.refusal("list") == f"Error: {setting.path} can't be read: Is a directory.\n"
    assert setting.refusal("profile", "use", "work") == (
        f"Error: {setting.path} is no regular file; it was not changed.\n"
    )
    assert setting.path.is_dir()


def test_a_pipe_in_the_files_place_is_not_replaced(setting: Setting) -> None:
    setting.path.parent.mkdir()
    os.mkfifo(setting.path)
    # In a process of its own, because one that read the pipe would wait for ever.
    ran = run_process("profile", "use", "work", environ=setting.world.environ)
    error = f"Error: {setting.path} is no regular file; it was not changed.\n"
    assert ran == Ran(3, "", error)
    assert setting.path.is_fifo()


def test_a_path_under_a_file(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / "config.toml"
    error = f"Error: {path} can't be read: Not a directory.\n"
    assert setting.refusal("list", MISAR_IPS_CONFIG=str(path)) == error
    assert setting.refusal("profile", "add", "new", stdin=KEY, MISAR_IPS_CONFIG=str(path)) == error
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_can_not_be_written(setting: Setting, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 253)  # just short enough for a file, too long for its lock
    ran = setting.run("profile", "add", "new", stdin=KEY, MISAR_IPS_CONFIG=str(path))
    assert ran == Ran(
        3, "", f"Error: {path} can't be written: File name too long. It is as it was.\n"
    )
    assert not path.exists()


def test_a_file_larger_than_any_configuration(setting: Setting) -> None:
    content = b"#" * (1 << 20) + b"\n"
    setting.write(content)
    for arguments in (["list"], ["profile", "add", "new"]):
        assert setting.refusal(*arguments, stdin=KEY) == (
            f"Error: {setting.path} is larger than any configuration: it was not read.\n"
        )
    assert setting.path.read_bytes() == content


def test_a_file_of_the_largest_size(setting: Setting) -> None:
    text = work_profile("")
    setting.write(text + "#" * ((1 << 20) - len(text)))
    assert setting.run("list").code == 0


def test_another_users_file_is_not_taken_over(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(work_profile(""))
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert setting.refusal("profile", "use", "work") == (
        f"Error: {setting.path} belongs to another user; it was not changed. Change it as its "
        "owner, or set MISAR_IPS_CONFIG to a file of your own.\n"
    )
    # No lock either: the owner could not open it.
    assert list(setting.path.parent.iterdir()) == [setting.path]
    assert setting.path.read_text() == work_profile("")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    setting: Setting, server: EmulatorServer
) -> None:
    setting.write(work_profile(""))
    program = [sys.executable, "-B", "-m", "misar_ips"]
    arguments = ["profile", "add", "new", "--base-url", server.base_url]
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *program, *arguments],
        env={**setting.world.environ, "PATH": os.environ["PATH"]},
        input=KEY,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        f"Error: {setting.path} can't be written: File too large. It is as it was.\n",
    )
    assert setting.path.read_text() == work_profile("")
    names = sorted(path.name for path in setting.path.parent.iterdir())
    assert names == ["config.toml", "config.toml.lock"]


# The lock


def test_a_lock_that_another_holds_is_waited_for_and_then_told(setting: Setting) -> None:
    setting.write(work_profile(""))
    lock = setting.path.with_name("config.toml.lock")
    profile = Profile(name="new", api_key="msk_new")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigError) as refused:
            save_profile(
                setting.world.environ, profile, make_default=False, replacing=False, patience=0.05
            )
    assert refused.value.message == f"Another misar-ips is holding {lock}."
    assert refused.value.hint == "Try again once it is done."
    assert setting.path.read_text() == work_profile("")
    # The lock file is still there, as after a process that died; nobody holds it.
    assert setting.run("profile", "use", "work").code == 0


def test_a_lock_that_is_given_back_is_taken(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(work_profile(""))
    pauses: list[float] = []
    with setting.path.with_name("config.toml.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            fcntl.flock(held, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", pause)
        assert setting.run("profile", "use", "work").code == 0
    assert pauses == [0.02]


# Any bytes


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"default_profile = ", "line 1, column 19"),
        (b"\n\n[profiles", "line 3, column 10"),
        (b'[profiles.work]\napi_key = "msk_', "line 2, column 16"),
        (b"a = 1\na = 2", "line 2, column 6"),
        (b"ok = 1\nno = \xff", "line 2, column 6"),
        ("ü = 'ü'\n".encode("latin-1"), "line 1, column 1"),
        ("'ü' = 1 \x00".encode(), "line 1, column 9"),
        (b"\xef\xbb\xbfa = 1", "line 1, column 1"),
        (b"n = " + b"9" * 5000, "line 1, column 1"),
        (b"n = " + b"[" * 5000, "line 1, column 1"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(
    setting: Setting, content: bytes, place: str
) -> None:
    setting.write(content)
    for arguments in (["list"], ["profile", "list"], ["profile", "add", "new"]):
        error = setting.refusal(*arguments, stdin=KEY)
        assert error.startswith(f"Error: {setting.path} can't be read as TOML: ")
        assert f"(at {place}" in error
        assert error.endswith(MEND_IT)
    assert setting.path.read_bytes() == content


def test_what_can_be_read_but_not_written_back_is_not_touched(setting: Setting) -> None:
    content = f"n = 0x{'f' * 5000}\n"
    setting.write(content)
    assert setting.refusal("profile", "use", "demo") == (
        f"Error: {setting.path} can't be written: a number in it is too long or values nest too "
        f"deeply. {MEND_IT}"
    )
    assert setting.path.read_text() == content


def survives(setting: Setting, content: bytes) -> None:
    """Check that a file is either understood and kept, or refused and left as it is."""
    setting.write(content)
    for arguments in (["list", "--json"], ["profile", "list", "--json"]):
        ran = setting.run(*arguments)
        assert ran.code in {0, 3}
        if ran.code:
            assert json.loads(ran.stderr)["error"]["code"] == "config"
            assert ran.stdout == ""
        assert setting.path.read_bytes() == content
    ran = setting.run("profile", "add", "new", stdin=KEY)
    assert ran.code in {0, 3}
    if ran.code:
        assert setting.path.read_bytes() == content
    else:
        assert without_ours(setting.path.read_bytes()) == without_ours(content)
    if not is_toml(content):
        assert ran.code == 3
        assert PLACE.search(ran.stderr)


def is_toml(content: bytes) -> bool:
    try:
        tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        return False
    return True


def without_ours(content: bytes) -> dict[str, Any]:
    """Return what stands in a file apart from the default and the profile that was added."""
    table = tomllib.loads(content.decode())
    table.pop("default_profile", None)
    others = {name: each for name, each in table.pop("profiles", {}).items() if name != "new"}
    return {**table, "others": others}


SOUND = b"""\
default_profile = "work"  # by day
[profiles.work]
api_key = "msk_work"
base_url = "https://mail.example/v1"
timeout = 12.5
[profiles."o d d"]
api_key_command = 'false'
[plugins]
when = 2026-03-15T10:00:00Z
what = [1, 0x2, {three = '''
4'''}]
"""


@any_file
@given(content=st.binary(max_size=60))
def test_any_bytes_in_the_file(setting: Setting, content: bytes) -> None:
    survives(setting, content)


@any_file
@given(
    start=st.integers(0, len(SOUND)),
    length=st.integers(0, 12),
    put=st.binary(max_size=3)
    | st.sampled_from([b'"', b"'''", b"[", b"]", b"{", b"\n", b"=", b".", b"work", b"1e9", b"#"]),
)
def test_a_sound_file_with_a_change_anywhere(
    setting: Setting, start: int, length: int, put: bytes
) -> None:
    survives(setting, SOUND[:start] + put + SOUND[start + length :])


def tables(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    options = ("api_key", "api_key_command", "base_url", "timeout", "colour", "a b")
    return st.dictionaries(st.sampled_from(options) | st.text(max_size=3), values, max_size=4)


toml_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
toml_values: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | toml_text
    | st.sampled_from(["msk_work", "https://mail.example", "false"])
    | st.datetimes()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(toml_text, inner, max_size=3),
    max_leaves=6,
)
profile_names = st.sampled_from(["work", "new", "demo", "a.b", "o d d", ""])


@any_file
@given(
    profiles=toml_values | st.dictionaries(profile_names, tables(toml_values) | toml_values),
    default=st.none() | profile_names | toml_values,
    others=st.dictionaries(st.sampled_from(["plugins", "ü", "x"]), toml_values),
)
def test_any_types_in_the_file(
    setting: Setting, profiles: object, default: object, others: dict[str, object]
) -> None:
    table = {**others, "profiles": profiles, "default_profile": default}
    sound = {name: value for name, value in table.items() if value is not None}
    survives(setting, tomli_w.dumps(sound).encode())
