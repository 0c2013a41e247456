"""`misar-ips emulator`: a local stand-in for the API."""

from pathlib import Path
from typing import Annotated

import typer

from misar_ips.cli.help import HelpfulCommand, HelpfulGroup
from misar_ips.shell.completion import plans
from misar_ips.times import parse_duration

app = typer.Typer(
    help="""Run a local stand-in for the API.

misar-ips emulator serve
misar-ips emulator advance 7d
misar-ips emulator reset""",
    rich_markup_mode=None,
    cls=HelpfulGroup,
)

# The groups of options in the help.
_PLACE = "Where it is"
_ANSWERS = "What it answers"

DatabaseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Keep the emulator's state in this file.", rich_help_panel=_PLACE
    ),
]


@app.command("serve", cls=HelpfulCommand)
def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen here.", rich_help_panel=_PLACE)
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Listen here; 0 picks a free one.",
            rich_help_panel=_PLACE,
        ),
    ] = 8025,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let other machines reach it.", rich_help_panel=_PLACE),
    ] = False,
    db: DatabaseOption = None,
    plan: Annotated[
        str,
        typer.Option(
            metavar="PLAN",
            help="free, pro, max or enterprise.",
            autocompletion=plans,
            rich_help_panel=_ANSWERS,
        ),
    ] = "enterprise",
    rate_limit: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Requests a minute for each key; 0 for no limit.",
            rich_help_panel=_ANSWERS,
        ),
    ] = 60,
    latency: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Wait before each reply.", rich_help_panel=_ANSWERS
        ),
    ] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD:KIND[:COUNT]",
            help="Fail on demand; the README has the kinds.",
            rich_help_panel=_ANSWERS,
        ),
    ] = None,
) -> None:
    """Serve the API on this machine, until Ctrl-C.

    misar-ips emulator serve
    misar-ips emulator serve --port 0 --plan max
    misar-ips emulator serve --fault POST:lost-reply:1 --fault GET:503:2
    """
    from misar_ips.commands.emulator import open_server, run_until_stopped

    server = open_server(
        context.obj.emulator_store(db),
        host=host,
        port=port,
        plan=plan,
        rate_limit=rate_limit,
        latency=latency,
        faults=fault or [],
        allow_remote=allow_remote,
    )
    context.obj.output.line(server.base_url)
    context.obj.output.note("export MISARMAIL_API_KEY=msk_emulator")
    context.obj.output.note(f"export MISARMAIL_BASE_URL={server.base_url}")
    run_until_stopped(server)


@app.command("advance", cls=HelpfulCommand)
def advance(
    context: typer.Context,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="As 90s, 15m, 24h or 7d.")],
    db: DatabaseOption = None,
) -> None:
    """Move the emulator's clock on, and say what it shows then.

    misar-ips emulator advance 24h
    misar-ips emulator advance 28d
    """
    from misar_ips.times import rfc3339

    now = context.obj.emulator_store(db).advance(parse_duration(duration))
    context.obj.output.line(rfc3339(now.replace(microsecond=0)))


@app.command("reset", cls=HelpfulCommand)
def reset(context: typer.Context, db: DatabaseOption = None) -> None:
    """Start the emulator over, with its first IPs and its first day.

    misar-ips emulator reset
    misar-ips emulator reset --db scratch.db
    """
    context.obj.emulator_store(db).reset()
    context.obj.output.note("The emulator is as new.")
