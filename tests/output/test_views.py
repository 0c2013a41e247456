"""What holds for whatever a terminal shows: it fits, and what others wrote is inert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misar_ips.api.models import DedicatedIP
from misar_ips.api.warmup import details_of
from misar_ips.output import drawing
from misar_ips.output.ip_table import losses
from misar_ips.results import ProfileEntry, Release
from tests.output.shown import NOW, cells, lines_of, server_with, table_of, without_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import World


@given(fraction=st.floats(allow_nan=False), width=st.integers(1, 250))
def test_a_bar_is_as_long_as_its_space(fraction: float, width: int) -> None:
    drawn = drawing.bar(fraction, width)
    assert cells(drawn) == width
    assert set(drawn) <= set("█▉▊▋▌▍▎▏░")


HOSTILE = {
    "[bold]x[/bold]": "[bold]x[/bold]",
    "[link=http://example.com]x": "[link=http://example.com]x",
    "a\x1b[31mb": r"a\x1b[31mb",
    "a\x1b]0;t\x07b": r"a\x1b]0;t\x07b",
    "a\nb": r"a\nb",
    "a\r\tb": r"a\r\tb",
    "a\x7f\x9b2Jb": r"a\x7f\x9b2Jb",
    "a\ud800b": r"a\ud800b",
    "a\u202eb\u2066c": r"a\u202eb\u2066c",
    "a\u200bb\u2028c": r"a\u200bb\u2028c",
}


@pytest.mark.parametrize(("sent", "shown"), HOSTILE.items(), ids=repr)
def test_text_from_the_server_is_inert_in_every_field(world: World, sent: str, shown: str) -> None:
    texts = dict.fromkeys(("id", "address", "rdns", "pool", "warmup_status"), sent)
    hostile = without_colour(server_with(world, texts), 200)
    table = hostile.run("list", terminal="out").stdout
    assert table.splitlines()[1].split() == [*[shown] * 5, "?", "—", "—"]
    assert table.splitlines()[3] == f"1 {shown}, 1 not read (?)"
    details = "\n".join(lines_of(DedicatedIP.from_json(texts), 200))
    assert details == (
        f"{shown}  {shown}  {shown}\n\n  rDNS           {shown}\n  Pool           {shown}"
    )


@pytest.mark.parametrize(("sent", "shown"), HOSTILE.items(), ids=repr)
def test_what_is_released_is_named_inertly(sent: str, shown: str) -> None:
    assert lines_of([Release(sent, sent)], 200) == [f"✓ Released {shown} ({shown})."]


def test_a_release_names_the_id_whole_and_as_much_of_the_address_as_fits() -> None:
    assert lines_of([Release("ip_abc123", "2001:db8:85a3:1:2:8a2e:370:7334")], 40) == [
        "✓ Released ip_abc123 (2001:db8:85a3:1:2…"
    ]


def test_profiles_as_a_table() -> None:
    profiles = [
        ProfileEntry("work", "https://api.misar.io/mail/v1", 30.0, "msk_0123abcd…", None, True),  # noqa: FBT003 - as a table's row
        ProfileEntry("ci", "http://localhost:8025/mail/v1", 30.0, None, "op read", False),  # noqa: FBT003 - as a table's row
    ]
    assert lines_of(profiles) == [
        "PROFILE  DEFAULT  KEY             BASE URL",
        "work     yes      msk_0123abcd…   https://api.misar.io/mail/v1",
        "ci                from a command  http://localhost:8025/mail/v1",
    ]
    assert lines_of(profiles, 50) == [
        "PROFILE  DEFAULT  KEY             BASE URL",
        "work     yes      msk_0123abcd…   https://api.mis…",
        "ci                from a command  http://localhos…",
    ]
    assert lines_of(profiles, 20) == ["PROFILE  DEFAULT", "work     yes", "ci"]


PIECES = (
    *(
        "mail.example.com",
        "a-b",
        "[bold]",
        "{x}",
        "%s",
        " ",
        "  ",
        "é",
        "日本",
        "한",
        "\uff37",
        "😀",
    ),
    *(
        "e\u0301\u0323",
        "\u0301",
        "\x1b[2J",
        "\n",
        "\t",
        "\x00",
        "\x9b",
        "\ud83d",
        "\u202e",
        "\u200d",
    ),
)
odd_texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
odd_ids = st.lists(st.sampled_from(["ip_", "0a1b2c3d", "日本", "😀", "[b]"]), min_size=1).map(
    "".join
)
odd_numbers = st.one_of(
    st.none(), st.integers(-(10**16), 10**16), st.floats(allow_nan=False), st.just("62")
)
odd_times = st.sampled_from(
    [None, "", "soon", "2026-03-15T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
odd_steps = st.fixed_dictionaries(
    {},
    optional={
        "day": odd_numbers,
        "limit": odd_numbers,
        "sent": odd_numbers,
        "done": st.sampled_from([True, False, None, "yes"]),
    },
)
odd_ips = st.fixed_dictionaries(
    {"id": odd_ids},
    optional={
        "address": odd_texts,
        "rdns": odd_texts,
        "pool": odd_texts,
        "warmup_status": st.one_of(odd_texts, st.sampled_from(["warming", "warmed", "suspended"])),
        "warmup_percent": odd_numbers,
        "daily_limit": odd_numbers,
        "reputation_score": odd_numbers,
        "warmup_schedule": st.one_of(st.none(), st.lists(odd_steps, max_size=4)),
        "created_at": odd_times,
        "provisioned_at": odd_times,
    },
).map(DedicatedIP.from_json)
widths = st.integers(20, 250)


def assert_it_fits(lines: Sequence[str], ids: Sequence[str], width: int) -> None:
    for line in lines:
        assert line.isprintable()
        assert cells(line) <= width or line in ids


@given(ips=st.lists(odd_ips, min_size=1, max_size=4), width=widths)
@settings(max_examples=150, deadline=None)
def test_no_table_is_wider_than_the_terminal_and_no_id_is_cut(
    ips: list[DedicatedIP], width: int
) -> None:
    lines = table_of(ips, width)
    assert_it_fits(
        lines_of([details_of(ip, NOW) for ip in ips], width), [ip.id for ip in ips], width
    )
    assert [line.split("  ")[0] for line in lines] == ["ID", *(ip.id for ip in ips)]
    assert [line for line in lines if line.endswith(" ")] == []


@given(ip=odd_ips, width=widths)
@settings(max_examples=150, deadline=None)
def test_no_details_are_wider_than_the_terminal(ip: DedicatedIP, width: int) -> None:
    lines = lines_of(ip, width)
    assert_it_fits(lines, [ip.id], width)
    assert lines[0].split("  ")[0] == ip.id


@given(ip=odd_ips, width=widths, last_of_pool=st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_losses_are_wider_than_the_terminal(
    ip: DedicatedIP, width: int, *, last_of_pool: bool
) -> None:
    shown = losses(ip, NOW, width, last_of_pool=last_of_pool)
    lines = ["".join(cell.text for cell in line) for line in shown]
    assert_it_fits(lines, [ip.id], width)
    assert ("Last of pool" in "\n".join(lines)) == last_of_pool
