"""One reply of the server: what it holds, or which error it is.

A server may answer in any of the shapes that the vendor's pages and libraries show, a proxy may
answer in its place, and either may answer nonsense. Here every reply becomes IPs or an error.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.api.credentials import DEFAULT_BASE_URL
from misar_ips.api.models import DedicatedIP, IPList
from misar_ips.errors import (
    APIError,
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    PlanLimitError,
    RateLimitError,
    RejectedError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import TypeVar

    Failure = TypeVar("Failure", bound=APIError)

_PLAN_STATUSES = {402, 403, 429}
_TOTALS = ("total", "count", "total_count", "totalCount")
_NEXT = ("next", "next_page", "nextPage", "next_cursor", "nextCursor")
_PLAN_CODE = "plan_limit_exceeded"
_REJECTED_STATUSES = {400, 405, 409, 413, 415, 422}
_COUNT = "[0-9]{1,9}"
_LONGEST_TEXT = 500  # characters of the server's text that an error repeats

COLLECTION = "/dedicated-ips"
"""The path of the list, and of an order."""

_PAGE = "the answer is a web page"

LIST_HINT = "`misar-ips list` shows the IPs of this account."
SUPPORT_HINT = "Where it should work, MisarMail's support can help."
BASE_URL_HINT = "Is the base URL right, and does a proxy stand in between?"
NEW_KEY_HINT = "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it."
SCOPE_HINT = "Give the key the scope `ips` in MisarMail's settings."
PAGE_HINT = "A proxy or firewall may stand in between. Is the base URL right?"
LATER_HINT = "Try again in a while; `--debug` shows each attempt."


class Reply(NamedTuple):
    """The answer to a request that was to do ``what`` (it completes "Could not …").

    ``body`` is its JSON value, None for an empty or unreadable body; ``unreadable`` says why it
    can't be read. ``tried`` counts how often the request had been sent by then, ``maybe_applied``
    tells whether one of the attempts before it may have been carried out. ``url`` was asked.
    """

    what: str
    status: int
    headers: Mapping[str, str]
    body: Any
    unreadable: str | None
    tried: int
    maybe_applied: bool = False
    url: str = ""

    @property
    def is_of_the_api(self) -> bool:
        """Whether only the API that was asked can have given it: a success in JSON."""
        return self._is_2xx and self.unreadable is None

    @property
    def date(self) -> datetime | None:
        """The server's time when it answered (RFC 9110 section 6.6.1)."""
        return _http_date(self.headers.get("date", ""))

    @property
    def is_plan_refusal(self) -> bool:
        """Whether the account's plan is the reason, so that repeating can't help."""
        named = _PLAN_CODE in (self._field("code"), self._field("error_type"))
        upgrade = isinstance(self._field("upgrade"), dict)
        return self.status in _PLAN_STATUSES and (named or upgrade)

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks to be left alone, None where it does not say.

        ``Retry-After`` holds seconds or a date (RFC 9110 section 10.2.3); ``retryAfter`` in the
        body and ``X-RateLimit-Reset``, a time in epoch seconds, are the API's own.
        """
        header = self.headers.get("retry-after", "")
        date = _http_date(header)
        if date is not None:
            return max(0.0, (date - (self.date or datetime.now(UTC))).total_seconds())
        seconds = _seconds(header)
        if seconds is None:
            seconds = _seconds(self._field("retryAfter"))
        reset = _seconds(self.headers.get("x-ratelimit-reset"))
        if seconds is None and reset is not None and self.status == HTTPStatus.TOO_MANY_REQUESTS:
            seconds = max(0.0, reset - (self.date or datetime.now(UTC)).timestamp())
        return seconds

    @property
    def quota(self) -> tuple[int, int] | None:
        """How many requests are left for now, and of how many, where the server says so."""
        names = ("x-ratelimit-remaining", "x-ratelimit-limit")
        left, most = (self.headers.get(name, "") for name in names)
        if not (re.fullmatch(_COUNT, left) and re.fullmatch(_COUNT, most)):
            return None
        return int(left), int(most)

    @property
    def message(self) -> str | None:
        """What the server says of a success, for people."""
        return _text(self._field("message"))

    def check(self) -> None:
        """Make sure that this is a success: any 2xx, unless its body says otherwise.

        Raises:
            APIError: it is a failure; InvalidResponseError where its body can't be understood.
        """
        if not self._is_2xx:
            raise self._failure()
        if self.unreadable is not None:
            raise self.invalid(self.unreadable)
        if self._field("success") is False:
            raise self._failure()

    def ips(self) -> IPList:
        """Return the IPs of a list, and what it says of how many there are.

        Raises:
            APIError: it is a failure; InvalidResponseError where it holds no list of IPs.
        """
        self.check()
        found = _find_list(self.body)
        if found is None:
            raise self.invalid("the answer has no list of IPs in it")
        return IPList(
            (self._ip(each) for each in found), total=self._total(), has_more=self._has_more()
        )

    def ip_called(self, ip_id: str) -> DedicatedIP:
        """Return the one IP that was asked for by its id.

        Raises:
            APIError: it is a failure; InvalidResponseError where it tells of no IP, or of another.
        """
        ip = self.ip()
        if ip is None:
            raise self.invalid("the answer has no IP in it")
        if ip.id != ip_id:
            raise self.invalid(f"the server answered with another IP, {ip.id}")
        return ip

    def new_ip(self, known: Container[str]) -> DedicatedIP:
        """Return the IP that an order brought, which is none of the ``known`` ids.

        Raises:
            APIError: it is a failure; InvalidResponseError where it tells of no new IP.
        """
        ip = self.ip()
        if ip is None:
            raise self.invalid(self._answer_without_ip())
        if ip.id in known:
            raise self.invalid(f"the server answered with {ip.id}, which was there before")
        return ip

    def ip(self) -> DedicatedIP | None:
        """Return the one IP that it tells of, None for a success that tells of none.

        Raises:
            APIError: it is a failure; InvalidResponseError where it can't be understood.
        """
        self.check()
        found = _find_ip(self.body)
        return None if found is None else self._ip(found)

    def invalid(self, reason: str) -> InvalidResponseError:
        """Return the error for an answer that can't be understood."""
        return self._error(InvalidResponseError, f"{reason} (HTTP {self.status}).", BASE_URL_HINT)

    def come_back_later(self) -> RateLimitError:
        """Return the error for a server that wants to be left alone for a while."""
        wait = self.retry_after
        return self._error(
            RateLimitError,
            self._said("the server takes no more requests for now"),
            LATER_HINT if wait is None else f"Come back in {wait:.0f} s.",
            retry_after=wait,
        )

    @property
    def is_page(self) -> bool:
        """Whether a web page came in the place of JSON."""
        return self.unreadable == _PAGE

    @property
    def _is_2xx(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def _field(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        return self.body.get(name) if isinstance(self.body, dict) else None

    def _ip(self, value: object) -> DedicatedIP:
        try:
            return DedicatedIP.from_json(value)
        except ValueError as error:
            raise self.invalid(f"in the answer, {error}") from error

    def _failure(self) -> APIError:
        if self.is_plan_refusal:
            return self._plan_refusal()
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self.come_back_later()
        kind, reason, hint = self._page() if self.is_page else self._meaning()
        details = self._field("details")
        return self._error(
            kind,
            reason,
            hint,
            details=details if isinstance(details, dict) else None,
            retry_after=self.retry_after,
        )

    def _error(self, kind: type[Failure], reason: str, hint: str, **facts: Any) -> Failure:  # noqa: ANN401 - APIError's own
        # A refusal, and a success whose body denies it, settle that this attempt did nothing.
        is_settled = self.status // 100 in {2, 4} and kind is not InvalidResponseError
        return kind(
            f"Could not {self.what}: {reason}",
            hint=hint,
            status=self.status,
            maybe_applied=self.maybe_applied or not is_settled,
            **facts,
        )

    def _meaning(self) -> tuple[type[APIError], str, str]:  # noqa: PLR0911 - one for each status
        """Return the error's class, the reason for the user, and what to do next."""
        if self.status == HTTPStatus.UNAUTHORIZED:
            return (
                UnauthorizedError,
                "the API key is not accepted: it is wrong, revoked or expired (HTTP 401).",
                NEW_KEY_HINT,
            )
        if self.status == HTTPStatus.FORBIDDEN:
            return ForbiddenError, self._said("the API key may not do this"), SCOPE_HINT
        if self.status == HTTPStatus.NOT_FOUND:
            if self.url.endswith(COLLECTION):
                return self._no_api()
            return NotFoundError, self._said("there is no such dedicated IP"), LIST_HINT
        if self.status in _REJECTED_STATUSES:
            return RejectedError, self._said("the server refused it"), SUPPORT_HINT
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return APIError, self._said("the server redirects elsewhere"), BASE_URL_HINT
        return APIError, self._said("the server failed"), LATER_HINT

    def _page(self) -> tuple[type[APIError], str, str]:
        """Return the meaning of a web page in the place of JSON, which no API sends."""
        return APIError, f"a web page answered in its place (HTTP {self.status}).", PAGE_HINT

    def _no_api(self) -> tuple[type[APIError], str, str]:
        """Return the meaning of a 404 for the list, which every account has."""
        base_url = self.url.removesuffix(COLLECTION)
        reason = f"there is no dedicated-IP API at {base_url} (HTTP {self.status})."
        if base_url.endswith(COLLECTION):
            return APIError, reason, f"Leave `{COLLECTION}` out of the base URL."
        return APIError, reason, f"The base URL should look like {DEFAULT_BASE_URL}."

    def _answer_without_ip(self) -> str:
        """Return that an order's answer has no IP, with what it says in its place."""
        url = _text(self._field("url")) or _text(_inner(self._field("data"), "url"))
        said = [f"it says: {self.message}"] if self.message else []
        said += [f"it names {url}"] if url else []
        told = f"; {', '.join(said)}"[:_LONGEST_TEXT] if said else ""
        return f"the answer has no IP in it{told}"

    def _total(self) -> int | None:
        """Return how many IPs there are in all, where the list says so."""
        for place in self._paging():
            for name in _TOTALS:
                number = place.get(name)
                if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                    return number
        return None

    def _has_more(self) -> bool:
        """Return whether the list says that there is more of it."""
        for place in self._paging():
            if place.get("has_more") is True or place.get("hasMore") is True:
                return True
            links = place.get("links")
            nexts = [place.get(name) for name in _NEXT]
            nexts += [links.get("next")] if isinstance(links, dict) else []
            if any(each for each in nexts if isinstance(each, str | int) and each is not False):
                return True
        return bool(re.search(r"""\brel\s*=\s*["']?[^"',;]*\bnext\b""", self._link, re.IGNORECASE))

    @property
    def _link(self) -> str:
        return self.headers.get("link", "")

    def _paging(self) -> list[dict[str, Any]]:
        """Return the objects that may tell how long the list is."""
        places = [self.body, self._field("data")]
        places += [self._field(name) for name in ("meta", "pagination", "paging")]
        places += [_inner(self._field("meta"), "pagination")]
        return [place for place in places if isinstance(place, dict)]

    def _plan_refusal(self) -> PlanLimitError:
        plan, url = self._plan()
        return self._error(
            PlanLimitError,
            self._said("the plan does not allow it"),
            f"Your plan is {plan or 'not named'}; upgrade at {url or 'your account page'}.",
            plan=plan,
            upgrade_url=url,
        )

    def _plan(self) -> tuple[str | None, str | None]:
        """Return the plan's name and the upgrade address, from the headers or the body."""
        upgrade = self._field("upgrade")
        upgrade = upgrade if isinstance(upgrade, dict) else {}
        current, urls = upgrade.get("current_plan"), upgrade.get("urls")
        slug = current.get("slug") if isinstance(current, dict) else None
        pricing = urls.get("pricing") if isinstance(urls, dict) else None
        return (
            _text(self.headers.get("x-misar-plan"))
            or _text(slug)
            or _text(upgrade.get("currentPlanSlug")),
            _text(self.headers.get("x-misar-upgrade-url")) or _text(pricing),
        )

    def _said(self, otherwise: str) -> str:
        """Return the server's own reason with every field's message, or ours where it gave none."""
        error = self._field("error")
        nested = error.get("message") if isinstance(error, dict) else None
        text = _text(error) or _text(nested) or self.message or otherwise
        sentence = ": ".join([text.rstrip(" .:"), *self._field_messages()])
        return f"{sentence[:_LONGEST_TEXT]} (HTTP {self.status})."

    def _field_messages(self) -> list[str]:
        details = self._field("details")
        details = details if isinstance(details, dict) else {}
        fields, form = details.get("fieldErrors"), details.get("formErrors")
        texts = [
            f"{name}: {text}"
            for name, messages in (fields.items() if isinstance(fields, dict) else ())
            for text in _texts(messages)
        ]
        joined = "; ".join([*texts, *_texts(form)])
        return [joined] if joined else []


def read_body(content: bytes) -> tuple[Any, str | None]:
    """Return a body's JSON value, and why it can't be read where it can't.

    Only what JSON allows passes: no NaN, no infinity, nothing that could not be printed again.
    """
    if not content.strip():
        return None, None
    try:
        return json.loads(content, parse_constant=_refuse, parse_float=_finite), None
    except (ValueError, RecursionError):
        is_page = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
        return None, _PAGE if is_page else "the answer is not valid JSON"


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _find_list(body: object) -> list[Any] | None:
    """Find the IPs in `ips`, in `data`, in `data.ips`, or in a list without envelope."""
    for value in (body, _inner(body, "data")):
        if isinstance(value, list):
            return value
        if isinstance(value, dict) and "ips" in value:
            return [] if value["ips"] is None else _as_list(value["ips"])
    return None


def _find_ip(body: object) -> dict[str, Any] | None:
    """Find the IP in `ip`, in `data`, in `data.ip`, or in an object without envelope.

    A text `ip` beside an id is an address, not an envelope.
    """
    data = _inner(body, "data")
    for value in (_inner(body, "ip"), _inner(data, "ip"), data, body):
        if isinstance(value, dict) and "id" in value:
            return value
    return None


def _inner(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _as_list(value: object) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < math.inf else None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC)
    except (ValueError, TypeError, OverflowError):
        return None
