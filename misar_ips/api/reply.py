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

from misar_ips.api.models import DedicatedIP
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
    from collections.abc import Mapping
    from typing import TypeVar

    Failure = TypeVar("Failure", bound=APIError)

_PLAN_STATUSES = {402, 403, 429}
_PLAN_CODE = "plan_limit_exceeded"
_REJECTED_STATUSES = {400, 405, 409, 413, 415, 422}
_COUNT = "[0-9]{1,9}"
_LONGEST_TEXT = 500  # characters of the server's text that an error repeats

LIST_HINT = "`misar-ips list` shows the IPs of this account."
SUPPORT_HINT = "Where it should work, MisarMail's support can help."
BASE_URL_HINT = "Is the base URL right, and does a proxy stand in between?"
NEW_KEY_HINT = "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it."
SCOPE_HINT = "Give the key the scope `ips` in MisarMail's settings."
LATER_HINT = "Try again in a while; `--debug` shows each attempt."


class Reply(NamedTuple):
    """The answer to a request that was to do ``what`` (it completes "Could not …").

    ``body`` is its JSON value, None for an empty or unreadable body; ``unreadable`` says why it
    can't be read. ``tried`` counts how often the request had been sent by then, ``maybe_applied``
    tells whether one of the attempts before it may have been carried out.
    """

    what: str
    status: int
    headers: Mapping[str, str]
    body: Any
    unreadable: str | None
    tried: int
    maybe_applied: bool = False

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
        body is the API's own.
        """
        header = self.headers.get("retry-after", "")
        date = _http_date(header)
        if date is not None:
            return max(0.0, (date - (self.date or datetime.now(UTC))).total_seconds())
        seconds = _seconds(header)
        return _seconds(self._field("retryAfter")) if seconds is None else seconds

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

    def ips(self) -> tuple[DedicatedIP, ...]:
        """Return the IPs of a list.

        Raises:
            APIError: it is a failure; InvalidResponseError where it holds no list of IPs.
        """
        self.check()
        found = _find_list(self.body)
        if found is None:
            raise self.invalid("the answer has no list of IPs in it")
        return tuple(self._ip(each) for each in found)

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
        error = kind(f"Could not {self.what}: {reason}", hint=hint, status=self.status, **facts)
        error.maybe_applied = self.maybe_applied
        return error

    def _meaning(self) -> tuple[type[APIError], str, str]:
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
            return NotFoundError, self._said("there is no such dedicated IP"), LIST_HINT
        if self.status in _REJECTED_STATUSES:
            return RejectedError, self._said("the server refused it"), SUPPORT_HINT
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            return APIError, self._said("the server redirects elsewhere"), BASE_URL_HINT
        return APIError, self._said("the server failed"), LATER_HINT

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
        is_page = content.lstrip()[:1] == b"<"
        return None, "the answer is a web page" if is_page else "the answer is no valid JSON"


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
