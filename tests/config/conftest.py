"""The program in an environment without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.configuration import Setting

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def setting(world: World) -> Setting:
    del world.environ["MISARMAIL_API_KEY"]
    made = Setting(world)
    world.transport = httpx.MockTransport(made.answer)
    return made
