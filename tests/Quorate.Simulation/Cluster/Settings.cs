namespace Quorate.Simulation.Cluster;

/// <summary>
/// What one run is like: each feature is on or off, more or less, by the seed, so that runs differ much (swarm testing).
/// </summary>
public sealed record Settings
{
    public required int Machines { get; init; }

    public required bool PreVote { get; init; }

    public required ulong SnapshotCount { get; init; }

    public required ulong CatchUpEntries { get; init; }

    public required int Clients { get; init; }

    public required int Keys { get; init; }

    public required TimeSpan ElectionTimeout { get; init; }

    /// <summary>How long faults go on.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Mean time between two faults.</summary>
    public required TimeSpan FaultInterval { get; init; }

    /// <summary>Clocks run between 1 - this and 1 + this.</summary>
    public required double ClockDrift { get; init; }

    public required IReadOnlySet<FaultKind> Faults { get; init; }

    public PlantedBug Bug { get; init; }

    public static Settings Draw(Random random)
    {
        FaultKind[] all = Enum.GetValues<FaultKind>();
        return new Settings
        {
            Machines = new[] { 1, 3, 3, 3, 5, 5, 7 }[random.Next(7)],
            PreVote = random.Next(4) > 0,
            SnapshotCount = (ulong)new[] { 10, 50, 200, 10_000 }[random.Next(4)],
            CatchUpEntries = (ulong)new[] { 1, 20, 500 }[random.Next(3)],
            Clients = random.Next(1, 9),
            Keys = random.Next(1, 12),
            ElectionTimeout = TimeSpan.FromMilliseconds(new[] { 500, 1000, 1000, 2000 }[random.Next(4)]),
            Duration = TimeSpan.FromSeconds(random.Next(10, 60)),
            FaultInterval = TimeSpan.FromMilliseconds(random.Next(2) == 0 ? random.Next(50, 400) : random.Next(400, 4000)),
            ClockDrift = random.Next(2) == 0 ? 0 : 0.1 * random.NextDouble(),
            Faults = all.Where(_ => random.Next(2) == 0).ToHashSet(),
        };
    }

    public override string ToString() =>
        $"{Machines} machines, {Clients} clients, {Keys} keys, {Duration.TotalSeconds} s, election {ElectionTimeout.TotalMilliseconds} ms, "
        + $"pre-vote {PreVote}, snapshots every {SnapshotCount} keeping {CatchUpEntries}, drift {ClockDrift:f3}, "
        + $"faults every {FaultInterval.TotalSeconds:f1} s: {string.Join(' ', Faults)}";
}
