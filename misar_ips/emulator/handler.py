"""The API itself: an httpx request in, an httpx response out, the state in a Store."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from misar_ips.emulator import replies
from misar_ips.emulator.faults import Exchange, Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from misar_ips.emulator.store import Store

PLANS = {"free": 0, "pro": 0, "max": 1, "enterprise": 5}
"""How many dedicated IPs each plan includes, from the published reference."""

BODY_LIMIT = 64 * 1024
IN_PROGRESS = "IP provisioning in progress. Expected within 24 hours."

ROUTE = re.compile(r"/(?:mail|api)/v1/dedicated-ips(?:/([^/]+))?")
BEARER = re.compile(r"bearer +(msk_\S*)", re.IGNORECASE)
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
SETTINGS = {
    "pool": (
        re.compile(r"[A-Za-z0-9_-]{1,64}"),
        "Must be 1 to 64 letters, digits, hyphens or underscores.",
    ),
    "rdns": (
        re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})+"),
        "Must be a hostname of at least two labels, such as mail.example.com.",
    ),
}


class RefusedError(Exception):
    """A request that is not carried out, and the reply it gets instead."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Emulator:
    """The dedicated-IP API over a store; mount it as ``httpx.MockTransport(Emulator(store))``.

    ``rate_limit`` is in requests a minute a key (0: none), ``latency`` in seconds a request, and
    ``sleep`` is how they and a fault's seconds pass.
    ``received`` holds method and raw path of the latest requests.

    Raises:
        KeyError: ``plan`` is not in PLANS.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that `emulator serve` can set
        self,
        store: Store,
        *,
        plan: str = "enterprise",
        rate_limit: int = 60,
        faults: Faults | None = None,
        latency: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.store = store
        self.faults = faults or Faults()
        self.received: deque[tuple[str, str]] = deque(maxlen=10_000)
        self._plan = plan
        self._ip_limit = PLANS[plan]
        self._rate_limit = rate_limit
        self._latency = latency
        self._sleep = sleep

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.RemoteProtocolError: A fault drops the connection.
            httpx.ReadTimeout: A fault leaves the request without an answer.
            ConfigError: The store can't be used.
        """
        self.received.append((request.method, request.url.raw_path.decode("ascii")))
        carry_out = partial(self._answer, request)
        exchange = Exchange(request, self.store.now(), carry_out, self._sleep)
        fault = self.faults.take(request.method)
        return self.dated(fault(exchange) if fault else exchange.carry_out())

    def dated(self, response: httpx.Response) -> httpx.Response:
        """Return the reply its ``Date`` by the emulator's clock."""
        response.headers["Date"] = format_datetime(self.store.now(), usegmt=True)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self._latency:
            self._sleep(self._latency)
        try:
            operation = self._operation(request)
            key = _known_key(request)
        except RefusedError as refused:
            return refused.response
        if not self._rate_limit:
            return _carry_out(operation)
        quota = self.store.count_request(key, self._rate_limit)
        if quota.exceeded:
            return replies.too_many_requests(quota)
        response = _carry_out(operation)
        response.headers.update(replies.rate_limit_headers(quota))
        return response

    def _operation(self, request: httpx.Request) -> Callable[[], httpx.Response]:
        # The raw path: an encoded slash inside an id must not become a second segment.
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        route = ROUTE.fullmatch(path)
        if route is None:
            raise RefusedError(replies.error(404, "Not found"))
        operations: dict[str, Callable[[], httpx.Response]]
        if route[1] is None:
            operations = {"GET": self._list, "POST": partial(self._request, request)}
        else:
            ip_id = unquote(route[1])
            operations = {
                "GET": partial(self._details, ip_id),
                "PATCH": partial(self._update, ip_id, request),
                "DELETE": partial(self._release, ip_id),
            }
        if request.method not in operations:
            refusal = replies.error(405)
            refusal.headers["Allow"] = ", ".join(operations)
            raise RefusedError(refusal)
        return operations[request.method]

    def _list(self) -> httpx.Response:
        return replies.reply(200, {"success": True, "ips": self.store.ips()})

    def _request(self, request: httpx.Request) -> httpx.Response:
        settings = _settings(request)
        pool, rdns = settings.get("pool", "marketing"), settings.get("rdns")
        ip = self.store.request(pool, rdns, limit=self._ip_limit)
        if ip is None:
            return replies.plan_refusal(self._plan, self._ip_limit)
        return replies.reply(201, {"success": True, "ip": ip, "message": IN_PROGRESS})

    def _details(self, ip_id: str) -> httpx.Response:
        return _one_ip(self.store.ip(ip_id))

    def _update(self, ip_id: str, request: httpx.Request) -> httpx.Response:
        settings = _settings(request)
        if not settings:
            return replies.validation_failed({}, ["Give pool, rdns or both."])
        return _one_ip(self.store.update(ip_id, **settings))

    def _release(self, ip_id: str) -> httpx.Response:
        if not self.store.release(ip_id):
            return replies.error(404)
        return replies.reply(200, {"success": True})


def _carry_out(operation: Callable[[], httpx.Response]) -> httpx.Response:
    try:
        return operation()
    except RefusedError as refused:
        return refused.response


def _one_ip(ip: dict[str, object] | None) -> httpx.Response:
    if ip is None:
        return replies.error(404)
    return replies.reply(200, {"success": True, "ip": ip})


def _known_key(request: httpx.Request) -> str:
    bearer = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if bearer is None or bearer[1].startswith("msk_revoked"):
        raise RefusedError(replies.error(401))
    if bearer[1].startswith("msk_noscope"):
        raise RefusedError(replies.error(403))
    return bearer[1]


def _settings(request: httpx.Request) -> dict[str, str]:
    settings = _json_object(request)
    problems = {name: _problem(name, value) for name, value in settings.items()}
    field_errors = {name: [problem] for name, problem in problems.items() if problem}
    if field_errors:
        raise RefusedError(replies.validation_failed(field_errors, []))
    return {name: str(value) for name, value in settings.items()}


def _json_object(request: httpx.Request) -> dict[str, object]:
    body = request.read()
    if not body:
        return {}
    if len(body) > BODY_LIMIT:
        raise RefusedError(replies.error(413))
    media_type = request.headers.get("Content-Type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise RefusedError(replies.error(415, "Use Content-Type: application/json"))
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RefusedError(replies.error(400, "The body is not valid JSON")) from None
    if not isinstance(value, dict):
        raise RefusedError(replies.validation_failed({}, ["Expected an object."]))
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _problem(name: str, value: object) -> str | None:
    if name not in SETTINGS:
        return "Unknown field."
    pattern, rule = SETTINGS[name]
    if not isinstance(value, str):
        return "Expected a string."
    return None if pattern.fullmatch(value) else rule
