using static Quorate.Raft.Invariant;

namespace Quorate.Raft.Quorum;

/// <summary>The applied configuration, and the pure rules by which it changes (Ongaro's thesis §4; spec 08 §12.1).</summary>
public sealed record Configuration(
    JointConfig Voters, IReadOnlySet<ulong> Learners, IReadOnlySet<ulong> LearnersNext, bool AutoLeave)
{
    public static readonly Configuration Empty =
        new(new JointConfig(new MajorityConfig([]), new MajorityConfig([])), new HashSet<ulong>(), new HashSet<ulong>(), false);

    /// <summary>Every member, voter of either half or learner, in ascending order.</summary>
    public IReadOnlyList<ulong> Members { get; } = [.. Voters.Voters.Union(Learners).Order()];

    public bool IsLearner(ulong id) => Learners.Contains(id);

    public static Configuration From(ConfState state) => new(
        new JointConfig(new MajorityConfig(state.Voters), new MajorityConfig(state.VotersOutgoing)),
        state.Learners.ToHashSet(), state.LearnersNext.ToHashSet(), state.AutoLeave);

    public ConfState ToConfState() => new()
    {
        Voters = Voters.Incoming.Voters,
        VotersOutgoing = Voters.Outgoing.Voters,
        Learners = [.. Learners.Order()],
        LearnersNext = [.. LearnersNext.Order()],
        AutoLeave = AutoLeave,
    };

    /// <summary>The configuration after a change; <see cref="RaftFatalException"/> for one that may not be applied.</summary>
    public Configuration Apply(ConfChangeV2 change) =>
        change.LeavesJoint ? LeaveJoint() : change.EntersJoint ? EnterJoint(change) : Simple(change);

    /// <summary>Changes at most one voter; the outcome takes effect at once.</summary>
    public Configuration Simple(ConfChangeV2 change)
    {
        Require(!Voters.IsJoint, "can't apply simple config change in joint config");
        Configuration next = Change(change.Changes, Voters.Outgoing);
        int difference = Voters.Incoming.Voters.Except(next.Voters.Incoming.Voters).Count()
            + next.Voters.Incoming.Voters.Except(Voters.Incoming.Voters).Count();
        Require(difference <= 1, "more than one voter changed without entering joint config");
        return next;
    }

    /// <summary>
    /// Changes any members; until the joint configuration is left, both the old voters and the new ones must agree.
    /// </summary>
    public Configuration EnterJoint(ConfChangeV2 change)
    {
        Require(!Voters.IsJoint, "config is already joint");
        Require(Voters.Incoming.Count > 0, "can't make a zero-voter config joint");
        return Change(change.Changes, Voters.Incoming) with { AutoLeave = change.LeavesByItself };
    }

    public Configuration LeaveJoint()
    {
        Require(Voters.IsJoint, "can't leave a non-joint config");
        return new Configuration(new JointConfig(Voters.Incoming, new MajorityConfig([])),
            Learners.Union(LearnersNext).ToHashSet(), new HashSet<ulong>(), false);
    }

    private Configuration Change(IReadOnlyList<ConfChangeSingle> changes, MajorityConfig outgoing)
    {
        HashSet<ulong> voters = [.. Voters.Incoming.Voters], learners = [.. Learners], next = [.. LearnersNext];
        foreach ((ConfChangeType type, ulong id) in changes)
        {
            if (id == 0)
            {
                // The host refused the change, and says so by naming no one.
                continue;
            }

            switch (type)
            {
                case ConfChangeType.AddNode:
                    voters.Add(id);
                    learners.Remove(id);
                    next.Remove(id);
                    break;
                case ConfChangeType.AddLearnerNode:
                    if (learners.Contains(id))
                    {
                        break;
                    }

                    voters.Remove(id);
                    (outgoing.Contains(id) ? next : learners).Add(id);
                    break;
                case ConfChangeType.RemoveNode:
                    voters.Remove(id);
                    learners.Remove(id);
                    next.Remove(id);
                    break;
                case ConfChangeType.UpdateNode:
                    break;
                default:
                    throw new RaftFatalException($"unexpected conf type {type}");
            }
        }

        Require(voters.Count > 0, "removed all voters");
        return new Configuration(new JointConfig(new MajorityConfig(voters), outgoing), learners, next, AutoLeave);
    }
}
