"""A state of one's own: `--empty`, `--seed`, and how they fit the plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from misar_ips.errors import UsageError
from misar_ips.testing import emulated
from tests.conftest import Ran
from tests.emulator.conftest import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import World as Program

OWN = {
    "id": "ip_own",
    "address": "203.0.113.9",
    "rdns": "mail.example.com",
    "pool": "cold",
    "warmup_status": "warming",
    "warmup_percent": 12.5,
    "daily_limit": 150,
    "reputation_score": 41,
    "warmup_schedule": [
        {"day": 1, "limit": 50, "sent": 50, "done": True},
        {"day": 10, "limit": 500, "sent": 20, "done": False},
        {"day": 40, "limit": 9000, "sent": 0, "done": False},
    ],
    "created_at": "2026-03-22T12:00:00Z",
}


def shown(seed: list[object], ip_id: str, days: float = 0) -> dict[str, Any]:
    """Return an IP of a seed as the API shows it, some days later."""
    with emulated(seed=seed) as running, running.client() as client:
        running.advance(days=days)
        return dict(client.get(ip_id).raw)


def test_an_ip_starts_as_its_seed_says_to_the_last_field() -> None:
    assert shown([OWN], "ip_own") == OWN
    assert shown([EXAMPLE], "ip_abc123") == EXAMPLE


def test_from_there_it_goes_on_with_the_clock() -> None:
    later = shown([OWN], "ip_own", days=12)
    assert (later["warmup_status"], later["warmup_percent"]) == ("warming", 42)
    assert (later["reputation_score"], later["daily_limit"]) == (53, 2617)
    assert [step["sent"] for step in later["warmup_schedule"]] == [50, 500, 0]
    end = shown([OWN], "ip_own", days=40)
    assert (end["warmup_status"], end["warmup_percent"]) == ("warmed", 100)
    assert (end["reputation_score"], end["daily_limit"]) == (81, 9000)
    assert [step["done"] for step in end["warmup_schedule"]] == [True, True, True]


@pytest.mark.parametrize("status", ["not_started", "warming", "warmed", "suspended"])
@pytest.mark.parametrize("created_at", [None, "2026-03-31T00:00:00Z", "2020-01-01T00:00:00+02:00"])
def test_a_status_is_shown_as_given_whatever_the_dates(status: str, created_at: str | None) -> None:
    seed = {"id": "x", "warmup_status": status, "created_at": created_at}
    assert shown([seed], "x")["warmup_status"] == status
    month_later = {"suspended": "suspended"}.get(status, "warmed")
    assert shown([seed], "x", days=30)["warmup_status"] == month_later


@pytest.mark.parametrize("percent", [0, 1, 29, 62, 99])
def test_a_percent_is_shown_as_given_and_grows(percent: int) -> None:
    for created_at in ("2026-03-15T10:00:00Z", "2020-01-01T00:00:00Z", "2026-04-01T12:00:00Z"):
        seed: dict[str, object] = {"id": "x", "warmup_status": "warming"}
        seed.update(warmup_percent=percent, created_at=created_at)
        seen = [shown([seed], "x", days=day)["warmup_percent"] for day in (0, 1, 3, 9, 28)]
        assert (seen[0], seen[-1]) == (percent, 100)
        assert seen == sorted(seen)


def test_an_id_alone_is_enough() -> None:
    ip = shown([{"id": "x"}, {"id": "y", "address": "198.51.100.1"}], "x")
    assert (ip["address"], ip["pool"], ip["rdns"]) == ("198.51.100.2", "marketing", None)
    assert (ip["warmup_status"], ip["created_at"]) == ("warming", "2026-04-01T12:00:00Z")


def test_an_order_after_a_seed_takes_a_free_address() -> None:
    seed = [{"id": "x", "address": "198.51.100.1"}]
    with emulated(seed=seed) as running, running.client() as client:
        assert client.request().ip.address == "198.51.100.2"


def test_what_list_and_show_print_is_good_for_a_seed(program: Program, tmp_path: Path) -> None:
    program.environ["MISARMAIL_API_KEY"] = "msk_emulator"
    with emulated() as running:
        program.environ["MISARMAIL_BASE_URL"] = running.url
        listed = program.run("list", "--json").stdout
        details = program.run("show", "ip_abc123", "--json").stdout
    for text in (listed, f"[{details}]", json.dumps({"success": True, "ips": json.loads(listed)})):
        (tmp_path / "seed.json").write_text(text)
        with emulated(seed=tmp_path / "seed.json") as running:
            program.environ["MISARMAIL_BASE_URL"] = running.url
            first = program.run("list").stdout.splitlines()[0]
        assert first.startswith("ip_abc123\t198.51.100.42\tmail.yourdomain.com\tmarketing\twarming")


# Seeds that are none


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"id": "x"},]', "is not valid JSON: Expecting value at line 1, column 14."),
        ('{\n  "ips": [\n', "is not valid JSON: Expecting value at line 3, column 1."),
        ("", "is not valid JSON: Expecting value at line 1, column 1."),
        ("[" * 100_000, "is not valid JSON: maximum recursion depth exceeded"),
        ('{"ip": {"id": "x"}}', 'must hold a list of IPs, or an object such as {"ips": [...]}.'),
        ("7", 'must hold a list of IPs, or an object such as {"ips": [...]}.'),
        ('["x"]', ": IP 1, it is not an object."),
        ("[{}]", ": IP 1, field `id`: it must be a text of 1 to 200 printable characters."),
        ('[{"id": 7}]', ": IP 1 (`7`), field `id`: it must be a text of 1 to 200 printable"),
        ('[{"id": "a"}, {"id": "a"}]', ": IP 2 (`a`), field `id`: an IP before it has the same."),
        (
            '[{"id": "a", "address": "::1"}, {"id": "b", "address": "::1"}]',
            ": IP 2 (`b`), field `address`: an IP before it has the same.",
        ),
        (
            '[{"id": "a"}, {"id": "b", "address": "1.2.3"}]',
            ": IP 2 (`b`), field `address`: it must",
        ),
        ('[{"id": "a", "pool": "a b"}]', ": IP 1 (`a`), field `pool`: it must be 1 to 64 letters"),
        ('[{"id": "a", "rdns": "a_b"}]', ": IP 1 (`a`), field `rdns`: it must be a hostname"),
        (
            '[{"id": "a", "warmup_status": "active"}]',
            ": IP 1 (`a`), field `warmup_status`: it must be one of not_started, warming, warmed,",
        ),
        (
            '[{"id": "a", "warmup_percent": 101}]',
            "field `warmup_percent`: it must be a number from",
        ),
        (
            '[{"id": "a", "warmup_percent": NaN}]',
            "field `warmup_percent`: it must be a number from",
        ),
        (
            '[{"id": "a", "daily_limit": 1.5}]',
            "field `daily_limit`: it must be a whole number, 0 or",
        ),
        (
            '[{"id": "a", "daily_limit": true}]',
            "field `daily_limit`: it must be a whole number, 0 or",
        ),
        (
            '[{"id": "a", "reputation_score": -1}]',
            "field `reputation_score`: it must be a number, 0",
        ),
        (
            '[{"id": "a", "created_at": "soon"}]',
            "field `created_at`: it must be a time such as 2026-",
        ),
        (
            '[{"id": "a", "created_at": "0001-01-01"}]',
            "field `created_at`: it must be a time such as",
        ),
        (
            '[{"id": "a", "warmup_schedule": []}]',
            "field `warmup_schedule`: it must be a list of steps",
        ),
        (
            '[{"id": "a", "warmup_schedule": [{"day": 2, "limit": 1}, {"day": 2, "limit": 2}]}]',
            "field `warmup_schedule`: it must be a list of steps",
        ),
        (
            '[{"id": "a", "warmup_precent": 62}]',
            "field `warmup_precent`: it must be one of id, addre",
        ),
    ],
)
def test_a_bad_seed_file_is_a_usage_error_with_the_place(
    program: Program, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text)
    for command in (["serve", "--port", "0"], ["reset"], ["run", "--", "true"]):
        ran = program.run("emulator", command[0], "--seed", str(path), *command[1:])
        assert (ran.code, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"Error: {path}")
        assert message in ran.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_a_seed_file_that_can_not_be_read(program: Program, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'["\xe9"]')
    for path, reason in (
        (tmp_path / "none", "can't be read: No such file or directory."),
        (tmp_path, "can't be read: Is a directory."),
        (
            tmp_path / "latin",
            "is not valid JSON: 'utf-8' codec can't decode byte 0xe9 in position 2",
        ),
    ):
        ran = program.run("emulator", "reset", "--seed", str(path))
        assert ran.code == 2
        assert ran.stderr.startswith(f"Error: {path} {reason}")


def test_a_byte_order_mark_is_read_past(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text("\ufeff[]", encoding="utf-8")
    with emulated(seed=tmp_path / "seed.json") as running, running.client() as client:
        assert list(client.list()) == []


# Plans


@pytest.mark.parametrize(("plan", "ids"), [("free", []), ("pro", []), ("max", ["ip_abc123"])])
def test_there_are_as_many_first_ips_as_the_plan_includes(
    program: Program, plan: str, ids: list[str]
) -> None:
    with emulated(plan) as running, running.client() as client:
        assert [ip.id for ip in client.list()] == ids
    assert program.run("emulator", "reset", "--plan", plan).code == 0
    assert [ip["id"] for ip in program.emulator.store.ips()] == ids


def test_a_seed_that_is_larger_than_the_plan_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('[{"id": "a"}, {"id": "b"}]')
    options = ["--plan", "max", "--seed", str(tmp_path / "seed.json")]
    message = f"{tmp_path / 'seed.json'} holds 2 IPs, and the plan `max` includes 1."
    assert program.run("emulator", "reset", *options) == Ran(2, "", f"Error: {message}\n")
    with pytest.raises(UsageError, match="The seed holds 6 IPs, and the plan `enterprise` incl"):
        shown([{"id": str(number)} for number in range(6)], "0")


def test_a_state_that_is_larger_than_the_plan_is_refused_with_a_way_out(program: Program) -> None:
    program.emulator.store.now()
    refused = Ran(
        2,
        "",
        "Error: The state holds 4 IPs, and the plan `max` includes 1. `misar-ips emulator reset"
        " --plan max` starts it over.\n",
    )
    assert program.run("emulator", "serve", "--port", "0", "--plan", "max") == refused
    assert len(program.emulator.store.ips()) == 4


def test_empty_and_a_seed_contradict_each_other(program: Program, tmp_path: Path) -> None:
    ran = program.run("emulator", "reset", "--empty", "--seed", str(tmp_path / "x.json"))
    assert ran == Ran(2, "", "Error: `--empty` and `--seed` contradict each other.\n")


def test_an_unknown_plan_names_the_known_ones(program: Program) -> None:
    told = "Error: There is no plan `gold`. Plans: free, pro, max, enterprise.\n"
    for command in (["serve"], ["reset"], ["run", "true"]):
        ran = program.run("emulator", command[0], "--plan", "gold", *command[1:])
        assert ran == Ran(2, "", told)


def test_a_reset_without_an_ip_stays_so(program: Program) -> None:
    assert program.run("emulator", "reset", "--empty").code == 0
    assert program.emulator.store.ips() == []
    assert program.run("emulator", "reset").code == 0
    assert len(program.emulator.store.ips()) == 4
