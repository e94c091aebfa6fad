using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc;

/// <summary>
/// The hash of a history up to a revision, as it grows row by row (spec 03 §4.5, 05 §9). What lies at or below the compaction
/// counts only as far as it is kept.
/// </summary>
internal sealed class HistoryHash
{
    private readonly KeyIndex.Node _root;
    private readonly long _at;
    private readonly long _compacted;
    private readonly bool _keepsAll;
    private readonly byte[] _key = new byte[RevisionKey.TombstoneLength];
    private uint _hash = Crc32C.Update(0, Buckets.Key);

    public HistoryHash(KeyIndex.Node root, long at, long compacted)
    {
        _root = root;
        _at = at;
        _compacted = compacted;

        // With nothing live at the revision, etcd's set of what to keep is empty, and an empty set stands for everything.
        _keepsAll = compacted > 0 && !root.Range([], null).Any(history => history.TryGet(at, out _));
        _key[RevisionKey.Length] = (byte)'t';
    }

    public uint Value => _hash;

    /// <summary>Adds a row; false for one behind the revision.</summary>
    public bool Add(long main, long sub, bool isTombstone, ReadOnlySpan<byte> value)
    {
        if (main > _at)
        {
            return false;
        }

        if (main <= _compacted && (_keepsAll
            ? (isTombstone && main == _compacted) || !IsIndexed(value, main)
            : isTombstone || !IsKept(value, main, (int)sub)))
        {
            return true;
        }

        RevisionKey.Write(_key, main, sub);
        _hash = Crc32C.Update(_hash, _key.AsSpan(0, isTombstone ? RevisionKey.TombstoneLength : RevisionKey.Length));
        _hash = Crc32C.Update(_hash, value);
        return true;
    }

    /// <summary>Rows that a compaction removed are in the database until the next commit.</summary>
    private bool IsIndexed(ReadOnlySpan<byte> value, long main) =>
        _root.Find(RowCodec.Decode(value).Key) is { } history && history.Contains(main);

    private bool IsKept(ReadOnlySpan<byte> value, long main, int sub) =>
        _root.Find(RowCodec.Decode(value).Key) is { } history && history.TryGet(_at, out Revision newest) && newest.Main == main
            && newest.Sub == sub;
}
