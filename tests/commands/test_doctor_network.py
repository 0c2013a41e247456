"""What `doctor` says of the way to the server, and how it ends when nobody reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEY, World
from tests.listener import Listener

if TYPE_CHECKING:
    from misar_ips.emulator.server import EmulatorServer


@pytest.mark.parametrize(
    ("variables", "name", "message"),
    [
        (
            {"HTTPS_PROXY": "http://nosuch.invalid:3128"},
            "proxy",
            "the proxy nosuch.invalid:3128 is not known",
        ),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:1"},
            "proxy",
            "the proxy 127.0.0.1:1 can't be reached",
        ),
        (
            {"HTTPS_PROXY": "http://user:s3cr/et@127.0.0.1:1"},
            "proxy",
            "HTTPS_PROXY can't be used",
        ),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "tls", "SSL_CERT_FILE=/nowhere.pem can't be used"),
        ({"MISARMAIL_BASE_URL": "https://a..example/mail/v1"}, "url", "host that can't exist"),
    ],
)
def test_a_way_that_is_closed_fails_at_its_own_point(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    name: str,
    message: str,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    world.environ |= variables
    world.transport = None
    ran = world.run("doctor", "--json")
    assert ran.code == 12
    points = {each["name"]: each for each in json.loads(ran.stdout)}
    assert [each for each, point in points.items() if point["status"] == "fail"] == [name]
    assert message in points[name]["message"]
    assert not points.keys() & ({"dns", "tls", "api"} - {name})
    assert "s3cr" not in ran.stdout


def test_what_a_proxy_finds_is_not_claimed_of_our_dns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunnel = b"HTTP/1.1 200 Connection established\r\n\r\nthis is no TLS at all"
    with Listener(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
        world.transport = None
        points = json.loads(world.run("doctor", "--json").stdout)
        seen = {each["name"]: each["status"] for each in points}
        assert (seen["proxy"], seen["tls"]) == ("pass", "fail")
        assert "dns" not in seen


# The exit code


@pytest.mark.parametrize(("key", "code"), [("msk_revoked", 12), (KEY, 0)])
def test_a_closed_pipe_hides_no_finding(server: EmulatorServer, key: str, code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "misar_ips", "doctor"],
        env={"MISARMAIL_API_KEY": key, "MISARMAIL_BASE_URL": server.base_url, "HOME": "/nowhere"},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        encoding="utf-8",
    )
    os.close(writing)
    error = "Error: Broken: access. What to do is beside each.\n" if code else ""
    assert (done.returncode, done.stderr) == (code, error)
