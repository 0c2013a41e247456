# Completion of misar-ips for bash, made by `misar-ips --show-completion`.

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
