namespace Quorate.Raft;

/// <summary>A configuration: who votes, who learns, and, while it is a joint one, the outgoing half (spec 08 §12.1).</summary>
public sealed record ConfState
{
    public static readonly ConfState Empty = new();

    public IReadOnlyList<ulong> Voters { get; init; } = [];

    public IReadOnlyList<ulong> Learners { get; init; } = [];

    public IReadOnlyList<ulong> VotersOutgoing { get; init; } = [];

    /// <summary>Voters of the outgoing half that become learners when the joint configuration is left.</summary>
    public IReadOnlyList<ulong> LearnersNext { get; init; } = [];

    /// <summary>The leader leaves the joint configuration by itself.</summary>
    public bool AutoLeave { get; init; }

    /// <summary>Equality of sets: the order of ids does not matter.</summary>
    public bool Equals(ConfState? other) =>
        other is not null && AutoLeave == other.AutoLeave && Same(Voters, other.Voters) && Same(Learners, other.Learners)
        && Same(VotersOutgoing, other.VotersOutgoing) && Same(LearnersNext, other.LearnersNext);

    public override int GetHashCode() => HashCode.Combine(Voters.Count, Learners.Count, VotersOutgoing.Count, AutoLeave);

    public bool Contains(ulong id) => Voters.Contains(id) || Learners.Contains(id) || VotersOutgoing.Contains(id);

    public override string ToString() =>
        $"voters=({string.Join(' ', Voters)})"
        + (VotersOutgoing.Count > 0 ? $"&&({string.Join(' ', VotersOutgoing)})" : "")
        + (Learners.Count > 0 ? $" learners=({string.Join(' ', Learners)})" : "")
        + (LearnersNext.Count > 0 ? $" learners_next=({string.Join(' ', LearnersNext)})" : "")
        + (AutoLeave ? " autoleave" : "");

    private static bool Same(IReadOnlyList<ulong> one, IReadOnlyList<ulong> other) => one.Order().SequenceEqual(other.Order());
}
