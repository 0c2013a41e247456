"""The commands, run whole against the emulator: what each prints, where, and how it ends."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import misar_ips
from misar_ips.emulator.handler import Emulator
from tests import reference, texts
from tests.conftest import Ran, World, run_process

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer
    from misar_ips.emulator.store import Store

WARM_UP_JSON = {
    "day": 18,
    "steps_done": 2,
    "steps_total": 5,
    "current_step": {"day": 14, "limit": 4000, "sent": 3800},
    "next_step": {"day": 21, "limit": 10000, "sent": 0},
    "missed_step": None,
    "behind_days": 0,
    "on_schedule": True,
    "scheduled_end": "2026-04-12T10:00:00Z",
    "estimated_warmed_at": "2026-04-12T10:00:00Z",
}


def error_of(ran: Ran) -> dict[str, Any]:
    """Return the error of a run with --json, which is one line on stderr."""
    assert ran.stderr.count("\n") == 1
    error: dict[str, Any] = json.loads(ran.stderr)["error"]
    return error


def answering(reply: httpx.Response, world: World) -> World:
    """Return a world whose server has one answer to everything."""
    return World(world.environ, world.emulator, httpx.MockTransport(lambda _request: reply))


def test_list(world: World) -> None:
    assert world.run("list") == Ran(0, reference.LIST, "")
    assert world.received() == ["GET /mail/v1/dedicated-ips"]


def test_list_json_is_what_the_server_sent(world: World) -> None:
    ran = world.run("list", "--json")
    assert (ran.code, ran.stderr) == (0, "")
    first, *others = json.loads(ran.stdout)
    assert first == {
        "id": "ip_abc123",
        "address": "198.51.100.42",
        "rdns": "mail.yourdomain.com",
        "warmup_status": "warming",
        "warmup_percent": 62,
        "pool": "marketing",
        "created_at": "2026-03-15T10:00:00Z",
    }
    assert [ip["id"] for ip in others] == ["ip_def456", "ip_ghi789", "ip_jkl012"]


def test_json_adds_the_references_names_and_keeps_the_servers_own(world: World) -> None:
    sent = {
        "id": "x1",
        "ip_address": "192.0.2.1",
        "ptr_record": "a.example.com",
        "status": "active",
    }
    ran = answering(httpx.Response(200, json={"data": [sent], "total": 1}), world).run(
        "list", "--json"
    )
    assert json.loads(ran.stdout) == [
        {**sent, "address": "192.0.2.1", "rdns": "a.example.com", "warmup_status": "active"}
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--pool", "marketing"], ["ip_abc123", "ip_ghi789"]),
        (["--status", "warmed"], ["ip_def456"]),
        (["--pool", "marketing", "--status", "suspended"], ["ip_ghi789"]),
    ],
)
def test_list_filters(world: World, options: list[str], ids: list[str]) -> None:
    ran = world.run("list", "--json", *options)
    assert [ip["id"] for ip in json.loads(ran.stdout)] == ids
    assert (ran.code, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("field", "ids"),
    [
        ("id", "abc123 def456 ghi789 jkl012"),
        ("address", "def456 abc123 ghi789 jkl012"),
        ("rdns", "abc123 ghi789 def456 jkl012"),
        ("pool", "abc123 ghi789 def456 jkl012"),
        ("warmup_status", "jkl012 ghi789 def456 abc123"),
        ("warmup_percent", "jkl012 ghi789 abc123 def456"),
        ("created_at", "def456 ghi789 abc123 jkl012"),
    ],
)
def test_list_sorts(world: World, field: str, ids: str) -> None:
    for options in ([], ["--json"]):
        ran = world.run("list", "--sort", field, *options)
        assert (ran.code, ran.stderr) == (0, "")
        assert " ".join(dict.fromkeys(re.findall(r"ip_(\w+)", ran.stdout))) == ids


def test_list_sorts_addresses_as_numbers_and_the_unknown_last(world: World) -> None:
    addresses = [None, "2001:db8::1", "192.0.2.10", "10.0.0.1", "soon", "192.0.2.9"]
    ips = [{"id": f"x{place}", "address": address} for place, address in enumerate(addresses)]
    ran = answering(httpx.Response(200, json={"ips": ips}), world).run("list", "--sort", "address")
    assert re.findall(r"^x(\d)", ran.stdout, re.MULTILINE) == ["3", "5", "2", "1", "4", "0"]


def test_list_sorts_by_nothing_else(world: World) -> None:
    assert world.run("list", "--sort", "size") == Ran(
        2,
        "",
        "Error: `size` can't be sorted by. Fields: id, address, rdns, pool, warmup_status, "
        "warmup_percent, created_at.\n",
    )
    assert world.received() == []


def test_a_filter_that_leaves_nothing_says_so(world: World) -> None:
    wanted = ["--pool", "transactional", "--status", "suspended"]
    assert world.run("list", *wanted) == Ran(0, "", "No IP matches.\n")


@pytest.mark.parametrize("terminal", ["", "in out err"])
def test_an_empty_list_says_how_to_request_an_ip(world: World, terminal: str) -> None:
    empty = answering(httpx.Response(200, json={"success": True, "ips": []}), world)
    hint = "No dedicated IPs yet; `misar-ips request` orders one.\n"
    assert empty.run("list", terminal=terminal) == Ran(0, "", hint)
    assert empty.run("list", "--json") == Ran(0, "[]\n", "")


def test_show(world: World) -> None:
    assert world.run("show", "ip_abc123") == Ran(0, reference.SHOW, "")
    assert world.received() == ["GET /mail/v1/dedicated-ips/ip_abc123"]


def test_show_json(world: World) -> None:
    ran = world.run("show", "ip_abc123", "--json")
    expected = {**reference.IP, "warmup": WARM_UP_JSON}
    assert (ran.code, json.loads(ran.stdout), ran.stderr) == (0, expected, "")


def test_an_address_is_resolved_through_the_list(world: World) -> None:
    assert world.run("show", "198.51.100.42") == Ran(0, reference.SHOW, "")
    assert world.received() == [
        "GET /mail/v1/dedicated-ips",
        "GET /mail/v1/dedicated-ips/ip_abc123",
    ]


def test_an_ipv6_address_is_found_however_it_is_spelled(world: World) -> None:
    ip = {"id": "x6", "address": "2001:db8::1"}

    def answer(request: httpx.Request) -> httpx.Response:
        is_list = request.url.path.endswith("/dedicated-ips")
        return httpx.Response(200, json={"ips": [ip]} if is_list else {"ip": ip})

    world.transport = httpx.MockTransport(answer)
    ran = world.run("show", "2001:0DB8:0:0::0001", "--json")
    assert (ran.code, json.loads(ran.stdout)["address"]) == (0, "2001:db8::1")


def test_an_address_that_is_nobodys(world: World) -> None:
    assert world.run("show", "203.0.113.9") == Ran(
        6,
        "",
        "Error: No dedicated IP of this account is 203.0.113.9. "
        "`misar-ips list` shows the IPs of this account.\n",
    )


def test_an_unknown_id(world: World) -> None:
    error = error_of(world.run("show", "ip_nosuch", "--json"))
    assert error == {
        "code": "not_found",
        "message": "Could not read ip_nosuch: Dedicated IP not found (HTTP 404).",
        "hint": "`misar-ips list` shows the IPs of this account.",
        "status": 404,
    }


def test_request_prints_the_new_ip_and_the_servers_message(world: World) -> None:
    ran = world.run("request", "--pool", "transactional", "--rdns", "tx.example.com")
    assert (ran.code, ran.stderr) == (0, "IP provisioning in progress. Expected within 24 hours.\n")
    assert re.fullmatch(
        r"ip_\w+\t198\.51\.100\.\d+\t\ttransactional\tnot_started\t\t\n", ran.stdout
    )
    assert world.received() == ["GET /mail/v1/dedicated-ips", "POST /mail/v1/dedicated-ips"]


def test_request_leaves_the_pool_to_the_server(world: World) -> None:
    ran = world.run("request", "--json")
    ip = json.loads(ran.stdout)
    assert (ran.code, ip["pool"], ip["warmup_status"]) == (0, "marketing", "not_started")


def test_request_beyond_the_plan(environ: dict[str, str], store: Store) -> None:
    emulator = Emulator(store, plan="max", rate_limit=0)
    world = World(environ, emulator, httpx.MockTransport(emulator))
    error = error_of(world.run("request", "--json"))
    assert error["code"] == "plan_limit"
    assert (error["plan"], error["upgrade_url"]) == ("max", "https://misar.io/pricing")
    assert "max" in error["hint"]
    assert "https://misar.io/pricing" in error["hint"]
    assert world.run("request").code == 5


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_an_order_with_a_lost_answer_is_found_and_not_repeated(
    world: World, form: list[str]
) -> None:
    world.emulator.faults.add("POST:lost-reply:1")
    ran = world.run("request", *form)
    assert ran.code == 0
    assert "not_started" in ran.stdout
    found = re.findall(r"ip_\w{9,}", ran.stdout)[0]
    told = texts.lost(found)
    expected = {"warning": {"message": told}} if form else f"Warning: {told}\n"
    assert (json.loads(ran.stderr) if form else ran.stderr) == expected
    assert world.received("POST") == ["POST /mail/v1/dedicated-ips"]


def test_an_order_that_never_arrived_is_not_repeated_either(world: World) -> None:
    world.emulator.faults.add("POST:reset")
    ran = world.run("request", "--json")
    assert (ran.code, ran.stdout) == (10, "")
    assert error_of(ran)["code"] == "outcome_unknown"
    assert world.received("POST") == ["POST /mail/v1/dedicated-ips"]


@pytest.mark.parametrize("environ_has_a_key", [True, False])
def test_update_of_nothing_is_a_usage_error(world: World, *, environ_has_a_key: bool) -> None:
    if not environ_has_a_key:
        del world.environ["MISARMAIL_API_KEY"]
    assert world.run("update", "ip_abc123") == Ran(
        2, "", "Error: Nothing to change was given. Give --pool, --rdns or both.\n"
    )
    assert world.received() == []


@pytest.mark.parametrize("command", [["request"], ["update", "ip_abc123"]])
@pytest.mark.parametrize(
    "hostname",
    [
        "mail",
        "mail.example.com.",
        "a..b.example",
        "-a.example.com",
        "a_b.example.com",
        "192.0.2.1",
        "",
    ],
)
def test_a_hostname_that_is_none_is_never_sent(
    world: World, command: list[str], hostname: str
) -> None:
    ran = world.run(*command, "--rdns", hostname, "--json")
    assert (ran.code, error_of(ran)["code"], world.received()) == (2, "usage", [])


@pytest.mark.parametrize(
    "command", [["show"], ["update", "--pool", "cold"], ["release", "--yes"]], ids=lambda c: c[0]
)
@pytest.mark.parametrize("ip", ["", ".", "..", "a\nb", "\x1b[31m", "\udcff", "x" * 1001])
def test_an_id_that_can_be_none_is_never_sent(world: World, command: list[str], ip: str) -> None:
    ran = world.run(*command, "--json", "--", ip)
    assert (ran.code, error_of(ran)["code"], world.received()) == (2, "usage", [])


@pytest.mark.parametrize(
    ("ip", "segment"),
    [
        ("../keys/k1", "..%2Fkeys%2Fk1"),
        ("a/b", "a%2Fb"),
        ("a#b", "a%23b"),
        ("a?b", "a%3Fb"),
        ("a%2Fb", "a%252Fb"),
        ("ü", "%C3%BC"),
    ],
)
def test_an_odd_id_stays_one_segment_of_the_path(world: World, ip: str, segment: str) -> None:
    assert world.run("release", ip, "--yes").code == 6
    assert world.run("show", ip).code == 6
    assert world.run("update", ip, "--rdns", "a.example.com", "--no-check").code == 6
    collection = "/mail/v1/dedicated-ips"  # which tells what a 404 is about
    path = f"{collection}/{segment}"
    asked = [request for request in world.received() if request != f"GET {collection}"]
    assert asked == [f"GET {path}", f"GET {path}", f"PATCH {path}"]


def test_version(world: World) -> None:
    line = f"misar-ips {misar_ips.__version__}\n"
    assert world.run("--version") == Ran(0, line, "")
    assert world.run("--version", "list") == Ran(0, line, "")


def test_a_misspelt_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'misar_ips' has no attribute 'Cleint'"):
        misar_ips.Cleint  # noqa: B018 - reading the attribute is the test


def test_the_library_offers_what_it_names() -> None:
    for name in misar_ips.__all__:
        assert getattr(misar_ips, name).__name__ == name


def test_all_commands_over_a_socket(environ: dict[str, str], server: EmulatorServer) -> None:
    environ["MISARMAIL_BASE_URL"] = server.base_url
    assert run_process("list", environ=environ) == Ran(0, reference.LIST, "")
    assert run_process("show", "ip_abc123", environ=environ) == Ran(0, reference.SHOW, "")
    requested = run_process("request", "--json", environ=environ)
    assert requested.code == 0
    ip = json.loads(requested.stdout)
    updated = run_process("update", ip["address"], "--pool", "cold", "--json", environ=environ)
    assert (updated.code, json.loads(updated.stdout)["pool"]) == (0, "cold")
    assert run_process("release", ip["id"], environ=environ) == Ran(
        0, f"{ip['id']}\t{ip['address']}\ttrue\n", ""
    )
    assert run_process("list", environ=environ) == Ran(0, reference.LIST, "")


def test_the_demo_needs_no_configuration(environ: dict[str, str]) -> None:
    del environ["MISARMAIL_API_KEY"]
    assert run_process("list", "--profile", "demo", environ=environ) == Ran(0, reference.LIST, "")
    requested = run_process("request", "-p", "demo", environ=environ)
    assert requested.stderr == "IP provisioning in progress. Expected within 24 hours.\n"
    assert run_process("request", "-p", "demo", environ=environ).code == 5
    released = run_process("release", "ip_jkl012", "-p", "demo", environ=environ)
    assert released == Ran(0, "ip_jkl012\t198.51.100.131\ttrue\n", "")


def test_advancing_the_emulator_warms_ips_up(environ: dict[str, str]) -> None:
    run_process("list", "-p", "demo", environ=environ)
    moved = run_process("emulator", "advance", "60d", environ=environ)
    assert moved.code == 0
    assert moved.stdout.startswith("2026-05-31T12:00:")
    listed = run_process("list", "-p", "demo", "--status", "warmed", environ=environ).stdout
    assert [line.split("\t")[0] for line in listed.splitlines()] == [
        "ip_abc123",
        "ip_def456",
        "ip_jkl012",
    ]
    assert run_process("emulator", "reset", environ=environ) == Ran(
        0, "", "The emulator is as new.\n"
    )
    assert run_process("list", "-p", "demo", environ=environ).stdout == reference.LIST


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 is not an address of this machine alone."),  # noqa: S104 - refused
        (["--latency", "inf"], "`inf` is not a valid duration."),
        (["--plan", "gold"], "There is no plan `gold`."),
        (["--fault", "GET:nonsense"], "`GET:nonsense`: the kind must be a status from 400 to 599"),
        (["--port", "70000"], "Invalid value for '--port': 70000 is not in the range 0<=x<=65535."),
    ],
)
def test_serving_with_options_that_make_no_sense(
    world: World, options: list[str], message: str
) -> None:
    ran = world.run("emulator", "serve", *options)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"Error: {message}")


def test_serving_on_a_taken_port(world: World, server: EmulatorServer) -> None:
    port = str(httpx.URL(server.base_url).port)
    ran = world.run("emulator", "serve", "--port", port)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.endswith("`--port 0` picks a free port.\n")
