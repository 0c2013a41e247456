"""`update`: what is warned of before, what is sent, and what is told of what was seen after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import reference, texts
from tests.conftest import Ran

if TYPE_CHECKING:
    from tests.conftest import World

WARMING, WARMED, SUSPENDED, NEW = "ip_abc123", "ip_def456", "ip_ghi789", "ip_jkl012"
TO_COLD = reference.IP_LINE.replace("marketing", "cold")
NOT_SEEN = "Warning: MisarMail accepted the change but "


def ignoring(world: World, **shown: Any) -> None:  # noqa: ANN401 - JSON values
    """Let the server accept each change and go on showing these settings."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return httpx.Response(200, json={"success": True})
        ip = {**reference.IP, **shown}
        return httpx.Response(200, json={"ip": ip, "ips": [ip, {**ip, "id": "ip_2"}]})

    world.transport = httpx.MockTransport(answer)


def update(world: World, *arguments: str, terminal: str = "") -> Ran:
    """Update without a look at DNS."""
    world.environ |= {"NO_COLOR": "1", "COLUMNS": "200"}
    return world.run("update", *arguments, "--no-check", terminal=terminal)


class TestWhatIsTold:
    def test_old_and_new(self, world: World) -> None:
        ran = update(world, "198.51.100.42", "--pool", "cold", "--rdns", "Bücher.example")

        line = TO_COLD.replace("mail.yourdomain.com", "xn--bcher-kva.example")
        assert ran == Ran(
            0,
            line,
            "Updated ip_abc123: pool marketing -> cold, rDNS mail.yourdomain.com -> "
            "xn--bcher-kva.example.\n",
        )
        assert world.run("list", "--pool", "cold").stdout == line

    def test_a_setting_that_had_no_value_before(self, world: World) -> None:
        ran = update(world, NEW, "--rdns", "mx.example.com", terminal="out")

        assert ran.code == 0
        assert ran.stderr.startswith("Updated ip_jkl012: rDNS mx.example.com.\n")

    def test_a_setting_that_was_so_before(self, world: World) -> None:
        ran = update(world, WARMING, "--pool", "marketing")

        assert ran == Ran(0, reference.IP_LINE, "Updated ip_abc123: pool marketing.\n")

    @pytest.mark.parametrize(
        ("shown", "arguments", "told"),
        [
            ({}, "--pool cold", "still shows pool `marketing` of ip_abc123."),
            ({"pool": None}, "--pool cold", "shows no pool of ip_abc123."),
            (
                {},
                "--rdns mx.example.com",
                "still shows rDNS `mail.yourdomain.com` of ip_abc123.",
            ),
        ],
    )
    def test_a_change_that_is_not_seen_is_not_called_one(
        self, world: World, shown: dict[str, Any], arguments: str, told: str
    ) -> None:
        ignoring(world, **shown)
        ran = update(world, WARMING, *arguments.split())

        assert (ran.code, ran.stdout.split("\t")[0]) == (0, WARMING)
        assert ran.stderr == f"{NOT_SEEN}{told}\n"
        assert sum(world.waits) < 5

    def test_half_of_it_is_not_all(self, world: World) -> None:
        ignoring(world, pool="cold")
        ran = update(world, WARMING, "--pool", "cold", "--rdns", "mx.example.com")

        assert ran.stderr == (f"{NOT_SEEN}still shows rDNS `mail.yourdomain.com` of ip_abc123.\n")

    def test_as_json_it_is_a_warning_and_the_ip_as_it_is(self, world: World) -> None:
        ignoring(world)
        ran = update(world, WARMING, "--pool", "cold", "--json")

        assert (ran.code, json.loads(ran.stdout)) == (0, reference.IP)
        told = "MisarMail accepted the change but still shows pool `marketing` of ip_abc123."
        assert json.loads(ran.stderr) == {"warning": {"message": told}}

    def test_the_ip_is_read_where_the_answer_holds_none(self, world: World) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            reply = world.emulator(request)
            return httpx.Response(204) if request.method == "PATCH" else reply

        world.transport = httpx.MockTransport(answer)
        ran = update(world, WARMING, "--pool", "cold", "--json")

        assert (ran.code, json.loads(ran.stdout)) == (0, {**reference.IP, "pool": "cold"})

    @pytest.mark.parametrize("form", [[], ["--json"], ["--debug"]])
    def test_one_that_was_made_but_can_not_be_shown(self, world: World, form: list[str]) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "PATCH":
                return httpx.Response(204)
            return httpx.Response(403 if world.waits or patched else 200, json=reference.IP)

        patched: list[bool] = []

        def noted(request: httpx.Request) -> httpx.Response:
            reply = answer(request)
            patched.extend([True] if request.method == "PATCH" else [])
            return reply

        world.transport = httpx.MockTransport(noted)
        ran = update(world, WARMING, "--pool", "cold", *form)

        assert (ran.code, ran.stdout) == (4, "")
        assert ran.stderr.count("ip_abc123 was changed, but can't be shown. Could not read") >= 1

    def test_a_lost_change_that_is_seen_is_told_as_any_other(self, world: World) -> None:
        world.emulator.faults.add("PATCH:lost-reply")
        ran = update(world, WARMING, "--pool", "cold")

        assert ran == Ran(0, TO_COLD, "Updated ip_abc123: pool marketing -> cold.\n")


