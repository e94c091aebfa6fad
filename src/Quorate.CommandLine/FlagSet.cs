using System.Globalization;
using Quorate.Protocol;

namespace Quorate.CommandLine;

/// <summary>The flags of a command and what was given for them, read as Go's tools read them: anywhere among the arguments (spec
/// 07 §1).</summary>
public sealed class FlagSet
{
    private readonly Dictionary<string, Flag> _flags = [];
    private readonly Dictionary<char, Flag> _shorts = [];
    private readonly Dictionary<string, string> _values = [];

    public enum Kind
    {
        Text,
        Boolean,
        Integer,
        Duration,
        List,
    }

    public IEnumerable<Flag> All => _flags.Values;

    public FlagSet Add(string name, Kind kind, string defaultValue, string description, char shortName = '\0')
    {
        var flag = new Flag(name, kind, defaultValue, description, shortName);
        _flags[name] = flag;
        if (shortName != '\0')
        {
            _shorts[shortName] = flag;
        }

        return this;
    }

    public FlagSet Add(IEnumerable<Flag> flags)
    {
        foreach (Flag flag in flags)
        {
            Add(flag.Name, flag.Kind, flag.Default, flag.Description, flag.ShortName);
        }

        return this;
    }

    public bool IsSet(string name) => _values.ContainsKey(name);

    public void Set(string name, string value) => _values[name] = value;

    public string Text(string name) => _values.GetValueOrDefault(name, _flags[name].Default);

    public bool Boolean(string name) => TryBoolean(Text(name), out bool value) && value;

    public long Integer(string name) => TryInteger(Text(name), out long value) ? value : 0;

    public TimeSpan Duration(string name) => Durations.TryParse(Text(name), out TimeSpan value) ? value : default;

