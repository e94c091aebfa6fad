using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>Changes of who is in the cluster, and of who leads it (spec 03 §3, §4.7).</summary>
public sealed partial class Member
{
    private const double ReadyShare = 0.9;

    /// <summary>A peer counts as healthy when it has been connected for so long.</summary>
    private static readonly TimeSpan s_healthInterval = TimeSpan.FromSeconds(5);

    public async Task<ClusterMember> AddMemberAsync(IReadOnlyList<string> peerUrls, bool isLearner, CancellationToken cancellation)
    {
        string[] urls = [.. peerUrls.Order(StringComparer.Ordinal)];
        if (Options.StrictReconfigCheck && Reconfiguration.CheckAdd(Cluster, isLearner, IsConnectedLongEnough) is { } refusal)
        {
            LogRefusal("add", refusal);
            throw refusal;
        }

        var member = new ClusterMember(MemberIds.OfAddedMember(urls, _time.GetUtcNow()), urls, "", [], isLearner);
        await ChangeAsync(isLearner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode, member.Id, member.ToJson(), cancellation)
            .ConfigureAwait(false);
        return member;
    }

    public async Task RemoveMemberAsync(ulong id, CancellationToken cancellation)
    {
        if (Options.StrictReconfigCheck
            && Reconfiguration.CheckRemove(Cluster, id, IsConnectedLongEnough, id == Id || _transport.ActiveSince(id) is not null) is { } refusal)
        {
            LogRefusal("remove", refusal);
            throw refusal;
        }

        await ChangeAsync(ConfChangeType.RemoveNode, id, default, cancellation).ConfigureAwait(false);
    }

    public Task UpdateMemberAsync(ulong id, IReadOnlyList<string> peerUrls, CancellationToken cancellation) =>
        ChangeAsync(ConfChangeType.UpdateNode, id, new ClusterMember(id, peerUrls, "", [], false).ToJson(), cancellation);

