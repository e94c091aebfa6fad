using Quorate.CommandLine;

namespace Quorate.Etcdctl.Commands;

/// <summary>completion: scripts with which shells complete the words of commands (spec 07 §11.3).</summary>
internal static class CompletionCommand
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("completion", "bash|zsh|fish|powershell", "Generates a completion script for a shell",
            "source <(etcdctl completion bash)", _ => { }, RunAsync),
    ];

    private static Task<int> RunAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw new CommandException(ExitCodes.Error, $"accepts 1 arg(s), received {context.Arguments.Count}");
        }

        string[][] commands = [.. CtlProgram.Paths.Select(path => path.Split(' '))];
        string first = string.Join(' ', commands.Select(words => words[0]).Distinct());
        (string Group, string Words)[] groups = [.. commands.Where(words => words.Length > 1).GroupBy(words => words[0])
            .Select(group => (group.Key, string.Join(' ', group.Select(words => words[1]))))];
        string script = context.Arguments[0] switch
        {
            "bash" => Bash(first, groups),
            "zsh" => "#compdef etcdctl\nautoload -U +X bashcompinit && bashcompinit\n" + Bash(first, groups),
            "fish" => $"complete -c etcdctl -f -n __fish_use_subcommand -a '{first}'\n" + string.Concat(groups
                .Select(group => $"complete -c etcdctl -f -n '__fish_seen_subcommand_from {group.Group}' -a '{group.Words}'\n")),
            "powershell" => PowerShell(first, groups),
            var other => throw new CommandException(ExitCodes.Error,
                $"invalid argument {GoText.Quote(other)} for \"etcdctl completion\""),
        };
        context.Printer.Write(script);
        return Task.FromResult(ExitCodes.Success);
    }

    private static string Bash(string first, (string Group, string Words)[] groups) =>
        "_etcdctl() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" group=\"${COMP_WORDS[1]}\" words=\"\"\n"
        + $"  if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"{first}\"\n  elif [ \"$COMP_CWORD\" -eq 2 ]; then case \"$group\" in\n"
        + string.Concat(groups.Select(group => $"    {group.Group}) words=\"{group.Words}\" ;;\n"))
        + "  esac; fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _etcdctl etcdctl\n";

    private static string PowerShell(string first, (string Group, string Words)[] groups) =>
        "Register-ArgumentCompleter -Native -CommandName etcdctl -ScriptBlock {\n  param($word, $ast, $position)\n"
        + "  $words = @($ast.CommandElements | ForEach-Object { $_.ToString() })\n"
        + $"  $found = switch ($words[1]) {{\n"
        + string.Concat(groups.Select(group => $"    '{group.Group}' {{ '{group.Words}' }}\n"))
        + $"    default {{ '{first}' }}\n  }}\n"
        + "  $found.Split(' ') | Where-Object { $_ -like \"$word*\" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }\n}\n";
}
