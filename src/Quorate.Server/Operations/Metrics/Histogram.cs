using System.Diagnostics;

namespace Quorate.Server.Operations.Metrics;

/// <summary>How often values fell below each of some bounds. Safe for several threads; it allocates nothing.</summary>
public sealed class Histogram(double[] bounds) : IMetric
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    public long Count
    {
        get
        {
            long count = 0;
            for (int index = 0; index < _counts.Length; index++)
            {
                count += Volatile.Read(ref _counts[index]);
            }

            return count;
        }
    }

    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Bounds that grow by a factor of two.</summary>
    public static double[] Doubling(double first, int count)
    {
        var bounds = new double[count];
        for (int index = 0; index < count; index++, first *= 2)
        {
            bounds[index] = first;
        }

        return bounds;
    }

    /// <summary>Seconds since a time stamp of <see cref="Stopwatch"/>.</summary>
    public void ObserveSince(long timestamp) => Observe(Stopwatch.GetElapsedTime(timestamp).TotalSeconds);

    /// <summary>In seconds.</summary>
    public void Observe(TimeSpan duration) => Observe(duration.TotalSeconds);

    public void Observe(double value)
    {
        int index = 0;
        while (index < bounds.Length && value > bounds[index])
        {
            index++;
        }

        Interlocked.Increment(ref _counts[index]);
        double before = Volatile.Read(ref _sum), seen;
        while ((seen = Interlocked.CompareExchange(ref _sum, before + value, before)) != before)
        {
            before = seen;
        }
    }

    public void Write(MetricText text, string name, string labels)
    {
        long count = 0;
        for (int index = 0; index < bounds.Length; index++)
        {
            count += Volatile.Read(ref _counts[index]);
            text.Line(name, "_bucket", With(labels, GoFloat.Format(bounds[index])), count);
        }

        count += Volatile.Read(ref _counts[^1]);
        text.Line(name, "_bucket", With(labels, "+Inf"), count);
        text.Line(name, "_sum", labels, Sum);
        text.Line(name, "_count", labels, count);
    }

    /// <summary>Where the bound stands among the labels is as Prometheus' library has it: last.</summary>
    private static string With(string labels, string bound) =>
        labels.Length == 0 ? $"le=\"{bound}\"" : $"{labels},le=\"{bound}\"";
}