    public async Task PromoteMemberAsync(ulong id, string? token, CancellationToken cancellation)
    {
        if (IsLeader)
        {
            await PromoteLocalAsync(id, cancellation).ConfigureAwait(false);
            return;
        }

        long started = _time.GetTimestamp();
        while (true)
        {
            if (await WaitForLeaderAsync(started, cancellation).ConfigureAwait(false) is not { } leader)
            {
                await PromoteLocalAsync(id, cancellation).ConfigureAwait(false);
                return;
            }

            try
            {
                await _transport.PromoteAsync(leader, id, token, cancellation).ConfigureAwait(false);
                return;
            }
            catch (EtcdException error) when (error.Message == EtcdErrors.TimedOut.Message && _time.GetElapsedTime(started) < Options.RequestTimeout)
            {
                // It was not to be reached; there may be another leader soon.
                await Task.Delay(Options.HeartbeatInterval, _time, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Promotes on the leader, if the learner has caught up (spec 03 §3.5).</summary>
    public async Task PromoteLocalAsync(ulong id, CancellationToken cancellation)
    {
        await CatchUpAsync(cancellation).ConfigureAwait(false);
        if (await OnLoopAsync(node => Readiness(node, id), cancellation).ConfigureAwait(false) is { } notReady)
        {
            throw notReady;
        }

        if (Options.StrictReconfigCheck && Reconfiguration.CheckPromote(Cluster) is { } refusal)
        {
            LogRefusal("promote", refusal);
            throw refusal;
        }

        byte[] context = new ClusterMember(id, [], "", [], false).ToJson(isPromotion: true);
        await ChangeAsync(ConfChangeType.AddNode, id, context, cancellation).ConfigureAwait(false);
    }

    public async Task MoveLeaderAsync(ulong target, CancellationToken cancellation)
    {
        if (!IsLeader)
        {
            throw EtcdErrors.NotLeader;
        }

        if (!Cluster.Members.TryGetValue(target, out ClusterMember? member) || member.IsLearner)
        {
            throw EtcdErrors.BadLeaderTransferee;
        }

        if (target != Id)
        {
            await TransferAsync(target, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Runs something on the loop, where the core is.</summary>
    internal async Task<T> OnLoopAsync<T>(Func<RaftNode, T> function, CancellationToken cancellation)
    {
        var result = new TaskCompletionSource<T>(Elsewhere);
        _loop.Call(node => result.TrySetResult(function(node)));
        using CancellationTokenRegistration canceled = cancellation.Register(() => result.TrySetCanceled(cancellation));
        using CancellationTokenRegistration ended = _ending.Token.Register(() => result.TrySetException(EtcdErrors.ServerStopped));
        return await result.Task.ConfigureAwait(false);
    }

    private async Task ChangeAsync(ConfChangeType type, ulong target, ReadOnlyMemory<byte> context, CancellationToken cancellation)
    {
        ulong id = _ids.Next();
        await Propose(id, null, RaftWire.Encode(new ConfChange(id, type, target, context)), EntryType.ConfChange, cancellation).ConfigureAwait(false);
    }

    /// <summary>The own connection counts as there; a peer's only after some time without a break.</summary>
    private bool IsConnectedLongEnough(ulong id) =>
        id == Id || (_transport.ActiveSince(id) is { } since && _time.GetUtcNow() - since >= s_healthInterval);

    private static EtcdException? Readiness(RaftNode node, ulong learner)
    {
        RaftStatus status = node.Status();
        if (status.Role != RaftRole.Leader)
        {
            return EtcdErrors.NotLeader;
        }

        if (!status.Progress.TryGetValue(learner, out MemberProgress progress))
        {
            return EtcdErrors.MemberNotFound;
        }

        double share = (double)progress.Match / Math.Max(1, status.Progress[node.Id].Match);
        return progress.IsLearner && share < ReadyShare ? EtcdErrors.LearnerNotReady : null;
    }

    private void LogRefusal(string change, EtcdException refusal) => _log.Warn(
        refusal.Message == EtcdErrors.UnhealthyCluster.Message
            ? $"rejecting member {change} request; local member has not been connected to majority peers, reconfigure breaks active quorum"
            : $"rejecting member {change}; started member will be less than quorum",
        _log.Local, ("error", refusal.Message));

    private async Task TransferAsync(ulong target, CancellationToken cancellation)
    {
        long started = _time.GetTimestamp();
        _log.Info("leadership transfer starting", _log.Local, ("current-leader-member-id", LeaderId.ToString("x")),
            ("transferee-member-id", target.ToString("x")));
        _loop.Post(new LoopEvent(LoopEventKind.Transfer, target));
        ulong before = Id;
        while (LeaderId != target)
        {
            await Task.Delay(Options.HeartbeatInterval, _time, cancellation).ConfigureAwait(false);
            if (_ending.IsCancellationRequested)
            {
                throw EtcdErrors.ServerStopped;
            }
        }

        _log.Info("leadership transfer finished", _log.Local, ("old-leader-member-id", before.ToString("x")),
            ("new-leader-member-id", LeaderId.ToString("x")), ("took", _time.GetElapsedTime(started).ToString()));
    }

    /// <summary>A leader that stops hands over to the voter with the oldest connection (spec 04 §9.3).</summary>
    private async Task HandOverAsync(CancellationToken cancellation)
    {
        if (!IsLeader)
        {
            _log.Info("skipped leadership transfer; local server is not leader", _log.Local, ("current-leader-member-id", LeaderId.ToString("x")));
            return;
        }

        ClusterMember[] voters = [.. Cluster.Sorted.Where(member => !member.IsLearner)];
        if (voters.Length <= 1)
        {
            _log.Info("skipped leadership transfer for single voting member cluster", _log.Local);
            return;
        }

        ulong target = voters.Where(member => member.Id != Id)
            .Select(member => (member.Id, Since: _transport.ActiveSince(member.Id)))
            .Where(peer => peer.Since is not null)
            .OrderBy(peer => peer.Since)
            .Select(peer => peer.Id)
            .FirstOrDefault();
        using var limit = new CancellationTokenSource(Options.RequestTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (target == 0)
            {
                throw EtcdErrors.UnhealthyCluster;
            }

            await TransferAsync(target, either.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            _log.Warn("leadership transfer failed", _log.Local, ("error", error.Message));
        }
    }
}
