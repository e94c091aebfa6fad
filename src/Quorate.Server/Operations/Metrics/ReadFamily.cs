namespace Quorate.Server.Operations.Metrics;

/// <summary>Gauges whose series are not known before they are read.</summary>
internal sealed class ReadFamily(string name, string help, string[] labelNames,
    Func<IEnumerable<(string[] Labels, double Value)>> read)
    : MetricFamily(name, help, MetricKind.Gauge)
{
    public override void Write(MetricText text)
    {
        (string Labels, double Value)[] series = [.. read()
            .Select(one => (Metrics.Labels.Text(Name, labelNames, one.Labels), one.Value))];
        if (series.Length == 0)
        {
            return;
        }

        text.Head(Name, Help, Kind);
        foreach ((string labels, double value) in series.OrderBy(one => one.Labels, StringComparer.Ordinal))
        {
            text.Line(Name, "", labels, value);
        }
    }
}
