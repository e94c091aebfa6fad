namespace Quorate.Server.Operations.Metrics;

/// <summary>A number that only grows. Safe for several threads.</summary>
public sealed class Counter : IMetric
{
    private long _value;

    public long Value => Volatile.Read(ref _value);

    public void Add(long count = 1) => Interlocked.Add(ref _value, count);

    public void Write(MetricText text, string name, string labels) => text.Line(name, "", labels, Value);
}
