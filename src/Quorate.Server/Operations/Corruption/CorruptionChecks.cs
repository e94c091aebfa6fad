using Quorate.Mvcc;
using Quorate.Protocol;
using Quorate.Server.Membership;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations.Corruption;

/// <summary>
/// Compares the histories of the members by their hashes, and raises an alarm for one that differs (spec 03 §5.3). Each check is
/// one round; who runs them decides when.
/// </summary>
public sealed class CorruptionChecks(IMember member, IPeerTransport transport)
{
    private long _checkedRevision;

    /// <summary>
    /// Before a restarted member serves: <see cref="BootstrapException"/> if another member has a different hash of the same
    /// history.
    /// </summary>
    public async Task CheckInitiallyAsync(CancellationToken cancellation)
    {
        Log("info", "starting initial corruption check");
        KeyHash own = member.Keyspace.HashKv(0);
        int mismatches = 0;
        foreach (ClusterMember peer in Others())
        {
            if (await AskAsync(peer, own.HashRevision, cancellation).ConfigureAwait(false) is not { } theirs)
            {
                Log("warn", "failed hash kv request", ("remote-peer-id", peer.Id.ToString("x")),
                    ("requested-revision", own.HashRevision));
                continue;
            }

            if (theirs.Hash == own.Hash)
            {
                continue;
            }

            (string, object?)[] fields =
            [
                ("local-member-revision", own.HashRevision), ("local-member-compact-revision", own.CompactRevision),
                    ("local-member-hash", own.Hash),
                ("remote-peer-id", peer.Id.ToString("x")), ("remote-peer-compact-revision", theirs.CompactRevision),
                    ("remote-peer-hash", theirs.Hash),
            ];
            if (theirs.CompactRevision == own.CompactRevision)
            {
                mismatches++;
                Log("warn", "found different hash values from remote peer", fields);
            }
            else
            {
                Log("warn", "found different compact revision values from remote peer", fields);
            }
        }

        if (mismatches > 0)
        {
            throw new BootstrapException($"{member.Id:x} found data inconsistency with peers");
        }

        Log("info", "initial corruption checking passed; no corruption");
    }

    /// <summary>One round of the periodic check. Only the leader makes it.</summary>
    public async Task CheckPeriodicallyAsync(CancellationToken cancellation)
    {
        if (!member.IsLeader)
        {
            return;
        }

        KeyHash first = member.Keyspace.HashKv(0);
        var answers = new List<(ClusterMember Peer, KeyHash Hash)>();
        foreach (ClusterMember peer in Others())
        {
            if (await AskAsync(peer, first.HashRevision, cancellation).ConfigureAwait(false) is { } hash)
            {
                answers.Add((peer, hash));
            }
        }

        await member.ReadBarrierAsync(cancellation).ConfigureAwait(false);
        KeyHash second = member.Keyspace.HashKv(0);
        if (second.HashRevision == first.HashRevision && second.CompactRevision == first.CompactRevision
            && second.Hash != first.Hash)
        {
            Log("warn", "found hash mismatch", ("revision-1", first.HashRevision),
                ("compact-revision-1", first.CompactRevision), ("hash-1", first.Hash),
                ("revision-2", second.HashRevision), ("compact-revision-2", second.CompactRevision), ("hash-2", second.Hash));
            await RaiseAsync(member.Id, cancellation).ConfigureAwait(false);
            return;
        }

        foreach ((ClusterMember peer, KeyHash theirs) in answers)
        {
            string? fault =
                theirs.Revision > second.Revision ? "revision from follower must be less than or equal to leader's"
                : theirs.CompactRevision > second.CompactRevision
                    ? "compact revision from follower must be less than or equal to leader's"
                : theirs.CompactRevision == first.CompactRevision && theirs.Hash != first.Hash
                    ? "same compact revision then hashes must match"
                : null;
            if (fault is not null)
            {
                Log("warn", fault, ("leader-compact-revision", first.CompactRevision), ("leader-hash", first.Hash),
                    ("follower-compact-revision", theirs.CompactRevision), ("follower-hash", theirs.Hash),
                        ("follower-peer-id", peer.Id.ToString("x")));
                await RaiseAsync(peer.Id, cancellation).ConfigureAwait(false);
                return;
            }
        }

        Log("info", "finished peer corruption check", ("number-of-peers-checked", answers.Count));
    }

