using System.Collections.Concurrent;

namespace Quorate.Server.Operations.Metrics;

/// <summary>
/// Series of one name that differ in their labels; a series is there from its first use on. Label names are given sorted, values
/// in the same order.
/// </summary>
public sealed class LabeledFamily<TMetric>(string name, string help, MetricKind kind, string[] labelNames, Func<TMetric> create)
    : MetricFamily(name, help, kind)
    where TMetric : class, IMetric
{
    private readonly ConcurrentDictionary<string, TMetric> _series = new(StringComparer.Ordinal);

    public IEnumerable<TMetric> Series => _series.Values;

    /// <summary>The series of these values. Whoever counts often keeps it.</summary>
    public TMetric With(params ReadOnlySpan<string> values) =>
        _series.GetOrAdd(Labels.Text(Name, labelNames, values), _ => create());

    public void Remove(params ReadOnlySpan<string> values) => _series.TryRemove(Labels.Text(Name, labelNames, values), out _);

    public override void Write(MetricText text)
    {
        if (_series.IsEmpty)
        {
            return;
        }

        text.Head(Name, Help, Kind);
        foreach ((string labels, TMetric metric) in _series.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            metric.Write(text, Name, labels);
        }
    }
}
