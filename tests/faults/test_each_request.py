"""What each request's going wrong leads to: what is said, what is sent again, what was changed.

Seven stories can befall a request. The server refuses it (409), or refuses it for now (429). It may
have carried it out or not, and another try may fare better (503) or no better (501). It has carried
it out, and no answer comes back (lost-reply), none that can be read (truncated), or one that is a
little odd (wrong-type).

A row is written in two or three lines: what happens, and how it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.table import Row, each_row
from tests.reference import (
    BASE_URL,
    IN_PROGRESS,
    IP_LINE,
    LATER,
    LIST,
    LIST_HINT,
    LOOK_FIRST,
    NO_RESOLVER,
    ORDER_FOUND,
    SHOW,
    SUPPORT,
    WARMED_LINE,
)

if TYPE_CHECKING:
    from tests.faults.table import Story

CONFLICT = f"Conflict (HTTP 409). {SUPPORT}"
BUSY = "Too many requests. Please slow down (HTTP 429). Come back in 1 s."
DOWN = f"Service Unavailable (HTTP 503). {LATER}"
BROKEN = f"Not Implemented (HTTP 501). {LATER}"
DROPPED = "the connection to api.misar.io was lost (Connection dropped)."

NO_API = (
    "there is no dedicated-IP API at https://api.misar.io/mail/v1 (HTTP 404). The base URL should "
    "look like https://api.misar.io/mail/v1."
)
NO_LIST = "Error: Could not list the dedicated IPs:"
NOT_READ = "Error: Could not read ip_abc123:"

READS = [
    Row("a list that is refused", "LIST: 409", "list",
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
    Row("a list that is refused for now", "LIST: 429", "list",
        7, "LIST . LIST . LIST . LIST", f"{NO_LIST} {BUSY}\n"),
    Row("a list of a server that is down", "LIST: 503", "list",
        1, "LIST . LIST . LIST . LIST", f"{NO_LIST} {DOWN}\n"),
    Row("a list of a server that is up again", "LIST: 503, 429, lost-reply, ok", "list",
        0, "LIST . LIST . LIST . LIST", "", LIST),
    Row("a list that can't be had", "LIST: 501", "list",
        1, "LIST", f"{NO_LIST} {BROKEN}\n"),
    Row("a list that the API does not know", "LIST: 404", "list",
        1, "LIST", f"{NO_LIST} {NO_API}\n"),
    Row("a list that is lost on its way", "LIST: lost-reply", "list",
        9, "LIST . LIST . LIST . LIST", f"{NO_LIST} {DROPPED} {LATER}\n"),
    Row("a list that can't be read", "LIST: truncated", "list",
        1, "LIST", f"{NO_LIST} the answer is not valid JSON (HTTP 200). {BASE_URL}\n"),
    Row("a list that is odd", "LIST: wrong-type", "list",
        0, "LIST", "", LIST),
    Row("an IP that is refused", "GET: 409", "show ip_abc123",
        8, "GET", f"{NOT_READ} {CONFLICT}\n"),
    Row("an IP of a server that is down", "GET: 503", "show ip_abc123",
        1, "GET . GET . GET . GET", f"{NOT_READ} {DOWN}\n"),
    Row("an IP that is odd", "GET: wrong-type", "show ip_abc123",
        0, "GET", "", SHOW),
    Row("an address in a list that is refused", "LIST: 409", "show 198.51.100.42",
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
    Row("an address whose IP is gone a moment later", "GET: 404", "show 198.51.100.42",
        6, "LIST GET", f"{NOT_READ} Dedicated IP not found (HTTP 404). {LIST_HINT}\n"),
]  # fmt: skip


@each_row(READS)
def test_a_read(story: Story, row: Row) -> None:
    story.holds(row)


ORDER = "request --pool cold"
NOT_ORDERED = "Error: Could not order an IP:"
ORDERED = "{new}\t198.51.100.1\t\tcold\tnot_started\t\t\n"
FOUND = "{new}\t198.51.100.1\t\tcold\tnot_started\t0\t2026-04-01T12:00:00Z\n"
PROVISIONED = "{new}\t198.51.100.1\t\tcold\twarming\t0\t2026-04-01T12:00:00Z\n"
WAITED = "Waiting for {new} to be provisioned.\n{new} is provisioned after 1 min.\n"
NOT_AWAITED = (
    f"{IN_PROGRESS}\nError: {{new}} was ordered. Don't order again. Could not read {{new}}:"
)
GO_ON = "Go on waiting with `misar-ips wait {new} --for provisioned`."

ORDERS = [
    Row("the list before an order is refused", "LIST: 409", ORDER,
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
    Row("an order that is refused", "POST: 409", ORDER,
        8, "LIST POST", f"{NOT_ORDERED} {CONFLICT}\n"),
    Row("an order that the API does not know", "POST: 404", ORDER,
        1, "LIST POST", f"{NOT_ORDERED} Dedicated IP not found (HTTP 404). {SUPPORT}\n"),
    Row("an order that is refused for now, again and again", "POST: 429", ORDER,
        7, "LIST POST . POST . POST . POST", f"{NOT_ORDERED} {BUSY}\n"),
    Row("an order that is refused for now", "POST: 429, ok", ORDER,
        0, "LIST POST . POST", f"{IN_PROGRESS}\n", ORDERED, "ordered"),
    Row("an order that can't be sent at first", "POST: unreachable, ok", ORDER,
        0, "LIST POST . POST", f"{IN_PROGRESS}\n", ORDERED, "ordered"),
    Row("an order in an outage, of which nothing comes", "POST: 503", ORDER,
        10, "LIST POST LIST", f"{NOT_ORDERED} Service Unavailable (HTTP 503). {LOOK_FIRST}\n"),
    Row("an order that can't be done, it seems", "POST: 501", ORDER,
        10, "LIST POST LIST", f"{NOT_ORDERED} Not Implemented (HTTP 501). {LOOK_FIRST}\n"),
    Row("an order whose answer is lost", "POST: lost-reply", ORDER,
        0, "LIST POST LIST", f"{ORDER_FOUND}\n", FOUND, "ordered"),
    Row("an order whose answer can't be read", "POST: truncated", ORDER,
        0, "LIST POST LIST", f"{ORDER_FOUND}\n", FOUND, "ordered"),
    Row("an order whose answer is odd", "POST: wrong-type", ORDER,
        0, "LIST POST", f"{IN_PROGRESS}\n", ORDERED, "ordered"),
    Row("a lost order that is waited for", "POST: lost-reply", f"{ORDER} --wait",
        0, "LIST POST LIST GET . GET", f"{ORDER_FOUND}\n{WAITED}", PROVISIONED, "ordered"),
    Row("the wait for an order is refused", "GET: 409", f"{ORDER} --wait",
        8, "LIST POST GET", f"{NOT_AWAITED} Conflict (HTTP 409). {GO_ON}\n", "", "ordered"),
    Row("the wait for an order falls into an outage", "GET: 503", f"{ORDER} --wait",
        1, "LIST POST GET . GET . GET . GET",
        f"{NOT_AWAITED} Service Unavailable (HTTP 503). {GO_ON}\n", "", "ordered"),
    Row("the wait for an order rides a trouble out", "GET: 503, ok", f"{ORDER} --wait",
        0, "LIST POST GET . GET . GET", f"{IN_PROGRESS}\n{WAITED}", PROVISIONED, "ordered"),
]  # fmt: skip


@each_row(ORDERS)
def test_an_order(story: Story, row: Row) -> None:
    story.holds(row)


UPDATE = "update ip_abc123 --pool cold"
NOT_UPDATED = "Error: Could not update ip_abc123:"
UPDATED = IP_LINE.replace("marketing", "cold")
UNCHANGED = (
    "Warning: MisarMail accepted the change but still shows pool `marketing` of ip_abc123.\n"
)
DONE = ("Updated ip_abc123: pool marketing -> cold.\n", UPDATED, "updated")

CHANGES = [
    Row("a change that is refused", "PATCH: 409", UPDATE,
        8, "GET LIST PATCH", f"{NOT_UPDATED} {CONFLICT}\n"),
    Row("a change that is refused for now, again and again", "PATCH: 429", UPDATE,
        7, "GET LIST PATCH . PATCH . PATCH . PATCH", f"{NOT_UPDATED} {BUSY}\n"),
    Row("a change in an outage, of which nothing comes", "PATCH: 503", UPDATE,
        1, "GET LIST PATCH . PATCH . PATCH . PATCH GET", f"{NOT_UPDATED} {DOWN}\n"),
    Row("a change that can't be done", "PATCH: 501", UPDATE,
        1, "GET LIST PATCH GET", f"{NOT_UPDATED} {BROKEN}\n"),
    Row("a change whose answers are lost", "PATCH: lost-reply", UPDATE,
        0, "GET LIST PATCH . PATCH . PATCH . PATCH GET", *DONE),
    Row("a change whose answer can't be read", "PATCH: truncated", UPDATE,
        0, "GET LIST PATCH GET", *DONE),
    Row("a change whose answer is odd", "PATCH: wrong-type", UPDATE,
        0, "GET LIST PATCH", *DONE),
    Row("a change that is accepted and not made", "PATCH: ignored", UPDATE,
        0, "GET LIST PATCH GET . GET . GET", UNCHANGED, IP_LINE),
    Row("a change that says nothing and is not made", "PATCH: empty", UPDATE,
        0, "GET LIST PATCH GET . GET . GET", UNCHANGED, IP_LINE),
    Row("a change of an address in a list that is refused", "LIST: 409",
        "update 198.51.100.42 --pool cold",
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
]  # fmt: skip


@each_row(CHANGES)
def test_a_change(story: Story, row: Row) -> None:
    story.holds(row)


RELEASE = "release ip_abc123 --yes"
NOT_DONE = "Error: Could not release ip_abc123:"
RELEASED, NOT_RELEASED = (f"ip_abc123\t198.51.100.42\t{done}\n" for done in ("true", "false"))
NOT_FOUND = "Dedicated IP not found (HTTP 404)"
NO_ROUTE = f"ip_abc123 is still there. The API seems to have no way to release it. {SUPPORT}"

RELEASES = [
    Row("the look before a release is refused", "GET: 409", RELEASE,
        8, "GET", f"{NOT_READ} {CONFLICT}\n"),
    Row("the look before a release finds nothing", "GET: 404", RELEASE,
        6, "GET LIST", f"{NOT_READ} Dedicated IP not found (HTTP 404). {LIST_HINT}\n",
        "ip_abc123\t\tfalse\n"),
    Row("a release that is refused", "DELETE: 409", RELEASE,
        8, "GET DELETE", f"{NOT_DONE} {CONFLICT}\n", NOT_RELEASED),
    Row("a release that the API does not know", "DELETE: 405", RELEASE,
        8, "GET DELETE GET", f"{NOT_DONE} Method Not Allowed (HTTP 405). {NO_ROUTE}\n",
        NOT_RELEASED),
    Row("a release that the API has lost, while the IP is there", "DELETE: 503, 404", RELEASE,
        8, "GET DELETE . DELETE GET", f"{NOT_DONE} {NOT_FOUND}. {NO_ROUTE}\n", NOT_RELEASED),
    Row("a release that is refused for now, again and again", "DELETE: 429", RELEASE,
        7, "GET DELETE . DELETE . DELETE . DELETE", f"{NOT_DONE} {BUSY}\n", NOT_RELEASED),
    Row("a release in an outage, of which nothing comes", "DELETE: 503", RELEASE,
        1, "GET DELETE . DELETE . DELETE . DELETE GET", f"{NOT_DONE} {DOWN}\n", NOT_RELEASED),
    Row("a release that can't be done", "DELETE: 501", RELEASE,
        1, "GET DELETE GET", f"{NOT_DONE} {BROKEN}\n", NOT_RELEASED),
    Row("a release whose answers are lost", "DELETE: lost-reply", RELEASE,
        0, "GET DELETE . DELETE . DELETE . DELETE GET", "", RELEASED, "released"),
    Row("a release whose answer can't be read", "DELETE: truncated", RELEASE,
        0, "GET DELETE GET", "", RELEASED, "released"),
    Row("a release whose answer is odd", "DELETE: wrong-type", RELEASE,
        0, "GET DELETE", "", RELEASED, "released"),
    Row("a release without a route, while the IP is there", "DELETE: no-route", RELEASE,
        8, "GET DELETE GET", f"{NOT_DONE} Not found (HTTP 404). {NO_ROUTE}\n", NOT_RELEASED),
    Row("a release that is refused for now, and of an IP that is gone then",
        "DELETE: 429, 404; GET: ok, 404", RELEASE,
        6, "GET DELETE . DELETE GET", f"{NOT_DONE} {NOT_FOUND}. {LIST_HINT}\n", NOT_RELEASED),
    Row("a release that was done at the first try", "DELETE: lost-reply, ok", RELEASE,
        0, "GET DELETE . DELETE GET", "", RELEASED, "released"),
    Row("a release of an address in a list that is refused", "LIST: 409",
        "release 198.51.100.42 --yes",
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
]  # fmt: skip


@each_row(RELEASES)
def test_a_release(story: Story, row: Row) -> None:
    story.holds(row)


# What can't be told, because nobody answers any more ---------------------------------------------

TELLS = (
    "It may have been carried out all the same. `misar-ips show ip_abc123` tells, once the "
    "server can be reached."
)

UNTOLD = [
    Row("a lost change, after which nobody answers", "PATCH: lost-reply; GET: ok, 503",
        UPDATE,
        10, "GET LIST PATCH . PATCH . PATCH . PATCH GET . GET . GET . GET",
        f"{NOT_UPDATED} {DROPPED} {TELLS}\n", "", "updated"),
    Row("a lost release, after which nobody answers", "DELETE: lost-reply; GET: ok, 503", RELEASE,
        10, "GET DELETE . DELETE . DELETE . DELETE GET . GET . GET . GET",
        f"{NOT_DONE} {DROPPED} {TELLS}\n", NOT_RELEASED, "released"),
]  # fmt: skip


@each_row(UNTOLD)
def test_what_can_not_be_told(story: Story, row: Row) -> None:
    story.holds(row)


# What only reads, and how its first look ends ----------------------------------------------------

WAIT = "wait ip_def456 --for warmed"
NOT_SEEN = "Error: Could not read ip_def456:"
CHECKED = f"""\
ip_def456\t198.51.100.17\tptr\tunknown\t\ttx.yourdomain.com\tNot known: {NO_RESOLVER}
ip_def456\t198.51.100.17\tforward\tunknown\t\t198.51.100.17\tNot known for tx.yourdomain.com: \
{NO_RESOLVER}
ip_def456\t198.51.100.17\thostname\tpass\ttx.yourdomain.com\t\tThe name does not look generic.
ip_def456\t198.51.100.17\twarmup\tpass\twarmed\t\tWarmed.
"""
TWO_UNKNOWN = "Warning: 2 checks could not be made; the reason is beside each.\n"

LOOKS = [
    Row("a wait that is refused", "GET: 409", WAIT,
        8, "GET", f"{NOT_SEEN} {CONFLICT}\n"),
    Row("a wait in an outage", "GET: 503", WAIT,
        1, "GET . GET . GET . GET", f"{NOT_SEEN} {DOWN}\n"),
    Row("a wait after an outage", "GET: 503, ok", WAIT,
        0, "GET . GET", "ip_def456 is warmed after 0 s.\n", WARMED_LINE),
    Row("a wait for an address in a list that is refused", "LIST: 409",
        "wait 198.51.100.17 --for warmed",
        8, "LIST", f"{NO_LIST} {CONFLICT}\n"),
    Row("a watch that is refused", "GET: 409", "show ip_abc123 --watch",
        8, "GET", f"{NOT_READ} {CONFLICT}\n"),
    Row("a watch after an outage", "GET: 503, ok", "show ip_abc123 --watch",
        130, "GET . GET .", "", IP_LINE),
    Row("a check in an outage", "GET: 503", "check ip_def456",
        1, "GET . GET . GET . GET", f"{NOT_SEEN} {DOWN}\n"),
    Row("a check after an outage", "GET: 503, ok", "check ip_def456",
        0, "GET . GET", TWO_UNKNOWN, CHECKED),
]  # fmt: skip


@each_row(LOOKS)
def test_a_first_look(story: Story, row: Row) -> None:
    story.holds(row)
