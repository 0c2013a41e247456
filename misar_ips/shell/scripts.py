"""Completion in the shells: the script for each, where it belongs, and whether it is there.

The scripts know nothing of the program. They hand it the words of the line, the one at the cursor
last, and read lines of a value, a tab and a description; a line `:files` leaves it to the shell to
offer files. What the program prints is never evaluated.
"""

from __future__ import annotations

import os
import shlex
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from misar_ips.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "_MISAR_IPS_COMPLETE"
"""What a script sets, to the shell's name, when it asks for completions."""

FILES = ":files"
"""What the program prints where files are wanted."""

_BASH = r"""# Completion of misar-ips for bash, made by `misar-ips --show-completion`.

_misar_ips() {
    local value description width=0 index
    local -a values=() descriptions=()
    while IFS=$'\t' read -r value description; do
        if [[ $value == :files ]]; then
            compopt -o default 2>/dev/null
            return
        fi
        values+=("$value")
        descriptions+=("$description")
        ((${#value} > width)) && width=${#value}
    done < <(_MISAR_IPS_COMPLETE=bash "${1/#\~/$HOME}" "${COMP_WORDS[@]:1:COMP_CWORD}" \
        2>/dev/null </dev/null)
    compopt -o nosort 2>/dev/null
    COMPREPLY=("${values[@]}")
    # 63 is "?": bash only shows what there is, so the descriptions can be shown as well.
    if ((COMP_TYPE == 63 && ${#values[@]} > 1)); then
        for index in "${!values[@]}"; do
            if [[ ${descriptions[index]} ]]; then
                printf -v value "%-${width}s  (%s)" "${values[index]}" "${descriptions[index]}"
                COMPREPLY[index]=${value:0:${COLUMNS:-80}-1}
            fi
        done
    fi
}

complete -F _misar_ips misar-ips
"""

_ZSH = r"""#compdef misar-ips
# Completion of misar-ips for zsh, made by `misar-ips --show-completion`.

_misar-ips() {
    local value description
    local -a offers
    while IFS=$'\t' read -r value description; do
        if [[ $value == :files ]]; then
            _files
            return
        fi
        offers+=("${value//:/\\:}:$description")
    done < <(_MISAR_IPS_COMPLETE=zsh "${words[1]/#\~/$HOME}" "${(@Q)words[2,CURRENT]}" \
        2>/dev/null </dev/null)
    _describe -V -t values value offers
}

# Found through fpath, this file is the function; sourced, it has to be registered.
if [[ $funcstack[1] == _misar-ips ]]; then
    _misar-ips "$@"
else
    compdef _misar-ips misar-ips
fi
"""

_FISH = r"""# Completion of misar-ips for fish, made by `misar-ips --show-completion`.

function __misar_ips_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -lx _MISAR_IPS_COMPLETE fish
    set -l offers ($words[1] $words[2..-1] "$current" 2>/dev/null </dev/null)
    if string match --quiet ':files*' -- $offers[1]
        __fish_complete_path "$current"
    else
        printf '%s\n' $offers
    end
end

complete --command misar-ips --no-files --keep-order --arguments '(__misar_ips_complete)'
"""

_POWERSHELL = r"""# Completion of misar-ips for PowerShell, made by `misar-ips --show-completion`.

Register-ArgumentCompleter -Native -CommandName misar-ips -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.GetCommandName()
    $quoted = [System.Management.Automation.Language.StringConstantExpressionAst]
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is $quoted) { $_.Value } else { "$_" } })
    # An empty argument gets lost on the way to a program, so the word at the cursor has a "=".
    $current = '=' + "$wordToComplete".Trim([char[]]@(34, 39))
    $env:_MISAR_IPS_COMPLETE = 'powershell'
    try {
        $offers = @(& $program @before $current 2>$null)
    } finally {
        Remove-Item Env:_MISAR_IPS_COMPLETE
    }
    if ($offers.Count -eq 0) { return '' }  # else PowerShell offers files
    foreach ($offer in $offers) {
        $value, $description = $offer -split "`t", 2
        if ($value -eq ':files') { return }
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new(
            $value, $value, 'ParameterValue', $description)
    }
}
"""

# It sets SHELL because on Linux and macOS that names the shell that PowerShell was started from.
_POWERSHELLS_LINE = (
    "$env:SHELL = 'pwsh'; misar-ips --show-completion | Out-String | Invoke-Expression"
)

POWERSHELL = "powershell"
SCRIPTS = {
    "bash": ("misar-ips.bash", _BASH),
    "zsh": ("_misar-ips", _ZSH),
    "fish": ("misar-ips.fish", _FISH),
    POWERSHELL: ("misar-ips.ps1", _POWERSHELL),
}
"""The name of each shell's file, and what stands in it."""

