namespace Quorate.Server.Membership;

/// <summary>How the cluster's version follows the versions of its members (spec 04 §10.1).</summary>
internal static class VersionRule
{
    private static readonly Version s_unknown = new(3, 0);

    /// <param name="current">Null while it is not decided.</param>
    /// <param name="downgradeTarget">Where a downgrade goes to; null if there is none.</param>
    /// <param name="servers">Major and minor of each member, null for one that did not answer.</param>
    /// <returns>The version to set; null to leave it.</returns>
    public static Version? Next(Version? current, Version? downgradeTarget, IReadOnlyList<Version?> servers)
    {
        bool allAnswered = servers.All(server => server is not null);
        Version? lowest = allAnswered ? servers.Min() : null;
        if (current is null)
        {
            return lowest ?? s_unknown;
        }

        if (downgradeTarget is not null)
        {
            bool isStep = downgradeTarget.Major == current.Major && downgradeTarget.Minor == current.Minor - 1
                && (lowest is null || downgradeTarget.Minor >= lowest.Minor - 1);
            return downgradeTarget != current && allAnswered && isStep ? downgradeTarget : null;
        }

        return lowest is not null && lowest > current ? lowest : null;
    }
}
