namespace Quorate.Raft;

/// <summary>
/// What the core wants done now (spec 08 §15). Messages go out at once; the append goes to the disk, in order, and is
/// acknowledged by
/// <see cref="RaftNode.Appended"/>; committed entries go to the applier and are acknowledged by <see cref="RaftNode.Applied"/>.
/// </summary>
public sealed class Ready
{
    /// <summary>The role or the leader changed.</summary>
    public bool SoftStateChanged { get; init; }

    /// <summary>May be sent before the append is durable.</summary>
    public required IReadOnlyList<Message> Messages { get; init; }

    /// <summary>Null if there is nothing for the disk and nothing that waits for it.</summary>
    public Append? Append { get; init; }

    /// <summary>Committed, and durable here.</summary>
    public required IReadOnlyList<Entry> Committed { get; init; }

    public required IReadOnlyList<ReadState> ReadStates { get; init; }
}
