using System.Globalization;
using System.Text;

namespace Quorate.CommandLine;

/// <summary>How Go's programs print and read values.</summary>
public static class GoText
{
    /// <summary>A byte that is no UTF-8 stands in a text as this and the byte.</summary>
    private const int EscapedByte = 0xdc00;

    /// <summary>Go's %q of bytes: in double quotes, with escapes (spec 07 §5.3).</summary>
    public static string Quote(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        while (bytes.Length > 0)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) != System.Buffers.OperationStatus.Done)
            {
                text.Append(CultureInfo.InvariantCulture, $"\\x{bytes[0]:x2}");
                bytes = bytes[1..];
                continue;
            }

            bytes = bytes[length..];
            switch (rune.Value)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\a': text.Append("\\a"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                case '\v': text.Append("\\v"); break;
                case < 0x20 or 0x7f: text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"); break;
                default:
                    if (Rune.IsControl(rune)
                        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned
                        or UnicodeCategory.PrivateUse or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                        || (Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator && rune.Value != ' '))
                    {
                        text.Append(rune.Value > 0xffff ? $"\\U{rune.Value:x8}" : $"\\u{rune.Value:x4}");
                    }
                    else
                    {
                        text.Append(rune.ToString());
                    }

                    break;
            }
        }

        return text.Append('"').ToString();
    }

    public static string Quote(string text) => Quote(Encoding.UTF8.GetBytes(text));

    /// <summary>Bytes as text; those that are no UTF-8 become lone surrogates, so that <see cref="ToBytes"/> gives the same bytes
    /// again.</summary>
    public static string FromBytes(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (bytes.Length > 0)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
            {
                text.Append(rune.ToString());
            }
            else
            {
                text.Append((char)(EscapedByte + bytes[0]));
                length = 1;
            }

            bytes = bytes[length..];
        }

        return text.ToString();
    }

    public static byte[] ToBytes(string text)
    {
        var bytes = new List<byte>(text.Length);
        for (int index = 0; index < text.Length; index++)
        {
            if (char.IsLowSurrogate(text[index]))
            {
                bytes.Add((byte)(text[index] - EscapedByte));
                continue;
            }

            int length = char.IsHighSurrogate(text[index]) && index + 1 < text.Length ? 2 : 1;
            bytes.AddRange(Encoding.UTF8.GetBytes(text.Substring(index, length)));
            index += length - 1;
        }

        return [.. bytes];
    }

    /// <summary>Go's form of a duration: 3.011912ms, 1.000485222s.</summary>
    public static string Duration(TimeSpan value)
    {
        double nanoseconds = value.TotalNanoseconds;
        if (nanoseconds == 0)
        {
            return "0s";
        }

        (double unit, string name) = nanoseconds < 1e3 ? (1, "ns") : nanoseconds < 1e6 ? (1e3, "µs") : nanoseconds < 1e9
            ? (1e6, "ms") : (1e9, "s");
        if (nanoseconds < 60e9)
        {
            return (nanoseconds / unit).ToString("0.#########", CultureInfo.InvariantCulture) + name;
        }

        string seconds = (value.TotalSeconds % 60).ToString("0.#########", CultureInfo.InvariantCulture) + "s";
        return value.TotalHours >= 1 ? $"{(int)value.TotalHours}h{value.Minutes}m{seconds}"
            : $"{(int)value.TotalMinutes}m{seconds}";
    }

    /// <summary>A size in decimal units, as 25 kB (spec 07 §6.3).</summary>
    public static string Size(long bytes)
    {
        if (bytes < 10)
        {
            return $"{bytes} B";
        }

        string[] units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        int unit = (int)Math.Floor(Math.Log(bytes, 1000));
        double value = Math.Floor((bytes / Math.Pow(1000, unit) * 10) + 0.5) / 10;
        return value < 10
            ? string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {units[unit]}")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Round(value, MidpointRounding.ToEven):0} {units[unit]}");
    }

    /// <summary>Reads a lease id: hexadecimal, signed; the error is Go's.</summary>
    public static bool TryHexInt64(string text, out long value, out string fault)
    {
        bool isNegative = text.StartsWith('-');
        string digits = isNegative || text.StartsWith('+') ? text[1..] : text;
        value = 0;
        if (digits.Length == 0 || digits.Any(digit => !char.IsAsciiHexDigit(digit)))
        {
            fault = $"strconv.ParseInt: parsing {Quote(text)}: invalid syntax";
            return false;
        }

        digits = digits.TrimStart('0');
        if (digits.Length > 16 || (digits.Length == 16 && ulong.Parse(digits, NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture) > (isNegative ? 1UL << 63 : long.MaxValue)))
        {
            fault = $"strconv.ParseInt: parsing {Quote(text)}: value out of range";
            return false;
        }

        ulong magnitude = digits.Length == 0 ? 0
            : ulong.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        value = isNegative ? -(long)magnitude : (long)magnitude;
        fault = "";
        return true;
    }

    /// <summary>Reads a member id: hexadecimal, unsigned.</summary>
    public static bool TryHexUInt64(string text, out ulong value, out string fault)
    {
        value = 0;
        if (text.Length == 0 || text.Any(digit => !char.IsAsciiHexDigit(digit)))
        {
            fault = $"strconv.ParseUint: parsing {Quote(text)}: invalid syntax";
            return false;
        }

        string digits = text.TrimStart('0');
        fault = $"strconv.ParseUint: parsing {Quote(text)}: value out of range";
        return digits.Length <= 16 && (digits.Length == 0
            || ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value));
    }

    /// <summary>Reads a decimal number.</summary>
    public static bool TryInt64(string text, out long value, out string fault)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value))
        {
            fault = "";
            return true;
        }

        bool isNumber = text.TrimStart('-', '+') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit);
        fault = $"strconv.ParseInt: parsing {Quote(text)}: {(isNumber ? "value out of range" : "invalid syntax")}";
        return false;
    }

    /// <summary>Reads a Go string literal with its quotes; null if it is none.</summary>
    public static byte[]? Unquote(string literal)
    {
        if (literal.Length < 2 || literal[0] != literal[^1])
        {
            return null;
        }

        string body = literal[1..^1];
        if (literal[0] == '`')
        {
            return Encoding.UTF8.GetBytes(body.Replace("\r", "", StringComparison.Ordinal));
        }

        var bytes = new List<byte>();
        for (int index = 0; index < body.Length; index++)
        {
            if (body[index] == '"')
            {
                return null;
            }

            if (body[index] != '\\')
            {
                int length = char.IsHighSurrogate(body[index]) && index + 1 < body.Length ? 2 : 1;
                bytes.AddRange(Encoding.UTF8.GetBytes(body.Substring(index, length)));
                index += length - 1;
                continue;
            }

            if (++index >= body.Length || !TryEscape(body, ref index, bytes))
            {
                return null;
            }
        }

        return [.. bytes];
    }

    private static bool TryEscape(string body, ref int index, List<byte> bytes)
    {
        switch (body[index])
        {
            case 'a': bytes.Add(7); return true;
            case 'b': bytes.Add(8); return true;
            case 'f': bytes.Add(12); return true;
            case 'n': bytes.Add(10); return true;
            case 'r': bytes.Add(13); return true;
            case 't': bytes.Add(9); return true;
            case 'v': bytes.Add(11); return true;
            case '\\': bytes.Add((byte)'\\'); return true;
            case '"': bytes.Add((byte)'"'); return true;
            case 'x': return TryNumber(body, ref index, 1, 2, 16, bytes, isByte: true);
            case 'u': return TryNumber(body, ref index, 1, 4, 16, bytes, isByte: false);
            case 'U': return TryNumber(body, ref index, 1, 8, 16, bytes, isByte: false);
            case >= '0' and <= '7': return TryNumber(body, ref index, 0, 3, 8, bytes, isByte: true);
            default: return false;
        }
    }

    private static bool TryNumber(string body, ref int index, int skip, int length, int radix, List<byte> bytes, bool isByte)
    {
        int start = index + skip;
        if (start + length > body.Length)
        {
            return false;
        }

        long value = 0;
        foreach (char each in body.AsSpan(start, length))
        {
            int digit = char.IsAsciiHexDigit(each) ? Convert.ToInt32(each.ToString(), 16) : radix;
            if (digit >= radix)
            {
                return false;
            }

            value = (value * radix) + digit;
        }

        index = start + length - 1;
        if (isByte)
        {
            bytes.Add((byte)value);
            return value <= 255;
        }

        if (!Rune.IsValid((int)value))
        {
            return false;
        }

        bytes.AddRange(Encoding.UTF8.GetBytes(new Rune((int)value).ToString()));
        return true;
    }
}
