"""What `doctor` finds: whole reports, one call at most, and an exit code that scripts can use."""

from __future__ import annotations

import json
import platform
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import tomli_w

import misar_ips
from tests.conftest import KEY, Ran, World, run_process

IPS = {"success": True, "ips": [{"id": "ip_1"}]}
FILE = """\
default_profile = "work"
[profiles.work]
api_key = "msk_0123"
[profiles.other]
api_key = "msk_4567"
base_url = "https://mail.misar.io/api/v1"
"""
PLATFORM = (
    f"misar-ips {misar_ips.__version__}, CPython {platform.python_version()}, "
    f"{platform.platform(terse=True)} ({sys.executable})"
)
VERSIONS = (
    "versions",
    "pass",
    f"{PLATFORM}; httpx {version('httpx')}, rich {version('rich')}, typer {version('typer')}.",
    None,
)


def report(ran: Ran) -> list[tuple[str, str, str, str | None]]:
    """Return the findings of a run with --json."""
    return [
        (each["name"], each["status"], each["message"], each["hint"])
        for each in json.loads(ran.stdout)
    ]


def found(world: World, name: str, *options: str) -> list[tuple[str, str | None]]:
    """Return status and text of the findings of one name."""
    findings = report(world.run("doctor", "--json", *options))
    return [(each[1], " ".join(filter(None, each[2:]))) for each in findings if each[0] == name]


def states(ran: Ran) -> dict[str, str]:
    return {name: status for name, status, *_ in report(ran)}


def answering(world: World, response: httpx.Response) -> World:
    world.transport = httpx.MockTransport(lambda _request: response)
    return world


def configure(world: World, text: str = FILE, mode: int = 0o600) -> Path:
    path = Path(world.environ["MISAR_IPS_CONFIG"])
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(mode)
    return path


def test_all_is_well(world: World) -> None:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    limits = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "57", "Date": now}
    path = configure(world, "")
    ran = answering(world, httpx.Response(200, json=IPS, headers=limits)).run("doctor", "--json")
    assert (ran.code, ran.stderr) == (0, "")
    assert report(ran) == [
        VERSIONS,
        ("configuration", "pass", f"{path}. Profiles: none.", None),
        ("profile", "pass", "None: the key in MISARMAIL_API_KEY is used.", None),
        ("key", "pass", "msk_5ec2e75e…, from MISARMAIL_API_KEY.", None),
        ("url", "pass", "https://api.misar.io/mail/v1, the default.", None),
        ("dns", "pass", "api.misar.io is known.", None),
        ("tls", "pass", "Its certificate is trusted.", None),
        ("api", "pass", "It answered after 0 ms.", None),
        ("access", "pass", "The API accepts the key.", None),
        ("scope", "pass", "The key has the scope `ips`; IPs of the account: 1.", None),
        ("limit", "pass", "57 of 60 requests are left.", None),
        ("clock", "pass", "This machine's clock agrees with the server's.", None),
    ]


def test_a_point_as_json(world: World) -> None:
    answering(world, httpx.Response(200, json=IPS))
    points = json.loads(world.run("doctor", "--json").stdout)
    assert {tuple(point) for point in points} == {("name", "status", "message", "hint")}


def test_without_a_key_something_is_missing(world: World) -> None:
    del world.environ["MISARMAIL_API_KEY"]
    configure(world, "")
    ran = world.run("doctor", "--json")
    assert (ran.code, world.received()) == (12, [])
    assert states(ran) == {"versions": "pass", "configuration": "pass", "profile": "fail"}


PEOPLES_REPORT = """\
✓ dns            api.misar.io is known.
✓ tls            Its certificate is trusted.
✓ api            It answered after 0 ms.
✗ access         Could not list the dedicated IPs: the API key is not accepted:
                 it is wrong, revoked or expired (HTTP 401). It is from
                 MISARMAIL_API_KEY: set that to a new one, or
                 `unset MISARMAIL_API_KEY`.
"""


