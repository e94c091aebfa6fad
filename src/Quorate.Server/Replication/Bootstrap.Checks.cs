using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>Whether a first start may be what it is told to be (spec 04 §8.3, §8.5, 06 §7.3).</summary>
internal sealed partial class Bootstrap
{
    private static readonly TimeSpan s_askOthers = TimeSpan.FromSeconds(1), s_joinTimeout = TimeSpan.FromSeconds(10);

    private async Task<IReadOnlyList<ClusterMember>> CheckNewClusterAsync(CancellationToken cancellation)
    {
        IReadOnlyList<string> own = OwnUrls();
        await CheckAdvertisedAsync(own, cancellation).ConfigureAwait(false);
        CheckDuplicates();
        if (options.InitialCluster.Count == 0)
        {
            throw new BootstrapException("initial cluster unset and no discovery endpoints found");
        }

        List<ClusterMember> members = [.. options.InitialCluster.Select(member =>
        {
            string[] urls = [.. member.PeerUrls.Order(StringComparer.Ordinal)];
            return new ClusterMember(MemberIds.OfMember(urls, options.InitialClusterToken), urls, member.Name, [], false);
        })];
        foreach (IGrouping<ulong, ClusterMember> same in members.GroupBy(member => member.Id).Where(group => group.Count() > 1))
        {
            throw new BootstrapException($"member exists with identical ID {same.Key:x}");
        }

        if (members.Any(member => member.Id == 0))
        {
            throw new BootstrapException("cannot use 0 as member id");
        }

        ulong ownId = members.Single(member => member.Name == options.Name).Id;
        if (members.Count > 1
            && await transport.GetClusterAsync(OtherUrls(members, ownId), s_askOthers, cancellation).ConfigureAwait(false) is { } running
            && running.Members.Any(member => member.Id == ownId && member.ClientUrls.Count > 0))
        {
            throw new BootstrapException($"member {ownId:x} has already been bootstrapped");
        }

        return members;
    }

    private async Task<RemoteCluster> FindClusterAsync(CancellationToken cancellation)
    {
        OwnUrls();
        CheckDuplicates();
        string[] urls = [.. options.InitialCluster.Where(member => member.Name != options.Name).SelectMany(member => member.PeerUrls)
            .Order(StringComparer.Ordinal)];
        RemoteCluster remote = await transport.GetClusterAsync(urls, s_joinTimeout, cancellation).ConfigureAwait(false)
            ?? throw new BootstrapException("cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs");
        if (remote.Members.Count == 0)
        {
            throw new BootstrapException("cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs");
        }

        ClusterMember[] members = await MatchAsync(remote, cancellation).ConfigureAwait(false);
        await CheckCompatibleAsync(members, cancellation).ConfigureAwait(false);
        return members.Count(member => member.IsLearner) > options.MaxLearners
            ? throw new BootstrapException("membership: too many learner members in cluster")
            : new RemoteCluster(remote.ClusterId, members);
    }

    /// <summary>Ids come from the running cluster, names from the flags; the URLs tell who is who.</summary>
    private async Task<ClusterMember[]> MatchAsync(RemoteCluster remote, CancellationToken cancellation)
    {
        string described = $"{{ClusterID:{remote.ClusterId:x} Members:[{string.Join(' ', remote.Members.OrderBy(member => member.Id).Select(Describe))}] "
            + "RemovedMemberIDs:[]}";
        if (remote.Members.Count != options.InitialCluster.Count)
        {
            throw new BootstrapException($"error validating peerURLs {described}: member count is unequal");
        }

        var left = options.InitialCluster.ToList();
        var members = new List<ClusterMember>();
        foreach (ClusterMember member in remote.Members.OrderBy(member => member.Id))
        {
            (string Name, IReadOnlyList<string> PeerUrls)? match = null;
            foreach ((string Name, IReadOnlyList<string> PeerUrls) candidate in left)
            {
                if (await AreSameAsync(member.PeerUrls, candidate.PeerUrls, cancellation).ConfigureAwait(false))
                {
                    match = candidate;
                    break;
                }
            }

            if (match is not { } found)
            {
                throw new BootstrapException($"error validating peerURLs {described}: PeerURLs: no match found for existing member "
                    + $"({member.HexId}, [{string.Join(' ', member.PeerUrls)}]), last resolver error (<nil>)");
            }

            left.Remove(found);
            members.Add(member with { Name = found.Name });
        }

        return [.. members];
    }

