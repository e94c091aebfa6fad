using Quorate.Raft;
using Quorate.Raft.Quorum;
using Quorate.Server.Membership;
using Quorate.Storage.Schema;

namespace Quorate.Server.Replication;

/// <summary>Commits, and snapshots of what is committed.</summary>
internal sealed partial class Applier
{
    private readonly List<Action<CapturedState>> _captures = [];
    private ulong _snapshotIndex;
    private bool _mustSnapshot;

    /// <summary>
    /// Hands over the state at an index, soon: the database is committed beside the applier, which goes on. The action runs on the committer
    /// and must take what it needs of the database before it returns. Any thread may call it.
    /// </summary>
    public void Capture(Action<CapturedState> use) => Call(() => _captures.Add(use));

    private void FreezeIfDue()
    {
        int pending = _backend.PendingOperations;
        if (pending == 0 || (pending < _options.BackendBatchLimit && _time.GetElapsedTime(_lastFreeze) < _options.BackendBatchInterval))
        {
            return;
        }

        if (TryFreeze([]) || pending < ManyPending * _options.BackendBatchLimit)
        {
            return;
        }

        // The disk is too slow: what waits must not grow without bound.
        _backend.CommitFrozen();
    }

    private bool TryFreeze(Action[] afterwards)
    {
        if (!Committer.IsIdle || !_backend.Freeze())
        {
            return false;
        }

        _lastFreeze = _time.GetTimestamp();
        Committer.Begin(afterwards);
        return true;
    }

    private void TryCapture()
    {
        if (_captures.Count == 0 || !Committer.IsIdle)
        {
            // The committer wakes this loop when it is done.
            return;
        }

        if (_backend.PendingOperations == 0)
        {
            // A batch with the index alone, so that there is one.
            _backend.Put(Buckets.Meta, MetaKeys.ConsistentIndex, MetaKeys.Encode(_backend.ConsistentIndex));
        }

        Action<CapturedState>[] uses = [.. _captures];
        var captured = new CapturedState(_applied, _state.AppliedTerm, _configuration.ToConfState(), V2Membership.Of(_cluster.View).ToJson(), _backend);
        if (TryFreeze([.. uses.Select(use => (Action)(() => use(captured)))]))
        {
            _captures.Clear();
        }
    }

    private void SnapshotIfDue()
    {
        bool isDue = _applied > _snapshotIndex + _options.SnapshotCount || (_mustSnapshot && _applied > _snapshotIndex);
        if (!isDue)
        {
            return;
        }

        _log.Info("triggering snapshot", _log.Local, ("local-member-applied-index", _applied), ("local-member-snapshot-index", _snapshotIndex),
            ("local-member-snapshot-count", _options.SnapshotCount), ("snapshot-forced", _mustSnapshot));
        _snapshotIndex = _applied;
        _mustSnapshot = false;
        _captures.Add(captured =>
        {
            Snapshot snapshot = captured.ToSnapshot();
            _snapshots.Save(snapshot);
            Loop().Writer.Record(snapshot.Metadata);
            _log.Info("saved snapshot to disk", ("snapshot-index", snapshot.Metadata.Index));
        });
    }

    /// <summary>Takes the leader's database in the place of the own one; readers go on with what they had (spec 05 §7.1).</summary>
    private void InstallNow(Snapshot snapshot)
    {
        SnapshotMetadata metadata = snapshot.Metadata;
        if (metadata.Index > _applied)
        {
            _log.Info("applying snapshot", ("current-snapshot-index", _snapshotIndex), ("current-applied-index", _applied),
                ("incoming-leader-snapshot-index", metadata.Index), ("incoming-leader-snapshot-term", metadata.Term));
            string path = _snapshots.DatabasePathOf(metadata.Index);
            if (!_options.Files.FileExists(path))
            {
                throw new MemberFailedException(
                    "failed to open snapshot backend: failed to find database snapshot file (snap: snapshot file doesn't exist)");
            }

            _backend.Replace(path);
            if (_backend.ConsistentIndex < metadata.Index && _backend.ConsistentIndex != 0)
            {
                throw new MemberFailedException(
                    $"database file ({_backend.Path} index {_backend.ConsistentIndex}) does not match with snapshot (index {metadata.Index})");
            }

            _lessor.Reload(_backend);
            _keyspace.Reload();
            _alarms.Reload();
            _auth.Reload(_backend);
            _cluster.Reload(_backend);
            _configuration = Configuration.From(metadata.ConfState);
            _applied = _snapshotIndex = metadata.Index;
            _state.AppliedTerm = metadata.Term;
            _waiters.SetApplied(_applied);
            _snapshots.RemoveDatabasesBefore(metadata.Index);
            _log.Info("applied snapshot", ("current-snapshot-index", _snapshotIndex), ("current-applied-index", _applied),
                ("incoming-leader-snapshot-index", metadata.Index), ("incoming-leader-snapshot-term", metadata.Term));
        }

        Loop().Post(new LoopEvent(LoopEventKind.Applied, metadata.Index));
    }
}
