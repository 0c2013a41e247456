"""The emulator for other people's tests: an account of one's own on a free port.

    from misar_ips.testing import emulated

    with emulated(plan="max", seed=[]) as misarmail:
        misarmail.fault("POST:lost-reply:1")
        subprocess.run(["./order.sh"], env=misarmail.environ, check=True)
        assert [request.method for request in misarmail.requests].count("POST") == 1

pytest offers the same as the fixture ``misarmail``. Nothing of the package is imported before it
is used: pytest loads this module whenever it starts.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from misar_ips.api.client import Client
    from misar_ips.emulator.handler import Emulator
    from misar_ips.emulator.request_log import LoggedRequest
    from misar_ips.emulator.server import EmulatorServer

KEY = "msk_emulator"
_WOULD_WIN = ("MISAR_IPS_PROFILE",)  # over the key that a command is given
_LOOPBACK = "127.0.0.1,localhost"


class Emulated:
    """A running emulator with a state of its own, whose clock moves only when it is told to."""

    def __init__(self, emulator: Emulator, server: EmulatorServer, state: Path) -> None:
        self._emulator = emulator
        self._state = state
        self.url = server.base_url
        """The API's base URL."""
        self.key = KEY
        """A key that it knows."""

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment, with what leads a command to the emulator."""
        return self.environ_in(os.environ)

    def environ_in(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with what leads a command to the emulator, past any proxy."""
        kept = {name: value for name, value in environ.items() if name not in _WOULD_WIN}
        unproxied = {
            name: ",".join(filter(None, [environ.get(name), _LOOPBACK]))
            for name in ("NO_PROXY", "no_proxy")
        }
        return {
            **kept,
            **unproxied,
            "MISARMAIL_API_KEY": self.key,
            "MISARMAIL_BASE_URL": self.url,
            "MISAR_IPS_EMULATOR_DB": str(self._state),  # `misar-ips emulator advance` moves it on
        }

    @property
    def requests(self) -> list[LoggedRequest]:
        """What it was asked, oldest first: ``method``, ``path``, ``body``, ``status`` and more."""
        return list(self._emulator.requests)

    def client(self, **options: Any) -> Client:  # noqa: ANN401 - the client's own
        """Return a client of the account; it is a context manager."""
        from misar_ips.api.client import Client

        return Client(self.key, self.url, **options)

    def advance(self, **by: float) -> datetime:
        """Move the clock on, by ``days=7`` or whatever ``timedelta`` takes; return the new time.

        Raises:
            UsageError: it would go back, or beyond the year 8999.
        """
        from datetime import timedelta

        return self._emulator.store.advance(timedelta(**by))

    def fault(self, text: str) -> None:
        """Ask for a fault, such as ``POST:lost-reply:1``.

        Raises:
            UsageError: the text is malformed.
        """
        self._emulator.faults.add(text)

    def clear_faults(self) -> None:
        """Forget the faults that have not struck yet."""
        self._emulator.faults.clear()


@contextmanager
def emulated(
    plan: str = "enterprise",
    seed: Sequence[object] | Path | None = None,
    *,
    freeze: bool = True,
    **options: Any,  # noqa: ANN401 - the emulator's own
) -> Iterator[Emulated]:
    """Run an emulator until the block ends; its state is then gone.

    ``seed`` are the IPs that it begins with, as the API's objects, or the JSON file that holds
    them; ``[]`` for none. ``freeze``: the clock is stopped but for ``advance``. ``options`` are
    ``shape``, ``rate_limit`` (requests a minute, 0 for none), ``latency`` (seconds) and ``faults``.

    Raises:
        UsageError: there is no such plan or shape, or the seed can't be used.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from misar_ips.emulator.handler import Emulator
    from misar_ips.emulator.seeds import first_ips
    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store
    from misar_ips.times import parse_duration

    with TemporaryDirectory(prefix="misar-ips-") as folder:
        state = Path(folder) / "emulator.db"
        store = Store(state, begins_with=first_ips(plan, seed))
        store.freeze(frozen=freeze)
        options = {"rate_limit": 0, "read_duration": parse_duration, **options}
        emulator = Emulator(store, plan=plan, **options)
        with EmulatorServer(emulator, port=0) as server:
            yield Emulated(emulator, server, state)


def pytest_configure(config: Any) -> None:  # noqa: ANN401 - pytest's own, which is not ours to require
    """Offer the fixture ``misarmail``; only pytest calls this, by the entry point."""
    import pytest

    class Fixtures:
        @pytest.fixture
        def misarmail(self) -> Iterator[Emulated]:
            """Return a MisarMail of the test's own: five IPs allowed, four there."""
            with emulated() as running:
                yield running

    config.pluginmanager.register(Fixtures(), "misar_ips_fixtures")
