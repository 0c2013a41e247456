"""Completion in the shells: the script for each of them.

The scripts know nothing of the program. They hand it the words of the line, the one at the cursor
last, and read lines of a value, a tab and a description; a line `:files` leaves it to the shell to
offer files. What the program prints is never evaluated.
"""

from __future__ import annotations

VARIABLE = "_MISAR_IPS_COMPLETE"
"""What a script sets, to the shell's name, when it asks for completions."""

FILES = ":files"
"""What the program prints where files are wanted."""

POWERSHELL = "powershell"

_BASH = r"""# Completion of misar-ips for bash, made by `misar-ips --show-completion`.

_misar_ips() {
    local line=${COMP_LINE:0:COMP_POINT} word last redirected="" split description width=0 index
    local -a words=() given=() values=() descriptions=()
    # Bash splits at "=", ":" and others; for the program, what has no space between is one word.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        last=$((${#words[@]} - 1))
        if ((index == 0)) || [[ $line == [[:space:]]* ]]; then
            words+=("")
        elif [[ $word == [\<\>]* || ${words[last]} == [\<\>]* ]]; then
            [[ ${words[last]} =~ ^[0-9]+$ ]] && unset "words[last]"  # as in "2>"
            words+=("")
        fi
        line=${line#"${line%%[![:space:]]*}"}
        ((index == COMP_CWORD)) && word=$line
        line=${line#"$word"}
        last=$((${#words[@]} - 1))
        words[last]+=$word
    done
    for word in "${words[@]:1}"; do
        if [[ $word == [\<\>]* ]]; then
            redirected=next
        elif [[ $redirected == next ]]; then
            redirected=this
        else
            redirected=""
            given+=("$word")
        fi
    done
    if [[ $redirected ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    split=${word%"$2"}  # what bash has split off from the word at the cursor
    split=${split//[\"\'\\]/}
    while IFS=$'\t' read -r word description; do
        if [[ $word == :files ]]; then
            compopt -o default 2>/dev/null
            return
        fi
        word=${word#"$split"}
        values+=("$word")
        descriptions+=("$description")
        ((${#word} > width)) && width=${#word}
    done < <(_MISAR_IPS_COMPLETE=bash "${1/#\~/$HOME}" "${given[@]}" 2>/dev/null </dev/null)
    compopt -o nosort 2>/dev/null
    COMPREPLY=("${values[@]}")
    # 63 is "?": bash only shows what there is, so the descriptions can be shown as well.
    if ((COMP_TYPE == 63 && ${#values[@]} > 1)); then
        for index in "${!values[@]}"; do
            if [[ ${descriptions[index]} ]]; then
                printf -v word "%-${width}s  (%s)" "${values[index]}" "${descriptions[index]}"
                COMPREPLY[index]=${word:0:${COLUMNS:-80}-1}
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
            [[ $PREFIX == -*=* ]] && compset -P '*='
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
        set -l option (string match --regex '^-[^=]*=' -- "$current")
        set -l path (string replace -- "$option" '' "$current")
        __fish_complete_path "$path" | string replace --regex '^' -- "$option"
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

SCRIPTS = {
    "bash": ("misar-ips.bash", _BASH),
    "zsh": ("_misar-ips", _ZSH),
    "fish": ("misar-ips.fish", _FISH),
    POWERSHELL: ("misar-ips.ps1", _POWERSHELL),
}
"""The name of each shell's file, and what is in it."""
