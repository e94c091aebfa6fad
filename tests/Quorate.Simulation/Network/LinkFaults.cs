namespace Quorate.Simulation.Network;

/// <summary>What may happen to messages at present.</summary>
public sealed record LinkFaults
{
    public static readonly LinkFaults None = new();

    public double Drop { get; init; }

    public double Duplicate { get; init; }

    /// <summary>Of being held up for long, perhaps into another term.</summary>
    public double HoldUp { get; init; }

    /// <summary>Messages are drawn from this on: they overtake each other where it is wide.</summary>
    public TimeSpan MinDelay { get; init; } = TimeSpan.FromMilliseconds(1);

    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMilliseconds(2);

    public TimeSpan LongDelay { get; init; } = TimeSpan.FromSeconds(20);
}
