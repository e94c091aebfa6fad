namespace Quorate.Server.Operations.Metrics;

/// <summary>
/// A number that goes up and down, set by whoever knows it, or asked for when it is read. Safe for several threads.
/// </summary>
public sealed class Gauge(Func<double>? read = null) : IMetric
{
    private double _value;

    public double Value => read is null ? Volatile.Read(ref _value) : read();

    public void Set(double value) => Volatile.Write(ref _value, value);

    public void Add(double difference)
    {
        double before = Volatile.Read(ref _value), seen;
        while ((seen = Interlocked.CompareExchange(ref _value, before + difference, before)) != before)
        {
            before = seen;
        }
    }

    public void Write(MetricText text, string name, string labels) => text.Line(name, "", labels, Value);
}
