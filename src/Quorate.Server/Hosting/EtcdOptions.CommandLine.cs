namespace Quorate.Server.Hosting;

/// <summary>Flags and environment variables, as Go's programs read them (spec 06 §1.2, §2).</summary>
public sealed partial class EtcdOptions
{
    /// <summary>
    /// Reads a command line; <see cref="FlagException"/> for one that cannot be parsed, <see cref="OptionsException"/> for arguments or
    /// variables that are in the way.
    /// </summary>
    public static EtcdOptions FromCommandLine(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        Dictionary<string, string> values = ParseFlags(arguments);
        var notes = new List<(string, string, (string, object?)[])>();
        string? file = values.TryGetValue("config-file", out string? named) && named.Length > 0
            ? named
            : environment.GetValueOrDefault("ETCD_CONFIG_FILE") is { Length: > 0 } variable ? variable : null;
        if (file is not null)
        {
            EtcdOptions fromFile = ConfigFile.Read(file);
            notes.Add(("info", "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
                [("path", file)]));
            return new EtcdOptions(fromFile._values) { Notes = notes, IsFromFile = true };
        }

        ReadEnvironment(environment, values, notes);
        return new EtcdOptions(values) { Notes = notes };
    }

    private static Dictionary<string, string> ParseFlags(IReadOnlyList<string> arguments)
    {
        var values = new Dictionary<string, string>();
        int index = 0;
        for (; index < arguments.Count; index++)
        {
            string argument = arguments[index];
            if (argument == "--")
            {
                index++;
                break;
            }

            if (argument.Length < 2 || argument[0] != '-')
            {
                break;
            }

            string text = argument[1] == '-' ? argument[2..] : argument[1..];
            if (text.Length == 0 || text[0] is '-' or '=')
            {
                throw new FlagException($"bad flag syntax: {argument}");
            }

            string name = text.Split('=', 2)[0];
            string? value = text.Length > name.Length ? text[(name.Length + 1)..] : null;
            if (ServerFlags.Ignored.Contains(name))
            {
                continue;
            }

            if (!ServerFlags.ByName.TryGetValue(name, out FlagDefinition? flag))
            {
                throw new FlagException($"flag provided but not defined: -{name}");
            }

            if (flag.Kind == FlagKind.Boolean)
            {
                value ??= "true";
                if (flag.Fault(value) is { } wrong)
                {
                    throw new FlagException($"invalid boolean value \"{value}\" for -{name}: {wrong}");
                }
            }
            else
            {
                value ??= ++index < arguments.Count ? arguments[index] : throw new FlagException($"flag needs an argument: -{name}");
                if (flag.Fault(value) is { } wrong)
                {
                    throw new FlagException($"invalid value \"{value}\" for flag -{name}: {wrong}");
                }
            }

            values[name] = name == "feature-gates" && values.TryGetValue(name, out string? before) ? $"{before},{value}" : value;
        }

        return index < arguments.Count ? throw new OptionsException($"\"{arguments[index]}\" is not a valid flag") : values;
    }

    private static void ReadEnvironment(IReadOnlyDictionary<string, string> environment, Dictionary<string, string> values,
        List<(string, string, (string, object?)[])> notes)
    {
        Dictionary<string, FlagDefinition> byVariable = ServerFlags.All.ToDictionary(flag => flag.Variable);
        foreach ((string variable, string value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!variable.StartsWith("ETCD_", StringComparison.Ordinal) || variable is "ETCD_CONFIG_FILE" or "ETCD_UNSUPPORTED_ARCH" or "ETCD_VERIFY")
            {
                continue;
            }

            if (variable == "ETCD_VERSION")
            {
                notes.Add(("warn", "cannot set special environment variable", [("key", variable), ("value", value)]));
                continue;
            }

            if (!byVariable.TryGetValue(variable, out FlagDefinition? flag))
            {
                notes.Add(("warn", "unrecognized environment variable", [("environment-variable", $"{variable}={value}")]));
                continue;
            }

            if (values.ContainsKey(flag.Name))
            {
                throw new ShadowedVariableException(variable);
            }

            if (value.Length == 0)
            {
                continue;
            }

            if (flag.Fault(value) is { } fault)
            {
                throw new OptionsException($"invalid value \"{value}\" for {variable}: {fault}");
            }

            values[flag.Name] = value;
            notes.Add(("info", "recognized and used environment variable", [("variable-name", variable), ("variable-value", value)]));
        }
    }
}
