using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Protocol;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc;

/// <summary>Hashes by which members compare their history (spec 05 §9).</summary>
public sealed partial class Keyspace
{
    /// <summary>The hash of the history up to a revision, 0 for the current one, as etcd computes it.</summary>
    public KeyHash HashKv(long revision)
    {
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
            uint hash = Crc32C.Update(0, Buckets.Key);
            uint result = hash;

            // With nothing live at the revision, etcd's set of what to keep is empty, and an empty set stands for everything.
            bool keepsAll = compacted > 0 && !root.Range([], null).Any(history => history.TryGet(at, out _));
            var buffer = new byte[RevisionKey.TombstoneLength];
            buffer[RevisionKey.Length] = (byte)'t';
            view.VisitRows(0, (main, sub, isTombstone, value) =>
            {
                if (main > at)
                {
                    return false;
                }

                if (main <= compacted && (keepsAll
                    ? (isTombstone && main == compacted) || !IsIndexed(root, value, main)
                    : isTombstone || !IsKept(root, value, at, main, (int)sub)))
                {
                    return true;
                }

                RevisionKey.Write(buffer, main, sub);
                result = Crc32C.Update(result, buffer.AsSpan(0, isTombstone ? RevisionKey.TombstoneLength : RevisionKey.Length));
                result = Crc32C.Update(result, value);
                return true;
            });
            return CompactedRevision > at && revision > 0 ? throw EtcdErrors.Compacted : new KeyHash(result, at, compacted, current);
        }
        finally
        {
            view.Release();
        }
    }

    /// <summary>Rows that a compaction removed are in the database until the next commit.</summary>
    private static bool IsIndexed(KeyIndex.Node root, ReadOnlySpan<byte> value, long main) =>
        root.Find(RowCodec.Decode(value).Key) is { } history && history.Contains(main);

    private static bool IsKept(KeyIndex.Node root, ReadOnlySpan<byte> value, long at, long main, int sub)
    {
        ReadOnlySpan<byte> key = RowCodec.Decode(value).Key;
        return root.Find(key) is { } history && history.TryGet(at, out Revision newest) && newest.Main == main && newest.Sub == sub;
    }
}
