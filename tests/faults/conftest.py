"""The server of the fault tables, in the emulator's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.table import ScriptedEmulator, Story

if TYPE_CHECKING:
    from misar_ips.emulator.store import Store
    from tests.conftest import World


@pytest.fixture
def emulator(store: Store) -> ScriptedEmulator:
    """Return an emulator that plays a script, and in which no time passes."""
    return ScriptedEmulator(store, sleep=lambda _seconds: None)


@pytest.fixture
def story(world: World, store: Store, emulator: ScriptedEmulator) -> Story:
    """Return the program with that emulator in the network's place."""
    return Story(world, store, emulator)