    /// <summary>A cluster's version must be one that this member can speak, and during a downgrade exactly the next higher one.</summary>
    private async Task CheckCompatibleAsync(ClusterMember[] members, CancellationToken cancellation)
    {
        ClusterMember[] others = [.. members.Where(member => member.Name != options.Name)];
        Version own = options.CompatVersion, lowest = new(3, 0), highest = own;
        PeerVersion?[] versions = await Task.WhenAll(others.Select(member => transport.GetVersionAsync(member, cancellation))).ConfigureAwait(false);
        foreach (ClusterMember member in others)
        {
            if (await transport.GetDowngradeEnabledAsync(member, cancellation).ConfigureAwait(false) is { } downgrades)
            {
                if (downgrades)
                {
                    lowest = highest = new Version(own.Major, own.Minor + 1);
                }

                break;
            }
        }

        bool anyFits = false;
        for (int index = 0; index < others.Length; index++)
        {
            if (versions[index] is not { } told || EtcdVersion.ParseMinor(told.Cluster) is not { } version)
            {
                continue;
            }

            if (version < lowest || version > highest)
            {
                bool tooHigh = version > highest;
                log.Warn($"cluster version of remote member is not compatible; too {(tooHigh ? "high" : "low")}",
                    ("remote-member-id", others[index].HexId), ("remote-member-cluster-version", told.Cluster),
                    (tooHigh ? "maximum-cluster-version-supported" : "minimum-cluster-version-supported",
                        $"{(tooHigh ? highest : lowest).ToString(2)}.0"));
                throw new BootstrapException("incompatible with current running cluster");
            }

            anyFits = true;
        }

        if (!anyFits)
        {
            throw new BootstrapException("incompatible with current running cluster");
        }
    }

    private IReadOnlyList<string> OwnUrls()
    {
        foreach ((string name, IReadOnlyList<string> urls) in options.InitialCluster)
        {
            if (name == options.Name)
            {
                return urls;
            }
        }

        throw new BootstrapException($"couldn't find local name \"{options.Name}\" in the initial cluster configuration");
    }

    private async Task CheckAdvertisedAsync(IReadOnlyList<string> inCluster, CancellationToken cancellation)
    {
        string[] initial = [.. inCluster.Order(StringComparer.Ordinal)], advertised = [.. options.PeerUrls.Order(StringComparer.Ordinal)];
        if (initial.SequenceEqual(advertised))
        {
            return;
        }

        string[] resolvedInitial, resolvedAdvertised;
        try
        {
            resolvedInitial = await ResolveAsync(initial, cancellation).ConfigureAwait(false);
            resolvedAdvertised = await ResolveAsync(advertised, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new BootstrapException($"failed to resolve {string.Join(',', advertised)} to match "
                + $"--initial-cluster={Pairs(options.Name, initial)} ({error.Message})", error);
        }

        if (resolvedInitial.SequenceEqual(resolvedAdvertised))
        {
            return;
        }

        string[] missing = [.. initial.Except(advertised)];
        if (missing.Length > 0)
        {
            string? first = resolvedAdvertised.Except(resolvedInitial).FirstOrDefault(), second = resolvedInitial.Except(resolvedAdvertised).FirstOrDefault();
            string difference = first is not null && second is not null ? $" (resolved urls: \"{first}\" != \"{second}\")" : "";
            throw new BootstrapException($"--initial-cluster has {Pairs(options.Name, missing)} but missing from "
                + $"--initial-advertise-peer-urls={string.Join(',', advertised)}{difference}");
        }

        throw new BootstrapException($"--initial-advertise-peer-urls has {string.Join(',', advertised.Except(initial))} but missing from "
            + $"--initial-cluster={Pairs(options.Name, advertised)}");
    }

    private void CheckDuplicates()
    {
        string[] all = [.. options.InitialCluster.SelectMany(member => member.PeerUrls)];
        if (all.Distinct(StringComparer.Ordinal).Count() != all.Length)
        {
            string text = string.Join(',', options.InitialCluster.SelectMany(member => member.PeerUrls.Select(url => $"{member.Name}={url}"))
                .Order(StringComparer.Ordinal));
            throw new BootstrapException($"initial cluster {text} has duplicate url");
        }
    }

    private async Task<bool> AreSameAsync(IReadOnlyList<string> one, IReadOnlyList<string> other, CancellationToken cancellation)
    {
        string[] first = [.. one.Order(StringComparer.Ordinal)], second = [.. other.Order(StringComparer.Ordinal)];
        if (first.Length != second.Length)
        {
            return false;
        }

        if (first.SequenceEqual(second))
        {
            return true;
        }

        try
        {
            string[] resolvedFirst = await ResolveAsync(first, cancellation).ConfigureAwait(false);
            string[] resolvedSecond = await ResolveAsync(second, cancellation).ConfigureAwait(false);
            return resolvedFirst.SequenceEqual(resolvedSecond);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<string[]> ResolveAsync(IEnumerable<string> urls, CancellationToken cancellation) => options.ResolveUrl is { } resolve
        ? [.. (await Task.WhenAll(urls.Select(url => resolve(url, cancellation))).ConfigureAwait(false)).Order(StringComparer.Ordinal)]
        : [.. urls];

    private static string[] OtherUrls(IEnumerable<ClusterMember> members, ulong own) =>
        [.. members.Where(member => member.Id != own).SelectMany(member => member.PeerUrls).Order(StringComparer.Ordinal)];

    private static string Pairs(string name, IEnumerable<string> urls) => string.Join(',', urls.Select(url => $"{name}={url}"));

    private static string Describe(ClusterMember member) => $"&{{ID:{member.HexId} RaftAttributes:{{PeerURLs:[{string.Join(' ', member.PeerUrls)}] "
        + $"IsLearner:{(member.IsLearner ? "true" : "false")}}} Attributes:{{Name:{member.Name} ClientURLs:[{string.Join(' ', member.ClientUrls)}]}}}}";
}
