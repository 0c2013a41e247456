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
misar-ips emulator run -- ./order.sh
misar-ips emulator advance 7d""",
    rich_markup_mode=None,
    cls=HelpfulGroup,
)

# The groups of options in the help.
_PLACE = "Where it is"
_BEGINNING = "Its account"
_ANSWERS = "What it answers"

DatabaseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Keep the emulator's state in this file.", rich_help_panel=_PLACE
    ),
]
PlanOption = Annotated[
    str,
    typer.Option(
        metavar="PLAN",
        help="free, pro, max or enterprise.",
        autocompletion=plans,
        rich_help_panel=_BEGINNING,
    ),
]
EmptyOption = Annotated[
    bool, typer.Option("--empty", help="Start over without an IP.", rich_help_panel=_BEGINNING)
]
SeedOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Start over with this JSON file's IPs.", rich_help_panel=_BEGINNING
    ),
]
FreezeOption = Annotated[
    bool,
    typer.Option(
        "--freeze",
        help="Stop its clock, but for `advance`.",
        rich_help_panel=_ANSWERS,
    ),
]
ShapeOption = Annotated[
    str,
    typer.Option(
        metavar="SHAPE",
        help="IPs' fields: reference or sdk.",
        rich_help_panel=_ANSWERS,
    ),
]
RateLimitOption = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Requests a minute for each key; 0: any.",
        rich_help_panel=_ANSWERS,
    ),
]
LatencyOption = Annotated[
    str,
    typer.Option(
        metavar="DURATION",
        help="Wait before each reply, as 0.5 or 2s.",
        rich_help_panel=_ANSWERS,
    ),
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FAULT",
        help="Fail on demand, as POST:lost-reply:1; repeatable.",
        rich_help_panel=_ANSWERS,
    ),
]


class _OptionsFirst(HelpfulCommand):
    """A command that runs another one: what follows that one's name is its own."""

    def collect_usage_pieces(self, ctx: object) -> list[str]:
        """Return what follows the command's name."""
        del ctx
        return ["[OPTIONS]", "--", "COMMAND..."]


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
    plan: PlanOption = "enterprise",
    empty: EmptyOption = False,
    seed: SeedOption = None,
    rate_limit: RateLimitOption = 60,
    latency: LatencyOption = "0",
    fault: FaultOption = None,
    shape: ShapeOption = "reference",
    freeze: FreezeOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Write no line for each request.")] = False,
) -> None:
    """Serve the API on this machine, until Ctrl-C.

    misar-ips emulator serve
    misar-ips emulator serve --port 0 --plan max
    misar-ips emulator serve --fault POST:lost-reply:1 --fault GET:503:2
    """
    from misar_ips.commands import emulator

    emulator.serve(
        context.obj,
        emulator.Beginning(plan=plan, empty=empty, seed=seed),
        emulator.Answers(shape=shape, rate_limit=rate_limit, latency=latency, faults=fault or []),
        host=host,
        port=port,
        allow_remote=allow_remote,
        freeze=freeze,
        quiet=quiet,
        db=db,
    )


@app.command("run", cls=_OptionsFirst, context_settings={"allow_interspersed_args": False})
def run(
    context: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="What to run, with its arguments.")
    ],
    plan: PlanOption = "enterprise",
    empty: EmptyOption = False,
    seed: SeedOption = None,
    rate_limit: RateLimitOption = 60,
    latency: LatencyOption = "0",
    fault: FaultOption = None,
    shape: ShapeOption = "reference",
    freeze: FreezeOption = False,
    log: Annotated[
        bool, typer.Option("--log", help="Write a line on stderr for each request.")
    ] = False,
) -> None:
    """Run a command beside an emulator of its own. The exit code is the command's.

    misar-ips emulator run -- ./order.sh
    misar-ips emulator run --fault POST:lost-reply:1 -- npm test
    misar-ips emulator run --plan max --empty -- go test ./...
    """
    from misar_ips.commands import emulator

    code = emulator.run(
        context.obj,
        emulator.Beginning(plan=plan, empty=empty, seed=seed),
        emulator.Answers(shape=shape, rate_limit=rate_limit, latency=latency, faults=fault or []),
        command,
        freeze=freeze,
        log=log,
    )
    raise typer.Exit(code)


@app.command("advance", cls=HelpfulCommand)
def advance(
    context: typer.Context,
    duration: Annotated[
        str, typer.Argument(metavar="DURATION", help="As 90s, 15m, 24h, 7d or 1h30m.")
    ],
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
def reset(
    context: typer.Context,
    db: DatabaseOption = None,
    plan: PlanOption = "enterprise",
    empty: EmptyOption = False,
    seed: SeedOption = None,
) -> None:
    """Start the emulator over, with its first IPs and its first day.

    misar-ips emulator reset
    misar-ips emulator reset --seed my-ips.json
    """
    from misar_ips.commands import emulator
    from misar_ips.emulator.store import default_path

    beginning = emulator.Beginning(plan=plan, empty=empty, seed=seed)
    beginning.store(db or default_path(context.obj.environ)).reset()
    context.obj.output.note("The emulator is as new.")
