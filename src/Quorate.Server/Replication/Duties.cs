using System.Text;
using Quorate.Auth;
using Quorate.Protocol;
using Quorate.Protocol.Membership;
using Quorate.Server.Membership;
using Quorate.Storage.Schema;

namespace Quorate.Server.Replication;

/// <summary>
/// What a member does without being asked: it publishes itself, and on the leader leases expire, the cluster's version follows the members',
/// and a finished downgrade is ended. All of it begins on ticks of the loop and waits for nothing there.
/// </summary>
internal sealed class Duties(Member member, MemberOptions options, MemberLog log)
{
    private const int MaxExpiries = 500, MaxCheckpoints = 1000;

    private static readonly TimeSpan s_expireInterval = TimeSpan.FromMilliseconds(500), s_expireAgain = TimeSpan.FromSeconds(3),
        s_versionInterval = TimeSpan.FromSeconds(4), s_checkpointInterval = TimeSpan.FromMinutes(5), s_fastForwardLimit = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _published = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time = options.Time;
    private long _start;
    private long _lastExpiry;
    private long _lastVersionCheck;
    private long _lastDowngradeCheck;
    private long _lastCheckpoint;
    private bool _mayFastForward;
    private int _isPublishing;
    private int _isCheckingVersion;
    private int _isRaising;
    private string? _storageVersion;

    public Task Published => _published.Task;

    public bool IsPublished => _published.Task.IsCompletedSuccessfully;

    public void Start()
    {
        _start = _lastExpiry = _lastVersionCheck = _lastDowngradeCheck = _lastCheckpoint = _time.GetTimestamp();
        ClusterView view = member.Cluster;
        int forward = options.ElectionTicks - 1;
        if (view.Members.Count == 1 || (view.Members.Count == 0 && options.InitialCluster.Count == 1))
        {
            log.Info("started as single-node; fast-forwarding election ticks", log.Local, ("forward-ticks", forward),
                ("forward-duration", (forward * options.HeartbeatInterval).ToString()), ("election-ticks", options.ElectionTicks),
                ("election-timeout", options.ElectionTimeout.ToString()));
            member.Loop.AdvanceElection(forward);
        }
        else
        {
            _mayFastForward = options.InitialElectionTickAdvance;
        }
    }

    /// <summary>Called on the loop.</summary>
    public void Tick()
    {
        if (!IsPublished && Interlocked.Exchange(ref _isPublishing, 1) == 0)
        {
            _ = PublishAsync();
        }

        FastForward();
        if (IsDue(ref _lastVersionCheck, s_versionInterval))
        {
            FollowStorageVersion();
            CheckVersion();
        }

        if (!member.IsLeader)
        {
            return;
        }

        if (IsDue(ref _lastExpiry, s_expireInterval))
        {
            ExpireLeases();
        }

        if (options.LeaseCheckpoint && IsDue(ref _lastCheckpoint, s_checkpointInterval))
        {
            CheckpointLeases();
        }

        if (member.Cluster.DowngradeTarget is not null && IsDue(ref _lastDowngradeCheck, options.DowngradeCheckInterval))
        {
            CheckVersion();
        }
    }

    /// <summary>Brings the cluster's version to what the members speak, if this one leads (spec 04 §10.1).</summary>
    public void CheckVersion()
    {
        if (member.IsLeader && Interlocked.Exchange(ref _isCheckingVersion, 1) == 0)
        {
            _ = CheckVersionAsync();
        }
    }

