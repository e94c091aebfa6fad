namespace Quorate.Storage.Bolt;

/// <summary>A sorted map from bytes to bytes, as one read transaction sees it.</summary>
public sealed class BoltBucket
{
    /// <summary>Bytes of a bucket's value before an inline page: the root page and a sequence number (spec 05 §4.4).</summary>
    internal const int HeaderSize = 16;

    private readonly BoltReadTransaction _transaction;
    private readonly Page _root;

    internal BoltBucket(BoltReadTransaction transaction, Page root, ulong rootId)
    {
        _transaction = transaction;
        _root = root;
        RootId = rootId;
    }

    /// <summary>0 if the bucket is inline.</summary>
    internal ulong RootId { get; }

    /// <summary>Finds the value of a key.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        Page page = _root;
        for (int depth = 0; !page.IsLeaf; depth++)
        {
            if (page.Count == 0 || depth > BoltCursor.MaxDepth)
            {
                throw _transaction.Database.Damaged(page.Id, "an empty branch, or a tree that is too deep");
            }

            page = _transaction.PageAt(page.Child(page.FindChild(key)));
        }

        (int index, bool exact) = page.Find(key);
        value = exact ? page.Value(index) : default;
        return exact;
    }

    public BoltCursor Cursor() => new(_transaction, _root, RootId);
}
