# Completion of misar-ips for PowerShell, made by `misar-ips --show-completion`.

Register-ArgumentCompleter -Native -CommandName misar-ips -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt ($cursorPosition - $wordToComplete.Length) } |
        ForEach-Object { "$_" })
    # An empty argument gets lost on the way to a program, so the word at the cursor has a "=".
    $env:_MISAR_IPS_COMPLETE = 'powershell'
    try {
        $offers = @(& $commandAst.CommandElements[0].Value @before "=$wordToComplete" 2>$null)
    } finally {
        Remove-Item Env:_MISAR_IPS_COMPLETE
    }
    foreach ($offer in $offers) {
        $value, $description = $offer -split "`t", 2
        if ($value -eq ':files') { return }
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new(
            $value, $value, 'ParameterValue', $description)
    }
}
