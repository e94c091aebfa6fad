namespace Quorate.Raft;

/// <summary>
/// A write to the log on disk. All appends are done in order; one without entries, hard state and snapshot only makes its
/// messages wait for those before it.
/// </summary>
public sealed class Append
{
    public required ulong Id { get; init; }

    public HardState? HardState { get; init; }

    public required IReadOnlyList<Entry> Entries { get; init; }

    /// <summary>
    /// To be made durable before the hard state, and installed by the host before anything that follows is applied.
    /// </summary>
    public Snapshot? Snapshot { get; init; }

    /// <summary>
    /// The write must be durable (fsync) before <see cref="MessagesAfter"/> leave; a changed commit index alone need not be.
    /// </summary>
    public bool MustSync { get; init; }

    /// <summary>May be sent only when this append is durable.</summary>
    public required IReadOnlyList<Message> MessagesAfter { get; init; }
}
