"""What `misar-ips trace` does: through which IP a received message came, and what was said of it.

What its receiver itself says decides. Else the newest Received line counts that names an address
of the account; where neither does, all addresses are named, and nothing is guessed.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.commands.message_header import read_header
from misar_ips.dns.verdicts import FAIL, PASS, UNKNOWN, WARNING, Check
from misar_ips.errors import CheckFailedError, UsageError
from misar_ips.hostnames import canonical_address, canonical_hostname
from misar_ips.results import CheckedIP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from misar_ips.api.models import DedicatedIP, IPList
    from misar_ips.commands.message_header import Header
    from misar_ips.session import Session

_VERDICTS = {
    "pass": PASS,
    "neutral": WARNING,
    "bestguesspass": WARNING,
    "policy": WARNING,
    "temperror": UNKNOWN,
}
"""What a receiver's verdict is to the sender; any other one has failed."""


class Route(NamedTuple):
    """Who handed a message to its receiver: the IP of the account, if it was one, and the check."""

    ip: DedicatedIP | None
    helo: str
    check: Check


def trace(session: Session, names: Sequence[str], pool: str | None) -> list[CheckedIP]:
    """Trace the messages in files, of which `-` is standard input.

    Raises:
        UsageError: a file can't be read, or is not a message that was received.
        MisarError: the account's IPs could not be listed.
    """
    headers = []
    for name in names or ("-",):
        with _opened(session, name) as file:
            headers.append((name, read_header(file, name)))
    listed = session.listed()
    return [_traced(name, header, listed, pool) for name, header in headers]


def require_success(messages: Sequence[CheckedIP]) -> None:
    """Make sure that no check of a message failed.

    Raises:
        CheckFailedError: one did.
    """
    failed = [each.name for each in messages if not each.ok]
    if failed:
        raise CheckFailedError(
            f"A check failed for {', '.join(failed)}.", hint="What was found is beside each check."
        )


@contextmanager
def _opened(session: Session, name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield session.input_bytes
        return
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - whatever the user may have named
            yield file
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}.") from error


def _traced(name: str, header: Header, listed: IPList, pool: str | None) -> CheckedIP:
    route = _route(header, listed)
    checks = [_with_pool(route, pool), *_helo_check(route)]
    checks += [_verdict_check(method, header) for method in ("spf", "dkim", "dmarc")]
    ip = route.ip
    return CheckedIP(ip.id if ip else None, ip.address if ip else None, tuple(checks), file=name)


def _route(header: Header, listed: IPList) -> Route:
    """Return which IP of the account handed the message over, and how sure that is."""
    ours = {canonical_address(ip.address): ip for ip in listed if ip.address}
    said = header.handed_over_by
    if said in ours:
        helo = header.helo or next((hop.helo for hop in header.hops if hop.address == said), "")
        message = f"Its receiver says that {said} handed it over: {ours[said].id}."
        return Route(ours[said], helo, Check("route", PASS, message, (said,)))
    seen = [place for place, hop in enumerate(header.hops) if hop.address in ours]
    if not seen:
        return Route(None, "", _unknown_route(header, listed))
    hop = header.hops[seen[0]]
    ip = ours[hop.address]
    newer = [each.address for each in header.hops[: seen[0]] if each.is_public]
    forwarder = said or next(iter(newer), "")
    if forwarder:
        message = (
            f"{forwarder} handed it to its receiver; a line below names {hop.address} ({ip.id}): "
            "it was forwarded, or that line is forged."
        )
        return Route(ip, hop.helo, Check("route", WARNING, message, (forwarder, hop.address)))
    message = f"{hop.address} handed it over: {ip.id}."
    return Route(ip, hop.helo, Check("route", PASS, message, (hop.address,)))


def _unknown_route(header: Header, listed: IPList) -> Check:
    addresses = [header.handed_over_by, *(hop.address for hop in header.hops)]
    found = tuple(dict.fromkeys(address for address in addresses if address))
    named = ", ".join(found) or "none"
    if not listed.is_whole:
        message = f"Not among the {len(listed)} IPs that the server listed; addresses: {named}."
        return Check("route", UNKNOWN, message, found)
    if header.handed_over_by:
        message = (
            f"Its receiver says that {header.handed_over_by} handed it over, which is not an IP of "
            "this account."
        )
        return Check("route", FAIL, message, found)
    message = f"No line names an IP of this account; addresses: {named}."
    return Check("route", UNKNOWN, message, found)


def _with_pool(route: Route, pool: str | None) -> Check:
    """Return the check of the route, failed where the IP is not in the pool that was asked for."""
    check = route.check
    if pool is None or (route.ip and route.ip.pool == pool and check.status == PASS):
        return check
    its_pool = f"{route.ip.id} is in pool {route.ip.pool or 'none'}" if route.ip else "no IP of it"
    message = f"{check.message} It did not surely come through pool {pool}: {its_pool}."
    return Check("route", FAIL, message, check.found, (pool,))


def _helo_check(route: Route) -> Iterator[Check]:
    if route.ip is None:
        return
    expected = canonical_hostname(route.ip.rdns)
    if not route.helo or not expected:
        what = "HELO name" if expected else "PTR name"
        yield Check(
            "helo", UNKNOWN, f"The {what} is not known.", (), tuple(filter(None, [expected]))
        )
    elif route.helo == expected:
        yield Check("helo", PASS, f"HELO is {expected}, as the PTR name.", (expected,), (expected,))
    else:
        message = f"HELO is {route.helo}, but the PTR name is {expected}."
        hint = "Receivers trust a server more that greets with its PTR name."
        yield Check("helo", WARNING, message, (route.helo,), (expected,), hint)


def _verdict_check(method: str, header: Header) -> Check:
    said = header.verdicts.get(method)
    if said is None:
        return Check(method, UNKNOWN, "Its receiver does not say.", (), ("pass",))
    receiver = header.receiver or "its receiver"
    message = f"{method.upper()}: {said}, says {receiver}."
    return Check(method, _VERDICTS.get(said, FAIL), message, (said,), ("pass",))
