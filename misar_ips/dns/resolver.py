"""Questions to DNS, asked side by side within one limit: what it says, or why not.

dnspython asks, and asks again. Here are the limits, the log, and what counts as an answer. To be
imported where the first question is asked: no other command pays for dnspython and asyncio.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.resolver
from dns.rdatatype import CNAME, DNAME, MX, NS, RRSIG, SOA, TXT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dns.message import Message, QueryMessage
    from dns.name import Name
    from dns.rrset import RRset

    from misar_ips.dns.nameservers import Nameserver

Address: TypeAlias = IPv4Address | IPv6Address

_MOST_ALIASES = 16  # CNAMEs in a row, as many as the large resolvers follow
_CIRCLE = "its aliases (CNAME) lead in a circle, or to too many others"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long DNS is asked, in seconds: for a try, for a question, for all questions of a run.

    ``at_once`` is how many questions are under way at the same time, at most.
    """

    one_try: float = 2.0
    question: float = 5.0
    run: float = 10.0
    at_once: int = 100


BRIEFLY = Limits(one_try=1.0, question=2.0, run=2.0)
"""For a look before something else is done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says of a name.

    ``records`` are the values of its records, none where it has none; ``exists`` is False where
    there is no such name (NXDOMAIN). ``problem`` is why nothing is known, "" where something is.
    ``note`` says what is odd about the name itself, as a circle of aliases. ``negative_ttl`` is
    for how many seconds resolvers keep that there is no such name or record (RFC 2308), None
    where the zone does not tell.
    """

    records: tuple[str, ...] = ()
    exists: bool = True
    problem: str = ""
    note: str = ""
    negative_ttl: int | None = None


