namespace Quorate.Storage.Bolt;

/// <summary>
/// The changes of the one writer. Nothing is visible or on the disk before <see cref="Commit"/>; disposing without it forgets everything.
/// Keys and values that are given become the transaction's: they must not change until it ends.
/// </summary>
public sealed class BoltWriteTransaction : IDisposable
{
    private readonly BoltDatabase _database;
    private readonly BoltMeta _meta;
    private readonly SortedDictionary<ulong, ReadOnlyMemory<byte>> _pages = [];
    private readonly List<ulong> _freed = [];
    private readonly List<(ulong Start, ulong Count)> _taken = [];
    private readonly Dictionary<string, BoltWriteBucket> _buckets = [];
    private readonly BoltNode _root;
    private ulong _highWater;
    private bool _isOver;

    internal BoltWriteTransaction(BoltDatabase database, BoltMeta meta)
    {
        _database = database;
        _meta = meta;
        _highWater = meta.HighWater;
        _root = Read(meta.Root);
    }

    /// <summary>The number of this transaction.</summary>
    public ulong TransactionId => _meta.Transaction + 1;

    internal int PageSize => _database.PageSize;

    /// <summary>A bucket, which is made if there is none of the name.</summary>
    public BoltWriteBucket Bucket(ReadOnlySpan<byte> name)
    {
        string key = System.Text.Encoding.Latin1.GetString(name);
        if (_buckets.TryGetValue(key, out BoltWriteBucket? bucket))
        {
            return bucket;
        }

        (BoltNode leaf, int index, bool exact) = FindInRoot(name);
        BoltNode root;
        if (!exact)
        {
            root = new BoltNode(isLeaf: true, 0, 0);
            leaf.Items.Insert(index, new BoltNode.Item(name.ToArray()) { IsBucket = true });
        }
        else
        {
            ReadOnlySpan<byte> value = leaf.Items[index].Value;
            ulong rootId = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(value);
            root = rootId != 0 ? Read(rootId) : ReadInline(value[BoltBucket.HeaderSize..]);
        }

        bucket = new BoltWriteBucket(this, root);
        _buckets[key] = bucket;
        return bucket;
    }

    /// <summary>Makes all changes durable, and visible to readers that begin from now on.</summary>
    public void Commit()
    {
        try
        {
            foreach ((string name, BoltWriteBucket bucket) in _buckets)
            {
                byte[] key = System.Text.Encoding.Latin1.GetBytes(name);
                (BoltNode leaf, int index, _) = FindInRoot(key);
                BoltNode.Item item = leaf.Items[index];
                item.SetValue(bucket.Write());
                leaf.Items[index] = item;
            }

            BoltTreeWriter writer = new(this, fill: 0.5);
            ulong root = writer.WriteRoot(_root);
            var next = new BoltMeta(PageSize, root, BoltMeta.NoFreeList, _highWater, TransactionId);
            _database.FreePages.Free(TransactionId, _freed);
            _database.Commit(next, _pages);
            _isOver = true;
            _database.EndWrite();
        }
        catch (Exception) when (!_isOver)
        {
            // The pages that were taken are lost for this process at worst: what the disk has is not known any more.
            _isOver = true;
            _database.EndWrite();
            throw;
        }
    }

    public void Dispose()
    {
        if (!_isOver)
        {
            _isOver = true;
            foreach ((ulong start, ulong count) in _taken)
            {
                _database.FreePages.Add(start, count);
            }

            _database.EndWrite();
        }
    }

    /// <summary>Takes a page of the file apart.</summary>
    internal unsafe BoltNode Read(ulong id) => TakeApart(Page.At(_database, _database.Mapping, id, _meta.HighWater), id);

    internal void Free(BoltNode node)
    {
        for (ulong page = node.PageId; node.PageId != 0 && page < node.PageId + node.Pages; page++)
        {
            _freed.Add(page);
        }

        node.PageId = 0;
    }

    /// <summary>A run of pages with zeros to write into.</summary>
    internal ulong Allocate(ulong count, out Memory<byte> buffer)
    {
        ulong? free = _database.FreePages.Take(count);
        ulong id = free ?? _highWater;
        if (free is null)
        {
            _highWater += count;
        }
        else
        {
            _taken.Add((id, count));
        }

        buffer = new byte[count * (ulong)PageSize];
        _pages[id] = buffer;
        return id;
    }

    private (BoltNode Leaf, int Index, bool Exact) FindInRoot(ReadOnlySpan<byte> name)
    {
        BoltNode node = _root;
        while (!node.IsLeaf)
        {
            node = ChildOf(node, node.FindChild(name));
        }

        (int index, bool exact) = node.Find(name);
        return (node, index, exact);
    }

    internal BoltNode ChildOf(BoltNode node, int index)
    {
        BoltNode.Item item = node.Items[index];
        if (item.Child is null)
        {
            item.Child = Read(item.ChildId);
            node.Items[index] = item;
        }

        return item.Child;
    }

    private unsafe BoltNode ReadInline(ReadOnlySpan<byte> page)
    {
        fixed (byte* start = page)
        {
            // The page lies in the mapping, which does not move.
            return TakeApart(Page.Inline(_database, start, page.Length, _meta.Root), 0);
        }
    }

    private static BoltNode TakeApart(Page page, ulong id)
    {
        var node = new BoltNode(page.IsLeaf, id, page.Pages);
        node.Items.EnsureCapacity(page.Count + 4);
        for (int index = 0; index < page.Count; index++)
        {
            var item = new BoltNode.Item(page.Key(index));
            if (page.IsLeaf)
            {
                item.IsBucket = page.IsBucket(index);
                item.SetMappedValue(page.Value(index));
            }
            else
            {
                item.ChildId = page.Child(index);
            }

            node.Items.Add(item);
        }

        return node;
    }
}