NAMES = tuple(SCRIPTS)
_OTHER_NAMES = {"pwsh": POWERSHELL}

_PACKAGED = {
    "bash": "bash-completion/completions/misar-ips",
    "zsh": "zsh/site-functions/_misar-ips",
    "fish": "fish/vendor_completions.d/misar-ips.fish",
}
"""Where packages put completions, in the folder `share` of what they install to."""


class State(Enum):
    """What a shell has of our completion."""

    MISSING = auto()
    OTHER = auto()
    CURRENT = auto()


def in_use(environ: Mapping[str, str]) -> str | None:
    """Return the shell that SHELL names; on Windows, where nothing sets it, PowerShell."""
    if "SHELL" not in environ:
        return POWERSHELL if os.name == "nt" else None
    name = Path(environ["SHELL"]).stem
    name = _OTHER_NAMES.get(name, name)
    return name if name in SCRIPTS else None


def script_in_use(environ: Mapping[str, str]) -> str:
    """Return the script for the shell that SHELL names.

    Raises:
        UsageError: that is none that can be completed in.
    """
    return SCRIPTS[_require_shell(environ)][1]


def install(environ: Mapping[str, str]) -> str:
    """Put the script in its place, let the shell load it, and give a sentence that says so.

    Raises:
        UsageError: it is a shell that can't be installed for.
        ConfigError: a file can't be written.
    """
    shell = _require_shell(environ)
    if shell == POWERSHELL:
        raise UsageError("PowerShell's profile is not changed.", hint=how_to_install(shell))
    script, start_file = _own_place(shell, environ), _start_file(shell, environ)
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPTS[shell][1], encoding="utf-8")
        if start_file is not None:
            _add_line(start_file, _loading_line(shell, script))
    except OSError as error:
        raise ConfigError(
            f"Completion could not be installed: {error.filename}: {error.strerror}."
        ) from error
    changed = f", which {start_file} loads" if start_file else ""
    return f"Completion for {shell} is in {script}{changed}. A new shell has it."


def state_of(shell: str, environ: Mapping[str, str]) -> State:
    """Return whether the shell's completion is installed, and as this version has it."""
    if shell == POWERSHELL:
        return State.MISSING  # it leaves nothing that could be found
    found = [path for path in _places(shell, environ) if path.is_file()]
    if not found:
        return State.MISSING
    is_current = found[0].read_bytes() == SCRIPTS[shell][1].encode()
    return State.CURRENT if is_current else State.OTHER


def how_to_install(shell: str) -> str:
    """Return what to do to have completion in a shell."""
    if shell == POWERSHELL:
        return f"Add this line to $PROFILE: `{_POWERSHELLS_LINE}`"
    return "`misar-ips --install-completion` installs it."


def _require_shell(environ: Mapping[str, str]) -> str:
    shell = in_use(environ)
    if shell is None:
        raise UsageError(
            "SHELL names no shell that can be completed in.",
            hint=f"Set it for once, as in `SHELL=bash`; it can be {', '.join(NAMES)}.",
        )
    return shell


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _own_place(shell: str, environ: Mapping[str, str]) -> Path:
    """Return the user's own place for a shell's completions."""
    home = _home(environ)
    if shell == "fish":
        folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        return folder / "fish/completions/misar-ips.fish"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / _PACKAGED[shell]


def _places(shell: str, environ: Mapping[str, str]) -> list[Path]:
    own, start_file = _own_place(shell, environ), _start_file(shell, environ)
    packaged = [Path(each, "share", _PACKAGED[shell]) for each in ("/usr/local", "/usr")]
    if start_file is None or _loading_line(shell, own) in _lines(start_file):
        return [own, *packaged]
    return packaged


def _start_file(shell: str, environ: Mapping[str, str]) -> Path | None:
    """Return the file that must load the script; fish finds it by itself."""
    if shell == "bash":
        return _home(environ) / ".bashrc"
    if shell == "zsh":
        return Path(environ.get("ZDOTDIR") or _home(environ)) / ".zshrc"
    return None


def _loading_line(shell: str, script: Path) -> str:
    loading = f"source {shlex.quote(str(script))}"
    if shell == "zsh":
        return f"(( $+functions[compdef] )) || {{ autoload -Uz compinit; compinit }}; {loading}"
    return loading


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _add_line(path: Path, line: str) -> None:
    lines = _lines(path)
    if line in lines:
        return
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" if lines else "")
        file.write(f"# Completion of misar-ips\n{line}\n")