def test_a_report_for_people(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    answering(world, httpx.Response(401, json={"error": "no"}))
    ran = world.run("doctor", terminal="in out err")
    assert (ran.code, ran.stderr) == (
        12,
        "Error: Broken: access. What to do is beside each.\n",
    )
    assert ran.stdout.startswith("✓ versions       misar-ips ")
    assert ran.stdout[ran.stdout.index("✓ dns") :] == PEOPLES_REPORT


def test_a_report_for_scripts(world: World) -> None:
    ran = world.run("doctor", "--profile", "demo")
    assert (ran.code, ran.stderr) == (0, "")
    assert "key\tpass\tNone: the demo account needs no key.\t\n" in ran.stdout
    assert "url\tpass\tNone: the demo account is inside the program.\t\n" in ran.stdout
    assert [line.count("\t") for line in ran.stdout.splitlines()] == [3] * 8


def test_a_failure_as_json(world: World) -> None:
    ran = answering(world, httpx.Response(401)).run("doctor", "--json")
    assert (ran.code, json.loads(ran.stderr)) == (
        12,
        {
            "error": {
                "code": "check_failed",
                "message": "Broken: access.",
                "hint": "What to do is beside each.",
            }
        },
    )
    assert len(report(ran)) > 5


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, {"api": "pass", "access": "fail"}),
        (403, {"api": "pass", "access": "pass", "scope": "fail"}),
        (429, {"api": "pass", "limit": "warning"}),
        (404, {"api": "fail"}),
        (500, {"api": "fail"}),
        (302, {"api": "fail"}),
        (204, {"api": "fail"}),
    ],
)
def test_what_an_answer_tells(world: World, status: int, expected: dict[str, str]) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    world.transport = httpx.MockTransport(answer)
    ran = world.run("doctor", "--json")
    points = ("api", "access", "scope", "limit")
    assert {name: state for name, state in states(ran).items() if name in points} == expected
    assert (ran.code, len(asked), world.waits) == (12 if "fail" in expected.values() else 0, 1, [])


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (socket.gaierror(-2, "not known"), {"dns": "fail"}),
        (ssl.SSLError(1, "wrong version number"), {"dns": "pass", "tls": "fail"}),
        (ConnectionRefusedError(111, "refused"), {"api": "fail"}),
    ],
    ids=["dns", "tls", "refused"],
)
def test_what_no_answer_tells(world: World, cause: OSError, expected: dict[str, str]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(str(cause), request=request) from cause

    world.transport = httpx.MockTransport(fail)
    ran = world.run("doctor", "--json")
    points = ("dns", "tls", "api", "access", "clock")
    assert {name: state for name, state in states(ran).items() if name in points} == expected
    assert (ran.code, world.waits) == (12, [])


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("6", ("pass", "6 of 60 requests are left.")),
        ("5", ("warning", "5 of 60 requests are left. Wait a minute before a script goes on.")),
        ("many", None),
        ("", None),
    ],
)
def test_the_rate_limit(world: World, left: str, expected: tuple[str, str] | None) -> None:
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": left}
    answering(world, httpx.Response(200, json=IPS, headers=headers))
    assert found(world, "limit") == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("hours", "text"),
    [(3, "2 h 59 min behind"), (-3, "3 h ahead of"), (0, None)],
)
def test_the_clock(world: World, hours: int, text: str | None) -> None:
    # Half a minute aside, so that the seconds that the test takes make no difference.
    then = datetime.now(UTC) + timedelta(hours=hours, seconds=-30 if hours else 0)
    answering(world, httpx.Response(200, json=IPS, headers={"Date": format_datetime(then)}))
    [(status, message)] = found(world, "clock")
    assert status == ("warning" if text else "pass")
    assert (text or "agrees with") in str(message)


def test_a_server_on_this_machine_has_neither_name_nor_certificate_nor_clock(world: World) -> None:
    world.environ["MISARMAIL_BASE_URL"] = "http://127.0.0.1:8025/mail/v1"
    seen = states(world.run("doctor", "--json"))
    assert seen["api"] == "pass"
    assert not seen.keys() & {"dns", "tls", "clock"}
    expected = "http://127.0.0.1:8025/mail/v1, from MISARMAIL_BASE_URL."
    assert found(world, "url") == [("pass", expected)]


# Where everything comes from


def test_the_file_and_its_permissions(world: World) -> None:
    path = configure(world)
    del world.environ["MISARMAIL_API_KEY"]
    described = f"{path}. Profiles: work, other; the default one is work."
    assert found(world, "configuration") == [("pass", described)]
    assert found(world, "permissions") == [("pass", "Only you can read the keys in it.")]
    assert found(world, "profile") == [("pass", f"Profile work, from {path}.")]
    assert found(world, "key") == [("pass", "msk_…, from profile work.")]
    path.chmod(0o644)
    warning = f"Others can read the keys in {path}: `chmod 600 {path}`."
    assert found(world, "permissions") == [("warning", warning)]
    assert found(world, "url", "-p", "other") == [
        ("pass", "https://mail.misar.io/api/v1, from profile other.")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "can't be read as TOML"),
        ("[profiles.work]\n", "needs either api_key or api_key_command"),
        ('default_profile = "gone"\n', "there is no such profile"),
    ],
)
def test_a_broken_file_is_told_whatever_is_in_use(world: World, text: str, reason: str) -> None:
    configure(world, text)
    [(status, message)] = found(world, "configuration")
    assert status == "fail"
    assert reason in str(message)
    ran = world.run("doctor", "--json")
    assert (ran.code, states(ran)["access"]) == (12, "pass")  # the environment's key works


