"""The bodies of replies: JSON read safely, and what is looked for in it, wherever that is."""

from __future__ import annotations

import json
import math
import re
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeGuard

    import httpx

LONGEST_TEXT = 500  # characters of the server's text that an error repeats
PAGE = "a web page answered in its place, from a proxy or firewall perhaps"
TELLING = ("error", "message", "title", "detail", "details", "errors", "fieldErrors", "formErrors")
"""Where a failure's reason may be, at the outside and within one another."""

_LARGEST_REPLY = 10 * 1024 * 1024  # bytes, after decompression
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for gzip's header
_NO_JSON = "the answer is not valid JSON"
_DEEPEST = 100  # objects and lists within one another
_NAMING = ("field", "path", "param")
_TOTALS = ("total", "count", "total_count", "totalCount")
_MORE = ("has_more", "hasMore", "next", "next_page", "nextPage", "next_cursor", "nextCursor")
_PAGING = ("data", "meta", "pagination", "paging", "links", "_links")


def read_content(response: httpx.Response) -> bytes:
    """Return a reply's bytes, unpacked, but never more of them than anybody could mean.

    Raises:
        ValueError: they are more than that, packed otherwise than was asked for, or damaged.
    """
    content = bytearray()
    for chunk in _unpacked(response):
        content += chunk
        if len(content) > _LARGEST_REPLY:
            raise ValueError("the answer is larger than 10 MiB")
    return bytes(content)


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """Return a reply's bytes, of gzip all members (RFC 1952 section 2.2)."""
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing in {"", "identity"}:
        yield from response.iter_bytes()
        return
    if packing != "gzip":
        raise ValueError("the answer is packed in a way that was not asked for")
    member = None
    try:
        for chunk in response.iter_raw():
            packed = chunk
            while packed:
                if member is None or member.eof:
                    member = zlib.decompressobj(_GZIP)
                yield member.decompress(packed, _LARGEST_REPLY + 1)
                packed = member.unused_data or member.unconsumed_tail
    except zlib.error as error:
        raise ValueError("the answer can't be unpacked") from error
    if member and not member.eof:
        raise ValueError("the answer can't be unpacked: its end is missing")


def read_body(content: bytes, hide: Callable[[str], str]) -> tuple[Any, str | None]:
    """Return a body's JSON value, and why it can't be read where it can't.

    Only what JSON allows passes: no NaN, no infinity, nothing that could not be printed again.
    Where ``hide`` finds the key, each text goes through it. A short plain text comes back as
    it is.
    """
    if not content.strip():
        return None, None
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if _is_too_deep(value):
            return None, _NO_JSON
        return value if hide(text) == text else _hidden(value, hide), None
    except (ValueError, RecursionError):
        if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
            return None, PAGE
        return hide(_plain_text(content)) or None, _NO_JSON


def _is_too_deep(value: object) -> bool:
    """Return whether objects and lists are within one another deeper than anybody means."""
    level = [value]
    for _ in range(_DEEPEST):
        containers = [each for each in level if isinstance(each, dict | list)]
        level = [
            inner
            for each in containers
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_hidden(each, hide) for each in value]
    if isinstance(value, dict):
        return {hide(name): _hidden(each, hide) for name, each in value.items()}
    return value


def _plain_text(content: bytes) -> str:
    """Return a body that is a short text for people, nothing for whatever else."""
    text = " ".join(content[: LONGEST_TEXT + 1].decode(errors="replace").split())
    is_one = len(content) <= LONGEST_TEXT and text.isprintable()
    return text if is_one and not re.search(r"[\[{\\\ufffd]", text) else ""


def words_in(value: object, about: str = "") -> list[str]:
    """Return the texts in a value that tells of errors, each after the field it is about."""
    if isinstance(value, str):
        return [f"{about}{value}"] if value.strip() else []
    if isinstance(value, list):
        return [text for each in value for text in words_in(each, about)]
    if not isinstance(value, dict):
        return []
    field = first_text(*(value.get(name) for name in _NAMING))
    label = f"{field}: " if field else about
    told = [text for name in TELLING for text in words_in(value.get(name), label)]
    if told or any(name in value for name in TELLING):
        return told
    return [text for name, each in value.items() for text in words_in(each, f"{name}: ")]


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def find_list(body: object) -> list[Any] | None:
    """Return the IPs in `ips`, in `data`, in `data.ips`, or in a list without envelope."""
    if isinstance(body, list):
        return body
    data = inner(body, "data")
    for place, name in ((body, "ips"), (data, "ips"), (body, "data")):
        if isinstance(place, dict) and name in place:
            found = [] if place[name] is None else place[name]
            return found if isinstance(found, list) else None
    return None


def total_in(body: object) -> int | None:
    """Return how many IPs there are in all, where a list says so: the most that it names."""
    told = [place.get(name) for place in _paging(body) for name in _TOTALS]
    return max((int(each) for each in told if _is_count(each)), default=None)


def says_more(body: object) -> bool:
    """Return whether a list says that there is more of it."""
    told = [place.get(name) for place in _paging(body) for name in _MORE]
    return any(each for each in told if not isinstance(each, list))


def _paging(body: object) -> list[dict[str, Any]]:
    """Return the objects that may tell how long a list is."""
    outer = [body, *(inner(body, name) for name in _PAGING)]
    within = [inner(place, name) for place in outer[1:] for name in _PAGING[1:]]
    return [place for place in (*outer, *within) if isinstance(place, dict)]


def _is_count(value: object) -> TypeGuard[int | str]:
    if isinstance(value, str):
        return bool(re.fullmatch("[0-9]{1,9}", value))
    return isinstance(value, int) and not isinstance(value, bool)


def find_ip(body: object) -> dict[str, Any] | None:
    """Return the IP in `ip`, in `data`, in `data.ip`, or in an object without envelope.

    A text `ip` beside an id is an address, not an envelope.
    """
    data = inner(body, "data")
    for value in (inner(body, "ip"), inner(data, "ip"), data, body):
        if isinstance(value, dict) and "id" in value:
            return value
    return None


def inner(value: object, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a field of a value, None where it is not an object."""
    return value.get(name) if isinstance(value, dict) else None


def first_text(*values: object) -> str | None:
    """Return the first of some values that is a text, as much of it as an error repeats."""
    texts = (value for value in values if isinstance(value, str) and value)
    return next((text[:LONGEST_TEXT] for text in texts), None)
