"""The API itself: an httpx request in, an httpx response out, the state in a Store."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from misar_ips.emulator import replies
from misar_ips.emulator.control import Control, whole_seconds
from misar_ips.emulator.faults import Exchange, Faults
from misar_ips.emulator.ip import setting_problem
from misar_ips.emulator.request_log import LoggedRequest, RequestLog
from misar_ips.emulator.seeds import PLANS, look_up
from misar_ips.emulator.shapes import SHAPES, TIME_FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    import httpx

    from misar_ips.emulator.store import Store

BODY_LIMIT = 64 * 1024
IN_PROGRESS = "IP provisioning in progress. Expected within 24 hours."

ROUTE = re.compile(r"/(?:mail|api)/v1/dedicated-ips(?:/([^/]+))?")
BEARER = re.compile(r"bearer +(msk_\S*)", re.IGNORECASE)


class RefusedError(Exception):
    """A request that is not carried out, and the reply it gets instead."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Emulator:
    """The dedicated-IP API over a store; mount it as ``httpx.MockTransport(Emulator(store))``.

    ``shape`` names one of SHAPES. ``rate_limit`` is in requests a minute a key (0: none),
    ``latency`` in seconds a request, and ``sleep`` is how they and a fault's seconds pass. ``tell``
    is called with each request once it was answered; ``read_duration`` reads a text such as 7d.
    ``received`` holds method and raw path of the latest requests.

    Raises:
        UsageError: There is no such plan or shape, or a fault is malformed.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that `emulator serve` can set
        self,
        store: Store,
        *,
        plan: str = "enterprise",
        shape: str = "reference",
        rate_limit: int = 60,
        faults: Faults | Iterable[str] = (),
        latency: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
        tell: Callable[[LoggedRequest], object] | None = None,
        read_duration: Callable[[str], timedelta] = whole_seconds,
    ) -> None:
        self.store = store
        self.faults = faults if isinstance(faults, Faults) else Faults(faults)
        self.requests = RequestLog(tell)
        self.received: deque[tuple[str, str]] = deque(maxlen=10_000)
        self._plan = plan
        self._ip_limit = look_up("plan", plan, PLANS)
        self._shape = look_up("shape", shape, SHAPES)
        self._rate_limit = rate_limit
        self._latency = latency
        self._sleep = sleep
        self._control = Control(store, self.requests, read_duration)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.RemoteProtocolError: A fault drops the connection.
            httpx.ReadTimeout: A fault leaves the request without an answer.
            ConfigError: The store can't be used.
        """
        request.read()
        answer = self._control.answer(request, self.faults)
        if answer is not None:
            return answer
        with self.requests.noting(
            request.method,
            request.url.raw_path.decode("ascii"),
            body=request.content,
            authorization=request.headers.get("Authorization", ""),
        ) as logged:
            self.received.append((logged.method, logged.path))
            now = self.store.now()
            logged.time = f"{now:{TIME_FORMAT}}"
            exchange = Exchange(request, now, partial(self._answer, request), self._sleep)
            fault = self.faults.take(request.method)
            response = self._dated(fault(exchange) if fault else exchange.carry_out())
            logged.status = response.status_code
        return response

    def refusal(self, status: int, method: str, path: str, text: str) -> httpx.Response:
        """Return, and note, the answer to a request that the API never sees."""
        with self.requests.noting(method, path) as logged:
            logged.time, logged.status = f"{self.store.now():{TIME_FORMAT}}", status
        return self._dated(replies.error(status, text))

    def _dated(self, response: httpx.Response) -> httpx.Response:
        """Return the reply with a ``Date`` by the emulator's clock."""
        response.headers["Date"] = format_datetime(self.store.now(), usegmt=True)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self._latency:
            self._sleep(self._latency)
        quota = None
        try:
            operation, key = self._operation(request), _known_key(request)
            if self._rate_limit:
                quota = self.store.count_request(key, self._rate_limit)
            response = replies.too_many_requests(quota) if quota and quota.exceeded else operation()
        except RefusedError as refused:
            response = refused.response
        if quota:
            response.headers.update(replies.rate_limit_headers(quota))
        return response

    def _operation(self, request: httpx.Request) -> Callable[[], httpx.Response]:
        # The raw path: an encoded slash inside an id must not become a second segment.
        route = ROUTE.fullmatch(request.url.raw_path.decode("ascii").partition("?")[0])
        if route is None:
            raise RefusedError(replies.error(404, "Not found"))
        operations: dict[str, Callable[[httpx.Request, str], httpx.Response]]
        operations = {"GET": self._list, "POST": self._request}
        if route[1] is not None:
            operations = {"GET": self._details, "PATCH": self._update, "DELETE": self._release}
        if request.method not in operations:
            refusal = replies.error(405)
            refusal.headers["Allow"] = ", ".join(operations)
            raise RefusedError(refusal)
        return partial(operations[request.method], request, unquote(route[1] or ""))

    def _list(self, _request: httpx.Request, _ip_id: str) -> httpx.Response:
        ips = self.store.ips(self._shape.listed)
        count = {"count": len(ips)} if self._shape.counts else {}
        return replies.reply(200, {"success": True, self._shape.many: ips, **count})

    def _request(self, request: httpx.Request, _ip_id: str) -> httpx.Response:
        settings = {"pool": "marketing", **_settings(request)}
        ip = self.store.request(**settings, limit=self._ip_limit, written=self._shape.ordered)
        if ip is None:
            return replies.plan_refusal(403, self._plan, self._ip_limit)
        return replies.reply(201, {"success": True, self._shape.one: ip, "message": IN_PROGRESS})

    def _details(self, _request: httpx.Request, ip_id: str) -> httpx.Response:
        return self._one_ip(self.store.ip(ip_id, self._shape.detailed))

    def _update(self, request: httpx.Request, ip_id: str) -> httpx.Response:
        settings = _settings(request)
        if not settings:
            return replies.validation_failed({}, ["Give pool, rdns or both."])
        return self._one_ip(self.store.update(ip_id, written=self._shape.detailed, **settings))

    def _release(self, _request: httpx.Request, ip_id: str) -> httpx.Response:
        is_released = self.store.release(ip_id)
        return replies.reply(200, {"success": True}) if is_released else replies.error(404)

    def _one_ip(self, ip: dict[str, object] | None) -> httpx.Response:
        if ip is None:
            return replies.error(404)
        return replies.reply(200, {"success": True, self._shape.one: ip})


def _known_key(request: httpx.Request) -> str:
    bearer = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if bearer is None or bearer[1].startswith("msk_revoked"):
        raise RefusedError(replies.error(401))
    if bearer[1].startswith("msk_noscope"):
        raise RefusedError(replies.error(403))
    return bearer[1]


def _settings(request: httpx.Request) -> dict[str, Any]:
    settings = _json_object(request)
    problems = {name: setting_problem(name, value) for name, value in settings.items()}
    field_errors = {name: [problem] for name, problem in problems.items() if problem}
    if field_errors:
        raise RefusedError(replies.validation_failed(field_errors, []))
    return settings


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
