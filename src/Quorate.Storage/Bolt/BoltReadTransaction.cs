namespace Quorate.Storage.Bolt;

/// <summary>
/// A state of the database that does not change. Keys and values are spans over the file's pages: valid until the transaction is disposed.
/// May be used by several threads.
/// </summary>
public sealed unsafe class BoltReadTransaction : IDisposable
{
    private const int CopyChunk = 64 * 1024;

    private readonly BoltDatabase _database;
    private readonly byte* _mapping;
    private readonly BoltMeta _meta;
    private int _disposed;

    internal BoltReadTransaction(BoltDatabase database, byte* mapping, BoltMeta meta)
    {
        _database = database;
        _mapping = mapping;
        _meta = meta;
    }

    /// <summary>Bytes of a copy: all pages below the high-water mark.</summary>
    public long Size => (long)_meta.HighWater * _database.PageSize;

    /// <summary>The number of the transaction that made this state.</summary>
    public ulong TransactionId => _meta.Transaction;

    /// <summary>The names of all buckets, in order.</summary>
    public IReadOnlyList<byte[]> BucketNames()
    {
        var names = new List<byte[]>();
        var cursor = new BoltCursor(this, Root, 0);
        for (bool more = cursor.First(); more; more = cursor.Next())
        {
            names.Add(cursor.Key.ToArray());
        }

        return names;
    }

    /// <summary>A bucket; null if there is none of the name.</summary>
    public BoltBucket? Bucket(ReadOnlySpan<byte> name)
    {
        Page page = Root;
        while (!page.IsLeaf)
        {
            page = PageAt(page.Child(page.FindChild(name)));
        }

        (int index, bool exact) = page.Find(name);
        return exact && page.IsBucket(index) ? BucketOf(page, index) : null;
    }

    /// <summary>
    /// Copies the whole database as a file of its own (spec 05 §4.10), in chunks; the writer goes on meanwhile, and what it frees is not
    /// used again before this transaction ends.
    /// </summary>
    public void CopyTo(Action<ReadOnlySpan<byte>> write)
    {
        for (long offset = 0; offset < Size; offset += CopyChunk)
        {
            write(ReadCopy(offset, (int)Math.Min(CopyChunk, Size - offset)));
        }
    }

    /// <summary>A part of what <see cref="CopyTo"/> writes.</summary>
    public byte[] ReadCopy(long offset, int length)
    {
        var part = new byte[length];
        new ReadOnlySpan<byte>(_mapping + offset, length).CopyTo(part);
        int pageSize = _database.PageSize;
        if (offset < 2L * pageSize)
        {
            // The two meta pages lead to this state, whatever the file's own say by now.
            var metas = new byte[2 * pageSize];
            _meta.WritePage(metas.AsSpan(0, pageSize), 0);
            (_meta with { Transaction = _meta.Transaction - 1 }).WritePage(metas.AsSpan(pageSize), 1);
            metas.AsSpan((int)offset, (int)Math.Min(length, metas.Length - offset)).CopyTo(part);
        }

        return part;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _database.EndRead(_meta.Transaction);
        }
    }

    internal BoltDatabase Database => _database;

    internal ulong HighWater => _meta.HighWater;

    internal ulong RootId => _meta.Root;

    internal Page Root => PageAt(_meta.Root);

    internal Page PageAt(ulong id) => Page.At(_database, _mapping, id, _meta.HighWater);

    /// <summary>Tells every page that is reachable, with the number of pages that it takes.</summary>
    internal void VisitPages(Action<ulong, ulong> visit) => VisitTree(Root, visit, isRoot: true, depth: 0);

    private BoltBucket BucketOf(Page page, int index)
    {
        ReadOnlySpan<byte> value = page.Value(index);
        if (value.Length < BoltBucket.HeaderSize)
        {
            throw _database.Damaged(page.Id, "a bucket's value is too short");
        }

        ulong root = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(value);
        fixed (byte* start = value)
        {
            // The value lies in the mapping, which does not move.
            return root != 0
                ? new BoltBucket(this, PageAt(root), root)
                : new BoltBucket(this, Page.Inline(_database, start + BoltBucket.HeaderSize, value.Length - BoltBucket.HeaderSize, page.Id), 0);
        }
    }

    private void VisitTree(Page page, Action<ulong, ulong> visit, bool isRoot, int depth)
    {
        if (depth > BoltCursor.MaxDepth)
        {
            throw _database.Damaged(page.Id, "the tree is too deep");
        }

        visit(page.Id, page.Pages);
        if (!page.IsLeaf)
        {
            for (int index = 0; index < page.Count; index++)
            {
                VisitTree(PageAt(page.Child(index)), visit, isRoot, depth + 1);
            }
        }
        else if (isRoot)
        {
            for (int index = 0; index < page.Count; index++)
            {
                if (page.IsBucket(index) && BucketOf(page, index) is { RootId: not 0 } bucket)
                {
                    VisitTree(PageAt(bucket.RootId), visit, isRoot: false, depth: 0);
                }
            }
        }
    }
}
