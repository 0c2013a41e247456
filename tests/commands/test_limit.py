"""What `misar-ips limit` says may be sent: never more than the server allows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.emulator.handler import Emulator
from tests.commands.checked import with_ips
from tests.conftest import Ran, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

POOLS = "Pools with IPs: `marketing`, `transactional`."
UNKNOWN = "Warning: MisarMail does not tell the daily limit of {}; what is not known counts as 0.\n"


def ip(number: int, **fields: object) -> dict[str, object]:
    return {"id": f"ip_{number}", "pool": "a", "warmup_status": "warmed", **fields}


# Today -------------------------------------------------------------------------------------------


def test_by_pool(world: World) -> None:
    assert world.run("limit") == Ran(0, "marketing\t8000\t1\t2\ntransactional\t25000\t2\t2\n", "")


def test_of_some_pools_in_the_order_they_were_named(world: World) -> None:
    ran = world.run("limit", "--pool", "transactional", "--pool", "marketing")
    assert ran == Ran(0, "transactional\t25000\t2\t2\nmarketing\t8000\t1\t2\n", "")
    assert world.run("limit", "--pool", "marketing", "--total").stdout == "8000\n"


def test_in_json(world: World) -> None:
    ran = world.run("limit", "--pool", "marketing", "--json")
    assert json.loads(ran.stdout) == [
        {
            "pool": "marketing",
            "daily_limit": 8000,
            "complete": True,
            "ips": [
                {
                    "id": "ip_abc123",
                    "address": "198.51.100.42",
                    "warmup_status": "warming",
                    "daily_limit": 8000,
                    "counted": True,
                },
                {
                    "id": "ip_ghi789",
                    "address": "198.51.100.88",
                    "warmup_status": "suspended",
                    "daily_limit": 2714,
                    "counted": False,
                },
            ],
        }
    ]


def test_on_a_terminal_with_the_reason_for_what_does_not_count(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    accounts = with_ips(
        world,
        ip(1, address="192.0.2.1", daily_limit=12000),
        ip(2, address="192.0.2.2"),
        ip(3, warmup_status="suspended", daily_limit=500),
        ip(4, pool=None, warmup_status="not_started", daily_limit=0),
    )
    ran = accounts.run("limit", terminal="out")
    assert ran.stdout == (
        "POOL, IP   ADDRESS     TODAY  COUNTED\n"
        "a                     12,000  1 of 3 IPs, at least so much\n"
        "  ip_1     192.0.2.1  12,000  yes\n"
        "  ip_2     192.0.2.2       ?  no: limit not known\n"
        "  ip_3     —               0  no: suspended\n"
        "(no pool)                  0  1 of 1 IP\n"
        "  ip_4     —               0  yes\n"
    )
    assert ran.stderr == UNKNOWN.format("ip_2")


def test_no_line_is_wider_than_the_terminal(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    for columns in (20, 40, 60, 80, 200):
        world.environ["COLUMNS"] = str(columns)
        for options in ([], ["--days", "2"]):
            ran = world.run("limit", *options, terminal="out")
            names = 21  # an id or a pool's name is never cut
            assert all(len(line) <= max(columns, names) for line in ran.stdout.splitlines())


@pytest.mark.parametrize("terminal", ["", "out err"])
def test_the_total_is_one_bare_number_everywhere(world: World, terminal: str) -> None:
    assert world.run("limit", "--total", terminal=terminal) == Ran(0, "33000\n", "")


def test_the_total_goes_through_xargs(server: EmulatorServer, environ: dict[str, str]) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    done = subprocess.run(  # noqa: S602 - as a user types it
        f"{sys.executable} -m misar_ips limit --total | xargs -I N echo at most N",
        shell=True,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert (done.stdout, done.stderr) == ("at most 33000\n", "")


def test_the_total_in_json(world: World) -> None:
    ran = world.run("limit", "--total", "--json")
    assert json.loads(ran.stdout) == {"daily_limit": 33000, "complete": True}


def test_an_account_without_ips(world: World) -> None:
    empty = with_ips(world)
    none = "No dedicated IPs yet; `misar-ips request` orders one.\n"
    assert empty.run("limit") == Ran(0, "", none)
    assert empty.run("limit", "--json") == Ran(0, "[]\n", "")
    assert empty.run("limit", "--total") == Ran(0, "0\n", "")


# Never too high ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"daily_limit": 500}, 500),
        ({"daily_limit": 500, "warmup_status": "active"}, 500),
        ({"daily_limit": 500, "warmup_status": "suspended"}, 0),
        ({"daily_limit": 500, "warmup_status": "provisioning"}, 0),
        ({"daily_limit": 500, "warmup_status": "deprovisioning"}, 0),
        ({"daily_limit": -500}, 0),
        ({"daily_limit": 500.9}, 500),
        ({"daily_limit": "500"}, 500),
    ],
)
def test_what_counts(world: World, fields: Mapping[str, object], total: int) -> None:
    # The second IP's limit keeps a wrong sign from being hidden.
    account = with_ips(world, ip(1, **fields), ip(2, daily_limit=7))
    assert account.run("limit", "--total") == Ran(0, f"{total + 7}\n", "")


@pytest.mark.parametrize("limit", [None, "many", True, [5], 1e300])
def test_a_limit_that_is_not_known_counts_0_and_is_named(world: World, limit: object) -> None:
    account = with_ips(world, ip(1, daily_limit=limit), ip(2, daily_limit=7))
    assert account.run("limit", "--total") == Ran(0, "7\n", UNKNOWN.format("ip_1"))
    assert account.run("limit") == Ran(0, "a\t7\t1\t2\n", UNKNOWN.format("ip_1"))
    total = json.loads(account.run("limit", "--total", "--json").stdout)
    assert total == {"daily_limit": 7, "complete": False}
    ahead = account.run("limit", "--days", "1")
    assert (ahead.stdout.split("\t")[2], ahead.stderr) == ("7", UNKNOWN.format("ip_1"))


def test_many_limits_that_are_not_known_are_a_short_warning(world: World) -> None:
    ran = with_ips(world, *map(ip, range(8))).run("limit", "--total")
    names = "ip_0, ip_1, ip_2, ip_3, ip_4 and 3 more"
    assert ran == Ran(0, "0\n", UNKNOWN.format(names))


def test_an_ip_that_is_listed_twice_counts_once(world: World) -> None:
    account = with_ips(world, ip(1, daily_limit=500), ip(1, daily_limit=500))
    assert account.run("limit") == Ran(0, "a\t500\t1\t1\n", "")


def test_what_the_details_leave_out_is_as_the_list_has_it(world: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/dedicated-ips"):
            return httpx.Response(200, json={"ips": [ip(1, warmup_status="suspended")]})
        return httpx.Response(200, json={"ip": {"id": "ip_1", "daily_limit": 500}})

    account = replace(world, transport=httpx.MockTransport(answer))
    assert account.run("limit", "--pool", "a") == Ran(0, "a\t0\t0\t1\n", "")


def test_a_list_that_is_not_whole_is_not_complete(world: World) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/dedicated-ips"):
            return httpx.Response(200, json={"ips": [ip(1)], "total": 3})
        return httpx.Response(200, json={"ip": ip(1, daily_limit=500)})

    account = replace(world, transport=httpx.MockTransport(answer))
    part = "The server listed 1 of 3 IPs."
    assert account.run("limit", "--total") == Ran(0, "500\n", f"Warning: {part}\n")
    ran = account.run("limit", "--json")
    assert json.loads(ran.stdout)[0]["complete"] is False
    ran = account.run("limit", "--pool", "b")
    assert (ran.code, ran.stdout) == (6, "")
    assert "No IP is in pool `b` among the 1 IPs that the server listed." in ran.stderr


@pytest.mark.parametrize("options", [[], ["--total"], ["--days", "3"], ["--json"]])
def test_a_detail_that_cant_be_read_leaves_stdout_empty(
    world: World, store: Store, options: list[str]
) -> None:
    class OneFails(Emulator):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/ip_ghi789"):
                return httpx.Response(500, json={"error": "Out of order."})
            return super().__call__(request)

    failing = OneFails(store, rate_limit=0)
    ran = replace(world, transport=httpx.MockTransport(failing)).run("limit", *options)
    assert (ran.code, ran.stdout) == (1, "")
    assert "Could not read ip_ghi789: Out of order (HTTP 500)." in ran.stderr
    # Another pool's number does not need it.
    other = replace(world, transport=httpx.MockTransport(failing))
    assert other.run("limit", "--pool", "transactional", "--total").stdout == "25000\n"


# Days ahead --------------------------------------------------------------------------------------


def test_days_ahead(world: World) -> None:
    ran = world.run("limit", "--days", "4", "--pool", "marketing")
    assert ran == Ran(
        0,
        "2026-04-02\tmarketing\t8000\t8000\ttrue\n"
        "2026-04-03\tmarketing\t8000\t16000\ttrue\n"
        "2026-04-04\tmarketing\t8000\t24000\ttrue\n"
        "2026-04-05\tmarketing\t10000\t34000\ttrue\n",
        "",
    )


def test_days_ahead_in_json_day_by_day(world: World) -> None:
    ran = world.run("limit", "--days", "2", "--json")
    days = json.loads(ran.stdout)
    assert [(each["date"], each["pool"]) for each in days] == [
        ("2026-04-02", "marketing"),
        ("2026-04-02", "transactional"),
        ("2026-04-03", "marketing"),
        ("2026-04-03", "transactional"),
    ]
    assert days[2] == {
        "date": "2026-04-03",
        "pool": "marketing",
        "limit": 8000,
        "sum": 16000,
        "estimate": True,
    }


def test_days_ahead_on_a_terminal(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    ran = world.run("limit", "--days", "1", terminal="out")
    assert ran.stdout == (
        "DATE (UTC)  POOL           AT LEAST (ESTIMATE)  SO FAR\n"
        "2026-04-02  marketing                    8,000   8,000\n"
        "2026-04-02  transactional               25,000  25,000\n"
    )


@pytest.mark.parametrize("advanced", [0, 5, 11])
def test_no_floor_is_above_what_is_then_allowed(world: World, store: Store, advanced: int) -> None:
    world.run("request", "--yes", "--pool", "cold", "--no-check")
    store.advance(timedelta(days=advanced, hours=7 * advanced))
    shown = {
        (date.fromisoformat(each["date"]), each["pool"]): each["limit"]
        for each in json.loads(world.run("limit", "--days", "40", "--json").stdout)
    }
    assert len(shown) == 40 * 3
    for ahead in range(1, 41):
        day = store.now().date() + timedelta(1)
        store.advance(datetime.combine(day, datetime.min.time(), UTC) - store.now())
        for pool in json.loads(world.run("limit", "--json").stdout):
            assert shown[day, pool["pool"]] <= pool["daily_limit"], (ahead, pool["pool"])


# What goes wrong ---------------------------------------------------------------------------------


def test_a_pool_without_an_ip_is_not_0(world: World) -> None:
    ran = world.run("limit", "--pool", "markting", "--total")
    assert ran == Ran(6, "", f"Error: No IP is in pool `markting`. {POOLS}\n")
    ran = world.run("limit", "--pool", "marketing", "--pool", "x", "--pool", "y")
    assert ran == Ran(6, "", f"Error: No IP is in pool `x`, `y`. {POOLS}\n")
    assert with_ips(world).run("limit", "--pool", "x") == Ran(
        6, "", "Error: No IP is in pool `x`. Pools with IPs: none.\n"
    )


@pytest.mark.parametrize("days", ["0", "91", "-1", "x", "1.5", ""])
def test_days_out_of_range(world: World, days: str) -> None:
    ran = world.run("limit", "--days", days)
    assert (ran.code, ran.stdout, world.received()) == (2, "", [])


def test_days_and_total_contradict_each_other(world: World) -> None:
    told = "`--total` is about today and can't be given with `--days`."
    assert world.run("limit", "--days", "2", "--total") == Ran(2, "", f"Error: {told}\n")
    assert world.received() == []


@pytest.mark.parametrize(
    ("fault", "code"), [("GET:401", 4), ("GET:403", 4), ("GET:reset", 9), ("GET:html", 1)]
)
def test_a_server_that_fails(world: World, fault: str, code: int) -> None:
    world.emulator.faults.add(fault)
    ran = world.run("limit", "--total")
    assert (ran.code, ran.stdout) == (code, "")


def test_without_a_configuration(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    ran = world.run("limit", "--total")
    assert (ran.code, ran.stdout) == (3, "")
    assert world.run("limit", "--total", "-p", "demo") == Ran(0, "33000\n", "")


def test_seventy_ips_at_sixty_requests_a_minute(world: World, store: Store) -> None:
    ips = [ip(number, daily_limit=100) for number in range(70)]

    class Limited(Emulator):
        """Counts as the emulator does, and answers of seventy IPs where it would answer."""

        def __call__(self, request: httpx.Request) -> httpx.Response:
            reply = super().__call__(request)
            last = request.url.path.rpartition("/")[2]
            if reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
                return reply
            if last == "dedicated-ips":
                return httpx.Response(200, json={"ips": ips})
            return httpx.Response(200, json={"ip": ips[int(last.removeprefix("ip_"))]})

    def asleep(seconds: float) -> None:
        store.advance(timedelta(seconds=seconds))

    many = replace(
        world, transport=httpx.MockTransport(Limited(store, rate_limit=60)), asleep=asleep
    )
    ran = many.run("limit", "--total")
    assert (ran.code, ran.stdout) == (0, "7000\n")
    assert ran.stderr.startswith("Rate limited; trying again in ")
