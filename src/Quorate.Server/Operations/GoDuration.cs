using System.Globalization;

namespace Quorate.Server.Operations;

/// <summary>Durations as Go prints them: 1h2m3.5s, 12.5ms, 181.2µs, 0s.</summary>
public static class GoDuration
{
    private const double NanosecondsPerTick = 100, Thousand = 1000;

    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
        {
            return "0s";
        }

        string sign = duration < TimeSpan.Zero ? "-" : "";
        duration = duration.Duration();
        double nanoseconds = duration.Ticks * NanosecondsPerTick;
        if (duration < TimeSpan.FromSeconds(1))
        {
            return sign + (nanoseconds < Thousand ? Number(nanoseconds, "ns")
                : nanoseconds < Thousand * Thousand ? Number(nanoseconds / Thousand, "µs")
                : Number(nanoseconds / Thousand / Thousand, "ms"));
        }

        long hours = (long)duration.TotalHours;
        string seconds = Number(duration.Seconds
            + ((duration.Ticks % TimeSpan.TicksPerSecond) / (double)TimeSpan.TicksPerSecond), "s");
        return sign
            + (hours > 0 ? $"{hours}h{duration.Minutes}m{seconds}" : duration.Minutes > 0 ? $"{duration.Minutes}m{seconds}"
                : seconds);
    }

    private static string Number(double value, string unit) => value.ToString("0.#######", CultureInfo.InvariantCulture) + unit;
}
