namespace Quorate.Raft;

/// <summary>The last entry that a snapshot covers, and the configuration then.</summary>
public readonly record struct SnapshotMetadata(ulong Index, ulong Term, ConfState ConfState)
{
    public static readonly SnapshotMetadata Empty = new(0, 0, ConfState.Empty);
}
