"""`misar-ips profile`: API keys and servers by name."""

from typing import Annotated

import typer

from misar_ips.api.credentials import DEFAULT_BASE_URL, validate_base_url, validate_timeout
from misar_ips.cli.help import HelpfulCommand, HelpfulGroup
from misar_ips.cli.options import DebugOption, JsonOption, open_session
from misar_ips.shell import completion

app = typer.Typer(
    help="""Keep API keys and servers by name.

misar-ips profile add work
misar-ips profile use work
misar-ips profile list""",
    rich_markup_mode=None,
    cls=HelpfulGroup,
)
_SAVED = "What is saved"  # a group of options in the help
_NAME = "The profile's name."

BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The server, if it is not MisarMail's own.", rich_help_panel=_SAVED
    ),
]
CommandOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Run this for the key; no key is stored.",
        rich_help_panel=_SAVED,
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        metavar="DURATION",
        help="Time for a reply, as 30s or 1m.",
        parser=validate_timeout,
        rich_help_panel=_SAVED,
    ),
]


@app.command("add", cls=HelpfulCommand)
def add_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_NAME)],
    base_url: BaseUrlOption = None,
    api_key_command: CommandOption = None,
    timeout: TimeoutOption = 30.0,
    default: Annotated[bool, typer.Option("--default", help="Use it by default.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of that name.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Save an API key. It is typed unseen or read from standard input, and tried once.

    misar-ips profile add work
    misar-ips profile add ci < key.txt
    misar-ips profile add vault --api-key-command 'op read op://infra/misar/key'
    """
    from misar_ips.commands import profile as profiles
    from misar_ips.config.file import Profile

    session = open_session(context, None, json=json, debug=debug)
    wanted = Profile(
        name=name,
        base_url=DEFAULT_BASE_URL if base_url is None else validate_base_url(base_url),
        timeout=timeout,
        api_key_command=api_key_command,
    )
    profiles.add(session, wanted, make_default=default, replacing=replace)


@app.command("list", cls=HelpfulCommand)
def list_profiles(context: typer.Context, json: JsonOption = False) -> None:
    """Show the saved profiles, their keys masked.

    misar-ips profile list
    misar-ips profile list --json | jq -r '.[].name'
    """
    from misar_ips.commands import profile as profiles

    session = open_session(context, None, json=json)
    session.output.result(
        profiles.entries(session),
        empty="No profiles yet; `misar-ips profile add NAME` saves one.",
    )


@app.command("use", cls=HelpfulCommand)
def use_profile(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help=_NAME, autocompletion=completion.profiles),
    ],
) -> None:
    """Make a profile the default one.

    misar-ips profile use work
    misar-ips profile use demo
    """
    from misar_ips.commands import profile as profiles

    profiles.use(context.obj, name)


@app.command("remove", cls=HelpfulCommand)
def remove_profile(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help=_NAME, autocompletion=completion.saved_profiles),
    ],
) -> None:
    """Forget a profile and its key.

    misar-ips profile remove ci
    misar-ips profile remove work && misar-ips profile list
    """
    from misar_ips.commands import profile as profiles

    profiles.remove(context.obj, name)
