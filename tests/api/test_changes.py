"""Changing an IP: "updated" stands for what the server shows, and nothing else."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from misar_ips import (
    APIError,
    MisarError,
    NetworkError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    UsageError,
)
from tests import texts
from tests.api.conftest import SEEDED, answer, methods, raw
from tests.listener import DONE, THE_IP, Listener, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from misar_ips import Client
    from misar_ips.emulator.handler import Emulator
    from tests.api.conftest import Answered, Connect

OLD = {"id": "ip_1", "pool": "marketing", "rdns": "old.example.com"}
NEW = {**OLD, "pool": "cold"}
DROPPED = "the connection to 127.0.0.1 was lost (Connection dropped)."


class TestSending:
    def test_the_ordinary_answers(self, client: Client, emulator: Emulator) -> None:
        changed = client.update("ip_abc123", pool="cold", rdns="mx.example.com")

        assert (changed.pool, changed.rdns) == ("cold", "mx.example.com")
        assert client.get("ip_abc123") == changed
        assert [ip.id for ip in client.list()] == SEEDED
        assert methods(emulator) == ["PATCH", "GET", "GET"]

    def test_only_what_changes_is_sent(self, connect: Connect) -> None:
        with Listener(THE_IP) as server:
            connect(server.base_url).update("ip_1", pool="cold")

        assert server.received[0].startswith(b"PATCH /mail/v1/dedicated-ips/ip_1 HTTP/1.1\r\n")
        assert json.loads(server.received[0].partition(b"\r\n\r\n")[2]) == {"pool": "cold"}

    def test_nothing_to_change_is_not_sent(self, client: Client, emulator: Emulator) -> None:
        with pytest.raises(UsageError) as caught:
            client.update("ip_abc123")

        assert caught.value.message == "Nothing to change was given."
        assert methods(emulator) == []

    def test_it_is_repeated(self, client: Client, emulator: Emulator, waits: list[float]) -> None:
        emulator.faults.add("PATCH:lost-reply:3")

        assert client.update("ip_abc123", pool="cold").pool == "cold"

        assert methods(emulator) == ["PATCH"] * 4
        assert waits == [0.5, 1.0, 2.0]

    @pytest.mark.parametrize("status", [400, 403, 405, 409, 410, 415, 422])
    def test_a_refusal_is_final(self, client: Client, emulator: Emulator, status: int) -> None:
        client.list()
        emulator.faults.add(f"PATCH:{status}")

        with pytest.raises(APIError) as caught:
            client.update("ip_abc123", pool="cold")

        assert (caught.value.status, caught.value.maybe_applied) == (status, False)
        assert client.carried_out == []
        assert methods(emulator) == ["GET", "PATCH"]

    def test_an_unknown_ip(self, client: Client, emulator: Emulator) -> None:
        with pytest.raises(NotFoundError) as caught:
            client.update("ip_typo", pool="cold")

        assert (
            caught.value.message == "Could not update ip_typo: Dedicated IP not found (HTTP 404)."
        )
        assert caught.value.hint == texts.LIST
        assert methods(emulator) == ["PATCH", "GET"]  # is that the API at all?


class TestWhatIsSeen:
    @pytest.mark.parametrize(
        "body",
        [{"success": True, "ip": NEW}, {"success": True, "data": NEW}, {"data": {"ip": NEW}}, NEW],
    )
    def test_an_answer_that_shows_it_is_enough(
        self, answered: Answered, asked: list[str], body: object
    ) -> None:
        changed = answered(answer(body)).update("ip_1", pool="cold")

        assert (changed.to_json(), asked) == (NEW, ["PATCH"])

    @pytest.mark.parametrize(
        "first",
        [
            answer({"success": True}),
            answer({"success": True, "ip": None}),
            answer({"success": True, "data": {}}),
            answer({"success": True, "id": "ip_1"}),
            answer({"success": True, "data": {"id": "job_9", "pool": "cold"}}),
            answer({"success": True, "ip": OLD}),
            answer("done"),
            raw(b""),
            raw(b"", status=202),
            raw(b"", status=204),
        ],
    )
    def test_after_any_other_success_the_ip_is_read(
        self,
        answered: Answered,
        asked: list[str],
        first: httpx.Response,
    ) -> None:
        changed = answered(first, answer({"ip": NEW})).update("ip_1", pool="cold")

        assert (changed.to_json(), asked) == (NEW, ["PATCH", "GET"])

    @pytest.mark.parametrize(
        ("wanted", "shown"),
        [
            ({"pool": "cold"}, {"pool": "Cold"}),
            ({"rdns": "mx.example.com"}, {"rdns": "MX.Example.com."}),
            ({"rdns": "b\u00fccher.example"}, {"rdns": "xn--bcher-kva.example"}),
            ({"rdns": "xn--bcher-kva.example"}, {"rdns": "b\u00fccher.example"}),
        ],
    )
    def test_another_spelling_shows_it_as_well(
        self, answered: Answered, asked: list[str], wanted: dict[str, str], shown: dict[str, str]
    ) -> None:
        answered(answer({"ip": {**OLD, **shown}})).update("ip_1", **wanted)

        assert asked == ["PATCH"]

    def test_a_server_that_takes_a_moment_is_asked_again(
        self, answered: Answered, asked: list[str], waits: list[float]
    ) -> None:
        old, new = answer({"ip": OLD}), answer({"ip": NEW})

        changed = answered(raw(b"", 204), old, old, new).update("ip_1", pool="cold")

        assert (changed.pool, asked) == ("cold", ["PATCH", "GET", "GET", "GET"])
        assert 0 < sum(waits) < 5

    def test_what_it_still_does_not_show_is_returned_as_it_is(
        self, answered: Answered, asked: list[str]
    ) -> None:
        client = answered(answer({"success": True}), answer({"ip": OLD}))

        assert client.update("ip_1", pool="cold").pool == "marketing"
        assert asked == ["PATCH", "GET", "GET", "GET"]
        assert client.carried_out == ["ip_1 was changed"]

    def test_a_second_look_that_fails_leaves_the_first(self, answered: Answered) -> None:
        client = answered(answer({"success": True}), answer({"ip": OLD}), raw(b"", 503))

        assert client.update("ip_1", pool="cold").pool == "marketing"

    def test_one_that_was_changed_but_can_not_be_shown(self, connect: Connect) -> None:
        with Listener(DONE, reply(status=403)) as server, pytest.raises(APIError) as caught:
            connect(server.base_url).update("ip_1", pool="cold")

        assert str(caught.value) == (
            "ip_1 was changed, but can't be shown. Could not read ip_1: the API key may not do"
            " this (HTTP 403)."
        )
        assert (caught.value.code, caught.value.hint) == ("forbidden", texts.SCOPE)
        assert server.methods == ["PATCH", "GET"]


class TestLostAnswers:
    @pytest.mark.parametrize("then", ["400", "401", "403", "409", "410", "422", "429"])
    def test_a_refusal_of_a_later_try_does_not_undo_an_earlier_one(
        self, client: Client, emulator: Emulator, then: str
    ) -> None:
        emulator.faults.add("PATCH:lost-reply:1")
        emulator.faults.add(f"PATCH:{then}")

        assert client.update("ip_abc123", pool="cold").pool == "cold"

    def test_a_name_in_another_form_settles_it(self, answered: Answered) -> None:
        shown = answer({"ip": {**OLD, "rdns": "b\u00fccher.example"}})
        client = answered(raw(b"", 500), raw(b"", 400), shown)

        assert client.update("ip_1", rdns="b\u00fccher.example").id == "ip_1"

    @pytest.mark.parametrize("settings", [{"rdns": "mx.example.com"}, {"pool": "cold"}])
    def test_one_that_is_not_there_has_failed(
        self, client: Client, emulator: Emulator, settings: dict[str, str]
    ) -> None:
        emulator.faults.add("PATCH:reset")

        with pytest.raises(NetworkError) as caught:
            client.update("ip_jkl012", **settings)

        assert caught.value.message == f"Could not update ip_jkl012: {DROPPED}"
        assert client.carried_out == []

    def test_half_of_it_is_not_all(self, answered: Answered) -> None:
        with pytest.raises(RejectedError):
            answered(raw(b"", 500), raw(b"", 409), answer({"ip": NEW})).update(
                "ip_1", pool="cold", rdns="mx.example.com"
            )

    @pytest.mark.parametrize("look", ["GET:500", "GET:401", "GET:reset", "GET:truncated"])
    def test_where_looking_fails_too_the_outcome_is_unknown(
        self, client: Client, emulator: Emulator, look: str
    ) -> None:
        emulator.faults.add("PATCH:lost-reply")
        emulator.faults.add(look)

        with pytest.raises(OutcomeUnknownError) as caught:
            client.update("ip_abc123", pool="cold")

        assert caught.value.message == f"Could not update ip_abc123: {DROPPED} {texts.MAYBE}"
        assert caught.value.hint == (
            "`misar-ips show ip_abc123` tells, once the server can be reached."
        )

    def test_an_ip_that_is_gone_meanwhile(self, answered: Answered) -> None:
        client = answered(answer([]), raw(b"", 503), answer({}, 404))
        client.list()

        with pytest.raises(NotFoundError, match=r"^Could not update ip_1: "):
            client.update("ip_1", pool="cold")


def test_what_never_left_is_not_looked_after(connect: Connect) -> None:
    with Listener(DONE) as server:
        pass
    client = connect(server.base_url)

    attempts: list[Callable[[], object]] = [
        partial(client.update, "ip_1", pool="a"),
        partial(client.release, "ip_1"),
    ]
    for attempt in attempts:
        with pytest.raises(NetworkError) as caught:
            attempt()
        assert not caught.value.maybe_applied
    assert client.carried_out == []


def test_an_error_says_the_same_however_it_is_read() -> None:
    first = MisarError("Could not read ip_1.", hint="Try again.")
    told = first.with_context("ip_1 was changed.")

    assert (str(first), str(told)) == (
        "Could not read ip_1.",
        "ip_1 was changed. Could not read ip_1.",
    )
    assert told.to_json()["message"] == str(told)
    assert repr(told) == f"MisarError({str(told)!r})"
    assert told.with_context(hint="Or not.").hint == "Or not."
