"""What a user may name: ids, addresses, hostnames, pools; what else is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from misar_ips import UsageError
from misar_ips.api.arguments import validate_id, validate_pool
from misar_ips.hostnames import canonical_address, validate_hostname
from misar_ips.safe_text import one_line, plain
from tests.conftest import Ran, World

LONGEST_LABEL = "a" * 63
NAME_OF_253 = ".".join([LONGEST_LABEL] * 3 + ["b" * 61])
NAME_OF_254 = ".".join([LONGEST_LABEL] * 3 + ["b" * 62])


def sent_rdns(world: World, hostname: str) -> str:
    """Return the hostname that the server has after it was set on the command line."""
    ran = world.run("update", "ip_abc123", "--rdns", hostname, "--json")
    assert ran.code == 0, ran.stderr
    rdns: str = json.loads(ran.stdout)["rdns"]
    return rdns


# Hostnames


@pytest.mark.parametrize(
    "hostname",
    [
        "mail.example.com",
        "a.b",
        "MAIL.Example.COM",
        "1.example",
        "1-2.3-4.example",
        "a--b.example",
        "xn--bcher-kva.example",
        f"{LONGEST_LABEL}.example",
        NAME_OF_253,
        "mail.x1",
    ],
)
def test_a_hostname_is_sent_as_it_is(world: World, hostname: str) -> None:
    assert sent_rdns(world, hostname) == hostname


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("mail.例え", "mail.xn--r8jz45g"),
        ("mail\u3002example\uff0ecom", "mail.example.com"),
        ("\uff4d\uff41\uff49\uff4c.example", "mail.example"),
        ("soft\u00adhyphen.example", "softhyphen.example"),
    ],
)
def test_a_hostname_in_unicode_is_sent_in_its_a_label_form(
    world: World, written: str, sent: str
) -> None:
    assert sent_rdns(world, written) == sent


ONLY = "only letters, digits, hyphens and dots are allowed"


@pytest.mark.parametrize("command", [["request"], ["update", "ip_abc123"]])
@pytest.mark.parametrize(
    ("hostname", "reason"),
    [
        ("", ONLY),
        (".", "leave out the trailing dot"),
        ("localhost", "it needs at least two parts, as in mail.example.com"),
        ("mail.example.com.", "leave out the trailing dot"),
        (".example.com", ONLY),
        ("mail..example", ONLY),
        ("-mail.example", ONLY),
        ("mail-.example", ONLY),
        ("mail_1.example", ONLY),
        ("mail example.com", ONLY),
        ("mail.example.com ", ONLY),
        ("mail.example.com/x", ONLY),
        ("https://mail.example.com", ONLY),
        ("me@example.com", ONLY),
        ("*.example.com", ONLY),
        ("[bold].example", ONLY),
        (f"{LONGEST_LABEL}a.example", ONLY),
        (NAME_OF_254, "it is longer than 253 characters"),
        ("198.51.100.42", "it ends in a number, as an address does"),
        ("mail.42", "it ends in a number, as an address does"),
        ("::1", ONLY),
        ("bücher", "it needs at least two parts, as in mail.example.com"),
        ("bücher.example.", "leave out the trailing dot"),
        ("bücher.\uff14\uff12", "it ends in a number, as an address does"),
    ],
)
def test_what_is_no_hostname_is_not_sent(
    world: World, command: list[str], hostname: str, reason: str
) -> None:
    assert world.run(*command, "--rdns", hostname) == Ran(
        2, "", f"Error: `{hostname}` is not a valid hostname: {reason}.\n"
    )
    assert world.received() == []


@pytest.mark.parametrize(
    "hostname",
    [
        "\U0001f600.example",
        "bücher..example",
        ".bücher.example",
        "-bücher.example",
        "bücher-.example",
        "bü_cher.example",
        "bü cher.example",
        "bücher\n.example",
        "bücher\x00.example",
        "b\udcffcher.example",
        "\u200dbücher.example",
        "\u0300bücher.example",
        "אa1.example",
        f"{'ü' * 63}.example",
        f"bücher.{NAME_OF_253}",
        "xn--.bücher",
    ],
)
def test_what_is_no_hostname_in_unicode_is_not_sent(world: World, hostname: str) -> None:
    ran = world.run("request", "--rdns", hostname, "--json")
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])
    assert " is not a valid hostname: " in json.loads(ran.stderr)["error"]["message"]


@given(st.text() | st.from_regex(r"[a-zé.ß\-]{1,70}", fullmatch=True))
@example("ü" * 100_000)
def test_any_text_is_a_hostname_or_a_usage_error(text: str) -> None:
    try:
        name = validate_hostname(text)
    except UsageError:
        return
    labels = name.split(".")
    assert len(name) <= 253
    assert len(labels) >= 2
    for label in labels:
        assert 1 <= len(label) <= 63
        assert label.isascii()
        assert label.replace("-", "a").isalnum()
        assert not label.startswith("-")
        assert not label.endswith("-")


# Ids and addresses


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ip_abc123", "ip_abc123"),
        ("../keys/k1", "..%2Fkeys%2Fk1"),
        ("a/b", "a%2Fb"),
        ("a#b", "a%23b"),
        ("a?b", "a%3Fb"),
        ("a b", "a%20b"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        (".. ", "..%20"),
        ("ü", "%C3%BC"),
        ("a\\b", "a%5Cb"),
        ("a;b&c=d", "a%3Bb%26c%3Dd"),
    ],
)
def test_an_id_is_one_segment_of_the_path(world: World, name: str, path: str) -> None:
    world.run("show", name)
    assert world.received()[0] == f"GET /mail/v1/dedicated-ips/{path}"
    # Whether the base URL is wrong is asked of the list.
    assert world.received()[1:] in ([], ["GET /mail/v1/dedicated-ips"])


@pytest.mark.parametrize(
    "command", [["show"], ["update", "--pool", "cold"], ["release", "--yes"], ["release", "ok"]]
)
@pytest.mark.parametrize(
    "name", ["", ".", "..", "a\nb", "a\x00", "\x1b[31m", "\x7f", "\x85", "a\u2028b", "ip_\udcff"]
)
def test_what_no_id_can_be_is_not_sent(world: World, command: list[str], name: str) -> None:
    ran = world.run(*command, name, "--json")
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])
    error = json.loads(ran.stderr)["error"]
    assert (error["code"], error["hint"]) == ("usage", "`misar-ips list` shows the ids.")


def test_bytes_on_the_command_line_that_are_no_text(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", "show", b"ip_\xff", "--profile", "demo"],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: The IP's id has a character in it that no id has. `misar-ips list` shows the ids.\n"
    )


@given(st.text())
def test_any_text_is_an_id_or_a_usage_error(text: str) -> None:
    try:
        name = validate_id(text)
    except UsageError:
        return
    assert name == text
    assert name.encode()
    assert name not in {".", ".."}
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.42", "198.51.100.42"),
        (" 198.51.100.42\n", "198.51.100.42"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8::0001", "2001:db8::1"),
        ("198.51.100.042", None),
        ("198.51.100", None),
        ("198.51.100.42/32", None),
        ("198.51.100.256", None),
        ("1", None),
        ("\uff11.2.3.4", None),
        ("ip_abc123", None),
        ("", None),
        (None, None),
        ("\udcff", None),
    ],
)
def test_an_address_has_one_spelling(written: str | None, address: str | None) -> None:
    assert canonical_address(written) == address


@given(st.ip_addresses())
def test_every_address_is_its_own_canonical_form(address: object) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert canonical_address(str(address)) == str(mapped or address)


# Pools


@pytest.mark.parametrize("pool", ["transactional", "cold", "pool_t01"])
def test_any_pool_is_passed_on(world: World, pool: str) -> None:
    ran = world.run("update", "ip_abc123", "--pool", pool, "--json")
    assert json.loads(ran.stdout)["pool"] == pool


@pytest.mark.parametrize("command", [["request"], ["update", "ip_abc123"]])
@pytest.mark.parametrize("pool", ["", " ", "\u3000", "a\n", "a\x1b[1m", "a\x00", "\udcff"])
def test_what_is_no_pool_is_not_sent(world: World, command: list[str], pool: str) -> None:
    assert world.run(*command, "--pool", pool) == Ran(
        2,
        "",
        "Error: The pool's name is empty or has control characters in it. "
        "The documented pools are transactional and marketing.\n",
    )
    assert world.received() == []


@given(st.text())
def test_any_text_is_a_pool_or_a_usage_error(text: str) -> None:
    try:
        pool = validate_pool(text)
    except UsageError:
        return
    assert pool == text
    assert pool.strip().encode()


def test_nothing_to_change_is_a_usage_error(world: World) -> None:
    assert world.run("update", "ip_abc123") == Ran(
        2, "", "Error: Nothing to change was given. Give --pool, --rdns or both.\n"
    )
    assert world.received() == []


# Text that others wrote


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail.example.com", "mail.example.com"),
        ("ü [bold]例え😀", "ü [bold]例え😀"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("\u202egnp.exe\u200b\ufeff", "\\u202egnp.exe\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_act_on_is_made_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_paragraph_is_one_line() -> None:
    assert one_line(" a\n\tb \r\n c\x1b\u2028d ") == "a b c\\x1b d"


@given(st.text(st.characters()))
def test_plain_text_can_always_be_printed(text: str) -> None:
    assert plain(text).isprintable()
    assert one_line(text).isprintable()
