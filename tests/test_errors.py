"""The tree of errors as its file draws it, and as it is."""

from __future__ import annotations

import re

from misar_ips import errors
from misar_ips.errors import MisarError

DRAWN = re.compile(r"^ {4}([│├└─ ]*)(\w+Error) +(\w+) +(\d+)", re.MULTILINE)


def drawn() -> list[tuple[int, str, str, int]]:
    rows = DRAWN.findall(errors.__doc__ or "")
    return [(len(lines) // 4, name, code, int(exit_code)) for lines, name, code, exit_code in rows]


def tree(kind: type[MisarError], depth: int = 0) -> list[tuple[int, str, str, int]]:
    below = [row for each in kind.__subclasses__() for row in tree(each, depth + 1)]
    return [(depth, kind.__name__, kind.code, int(kind.exit_code)), *below]


def test_the_tree_is_drawn_as_it_is() -> None:
    root, *others = tree(MisarError)
    assert root == (0, "MisarError", "internal_error", 1)
    assert sorted(drawn()) == sorted(others)
