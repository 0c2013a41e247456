"""How arguments are read, and what `--help` shows: options in groups, examples, own exit codes.

Typer groups options only where rich draws them, and rich takes `--help` from 110 ms to 290 ms. The
groups are the same ones: what an option or a command has as its ``rich_help_panel``. A command's
docstring is what it does and, after a blank line, its examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from misar_ips.errors import ExitCode, UsageError
from misar_ips.shell.completion import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Context: TypeAlias = Any  # Typer's own classes are not public
    Formatter: TypeAlias = Any
    Parameter: TypeAlias = Any
    Command: TypeAlias = Any

COMMON = "Common options"
"""The group of what most commands take, `--help` among it."""

ALIASES = {"ls": "list"}
"""Other names of commands."""

EXIT_CODES = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the server failed, or the question was answered no",
    ExitCode.USAGE: "wrong arguments, or nobody there to answer the question",
    ExitCode.CONFIG: "no profile, unknown profile, broken file or key",
    ExitCode.AUTH: "the key is not accepted, or lacks the scope ips",
    ExitCode.PLAN_LIMIT: "the plan does not allow it",
    ExitCode.NOT_FOUND: "no such IP",
    ExitCode.RATE_LIMITED: "too many requests",
    ExitCode.REJECTED: "the server refused the request",
    ExitCode.NETWORK: "no connection, or it was lost",
    ExitCode.OUTCOME_UNKNOWN: "whether it was carried out is not known",
    ExitCode.WAIT_FAILED: "out of time, or it can't get there any more",
    ExitCode.CHECK_FAILED: "a check failed, or changes --exit-code found a change",
    ExitCode.HANGUP: "stopped, because the terminal was closed",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    ExitCode.QUIT: "stopped by Ctrl-\\",
    ExitCode.TERMINATED: "stopped by another program",
}
"""What each exit code means, in half a line."""

ENVIRONMENT = {
    "MISAR_IPS_PROFILE": "The profile to use where --profile does not name one.",
    "MISARMAIL_API_KEY": "The key to use where no profile is named.",
    "MISARMAIL_BASE_URL": "The server, together with MISARMAIL_API_KEY.",
    "MISAR_IPS_CONFIG": "The configuration file.",
    "MISAR_IPS_EMULATOR_DB": "Where the emulator keeps its state.",
    "NO_COLOR, FORCE_COLOR, TERM, COLUMNS": "Whether output is coloured, and how wide it is.",
    "HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR": "The way to the server, and whom to "
    "trust.",
}
"""The variables that the program reads."""

_TYPED = "misar_ips.typed"  # in a context's ``meta``: the words after the program's name
_OPTIONAL_VALUES = ("--install-completion", "--show-completion")


class _Helpful:
    """What the help of a command has in common with that of a group."""

    help: str | None
    params: list[Parameter]

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence of what it does, whole."""
        del limit
        sentence, stop, _ = purpose(self).partition(". ")
        return sentence + stop.rstrip()

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what follows its name, what must be given first."""
        del ctx
        return usage(self)

    def format_help_text(self, ctx: Context, formatter: Formatter) -> None:
        """Write what it does; its examples come at the end."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(purpose(self))

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """Write commands, arguments and options, each group under its name."""
        panels: dict[str, dict[str, str]] = {}
        for name, command in getattr(self, "commands", {}).items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, {})[name] = command.get_short_help_str()
        for name, parameters in groups(self.get_params(ctx)).items():  # type: ignore[attr-defined]  # Typer's
            panels[name] = {term(each): meaning(each) for each in parameters}
        for name, terms in panels.items():
            _write_terms(formatter, name, terms)

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write its examples, and the exit codes that are its own."""
        del ctx
        with formatter.section("Examples"):
            for example in examples(self):
                formatter.write(f"  {example}\n")
        if codes := getattr(self, "exit_codes", ()):
            _write_exit_codes(codes, formatter)


class HelpfulCommand(_Helpful, TyperCommand):
    """A command whose help teaches, and whose errors know what may have been meant."""

    exit_codes: ClassVar[tuple[ExitCode, ...]] = ()
    """Those that are this command's own; all of them are in the program's help."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read the arguments, among them the common options that were given before the command.

        Raises:
            UsageError: an option is not one of this command's.
        """
        names = {each.name for each in self.params}
        for name in ctx.default_map or ():
            if name not in names and not ctx.resilient_parsing:
                raise UsageError(f"`{ctx.command_path}` does not take `--{name}`.")
        return _parse_with_hints(self, super().parse_args, ctx, args)


def ending(*codes: ExitCode) -> type[HelpfulCommand]:
    """Return the class of a command that has these exit codes of its own."""
    return type("HelpfulCommand", (HelpfulCommand,), {"exit_codes": codes})


class HelpfulGroup(_Helpful, TyperGroup):
    """A command that has others under it; they are shown in the order in which they were added."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read what comes before the command's name; the command gets its common options from it.

        Raises:
            UsageError: that is an option of a command.
        """
        if not ctx.resilient_parsing:
            self._point_to_the_command(ctx.command_path.split()[1:], args)
        rest = _parse_with_hints(self, super().parse_args, ctx, args)
        given = {name: value for name, value in ctx.params.items() if value}
        for_all = {**(ctx.default_map or {}), **given}
        ctx.default_map = {name: dict(for_all) for name in self.commands}
        return rest

    def _point_to_the_command(self, path: list[str], args: list[str]) -> None:
        option = args[0].partition("=")[0] if args else ""
        takers = [name for name, each in self.commands.items() if option in _options(each)]
        if not takers or option in _options(self):
            return
        from misar_ips.cli import near_words

        named = [each for each in args if each in takers] or takers
        moved = [*path, named[0], *(each for each in args if each != named[0])]
        hint = f"Write `{near_words.line(moved)}`."
        raise UsageError(f"`{option}` comes after the command.", hint=hint)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Return the name of the command, the command, and its arguments.

        Raises:
            UsageError: there is no such command.
        """
        name = ALIASES.get(args[0], args[0])
        command = self.commands.get(name)
        if command is None and not ctx.resilient_parsing:
            from misar_ips.cli import near_words

            before = ctx.meta[_TYPED][: -len(args)]
            raise near_words.unknown_command(before, args, self.commands)
        return name if command else None, command, args[1:]

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - Typer's signature
        """Run the command that is named; show the help where none is."""
        if not ctx._protected_args:  # noqa: SLF001 - where Typer keeps the command's name
            ctx.obj.output.text(f"{ctx.get_help()}\n")
            return None
        return super().invoke(ctx)


