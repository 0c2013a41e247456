"""What can be in the file and the variables: tables, keys, base URLs, time-outs."""

from __future__ import annotations

import json

import httpx
import pytest
import tomli_w

from misar_ips.api.credentials import mask_key
from misar_ips.config.profiles import choose_profile
from tests.configuration import DEFAULT_URL, FIX_IT, SHOWN, Setting, work_profile
from tests.conftest import KEY, World

NOT_HTTPS = "is not https; http is for this machine's own addresses only"
TOO_MUCH = "has user info, a query or a fragment in it"
ODD = "is empty, or has spaces or non-ASCII characters in it"
LONG_ZONE = "a." * 100 + "example"

# What can stand in the file


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("profiles = 3", "profiles is not a table"),
        ("profiles = [1]", "profiles is not a table"),
        ('[profiles]\nwork = "a"', "profiles.work is not a table"),
        ("[[profiles.work]]\napi_key = 'x'", "profiles.work is not a table"),
        ("[profiles.work]\napi_key = 1", "profiles.work.api_key is not a text"),
        ("[profiles.work]\napi_key = 2026-01-01", "profiles.work.api_key is not a text"),
        ("[profiles.work]\napi_key_command = ['a']", "profiles.work.api_key_command is not a text"),
        (work_profile("base_url = 1"), "profiles.work.base_url is not a text"),
        (work_profile("base_url = {}"), "profiles.work.base_url is not a text"),
        ("[profiles.work]", "profiles.work needs either api_key or api_key_command"),
        (
            work_profile('api_key_command = "true"'),
            "profiles.work needs either api_key or api_key_command",
        ),
        ("default_profile = 1\n" + work_profile(""), "default_profile is not a text"),
        ("default_profile = []\n" + work_profile(""), "default_profile is not a text"),
        (
            'default_profile = "gone"\n' + work_profile(""),
            "default_profile names `gone`, and there is no such profile",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named(setting: Setting, content: str, reason: str) -> None:
    setting.write(content)
    assert setting.refusal("list") == f"Error: {setting.path}: {reason}. {FIX_IT}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"a.example"', "blocklists is not a list of texts"),
        ('["a.example", 1]', "blocklists is not a list of texts"),
        (f'["{LONG_ZONE}"]', f"in blocklists, `{LONG_ZONE}` is too long a name for a blocklist"),
    ],
)
def test_blocklists_that_are_none(setting: Setting, value: str, reason: str) -> None:
    setting.write(f"blocklists = {value}\n")
    assert setting.refusal("check", "203.0.113.9", "--blocklists") == (
        f"Error: {setting.path}: {reason}. {FIX_IT}"
    )


@pytest.mark.parametrize(
    ("timeout", "reason"),
    [
        ('"x"', "`x` is not a valid duration"),
        ("true", None),
        ("[]", None),
        ("0", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("86401", None),
        (f"1{'0' * 400}", None),
        ('"25h"', None),
    ],
)
def test_a_timeout_that_can_not_be_waited(
    setting: Setting, timeout: str, reason: str | None
) -> None:
    setting.write(work_profile(f"timeout = {timeout}"))
    reason = reason or "The timeout must be above 0 s and up to a day"
    assert setting.refusal("list") == (
        f"Error: {setting.path}: in profiles.work.timeout, {reason}. {FIX_IT}"
    )


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5", 5), ("0.5", 0.5), ("86400", 86400), ('"30"', 30), ('"30s"', 30), ('"1m30s"', 90)],
)
def test_a_timeout(setting: Setting, written: str, seconds: float) -> None:
    setting.write(work_profile(f"timeout = {written}"))
    [entry] = json.loads(setting.run("profile", "list", "--json").stdout)
    assert entry["timeout"] == seconds


