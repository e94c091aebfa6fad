using System.Globalization;

namespace Quorate.Protocol;

/// <summary>Durations as Go writes them: 1h30m, 500ms, 2.5s.</summary>
public static class Durations
{
    private static readonly (string Unit, double Seconds)[] s_units =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)];

    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        ReadOnlySpan<char> rest = text;
        bool isNegative = rest.StartsWith("-");
        rest = rest.TrimStart("+-");
        if (rest.Length == 0)
        {
            return false;
        }

        if (rest is "0")
        {
            return true;
        }

        double seconds = 0;
        while (rest.Length > 0)
        {
            int digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            {
                return false;
            }

            rest = rest[digits..];
            int letters = rest.IndexOfAny("0123456789.");
            string unit = (letters < 0 ? rest : rest[..letters]).ToString();
            (string Unit, double Seconds) known = s_units.FirstOrDefault(each => each.Unit == unit);
            if (known.Unit is null)
            {
                return false;
            }

            seconds += number * known.Seconds;
            rest = rest[unit.Length..];
        }

        value = TimeSpan.FromSeconds(isNegative ? -seconds : seconds);
        return true;
    }
}
