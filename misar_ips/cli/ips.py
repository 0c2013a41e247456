"""The commands on IPs, and `doctor`."""

from typing import Annotated, Any

import typer

from misar_ips.api.arguments import validate_changes, validate_score
from misar_ips.cli.help import HelpfulCommand, HelpfulGroup, ending, help_for
from misar_ips.cli.options import (
    DNS,
    IPS,
    SET_UP,
    AnyIPsArgument,
    BlocklistOption,
    BlocklistsOption,
    DebugOption,
    GoalOption,
    IPArgument,
    IPsArgument,
    JsonOption,
    NoCheckOption,
    PoolOption,
    PoolsOption,
    ProfileOption,
    RdnsOption,
    ResolverOption,
    SortOption,
    StatusesOption,
    open_session,
)
from misar_ips.errors import ExitCode
from misar_ips.hostnames import validate_domain
from misar_ips.shell.completion import commands, shells
from misar_ips.times import parse_duration, parse_interval
from misar_ips.version import __version__

app = typer.Typer(
    name="misar-ips",
    rich_markup_mode=None,  # rich takes --help from 110 ms to 290 ms
    add_completion=False,  # ours is in shell/: what Typer's scripts are given is evaluated
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=HelpfulGroup,
)


def _print_version(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's signature
    if wanted and not context.resilient_parsing:
        context.obj.output.line(f"misar-ips {__version__}")
        raise typer.Exit


def _set_up_completion(context: typer.Context, option: Any, shell: str | None) -> None:  # noqa: ANN401 - Typer's
    if shell is not None and not context.resilient_parsing:
        from misar_ips.shell import install

        if option.name == "install_completion":
            context.obj.output.note(install.install(shell, context.obj.environ))
        else:
            context.obj.output.text(install.script_for(shell, context.obj.environ))
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]
InstallCompletionOption = Annotated[
    str | None,
    typer.Option(
        "--install-completion",
        metavar="[SHELL]",
        callback=_set_up_completion,
        is_eager=True,
        help="Install TAB completion for the shell in use.",
        autocompletion=shells,
    ),
]
ShowCompletionOption = Annotated[
    str | None,
    typer.Option(
        "--show-completion",
        metavar="[SHELL]",
        callback=_set_up_completion,
        is_eager=True,
        help="Print the completion script.",
        autocompletion=shells,
    ),
]


@app.callback()
def root(
    *,
    version: VersionOption = False,
    install_completion: InstallCompletionOption = None,
    show_completion: ShowCompletionOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Manage MisarMail's dedicated sending IPs, from the order to the release.

    misar-ips list --profile demo
    misar-ips profile add work
    misar-ips request --pool transactional --wait
    """


@app.command("list", cls=HelpfulCommand, rich_help_panel=IPS)
def list_ips(
    context: typer.Context,
    pool: PoolsOption = None,
    status: StatusesOption = None,
    sort: SortOption = None,
    details: Annotated[
        bool, typer.Option("--details", help="Read the details of each IP as well.")
    ] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show every dedicated IP with its warm-up.

    misar-ips list --pool marketing --status warming
    misar-ips list --sort warmup_percent
    misar-ips list --json | jq -r '.[].address'
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import list as listing

    listing.list_ips(session, pool or (), status or (), sort, details=details)


@app.command("show", cls=HelpfulCommand, rich_help_panel=IPS)
def show(
    context: typer.Context,
    ip: IPArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew, until Ctrl-C.")] = False,
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="With --watch: how often; at least 5s.")
    ] = "30s",
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one IP: settings, reputation, and how its warm-up goes.

    misar-ips show ip_abc123
    misar-ips show 198.51.100.42 --watch
    misar-ips show ip_abc123 --json | jq .warmup
    """
    pace = parse_interval(interval)
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import show as showing

    if watch:
        showing.watch(session, ip, pace)
    else:
        showing.show(session, ip)


@app.command("check", cls=ending(ExitCode.CHECK_FAILED), rich_help_panel=IPS)
def check_ips(
    context: typer.Context,
    ips: AnyIPsArgument = None,
    blocklists: BlocklistsOption = False,
    blocklist: BlocklistOption = None,
    sender: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN",
            help="Check SPF for this envelope domain; repeatable.",
            parser=validate_domain,
            rich_help_panel=DNS,
        ),
    ] = None,
    min_reputation: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Fail an IP whose reputation score is lower.",
            parser=validate_score,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail what is not known as well.")
    ] = False,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check IPs: PTR and forward DNS, SPF, blocklists, warm-up.

    misar-ips check
    misar-ips check ip_abc123 --blocklists --sender yourdomain.com
    misar-ips check --json | jq -r '.[] | select(.ok | not).address'
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import check as checking

    zones = checking.zones_to_ask(session, usual=blocklists, named=blocklist or ())
    senders = tuple(dict.fromkeys(sender or ()))
    wanted = checking.Wanted(zones, senders, min_reputation, strict)
    checking.report(session.output, checking.check(session, ips or (), resolver or (), wanted))


