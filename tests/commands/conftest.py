"""What tests of commands share: time that passes, a user who has enough, no key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from misar_ips.emulator.store import Store
    from tests.conftest import World

ORDERED = "ip_jkl012"  # ordered eight hours ago: provisioned sixteen hours from now
WARMING = "ip_abc123"  # warmed eleven days from now
SUSPENDED = "ip_ghi789"


@pytest.fixture
def passing(world: World, store: Store) -> World:
    """Return a world in which time passes while the program sleeps."""
    world.asleep = lambda seconds: store.advance(timedelta(seconds=seconds))
    return world


def stopping_after(world: World, polls: int) -> World:
    """Return the world a user who presses Ctrl-C in the so-many-th pause."""
    before = world.asleep

    def asleep(seconds: float) -> None:
        before(seconds)
        if len(world.waits) == polls:
            raise KeyboardInterrupt

    world.asleep = asleep
    return world


@pytest.fixture
def keyless(world: World) -> World:
    """Return the program in an environment without a key."""
    del world.environ["MISARMAIL_API_KEY"]
    return world