ODD_CHARACTERS = (
    "has spaces, line breaks or non-ASCII characters in it. "
    "Copy it once more; a key is one word such as msk_0123abcd…."
)
IN_QUOTES = "has quotation marks around it. Leave them out; it was not sent."


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("msk_a b", ODD_CHARACTERS),
        ("msk_a\n", ODD_CHARACTERS),
        ("msk_é", ODD_CHARACTERS),
        ("“msk_a”", ODD_CHARACTERS),
        ("msk_\x00", ODD_CHARACTERS),
        ('"msk_a"', IN_QUOTES),
        ("'msk_a'", IN_QUOTES),
        ('"msk_a', IN_QUOTES),
        ("oauth'", IN_QUOTES),
        ("k" * 10_001, "is longer than 10,000 characters."),
    ],
)
def test_a_malformed_key_is_not_sent_whatever_it_comes_from(
    setting: Setting, key: str, reason: str
) -> None:
    assert setting.refusal("list", MISARMAIL_API_KEY=key) == (
        f"Error: The API key from MISARMAIL_API_KEY {reason}\n"
    )
    setting.write(tomli_w.dumps({"profiles": {"work": {"api_key": key}}}))
    assert setting.refusal("list") == f"Error: The API key from profile `work` {reason}\n"
    if "\n" not in key:
        assert setting.refusal("profile", "add", "new", stdin=key) == (
            f"Error: The API key from standard input {reason}\n"
        )


def test_a_key_of_the_greatest_length(setting: Setting) -> None:
    key = "k" * 10_000
    assert setting.run("profile", "add", "long", stdin=f"{key}\r\n").code == 0
    assert setting.run("list").code == 0
    assert setting.sent == [(DEFAULT_URL, key)] * 2


@pytest.mark.parametrize("length", [20_000, 65_535, 65_536, 200_000])
def test_a_key_that_is_too_long_is_not_cut_and_saved(setting: Setting, length: int) -> None:
    error = setting.refusal("profile", "add", "long", stdin="k" * length)
    assert error == "Error: The API key from standard input is longer than 10,000 characters.\n"
    assert not setting.path.exists()


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


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://mail.example/v1//", "https://mail.example/v1"),
        ("HTTPS://Mail.Example:8443/Mail/V1", "https://mail.example:8443/Mail/V1"),
        ("Http://LocalHost:8025", "http://localhost:8025"),
    ],
)
def test_scheme_and_host_are_kept_in_small_letters(
    setting: Setting, written: str, kept: str
) -> None:
    assert setting.run("profile", "add", "new", "--base-url", written, stdin=KEY).code == 0
    assert f'base_url = "{kept}"' in setting.path.read_text()
    assert setting.run("list").code == 0
    assert setting.sent == [(kept, KEY)] * 2


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mail.example/v1", "is not an https URL"),
        ("ftp://mail.example", "is not an https URL"),
        ("https://", "is not an https URL"),
        ("https://:443", "is not an https URL"),
        ("http://mail.example", NOT_HTTPS),
        ("http://10.0.0.1", NOT_HTTPS),
        ("http://0.0.0.0", NOT_HTTPS),
        ("https://me:pw@mail.example", TOO_MUCH),
        ("http://localhost@mail.example", TOO_MUCH),
        ("https://mail.example/v1?", TOO_MUCH),
        ("https://mail.example/v1#", TOO_MUCH),
        ("https://mail.example\\v1", "has a backslash in it"),
        ("https://mail.example:port", "is malformed"),
        ("https://[::1", "is malformed"),
        ("https://mail.example/v 1", ODD),
        ("https://mail.example\n", ODD),
        ("https://mäil.example", ODD),
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


# Keys stay unseen


def test_a_profile_does_not_show_its_key(world: World) -> None:
    profile = choose_profile(None, world.environ)
    assert profile.api_key == KEY
    assert KEY not in f"{profile!r} {profile}"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (KEY, SHOWN),
        ("msk_" + "a" * 32, "msk_aaaaaaaa…"),
        ("msk_" + "a" * 31, "msk_…"),
        ("msk_", "msk_…"),
        ("msk_" + "a" * 40 + "-and.more", "msk_…"),
        ("oauth" + "a" * 100, "…"),
        ("", "…"),
    ],
)
def test_no_more_than_a_third_of_a_key_is_shown(key: str, shown: str) -> None:
    assert mask_key(key) == shown
