"""Code, help and documents in plain English: none of the phrases that read like a translation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from scripts.regenerate import ROOT
from tests.test_documents import COMMANDS

if TYPE_CHECKING:
    from tests.conftest import World

NOT_ENGLISH = {
    r"\bstands?\b(?!-in)": "is",
    r"\bat the (?:least|most)\b": "at least, at most",
    r"as often as you like|as often as it is given": "repeatable",
    r"takes a yes": "asks",
    r"\b[Oo]ff a terminal": "when the output is not a terminal",
    r'"""Give ': "Return",
    r"[Tt]ell whether": "Return whether",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b)[a-zA-Z]": "is not a",
    r"\[Errno": "the reason alone",
    r"_ssl\.c": "the reason alone",
    r"valid (?:float|integer|boolean)": "a valid number",
}
"""What not to write, and what instead."""

WRITTEN = [
    *ROOT.glob("misar_ips/**/*.py"),
    *ROOT.glob("scripts/*.py"),
    *ROOT.glob("benchmarks/*.py"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("*.md"),
    *ROOT.glob("man/*"),
    *ROOT.glob("completions/*"),
]


@pytest.mark.parametrize("phrase", NOT_ENGLISH)
def test_no_such_phrase_is_written(phrase: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()} (write: {NOT_ENGLISH[phrase]})"
        for path in WRITTEN
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(phrase, line)
    ]
    assert found == []


def test_no_such_phrase_is_in_the_help(world: World) -> None:
    shown = "".join(world.run(*command.split(), "--help").stdout for command in COMMANDS)
    for phrase in NOT_ENGLISH:
        assert re.findall(phrase, shown) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("emulator serve --port x", "'x' is not a whole number."),
        ("limit --days x", "'x' is not a whole number."),
        ("changes --reputation-drop x", "'x' is not a number."),
        ("check --min-reputation x", "`x` is not a reputation score"),
        ("emulator serve --rate-limit -1", ""),
    ],
)
def test_what_is_no_number_is_said_without_the_words_of_python(
    world: World, typed: str, said: str
) -> None:
    ran = world.run(*typed.split())
    assert (ran.code, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert not re.search("float|integer|int\\b|Errno", ran.stderr)
