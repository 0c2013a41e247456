"""A DNS server on loopback for tests: over UDP and TCP, with the faults that DNS knows."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from misar_ips.dns.nameservers import Nameserver

if TYPE_CHECKING:
    from types import TracebackType

TTL = 60
UDP_LIMIT = 512  # octets, RFC 1035 section 2.3.4
TRIES = 20
POLL = 0.005  # seconds until a server notices that it is to end
RCODES = {
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
    "notimp": dns.rcode.NOTIMP,
    "yxdomain": dns.rcode.YXDOMAIN,
}


@dataclass
class DNSServer:
    """A resolver that knows a few records and nothing else.

    ``records`` are lines as in a zone file, "name TYPE value"; an SOA is told of where a name below
    it has no answer. ``faults`` say how questions go wrong, by the name asked for, or by name and
    type: "servfail", "refused", "notimp", "yxdomain", "silent", "lost once", "truncated" (over UDP,
    whatever the size), "truncated twice" (over TCP too), "cut off" (over TCP), "wrong id", "wrong
    id first", "garbage", "referral", "aliases only" (what they lead to is left out), "denied" (no
    such name, beside its records), "beside the point" (another name's record), "nobody" (in
    charge: neither a resolver nor an authority), "held" (until ``release`` is set).
    """

    records: list[str]
    faults: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._known = [_rrset(line) for line in self.records]
        for _ in range(TRIES):
            self.port = self._serve(_Datagrams, _DatagramHandler, 0)
            try:
                self._serve(_Streams, _StreamHandler, self.port)
            except OSError:  # free for UDP, but taken for TCP
                self._open.close()
            else:
                return self
        raise OSError("no port is free for both UDP and TCP")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release.set()
        self._open.close()

    @property
    def address(self) -> str:
        """What `--resolver` takes to ask this server."""
        return str(Nameserver(self.host, self.port))

    def learn(self, *records: str) -> None:
        """Know more records from now on."""
        self._known += [_rrset(line) for line in records]

    def fault_of(self, question: dns.rrset.RRset) -> str:
        name = question.name.to_text(omit_final_dot=True).lower()
        typed = f"{name} {dns.rdatatype.to_text(question.rdtype)}"
        return self.faults.get(typed, self.faults.get(name, ""))

    def answer(self, wire: bytes) -> tuple[dns.message.Message, str]:
        """Return the answer to a question, and what is to go wrong with it."""
        query = dns.message.from_wire(wire)
        [question] = query.question
        name, record_type = question.name, dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name.to_text(omit_final_dot=True).lower()} {record_type}")
        fault = self.fault_of(question)
        response = dns.message.make_response(query, recursion_available=True)
        if fault in RCODES:
            response.set_rcode(RCODES[fault])
        elif fault == "referral":
            response.authority = [_rrset("example NS ns.example.")]
        elif fault == "beside the point":
            response.answer = [_rrset("other.example A 203.0.113.9")]
        else:
            self._fill(response, name, question.rdtype, is_following=fault != "aliases only")
        if fault == "denied":
            response.set_rcode(dns.rcode.NXDOMAIN)
        if fault == "nobody":
            response.flags &= ~dns.flags.RA
        if fault == "held":
            self.release.wait()
        if fault == "lost once" and self.asked.count(self.asked[-1]) == 1:
            fault = "silent"
        return response, fault

    def _fill(
        self,
        response: dns.message.Message,
        name: dns.name.Name,
        record_type: dns.rdatatype.RdataType,
        *,
        is_following: bool,
    ) -> None:
        """Answer as a resolver does: along the aliases, to where they end."""
        passed: list[dns.name.Name] = []
        while name not in passed:
            here = [records for records in self._known if records.name == name]
            found = [records for records in here if records.rdtype == record_type]
            aliases = [records for records in here if records.rdtype == dns.rdatatype.CNAME]
            response.answer += found or aliases
            if found or not aliases:
                if not any(records.name.is_subdomain(name) for records in self._known):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                if not found:
                    response.authority += self._start_of_authority(name)
                return
            if not is_following:
                return
            passed.append(name)
            name = aliases[0][0].target

    def _start_of_authority(self, name: dns.name.Name) -> list[dns.rrset.RRset]:
        zones = (each for each in self._known if each.rdtype == dns.rdatatype.SOA)
        return [each for each in zones if name.is_subdomain(each.name)]

    def _serve(
        self,
        kind: type[_Datagrams | _Streams],
        handler: type[socketserver.BaseRequestHandler],
        port: int,
    ) -> int:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        server = type(kind.__name__, (kind,), {"address_family": family})(
            (self.host, port), handler
        )
        server.dns = self
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        self._open.callback(server.server_close)
        self._open.callback(thread.join)
        self._open.callback(server.shutdown)
        return int(server.server_address[1])


class _Datagrams(socketserver.ThreadingUDPServer):
    dns: DNSServer
    daemon_threads = True
    max_packet_size = 65_535


class _Streams(socketserver.ThreadingTCPServer):
    dns: DNSServer
    daemon_threads = True


class _DatagramHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, sock = self.request
        response, fault = cast("_Datagrams", self.server).dns.answer(wire)
        if fault == "silent":
            return
        if fault in {"wrong id", "wrong id first"}:
            forged = dns.message.from_wire(response.to_wire())
            forged.id = response.id ^ 1
            forged.answer = []
            forged.set_rcode(dns.rcode.NXDOMAIN)
            sock.sendto(forged.to_wire(), self.client_address)
            if fault == "wrong id":
                return
        wire = response.to_wire()
        if len(wire) > UDP_LIMIT or fault in {"truncated", "truncated twice", "cut off"}:
            wire = _truncated(response)
        sock.sendto(b"\x00garbage" if fault == "garbage" else wire, self.client_address)


class _StreamHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        [length] = struct.unpack("!H", self.request.recv(2))
        response, fault = cast("_Streams", self.server).dns.answer(self.request.recv(length))
        if fault != "cut off":
            is_short = fault == "truncated twice"
            wire = _truncated(response) if is_short else response.to_wire(max_size=65_535)
            self.request.sendall(struct.pack("!H", len(wire)) + wire)


def _truncated(response: dns.message.Message) -> bytes:
    response.flags |= dns.flags.TC
    response.answer = []
    return response.to_wire()


def _rrset(line: str) -> dns.rrset.RRset:
    name, record_type, value = line.split(" ", 2)
    return dns.rrset.from_text(f"{name}.", TTL, "IN", record_type, value)