    /// <summary>One round of comparing the hashes that compactions left. Only the leader makes it.</summary>
    public async Task CheckCompactionsAsync(CancellationToken cancellation)
    {
        if (!member.IsLeader)
        {
            return;
        }

        ClusterMember[] peers = [.. Others()];
        foreach (KeyHash own in member.Keyspace.CompactionHashes.Where(hash => hash.HashRevision > _checkedRevision)
            .OrderByDescending(hash => hash.HashRevision))
        {
            var byHash = new Dictionary<uint, List<ulong>> { [own.Hash] = [member.Id] };
            int answered = 0;
            foreach (ClusterMember peer in peers)
            {
                if (await AskAsync(peer, own.HashRevision, cancellation).ConfigureAwait(false) is not { } theirs
                    || theirs.CompactRevision != own.CompactRevision)
                {
                    continue;
                }

                answered++;
                if (!byHash.TryGetValue(theirs.Hash, out List<ulong>? holders))
                {
                    byHash[theirs.Hash] = holders = [];
                }

                holders.Add(peer.Id);
            }

            if (byHash.Count > 1)
            {
                await AccuseAsync(own, byHash, peers.Length + 1, cancellation).ConfigureAwait(false);
                return;
            }

            if (answered == peers.Length)
            {
                _checkedRevision = own.HashRevision;
                Log("info", "successfully checked hash on whole cluster", ("number-of-peers-checked", answered),
                    ("revision", own.HashRevision));
                return;
            }
        }
    }

    /// <summary>Those whose hash is not the majority's; the whole cluster if there is no majority.</summary>
    private async Task AccuseAsync(KeyHash own, Dictionary<uint, List<ulong>> byHash, int members, CancellationToken cancellation)
    {
        Log("error", "Detected compaction hash mismatch", ("leader-hash", own.Hash), ("revision", own.HashRevision),
            ("compact-revision", own.CompactRevision),
                ("hashes", byHash.Select(pair => $"{pair.Key}: {string.Join(' ', pair.Value.Select(id => id.ToString("x")))}")));
        KeyValuePair<uint, List<ulong>> most = byHash.MaxBy(pair => pair.Value.Count);
        if (most.Value.Count <= members / 2)
        {
            await RaiseAsync(0, cancellation).ConfigureAwait(false);
            return;
        }

        foreach (ulong id in byHash.Where(pair => pair.Key != most.Key).SelectMany(pair => pair.Value).Order())
        {
            await RaiseAsync(id, cancellation).ConfigureAwait(false);
        }
    }

    private IEnumerable<ClusterMember> Others() => member.Cluster.Sorted.Where(peer => peer.Id != member.Id);

    private async Task<KeyHash?> AskAsync(ClusterMember peer, long revision, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(member.Options.RequestTimeout, member.Options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await transport.GetHashAsync(peer, revision, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Versions before 3.6 accuse nobody by name.</summary>
    private async Task RaiseAsync(ulong id, CancellationToken cancellation)
    {
        var alarm = new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Activate,
            MemberID = member.Options.CompatVersion >= new Version(3, 6) ? id : 0,
            Alarm = AlarmType.Corrupt,
        };
        await member.ProposeAsync(new InternalRaftRequest { Alarm = alarm }, cancellation).ConfigureAwait(false);
    }

    private void Log(string level, string message, params (string Key, object? Value)[] fields) =>
        member.Options.Log?.Invoke(level, message, [("local-member-id", member.Id.ToString("x")), .. fields]);
}
