"""Print the oldest version of each dependency that pyproject.toml allows, as pip's constraints."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_BOUND = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9.]+)")


def lower_bounds(pyproject: str) -> list[str]:
    """Return a constraint for each dependency.

    Raises:
        ValueError: one has no lower bound.
    """
    constraints = []
    for dependency in tomllib.loads(pyproject)["project"]["dependencies"]:
        bound = _BOUND.match(dependency)
        if bound is None:
            raise ValueError(f"{dependency} has no lower bound")
        constraints.append(f"{bound[1]}=={bound[2]}")
    return constraints


if __name__ == "__main__":
    text = Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(lower_bounds(text)))  # noqa: T201 - what the script is for
