"""Bodies that are JSON or not, the server's clock, and a key that a server repeats."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from misar_ips import Client, DedicatedIP, ForbiddenError, InvalidResponseError, MisarError
from tests import texts
from tests.api.conftest import BASE, answer, raw
from tests.conftest import KEY, Ran, World
from tests.listener import Listener, Part, hang_up, json_reply, reply, reset

if TYPE_CHECKING:
    from tests.api.conftest import Answered, Connect


class TestBodies:
    @pytest.mark.parametrize(
        "content",
        [
            b'{"ips": [',
            b'{"ips": []} extra',
            b'{"ips": [{"id": "a", "warmup_percent": NaN}]}',
            b'{"ips": [{"id": "a", "warmup_percent": -Infinity}]}',
            b'{"ips": [{"id": "a", "warmup_percent": 1e999}]}',
            b'{"ips": [{"id": "a", "warmup_percent": ' + b"9" * 5_000 + b"}]}",
            b'{"ips": [{"id": "caf\xe9"}]}',
            b"\xff\xfe\x00",
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b"[" * 101 + b"]" * 101,
            b"ips: []",
        ],
        ids=lambda content: content[:50].decode("latin-1"),
    )
    def test_what_is_no_json_is_one_clear_error(self, answered: Answered, content: bytes) -> None:
        with pytest.raises(InvalidResponseError) as caught:
            answered(raw(content)).list()

        assert caught.value.message == (
            "Could not list the dedicated IPs: the answer is not valid JSON (HTTP 200)."
        )

    def test_a_web_page_is_called_one(self, answered: Answered) -> None:
        page = httpx.Response(200, html="\n<!doctype html><title>Log in</title>")

        with pytest.raises(InvalidResponseError) as caught:
            answered(page).list()

        assert caught.value.message == (
            f"Could not list the dedicated IPs: {texts.PAGE} (HTTP 200)."
        )

    def test_of_two_equal_names_the_last_counts(self, answered: Answered) -> None:
        content = b'{"ips": [{"id": "ip_1", "pool": "cold", "id": "ip_2"}]}'

        assert answered(raw(content)).list() == (DedicatedIP("ip_2", pool="cold"),)

    @pytest.mark.parametrize("media_type", ["text/html", "application/octet-stream", "", "\xff"])
    def test_json_under_another_name_is_read(self, answered: Answered, media_type: str) -> None:
        headers = {b"Content-Type": media_type.encode("latin-1")}

        response = httpx.Response(200, content=b'[{"id": "ip_1"}]', headers=headers)

        assert answered(response).list() == (DedicatedIP("ip_1"),)

    def test_a_byte_order_mark_does_no_harm(self, answered: Answered) -> None:
        assert answered(raw(b'\xef\xbb\xbf[{"id": "ip_1"}]')).list() == (DedicatedIP("ip_1"),)


class TestServerTime:
    def test_it_is_that_of_the_last_reply(self, answered: Answered) -> None:
        client = answered(
            answer([], date="Wed, 01 Apr 2026 12:00:00 GMT"),
            answer([], date="Wed, 08 Apr 2026 12:00:00 GMT"),
        )
        assert client.server_time is None

        client.list()
        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

        client.list()
        assert client.server_time == datetime(2026, 4, 8, 12, tzinfo=UTC)

    @pytest.mark.parametrize("time", ["12:00:00 GMT", "12:00:00 -0000", "14:00:00 +0200"])
    def test_it_is_utc_however_the_zone_is_named(self, answered: Answered, time: str) -> None:
        client = answered(answer([], date=f"Wed, 01 Apr 2026 {time}"))

        client.list()

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)

    def test_a_failure_tells_it_too(self, answered: Answered) -> None:
        client = answered(answer({}, 403, date="Wed, 01 Apr 2026 12:00:00 GMT"))

        with pytest.raises(ForbiddenError):
            client.get("ip_1")

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)
        assert client.server_time.tzinfo is UTC

    @pytest.mark.parametrize("date", ["", "now", "Wed, 99 Apr 2026 12:00:00 GMT", "1", "\t"])
    def test_a_date_that_is_none_leaves_it_as_it_was(self, answered: Answered, date: str) -> None:
        client = answered(answer([], date="Wed, 01 Apr 2026 12:00:00 GMT"), answer([], date=date))

        client.list()
        client.list()

        assert client.server_time == datetime(2026, 4, 1, 12, tzinfo=UTC)


class TestTheKey:
    def test_it_is_shown_by_no_representation(self, connect: Connect) -> None:
        client = connect(transport=httpx.MockTransport(lambda _request: answer([])))

        assert repr(client) == f"Client(api_key='msk_5ec2e75e…', base_url='{BASE}')"
        assert KEY not in repr(vars(client))
        assert KEY not in repr(client.list())

    @pytest.mark.parametrize(
        "part",
        [
            json_reply({"error": f"Key {KEY} is unknown"}, status=401),
            json_reply({"error": f"Key {KEY} is unknown", "details": {KEY: KEY}}, status=400),
            json_reply({"message": KEY}, status=500),
            json_reply({"error": KEY, "code": "plan_limit_exceeded"}, status=403),
            json_reply({"ips": [{"id": None, "address": KEY}]}),
            reply(KEY.encode()),
            reply(KEY.encode(), status=422),
            hang_up,
            reset,
        ],
    )
    def test_it_is_shown_by_no_error_and_no_log(
        self, connect: Connect, log: list[str], part: Part
    ) -> None:
        with Listener(part) as server, pytest.raises(MisarError) as caught:
            connect(server.base_url).list()

        told = [*traceback.format_exception(caught.value), json.dumps(caught.value.to_json()), *log]
        assert log
        assert KEY not in "".join(told)
        assert KEY.encode() in server.received[0]

    def test_what_is_left_tells_it_from_another(self, answered: Answered) -> None:
        with pytest.raises(MisarError) as caught:
            answered(answer({"error": f"Odd key {KEY}", "details": {"k": KEY}}, 400)).list()

        assert caught.value.to_json() == {
            "code": "rejected",
            "message": "Could not list the dedicated IPs: Odd key msk_5ec2e75e…: k: msk_5ec2e75e…"
            " (HTTP 400).",
            "hint": texts.SUPPORT,
            "status": 400,
            "details": {"k": "msk_5ec2e75e…"},
        }

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
    def test_it_is_hidden_in_every_encoding_that_json_has(
        self, answered: Answered, encoding: str
    ) -> None:
        body = json.dumps([{"id": "ip_1", "rdns": KEY}]).encode(encoding)

        assert answered(raw(body)).list() == (DedicatedIP("ip_1", rdns="msk_5ec2e75e…"),)

    @pytest.mark.parametrize(("length", "shown"), [(7, "k" * 7), (8, "…")])
    def test_one_as_short_as_a_word_changes_no_reply(self, length: int, shown: str) -> None:
        key = "k" * length
        transport = httpx.MockTransport(lambda _request: answer([{"id": "ip_1", "rdns": key}]))

        with Client(key, "http://127.0.0.1", transport=transport) as client:
            assert client.list() == (DedicatedIP("ip_1", rdns=shown),)


OAUTH = "ya29.a0AfB/byC+def~gh=ij"
"""A key that does not look like one of the vendor's."""

