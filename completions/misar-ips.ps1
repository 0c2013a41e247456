# Completion of misar-ips for PowerShell, made by `misar-ips --show-completion`.

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
