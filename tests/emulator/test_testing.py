"""`misar_ips.testing` as somebody uses it who tests a script, and the pytest fixture."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips.errors import NetworkError, OutcomeUnknownError, PlanLimitError, UsageError
from misar_ips.testing import emulated
from tests.emulator.conftest import IPS

if TYPE_CHECKING:
    from pathlib import Path

    from misar_ips.testing import Emulated

ORDERS_ONCE = """\
from __future__ import annotations
import subprocess, sys

def orders(misarmail):
    return [request for request in misarmail.requests if request.method == "POST"]

def test_my_script_orders_exactly_one_ip_although_the_answer_is_lost(misarmail):
    misarmail.fault("POST:lost-reply:1")
    script = [sys.executable, "-m", "misar_ips", "request", "--pool", "transactional"]
    subprocess.run(script, env=misarmail.environ, check=True)
    assert [order.body for order in orders(misarmail)] == [{"pool": "transactional"}]
    with misarmail.client() as client:
        assert len(client.list()) == 5

def test_each_test_has_an_account_of_its_own(misarmail):
    assert orders(misarmail) == []
    with misarmail.client() as client:
        assert len(client.list()) == 4
"""


def pytest_in(folder: Path, *arguments: str, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_script_orders_one_ip_although_the_answer_is_lost(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "-W", "error", code=ORDERS_ONCE)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_pytest_knows_the_fixture(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--fixtures", code="")
    assert "misarmail" in done.stdout
    assert "Return a MisarMail of the test's own" in done.stdout


def test_pytest_imports_nothing_of_ours_before_it_is_used(tmp_path: Path) -> None:
    loaded = (
        "import sys\n"
        "def test_it():\n"
        "    ours = {name for name in sys.modules if name.startswith('misar_ips')}\n"
        "    assert ours <= {'misar_ips', 'misar_ips.testing', 'misar_ips.version'}, ours\n"
        "    assert 'misar_ips.testing' in ours\n"
        "    assert {'httpx', 'sqlite3', 'typer', 'h11'} & set(sys.modules) == set()\n"
    )
    done = pytest_in(tmp_path, code=loaded)
    assert done.returncode == 0, done.stdout


def test_the_plugin_can_be_left_out(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "-p", "no:misar_ips", code="def test_it(misarmail): pass")
    assert (done.returncode, "fixture 'misarmail' not found" in done.stdout) == (1, True)


def test_it_is_used_without_pytest(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from misar_ips.testing import emulated\n"
        "with emulated() as running, running.client() as client: print(len(client.list()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "4\n"


# The context manager


def test_an_account_lasts_as_long_as_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with emulated() as one, emulated() as other:
        assert one.url != other.url
        with one.client() as client:
            client.release("ip_abc123")
        with other.client() as client:
            assert len(client.list()) == 4
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.url, trust_env=False)


def test_the_environment_leads_any_command_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISAR_IPS_PROFILE", "somebody's")
    monkeypatch.setenv("MISARMAIL_BASE_URL", "https://api.misar.io/mail/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.com")
    with emulated() as running:
        environ = running.environ
        assert environ["MISARMAIL_API_KEY"] == running.key
        assert environ["MISARMAIL_BASE_URL"] == running.url
        assert environ["PATH"] == os.environ["PATH"]
        assert "MISAR_IPS_PROFILE" not in environ
        assert environ["no_proxy"] == "example.com,127.0.0.1,localhost"
        curl = ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", f"{running.url}{IPS}"]
        done = subprocess.run(curl, env=environ, capture_output=True, text=True, check=True)
        assert done.stdout == "401"


def test_the_clock_stands_still_until_it_is_advanced() -> None:
    with emulated(seed=[]) as running, running.client() as client:
        ip_id = client.request(pool="cold").ip.id
        start = running.advance(seconds=0)
        assert client.get(ip_id).warmup_status == "not_started"
        assert running.advance(days=1) == start + timedelta(days=1)
        assert client.get(ip_id).warmup_status == "warming"
        running.advance(days=28)
        assert client.get(ip_id).warmup_status == "warmed"
        with pytest.raises(UsageError):
            running.advance(days=-1)


def test_faults_are_asked_for_and_cleared() -> None:
    with emulated() as running, running.client(sleep=lambda _: None) as client:
        running.fault("GET:reset")
        with pytest.raises(NetworkError):
            client.list()
        running.clear_faults()
        assert len(client.list()) == 4
        running.fault("POST:lost-reply:1@2")
        client.request()
        running.fault("GET:reset")
        with pytest.raises((OutcomeUnknownError, NetworkError)):
            client.request()
        with pytest.raises(UsageError, match="the kind must be a status"):
            running.fault("POST:slow")


def test_a_plan_and_other_options_of_the_emulator() -> None:
    with emulated("max", [], faults=["GET:503:1"], shape="sdk") as running:
        with running.client(sleep=lambda _: None) as client:
            client.request()
            with pytest.raises(PlanLimitError):
                client.request()
        statuses = [(request.method, request.status) for request in running.requests]
        assert statuses.count(("GET", 503)) == 1
        assert statuses.count(("POST", 201)) == 1


def test_options_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="There is no plan"), emulated("gold"):
        pass
    with pytest.raises(UsageError, match="There is no shape"), emulated(shape="xml"):
        pass
    with pytest.raises(UsageError, match="the kind must be"), emulated(faults=["GET:slow"]):
        pass


def test_more_than_sixty_requests_a_minute_are_no_matter_unless_asked_for() -> None:
    def statuses(running: Emulated) -> set[int]:
        headers = {"Authorization": f"Bearer {running.key}"}
        with httpx.Client(trust_env=False, headers=headers) as client:
            return {client.get(f"{running.url}{IPS}").status_code for _ in range(61)}

    with emulated() as running:
        assert statuses(running) == {200}
    with emulated(rate_limit=60) as running:
        assert statuses(running) == {200, 429}
