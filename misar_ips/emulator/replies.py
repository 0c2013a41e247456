"""The API's replies: JSON bodies, and the errors and headers it is known to send."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICING_URL = "https://misar.io/pricing"

KNOWN_TEXTS = {
    400: "Validation failed",
    401: "Invalid or missing API key. Use: Authorization: Bearer msk_...",
    403: "API key does not have 'ips' scope",
    404: "Dedicated IP not found",
    429: "Too many requests. Please slow down.",
}


class Quota(NamedTuple):
    """Where a key is in its rate limit: ``resets_at`` is in epoch seconds of the clock."""

    exceeded: bool
    limit: int
    remaining: int
    resets_at: int
    retry_after: int


def reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return a JSON reply; its text is ASCII, so that lone surrogates survive."""
    return httpx.Response(
        status,
        headers={"Content-Type": "application/json", **(headers or {})},
        content=json.dumps(body).encode("ascii"),
    )


def error(status: int, text: str | None = None, **more: object) -> httpx.Response:
    """Return the API's error envelope, with the status's usual text where none is given."""
    if text is None:
        text = KNOWN_TEXTS.get(status) or _phrase(status)
    return reply(status, {"success": False, "error": text, **more})


def validation_failed(
    field_errors: Mapping[str, list[str]], form_errors: list[str]
) -> httpx.Response:
    """Return the 400 that says what is wrong with each field, and with the whole body."""
    return error(400, details={"fieldErrors": field_errors, "formErrors": form_errors})


def plan_refusal(status: int, plan: str, limit: int) -> httpx.Response:
    """Return what an order beyond the plan's number of dedicated IPs gets: 402, 403 or 429."""
    refusal = error(
        status,
        f"Dedicated IPs included in your {plan} plan: {limit}.",
        code="plan_limit_exceeded",
        upgrade={"current_plan": {"slug": plan}, "urls": {"pricing": PRICING_URL}},
    )
    refusal.headers.update({"x-misar-plan": plan, "x-misar-upgrade-url": PRICING_URL})
    return refusal


def too_many_requests(quota: Quota) -> httpx.Response:
    """Return the 429 of the rate limit, which says when to come."""
    refusal = error(429, retryAfter=quota.retry_after)
    refusal.headers.update({"Retry-After": str(quota.retry_after), **rate_limit_headers(quota)})
    return refusal


def rate_limit_headers(quota: Quota) -> dict[str, str]:
    """Return the headers that every reply carries while a rate limit is on."""
    return {
        "X-RateLimit-Limit": str(quota.limit),
        "X-RateLimit-Remaining": str(quota.remaining),
        "X-RateLimit-Reset": str(quota.resets_at),
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
