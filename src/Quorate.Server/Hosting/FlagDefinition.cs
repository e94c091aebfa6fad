using System.Globalization;
using Quorate.Protocol;

namespace Quorate.Server.Hosting;

/// <summary>A flag of the server.</summary>
internal sealed record FlagDefinition(string Name, FlagKind Kind, string Default, string Group)
{
    /// <summary>The environment variable that sets it.</summary>
    public string Variable => "ETCD_" + Name.ToUpperInvariant().Replace('-', '_');

    /// <summary>Why a value cannot be the flag's; null if it can.</summary>
    public string? Fault(string value) => Kind switch
    {
        FlagKind.Boolean => TryBoolean(value, out _) ? null : "parse error",
        FlagKind.Integer => TryInteger(value, out _) ? null : "parse error",
        FlagKind.Unsigned => TryInteger(value, out Int128 number) && number >= 0 ? null : "parse error",
        FlagKind.Duration => Durations.TryParse(value, out _) ? null : "parse error",
        FlagKind.Urls => value.Length == 0 ? null : value.Split(',').Select(url => EtcdUrl.Fault(url.Trim())).FirstOrDefault(fault => fault is not null),
        _ => Name switch
        {
            "initial-cluster-state" => value is "new" or "existing" ? null : "invalid value",
            "discovery-fallback" => value is "exit" or "proxy" ? null : "invalid value",
            "v2-deprecation" => value is "write-only" or "write-only-skip-check" or "write-only-drop-data" or "gone" ? null : $"invalid value \"{value}\"",
            "feature-gates" => FeatureGates.Fault(value),
            "compat-version" => value is "3.4" or "3.5" or "3.6" or "3.7" ? null : "must be one of 3.4, 3.5, 3.6, 3.7",
            _ => null,
        },
    };

    public static bool TryBoolean(string text, out bool value)
    {
        value = text is "1" or "t" or "T" or "TRUE" or "true" or "True";
        return value || text is "0" or "f" or "F" or "FALSE" or "false" or "False";
    }

    /// <summary>Numbers as Go reads them: with 0x, 0o, 0b or a leading 0, and underscores between digits.</summary>
    public static bool TryInteger(string text, out Int128 value)
    {
        value = 0;
        bool isNegative = text.StartsWith('-');
        string digits = (isNegative || text.StartsWith('+') ? text[1..] : text).ToLowerInvariant();
        int radix = 10;
        if (digits.StartsWith("0x", StringComparison.Ordinal) || digits.StartsWith("0b", StringComparison.Ordinal) || digits.StartsWith("0o", StringComparison.Ordinal))
        {
            radix = digits[1] switch { 'x' => 16, 'b' => 2, _ => 8 };
            digits = digits[2..];
        }
        else if (digits.Length > 1 && digits[0] == '0')
        {
            radix = 8;
            digits = digits[1..];
        }

        digits = digits.Replace("_", "", StringComparison.Ordinal);
        if (digits.Length is 0 or > 64)
        {
            return false;
        }

        foreach (char each in digits)
        {
            int digit = each is >= '0' and <= '9' ? each - '0' : each is >= 'a' and <= 'f' ? each - 'a' + 10 : 99;
            if (digit >= radix)
            {
                return false;
            }

            value = (value * radix) + digit;
            if (value > ulong.MaxValue)
            {
                return false;
            }
        }

        value = isNegative ? -value : value;
        return true;
    }

    /// <summary>The flag as a text for the culture of programs.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"--{Name} '{Default}'");
}
