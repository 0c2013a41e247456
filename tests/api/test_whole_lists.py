"""A part is not the whole: what a list says of itself, and which IP of it a name means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from misar_ips import NotFoundError, UsageError
from tests import texts
from tests.api.conftest import answer

if TYPE_CHECKING:
    from tests.api.conftest import Answered
    from tests.conftest import World

IP = {"id": "ip_1", "address": "198.51.100.42", "rdns": "mail.example.com"}
OTHER = {"id": "ip_2", "address": "198.51.100.43", "rdns": "news.example.com"}


def listed(body: dict[str, Any], link: str = "") -> httpx.Response:
    return answer({"ips": [IP, OTHER], **body}, link=link)


class TestWhatAListSays:
    @pytest.mark.parametrize(
        ("body", "total"),
        [
            ({"total": 25}, 25),
            ({"count": 25}, 25),
            ({"total": "25"}, 25),
            ({"total_count": 25}, 25),
            ({"totalCount": 25}, 25),
            ({"meta": {"total": 25}}, 25),
            ({"meta": {"pagination": {"total": 25}}}, 25),
            ({"pagination": {"page": 1, "limit": 2, "total": 25, "totalPages": 13}}, 25),
            ({"data": {"total": 25}}, 25),
            ({"data": {"meta": {"count": 25}}}, 25),
            ({"count": 2, "total": 25}, 25),
            ({"count": 2, "meta": {"total": 25}}, 25),
            ({"total": 2, "pagination": {"total": 25}}, 25),
            ({"has_more": True}, None),
            ({"hasMore": True}, None),
            ({"pagination": {"has_more": True}}, None),
            ({"next": "https://api.misar.io/mail/v1/dedicated-ips?page=2"}, None),
            ({"next_cursor": "abc"}, None),
            ({"meta": {"nextPage": 2}}, None),
            ({"links": {"next": "/p2"}}, None),
            ({"_links": {"next": {"href": "/p2"}}}, None),
            ({"meta": {"links": {"next": "/p2"}}}, None),
            ({"total": 2, "has_more": True}, 2),
        ],
    )
    def test_that_there_is_more(
        self, answered: Answered, body: dict[str, Any], total: int | None
    ) -> None:
        found = answered(listed(body)).list()

        assert (len(found), found.is_whole, found.total) == (2, False, total)

    @pytest.mark.parametrize(
        "link",
        [
            '<https://api.misar.io/mail/v1/dedicated-ips?page=2>; rel="next"',
            "</p2>; rel=next",
            '</p1>; rel="prev", </p2>; REL="Next"',
            '</p2>; title="more"; rel="last next"',
        ],
    )
    def test_that_there_is_more_in_a_header(self, answered: Answered, link: str) -> None:
        assert not answered(listed({}, link=link)).list().is_whole

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"total": 2},
            {"count": 2, "total": 2},
            {"total": 1},
            {"total": None, "count": None, "meta": None, "pagination": []},
            {"total": True, "count": "many", "meta": {"total": -3}},
            {"has_more": False, "next": None, "next_page": 0, "next_cursor": ""},
            {"links": {"next": None, "prev": "/p0"}},
            {"pagination": {"page": 1, "limit": 50, "total": 2, "totalPages": 1}},
        ],
    )
    def test_that_this_is_all(self, answered: Answered, body: dict[str, Any]) -> None:
        assert answered(listed(body)).list().is_whole

    @pytest.mark.parametrize("link", ["", '</p0>; rel="prev"', '</next>; rel="last"', "next"])
    def test_that_this_is_all_in_a_header(self, answered: Answered, link: str) -> None:
        assert answered(listed({}, link=link)).list().is_whole


class TestNames:
    @pytest.mark.parametrize(
        ("name", "lists"),
        [
            ("ip_1", False),
            ("198.51.100.42", True),
            (" 198.51.100.42 ", True),
            ("::ffff:198.51.100.42", True),
            ("::ffff:c633:642a", True),
            ("mail.example.com", True),
            ("MAIL.Example.com.", True),
        ],
    )
    def test_an_ip_is_found_by_id_address_and_name(
        self, answered: Answered, asked: list[str], name: str, *, lists: bool
    ) -> None:
        answers = [listed({})] if lists else []

        assert answered(*answers, answer({"ip": IP})).find(name).id == "ip_1"
        assert asked == ["GET"] * (1 + lists)

    @pytest.mark.parametrize(
        ("has", "name"),
        [
            ({"address": "2001:DB8:0:0::1"}, "2001:db8::0001"),
            ({"address": "::ffff:192.0.2.1"}, "192.0.2.1"),
            ({"rdns": "b\u00fccher.example"}, "xn--bcher-kva.example"),
            ({"rdns": "xn--bcher-kva.example"}, "B\u00fccher.example"),
        ],
    )
    def test_however_it_is_spelt(self, answered: Answered, has: dict[str, str], name: str) -> None:
        ip = {"id": "ip_6", **has}

        assert answered(answer([OTHER, ip]), answer({"ip": ip})).find(name).id == "ip_6"

    def test_an_id_that_is_listed_wins(self, answered: Answered, asked: list[str]) -> None:
        odd = {"id": "198.51.100.42", "address": "192.0.2.1"}

        found = answered(answer([IP, odd]), answer({"ip": odd})).find("198.51.100.42")

        assert found.address == "192.0.2.1"
        assert asked == ["GET", "GET"]

    @pytest.mark.parametrize("name", ["198.51.100.42", "mail.example.com"])
    def test_one_of_several_ips_means_none(
        self, answered: Answered, asked: list[str], name: str
    ) -> None:
        with pytest.raises(UsageError) as caught:
            answered(answer([IP, OTHER, {**IP, "id": "ip_3"}])).find(name)

        assert caught.value.message == (
            f"{name} belongs to several IPs: ip_1, ip_3. Nothing was changed."
        )
        assert caught.value.hint == "Name one of them by its id."
        assert asked == ["GET"]

    def test_an_ip_that_is_listed_twice_is_one(self, answered: Answered) -> None:
        assert answered(answer([IP, IP]), answer({"ip": IP})).find("198.51.100.42").id == "ip_1"

    def test_of_nobody(self, answered: Answered) -> None:
        with pytest.raises(NotFoundError) as caught:
            answered(listed({"total": 2})).find("192.0.2.1")

        assert caught.value.message == "No dedicated IP of this account is 192.0.2.1."
        assert caught.value.hint == texts.LIST

    @pytest.mark.parametrize("name", ["192.0.2.1", "nobody.example.com"])
    def test_in_a_part_of_the_list_it_is_not_known_of_whom(
        self, answered: Answered, name: str
    ) -> None:
        with pytest.raises(NotFoundError) as caught:
            answered(listed({"total": 25})).find(name)

        assert caught.value.message == (
            f"{name} is not among the 2 IPs that the server listed, and there are more."
        )
        assert caught.value.hint == "Name the IP by its id."

    @pytest.mark.parametrize(
        ("name", "details"),
        [
            ("198.51.100.42", {"address": "198.51.100.99"}),
            ("198.51.100.42", {"address": None}),
            ("mail.example.com", {"rdns": "other.example.com"}),
        ],
    )
    def test_one_whose_details_say_otherwise_is_not_it(
        self, answered: Answered, name: str, details: dict[str, Any]
    ) -> None:
        with pytest.raises(NotFoundError) as caught:
            answered(listed({}), answer({"ip": {**IP, **details}})).find(name)

        assert caught.value.message == (
            f"ip_1 no longer has {name}, as its details show; nothing was changed."
        )


class TestInCommands:
    """Nothing is changed where it is not certain which IP is meant."""

    CHANGES = ("update NAME --pool cold", "release NAME --yes")

    def server(
        self, world: World, listed: httpx.Response, details: dict[str, Any] | None = None
    ) -> list[str]:
        """Give the world a server with this list and this IP, and return what it is asked."""
        sent: list[str] = []

        def reply(request: httpx.Request) -> httpx.Response:
            sent.append(request.method)
            is_list = request.url.path.endswith("/dedicated-ips")
            return listed if is_list else answer({"ip": details or IP})

        world.transport = httpx.MockTransport(reply)
        return sent

    @pytest.mark.parametrize("line", [*CHANGES, "show NAME", "wait NAME --for warmed"])
    def test_an_address_of_two(self, world: World, line: str) -> None:
        sent = self.server(world, answer([IP, {**IP, "id": "ip_3"}]))
        ran = world.run(*line.replace("NAME", "198.51.100.42").split())

        assert (ran.code, ran.stdout) == (2, "")
        assert "ip_1, ip_3" in ran.stderr
        assert set(sent) == {"GET"}

    @pytest.mark.parametrize("line", [*CHANGES, "show NAME", "wait NAME --for warmed"])
    def test_an_address_that_moved_on(self, world: World, line: str) -> None:
        sent = self.server(world, answer([IP]), {**IP, "address": "198.51.100.99"})
        ran = world.run(*line.replace("NAME", "198.51.100.42").split())

        assert (ran.code, set(sent)) == (6, {"GET"})
        assert "ip_1 no longer has 198.51.100.42" in ran.stderr

    @pytest.mark.parametrize("line", [*CHANGES, "show NAME", "wait NAME --for warmed"])
    def test_an_address_that_is_not_in_the_part_that_was_listed(
        self, world: World, line: str
    ) -> None:
        sent = self.server(world, listed({"total": 25, "has_more": True}))
        ran = world.run(*line.replace("NAME", "198.51.100.77").split())

        assert (ran.code, sent) == (6, ["GET"])
        assert "is not among the 2 IPs that the server listed" in ran.stderr
        assert "No dedicated IP" not in ran.stderr
