"""The commands on IPs, in the order of an IP's life, and `doctor`."""

from typing import Annotated

import typer

from misar_ips.api.arguments import validate_changes, validate_goal, validate_id
from misar_ips.cli.help import HelpfulCommand, HelpfulGroup
from misar_ips.cli.options import (
    DNS,
    SET_UP,
    DebugOption,
    IPArgument,
    JsonOption,
    NoCheckOption,
    PoolOption,
    ProfileOption,
    RdnsOption,
    ResolverOption,
    SortOption,
    open_session,
)
from misar_ips.commands.list import in_order
from misar_ips.hostnames import validate_zone
from misar_ips.times import parse_duration, parse_interval
from misar_ips.version import __version__

app = typer.Typer(
    name="misar-ips",
    rich_markup_mode=None,  # rich takes --help from 110 ms to 290 ms
    add_completion=False,  # ours is in completion.py: Typer's evaluates what it is given
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Manage MisarMail's dedicated sending IPs, from the order to the release.",
    cls=HelpfulGroup,
)
_LIFE = "The life of an IP"  # a group of commands in the help


def _print_version(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's signature
    if wanted:
        context.obj.output.line(f"misar-ips {__version__}")
        raise typer.Exit


def _install_completion(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - likewise
    if wanted:
        from misar_ips.shell import scripts as shells

        context.obj.output.note(shells.install(context.obj.environ))
        raise typer.Exit


def _show_completion(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - likewise
    if wanted:
        from misar_ips.shell import scripts as shells

        context.obj.output.text(shells.script_in_use(context.obj.environ))
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]
InstallCompletionOption = Annotated[
    bool,
    typer.Option(
        "--install-completion",
        callback=_install_completion,
        is_eager=True,
        help="Teach the shell that SHELL names to complete.",
    ),
]
ShowCompletionOption = Annotated[
    bool,
    typer.Option(
        "--show-completion",
        callback=_show_completion,
        is_eager=True,
        help="Print the completion script for that shell.",
    ),
]


@app.callback()
def root(
    *,
    version: VersionOption = False,
    install_completion: InstallCompletionOption = False,
    show_completion: ShowCompletionOption = False,
) -> None:
    """Take the options that stand before a command."""


@app.command("request", cls=HelpfulCommand, rich_help_panel=_LIFE)
def request(
    context: typer.Context,
    pool: PoolOption = None,
    rdns: RdnsOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is provisioned.")] = False,
    no_check: NoCheckOption = False,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Order a new IP. It is there within 24 hours, and its warm-up begins by itself."""
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import check as checking
    from misar_ips.commands import polling as following
    from misar_ips.results import ChangedIP

    if not no_check:
        checking.warn_of_rdns(session, rdns, None, resolver or ())
    session.forget_seen_ips()
    requested = session.client.request(pool=pool, rdns=rdns)
    message = requested.message or f"Ordered {requested.ip.id}."
    if wait:
        session.output.note(message)
        details = following.wait_for_order(session, requested.ip.id)
        session.output.result(details, brief=True)
    else:
        session.output.result(ChangedIP(requested.ip))
        session.output.note(message)


@app.command("wait", cls=HelpfulCommand, rich_help_panel=_LIFE)
def wait_for_ip(
    context: typer.Context,
    ip: IPArgument,
    goal: Annotated[
        str,
        typer.Option("--for", metavar="GOAL", help="provisioned or warmed.", parser=validate_goal),
    ],
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="Give up after this: 90s, 15m, 24h, 28d.")
    ] = "24h",
    interval: Annotated[
        str, typer.Option(metavar="SECONDS", help="How often to look; 5 at the least.")
    ] = "60",
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Wait until an IP is provisioned or warmed."""
    from misar_ips.commands import polling as following

    seconds, pace = parse_duration(timeout).total_seconds(), parse_interval(interval)
    session = open_session(context, profile, json=json, debug=debug)
    ip_id = session.client.resolve(ip)
    session.output.result(following.wait(session, ip_id, goal, seconds, pace), brief=True)


@app.command("list", cls=HelpfulCommand, rich_help_panel=_LIFE)
def list_ips(
    context: typer.Context,
    pool: Annotated[str | None, typer.Option(metavar="POOL", help="Only this pool.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", help="Only this status: not_started, warming, warmed or suspended."
        ),
    ] = None,
    sort: SortOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show every dedicated IP with its warm-up."""
    session = open_session(context, profile, json=json, debug=debug)
    ips = session.listed()
    wanted = tuple(
        ip for ip in ips if pool in {None, ip.pool} and status in {None, ip.warmup_status}
    )
    none_at_all = "No dedicated IPs yet; `misar-ips request` orders one."
    if session.output.is_for_people:
        wanted = tuple(each.ip for each in session.client.with_details(wanted))
    session.output.result(in_order(wanted, sort), empty="No IP matches." if ips else none_at_all)


@app.command("show", cls=HelpfulCommand, rich_help_panel=_LIFE)
def show(
    context: typer.Context,
    ip: IPArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew, until Ctrl-C.")] = False,
    interval: Annotated[
        str, typer.Option(metavar="SECONDS", help="With --watch: how often; 5 at the least.")
    ] = "30",
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one IP: settings, reputation, and how its warm-up goes."""
    pace = parse_interval(interval)
    session = open_session(context, profile, json=json, debug=debug)
    ip_id = session.client.resolve(ip)
    if watch:
        from misar_ips.commands import polling as following

        following.watch(session, ip_id, pace)
    else:
        from misar_ips.api.warmup import details_of

        session.output.result(details_of(session.client.get(ip_id), session.now()))


@app.command("check", cls=HelpfulCommand, rich_help_panel=_LIFE)
def check_ips(
    context: typer.Context,
    ips: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IP...]", help="Ids or addresses; all IPs without one.", parser=validate_id
        ),
    ] = None,
    blocklists: Annotated[
        bool,
        typer.Option("--blocklists", help="Ask the usual blocklists as well.", rich_help_panel=DNS),
    ] = False,
    blocklist: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ZONE",
            help="Ask this blocklist; as often as you like.",
            parser=validate_zone,
            rich_help_panel=DNS,
        ),
    ] = None,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check IPs: PTR and forward DNS, blocklists, warm-up."""
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import check as checking

    zones = checking.zones_to_ask(session.environ, usual=blocklists, named=blocklist or ())
    checking.report(session.output, checking.check(session, ips or (), zones, resolver or ()))


@app.command("update", cls=HelpfulCommand, rich_help_panel=_LIFE)
def update(
    context: typer.Context,
    ip: IPArgument,
    pool: PoolOption = None,
    rdns: RdnsOption = None,
    no_check: NoCheckOption = False,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Change an IP's pool, its PTR hostname, or both."""
    from misar_ips.commands.update import update as change

    validate_changes(pool, rdns)
    session = open_session(context, profile, json=json, debug=debug)
    nameservers = None if no_check else resolver or ()
    change(session, ip, pool=pool, rdns=rdns, nameservers=nameservers)


@app.command("release", cls=HelpfulCommand, rich_help_panel=_LIFE)
def release_ips(
    context: typer.Context,
    ips: Annotated[
        list[str],
        typer.Argument(metavar="IP...", help="Ids or addresses.", parser=validate_id),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Release without asking.")] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Release IPs, after asking. A warmed IP's reputation is lost for good."""
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import release

    targets = release.find_targets(session.client, ips)
    if not yes:
        release.ask(session, targets)
    session.forget_seen_ips()
    release.report(session.output, release.release_targets(session.client, targets))


@app.command("doctor", cls=HelpfulCommand, rich_help_panel=SET_UP)
def examine(
    context: typer.Context,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find out what is set, where it came from, and whether it works."""
    from misar_ips.commands import doctor

    session = open_session(context, profile, json=json, debug=debug)
    findings = doctor.examine(session, profile)
    session.output.result(findings)
    doctor.require_health(findings)
