"""The commands that a schedule runs: `limit`, `changes` and `metrics`."""

from pathlib import Path
from typing import Annotated

import typer

from misar_ips.cli.help import HelpfulCommand, ending
from misar_ips.cli.ips import app
from misar_ips.cli.options import (
    DNS,
    IPS,
    SET_UP,
    BlocklistOption,
    BlocklistsOption,
    DebugOption,
    JsonOption,
    PoolsOption,
    ProfileOption,
    ResolverOption,
    open_session,
)
from misar_ips.errors import ExitCode, UsageError

DNSOption = Annotated[
    bool, typer.Option("--dns", help="Check PTR and forward DNS as well.", rich_help_panel=DNS)
]


@app.command("limit", cls=HelpfulCommand, rich_help_panel=IPS)
def limit_of_today(
    context: typer.Context,
    pool: PoolsOption = None,
    days: Annotated[
        int | None,
        typer.Option(metavar="N", help="At least so much on each of the next 1 to 90 days."),
    ] = None,
    total: Annotated[
        bool, typer.Option("--total", help="One number: today's limit of all pools together.")
    ] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show how much may be sent today, by pool. The API does not tell how much has been sent.

    misar-ips limit
    misar-ips limit --pool marketing --total
    misar-ips limit --days 7
    """
    from misar_ips.commands.limit import limit

    session = open_session(context, profile, json=json, debug=debug)
    limits = limit(session, pool or (), days=days, total=total)
    session.output.result(limits, empty="No dedicated IPs yet; `misar-ips request` orders one.")


@app.command("changes", cls=ending(ExitCode.CHECK_FAILED), rich_help_panel=IPS)
def changes_since_last_run(
    context: typer.Context,
    reputation_drop: Annotated[
        float, typer.Option(metavar="N", help="Tell a reputation that fell by N or more.")
    ] = 5.0,
    every_change: Annotated[
        bool, typer.Option("--every-change", help="Tell every field that has changed.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 12 where something has changed.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Remember in this file, not in the user's folder."),
    ] = None,
    dns: DNSOption = False,
    blocklists: BlocklistsOption = False,
    blocklist: BlocklistOption = None,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell what is new since the last run, for cron. Where nothing is, it prints nothing.

    misar-ips changes
    misar-ips changes --dns --blocklists >> changes.log
    misar-ips changes --exit-code || echo changed
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands.changes import Watched, changes
    from misar_ips.commands.check import zones_to_ask

    zones = zones_to_ask(session, usual=blocklists, named=blocklist or ())
    watched = Watched(dns, zones, resolver or (), reputation_drop, every_change)
    changes(session, watched, state=state, exit_code=exit_code)


@app.command("metrics", cls=HelpfulCommand, rich_help_panel=SET_UP)
def write_metrics(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.prom", help="Replace this file instead of printing."),
    ] = None,
    dns: DNSOption = False,
    blocklists: BlocklistsOption = False,
    blocklist: BlocklistOption = None,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    debug: DebugOption = False,
) -> None:
    """Write the account's facts for Prometheus. A file is for node_exporter's textfile collector.

    misar-ips metrics
    misar-ips metrics --output /var/lib/node_exporter/misar_ips.prom
    misar-ips metrics --dns --blocklists
    """
    if output is not None and output.suffix != ".prom":
        raise UsageError(
            f"`{output}` does not end in `.prom`; the collector reads only files that do."
        )
    session = open_session(context, profile, json=False, debug=debug)
    from misar_ips.commands.check import zones_to_ask
    from misar_ips.commands.metrics import metrics

    zones = zones_to_ask(session, usual=blocklists, named=blocklist or ())
    metrics(session, output=output, dns=dns, zones=zones, nameservers=resolver or ())
