"""Installing completion: which shell, where its script belongs, and the line that loads it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.errors import ConfigError, UsageError
from misar_ips.shell.scripts import POWERSHELL, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHER_NAMES = {"pwsh": POWERSHELL}
_PLACES = {
    "bash": ("XDG_DATA_HOME", ".local/share", "bash-completion/completions/misar-ips"),
    "zsh": ("XDG_DATA_HOME", ".local/share", "zsh/site-functions/_misar-ips"),
    "fish": ("XDG_CONFIG_HOME", ".config", "fish/completions/misar-ips.fish"),
}

# It sets SHELL because on Linux and macOS that names the shell that PowerShell was started from.
_POWERSHELLS_LINE = (
    "$env:SHELL = 'pwsh'; misar-ips --show-completion | Out-String | Invoke-Expression"
)


def script_for(name: str, environ: Mapping[str, str]) -> str:
    """Return the script for a shell; for the one that SHELL names, where ``name`` is empty.

    Raises:
        UsageError: there is no script for it.
    """
    return SCRIPTS[_find_shell(name, environ)][1]


def install(name: str, environ: Mapping[str, str]) -> str:
    """Put the script in its place, let the shell load it, and return a sentence that says so.

    Raises:
        UsageError: there is no script for the shell, or it can't be installed for.
        ConfigError: a file can't be written; it is as it was.
    """
    from misar_ips.config.locked_file import replace_whole

    shell = _find_shell(name, environ)
    if shell == POWERSHELL:
        hint = f"Add this line to $PROFILE: `{_POWERSHELLS_LINE}`"
        raise UsageError("PowerShell's profile is not changed.", hint=hint)
    content = SCRIPTS[shell][1].encode()
    script, start_file = _place(shell, environ), _start_file(shell, environ)
    try:
        target = script.resolve()  # a link stays a link
        if not (target.is_file() and target.read_bytes() == content):
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_whole(target, content)
        if start_file is not None:
            _add_line(start_file, _loading_line(shell, script))
    except OSError as error:
        raise ConfigError(
            f"Completion could not be installed: {error.filename or script}: {error.strerror}."
        ) from error
    changed = f", which {start_file} loads" if start_file else ""
    return f"Completion for {shell} is in {script}{changed}. A new shell has it."


def _find_shell(name: str, environ: Mapping[str, str]) -> str:
    usual = POWERSHELL if os.name == "nt" else ""
    named = name or Path(environ.get("SHELL", usual)).stem
    shell = _OTHER_NAMES.get(named, named)
    if shell in SCRIPTS:
        return shell
    known = f"It can be {', '.join(SCRIPTS)}."
    if name:
        raise UsageError(f"There is no completion for `{name}`.", hint=known)
    raise UsageError(
        "SHELL does not name a shell that can be completed in.",
        hint=f"Name it, as in `misar-ips --install-completion bash`. {known}",
    )


def _place(shell: str, environ: Mapping[str, str]) -> Path:
    """Return the user's own place for a shell's script.

    A variable with a relative path is ignored, as the XDG Base Directory Specification has it.
    """
    variable, usual, path = _PLACES[shell]
    folder = Path(environ.get(variable, ""))
    return (folder if folder.is_absolute() else _home(environ) / usual) / path


def _home(environ: Mapping[str, str]) -> Path:
    try:
        return Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError as error:
        raise ConfigError("There is no home folder to install to.", hint="Set HOME.") from error


def _start_file(shell: str, environ: Mapping[str, str]) -> Path | None:
    """Return the file that must load the script; fish finds it by itself."""
    if shell == "bash":
        return _home(environ) / ".bashrc"
    if shell == "zsh":
        return Path(environ.get("ZDOTDIR") or _home(environ)) / ".zshrc"
    return None


def _loading_line(shell: str, script: Path) -> str:
    """Return the line that loads the script where it still is."""
    path = shlex.quote(str(script))
    loading = f"source {path}"
    if shell == "zsh":
        loading = f"(( $+functions[compdef] )) || {{ autoload -Uz compinit; compinit }}; {loading}"
    return f"if [[ -r {path} ]]; then {loading}; fi"


def _add_line(path: Path, line: str) -> None:
    if path.exists() and not path.is_file():
        raise ConfigError(
            f"Completion could not be installed: {path} is not a regular file.",
            hint=f"Where your shell reads its settings, add `{line}`.",
        )
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if line in text.splitlines():
        return
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{gap}# Completion of misar-ips\n{line}\n")
