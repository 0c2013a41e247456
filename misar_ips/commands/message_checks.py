"""What a received message's HELO name and its receiver's verdicts are to its sender: checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.dns.verdicts import FAIL, PASS, UNKNOWN, WARNING, Check
from misar_ips.hostnames import canonical_hostname

if TYPE_CHECKING:
    from collections.abc import Callable

    from misar_ips.api.models import DedicatedIP
    from misar_ips.commands.message_header import Verdict

_STATUSES = {
    "pass": PASS,
    **dict.fromkeys(("neutral", "policy", "bestguesspass"), WARNING),
    **dict.fromkeys(("fail", "softfail", "hardfail", "none", "permerror"), FAIL),
}
"""What a verdict is to the sender (RFC 8601 section 2.7); a word that is not here is unknown."""


def helo_check(ip: DedicatedIP, helo: str, command: Callable[..., str]) -> Check:
    """Check that the server greeted with the PTR name; ``command`` returns a line for hints."""
    name = canonical_hostname(ip.rdns)
    found, expected = ((each,) if each else () for each in (helo, name))
    if not name:
        hint = f"`{command('update', ip.id, '--rdns', 'HOSTNAME')}` sets one."
        return Check("helo", UNKNOWN, f"{ip.id} has no PTR name to compare with.", found, (), hint)
    if not helo:
        return Check("helo", UNKNOWN, "The message does not tell the name.", (), expected)
    if helo == name:
        message = f"The server greeted with {name}, which is the PTR name."
        return Check("helo", PASS, message, found, expected)
    hint = "Receivers trust a server more that greets with its PTR name."
    if canonical_hostname(helo):
        hint += f" `{command('update', ip.id, '--rdns', helo)}` makes them the same."
    message = f"The server greeted with {helo}, but the PTR name is {name}."
    return Check("helo", WARNING, message, found, expected, hint)


def verdict_check(
    method: str, verdict: Verdict | None, ip: DedicatedIP | None, command: Callable[..., str]
) -> Check:
    """Return what a receiver said of SPF, DKIM or DMARC as a check.

    ``ip`` is the one that SPF was asked for, None where that was none of the account;
    ``command`` returns a line for hints.
    """
    if verdict is None:
        return Check(method, UNKNOWN, "The receiver does not say.", (), ("pass",))
    status = _STATUSES.get(verdict.result, UNKNOWN)
    message = f"{verdict.receiver or 'The receiver'} says {verdict.result}."
    hint = record = ""
    if status in {WARNING, FAIL}:
        if method == "spf":
            hint = _spf_hint(verdict, ip, command)
        elif method == "dkim":
            hint = _dkim_hint(verdict)
        else:
            hint, record = _dmarc_remedy(verdict)
    return Check(method, status, message, (verdict.result,), ("pass",), hint, record)


def _spf_hint(verdict: Verdict, ip: DedicatedIP | None, command: Callable[..., str]) -> str:
    if ip is None:
        return "That is about the server that handed it over, not about an IP of this account."
    asking = command("check", ip.id, "--sender", verdict.domain or "DOMAIN")
    return f"`{asking}` shows why, and what to publish."


def _dkim_hint(verdict: Verdict) -> str:
    if verdict.result == "none":
        return "The message is not signed. Set up DKIM for the domain in From."
    return "The key in DNS is another one, or the message was changed on its way."


def _dmarc_remedy(verdict: Verdict) -> tuple[str, str]:
    """Return what to do, and the record to publish if there is none and the domain is known."""
    if verdict.result not in {"none", "bestguesspass"}:
        return "SPF or DKIM must pass for the domain in From, or for one of its organization.", ""
    if not verdict.domain:
        return "Publish a DMARC record for the domain in From.", ""
    return "Publish:", f'_dmarc.{verdict.domain}. IN TXT "v=DMARC1; p=none"'
