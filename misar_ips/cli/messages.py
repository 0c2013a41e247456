"""`misar-ips trace`: through which IP a received message came."""

from typing import Annotated

import typer
from typer.models import TyperPath

from misar_ips.cli.help import ending
from misar_ips.cli.ips import app
from misar_ips.cli.options import IPS, DebugOption, JsonOption, ProfileOption, open_session
from misar_ips.errors import ExitCode
from misar_ips.shell import completion


@app.command("trace", cls=ending(ExitCode.CHECK_FAILED), rich_help_panel=IPS)
def trace_messages(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE...]",
            click_type=TyperPath(),  # a pathlib.Path would take `./-` for `-`
            help="Saved messages, or their headers; - or none for standard input.",
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="POOL",
            help="Fail unless the IP is in this pool.",
            autocompletion=completion.pools,
        ),
    ] = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show through which IP a message came. What its receiver said of SPF and DKIM comes with it.

    misar-ips trace message.eml
    misar-ips trace --pool transactional < message.eml
    misar-ips trace saved/*.eml --json | jq -r '.[].address'
    """
    session = open_session(context, profile, json=json, debug=debug)
    from misar_ips.commands.trace import require_success, trace

    messages = trace(session, files or (), pool)
    session.output.result(messages)
    require_success(messages)
