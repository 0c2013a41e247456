"""Whom DNS is asked of: what `--resolver` takes, and what the system's file says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from misar_ips.dns.nameservers import Nameserver, system_nameservers, validate_resolver
from misar_ips.errors import UsageError

LOCAL = ["127.0.0.1"]


@pytest.mark.parametrize(
    ("text", "address", "port", "shown"),
    [
        ("192.0.2.53", "192.0.2.53", 53, "192.0.2.53"),
        ("192.0.2.53:5353", "192.0.2.53", 5353, "192.0.2.53:5353"),
        ("2001:DB8:0::53", "2001:db8::53", 53, "2001:db8::53"),
        ("[2001:db8::53]", "2001:db8::53", 53, "2001:db8::53"),
        ("[::1]:65535", "::1", 65_535, "[::1]:65535"),
        ("::ffff:192.0.2.53", "192.0.2.53", 53, "192.0.2.53"),
    ],
)
def test_a_resolver_is_an_address_and_a_port(
    text: str, address: str, port: int, shown: str
) -> None:
    nameserver = validate_resolver(text)
    assert nameserver == Nameserver(address, port)
    assert str(nameserver) == shown
    assert validate_resolver(shown) == nameserver


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "dns.example:53", "https://192.0.2.53", "\x1b[31m"),
        *("192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:x"),
        *("192.0.2.256", "192.0.2", "[::1", "[::1]53", "[192.0.2.53:53", "::1:::53"),
    ],
)
def test_a_resolver_that_is_not_an_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not a resolver's address"):
        validate_resolver(text)


@pytest.mark.parametrize(
    ("content", "addresses"),
    [
        ("nameserver 192.0.2.53\nnameserver ::1\nsearch example.com\n", ["192.0.2.53", "::1"]),
        ("nameserver 192.0.2.53\nsearch a..b\ndomain ..\noptions ndots:x\n", ["192.0.2.53"]),
        ("nameserver dns.corp\nnameserver\t192.0.2.53 # ours\n", ["192.0.2.53"]),
        ("\udcff\udcfe\n\x00\nnameserver 192.0.2.5\udcff\nnameserver 192.0.2.53", ["192.0.2.53"]),
        ("nameserver 127.1\nnameserver fe80::53%eth0\n", ["127.0.0.1", "fe80::53%eth0"]),
        ("".join(f"nameserver 192.0.2.{each}\n" for each in range(1, 6)), 3),
        ("", LOCAL),
        ("# nameserver 192.0.2.53\n;nameserver 192.0.2.53\n nameserver 192.0.2.53\n", LOCAL),
        ("nameserver\nnameserver \nnameservers 192.0.2.53\nnameserver\n192.0.2.53\n", LOCAL),
        ("nameserver dns.corp\nnameserver 192.0.2.256\nnameserver ::1::\n", LOCAL),
    ],
)
def test_the_systems_resolvers_are_read_as_the_c_library_reads_them(
    tmp_path: Path, content: str, addresses: list[str] | int
) -> None:
    file = tmp_path / "resolv.conf"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    if isinstance(addresses, int):  # so many of them
        addresses = [f"192.0.2.{each}" for each in range(1, addresses + 1)]
    assert system_nameservers(str(file)) == tuple(Nameserver(each) for each in addresses)


def test_without_a_file_that_can_be_read_the_machine_itself_is_asked(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (tmp_path / "none", tmp_path, pipe, Path("/dev/zero")):
        assert system_nameservers(str(file)) == (Nameserver("127.0.0.1"),)


def test_a_pipe_that_somebody_holds_open_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)
    try:
        assert system_nameservers(str(pipe)) == (Nameserver("127.0.0.1"),)
    finally:
        os.close(held)
