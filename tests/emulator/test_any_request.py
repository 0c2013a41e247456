"""Whatever is asked is answered, and never with a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.store import Store
from tests.conftest import KEY
from tests.emulator.conftest import IPS, World

if TYPE_CHECKING:
    import pytest


@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    segment=st.text(st.characters(exclude_characters="/?#", exclude_categories=["Cs", "Cc"])),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
)
@settings(max_examples=60, deadline=None)
def test_no_request_is_answered_with_a_crash(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, segment: str, method: str
) -> None:
    world = World(tmp_path_factory.getbasetemp() / "any_request.db", rate_limit=0)
    with world.client:
        reply = world.client.request(
            method,
            f"{IPS}/{segment}",
            content=body,
            headers={"Content-Type": "application/json"},
        )
    assert reply.status_code < 500
    assert reply.json()["success"] is (reply.status_code < 400)


tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
paths = st.one_of(
    st.just("/mail/v1/dedicated-ips"),
    st.lists(st.sampled_from(["mail", "api", "v1", "dedicated-ips", "ip_abc123", "%", "%2F", ".."]))
    .map("/".join)
    .map("/{}".format),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?")).map(
        "/{}".format
    ),
)
header_names = st.sampled_from(
    ["Authorization", "Content-Type", "Content-Length", "Transfer-Encoding", "Host", "Accept"]
)
header_values = st.one_of(
    st.sampled_from([f"Bearer {KEY}", "application/json", "chunked", "-1", "application/json;;="]),
    st.text(st.characters(max_codepoint=255)),
)


@given(
    method=tokens | st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    path=paths,
    headers=st.lists(st.tuples(header_names, header_values), max_size=5),
    body=st.binary(max_size=100),
)
@settings(max_examples=200, deadline=None)
def test_no_method_path_or_header_is_answered_with_a_crash(
    tmp_path_factory: pytest.TempPathFactory,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    emulator = Emulator(Store(tmp_path_factory.getbasetemp() / "any_request.db"), rate_limit=0)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    url = httpx.URL(scheme="http", host="emulator", raw_path=path.encode())
    reply = emulator(httpx.Request(method, url, headers=raw, content=body))
    assert reply.status_code < 500
    assert reply.json()["success"] is (reply.status_code < 400)
