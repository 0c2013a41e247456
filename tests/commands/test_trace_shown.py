"""What `misar-ips trace` prints: on terminals of several widths, piped, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.commands.checked import with_ips
from tests.commands.test_trace import MESSAGES, OURS, TX, from_ours, received

if TYPE_CHECKING:
    from tests.conftest import World

PASSED = f"""\
gmail.eml  ip_def456  {OURS}  5 passed
  ✓ Route      {OURS} (ip_def456) handed it to its receiver, which says
               so.
  ✓ HELO       The server greeted with tx.yourdomain.com, which is the PTR name.
  ✓ SPF        mx.google.example says pass.
  ✓ DKIM       mx.google.example says pass.
  ✓ DMARC      mx.google.example says pass.
"""
FAILED_IN_60 = """\
outlook_fail.eml
  ip_def456  198.51.100.17  1 passed, 2 warnings, 2 failed
  ✓ Route      198.51.100.17 (ip_def456) handed it to its
               receiver, which says so.
  ! HELO       The server greeted with mta9.other.example,
               but the PTR name is tx.yourdomain.com.
               Found: mta9.other.example
               Expected: tx.yourdomain.com
               Receivers trust a server more that greets
               with its PTR name. `misar-ips update
               ip_def456 --rdns mta9.other.example` makes
               them the same.
  ✗ SPF        The receiver says softfail.
               Found: softfail
               Expected: pass
               `misar-ips check ip_def456 --sender
               yourdomain.com` shows why, and what to
               publish.
  ✗ DKIM       The receiver says none.
               Found: none
               Expected: pass
               The message is not signed. Set up DKIM for
               the domain in From.
  ! DMARC      The receiver says bestguesspass.
               Found: bestguesspass
               Expected: pass
               Publish:
_dmarc.yourdomain.com. IN TXT "v=DMARC1; p=none"
"""
FORWARDED_IN_200 = """\
forwarder.eml  ip_def456  198.51.100.17  3 passed, 1 warning, 1 failed
  ! Route      203.0.113.9 handed it to its receiver. A line below names 198.51.100.17 (ip_def456): it was forwarded, or that line is forged.
               Found: 203.0.113.9, 198.51.100.17
               A message to a mailbox that nobody forwards to gives a sure answer.
  ✓ HELO       The server greeted with tx.yourdomain.com, which is the PTR name.
  ✗ SPF        mx.google.example says softfail.
               Found: softfail
               Expected: pass
               That is about the server that handed it over, not about an IP of this account.
  ✓ DKIM       mx.google.example says pass.
  ✓ DMARC      mx.google.example says pass.
"""  # noqa: E501 - as wide as the terminal
NOBODY = """\
standard input  4 unknown
  ? Route      No line names an IP of this account.
               Addresses in it, the newest first: 127.0.0.1, 203.0.113.66.
  ? SPF        The receiver does not say.
  ? DKIM       The receiver does not say.
  ? DMARC      The receiver does not say.
"""
NOT_OURS = """\
shared_pool.eml  2 passed, 2 failed
  ✗ Route      203.0.113.40 handed it to its receiver; that is not an IP of this
               account.
               Found: 203.0.113.40
               Perhaps it went through a shared pool, or through an IP of
               another account.
  ✓ SPF        mx.google.example says pass.
  ✓ DKIM       mx.google.example says pass.
  ✗ DMARC      mx.google.example says fail.
               Found: fail
               Expected: pass
               SPF or DKIM must pass for the domain in From, or for one of its
               organization.
