"""What several commands take, declared once."""

from typing import Annotated, Any

import typer

from misar_ips.api.arguments import (
    DOCUMENTED_POOLS,
    GOALS,
    validate_field,
    validate_goal,
    validate_id,
    validate_pool,
)
from misar_ips.api.statuses import STATUSES
from misar_ips.cli.help import COMMON
from misar_ips.dns.nameservers import Nameserver, validate_resolver
from misar_ips.hostnames import validate_hostname, validate_zone
from misar_ips.session import Session
from misar_ips.shell import completion

IPS = "Dedicated IPs"
"""A group of commands in the help: those that are about IPs."""

SET_UP = "Set-up and tests"
"""A group of commands in the help: the others."""

DNS = "DNS"
"""A group of options in the help."""


ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="NAME",
        help="Use this profile; demo needs no key.",
        parser=lambda name: name.removeprefix("="),  # `-p=work` is read as "=work"
        autocompletion=completion.profiles,
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


def _ids(metavar: str, text: str) -> Any:  # noqa: ANN401 - Typer's
    return typer.Argument(
        metavar=metavar, help=text, parser=validate_id, autocompletion=completion.ids
    )


IPArgument = Annotated[str, _ids("IP", "An IP's id or address.")]
IPsArgument = Annotated[list[str], _ids("IP...", "Ids or addresses.")]
AnyIPsArgument = Annotated[
    list[str] | None, _ids("[IP...]", "Ids or addresses; all IPs without one.")
]
PoolOption = Annotated[
    str | None,
    typer.Option(
        metavar="POOL",
        help=f"{', '.join(DOCUMENTED_POOLS)}, or one of your own.",
        parser=validate_pool,
        autocompletion=completion.pools,
    ),
]
PoolsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pool",
        metavar="POOL",
        help="Only this pool; repeatable.",
        autocompletion=completion.pools,
    ),
]
StatusesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help=f"{', '.join(STATUSES)}; repeatable.",
        autocompletion=completion.statuses,
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        help="Sort by a field, as address or warmup_percent.",
        parser=validate_field,
        autocompletion=completion.fields,
    ),
]
GoalOption = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="GOAL",
        help=f"{', '.join(GOALS)}.",
        parser=validate_goal,
        autocompletion=completion.goals,
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
        help="Ask this resolver, not the system's; repeatable.",
        parser=validate_resolver,
        rich_help_panel=DNS,
    ),
]
BlocklistsOption = Annotated[
    bool,
    typer.Option("--blocklists", help="Ask the usual blocklists as well.", rich_help_panel=DNS),
]
BlocklistOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ZONE",
        help="Ask this blocklist; repeatable.",
        parser=validate_zone,
        rich_help_panel=DNS,
    ),
]


def open_session(
    context: typer.Context, profile: str | None, *, json: bool, debug: bool = False
) -> Session:
    """Return the session, with what the command was told in its common options."""
    session: Session = context.obj
    return session.open(profile, json=json, debug=debug)
