"""What a real terminal shows: widths, colours, the question before a release."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.output.shown import (
    ACCOUNT,
    LIST_IN_60_COLUMNS,
    LIST_IN_80_COLUMNS,
    LIST_WITH_ALL_COLUMNS,
    SHOW_IN_60_COLUMNS,
    SHOW_IN_80_COLUMNS,
)
from tests.terminal.conftest import (
    CTRL_C,
    CTRL_D,
    Start,
    TerminalRun,
)

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.emulator.store import Store

# Python 3.12 warns of any fork beside a thread, such as the server's; the program starts anew here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

LOSSES = """\
ip_def456  198.51.100.17  warmed
  PTR hostname   tx.yourdomain.com
  Pool           transactional
  Warm-up        100%
  Reputation     98
  Provisioned    78 days ago

The reputation history of ip_def456 is discarded for good. Release ip_def456?
[y/N] """


LEFT_IN_DNS = """\
DNS may still point at 198.51.100.17: the A record of tx.yourdomain.com, and SPF
records with ip4:198.51.100.17.
"""


@pytest.mark.parametrize(
    ("columns", "table", "details"),
    [
        (60, LIST_IN_60_COLUMNS, SHOW_IN_60_COLUMNS),
        (80, LIST_IN_80_COLUMNS, SHOW_IN_80_COLUMNS),
        (200, LIST_WITH_ALL_COLUMNS + ACCOUNT, SHOW_IN_80_COLUMNS),
        (0, LIST_IN_80_COLUMNS, SHOW_IN_80_COLUMNS),  # a terminal that does not know its width
    ],
)
def test_widths(start: Start, columns: int, table: str, details: str) -> None:
    assert start("list", columns=columns).end() == (0, table)
    assert start("show", "ip_abc123", columns=columns).end() == (0, details)


def test_columns_has_the_first_word_on_the_width(start: Start) -> None:
    assert start("list", columns=200, COLUMNS="60").end() == (0, LIST_IN_60_COLUMNS)


def test_colours_are_on_unless_no_color_is_set(start: Start) -> None:
    _, coloured = start("list", NO_COLOR="").end()
    assert coloured.splitlines()[2] == (
        "\x1b[1mip_def456\x1b[0m  198.51.100.17   tx.yourdomai…  transactional  "
        "\x1b[32mwarmed     \x1b[0m  \x1b[32m█████ 100%\x1b[0m"
    )
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == LIST_IN_80_COLUMNS
    assert start("list").end() == (0, LIST_IN_80_COLUMNS)
    assert start("list", NO_COLOR="", TERM="dumb").end() == (0, LIST_IN_80_COLUMNS)


def test_a_terminal_that_has_only_ascii(start: Start) -> None:
    _, shown = start("list", PYTHONIOENCODING="ascii").end()
    assert shown.splitlines()[1] == (
        "ip_abc123  198.51.100.42   mail.yourdom.  marketing      warming      ###--  62%"
    )


def test_an_error_is_wrapped_at_words_and_red(start: Start) -> None:
    assert start("show", "ip_nosuch", columns=60, NO_COLOR="").end() == (
        6,
        """\
\x1b[1;31mError\x1b[0m: Could not read ip_nosuch: Dedicated IP not found
(HTTP 404). `misar-ips list` shows the IPs of this account.
""",
    )


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ("y\r", 0, f"y\n✓ Released ip_def456 (198.51.100.17).\n{LEFT_IN_DNS}"),
        ("n\r", 1, "n\nCancelled; nothing was changed.\n"),
        ("\r", 1, "\nCancelled; nothing was changed.\n"),
        (CTRL_D, 1, "\nCancelled; nothing was changed.\n"),
        (CTRL_C, 130, "^C\nError: Stopped.\n"),
    ],
)
def test_the_question_and_its_answers(
    start: Start, store: Store, answer: str, code: int, told: str
) -> None:
    run = start("release", "ip_def456")
    assert run.wait_for("[y/N] ") == LOSSES
    run.press(answer)
    assert run.end() == (code, told)
    assert (store.ip("ip_def456") is None) == (code == 0)


def test_an_answer_that_is_no_text_is_no(start: Start, store: Store) -> None:
    run = start("release", "ip_def456", PYTHONIOENCODING="utf-8:strict")
    run.wait_for("[y/N] ")
    os.write(run.process.child_fd, b"\xff\r")
    code, shown = run.end()
    assert code == 1
    assert shown.endswith("\nCancelled; nothing was changed.\n")
    assert store.ip("ip_def456")


def test_the_question_is_asked_where_only_the_result_goes_to_a_file(
    environ: dict[str, str], tmp_path: Path
) -> None:
    command = '"$PYTHON" -m misar_ips release ip_abc123 --json > "$RESULT"'
    result = tmp_path / "result.json"
    variables = {**environ, "PYTHON": sys.executable, "RESULT": str(result)}
    run = TerminalRun(["/bin/bash", "-c", command], variables, columns=80)
    run.wait_for("Release ip_abc123? [y/N] ")
    run.press("y\r")
    assert run.end() == (0, "y\n")
    run.process.close()
    assert result.read_text() == (
        '[{"id": "ip_abc123", "address": "198.51.100.42", "released": true}]\n'
    )


def test_what_was_typed_before_the_question_does_not_answer_it(start: Start, store: Store) -> None:
    run = start("release", "ip_def456")
    run.press("y\r")  # while the program has not even begun
    run.wait_for("[y/N] ")
    run.press("n\r")
    assert run.end() == (1, "n\nCancelled; nothing was changed.\n")
    assert store.ip("ip_def456")