"""


HELO_TOLD = (
    "helo\twarning\thelo.yourdomain.com\ttx.yourdomain.com\tThe server greeted with "
    "helo.yourdomain.com, but the PTR name is tx.yourdomain.com. Receivers trust a server more "
    "that greets with its PTR name. `misar-ips update ip_def456 --rdns helo.yourdomain.com` "
    "makes them the same."
)
SPF_TOLD = (
    "spf\twarning\tneutral\tpass\tmx.google.example says neutral. `misar-ips check ip_def456 "
    "--sender yourdomain.com` shows why, and what to publish."
)
DKIM_TOLD = (
    "dkim\twarning\tneutral\tpass\tmx.google.example says neutral. The key in DNS is another one, "
    "or the message was changed on its way."
)


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MESSAGES)


@pytest.mark.parametrize(
    ("name", "width", "shown", "code"),
    [
        ("gmail.eml", 80, PASSED, 0),
        ("outlook_fail.eml", 60, FAILED_IN_60, 12),
        ("forwarder.eml", 200, FORWARDED_IN_200, 12),
        ("shared_pool.eml", 80, NOT_OURS, 12),
    ],
)
def test_in_a_terminal(world: World, name: str, width: int, shown: str, code: int) -> None:
    world.environ |= {"NO_COLOR": "1", "COLUMNS": str(width)}
    ran = world.run("trace", name, terminal="out")
    assert (ran.code, ran.stdout) == (code, shown)
    why = f"Error: A check failed for {name}. What was found is beside each check.\n"
    assert ran.stderr == (why if code else "")


def test_what_nobody_tells(world: World) -> None:
    world.environ["NO_COLOR"] = "1"
    message = (MESSAGES / "nobody_says.eml").read_text()
    ran = world.run("trace", stdin=message, terminal="out")
    assert (ran.code, ran.stdout, ran.stderr) == (0, NOBODY, "")


def test_piped(world: World) -> None:
    ran = world.run("trace", "gmail_neutral.eml")
    told = [
        f"route\tpass\t{OURS}\t\t{OURS} (ip_def456) handed it to its receiver, which says so.",
        HELO_TOLD,
        SPF_TOLD,
        DKIM_TOLD,
        "dmarc\tunknown\t\tpass\tThe receiver does not say.",
    ]
    who = f"gmail_neutral.eml\tip_def456\t{OURS}\t"
    assert ran.stdout.splitlines() == [f"{who}{each}" for each in told]
    assert (ran.code, ran.stderr) == (0, "")


def test_json(world: World) -> None:
    ran = world.run("trace", "shared_pool.eml", "--json")
    [message] = json.loads(ran.stdout)
    assert {**message, "checks": message["checks"][:2]} == {
        "file": "shared_pool.eml",
        "id": None,
        "address": None,
        "ok": False,
        "checks": [
            {
                "name": "route",
                "status": "fail",
                "message": "203.0.113.40 handed it to its receiver; that is not an IP of this "
                "account.",
                "hint": "Perhaps it went through a shared pool, or through an IP of another "
                "account.",
                "found": ["203.0.113.40"],
                "expected": [],
            },
            {
                "name": "spf",
                "status": "pass",
                "message": "mx.google.example says pass.",
                "hint": None,
                "found": ["pass"],
                "expected": ["pass"],
            },
        ],
    }
    assert (ran.code, json.loads(ran.stderr)["error"]["code"]) == (12, "check_failed")


# --pool


def route_of(world: World, *arguments: str) -> tuple[str, str, list[str]]:
    ran = world.run("trace", "--json", *arguments)
    route = json.loads(ran.stdout)[0]["checks"][0]
    return route["status"], route["message"], route["expected"]


def test_pool(world: World) -> None:
    says = f"{OURS} (ip_def456) handed it to its receiver, which says so."
    assert route_of(world, "gmail.eml", "--pool", "transactional") == ("pass", says, [])
    assert route_of(world, "gmail.eml", "--pool", "marketing") == (
        "fail",
        f"{says} ip_def456 is in transactional, not in marketing.",
        ["198.51.100.42", "198.51.100.88"],
    )
    assert route_of(world, "nobody_says.eml", "--pool", "marketing")[:2] == (
        "fail",
        "No line names an IP of this account. No IP is known to be in marketing.",
    )
    assert route_of(world, "forwarder.eml", "--pool", "transactional")[0] == "warning"


def test_a_pool_that_no_ip_is_in(world: World) -> None:
    ran = world.run("trace", "gmail.eml", "--pool", "transaktional")
    assert ran.code == 12
    assert ran.stderr.splitlines()[0] == (
        "Warning: No IP that is listed is in pool `transaktional`. Pools: marketing, transactional."
    )


# A list that is not whole


def test_an_ip_that_is_not_listed_may_still_be_ours(world: World) -> None:
    world = with_ips(world, {**TX, "address": "198.51.100.99"}, total=9)
    status, message, _ = route_of(world, "gmail.eml")
    assert (status, message) == (
        ("unknown", "No line names an IP that the server listed, and there are more.")
    )
    ran = world.run("trace", "gmail.eml")
    assert ran.code == 0
    assert ran.stderr == "Warning: The server listed 1 of 9 IPs.\n"


def test_an_account_without_ips(world: World) -> None:
    world = with_ips(world)
    assert route_of(world, "gmail.eml")[0] == "fail"
    assert world.run("trace", stdin=received(from_ours())).code == 0


def test_the_list_can_not_be_read(world: World) -> None:
    world.transport = httpx.MockTransport(lambda _request: httpx.Response(401))
    ran = world.run("trace", "gmail.eml")
    assert (ran.code, ran.stdout) == (4, "")
