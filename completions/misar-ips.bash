# Completion of misar-ips for bash, made by `misar-ips --show-completion`.

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
