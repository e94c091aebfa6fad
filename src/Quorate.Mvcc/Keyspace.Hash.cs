using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Protocol;

namespace Quorate.Mvcc;

/// <summary>Hashes by which members compare their history (spec 03 §4.5, 05 §9).</summary>
public sealed partial class Keyspace
{
    private const int MaxCompactionHashes = 10;

    private KeyHash[] _compactionHashes = [];
    private HistoryHash? _growingHash;
    private BackendView? _growingView;
    private KeyHash _growing;
    private long _growingFrom;

    /// <summary>Called on the writer's thread when a compaction has left its hash.</summary>
    public event Action<KeyHash>? CompactionHashed;

    /// <summary>
    /// What the last compactions hashed before they removed anything, newest last; each with the compaction before it. Not kept
    /// over a restart.
    /// </summary>
    public IReadOnlyList<KeyHash> CompactionHashes => Volatile.Read(ref _compactionHashes);

    /// <summary>The hash of the history up to a revision, 0 for the current one, as etcd computes it.</summary>
    public KeyHash HashKv(long revision)
    {
        if (revision > 0)
        {
            foreach (KeyHash stored in CompactionHashes)
            {
                if (stored.HashRevision == revision)
                {
                    return stored with { Revision = Revision };
                }
            }
        }

        long current = Revision, compacted = CompactedRevision;
        if (revision > current)
        {
            throw EtcdErrors.FutureRevision;
        }

        if (revision > 0 && revision < compacted)
        {
            throw EtcdErrors.Compacted;
        }

        long at = revision <= 0 ? current : revision;
        KeyIndex.Node root = _index.Published;
        BackendView view = _backend.AcquireView();
        try
        {
            var hash = new HistoryHash(root, at, compacted);
            view.VisitRows(0, hash.Add);
            return CompactedRevision > at && revision > 0 ? throw EtcdErrors.Compacted
                : new KeyHash(hash.Value, at, compacted, current);
        }
        finally
        {
            view.Release();
        }
    }

    /// <summary>Begins the hash of what a compaction is about to thin out. It grows in the compaction's own steps.</summary>
    private void BeginCompactionHash(long revision)
    {
        _growing = new KeyHash(0, revision, CompactedRevision, 0);
        _growingHash = new HistoryHash(_index.Published, revision, CompactedRevision);
        _growingView = _backend.AcquireView();
        _growingFrom = 0;
    }

    private void StepCompactionHash(int rows)
    {
        if (_growingHash is not { } hash || _growingView is not { } view)
        {
            return;
        }

        long seen = 0, last = -1, next = -1;
        view.VisitRows(_growingFrom, (main, sub, isTombstone, value) =>
        {
            if (seen++ >= rows && main != last)
            {
                next = main;
                return false;
            }

            last = main;
            return hash.Add(main, sub, isTombstone, value);
        });
        if (next >= 0)
        {
            _growingFrom = next;
            return;
        }

        _growing = _growing with { Hash = hash.Value };
        DropCompactionHash();
        Volatile.Write(ref _compactionHashes, [.. _compactionHashes.Append(_growing).TakeLast(MaxCompactionHashes)]);
        CompactionHashed?.Invoke(_growing);
    }

    private void DropCompactionHash()
    {
        _growingView?.Release();
        _growingView = null;
        _growingHash = null;
    }
}
