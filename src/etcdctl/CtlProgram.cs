using System.Text;
using Grpc.Core;
using Quorate.CommandLine;
using Quorate.Etcdctl.Commands;
using Quorate.Protocol;

namespace Quorate.Etcdctl;

/// <summary>The program etcdctl: it finds the command, reads its flags, runs it, and turns what goes wrong into text and exit
/// code.</summary>
internal static class CtlProgram
{
    public const string Version = "3.7.1";

    private static readonly IReadOnlyList<CtlCommand> s_commands =
    [
        .. KeyCommands.All, .. TxnCommand.All, .. WatchCommand.All, .. LeaseCommands.All, .. MemberCommands.All,
            .. EndpointCommands.All,
        .. MaintenanceCommands.All, .. AuthCommands.All, .. LockCommands.All, .. MirrorCommand.All, .. CheckCommands.All,
            .. CompletionCommand.All,
        new("version", "", "Prints the version of etcdctl", "etcdctl version", _ => { }, _ =>
        {
            Console.Out.Write($"etcdctl version: {Version}\nAPI version: 3.7\n");
            return Task.FromResult(ExitCodes.Success);
        }),
        new("options", "", "Prints the global options", "etcdctl options", _ => { }, _ =>
        {
            Console.Out.Write("The following options can be passed to any command:\n\n" + Lines(GlobalFlags().All));
            return Task.FromResult(ExitCodes.Success);
        }),
    ];

    /// <summary>The words of all commands.</summary>
    public static IEnumerable<string> Paths => s_commands.Select(command => command.Path).Order(StringComparer.Ordinal);

