using Quorate.Raft;

namespace Quorate.Server.Membership;

/// <summary>Who is in the cluster, at a moment.</summary>
/// <param name="Version">The cluster's version, such as 3.5.0; null while it is not decided.</param>
/// <param name="DowngradeTarget">The version that a downgrade goes to; null if there is none.</param>
public sealed record ClusterView(
    ulong ClusterId,
    IReadOnlyDictionary<ulong, ClusterMember> Members,
    IReadOnlySet<ulong> Removed,
    Version? Version,
    Version? DowngradeTarget)
{
    /// <summary>All members by ascending id.</summary>
    public IReadOnlyList<ClusterMember> Sorted => [.. Members.Values.OrderBy(member => member.Id)];

    public ConfState ToConfState() => new()
    {
        Voters = [.. Sorted.Where(member => !member.IsLearner).Select(member => member.Id)],
        Learners = [.. Sorted.Where(member => member.IsLearner).Select(member => member.Id)],
    };

    public bool IsAtLeast(int minor) => Version is not null && Version >= new Version(3, minor);
}
