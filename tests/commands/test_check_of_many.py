"""A check of more IPs than are read side by side: none is left out, and each is read once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.reference import IP

if TYPE_CHECKING:
    from tests.conftest import World

IPS = [{**IP, "id": f"ip_{n:02}", "address": f"198.51.100.{n}", "rdns": None} for n in range(1, 26)]


@pytest.mark.parametrize("number", [9, 10, 11, 20, 25])
def test_every_ip_is_checked_in_the_order_of_the_list(world: World, number: int) -> None:
    listed, read = IPS[:number], []

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        if last == "dedicated-ips":
            return httpx.Response(200, json={"ips": listed})
        read.append(last)
        return httpx.Response(200, json={"ip": next(ip for ip in listed if ip["id"] == last)})

    ran = replace(world, transport=httpx.MockTransport(answer)).run("check")
    checked = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    assert list(dict.fromkeys(checked)) == [ip["id"] for ip in listed]
    assert sorted(read) == [ip["id"] for ip in listed]