    public static async Task<int> RunAsync(string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        try
        {
            return await DispatchAsync(arguments, environment).ConfigureAwait(false);
        }
        catch (CommandException error)
        {
            await Console.Error.WriteLineAsync($"Error: {error.Message}").ConfigureAwait(false);
            return error.ExitCode;
        }
        catch (Exception error) when (error is EtcdException or RpcException or IOException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"Error: {TextOf(error)}").ConfigureAwait(false);
            return ExitCodes.Error;
        }
        finally
        {
            await Console.Out.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>An error of a call as etcd's tools show it (spec 07 §4.2).</summary>
    public static string TextOf(Exception error)
    {
        (StatusCode code, string text) = error switch
        {
            EtcdException etcd => (etcd.Code, etcd.Message),
            RpcException rpc => (rpc.StatusCode, rpc.Status.Detail),
            _ => (StatusCode.OK, error.Message),
        };
        return code switch
        {
            StatusCode.OK => text,
            StatusCode.DeadlineExceeded => "context deadline exceeded",
            StatusCode.Cancelled => "context canceled",
            StatusCode.Unavailable when !text.StartsWith("etcdserver:", StringComparison.Ordinal) => "context deadline exceeded",
            _ when text.StartsWith("etcdserver: ", StringComparison.Ordinal) => text,
            _ => $"rpc error: code = {NameOf(code)} desc = {text}",
        };
    }

    public static string NameOf(StatusCode code) => code == StatusCode.Cancelled ? "Canceled" : code.ToString();

    public static FlagSet GlobalFlags() => new FlagSet()
        .Add("endpoints", FlagSet.Kind.List, "127.0.0.1:2379", "gRPC endpoints")
        .Add("debug", FlagSet.Kind.Boolean, "false", "enable client-side debug logging")
        .Add("write-out", FlagSet.Kind.Text, "simple", "set the output format (fields, json, protobuf, simple, table)", 'w')
        .Add("hex", FlagSet.Kind.Boolean, "false", "print byte strings as hex encoded strings")
        .Add("dial-timeout", FlagSet.Kind.Duration, "2s", "dial timeout for client connections")
        .Add("command-timeout", FlagSet.Kind.Duration, "5s", "timeout for short running command (excluding dial timeout)")
        .Add("keepalive-time", FlagSet.Kind.Duration, "2s", "keepalive time for client connections")
        .Add("keepalive-timeout", FlagSet.Kind.Duration, "6s", "keepalive timeout for client connections")
        .Add("max-request-bytes", FlagSet.Kind.Integer, "0", "client-side request send limit in bytes")
        .Add("max-recv-bytes", FlagSet.Kind.Integer, "0", "client-side response receive limit in bytes")
        .Add("insecure-transport", FlagSet.Kind.Boolean, "true", "disable transport security for client connections")
        .Add("insecure-discovery", FlagSet.Kind.Boolean, "true", "accept insecure SRV records describing cluster endpoints")
        .Add("insecure-skip-tls-verify", FlagSet.Kind.Boolean, "false", "skip server certificate verification")
        .Add("cert", FlagSet.Kind.Text, "", "identify secure client using this TLS certificate file")
        .Add("key", FlagSet.Kind.Text, "", "identify secure client using this TLS key file")
        .Add("cacert", FlagSet.Kind.Text, "", "verify certificates of TLS-enabled secure servers using this CA bundle")
        .Add("auth-jwt-token", FlagSet.Kind.Text, "", "JWT token used for authentication")
        .Add("user", FlagSet.Kind.Text, "", "username[:password] for authentication (prompt if password is not supplied)")
        .Add("password", FlagSet.Kind.Text, "",
            "password for authentication (if this option is used, --user option shouldn't include password)")
        .Add("help", FlagSet.Kind.Boolean, "false", "help for the command", 'h');

    private static async Task<int> DispatchAsync(string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        (CtlCommand? command, List<string> rest, IReadOnlyList<string> group) = Find(arguments);
        if (command is null)
        {
            return Help(group);
        }

        FlagSet flags = GlobalFlags();
        command.Flags(flags);
        IReadOnlyList<string> positional;
        int dashes;
        try
        {
            positional = flags.Parse(rest, out dashes);
        }
        catch (CommandException error)
        {
            await Console.Error.WriteLineAsync($"Error: {error.Message}\n{HelpOf(command, flags)}").ConfigureAwait(false);
            return error.ExitCode;
        }

        if (flags.Boolean("help"))
        {
            Console.Out.Write(HelpOf(command, flags));
            return ExitCodes.Success;
        }

        if (command.Path is not ("version" or "options" or "completion") && !ReadEnvironment(flags, environment, command))
        {
            return ExitCodes.Error;
        }

        if (flags.Boolean("debug"))
        {
            TellFlags(flags, command);
        }

        return await command.Run(new CtlContext(command, flags, positional, dashes)).ConfigureAwait(false);
    }

    /// <summary>The command that the words name; flags may stand between and before them.</summary>
    private static (CtlCommand? Command, List<string> Others, IReadOnlyList<string> Group) Find(string[] arguments)
    {
        var rest = new List<string>();
        var path = new List<string>();
        List<CtlCommand> candidates = [.. s_commands];
        FlagSet globals = GlobalFlags();
        for (int index = 0; index < arguments.Length; index++)
        {
            string argument = arguments[index];
            bool isComplete = candidates.Count == 1 && candidates[0].Words.Length == path.Count;
            if (isComplete || argument == "--")
            {
                rest.AddRange(arguments[index..]);
                break;
            }

            if (argument.StartsWith('-') && argument.Length > 1)
            {
                rest.Add(argument);
                if (TakesNext(globals, argument) && index + 1 < arguments.Length)
                {
                    rest.Add(arguments[++index]);
                }

                continue;
            }

            if (path.Count == 0 && argument == "help")
            {
                continue;
            }

            string[] words = [.. candidates.Where(each => each.Words.Length > path.Count).Select(each => each.Words[path.Count])
                .Distinct()];
            string[] matching = words.Contains(argument) ? [argument]
                : [.. words.Where(word => word.StartsWith(argument, StringComparison.Ordinal))];
            if (matching.Length != 1)
            {
                return path.Count > 0
                    ? (null, rest, path)
                    : throw new CommandException(ExitCodes.Error,
                        $"unknown command \"{argument}\" for \"etcdctl\"{Suggestions(argument)}\nRun 'etcdctl --help' for usage.");
            }

            path.Add(matching[0]);
            candidates = [.. candidates.Where(each => each.Words.Length >= path.Count
                && each.Words[path.Count - 1] == matching[0])];
        }

        bool found = candidates.Count == 1 && candidates[0].Words.Length == path.Count
            && !(arguments.Length > 0 && arguments[0] == "help");
        if (!found && path.Count == 0 && rest.Count > 0 && !rest.Contains("--help") && !rest.Contains("-h"))
        {
            globals.Parse(rest, out _);
        }

        return (found ? candidates[0] : null, rest, path);
    }

    private static bool TakesNext(FlagSet globals, string argument)
    {
        if (argument.Contains('=', StringComparison.Ordinal))
        {
            return false;
        }

        FlagSet.Flag? flag = globals.All.FirstOrDefault(each => argument == "--" + each.Name || argument == "-" + each.ShortName);
        return flag is not null && flag.Kind != FlagSet.Kind.Boolean;
    }

    private static bool ReadEnvironment(FlagSet flags, IReadOnlyDictionary<string, string> environment, CtlCommand command)
    {
        Dictionary<string, FlagSet.Flag> byVariable = GlobalFlags().All.Where(flag => flag.Name != "help")
            .Concat(flags.All.Where(flag => flag.Name == "cluster" && command.Words[0] == "endpoint"))
            .ToDictionary(flag => Variable(flag.Name));
        foreach ((string variable, string value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!variable.StartsWith("ETCDCTL_", StringComparison.Ordinal)
                || (command.Path == "watch" && variable is "ETCDCTL_WATCH_KEY" or "ETCDCTL_WATCH_RANGE_END"))
            {
                continue;
            }

            if (!byVariable.TryGetValue(variable, out FlagSet.Flag? flag))
            {
                // Older tools needed it, and scripts set it everywhere: it is not worth a warning.
                if (variable != "ETCDCTL_API")
                {
                    Warn("warn", "unrecognized environment variable", $"{variable}={value}");
                }
            }
            else if (flags.IsSet(flag.Name))
            {
                Warn("fatal", "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))", variable);
                return false;
            }
            else if (value.Length > 0 && flags.Accepts(flag.Name, value))
            {
                flags.Set(flag.Name, value);
            }
        }

        return true;
    }

    /// <summary>What the flags are, as the variables that would set them (spec 07 §3.3).</summary>
    private static void TellFlags(FlagSet flags, CtlCommand command)
    {
        IEnumerable<string> lines = GlobalFlags().All.Where(flag => flag.Name != "help")
            .Select(flag => (flag.Name, Value: flag.Kind == FlagSet.Kind.List ? $"[{flags.Text(flag.Name)}]"
                : flags.Text(flag.Name)))
            .Concat(command.Path == "watch"
                ? ((string[])["watch-key", "watch-range-end"])
                    .Select(name => (Name: name, Value: Environment.GetEnvironmentVariable(Variable(name)) ?? ""))
                : [])
            .OrderBy(flag => flag.Name, StringComparer.Ordinal)
            .Select(flag => $"{Variable(flag.Name)}={flag.Value}");
        foreach (string line in lines)
        {
            Console.Error.WriteLine(line);
        }
    }

    private static string Variable(string flag) => "ETCDCTL_" + flag.ToUpperInvariant().Replace('-', '_');

    private static void Warn(string level, string message, string variable) => Console.Error.WriteLine(
        $"{{\"level\":\"{level}\",\"ts\":\"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.ffffff}Z\",\"caller\":\"etcdctl\",\"msg\":\"{message}\",\"environment-variable\":\"{variable.Replace("\"", "\\\"", StringComparison.Ordinal)}\"}}");

    private static int Help(IReadOnlyList<string> group)
    {
        var text = new StringBuilder();
        text.Append("A simple command line client for etcd3.\n\nUsage:\n  etcdctl [command]\n\nCommands:\n");
        foreach (CtlCommand command in s_commands.Where(each => group.Count == 0 || each.Words[0] == group[0])
            .OrderBy(each => each.Path, StringComparer.Ordinal))
        {
            text.Append($"  {command.Path,-28}{command.Description}\n");
        }

        text.Append("\nUse \"etcdctl [command] --help\" for more information about a command.\n");
        Console.Out.Write(text);
        return ExitCodes.Success;
    }

    private static string HelpOf(CtlCommand command, FlagSet flags)
    {
        var text = new StringBuilder(
            $"{command.Description}\n\nUsage:\n  etcdctl {command.Path} {command.Usage} [flags]\n\nExample:\n  {command.Example}\n\nFlags:\n");
        HashSet<string> globals = [.. GlobalFlags().All.Select(flag => flag.Name)];
        foreach (bool isGlobal in (bool[])[false, true])
        {
            text.Append(isGlobal ? "\nGlobal flags:\n" : "");
            text.Append(Lines(flags.All.Where(flag => globals.Contains(flag.Name) == isGlobal)));
        }

        return text.ToString();
    }

    private static string Lines(IEnumerable<FlagSet.Flag> flags)
    {
        var text = new StringBuilder();
        foreach (FlagSet.Flag flag in flags.OrderBy(flag => flag.Name, StringComparer.Ordinal))
        {
            string name = (flag.ShortName == '\0' ? "    " : $"-{flag.ShortName}, ") + "--" + flag.Name;
            text.Append($"  {name,-34}{flag.Description}{(flag.Default is "" or "false" or "0" ? "" : $" (default {flag.Default})")}\n");
        }

        return text.ToString();
    }

    /// <summary>Commands whose names are like a word that is none.</summary>
    private static string Suggestions(string word)
    {
        string[] alike = [.. s_commands.Select(command => command.Words[0]).Distinct().Order(StringComparer.Ordinal)
            .Where(name => Distance(word, name) <= 2 || name.StartsWith(word, StringComparison.OrdinalIgnoreCase))];
        return alike.Length == 0 ? "" : "\n\nDid you mean this?\n" + string.Concat(alike.Select(name => $"\t{name}\n"));
    }

    /// <summary>How many letters must be added, taken away or changed (Levenshtein).</summary>
    private static int Distance(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int kept = diagonal + (char.ToLowerInvariant(from[i - 1]) == char.ToLowerInvariant(to[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(kept, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
