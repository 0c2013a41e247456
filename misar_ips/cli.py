"""The commands: what each takes, and in a line or two what it does.

Nothing is printed, caught or ended here. Results go to ``session.output``, errors rise to main.
"""

# No `from __future__ import annotations`: Typer reads the annotations when it builds the commands.
# What a command works with is imported in it: `--help` and a TAB build them all and run none.

from pathlib import Path
from typing import Annotated

import typer

from misar_ips import __version__
from misar_ips.durations import parse_duration, parse_interval
from misar_ips.help import COMMON, HelpfulCommand, HelpfulGroup
from misar_ips.names import (
    Nameserver,
    check_changes,
    check_goal,
    check_hostname,
    check_id,
    check_pool,
    check_resolver,
    check_zone,
)
from misar_ips.session import Session
from misar_ips.sorting import check_field, in_order

app = typer.Typer(
    name="misar-ips",
    rich_markup_mode=None,  # rich takes --help from 110 ms to 290 ms
    add_completion=False,  # ours is in completion.py: Typer's evaluates what it is given
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Manage MisarMail's dedicated sending IPs, from the order to the release.",
    cls=HelpfulGroup,
)
profile_app = typer.Typer(
    help="Keep API keys and servers by name.", rich_markup_mode=None, cls=HelpfulGroup
)
emulator_app = typer.Typer(
    help="Run a local stand-in for the API.", rich_markup_mode=None, cls=HelpfulGroup
)

# The groups of commands and of options in the help.
_LIFE = "The life of an IP"
_SET_UP = "Set-up and tests"
_DNS = "DNS"
_SAVED = "What is saved"
_PLACE = "Where it is"
_ANSWERS = "What it answers"


def _print_version(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's signature
    if wanted:
        context.obj.output.line(f"misar-ips {__version__}")
        raise typer.Exit


def _install_completion(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - likewise
    if wanted:
        from misar_ips import shells

        context.obj.output.note(shells.install(context.obj.environ))
        raise typer.Exit


def _show_completion(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - likewise
    if wanted:
        from misar_ips import shells

        context.obj.output.text(shells.script_in_use(context.obj.environ))
        raise typer.Exit


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
IPArgument = Annotated[
    str, typer.Argument(metavar="IP", help="An IP's id or address.", parser=check_id)
]
PoolOption = Annotated[
    str | None,
    typer.Option(
        metavar="POOL", help="transactional, marketing, or one of your own.", parser=check_pool
    ),
]
RdnsOption = Annotated[
    str | None, typer.Option(metavar="HOSTNAME", help="The PTR hostname.", parser=check_hostname)
]
NoCheckOption = Annotated[
    bool,
    typer.Option("--no-check", help="Don't look the PTR hostname up first.", rich_help_panel=_DNS),
]
ResolverOption = Annotated[
    list[Nameserver] | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Ask this resolver, not the system's; as often as you like.",
        parser=check_resolver,
        rich_help_panel=_DNS,
    ),
]
SortOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        help="By id, address, rdns, pool, warmup_status, warmup_percent or created_at.",
        parser=check_field,
    ),
]
DatabaseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Keep the emulator's state in this file.", rich_help_panel=_PLACE
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
    session = _open(context, profile, json=json, debug=debug)
    from misar_ips import checking, following
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
        typer.Option("--for", metavar="GOAL", help="provisioned or warmed.", parser=check_goal),
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
    from misar_ips import following

    seconds, pace = parse_duration(timeout).total_seconds(), parse_interval(interval)
    session = _open(context, profile, json=json, debug=debug)
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
    session = _open(context, profile, json=json, debug=debug)
    ips = session.client.list()
    wanted = tuple(
        ip for ip in ips if pool in {None, ip.pool} and status in {None, ip.warmup_status}
    )
    none_at_all = "No dedicated IPs yet; `misar-ips request` orders one."
    if session.output.is_for_people:
        wanted = session.client.with_details(wanted)
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
    session = _open(context, profile, json=json, debug=debug)
    ip_id = session.client.resolve(ip)
    if watch:
        from misar_ips import following

        following.watch(session, ip_id, pace)
    else:
        from misar_ips.warmup import details_of

        session.output.result(details_of(session.client.get(ip_id), session.now()))


