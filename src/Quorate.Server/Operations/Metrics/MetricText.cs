using System.Buffers;
using System.Globalization;
using System.Text;

namespace Quorate.Server.Operations.Metrics;

/// <summary>The Prometheus text format 0.0.4 as it is written.</summary>
public sealed class MetricText(IBufferWriter<byte> output)
{
    public void Head(string name, string help, MetricKind kind)
    {
        string type = kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Gauge => "gauge",
            _ => "histogram",
        };
        Encoding.UTF8.GetBytes($"# HELP {name} {help}\n# TYPE {name} {type}\n", output);
    }

    public void Line(string name, string suffix, string labels, double value) =>
        Line(name, suffix, labels, GoFloat.Format(value));

    /// <summary>Counts of buckets are whole numbers and printed as such.</summary>
    public void Line(string name, string suffix, string labels, long value) => Line(name, suffix, labels,
        suffix.Length > 0 ? value.ToString(CultureInfo.InvariantCulture) : GoFloat.Format(value));

    private void Line(string name, string suffix, string labels, string value) =>
        Encoding.UTF8.GetBytes(labels.Length == 0 ? $"{name}{suffix} {value}\n" : $"{name}{suffix}{{{labels}}} {value}\n",
            output);
}
