"""The program in an environment without a key, before the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def keyless(world: World) -> World:
    del world.environ["MISARMAIL_API_KEY"]
    return world
