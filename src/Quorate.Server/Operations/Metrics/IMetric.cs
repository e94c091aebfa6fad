namespace Quorate.Server.Operations.Metrics;

/// <summary>One series of a family.</summary>
public interface IMetric
{
    /// <summary>Writes its lines.</summary>
    void Write(MetricText text, string name, string labels);
}
