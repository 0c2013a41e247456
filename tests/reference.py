"""What the published reference says, and what the program says most: once, for all tests."""

from __future__ import annotations

from typing import Any

KEY = "msk_" + "5ec2e7" * 10 + "0123"
"""The key of every test; it must never be seen in what the program makes visible."""

IP: dict[str, Any] = {
    "id": "ip_abc123",
    "address": "198.51.100.42",
    "rdns": "mail.yourdomain.com",
    "pool": "marketing",
    "warmup_status": "warming",
    "warmup_percent": 62,
    "daily_limit": 8000,
    "reputation_score": 84,
    "warmup_schedule": [
        {"day": 1, "limit": 200, "sent": 200, "done": True},
        {"day": 7, "limit": 1000, "sent": 1000, "done": True},
        {"day": 14, "limit": 4000, "sent": 3800, "done": False},
        {"day": 21, "limit": 10000, "sent": 0, "done": False},
        {"day": 28, "limit": 25000, "sent": 0, "done": False},
    ],
    "created_at": "2026-03-15T10:00:00Z",
}
"""The reference's example of an IP's details; the emulator begins with it, on 1 April 2026."""

LIST = """\
ip_abc123\t198.51.100.42\tmail.yourdomain.com\tmarketing\twarming\t62\t2026-03-15T10:00:00Z
ip_def456\t198.51.100.17\ttx.yourdomain.com\ttransactional\twarmed\t100\t2026-01-12T08:00:00Z
ip_ghi789\t198.51.100.88\tnews.yourdomain.com\tmarketing\tsuspended\t38\t2026-03-02T15:00:00Z
ip_jkl012\t198.51.100.131\t\ttransactional\tnot_started\t0\t2026-04-01T04:00:00Z
"""
"""What `list` prints of the emulator's account where it is no terminal."""

IP_LINE, WARMED_LINE, SUSPENDED_LINE, NEW_LINE = LIST.splitlines(keepends=True)

SHOW = """\
id\tip_abc123
address\t198.51.100.42
rdns\tmail.yourdomain.com
pool\tmarketing
warmup_status\twarming
warmup_percent\t62
daily_limit\t8000
reputation_score\t84
created_at\t2026-03-15T10:00:00Z
provisioned_at\t
step\t1\t200\t200\ttrue
step\t7\t1000\t1000\ttrue
step\t14\t4000\t3800\tfalse
step\t21\t10000\t0\tfalse
step\t28\t25000\t0\tfalse
"""
"""What `show` prints of the example where it is no terminal."""

IN_PROGRESS = "IP provisioning in progress. Expected within 24 hours."
"""What the server says of an order."""

# What the program says again and again -----------------------------------------------------------

NO_IPS_YET = "No dedicated IPs yet; `misar-ips request` orders one."
LIST_HINT = "`misar-ips list` shows the IPs of this account."
NO_SUCH_IP = f"Could not read ip_nosuch: Dedicated IP not found (HTTP 404). {LIST_HINT}"
LATER = "Try again in a while; `--debug` shows each attempt."
BASE_URL = "Is the base URL right, and is there a proxy in between?"
SUPPORT = "Where it should work, MisarMail's support can help."
NETWORK = "Check the network, the proxy variables and the base URL."
PROXY = "Check HTTPS_PROXY, or name the server in NO_PROXY to go there directly."
CERTIFICATE = "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."
NO_RESOLVER = "this machine has no resolver; `--resolver` names one."
ORDER_FOUND = "Warning: The answer was lost; {new}, new in the list, probably is the order."
"""Of an order that had to be looked for."""

LOOK_FIRST = (
    "The order may have been carried out. No IP is new yet. Look at `misar-ips list` in a few "
    "minutes before you order again: a second order may be billed."
)
