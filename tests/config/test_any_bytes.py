"""Any bytes in the file: they are understood and kept, or refused and left as they are."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.configuration import DEFAULT_URL, FIX_IT, Setting, work_profile
from tests.conftest import KEY

PLACE = re.compile(r"line \d+, column \d+")

any_file = settings(
    max_examples=60,
    deadline=None,  # the first example loads modules
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example writes it anew
)


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
        (b"\xef\xbb\xbfa = ", "line 1, column 5"),
        ("a = 1".encode("utf-16"), "line 1, column 1"),
        (b"n = " + b"9" * 5000, "line 1, column 1"),
        (b"n = " + b"[" * 5000, "line 1, column 1"),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(
    setting: Setting, content: bytes, place: str
) -> None:
    setting.write(content)
    for arguments in (["list"], ["profile", "list"], ["profile", "add", "new"]):
        error = setting.refusal(*arguments, stdin=KEY)
        assert error.startswith(f"Error: {setting.path} can't be read as TOML: ")
        assert f"(at {place}" in error
        assert error.endswith(FIX_IT)
    assert setting.path.read_bytes() == content


def test_a_byte_order_mark_is_read_past(setting: Setting) -> None:
    setting.write(b"\xef\xbb\xbf" + work_profile().encode())
    assert setting.run("list").code == 0
    assert setting.sent == [(DEFAULT_URL, "msk_work")]
    assert setting.run("profile", "add", "new", stdin=KEY).code == 0
    assert list(tomllib.loads(setting.path.read_text())["profiles"]) == ["work", "new"]


def test_what_can_be_read_but_not_written_back_is_not_touched(setting: Setting) -> None:
    content = f"n = 0x{'f' * 5000}\n"
    setting.write(content)
    assert setting.refusal("profile", "use", "demo") == (
        f"Error: {setting.path} can't be written: a number in it is too long or values nest too "
        f"deeply. {FIX_IT}"
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
        tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def without_ours(content: bytes) -> dict[str, Any]:
    """Return what stands in a file apart from the default and the profile that was added."""
    table = tomllib.loads(content.decode("utf-8-sig"))
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
