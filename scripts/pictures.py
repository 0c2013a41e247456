"""The README's pictures: what a terminal shows, as rich's own export draws it."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import httpx
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from misar_ips.__main__ import main
from misar_ips.dns.nameservers import Nameserver
from misar_ips.emulator.handler import Emulator
from misar_ips.emulator.store import Store
from misar_ips.session import Session
from tests.dns.server import DNSServer

CHECK = "check ip_def456 --blocklists --sender yourdomain.com"
PICTURES = {
    "list.svg": ("list", 116),
    "show.svg": ("show ip_abc123", 80),
    "check.svg": (CHECK, 80),
}
"""Each picture's command, and the width in columns of its terminal."""

_LISTED = "Blocked - see https://www.spamcop.net/bl.shtml?198.51.100.17"
_ZONE = [
    "17.100.51.198.in-addr.arpa PTR tx.yourdomain.com.",
    "tx.yourdomain.com A 198.51.100.71",
    'yourdomain.com TXT "v=spf1 ~all"',
    "2.0.0.127.zen.spamhaus.org A 127.0.0.2",
    "17.100.51.198.zen.spamhaus.org A 127.255.255.254",
    "2.0.0.127.bl.spamcop.net A 127.0.0.2",
    "17.100.51.198.bl.spamcop.net A 127.0.0.2",
    f'17.100.51.198.bl.spamcop.net TXT "{_LISTED}"',
    "2.0.0.127.b.barracudacentral.org A 127.0.0.2",
]

_THEME = TerminalTheme(
    (16, 24, 32),
    (216, 222, 228),
    [
        (56, 66, 78),
        (255, 123, 114),
        (126, 211, 133),
        (240, 198, 116),
        (121, 184, 255),
        (210, 168, 255),
        (118, 227, 234),
        (216, 222, 228),
    ],
)
"""Light on dark, with a background of its own: it can be read on a light page and on a dark one."""

_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" \
height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#101820"/>
<g stroke="none">
<circle cx="22" cy="22" r="6" fill="#ff7b72"/>
<circle cx="42" cy="22" r="6" fill="#f0c674"/>
<circle cx="62" cy="22" r="6" fill="#7ed385"/>
</g>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""
"""An SVG with a plain window, and without the fonts that rich's own fetches from elsewhere."""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def picture(command: str, columns: int) -> str:
    """Return the SVG of what a command shows of the emulator on its first day."""
    console = Console(file=io.StringIO(), width=columns, record=True, force_terminal=True)
    console.print(Text(f"$ misar-ips {command}"), Text.from_ansi(shown(command, columns)), sep="\n")
    frame = _FRAME.replace("TITLE", f"misar-ips {command}")
    svg = console.export_svg(theme=_THEME, code_format=frame, unique_id="terminal")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def shown(command: str, columns: int) -> str:
    """Return what a terminal shows of a command, with a DNS in which ip_def456 is not right."""
    terminal = _Terminal()
    environ = {
        "MISARMAIL_API_KEY": "msk_picture",
        "COLUMNS": str(columns),
        "TERM": "xterm-256color",
    }
    with tempfile.TemporaryDirectory() as folder, DNSServer(_ZONE) as dns:
        store = Store(Path(folder, "emulator.db"), real_time=lambda: 0.0)
        session = Session(
            environ={**environ, "HOME": folder},
            stdin=_Terminal(),
            stdout=terminal,
            stderr=terminal,
            transport=httpx.MockTransport(Emulator(store, rate_limit=0)),
            nameservers=lambda: [Nameserver(dns.host, dns.port)],
        )
        main(command.split(), session)
        store.close()
    return terminal.getvalue()