SPELLINGS = {
    "as it is": OAUTH,
    "with \\/": OAUTH.replace("/", r"\/"),
    "with \\u002b": OAUTH.replace("+", r"\u002b").replace("/", r"\u002F"),
    "all escaped": "".join(rf"\u{ord(each):04x}" for each in OAUTH),
    "percent-encoded": OAUTH.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    "in small digits": OAUTH.replace("/", "%2f").replace("+", "%2b"),
}


def seen_by_users(world: World, part: Part, *arguments: str) -> str:
    """Return all that a run writes where the server answers with this part."""
    world.environ["MISARMAIL_API_KEY"] = OAUTH
    world.transport = None
    with Listener(part) as server:
        world.environ["MISARMAIL_BASE_URL"] = server.base_url
        ran: Ran = world.run(*arguments)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("form", [[], ["--json"], ["--debug"]], ids=["text", "json", "debug"])
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=list(SPELLINGS))
class TestAKeyThatLooksLikeNone:
    """It is cut from all that users see, in whichever spelling a server repeats it."""

    def test_in_a_body(self, world: World, spelling: str, form: list[str]) -> None:
        for body, status in (
            (f'{{"error": "Unknown key {spelling}."}}', 422),
            (f'{{"ips": [{{"id": "ip_1", "rdns": "{spelling}", "{spelling}": 1}}]}}', 200),
            (f'{{"code": "plan_limit_exceeded", "url": "https://x/?key={spelling}"}}', 403),
            (f"Unknown key {spelling}.", 422),
            (f'{{"error": "Unknown key {spelling}.', 422),
        ):
            shown = seen_by_users(world, reply(body.encode(), status=status), "list", *form)
            self.shows_no_key(shown, spelling)

    def test_in_a_header_and_a_status_line(
        self, world: World, spelling: str, form: list[str]
    ) -> None:
        for part in (
            reply(b"{}", f"X-Misar-Upgrade-Url: https://x/?key={spelling}", status=402),
            reply(b"{}", f"X-Misar-Plan: {spelling}", status=402),
            f"HTTP/1.1 {spelling}\r\n\r\n".encode(),
            f"{spelling}\r\n\r\n".encode(),
        ):
            shown = seen_by_users(world, part, "list", *form)
            self.shows_no_key(shown, spelling)

    def shows_no_key(self, shown: str, spelling: str) -> None:
        assert shown
        for form in {OAUTH, spelling, spelling.replace("\\", r"\\"), "a0AfB", "byC"}:
            assert form not in shown