def test_an_empty_variable_is_broken(world: World) -> None:
    world.environ["MISAR_IPS_CONFIG"] = ""
    world.environ["MISARMAIL_API_KEY"] = ""
    ran = world.run("doctor", "--json")
    expected = {"configuration": "fail", "profile": "fail"}
    assert states(ran) == {"versions": "pass", **expected}
    assert ran.code == 12


def test_what_is_in_use_shadows_the_rest(world: World) -> None:
    configure(world)
    assert found(world, "profile") == [
        (
            "warning",
            (
                "None: the key in MISARMAIL_API_KEY is used. It shadows the file's default "
                "profile work. If that is not meant: `unset MISARMAIL_API_KEY`."
            ),
        )
    ]
    world.environ["MISAR_IPS_PROFILE"] = "other"
    path = world.environ["MISAR_IPS_CONFIG"]
    shadowed = "MISARMAIL_API_KEY, the file's default profile work"
    assert found(world, "profile") == [
        (
            "warning",
            (
                f"Profile other, from MISAR_IPS_PROFILE, {path}. It shadows {shadowed}. "
                "If that is not meant: `unset MISAR_IPS_PROFILE`."
            ),
        )
    ]
    assert found(world, "profile", "--profile", "work") == [
        (
            "pass",
            (
                f"Profile work, from --profile, {path}. It shadows MISAR_IPS_PROFILE, "
                "MISARMAIL_API_KEY."
            ),
        )
    ]


def test_a_base_url_without_a_key_is_told(world: World) -> None:
    configure(world)
    del world.environ["MISARMAIL_API_KEY"]
    world.environ["MISARMAIL_BASE_URL"] = "https://example.com"
    assert found(world, "url") == [
        (
            "warning",
            (
                "MISARMAIL_BASE_URL is ignored: it counts only together with MISARMAIL_API_KEY. "
                "`unset MISARMAIL_BASE_URL`, or set both."
            ),
        ),
        ("pass", "https://api.misar.io/mail/v1, the default."),
    ]


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://api.misar.io/mail/v1", True),
        ("https://mail.misar.io/api/v1", True),
        ("https://api.misar.io/mail", False),
        ("https://api.mail.misar.io/v1", False),
        ("https://api.misar.io/mail/v1/dedicated-ips", False),
    ],
)
def test_a_base_url_that_ends_unlike_misarmails_is_told(
    world: World, url: str, *, is_right: bool
) -> None:
    world.environ["MISARMAIL_BASE_URL"] = url
    where = f"{url}, from MISARMAIL_BASE_URL"
    told = f"{where}: it does not end in /mail/v1. MisarMail's is https://api.misar.io/mail/v1."
    assert found(world, "url") == [("pass", f"{where}.") if is_right else ("warning", told)]


def test_a_key_in_the_wrong_place_is_cut(world: World) -> None:
    other = "msk_" + "0ther" * 12  # httpx logs the URL, and no log may have the tests' key
    world.environ |= {"MISAR_IPS_CONFIG": KEY, "MISARMAIL_BASE_URL": f"https://a.example/{other}"}
    ran = world.run("doctor")
    assert "MISAR_IPS_CONFIG names msk_5ec2e75e…, and there is no such file." in ran.stdout
    assert "https://a.example/msk_0ther0th…, from MISARMAIL_BASE_URL" in ran.stdout


def test_an_unknown_profile_suggests_near_ones(world: World) -> None:
    configure(world)
    hint = "There is no profile `wrok`. Did you mean `work`? Known profiles: work, other, demo."
    assert found(world, "profile", "--profile", "wrok") == [("fail", hint)]
    assert world.run("list", "-p", "wrok").stderr == f"Error: {hint}\n"
    hint = "There is no profile `x`. Known profiles: work, other, demo."
    assert world.run("list", "-p", "x").stderr == f"Error: {hint}\n"


def test_a_command_for_the_key_that_fails(world: World) -> None:
    configure(world, '[profiles.vault]\napi_key_command = "false"\n')
    assert found(world, "key", "-p", "vault") == [
        ("fail", "The api_key_command of profile `vault` failed with exit code 1: it said nothing.")
    ]


def test_a_command_for_the_key_is_run_once(world: World, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = f"sh -c 'echo run >> {trace}; echo msk_vault'"
    configure(world, tomli_w.dumps({"profiles": {"vault": {"api_key_command": command}}}))
    ran = world.run("doctor", "--json", "-p", "vault")
    assert (ran.code, trace.read_text()) == (0, "run\n")
    assert found(world, "key", "-p", "vault") == [
        ("pass", "Printed by the api_key_command of profile vault.")
    ]


# The version


def test_the_version_for_a_report_of_a_fault(environ: dict[str, str]) -> None:
    for arguments in (["--version", "--debug"], ["--debug", "--version"]):
        ran = run_process(*arguments, environ=environ)
        assert ran == Ran(0, f"{PLATFORM}\n", "")
    assert KEY not in PLATFORM
