namespace Quorate.Server.Operations.Metrics;

/// <summary>What a family says that it is.</summary>
public enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}
