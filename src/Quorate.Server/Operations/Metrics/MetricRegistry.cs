using System.Buffers;

namespace Quorate.Server.Operations.Metrics;

/// <summary>All families of a member, written sorted by name (spec 06 §15.1).</summary>
public sealed class MetricRegistry
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);

    /// <summary>A counter without labels; it is there, with 0, from the start.</summary>
    public Counter Counter(string name, string help) => Counters(name, help).With();

    public Gauge Gauge(string name, string help) => Gauges(name, help).With();

    /// <summary>A gauge that is asked for its value when it is read.</summary>
    public void Gauge(string name, string help, Func<double> read) =>
        Add(new LabeledFamily<Gauge>(name, help, MetricKind.Gauge, [], () => new Gauge(read))).With();

    /// <summary>A counter that is asked for its value when it is read.</summary>
    public void Counter(string name, string help, Func<double> read) =>
        Add(new LabeledFamily<Gauge>(name, help, MetricKind.Counter, [], () => new Gauge(read))).With();

    /// <summary>A gauge that says something by its label and is always 1.</summary>
    public void Gauge(string name, string help, string label, string value) => Gauges(name, help, label).With(value).Set(1);

    /// <summary>Gauges that are asked for when they are read: the values of the labels, and the value.</summary>
    public void Gauges(string name, string help, string[] labels, Func<IEnumerable<(string[] Labels, double Value)>> read) =>
        Add(new ReadFamily(name, help, labels, read));

    public Histogram Histogram(string name, string help, double[] bounds) => Histograms(name, help, bounds).With();

    public LabeledFamily<Counter> Counters(string name, string help, params string[] labels) =>
        Add(new LabeledFamily<Counter>(name, help, MetricKind.Counter, labels, () => new Counter()));

    public LabeledFamily<Gauge> Gauges(string name, string help, params string[] labels) =>
        Add(new LabeledFamily<Gauge>(name, help, MetricKind.Gauge, labels, () => new Gauge()));

    public LabeledFamily<Histogram> Histograms(string name, string help, double[] bounds, params string[] labels) =>
        Add(new LabeledFamily<Histogram>(name, help, MetricKind.Histogram, labels, () => new Histogram(bounds)));

    public void Write(IBufferWriter<byte> output)
    {
        var text = new MetricText(output);
        MetricFamily[] families;
        lock (_lock)
        {
            families = [.. _families.Values];
        }

        foreach (MetricFamily family in families)
        {
            family.Write(text);
        }
    }

    private T Add<T>(T family)
        where T : MetricFamily
    {
        lock (_lock)
        {
            _families.Add(family.Name, family);
        }

        return family;
    }
}
