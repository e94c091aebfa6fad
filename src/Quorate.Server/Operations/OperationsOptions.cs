using Quorate.Server.Operations.Compaction;

namespace Quorate.Server.Operations;

/// <summary>What a member does for itself while it serves.</summary>
public sealed record OperationsOptions
{
    public CompactionRetention Retention { get; init; }

    /// <summary>Before it serves, a restarted member compares its data with the others'.</summary>
    public bool InitialCorruptionCheck { get; init; }

    /// <summary>Time between checks of the members' data; zero for none.</summary>
    public TimeSpan CorruptionCheckInterval { get; init; }

    /// <summary>Time between checks of the hashes that compactions left; zero for none.</summary>
    public TimeSpan CompactionHashInterval { get; init; }
}
