"""What `misar-ips request` does: it orders an IP, and may wait until that is provisioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misar_ips.api.arguments import SETTING_LABELS
from misar_ips.errors import MisarError
from misar_ips.results import ChangedIP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from misar_ips.api.models import RequestedIP
    from misar_ips.api.warmup import IPDetails
    from misar_ips.dns.nameservers import Nameserver
    from misar_ips.output.writer import Output
    from misar_ips.session import Session


def request(  # noqa: PLR0913 - what may be said of an order
    session: Session,
    pool: str | None,
    rdns: str | None,
    nameservers: Sequence[Nameserver] | None,
    *,
    wait: bool,
    asks: bool,
) -> None:
    """Order an IP, after a look at its rDNS name with ``nameservers`` unless they are None.

    Where nothing is said of the order it ``asks`` first, if somebody is there.

    Raises:
        CancelledError: the answer was not yes; nothing was ordered.
    """
    from misar_ips.commands.check import warn_of_rdns
    from misar_ips.commands.wait import tell_next_step

    output = session.output
    if asks and not (pool or rdns or wait) and output.questions.can_be_asked:
        output.questions.confirm("Order a new dedicated IP, for the pool that MisarMail chooses?")
    if nameservers is not None:
        warn_of_rdns(session, rdns, None, nameservers)
    requested = session.client.request(pool=pool, rdns=rdns)
    message = requested.message or f"Ordered {requested.ip.id}."
    tell = output.note if requested.is_sure else output.warning
    _warn_of_differences(output, requested, {"pool": pool, "rdns": rdns})
    if wait:
        tell(message)
        output.result(_provisioned(session, requested.ip.id), brief=True)
        tell_next_step(session, requested.ip.id, "provisioned")
    else:
        output.result(ChangedIP(requested.ip))
        tell(message)
        go_on = session.command_for("wait", requested.ip.id, "--for", "provisioned")
        output.next_step(f"`{go_on}` waits for it.")


def _warn_of_differences(
    output: Output, requested: RequestedIP, ordered: Mapping[str, str | None]
) -> None:
    for name, shown in requested.different.items():
        output.warning(
            f"MisarMail shows {SETTING_LABELS[name]} `{shown}` for {requested.ip.id}, "
            f"not `{ordered[name]}` as ordered."
        )


def _provisioned(session: Session, ip_id: str) -> IPDetails:
    """Wait until an IP that was just ordered is provisioned, and return it.

    Raises:
        MisarError: waiting failed; the error says that the IP was ordered all the same.
    """
    from misar_ips.commands.wait import wait_for

    try:
        return wait_for(session, ip_id, "provisioned")
    except MisarError as error:
        # Whoever repeats a command because it failed would order, and pay for, a second IP.
        go_on = session.command_for("wait", ip_id, "--for", "provisioned")
        raise error.with_context(
            f"{ip_id} was ordered. Don't order again.", hint=f"Go on waiting with `{go_on}`."
        ) from error