class Resolver:
    """Asks resolvers for records, each question once, and follows aliases (CNAME).

    A resolver that does not answer is asked again after the others, until a question's time is
    over. The time for all of them runs from the first question. Where there are no
    ``nameservers``, every answer's problem is ``why_none``.
    """

    def __init__(
        self,
        nameservers: Sequence[Nameserver],
        limits: Limits = Limits(),
        why_none: str = "this machine has no resolver; `--resolver` names one",
        log: Callable[[str], None] | None = None,
    ) -> None:
        servers: list[_Server] = []
        servers += (_Server(each, servers, log) for each in nameservers)
        self._dns = dns.asyncresolver.Resolver(configure=False)
        self._dns.nameservers = servers
        self._dns.timeout = limits.one_try
        self._dns.lifetime = limits.question
        self._limits = limits
        self._why_none = why_none
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        places = files // 4 if files != resource.RLIM_INFINITY else limits.at_once
        self._places = asyncio.Semaphore(max(1, min(places, limits.at_once)))
        self._ends_at: float | None = None
        self._asked: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    async def ask(self, name: str, record_type: str) -> Answer:
        """Return what DNS says of a name's records of one type.

        Values are addresses (A, AAAA), names without their last dot (PTR; MX by preference), or
        texts, each in one piece (TXT, RFC 1035 section 3.3.14).
        """
        question = (name.lower(), record_type)
        if question not in self._asked:
            self._asked[question] = asyncio.ensure_future(self._ask(name, record_type))
        return await self._asked[question]

    async def _ask(self, name: str, record_type: str) -> Answer:
        if not self._dns.nameservers:
            return Answer(problem=self._why_none)
        try:
            absolute = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):  # an empty or overlong label for example
            return Answer(exists=False, note="DNS can't hold such a name")
        self._ends_at = self._ends_at or asyncio.get_running_loop().time() + self._limits.run
        try:
            async with asyncio.timeout_at(self._ends_at), self._places:
                return await self._follow(absolute, record_type)
        except TimeoutError:
            seconds = f"{self._limits.run:g} s"
            return Answer(problem=f"no time was left: all questions together have {seconds}")
        except (dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout) as error:
            return _unanswered(error)

    async def _follow(self, name: Name, record_type: str) -> Answer:
        """Ask for records, and ask again where an answer ends with an alias."""
        aliases: set[Name] = set()
        while len(aliases) < _MOST_ALIASES:
            response = await self._response(name, record_type)
            found = response.resolve_chaining()
            target = found.canonical_name
            if found.answer is not None:
                return Answer(_values(found.answer))
            ttl = found.minimum_ttl if SOA in _types(response.authority) else None
            if response.rcode() == dns.rcode.NXDOMAIN:
                gone = target.to_text(omit_final_dot=True)
                dangling = f"it is an alias (CNAME) of {gone}, which does not exist"
                note = dangling if target != name else ""
                return Answer(exists=False, note=note, negative_ttl=ttl)
            if target == name:
                return Answer(negative_ttl=ttl)
            aliases.add(name)
            if target in aliases:
                break
            name = target
        return Answer(note=_CIRCLE)

    async def _response(self, name: Name, record_type: str) -> QueryMessage:
        try:
            found = await self._dns.resolve(name, record_type, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            return cast("QueryMessage", error.kwargs["responses"][name])
        return found.response


class _UnusableError(dns.exception.FormError):
    """A response that answers nothing; dnspython asks the next resolver, and this one no more."""

    def __init__(self, what: str) -> None:
        super().__init__(what)  # type: ignore[no-untyped-call]  # dnspython's is without types


class _Server(dns.nameserver.Do53Nameserver):
    """A resolver whose responses are logged, and believed only where they are usable.

    Whoever answers comes first among ``all_servers`` from then on.
    """

    def __init__(
        self,
        nameserver: Nameserver,
        all_servers: list[_Server],
        log: Callable[[str], None] | None,
    ) -> None:
        super().__init__(nameserver.address, nameserver.port)
        self._name = str(nameserver)
        self._all_servers = all_servers
        self._log = log

    def __str__(self) -> str:
        return self._name

    async def async_query(
        self,
        request: QueryMessage,
        *args: Any,  # noqa: ANN401 - dnspython's own
        **options: Any,  # noqa: ANN401 - likewise
    ) -> Message:
        """Return the response to a question, as dnspython asks for it."""
        try:
            response = await super().async_query(request, *args, **options)
            _require_usable(cast("QueryMessage", response))
        except Exception as error:  # whatever it is, it rises on
            self._tell(request, _reason(error))
            raise
        self._tell(request, f"answered {dns.rcode.to_text(response.rcode())}")
        self._all_servers.remove(self)
        self._all_servers.insert(0, self)
        return response

    def _tell(self, request: QueryMessage, what: str) -> None:
        if self._log:
            [question] = request.question
            record_type = dns.rdatatype.to_text(question.rdtype)
            self._log(f"{record_type} {question.name}: {self} {what}")


def _require_usable(response: QueryMessage) -> None:
    """Make sure that a response says what is there, or with authority that nothing is (RFC 2308).

    Raises:
        _UnusableError: it does not, or it contradicts itself.
    """
    code = response.rcode()
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise _UnusableError(f"answered {dns.rcode.to_text(code)}")
    if response.flags & dns.flags.TC:
        raise _UnusableError("answered with a part only")
    try:
        has_answer = response.resolve_chaining().answer is not None
    except dns.message.ChainTooLong:
        return  # dnspython finds the same, and notes it
    except dns.message.AnswerForNXDOMAIN as error:
        raise _UnusableError("contradicts itself") from error
    if has_answer:
        return
    if _types(response.answer) - {CNAME, DNAME, RRSIG}:
        raise _UnusableError("contradicts itself")
    types = _types(response.authority)
    if NS in types and SOA not in types and not response.flags & dns.flags.AA:
        raise _UnusableError("only names other servers: it is not a resolver")
    if SOA not in types and not response.flags & (dns.flags.AA | dns.flags.RA):
        raise _UnusableError("answered nothing: it is neither a resolver nor in charge of the name")


def _unanswered(error: dns.resolver.NoNameservers | dns.resolver.LifetimeTimeout) -> Answer:
    """Return why nobody answered: what came of the last try."""
    tries = error.kwargs["errors"]
    if any(isinstance(trouble, dns.message.ChainTooLong) for _, _, _, trouble, _ in tries):
        return Answer(note=_CIRCLE)
    if not tries:
        return Answer(problem="no time was left")
    server, _, _, trouble, _ = tries[-1]
    return Answer(problem=f"{server} {_reason(trouble)}")


def _reason(error: Exception) -> str:
    if isinstance(error, _UnusableError):
        return str(error)
    if isinstance(error, dns.message.Truncated):
        return "answered with a part only"
    if isinstance(error, dns.exception.Timeout):
        return "did not answer in time"
    if isinstance(error, OSError | EOFError):
        reason = getattr(error, "strerror", None) or "the connection was closed"
        return f"can't be asked: {reason}"
    return "gave an answer that can't be understood"


def _types(records: Sequence[RRset]) -> set[dns.rdatatype.RdataType]:
    return {each.rdtype for each in records}


def _values(records: RRset) -> tuple[str, ...]:
    """Return what records hold; bytes of a name that are not text are escaped by dnspython."""
    if records.rdtype == TXT:
        return tuple(b"".join(each.strings).decode("utf-8", "replace") for each in records)
    if records.rdtype == MX:
        ordered = sorted(records, key=lambda each: int(each.preference))
        return tuple(each.exchange.to_text(omit_final_dot=True) for each in ordered)
    return tuple(each.to_text().removesuffix(".") or "." for each in records)
