using System.Globalization;

namespace Quorate.Server.Operations.Metrics;

/// <summary>
/// Numbers as Prometheus' own library prints them: the shortest form, with an exponent from 10⁶ on (1.048576e+06).
/// </summary>
internal static class GoFloat
{
    private const int SmallestPlainExponent = -4, FirstLargeExponent = 6;

    public static string Format(double value)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
        }

        if (value == 0)
        {
            return "0";
        }

        string shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        string round = value.ToString("R", CultureInfo.InvariantCulture);
        int exponent = int.Parse(shortest.AsSpan(shortest.IndexOf('E') + 1), NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture);
        int mark = round.IndexOf('E');
        string mantissa = mark < 0 ? round : round[..mark];
        bool isNegative = mantissa[0] == '-';
        string digits = mantissa.Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal)
            .TrimStart('0').TrimEnd('0');
        string sign = isNegative ? "-" : "";
        if (exponent is < SmallestPlainExponent or >= FirstLargeExponent)
        {
            string fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        return exponent < 0
            ? $"{sign}0.{new string('0', -exponent - 1)}{digits}"
            : digits.Length <= exponent + 1
                ? sign + digits + new string('0', exponent + 1 - digits.Length)
                : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
