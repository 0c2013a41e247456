"""What `misar-ips trace` does: through which IP a received message came, and what was said of it.

What its receiver itself says decides. Else the newest Received line counts that names an address
of the account; where neither does, all addresses are named, and nothing is guessed.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from misar_ips.api.finding import named
from misar_ips.commands.list import select
from misar_ips.commands.message_checks import helo_check, verdict_check
from misar_ips.commands.message_header import METHODS, read_header
from misar_ips.commands.received_line import is_public
from misar_ips.dns.verdicts import FAIL, PASS, UNKNOWN, WARNING, Check
from misar_ips.errors import CheckFailedError, UsageError
from misar_ips.hostnames import canonical_address
from misar_ips.results import CheckedIP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import BufferedIOBase

    from misar_ips.api.models import DedicatedIP, IPList
    from misar_ips.commands.message_header import Header
    from misar_ips.session import Session

_MOST_ADDRESSES = 20  # in a text; all are in `found`


class Route(NamedTuple):
    """Who handed a message to its receiver: the IP of the account, if it was one, and the check."""

    check: Check
    ip: DedicatedIP | None = None
    helo: str = ""


def trace(session: Session, names: Sequence[str], pool: str | None) -> list[CheckedIP]:
    """Trace the messages in files, of which `-` is standard input.

    Raises:
        UsageError: a file can't be read, or is not a message that was received; several IPs of the
            account have the address that it came from.
        MisarError: the account's IPs could not be listed.
    """
    headers = []
    for name in names or ("-",):
        with _opened(session, name) as (file, title):
            headers.append((name, read_header(file, title)))
    listed = session.listed()
    select(listed, [pool] if pool else (), (), session.output.warning)  # a typo is warned of
    return [_traced(*each, listed, pool, session.command_for) for each in headers]


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
def _opened(session: Session, name: str) -> Iterator[tuple[BufferedIOBase, str]]:
    """Open a file, and return with it how to call it at the beginning of a sentence."""
    title = "Standard input" if name == "-" else name or "``"
    try:
        if name == "-":
            if session.output.questions.can_be_asked:
                session.output.note("Paste the message's header. An empty line or Ctrl-D ends it.")
            yield session.input_bytes, title
        else:
            with open(name, "rb") as file:  # noqa: PTH123 - a Path would take `./-` for `-`
                yield file, title
    except OSError as error:
        raise UsageError(f"{title} can't be read: {error.strerror}.") from error


def _traced(
    name: str, header: Header, listed: IPList, pool: str | None, command: Callable[..., str]
) -> CheckedIP:
    route = _route(header, listed)
    checks = [route.check if pool is None else _pool_check(route, pool, listed)]
    ip = route.ip
    if ip:
        checks.append(helo_check(ip, route.helo, command))
    judged = ip if route.check.status == PASS else None  # else SPF was asked for another server
    checks += [verdict_check(each, header.verdicts.get(each), judged, command) for each in METHODS]
    return CheckedIP(ip.id if ip else None, ip.address if ip else None, tuple(checks), file=name)


def _route(header: Header, listed: IPList) -> Route:
    """Return which IP of the account handed the message over, and how sure that is."""
    ours = {canonical_address(ip.address) for ip in listed} - {None}
    said = header.handed_over_by
    if said in ours:
        ip = named(said, listed)
        helo = header.helo or next((hop.helo for hop in header.hops if hop.address == said), "")
        message = f"{said} ({ip.id}) handed it to its receiver, which says so."
        return Route(Check("route", PASS, message, (said,)), ip, helo)
    seen = next((hop for hop in header.hops if hop.address in ours), None)
    if not seen:
        return Route(_unknown_route(header, listed))
    ip = named(seen.address, listed)
    newer = [hop.address for hop in header.hops[: header.hops.index(seen)]]
    forwarder = said or next(filter(is_public, newer), "")
    if not forwarder:
        message = f"{seen.address} ({ip.id}) handed it to its receiver."
        return Route(Check("route", PASS, message, (seen.address,)), ip, seen.helo)
    message = (
        f"{forwarder} handed it to its receiver. A line below names {seen.address} ({ip.id}): "
        "it was forwarded, or that line is forged."
    )
    hint = "A message to a mailbox that nobody forwards to gives a sure answer."
    found = (forwarder, seen.address)
    return Route(Check("route", WARNING, message, found, hint=hint), ip, seen.helo)


def _unknown_route(header: Header, listed: IPList) -> Check:
    said = header.handed_over_by
    addresses = [said, *(hop.address for hop in header.hops)]
    found = tuple(dict.fromkeys(filter(None, addresses)))
    if said and listed.is_whole:
        message = f"{said} handed it to its receiver; that is not an IP of this account."
        hint = "Perhaps it went through a shared pool, or through an IP of another account."
        return Check("route", FAIL, message, found, hint=hint)
    named = ", ".join(found[:_MOST_ADDRESSES])
    more = len(found) - _MOST_ADDRESSES
    hint = f"Addresses in it, the newest first: {named}{f' and {more:,} more' * (more > 0)}."
    message = "No line names an IP of this account."
    if not listed.is_whole:
        message = "No line names an IP that the server listed, and there are more."
    return Check("route", UNKNOWN, message, found, hint=hint if found else "")


def _pool_check(route: Route, pool: str, listed: IPList) -> Check:
    """Return the check of the route, failed where the IP is not in the pool."""
    check, ip = route.check, route.ip
    if ip and ip.pool == pool:
        return check
    expected = tuple(each.address for each in listed if each.pool == pool and each.address)
    is_in = f"{ip.id} is in {ip.pool or 'no pool'}, not" if ip else "No IP is known to be"
    message = f"{check.message} {is_in} in {pool}."
    return Check("route", FAIL, message, check.found, expected, check.hint)