@app.command("wait", cls=ending(ExitCode.WAIT_FAILED), rich_help_panel=IPS)
def wait_for_ip(
    context: typer.Context,
    ip: IPArgument,
    goal: GoalOption,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="Give up after this: 90s, 15m, 24h, 28d.")
    ] = "24h",
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="How often to look; at least 5s.")
    ] = "60s",
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Wait until an IP is provisioned, warmed, or confirmed by DNS.

    misar-ips wait ip_abc123 --for warmed --timeout 28d && echo warmed
    misar-ips wait ip_abc123 --for dns --resolver 192.0.2.53
    """
    seconds, pace = parse_duration(timeout).total_seconds(), parse_interval(interval)
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands.wait import wait

    wait(session, ip, goal, seconds, pace, resolver or ())


@app.command(
    "request", cls=ending(ExitCode.OUTCOME_UNKNOWN, ExitCode.WAIT_FAILED), rich_help_panel=IPS
)
def request(
    context: typer.Context,
    pool: PoolOption = None,
    rdns: RdnsOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is provisioned.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Order without asking.")] = False,
    no_check: NoCheckOption = False,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Order a new IP. It is there within 24 hours, and its warm-up begins by itself.

    misar-ips request --pool transactional --rdns mail.example.com
    misar-ips request --wait
    misar-ips request --json | jq -r .id
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands.request import request as order

    nameservers = None if no_check else resolver or ()
    order(session, pool, rdns, nameservers, wait=wait, asks=not yes)


@app.command(
    "update", cls=ending(ExitCode.OUTCOME_UNKNOWN, ExitCode.WAIT_FAILED), rich_help_panel=IPS
)
def update(
    context: typer.Context,
    ip: IPArgument,
    pool: PoolOption = None,
    rdns: RdnsOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --rdns: wait until DNS confirms the name.")
    ] = False,
    no_check: NoCheckOption = False,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Change an IP's pool, its PTR hostname, or both.

    misar-ips update ip_abc123 --rdns mail.example.com --wait
    misar-ips update 198.51.100.42 --pool transactional
    """
    from misar_ips.commands.update import update as change

    validate_changes(pool, rdns)
    session = open_session(context, profile, json=json, debug=debug)
    change(session, ip, pool, rdns, resolver or (), looks=not no_check, waits=wait)


@app.command(
    "release",
    cls=ending(ExitCode.FAILED, ExitCode.USAGE, ExitCode.OUTCOME_UNKNOWN),
    rich_help_panel=IPS,
)
def release_ips(
    context: typer.Context,
    ips: IPsArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Release without asking.")] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Release IPs, after asking. A warmed IP's reputation is lost for good.

    misar-ips release ip_jkl012
    misar-ips release ip_abc123 ip_def456 --yes
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands import release

    targets = release.find_targets(session.client, ips)
    if not yes:
        release.ask(session, targets)
    release.report(session.output, release.release_targets(session.client, targets))


@app.command("doctor", cls=ending(ExitCode.CHECK_FAILED), rich_help_panel=SET_UP)
def examine(
    context: typer.Context,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find out what is set, where it came from, and whether it works.

    misar-ips doctor
    misar-ips doctor --profile work --json
    """
    from misar_ips.commands import doctor

    session = open_session(context, profile, json=json, debug=debug)
    findings = doctor.examine(session, profile)
    doctor.report(session.output, findings)


@app.command("help", cls=HelpfulCommand, rich_help_panel=SET_UP)
def show_help(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="A command, or exit-codes, or environment.",
            autocompletion=commands,
        ),
    ] = None,
) -> None:
    """Show the help of a command, or of exit-codes or environment.

    misar-ips help release
    misar-ips help exit-codes
    """
    context.obj.output.text(help_for(context, words or []))
