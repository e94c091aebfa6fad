namespace Quorate.Simulation.Cluster;

/// <summary>Something does not hold that must always hold.</summary>
public sealed class SimulationFailure : Exception
{
    public SimulationFailure(string message)
        : base(message)
    {
    }

    public SimulationFailure(string message, Exception inner)
        : base(message, inner)
    {
    }
}
