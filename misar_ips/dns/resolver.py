"""Questions to DNS, asked side by side and each within its time: what it says, or why not.

dnspython is loaded when the first question is asked: no other command pays for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dns.message import QueryMessage
    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rdtypes.ANY.TXT import TXT

    from misar_ips.dns.nameservers import Nameserver

Address: TypeAlias = IPv4Address | IPv6Address


_ADDRESS_RECORDS = {4: "A", 6: "AAAA"}
_MOST_ALIASES = 16  # CNAMEs in a row, as many as the large resolvers follow


@dataclass(frozen=True, slots=True)
class Limits:
    """How long DNS is asked: seconds for a try, tries with each resolver, seconds for everything.

    ``at_once`` is how many questions are under way at the same time.
    """

    one_try: float = 2.0
    tries: int = 2
    in_all: float = 10.0
    at_once: int = 100


BRIEFLY = Limits(one_try=1.0, in_all=2.0)
"""For a look before something else is done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says of a name.

    ``records`` are the values of its records, none where it has none; ``exists`` is False where
    there is no such name (NXDOMAIN). ``problem`` is why nothing is known, "" where something is.
    ``note`` says what is odd about the name itself, as a circle of aliases.
    """

    records: tuple[str, ...] = ()
    exists: bool = True
    problem: str = ""
    note: str = ""


class Resolver:
    """Asks resolvers for records and follows aliases (CNAME) to where they lead.

    A resolver that does not answer, or that answers anything but NOERROR and NXDOMAIN, is asked
    again after the others. The time for everything runs from the first question. Where there are
    no ``nameservers``, every answer's problem is ``why_none``.
    """

    def __init__(
        self,
        nameservers: Sequence[Nameserver],
        limits: Limits = Limits(),
        why_none: str = "this machine has no resolver; `--resolver` names one",
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._nameservers = tuple(nameservers)
        self._limits = limits
        self._why_none = why_none
        self._log = log
        self._places = asyncio.Semaphore(limits.at_once)
        self._ends_at: float | None = None

    async def hostnames(self, address: Address) -> Answer:
        """Return the names in the address's PTR records (RFC 1035 section 3.5, RFC 3596 2.5)."""
        return await self._look_up(address.reverse_pointer, "PTR")

    async def addresses(self, name: str, version: int = 4) -> Answer:
        """Return the addresses in the name's A records, or for version 6 in its AAAA records."""
        return await self._look_up(name, _ADDRESS_RECORDS[version])

    async def texts(self, name: str) -> Answer:
        """Return the texts of the name's TXT records, each in one piece (RFC 1035 3.3.14)."""
        return await self._look_up(name, "TXT")

    async def _look_up(self, name: str, record_type: str) -> Answer:
        import dns.exception
        import dns.name

        if not self._nameservers:
            return Answer(problem=self._why_none)
        try:
            return await self._follow(dns.name.from_text(name), record_type)
        except _UnansweredError as trouble:
            return Answer(problem=str(trouble))
        except (dns.exception.DNSException, UnicodeError):  # an empty or overlong label for example
            return Answer(exists=False, note="DNS can't hold such a name")

    async def _follow(self, name: Name, record_type: str) -> Answer:
        """Ask for records, and ask again where an answer ends with an alias."""
        import dns.message
        import dns.rcode

        aliases: set[Name] = set()
        while len(aliases) < _MOST_ALIASES:
            response = await self._ask(name, record_type)
            try:
                found = response.resolve_chaining()
            except dns.message.ChainTooLong:
                break
            target = found.canonical_name
            if found.answer is not None:
                return Answer(tuple(_value(each) for each in found.answer))
            if response.rcode() == dns.rcode.NXDOMAIN:
                return Answer(exists=False, note=_dangling(target) if target != name else "")
            if target == name:
                return Answer()
            aliases.add(name)
            if target in aliases:
                break
            name = target
        return Answer(note="its aliases (CNAME) lead in a circle, or to too many others")

    async def _ask(self, name: Name, record_type: str) -> QueryMessage:
        """Ask one resolver after the other, each as often as allowed, until one answers."""
        import dns.rcode

        trouble = f"no time was left: all questions together have {self._limits.in_all:g} s"
        for nameserver in self._nameservers * self._limits.tries:
            async with self._places:
                left = self._seconds_left()
                if left <= 0:
                    break
                try:
                    response = await self._try(name, record_type, nameserver, left)
                except _UnansweredError as error:
                    trouble = str(error)
                    self._tell(f"{record_type} {name}: {trouble}")
                else:
                    code = dns.rcode.to_text(response.rcode())
                    self._tell(f"{record_type} {name}: {nameserver} answered {code}")
                    return response
        raise _UnansweredError(trouble)

    def _tell(self, line: str) -> None:
        if self._log:
            self._log(line)

    def _seconds_left(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._ends_at is None:
            self._ends_at = now + self._limits.in_all
        return self._ends_at - now

    async def _try(
        self, name: Name, record_type: str, nameserver: Nameserver, left: float
    ) -> QueryMessage:
        import dns.asyncquery
        import dns.exception
        import dns.message

        query = dns.message.make_query(name, record_type)
        seconds = min(self._limits.one_try, left)
        try:
            async with asyncio.timeout(seconds):
                # What answers another question, as a wrong id shows, is not listened to.
                response, _ = await dns.asyncquery.udp_with_fallback(
                    query,
                    nameserver.address,
                    port=nameserver.port,
                    ignore_unexpected=True,
                    ignore_errors=True,
                )
        except TimeoutError:
            raise _UnansweredError(f"{nameserver} did not answer within {seconds:.2g} s") from None
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or "the connection was closed"
            raise _UnansweredError(f"{nameserver} can't be asked: {reason}") from error
        except dns.exception.DNSException as error:
            reason = "its answer can't be understood"
            raise _UnansweredError(f"{nameserver} was asked in vain: {reason}") from error
        return _understood(cast("QueryMessage", response), nameserver)


class _UnansweredError(Exception):
    """Nobody told; the text says who was asked last and what came of it."""


def _understood(response: QueryMessage, nameserver: Nameserver) -> QueryMessage:
    """Return the response if it says what is or is not there."""
    import dns.flags
    import dns.rcode
    import dns.rdatatype

    code = response.rcode()
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise _UnansweredError(f"{nameserver} answered {dns.rcode.to_text(code)}")
    is_recursive = bool(response.flags & (dns.flags.RA | dns.flags.AA))
    types = {records.rdtype for records in response.authority}
    if not response.answer and not is_recursive and dns.rdatatype.NS in types:
        raise _UnansweredError(f"{nameserver} only names other servers: it is no resolver")
    return response


def _value(record: Rdata) -> str:
    """Return what a record holds; bytes of a name that are no text are escaped by dnspython."""
    import dns.rdatatype

    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(cast("TXT", record).strings).decode("utf-8", "replace")
    text = record.to_text()
    return text.removesuffix(".") if record.rdtype == dns.rdatatype.PTR else text


def _dangling(target: Name) -> str:
    return f"it is an alias (CNAME) of {target.to_text(omit_final_dot=True)}, which does not exist"
