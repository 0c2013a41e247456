"""What several commands take, declared once."""

from typing import Annotated

import typer

from misar_ips.api.arguments import validate_field, validate_id, validate_pool
from misar_ips.cli.help import COMMON
from misar_ips.dns.nameservers import Nameserver, validate_resolver
from misar_ips.hostnames import validate_hostname
from misar_ips.session import Session

SET_UP = "Set-up and tests"
"""A group of commands in the help: those that are not about IPs."""

DNS = "DNS"
"""A group of options in the help."""

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="NAME",
        help="Use this profile; demo needs no key.",
        rich_help_panel=COMMON,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=COMMON)]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Log each attempt, and where an error came from.",
        rich_help_panel=COMMON,
    ),
]
IPArgument = Annotated[
    str, typer.Argument(metavar="IP", help="An IP's id or address.", parser=validate_id)
]
PoolOption = Annotated[
    str | None,
    typer.Option(
        metavar="POOL", help="transactional, marketing, or one of your own.", parser=validate_pool
    ),
]
RdnsOption = Annotated[
    str | None, typer.Option(metavar="HOSTNAME", help="The PTR hostname.", parser=validate_hostname)
]
NoCheckOption = Annotated[
    bool,
    typer.Option("--no-check", help="Don't look the PTR hostname up first.", rich_help_panel=DNS),
]
ResolverOption = Annotated[
    list[Nameserver] | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Ask this resolver, not the system's; as often as you like.",
        parser=validate_resolver,
        rich_help_panel=DNS,
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        help="By id, address, rdns, pool, warmup_status, warmup_percent or created_at.",
        parser=validate_field,
    ),
]


def open_session(
    context: typer.Context, profile: str | None, *, json: bool, debug: bool = False
) -> Session:
    """Return the session, with what the command was told in its common options."""
    session: Session = context.obj
    return session.open(profile, json=json, debug=debug)
