"""One reply of the server: what it holds, or which error it is.

A server may answer in any of the shapes that the vendor's pages and libraries show, a proxy may
answer in its place, and either may answer nonsense. Here every reply becomes IPs or an error.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from sys import float_info
from typing import TYPE_CHECKING, Any, NamedTuple

from misar_ips.api.arguments import is_usable_id
from misar_ips.api.bodies import (
    LONGEST_TEXT,
    PAGE,
    TELLING,
    find_ip,
    find_list,
    first_text,
    inner,
    says_more,
    total_in,
    words_in,
)
from misar_ips.api.credentials import DEFAULT_BASE_URL
from misar_ips.api.models import DedicatedIP, IPList, number_of
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
from misar_ips.times import in_words

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import TypeVar

    Failure = TypeVar("Failure", bound=APIError)

COLLECTION = "/dedicated-ips"
"""The path of the list, and of an order."""

ABSENT_STATUSES = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}

LIST_HINT = "`misar-ips list` shows the IPs of this account."
SUPPORT_HINT = "Where it should work, MisarMail's support can help."
BASE_URL_HINT = "Is the base URL right, and is there a proxy in between?"
NEW_KEY_HINT = "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it."
SCOPE_HINT = "Give the key the scope `ips` in MisarMail's settings."
LATER_HINT = "Try again in a while; `--debug` shows each attempt."

_MEANINGS: dict[int, tuple[type[APIError], str, str]] = {
    403: (ForbiddenError, "the API key may not do this", SCOPE_HINT),
    **dict.fromkeys(ABSENT_STATUSES, (NotFoundError, "there is no such dedicated IP", LIST_HINT)),
    **dict.fromkeys(
        (400, 405, 409, 413, 415, 422), (RejectedError, "the server refused it", SUPPORT_HINT)
    ),
    **dict.fromkeys(range(300, 400), (APIError, "the server redirects elsewhere", BASE_URL_HINT)),
}
_FAILED = (APIError, "the server failed", LATER_HINT)

_PLAN_STATUSES = {402, 403, 429}
_PLAN_CODE = "plan_limit_exceeded"
_NEXT_LINK = r"""\brel\s*=\s*["']?[^"',;]*\bnext\b"""  # RFC 8288
_COUNT = "[0-9]{1,9}"


class Reply(NamedTuple):
    """The answer to a request that was to do ``what`` (it completes "Could not …").

    ``body`` is its JSON value, or a short plain text in its place; ``unreadable`` says why it is no
    JSON. ``tried`` counts how often the request had been sent by then, ``maybe_applied`` tells
    whether one of the attempts before it may have been carried out. ``url`` was asked, and
    ``api_was_seen`` there before.

    To read it raises the APIError that a failure means, and InvalidResponseError for what can't be
    understood.
    """

    what: str
    status: int
    headers: Mapping[str, str]
    body: Any
    unreadable: str | None
    tried: int
    maybe_applied: bool = False
    url: str = ""
    api_was_seen: bool = False

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
        if self.status not in _PLAN_STATUSES or self._is_page:
            return False
        named = _PLAN_CODE in (self._field("code"), self._field("error_type"))
        upgrade = self._field("upgrade")
        has_upgrade = upgrade is True or isinstance(upgrade, dict)
        return self.status == HTTPStatus.PAYMENT_REQUIRED or named or has_upgrade

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks to be left alone, None where it does not say.

        ``Retry-After`` holds seconds or a date (RFC 9110 section 10.2.3); ``retryAfter`` in the
        body and ``X-RateLimit-Reset``, a time in epoch seconds, are the API's own.
        """
        now = (self.date or datetime.now(UTC)).timestamp()
        header = self.headers.get("retry-after", "")
        if date := _http_date(header):
            return max(0.0, date.timestamp() - now)
        for value in (header, self._field("retryAfter")):
            if (seconds := _seconds(value)) is not None:
                return seconds
        reset = _seconds(self.headers.get("x-ratelimit-reset"))
        if reset is None or self.status != HTTPStatus.TOO_MANY_REQUESTS:
            return None
        return max(0.0, reset - now)

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
        return first_text(self._field("message"))

    def check(self) -> None:
        """Make sure that this is a success: any 2xx, unless its body says otherwise."""
        if self._is_2xx and self.unreadable is not None:
            raise self.invalid(self.unreadable)
        if not self._is_2xx or self._field("success") is False:
            raise self._failure()

    def ips(self) -> IPList:
        """Return the IPs of a list, and what it says of how many there are."""
        self.check()
        found = find_list(self.body)
        if found is None:
            raise self.invalid("the answer has no list of IPs in it")
        return IPList(map(self._ip, found), total=total_in(self.body), has_more=self._has_more())

    def ip_called(self, ip_id: str) -> DedicatedIP:
        """Return the one IP that was asked for by its id."""
        ip = self.ip()
        if ip is None:
            raise self.invalid("the answer has no IP in it")
        if ip.id != ip_id:
            raise self.invalid(f"the server answered with another IP, {ip.id}")
        return ip

    def new_ip(self, known: Container[str]) -> DedicatedIP:
        """Return the IP that an order brought, which is none of the ``known`` ids."""
        ip = self.ip()
        if ip is None:
            raise self.invalid(self._answer_without_ip())
        if not is_usable_id(ip.id):
            raise self.invalid("in the answer, an IP has an id that can't be used")
        if ip.id in known:
            raise self.invalid(f"the server answered with {ip.id}, which was there before")
        return ip

    def ip(self) -> DedicatedIP | None:
        """Return the one IP that it tells of, None for a success that tells of none."""
        self.check()
        found = find_ip(self.body)
        return None if found is None else self._ip(found)

    def invalid(self, reason: str) -> InvalidResponseError:
        """Return the error for an answer that can't be understood."""
        return self._error(InvalidResponseError, reason, BASE_URL_HINT)

    def come_back_later(self) -> RateLimitError:
        """Return the error for a server that wants to be left alone for a while."""
        wait = self.retry_after
        hint = LATER_HINT if wait is None else f"Come back in {in_words(math.ceil(wait))}."
        reason = self._said("the server takes no more requests for now")
        return self._error(RateLimitError, reason, hint, retry_after=wait)

    @property
    def _is_2xx(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def _is_page(self) -> bool:
        return self.unreadable == PAGE

    def _field(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        return inner(self.body, name)

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
        kind, reason, hint = self._meaning()
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
            f"Could not {self.what}: {reason} (HTTP {self.status}).",
            hint=hint,
            status=self.status,
            maybe_applied=self.maybe_applied or not is_settled,
            **facts,
        )

    def _meaning(self) -> tuple[type[APIError], str, str]:
        """Return the error's class, the reason for the user, and what to do next."""
        if self.status in ABSENT_STATUSES and self.url.endswith(COLLECTION):
            return self._no_list()
        if self._is_page:
            return APIError, PAGE, BASE_URL_HINT
        if self.status == HTTPStatus.UNAUTHORIZED:
            reason = "the API key is not accepted: it is wrong, revoked or expired"
            return UnauthorizedError, reason, NEW_KEY_HINT
        kind, otherwise, hint = _MEANINGS.get(self.status, _FAILED)
        return kind, self._said(otherwise), hint

    def _no_list(self) -> tuple[type[APIError], str, str]:
        """Return what it means that there is no list, which every account has, or no order."""
        if self.api_was_seen:
            return APIError, self._said("the server has no way to do it"), SUPPORT_HINT
        base_url = self.url.removesuffix(COLLECTION)
        reason = f"there is no dedicated-IP API at {base_url}"
        reason += f"; {PAGE}" if self._is_page else ""
        if base_url.endswith(COLLECTION):
            return APIError, reason, f"Leave `{COLLECTION}` out of the base URL."
        return APIError, reason, f"The base URL should look like {DEFAULT_BASE_URL}."

    def _answer_without_ip(self) -> str:
        """Return that an order's answer has no IP, with what it says in its place."""
        url = first_text(self._field("url"), inner(self._field("data"), "url"))
        said = [f"it says: {self.message}"] if self.message else []
        said += [f"it names {url}"] if url else []
        return "; ".join(["the answer has no IP in it", *said])

    def _has_more(self) -> bool:
        """Return whether the list says that there is more of it."""
        link = self.headers.get("link", "")
        return says_more(self.body) or bool(re.search(_NEXT_LINK, link, re.IGNORECASE))

    def _plan_refusal(self) -> PlanLimitError:
        """Return the error, with the plan and the upgrade address from the headers or the body."""
        upgrade = self._field("upgrade")
        plan = first_text(
            self.headers.get("x-misar-plan"),
            inner(inner(upgrade, "current_plan"), "slug"),
            inner(upgrade, "currentPlanSlug"),
        )
        url = first_text(
            self.headers.get("x-misar-upgrade-url"),
            inner(inner(upgrade, "urls"), "pricing"),
            self._field("url"),
        )
        return self._error(
            PlanLimitError,
            self._said("the plan does not allow it"),
            f"Your plan is {plan or 'not named'}; upgrade at {url or 'your account page'}.",
            plan=plan,
            upgrade_url=url,
        )

    def _said(self, otherwise: str) -> str:
        """Return the server's own words, every field's message among them, or ours for none."""
        if self._is_page:
            return PAGE
        texts = [text for name in TELLING for text in words_in(self._field(name))]
        texts += words_in(self.body) if isinstance(self.body, str) else []
        first, *others = dict.fromkeys(texts or [otherwise])
        told = [first.rstrip(" .:"), "; ".join(others)] if others else [first.rstrip(" .:")]
        return ": ".join(told)[:LONGEST_TEXT]


def _seconds(value: object) -> float | None:
    seconds = number_of(value, largest=float_info.max)
    return None if seconds is None or seconds < 0 else float(seconds)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