    /// <summary>Raises the alarm of this member's database, unless that was done (spec 03 §5.2).</summary>
    public void RaiseNoSpace()
    {
        if (member.Alarms.Any(alarm => alarm.MemberID == member.Id && alarm.Alarm == AlarmType.Nospace)
            || Interlocked.Exchange(ref _isRaising, 1) != 0)
        {
            return;
        }

        log.Warn("message exceeded backend quota; raising alarm", ("quota-size-bytes", member.Quota));
        _ = RaiseAsync();

        async Task RaiseAsync()
        {
            await TryProposeAsync(new InternalRaftRequest
            {
                Alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = member.Id, Alarm = AlarmType.Nospace },
            }).ConfigureAwait(false);
            Volatile.Write(ref _isRaising, 0);
        }
    }

    private bool IsDue(ref long last, TimeSpan interval)
    {
        if (_time.GetElapsedTime(last) < interval)
        {
            return false;
        }

        last = _time.GetTimestamp();
        return true;
    }

    /// <summary>With a peer connected there is no need to wait a whole election timeout for a leader that may be there (spec 04 §9.2).</summary>
    private void FastForward()
    {
        if (!_mayFastForward)
        {
            return;
        }

        int active = member.Cluster.Sorted.Count(peer => peer.Id != member.Id && member.Transport.ActiveSince(peer.Id) is not null);
        if (active > 1)
        {
            int forward = options.ElectionTicks - 2;
            log.Info("initialized peer connections; fast-forwarding election ticks", log.Local, ("forward-ticks", forward),
                ("forward-duration", (forward * options.HeartbeatInterval).ToString()), ("election-ticks", options.ElectionTicks),
                ("election-timeout", options.ElectionTimeout.ToString()), ("active-remote-members", active));
            member.Loop.AdvanceElection(forward);
        }

        _mayFastForward = active <= 1 && _time.GetElapsedTime(_start) < s_fastForwardLimit;
    }

    private async Task PublishAsync()
    {
        try
        {
            if (await NeedsSecondApiAsync().ConfigureAwait(false))
            {
                ulong id = member.NextRequestId();
                byte[] entry = EntryPayload.PublishInSecondApi(id, member.Id, options.Name, options.ClientUrls);
                await member.ProposeRaw(id, entry, member.Ending).ConfigureAwait(false);
            }
            else
            {
                var attributes = new Attributes { Name = options.Name };
                attributes.ClientUrls.AddRange(options.ClientUrls);
                await member.ProposeAsync(
                    new InternalRaftRequest
                    {
                        ClusterMemberAttrSet = new ClusterMemberAttrSetRequest { MemberID = member.Id, MemberAttributes = attributes },
                    },
                    member.Ending).ConfigureAwait(false);
            }

            log.Info("published local member to cluster through raft", log.Local, ("local-member-attributes", Describe()), log.Cluster,
                ("publish-timeout", options.RequestTimeout.ToString()));
            _published.TrySetResult();
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            if (!member.Ending.IsCancellationRequested)
            {
                log.Warn("failed to publish local member to cluster through raft", log.Local, ("local-member-attributes", Describe()),
                    ("publish-timeout", options.RequestTimeout.ToString()), ("error", error.Message));
            }
        }

        Volatile.Write(ref _isPublishing, 0);
    }

    private string Describe() => $"{{Name:{options.Name} ClientURLs:[{string.Join(' ', options.ClientUrls)}]}}";

    /// <summary>
    /// Members of 3.4 stop at the present form of these entries, those of 3.6 and later at the old one (spec 04 §7.5).
    /// </summary>
    private async Task<bool> NeedsSecondApiAsync()
    {
        ClusterView view = member.Cluster;
        if (view.IsAtLeast(5))
        {
            return false;
        }

        if (options.CompatVersion < new Version(3, 5))
        {
            return true;
        }

        PeerVersion?[] versions = await AskVersionsAsync(view).ConfigureAwait(false);
        return versions.Any(version => version is not null && EtcdVersion.ParseMinor(version.Server) is { } minor && minor < new Version(3, 5));
    }

    private Task<PeerVersion?[]> AskVersionsAsync(ClusterView view) => Task.WhenAll(view.Sorted.Where(peer => peer.Id != member.Id)
        .Select(peer => AskVersionAsync(peer)));

    private async Task<PeerVersion?> AskVersionAsync(ClusterMember peer)
    {
        try
        {
            return await member.Transport.GetVersionAsync(peer, member.Ending).ConfigureAwait(false);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    private async Task CheckVersionAsync()
    {
        try
        {
            ClusterView view = member.Cluster;
            PeerVersion?[] answers = await AskVersionsAsync(view).ConfigureAwait(false);
            Version?[] servers = [.. answers.Select(answer => answer is null ? null : EtcdVersion.ParseMinor(answer.Server)), options.CompatVersion];
            if (member.IsLearner || !view.Members.ContainsKey(member.Id))
            {
                return;
            }

            if (view.DowngradeTarget is { } target && target == view.Version)
            {
                if (servers.All(server => server == target))
                {
                    await TryProposeAsync(new InternalRaftRequest { DowngradeInfoSet = new DowngradeInfoSetRequest { Enabled = false } })
                        .ConfigureAwait(false);
                    log.Info("the cluster has been downgraded", ("cluster-version", target.ToString(2)));
                }

                return;
            }

            if (VersionRule.Next(view.Version, view.DowngradeTarget, servers) is { } next && next != view.Version)
            {
                await SetVersionAsync(view.Version, next, servers).ConfigureAwait(false);
            }
        }
        finally
        {
            Volatile.Write(ref _isCheckingVersion, 0);
        }
    }

    private async Task SetVersionAsync(Version? before, Version next, Version?[] servers)
    {
        bool needsSecondApi = !member.Cluster.IsAtLeast(5) && servers.Any(server => server is not null && server < new Version(3, 5));
        string api = needsSecondApi ? "v2" : "v3";
        if (before is null)
        {
            log.Info($"setting up initial cluster version using {api} API", ("cluster-version", next.ToString(2)));
        }
        else
        {
            log.Info($"updating cluster version using {api} API", ("from", before.ToString(2)), ("to", next.ToString(2)));
        }

        if (!needsSecondApi)
        {
            await TryProposeAsync(new InternalRaftRequest { ClusterVersionSet = new ClusterVersionSetRequest { Ver = $"{next.ToString(2)}.0" } })
                .ConfigureAwait(false);
            return;
        }

        try
        {
            ulong id = member.NextRequestId();
            await member.ProposeRaw(id, EntryPayload.VersionInSecondApi(id, next), member.Ending).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            log.Warn("failed to update cluster version", ("error", error.Message));
        }
    }

    /// <summary>The version of the own storage follows the cluster's (spec 04 §10.3).</summary>
    public void FollowStorageVersion()
    {
        if (options.CompatVersion < new Version(3, 6) || member.Cluster.Version is not { } version || version < new Version(3, 5))
        {
            return;
        }

        member.Applier.Call(() =>
        {
            string wanted = $"{version.ToString(2)}.0";
            string stored = _storageVersion ??= Encoding.ASCII.GetString(member.Backend.ReadMeta(MetaKeys.StorageVersion));
            if (version < new Version(3, 6))
            {
                if (stored.Length > 0)
                {
                    _storageVersion = "";
                    member.Backend.Delete(Buckets.Meta, MetaKeys.StorageVersion);
                    log.Info("updated storage version", ("new-storage-version", wanted));
                }

                return;
            }

            if (stored != wanted)
            {
                log.Info("cluster version differs from storage version.", ("cluster-version", wanted), ("storage-version", stored.Length > 0 ? stored : "3.5.0"));
                _storageVersion = wanted;
                member.Backend.Put(Buckets.Meta, MetaKeys.StorageVersion, Encoding.ASCII.GetBytes(wanted));
                log.Info("updated storage version", ("new-storage-version", wanted));
                if (member.Cluster.DowngradeTarget == version)
                {
                    log.Info("The server is ready to downgrade", ("target-version", wanted), ("server-version", member.AdvertisedVersion));
                }
            }
        });
    }

    private void ExpireLeases()
    {
        IReadOnlyList<long> expired = member.Leases.TakeExpired(MaxExpiries, s_expireAgain);
        if (expired.Count > 0)
        {
            _ = RevokeAsync(expired, member.Term);
        }
    }

    /// <summary>
    /// After a pause a leader that was deposed meanwhile finds leases expired that live on with its successor: only who is found to lead
    /// still, after the clock was looked at, may end them (spec 08 §21, B-36).
    /// </summary>
    private async Task RevokeAsync(IReadOnlyList<long> leases, ulong term)
    {
        try
        {
            await member.ReadBarrierAsync(member.Ending).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            return;
        }

        foreach (long lease in leases)
        {
            options.Metrics.ExpiredLeases.Add();
            _ = TryProposeAsync(new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = lease } }, term);
        }
    }

    private void CheckpointLeases()
    {
        foreach ((long Id, long Remaining)[] part in member.Leases.TakeCheckpoints(s_checkpointInterval).Chunk(MaxCheckpoints))
        {
            var request = new LeaseCheckpointRequest();
            request.Checkpoints.AddRange(part.Select(lease => new LeaseCheckpoint { ID = lease.Id, RemainingTTL = lease.Remaining }));
            _ = TryProposeAsync(new InternalRaftRequest { LeaseCheckpoint = request });
        }
    }

    /// <summary>Proposes; a failure is not told: whatever is still needed is done at a later tick.</summary>
    private async Task TryProposeAsync(InternalRaftRequest request, ulong onlyInTerm = 0)
    {
        try
        {
            await member.ProposeInTermAsync(request, onlyInTerm, member.Ending).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or AuthException or OperationCanceledException)
        {
            if (error is EtcdException && error.Message != EtcdErrors.LeaseNotFound.Message && !member.Ending.IsCancellationRequested)
            {
                log.Warn("failed to propose", log.Local, ("error", error.Message));
            }
        }
    }
}
