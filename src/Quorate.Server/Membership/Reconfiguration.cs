using Quorate.Protocol;

namespace Quorate.Server.Membership;

/// <summary>
/// The checks before a change of the membership is proposed, which keep an operator from losing the quorum (spec 03 §3, 04 §8.6).
/// </summary>
internal static class Reconfiguration
{
    /// <param name="isConnected">Whether a voter has been connected for long enough; true for the member itself.</param>
    public static EtcdException? CheckAdd(ClusterView view, bool isLearner, Func<ulong, bool> isConnected)
    {
        ClusterMember[] voters = Voters(view);
        int started = voters.Count(member => member.IsStarted);
        if (!isLearner && !(started == 1 && voters.Length == 1) && started < Majority(voters.Length + 1))
        {
            return EtcdErrors.NotEnoughStartedMembers;
        }

        // The new member counts as one that is down.
        return voters.Length == 1 || voters.Count(member => isConnected(member.Id)) >= Majority(voters.Length + 1)
            ? null
            : EtcdErrors.UnhealthyCluster;
    }

    /// <param name="isActive">Whether there is a connection to the member that is to go, or it is the member itself.</param>
    public static EtcdException? CheckRemove(ClusterView view, ulong id, Func<ulong, bool> isConnected, bool isActive)
    {
        if (!view.Members.TryGetValue(id, out ClusterMember? target) || target.IsLearner)
        {
            return null;
        }

        ClusterMember[] voters = Voters(view);
        ClusterMember[] rest = [.. voters.Where(member => member.Id != id)];
        if (rest.Count(member => member.IsStarted) < Majority(rest.Length))
        {
            return EtcdErrors.NotEnoughStartedMembers;
        }

        if (!isActive)
        {
            return null;
        }

        int connected = voters.Count(member => isConnected(member.Id));
        return connected - 1 < 1 + ((voters.Length - 1) / 2) ? EtcdErrors.UnhealthyCluster : null;
    }

    public static EtcdException? CheckPromote(ClusterView view)
    {
        ClusterMember[] voters = Voters(view);
        return voters.Count(member => member.IsStarted) + 1 < Majority(voters.Length + 1) ? EtcdErrors.NotEnoughStartedMembers : null;
    }

    private static ClusterMember[] Voters(ClusterView view) => [.. view.Sorted.Where(member => !member.IsLearner)];

    private static int Majority(int members) => (members / 2) + 1;
}
