using Quorate.Raft;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>What the transport tells, and what it is told of the membership.</summary>
public sealed partial class Member
{
    /// <summary>A member that applied its own removal still answers for so long.</summary>
    private static readonly TimeSpan s_lingerAfterRemoval = TimeSpan.FromSeconds(1);

    public string SnapshotDirectory => Options.SnapshotDirectory;

    public void Receive(Message message)
    {
        if (!_loop.Receive(message))
        {
            _log.Warn("dropped Raft message since receiving buffer is full", ("message-type", $"Msg{message.Type}"), _log.Local,
                ("from", message.From.ToString("x")));
        }
    }

    public bool IsRemoved(ulong id) => _cluster.View.Removed.Contains(id);

    public bool IsMember(ulong id) => _cluster.View.Members.ContainsKey(id);

    public void ReportUnreachable(ulong id) => _loop.Post(new LoopEvent(LoopEventKind.Unreachable, id));

    public void ReportSnapshot(ulong id, bool failed) =>
        _loop.Post(new LoopEvent(failed ? LoopEventKind.SnapshotFailed : LoopEventKind.SnapshotSent, id));

    public void ReportRemoved() => EndRemoved();

    /// <summary>Called on the applier.</summary>
    private void TakeMembershipChange(ConfChange change)
    {
        if (change.Type == ConfChangeType.RemoveNode && change.NodeId == Id)
        {
            _ = EndRemovedLaterAsync();
        }
    }

    private async Task EndRemovedLaterAsync()
    {
        try
        {
            await Task.Delay(s_lingerAfterRemoval, _time, _ending.Token).ConfigureAwait(false);
            EndRemoved();
        }
        catch (OperationCanceledException)
        {
            // It ends anyway.
        }
    }

    private void EndRemoved()
    {
        if (Volatile.Read(ref _isEnding) != 0)
        {
            return;
        }

        const string Reason = "the member has been permanently removed from the cluster";
        WasRemoved = true;
        _log.Warn("server error", ("error", Reason));
        _log.Warn("data-dir used by this member must be removed");
        _ = Options.HasThreads ? Task.Run(() => EndAsync(Reason)) : EndAsync(Reason);
    }

    /// <summary>Brings the transport's peers to what the membership says; called on the applier.</summary>
    private void FollowMembership(ClusterView before, ClusterView after)
    {
        foreach (ClusterMember gone in before.Sorted.Where(member => member.Id != Id && !after.Members.ContainsKey(member.Id)))
        {
            _transport.RemovePeer(gone.Id);
            if (after.Removed.Contains(gone.Id))
            {
                _log.Info("removed member", _log.Cluster, _log.Local, ("removed-remote-peer-id", gone.HexId),
                    ("removed-remote-peer-urls", gone.PeerUrls), ("removed-remote-peer-is-learner", gone.IsLearner));
            }
        }

        foreach (ClusterMember member in after.Sorted)
        {
            ClusterMember? known = before.Members.GetValueOrDefault(member.Id);
            if (known is null)
            {
                _log.Info("added member", _log.Cluster, _log.Local, ("added-peer-id", member.HexId), ("added-peer-peer-urls", member.PeerUrls),
                    ("added-peer-is-learner", member.IsLearner));
            }
            else if (known.IsLearner && !member.IsLearner)
            {
                _log.Info("promote member", _log.Cluster, _log.Local, ("promoted-member-id", member.HexId));
            }

            if (member.Id == Id)
            {
                continue;
            }

            if (known is null)
            {
                _transport.AddPeer(member.Id, member.PeerUrls);
            }
            else if (!known.PeerUrls.SequenceEqual(member.PeerUrls))
            {
                _log.Info("updated member", _log.Cluster, _log.Local, ("updated-remote-peer-id", member.HexId),
                    ("updated-remote-peer-urls", member.PeerUrls), ("updated-remote-peer-is-learner", member.IsLearner));
                _transport.UpdatePeer(member.Id, member.PeerUrls);
            }
        }
    }
}