    /// <summary>The values between the commas; double quotes protect a comma.</summary>
    public IReadOnlyList<string> List(string name)
    {
        var values = new List<string>();
        var value = new System.Text.StringBuilder();
        bool isQuoted = false;
        foreach (char each in Text(name))
        {
            if (each == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (each == ',' && !isQuoted)
            {
                values.Add(value.ToString());
                value.Clear();
            }
            else
            {
                value.Append(each);
            }
        }

        values.Add(value.ToString());
        return values;
    }

    /// <summary>Reads arguments; the positional ones are returned. <see cref="CommandException"/> with exit code 1 for what is no
    /// flag.</summary>
    /// <param name="dashes">How many of the positional arguments stood before a double dash; -1 if there was none.</param>
    public IReadOnlyList<string> Parse(IReadOnlyList<string> arguments, out int dashes)
    {
        var positional = new List<string>();
        dashes = -1;
        for (int index = 0; index < arguments.Count; index++)
        {
            string argument = arguments[index];
            if (argument == "--")
            {
                dashes = positional.Count;
                positional.AddRange(arguments.Skip(index + 1));
                break;
            }

            if (argument.StartsWith("--", StringComparison.Ordinal))
            {
                ParseLong(argument, arguments, ref index);
            }
            else if (argument.Length > 1 && argument[0] == '-')
            {
                ParseShort(argument, arguments, ref index);
            }
            else
            {
                positional.Add(argument);
            }
        }

        return positional;
    }

    /// <summary>Whether a value may be given for a flag; for those from the environment.</summary>
    public bool Accepts(string name, string value) => Fault(_flags[name], value) is null;

    private void ParseLong(string argument, IReadOnlyList<string> arguments, ref int index)
    {
        string[] parts = argument[2..].Split('=', 2);
        Flag flag = _flags.GetValueOrDefault(parts[0])
            ?? throw new CommandException(ExitCodes.Error, $"unknown flag: --{parts[0]}");
        string value = parts.Length > 1 ? parts[1]
            : flag.Kind == Kind.Boolean ? "true"
            : ++index < arguments.Count ? arguments[index]
            : throw new CommandException(ExitCodes.Error, $"flag needs an argument: --{flag.Name}");
        Take(flag, value, flag.ShortName == '\0' ? $"--{flag.Name}" : $"-{flag.ShortName}, --{flag.Name}");
    }

    private void ParseShort(string argument, IReadOnlyList<string> arguments, ref int index)
    {
        for (int place = 1; place < argument.Length; place++)
        {
            Flag flag = _shorts.GetValueOrDefault(argument[place])
                ?? throw new CommandException(ExitCodes.Error, $"unknown shorthand flag: '{argument[place]}' in {argument}");
            string name = $"-{flag.ShortName}, --{flag.Name}";
            if (flag.Kind == Kind.Boolean && (place + 1 >= argument.Length || argument[place + 1] != '='))
            {
                Take(flag, "true", name);
                continue;
            }

            string rest = argument[(place + 1)..];
            string value = rest.StartsWith('=') ? rest[1..]
                : rest.Length > 0 ? rest
                : ++index < arguments.Count ? arguments[index]
                : throw new CommandException(ExitCodes.Error, $"flag needs an argument: '{flag.ShortName}' in {argument}");
            Take(flag, value, name);
            return;
        }
    }

    private void Take(Flag flag, string value, string shown)
    {
        if (Fault(flag, value) is { } fault)
        {
            throw new CommandException(ExitCodes.Error, $"invalid argument {GoText.Quote(value)} for \"{shown}\" flag: {fault}");
        }

        _values[flag.Name] = flag.Kind == Kind.List && _values.TryGetValue(flag.Name, out string? before) ? $"{before},{value}"
            : value;
    }

    private static string? Fault(Flag flag, string value) => flag.Kind switch
    {
        Kind.Boolean => TryBoolean(value, out _) ? null : $"strconv.ParseBool: parsing {GoText.Quote(value)}: invalid syntax",
        Kind.Integer => TryInteger(value, out _) ? null
            : $"strconv.ParseInt: parsing {GoText.Quote(value)}: {(value.TrimStart('+', '-').All(char.IsAsciiDigit) && value.Length > 18 ? "value out of range" : "invalid syntax")}",
        Kind.Duration => Durations.TryParse(value, out _) ? null
            : value.Length > 0 && value.All(char.IsAsciiDigit) ? $"time: missing unit in duration {GoText.Quote(value)}"
                : $"time: invalid duration {GoText.Quote(value)}",
        _ => null,
    };

    private static bool TryBoolean(string text, out bool value)
    {
        value = text is "1" or "t" or "T" or "TRUE" or "true" or "True";
        return value || text is "0" or "f" or "F" or "FALSE" or "false" or "False";
    }

    /// <summary>Base by prefix, as Go reads them: 0x, 0o or a leading zero, 0b (spec 07 §1).</summary>
    private static bool TryInteger(string text, out long value)
    {
        value = 0;
        bool isNegative = text.StartsWith('-');
        string digits = (isNegative || text.StartsWith('+') ? text[1..] : text).ToLowerInvariant();
        (int radix, int prefix) = digits switch
        {
            ['0', 'x', ..] => (16, 2),
            ['0', 'b', ..] => (2, 2),
            ['0', 'o', ..] => (8, 2),
            ['0', _, ..] => (8, 1),
            _ => (10, 0),
        };
        digits = digits[prefix..];
        if (digits.Length == 0 || digits.EndsWith('_') || digits.Contains("__", StringComparison.Ordinal)
            || (prefix == 0 && digits.StartsWith('_')))
        {
            return false;
        }

        UInt128 magnitude = 0;
        foreach (char each in digits.Replace("_", "", StringComparison.Ordinal))
        {
            int digit = char.IsAsciiDigit(each) ? each - '0' : char.IsAsciiLetterLower(each) ? each - 'a' + 10 : radix;
            magnitude = (magnitude * (uint)radix) + (uint)digit;
            if (digit >= radix || magnitude > (UInt128)long.MaxValue + (isNegative ? 1u : 0u))
            {
                return false;
            }
        }

        value = isNegative ? (long)-(Int128)magnitude : (long)magnitude;
        return true;
    }

    /// <summary>A flag that a command knows.</summary>
    public sealed record Flag(string Name, Kind Kind, string Default, string Description, char ShortName);
}
