using Quorate.Mvcc.Indexing;
using Quorate.Protocol;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc;

/// <summary>Compaction in small steps between other changes (spec 02 §6, 05 §8).</summary>
public sealed partial class Keyspace
{
    private readonly List<TaskCompletionSource> _physicalWaiters = [];
    private long _scheduled = -1;
    private long _compactedRows;
    private IEnumerator<KeyHistory>? _toCompact;

    /// <summary>Rows that compactions have removed since the start.</summary>
    public long CompactedRows => Volatile.Read(ref _compactedRows);

    /// <summary>Whether rows of a compaction are still to be removed: the host calls <see cref="CompactStep"/> until they are not.</summary>
    public bool IsCompacting => _toCompact is not null || _growingHash is not null;

    /// <summary>
    /// Compacts at a revision: from now on nothing below it can be read. The rows are removed in steps; the task ends when they are and
    /// that is committed.
    /// </summary>
    public Task Compact(long revision)
    {
        if (revision <= CompactedRevision)
        {
            throw EtcdErrors.Compacted;
        }

        if (revision > _revision)
        {
            throw EtcdErrors.FutureRevision;
        }

        while (IsCompacting)
        {
            // One at a time, as the marks on the disk know one only.
            CompactStep(int.MaxValue);
        }

        _backend.Put(Buckets.Meta, MetaKeys.ScheduledCompaction, RevisionKey.Encode(revision, 0, false));
        BeginCompactionHash(revision);
        StartCompaction(revision);
        return PhysicallyCompacted();
    }

    /// <summary>Ends when no row is left to be removed of compactions so far.</summary>
    public Task PhysicallyCompacted()
    {
        if (!IsCompacting)
        {
            return Task.CompletedTask;
        }

        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _physicalWaiters.Add(waiter);
        return waiter.Task;
    }

    /// <summary>Looks at some more keys. The writer calls it between two changes.</summary>
    public void CompactStep(int keys)
    {
        if (!IsCompacting)
        {
            return;
        }

        StepCompactionHash(keys);
        var removed = new List<Revision>();
        for (int count = 0; count < keys && _toCompact is not null; count++)
        {
            if (!_toCompact.MoveNext())
            {
                _toCompact.Dispose();
                _toCompact = null;
                break;
            }

            KeyHistory history = _toCompact.Current;
            KeyHistory? current = _index.Working.Find(history.Key);
            KeyHistory? compacted = current?.Compact(_scheduled, removed);
            if (current is not null && !ReferenceEquals(compacted, current))
            {
                _index.Replace(history.Key, compacted);
            }
        }

        Volatile.Write(ref _compactedRows, _compactedRows + removed.Count);
        foreach (Revision revision in removed)
        {
            _backend.Delete(Buckets.Key, RevisionKey.Encode(revision.Main, revision.Sub, revision.IsTombstone));
        }

        _index.Publish();
        if (!IsCompacting)
        {
            _backend.Put(Buckets.Meta, MetaKeys.FinishedCompaction, RevisionKey.Encode(_scheduled, 0, false));
            foreach (TaskCompletionSource waiter in _physicalWaiters)
            {
                waiter.SetResult();
            }

            _physicalWaiters.Clear();
        }
    }

    private void StartCompaction(long revision)
    {
        _scheduled = revision;
        Volatile.Write(ref _compacted, revision);

        // The published tree does not change; keys that come later have nothing to be compacted.
        _toCompact = _index.Published.Range([], null).GetEnumerator();
    }
}
