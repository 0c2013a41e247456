"""How things are typed: other names, common options, words of other tools, and what they get."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.conftest import Ran, World

ORDER = ["list", "show", "check", "wait", "request", "update", "release", "doctor"]


def pasted(ran: Ran) -> list[str]:
    """Return the arguments of the command line in a hint, as a shell would read them."""
    [line] = re.findall(r"`(misar-ips [^`]*)`[?.]\n", ran.stderr)
    return shlex.split(line)[1:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "`lst` is not a command. Did you mean `misar-ips list`?"),
        (["rm"], "`rm` is not a command. Did you mean `misar-ips release`?"),
        (
            ["-p", "demo", "rm", "ip_x y"],
            "`rm` is not a command. Did you mean `misar-ips -p demo release 'ip_x y'`?",
        ),
        (["login"], "`login` is not a command. Did you mean `misar-ips profile add NAME`?"),
        (["login", "work"], "`login` is not a command. Did you mean `misar-ips profile add work`?"),
        (
            ["profile", "rm", "x"],
            "`rm` is not a command. Did you mean `misar-ips profile remove x`?",
        ),
        (["help", "rm"], "`rm` is not a command. Did you mean `misar-ips help release`?"),
        (["help", "list", "all"], "`all` is not a command. See `misar-ips help list --help`."),
        (["frobnicate"], "`frobnicate` is not a command. See `misar-ips --help`."),
        (["--", "--pool"], "`--pool` is not a command. See `misar-ips --help`."),
        (
            ["list", "--pol", "x"],
            "`--pol` is not an option of `misar-ips list`. Did you mean `misar-ips list --pool x`?",
        ),
        (
            ["update", "ip_1", "--hostname=mail.example.com", "-p", "demo"],
            (
                "`--hostname` is not an option of `misar-ips update`. "
                "Did you mean `misar-ips update ip_1 --rdns=mail.example.com -p demo`?"
            ),
        ),
        (
            ["update", "ip_1", "--force"],
            "`--force` is not an option of `misar-ips update`. See `misar-ips update --help`.",
        ),
        (
            ["--profil", "demo", "list"],
            (
                "`--profil` is not an option of `misar-ips`. "
                "Did you mean `misar-ips --profile demo list`?"
            ),
        ),
        (
            ["--pool", "cold", "list"],
            "`--pool` comes after the command. Write `misar-ips list --pool cold`.",
        ),
        (
            ["profile", "--replace", "add", "x"],
            "`--replace` comes after the command. Write `misar-ips profile add --replace x`.",
        ),
        (
            ["list", "--api-key", "x"],
            (
                "A key is not given on the command line. "
                "`misar-ips profile add NAME` takes a key unseen, and keeps it."
            ),
        ),
        (["--json", "help"], "`misar-ips help` does not take `--json`."),
        (["show"], "Missing argument 'IP'. See `misar-ips show --help`."),
        (["list", "x"], "Got unexpected extra argument(s) (x). See `misar-ips list --help`."),
        (
            ["emulator", "advance", "7w"],
            "`7w` is not a valid duration. Write it as 90s, 15m, 24h, 28d or 1h30m.",
        ),
        *(
            (
                [*command, "--interval", "4"],
                "An interval of `4` is too short. The shortest is `--interval 5s`.",
            )
            for command in (["show", "x", "--watch"], ["wait", "x", "--for", "warmed"])
        ),
    ],
)
def test_wrong_arguments(world: World, arguments: list[str], message: str) -> None:
    shown = world.run(*arguments)
    if "--json" not in arguments:
        assert shown == Ran(2, "", f"Error: {message}\n")
    if arguments[0] not in {"emulator", "help", "--"}:
        error = json.loads(world.run(*arguments, "--json").stderr)["error"]
        assert error["code"] == "usage"
        assert message.startswith(error["message"])
    assert world.received() == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["rm", "ip_jkl012"], ["release", "ip_jkl012"]),
        (["delete", "ip_jkl012"], ["release", "ip_jkl012"]),
        (["get"], ["list"]),
        (["get", "ip_abc123"], ["show", "ip_abc123"]),
        (["describe", "198.51.100.42"], ["show", "198.51.100.42"]),
        (["create", "--pool", "cold"], ["request", "--pool", "cold"]),
        (["add"], ["request"]),
        (["edit", "ip_abc123", "--pool", "cold"], ["update", "ip_abc123", "--pool", "cold"]),
        (["version"], ["--version"]),
        (["profile", "get"], ["profile", "list"]),
        (["profile", "switch", "demo"], ["profile", "use", "demo"]),
        (["emulator", "clear"], ["emulator", "reset"]),
        (["list", "-o", "json"], ["list", "--json"]),
        (["list", "-ojson"], ["list", "--json"]),
        (["list", "--output=json", "--pool", "cold"], ["list", "--json", "--pool", "cold"]),
        (["show", "ip_abc123", "-v"], ["show", "ip_abc123", "--debug"]),
        (["-v"], ["--version"]),
        (["request", "--ptr", "a.example.com"], ["request", "--rdns", "a.example.com"]),
        (["release", "ip_abc123", "-f"], ["release", "ip_abc123", "--yes"]),
        (["list", "--stauts", "warmed"], ["list", "--status", "warmed"]),
        (["list", "--account", "demo"], ["list", "--profile", "demo"]),
    ],
)
def test_words_of_other_tools_get_a_line_that_runs(
    world: World, typed: list[str], meant: list[str]
) -> None:
    ran = world.run(*typed)
    assert (ran.code, ran.stdout, pasted(ran)) == (2, "", meant)
    assert world.run(*meant).code == 0


def test_an_alias_is_the_command(world: World) -> None:
    assert world.run("ls", "--pool", "marketing") == world.run("list", "--pool", "marketing")
    assert world.run("ls", "-h") == world.run("list", "--help") == world.run("help", "ls")
    assert world.run("profile", "ls") == world.run("profile", "list")


@pytest.mark.parametrize(
    "options",
    [
        ["-p", "demo"],
        ["-pdemo"],
        ["-p=demo"],
        ["--profile=demo"],
        ["--json"],
        ["--debug", "-pdemo"],
    ],
    ids=" ".join,
)
def test_common_options_before_the_command_or_after_it(world: World, options: list[str]) -> None:
    if "demo" in options[-1]:
        del world.environ["MISARMAIL_API_KEY"]
    before = world.run(*options, "show", "ip_abc123")
    after = world.run("show", "ip_abc123", *options)
    assert before.code == 0
    assert (before.code, before.stdout) == (after.code, after.stdout)
    assert bool(before.stderr) == bool(after.stderr) == ("--debug" in options)


def test_the_profile_after_the_command_counts_where_both_are_given(world: World) -> None:
    assert world.run("-p", "nosuch", "list", "-p", "demo").code == 0
    assert world.run("-p", "demo", "list", "-p", "nosuch").code == 3
    assert world.run("-p", "demo", "profile", "add", "x").code == 2


def test_no_arguments_show_the_commands_and_an_order_is_not_the_first(world: World) -> None:
    ran = world.run()
    assert (ran.code, ran.stderr) == (0, "")
    assert ran == world.run("--help") == world.run("-h") == world.run("-p", "demo")
    shown = re.findall(r"^  ([a-z]+) ", ran.stdout, re.MULTILINE)
    assert [each for each in shown if each in ORDER] == ORDER
    assert shown[0] == "list"


@pytest.mark.parametrize("group", ["profile", "emulator"])
def test_a_group_without_a_command_shows_its_help(world: World, group: str) -> None:
    ran = world.run(group)
    assert (ran.code, ran.stderr) == (0, "")
    assert ran == world.run(group, "--help") == world.run("help", group)


def ids(ran: Ran) -> list[str]:
    return [line.partition("\t")[0] for line in ran.stdout.splitlines()]


def test_filters_can_be_repeated(world: World) -> None:
    ran = world.run("list", "--status", "warmed", "--status", "suspended")
    assert (ids(ran), ran.stderr) == (["ip_def456", "ip_ghi789"], "")
    world.run("update", "ip_abc123", "--pool", "cold")
    ran = world.run("list", "--pool", "cold", "--pool", "transactional", "--status", "warming")
    assert (ids(ran), ran.stderr) == (["ip_abc123"], "")


@pytest.mark.parametrize(
    ("status", "meant"), [("warmd", "warmed"), ("WARMING", "warming"), ("", None), ("new", None)]
)
def test_a_status_that_is_not_one(world: World, status: str, meant: str | None) -> None:
    near = f"Did you mean `{meant}`? " if meant else ""
    assert world.run("list", "--status", "warmed", "--status", status) == Ran(
        2,
        "",
        f"Error: `{status}` is not a status. {near}"
        "Known: not_started, warming, warmed, suspended.\n",
    )


def test_a_pool_that_no_ip_is_in_is_warned_of(world: World) -> None:
    ran = world.run("list", "--pool", "marketng", "--pool", "transactional")
    assert (ran.code, ids(ran)) == (0, ["ip_def456", "ip_jkl012"])
    assert ran.stderr == (
        "Warning: No IP that is listed is in pool `marketng`. Pools: marketing, transactional.\n"
    )


@pytest.mark.parametrize("options", [["--pool", "cold"], ["--yes"], ["-y"], ["--rdns", "a.b.com"]])
def test_an_order_that_says_what_it_wants_is_not_asked_about(
    world: World, options: list[str]
) -> None:
    ran = world.run("request", *options, "--no-check", terminal="in out err")
    assert ran.code == 0
    assert "[y/N]" not in ran.stderr


def test_a_bare_order_is_asked_about_at_a_terminal(world: World) -> None:
    ran = world.run("request", stdin="n\n", terminal="in out err")
    assert (ran.code, ran.stdout, world.received("POST")) == (1, "", [])
    assert "Order a new dedicated IP" in ran.stderr
    assert world.run("request", stdin="y\n", terminal="in err").code == 0
    world.emulator.store.release("ip_jkl012")  # so that the plan allows another one
    assert world.run("request", terminal="out").code == 0
    assert len(world.received("POST")) == 2
