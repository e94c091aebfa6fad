using System.Globalization;
using Quorate.Protocol;

namespace Quorate.Server.Operations.Compaction;

/// <summary>How much history is kept by compacting on its own: for a time, or a number of revisions (spec 03 §5.1).</summary>
/// <param name="Period">For a time; zero if it counts revisions.</param>
/// <param name="Revisions">A number of revisions; 0 if it goes by time.</param>
public readonly record struct CompactionRetention(TimeSpan Period, long Revisions)
{
    private const long NanosecondsPerTick = 100;

    public bool IsOff => Period <= TimeSpan.Zero && Revisions <= 0;

    /// <summary>
    /// Reads the two settings. A whole number is hours or revisions; anything else is a duration, whose nanoseconds are the
    /// number of revisions where that is wanted. <see cref="FormatException"/> for what is neither.
    /// </summary>
    public static CompactionRetention Parse(string mode, string text)
    {
        bool isPeriodic = mode == "periodic";
        if (text.Length == 0)
        {
            return default;
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= 0)
        {
            return isPeriodic ? new(TimeSpan.FromHours(number), 0) : new(TimeSpan.Zero, number);
        }

        if (!Durations.TryParse(text, out TimeSpan duration))
        {
            throw new FormatException($"error parsing CompactionRetention: time: invalid duration \"{text}\"");
        }

        return isPeriodic ? new(duration, 0) : new(TimeSpan.Zero, duration.Ticks * NanosecondsPerTick);
    }
}
