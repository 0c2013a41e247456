"""An account that tests change between two runs of the program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ran, World

Fields: TypeAlias = dict[str, object]

NOW = {"Date": "Wed, 01 Apr 2026 12:00:00 GMT"}


@dataclass
class Account:
    """The IPs of an account, served to a program that keeps its state in one file.

    ``listing`` is what its list says beside the IPs, ``failing`` the ids whose details fail.
    """

    world: World
    state: Path
    ips: dict[str, dict[str, Any]] = field(default_factory=dict)
    listing: dict[str, object] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = replace(self.world, transport=httpx.MockTransport(self._answer))

    def put(self, ip_id: str, **fields: object) -> None:
        """Change fields of an IP, or bring a new one."""
        known = self.ips.setdefault(ip_id, {"id": ip_id, "address": "198.51.100.42"})
        known.update(fields)

    def changes(self, *arguments: str, terminal: str = "") -> Ran:
        """Run `changes` with this account's state."""
        state = str(self.state)
        return self.world.run("changes", "--state", state, *arguments, terminal=terminal)

    def told(self, *arguments: str) -> list[tuple[str, str, str, str]]:
        """Return what a run tells: id, field, from, to; it must have gone well."""
        ran = self.changes(*arguments)
        assert (ran.code, ran.stderr) == (0, "")
        rows = [line.split("\t") for line in ran.stdout.splitlines()]
        return [(ip_id, name, was, now) for _, ip_id, _, name, was, now in rows]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        if last in self.failing:
            return _reply(503, {"error": "Out of order"})
        if request.method == "PATCH":
            self.put(last, **json.loads(request.content))
        if last != "dedicated-ips":
            return _reply(200, {"ip": self.ips[last]})
        short = ("id", "address", "rdns", "pool", "warmup_status", "warmup_percent")
        listed = [
            {name: value for name, value in ip.items() if name in short} for ip in self.ips.values()
        ]
        return _reply(200, {"ips": listed, **self.listing})


def _reply(status: int, body: object) -> httpx.Response:
    # As ASCII: not every text that a test puts in is Unicode.
    return httpx.Response(status, headers=NOW, content=json.dumps(body))
