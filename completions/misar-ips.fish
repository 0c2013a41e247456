# Completion of misar-ips for fish, made by `misar-ips --show-completion`.

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