class TestWhatIsWarnedOf:
    def test_the_last_ip_of_its_pool(self, world: World) -> None:
        world.emulator.store.release(SUSPENDED)
        ran = update(world, WARMING, "--pool", "cold")

        assert ran.code == 0
        assert ran.stderr.startswith(
            "Warning: ip_abc123 is the last IP of pool `marketing`, whose mail will fall back to"
            " the shared pool.\n"
        )

    def test_a_suspended_ip(self, world: World) -> None:
        ran = update(world, SUSPENDED, "--pool", "cold")

        assert "Warning: ip_ghi789 is suspended; mail from pool `cold`" in ran.stderr

    def test_a_lower_reputation_than_all_of_the_pool(self, world: World) -> None:
        world.emulator.store.release(NEW)  # of which no reputation is known
        ran = update(world, WARMING, "--pool", "transactional")

        assert (
            "Warning: ip_abc123 has a reputation of 84, lower than all IPs of pool"
            " `transactional` (98 and more).\n"
        ) in ran.stderr

    @pytest.mark.parametrize(
        ("ip", "pool"),
        [(WARMING, "transactional"), (WARMED, "marketing"), (WARMING, "marketing"), (NEW, "cold")],
    )
    def test_nothing_where_nothing_is_harmed_or_known(
        self, world: World, ip: str, pool: str
    ) -> None:
        ran = update(world, ip, "--pool", pool)

        assert (ran.code, ran.stderr.startswith("Updated ")) == (0, True)

    def test_nothing_of_a_part_of_the_list(self, world: World) -> None:
        ignoring(world)
        whole = world.transport
        assert whole is not None

        def part(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/dedicated-ips"):
                return httpx.Response(200, json={"ips": [reference.IP], "total": 25})
            return whole.handle_request(request)

        world.transport = httpx.MockTransport(part)
        assert "last IP" not in update(world, WARMING, "--pool", "cold").stderr

    @pytest.mark.parametrize("fault", ["GET:403:1", "GET:500:4", "GET:reset:4"])
    def test_what_can_not_be_read_is_no_reason_to_warn(self, world: World, fault: str) -> None:
        world.emulator.faults.add(fault)
        ran = update(world, WARMING, "--pool", "cold")

        assert ran == Ran(0, TO_COLD, "Updated ip_abc123: pool cold.\n")

    def test_an_unknown_ip_is_not_changed(self, world: World) -> None:
        ran = update(world, "ip_nosuch", "--pool", "cold")

        assert (ran.code, ran.stdout) == (6, "")
        assert ran.stderr.endswith(f"Dedicated IP not found (HTTP 404). {texts.LIST}\n")
        assert world.received("PATCH") == []

    def test_without_a_pool_and_a_terminal_nothing_is_read(self, world: World) -> None:
        update(world, WARMING, "--rdns", "mx.example.com")

        assert world.received() == ["PATCH /mail/v1/dedicated-ips/ip_abc123"]
