"""How the tests of `misar-ips check` run it, and what their DNS servers know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx

from misar_ips.dns.resolver import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Ran, World
    from tests.dns.server import DNSServer

NETWORK = "100.51.198.in-addr.arpa"
HEALTHY = [
    f"42.{NETWORK} PTR Mail.YourDomain.com.",  # names are compared without regard to case
    "mail.yourdomain.com A 198.51.100.42",
    f"17.{NETWORK} PTR tx.yourdomain.com.",
    "tx.yourdomain.com CNAME mta.yourdomain.com.",
    "mta.yourdomain.com A 198.51.100.17",
]
NINE = "9.113.0.203.in-addr.arpa"
HEALTHY_NINE = [f"{NINE} PTR mail.example.", "mail.example A 203.0.113.9"]
WORKING_LIST = ["2.0.0.127.bl.example A 127.0.0.2"]
IPV6 = "2001:db8::9"
NIBBLES = f"9.{'0.' * 23}8.b.d.0.1.0.0.2"
BRIEF = Limits(one_try=0.1, question=0.2)


def check(world: World, server: DNSServer, *arguments: str) -> Ran:
    return world.run("check", *arguments, "--resolver", server.address)


def found_by(ran: Ran) -> list[dict[str, Any]]:
    """Return the checks of the one IP that was checked with --json."""
    [ip] = json.loads(ran.stdout)
    assert ip["ok"] == (ran.code == 0)
    assert set(ip) == {"id", "address", "ok", "checks"}
    for each in ip["checks"]:
        assert set(each) == {"name", "status", "message", "hint", "found", "expected"}
    return list(ip["checks"])


def statuses_of(ran: Ran) -> dict[str, str]:
    return {each["name"]: each["status"] for each in found_by(ran)}


def with_ips(world: World, *ips: Mapping[str, object], **beside: object) -> World:
    """Return a world whose account has IPs with these fields, and what else its list tells."""
    all_ips = [{"id": "ip_x", "warmup_status": "warmed", **fields} for fields in ips]

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        if last == "dedicated-ips":
            return httpx.Response(200, json={"ips": all_ips, **beside})
        known = (ip for ip in all_ips if ip["id"] == last.replace("%20", " "))
        return httpx.Response(200, json={"ip": next(known)})

    return replace(world, transport=httpx.MockTransport(answer))