@app.command("check", cls=HelpfulCommand, rich_help_panel=_LIFE)
def check_ips(
    context: typer.Context,
    ips: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IP...]", help="Ids or addresses; all IPs without one.", parser=check_id
        ),
    ] = None,
    blocklists: Annotated[
        bool,
        typer.Option(
            "--blocklists", help="Ask the usual blocklists as well.", rich_help_panel=_DNS
        ),
    ] = False,
    blocklist: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ZONE",
            help="Ask this blocklist; as often as you like.",
            parser=check_zone,
            rich_help_panel=_DNS,
        ),
    ] = None,
    resolver: ResolverOption = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check IPs: PTR and forward DNS, blocklists, warm-up."""
    session = _open(context, profile, json=json, debug=debug)
    from misar_ips import checking

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
    from misar_ips import checking
    from misar_ips.results import ChangedIP

    check_changes(pool, rdns)
    session = _open(context, profile, json=json, debug=debug)
    ip_id = session.client.resolve(ip)
    if not no_check:
        checking.warn_of_rdns(session, rdns, ip, resolver or ())
    session.forget_seen_ips()
    updated = session.client.update(ip_id, pool=pool, rdns=rdns)
    session.output.result(ChangedIP(updated))
    session.output.note(f"Updated {updated.id}.")


@app.command("release", cls=HelpfulCommand, rich_help_panel=_LIFE)
def release_ips(
    context: typer.Context,
    ips: Annotated[
        list[str],
        typer.Argument(metavar="IP...", help="Ids or addresses.", parser=check_id),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Release without asking.")] = False,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give IPs back, after asking. A warmed IP's reputation is lost for good."""
    session = _open(context, profile, json=json, debug=debug)
    from misar_ips import release

    targets = release.find_targets(session.client, ips)
    if not yes:
        release.ask(session, targets)
    session.forget_seen_ips()
    release.report(session.output, release.release_targets(session.client, targets))


@app.command("doctor", cls=HelpfulCommand, rich_help_panel=_SET_UP)
def examine(
    context: typer.Context,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find out what is set, where it came from, and whether it works."""
    from misar_ips import doctor

    session = _open(context, profile, json=json, debug=debug)
    findings = doctor.examine(session, profile)
    session.output.result(findings)
    doctor.require_health(findings)


@profile_app.command("add", cls=HelpfulCommand)
def add_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The server, if it is not MisarMail's own.", rich_help_panel=_SAVED
        ),
    ] = None,
    api_key_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run this for the key; no key is stored.",
            rich_help_panel=_SAVED,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="How long to wait for a reply.", rich_help_panel=_SAVED
        ),
    ] = 30.0,
    default: Annotated[bool, typer.Option("--default", help="Use it by default.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of that name.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Save an API key: typed unseen or read from standard input, and tried once."""
    from misar_ips import config, profiles

    session = _open(context, None, json=json, debug=debug)
    wanted = config.Profile(
        name=name,
        base_url=config.DEFAULT_BASE_URL if base_url is None else config.check_base_url(base_url),
        timeout=config.check_timeout(timeout),
        api_key_command=api_key_command,
    )
    profiles.add(session, wanted, make_default=default, replacing=replace)


@profile_app.command("list", cls=HelpfulCommand)
def list_profiles(context: typer.Context, json: JsonOption = False) -> None:
    """Show the saved profiles, their keys masked."""
    from misar_ips import profiles

    session = _open(context, None, json=json)
    session.output.result(
        profiles.entries(session),
        empty="No profiles yet; `misar-ips profile add NAME` saves one.",
    )


@profile_app.command("use", cls=HelpfulCommand)
def use_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
) -> None:
    """Make a profile the default one."""
    from misar_ips import config

    config.set_default_profile(context.obj.environ, name)
    context.obj.output.note(f"Profile {name} is the default now.")


@profile_app.command("remove", cls=HelpfulCommand)
def remove_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
) -> None:
    """Forget a profile and its key."""
    from misar_ips import config

    none_is_default = config.remove_profile(context.obj.environ, name)
    what_now = " No profile is the default now." if none_is_default else ""
    context.obj.output.note(f"Removed profile {name}.{what_now}")


@emulator_app.command("serve", cls=HelpfulCommand)
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
            metavar="PLAN", help="free, pro, max or enterprise.", rich_help_panel=_ANSWERS
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
    """Serve the API on this machine, until Ctrl-C."""
    from misar_ips.emulator.serve import open_server, run_until_stopped

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


@emulator_app.command("advance", cls=HelpfulCommand)
def advance(
    context: typer.Context,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="As 90s, 15m, 24h or 7d.")],
    db: DatabaseOption = None,
) -> None:
    """Move the emulator's clock on, and say what it shows then."""
    from misar_ips.text import rfc3339

    context.obj.forget_seen_ips()
    now = context.obj.emulator_store(db).advance(parse_duration(duration))
    context.obj.output.line(rfc3339(now.replace(microsecond=0)))


@emulator_app.command("reset", cls=HelpfulCommand)
def reset(context: typer.Context, db: DatabaseOption = None) -> None:
    """Start the emulator over, with its first IPs and its first day."""
    context.obj.forget_seen_ips()
    context.obj.emulator_store(db).reset()
    context.obj.output.note("The emulator is as new.")


app.add_typer(profile_app, name="profile", rich_help_panel=_SET_UP)
app.add_typer(emulator_app, name="emulator", rich_help_panel=_SET_UP)


def _open(
    context: typer.Context, profile: str | None, *, json: bool, debug: bool = False
) -> Session:
    session: Session = context.obj
    return session.open(profile, json=json, debug=debug)
