namespace Quorate.Server.Operations.Metrics;

/// <summary>What the registry knows of a family without knowing its kind of series.</summary>
public abstract class MetricFamily(string name, string help, MetricKind kind)
{
    public string Name => name;

    public string Help => help;

    public MetricKind Kind => kind;

    /// <summary>Writes the family, sorted by its series' labels; nothing at all while it has no series.</summary>
    public abstract void Write(MetricText text);
}
