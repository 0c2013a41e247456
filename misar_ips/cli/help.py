"""What `--help` shows: how to call a command, its options in groups, examples and exit codes.

Typer groups options only where rich draws them, and rich takes `--help` from 110 ms to 290 ms. The
groups are the same ones: what an option or a command has as its ``rich_help_panel``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from typer.core import TyperCommand, TyperGroup

from misar_ips.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    Context: TypeAlias = Any  # Typer's own classes are not public
    Formatter: TypeAlias = Any
    Parameter: TypeAlias = Any
    Command: TypeAlias = Any

COMMON = "Common options"
"""The group of what most commands take, `--help` among it."""


class HelpfulCommand(TyperCommand):
    """A command whose help teaches."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what stands after the command's name, what must be given first."""
        del ctx
        return usage(self)

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """Write arguments and options, each group under its name."""
        for name, parameters in groups(self.get_params(ctx)).items():
            _write_terms(formatter, name, {term(each): meaning(each) for each in parameters})

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write the command's examples and exit codes."""
        _write_lesson(ctx, formatter)


class HelpfulGroup(TyperGroup):
    """A command that has others under it; they are shown in the order in which they were added."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Read what stands before the command's name.

        Raises:
            UsageError: that is an option of the commands.
        """
        self._point_to_the_commands(ctx.command_path, args)
        return super().parse_args(ctx, args)

    def _point_to_the_commands(self, path: str, args: list[str]) -> None:
        option = args[0].partition("=")[0] if args else ""
        takers = [name for name, each in self.commands.items() if _has(each, option)]
        if takers and not _has(self, option):
            named = next((each for each in args if each in takers), takers[0])
            raise UsageError(
                f"`{option}` stands after the command.", hint=f"Write `{path} {named} {option}`."
            )

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what stands after the group's name."""
        del ctx
        return ["COMMAND", "[OPTIONS]"]

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """Write the commands, each group under its name, and then the options."""
        panels: dict[str, dict[str, str]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, {})[name] = first_sentence(command)
        for panel, terms in panels.items():
            _write_terms(formatter, panel, terms)
        HelpfulCommand.format_options(self, ctx, formatter)  # type: ignore[arg-type]

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write the group's examples, and where more is to be read."""
        _write_lesson(ctx, formatter)


def usage(command: Command) -> list[str]:
    """Return what stands after a command's name: arguments, options that are due, the others."""
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


def first_sentence(command: Command) -> str:
    """Return the first sentence of what a command does."""
    return str(command.get_short_help_str(limit=1000))


def _has(command: Command, option: str) -> bool:
    return any(option in each.opts for each in command.params if _is_option(each))


def _is_option(parameter: Parameter) -> bool:
    return bool(parameter.param_type_name == "option")


def _write_lesson(context: Context, formatter: Formatter) -> None:
    from misar_ips.cli.examples import LESSONS

    lesson = LESSONS[context.command_path.partition(" ")[2]]
    with formatter.section("Examples"):
        for example in lesson.examples:
            formatter.write(f"  {example}\n")
    if lesson.exit_codes:
        codes = sorted(lesson.exit_codes.items())
        _write_terms(formatter, "Exit codes", {f"{code:>3}": what for code, what in codes})
    else:
        formatter.write_paragraph()
        formatter.write_text(
            f"`{context.command_path} COMMAND --help` shows a command's options, examples and exit "
            "codes."
        )


def _write_terms(formatter: Formatter, heading: str, terms: dict[str, str]) -> None:
    with formatter.section(heading):
        formatter.write_dl(list(terms.items()))
