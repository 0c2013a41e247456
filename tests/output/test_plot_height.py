"""The plot of a warm-up: as high as a screen of 24 lines leaves room for, and no higher."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.reference import IP

if TYPE_CHECKING:
    from tests.conftest import World

LINES = 23  # of a terminal of 24, less the one of the next prompt
LOWEST, HIGHEST = 3, 6  # lines of the plot, without the one of the days


@pytest.mark.parametrize("steps", range(2, 9))
def test_the_plot_takes_what_the_schedule_leaves(world: World, steps: int) -> None:
    schedule = [
        {"day": 7 * n + 1, "limit": 100 * 4**n, "sent": 0, "done": False} for n in range(steps)
    ]
    ip = {**IP, "warmup_schedule": schedule}
    answer = httpx.MockTransport(lambda _request: httpx.Response(200, json={"ip": ip}))
    shown = replace(world, transport=answer).run("show", "ip_abc123", terminal="out").stdout
    height, left = shown.count("┤"), LINES - len(shown.splitlines())
    assert LOWEST <= height <= HIGHEST
    if height < HIGHEST:
        assert left <= 0  # else there was room for more of it
    if height > LOWEST:
        assert left >= 0
    if steps == 2:
        assert height == HIGHEST
    if steps == 8:
        assert height == LOWEST
