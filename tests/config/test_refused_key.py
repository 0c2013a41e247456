"""A key that the server refuses is told with where it came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import tomli_w

from tests.configuration import write
from tests.conftest import Ran

if TYPE_CHECKING:
    from tests.conftest import World


def test_a_refused_key_is_told_with_where_it_came_from(world: World) -> None:
    world.transport = httpx.MockTransport(lambda _request: httpx.Response(401))
    refused = (
        "Error: Could not list the dedicated IPs: the API key is not accepted: it is wrong, "
        "revoked or expired (HTTP 401). "
    )
    assert world.run("list") == Ran(
        4,
        "",
        f"{refused}It is from MISARMAIL_API_KEY: set that to a new one, or "
        "`unset MISARMAIL_API_KEY`.\n",
    )
    vault = {"vault 2": {"api_key_command": "echo msk_a"}, "work": {"api_key": "msk_b"}}
    write(world, tomli_w.dumps({"profiles": vault}))
    assert world.run("list", "-p", "work").stderr == (
        f"{refused}It is from profile `work`: `misar-ips profile add work --replace` saves a new "
        "one.\n"
    )
    ran = world.run("show", "ip_1", "-p", "vault 2", "--json")
    assert json.loads(ran.stderr)["error"]["hint"] == (
        "It is from the api_key_command of profile `vault 2`: "
        "`misar-ips profile add 'vault 2' --replace` saves a new one."
    )