def help_for(context: Context, words: Sequence[str]) -> str:
    """Return the help of the command that the words name, or of a topic.

    Raises:
        UsageError: there is no such command.
    """
    found = context.find_root()
    formatter = found.make_formatter()
    if list(words) == ["exit-codes"]:
        _write_exit_codes(EXIT_CODES, formatter)
        return str(formatter.getvalue())
    if list(words) == ["environment"]:
        _write_terms(formatter, "Environment", ENVIRONMENT)
        return str(formatter.getvalue())
    for at, word in enumerate(words):
        commands = getattr(found.command, "commands", {})
        name = ALIASES.get(word, word)
        if name not in commands:
            from misar_ips.cli import near_words

            raise near_words.unknown_command(["help", *words[:at]], words[at:], commands)
        found = commands[name].make_context(name, [], parent=found, resilient_parsing=True)
    return f"{found.get_help()}\n"


def usage(command: Command) -> list[str]:
    """Return what follows a command's name: arguments, options that are due, others."""
    if hasattr(command, "commands"):
        return ["COMMAND", "[OPTIONS]"]
    due = [term(each) for each in command.params if _is_option(each) and each.required]
    return [*(term(each) for each in command.params if not _is_option(each)), *due, "[OPTIONS]"]


def groups(parameters: Iterable[Parameter]) -> dict[str, list[Parameter]]:
    """Return arguments and options by the name of their group."""
    found: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        if parameter.name == "help" and COMMON in found:
            panel = COMMON
        elif _is_option(parameter):
            panel = parameter.rich_help_panel or "Options"
        else:
            panel = "Arguments"
        found.setdefault(panel, []).append(parameter)
    return found


def term(parameter: Parameter) -> str:
    """Return how an argument or option is written, as in "-p, --profile NAME"."""
    if not _is_option(parameter):
        return str(parameter.metavar)
    names = ", ".join(sorted(parameter.opts, key=len))
    return names if parameter.is_flag else f"{names} {parameter.metavar}"


def meaning(parameter: Parameter) -> str:
    """Return what an argument or option does, and what it is where it is not given."""
    if not _is_option(parameter) or parameter.is_flag or parameter.default is None:
        return str(parameter.help or "")
    default = parameter.default
    shown = f"{default:g}" if isinstance(default, float) else default
    return f"{parameter.help} [default: {shown}]"


def purpose(command: Command) -> str:
    """Return what a command does, as its docstring says."""
    return str(command.help or "").partition("\n\n")[0]


def examples(command: Command) -> list[str]:
    """Return a command's examples, which end its docstring."""
    return str(command.help or "").partition("\n\n")[2].splitlines()


def _parse_with_hints(command: Command, parse: Any, ctx: Context, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's method
    ctx.meta.setdefault(_TYPED, list(args))
    ctx.meta[WORDS] = list(args)
    try:
        rest: list[str] = parse(ctx, _with_values(args))
    except typer.TyperException as error:
        option = getattr(error, "option_name", None)
        if option is None or not hasattr(error, "possibilities"):
            raise
        from misar_ips.cli import near_words

        known = _options(command)
        raise near_words.unknown_option(ctx.command_path, ctx.meta[_TYPED], option, known) from None
    return rest


def _with_values(args: list[str]) -> list[str]:
    """Return the words with an empty value for each option that can do without one."""
    with_next = zip(args, [*args[1:], "-"], strict=False)
    return [
        f"{word}=" if word in _OPTIONAL_VALUES and following.startswith("-") else word
        for word, following in with_next
    ]


def _options(command: Command) -> list[str]:
    return [name for each in command.params if _is_option(each) for name in each.opts]


def _is_option(parameter: Parameter) -> bool:
    return bool(parameter.param_type_name == "option")


def _write_exit_codes(codes: Iterable[ExitCode], formatter: Formatter) -> None:
    _write_terms(formatter, "Exit codes", {f"{code:>3}": EXIT_CODES[code] for code in codes})


def _write_terms(formatter: Formatter, heading: str, terms: dict[str, str]) -> None:
    with formatter.section(heading):
        formatter.write_dl(list(terms.items()))
