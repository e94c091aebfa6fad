namespace Quorate.Raft.Quorum;

/// <summary>
/// Two majorities that must both agree; the outgoing one is empty outside of a joint configuration (spec 08 §9).
/// </summary>
public sealed class JointConfig(MajorityConfig incoming, MajorityConfig outgoing)
{
    public MajorityConfig Incoming => incoming;

    public MajorityConfig Outgoing => outgoing;

    public bool IsJoint => outgoing.Count > 0;

    /// <summary>All voters of both halves in ascending order.</summary>
    public IReadOnlyList<ulong> Voters { get; } =
        outgoing.Count == 0 ? incoming.Voters : [.. incoming.Voters.Union(outgoing.Voters).Order()];

    public bool Contains(ulong id) => incoming.Contains(id) || outgoing.Contains(id);

    public ulong CommittedIndex(Func<ulong, ulong> acknowledged) =>
        Math.Min(incoming.CommittedIndex(acknowledged), outgoing.CommittedIndex(acknowledged));

    public VoteResult Vote(IReadOnlyDictionary<ulong, bool> votes)
    {
        VoteResult one = incoming.Vote(votes), other = outgoing.Vote(votes);
        return one == other ? one : one == VoteResult.Lost || other == VoteResult.Lost ? VoteResult.Lost : VoteResult.Pending;
    }
}
