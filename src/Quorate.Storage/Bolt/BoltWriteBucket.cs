using System.Buffers.Binary;

namespace Quorate.Storage.Bolt;

/// <summary>A bucket that is being changed.</summary>
public sealed class BoltWriteBucket
{
    public const int MaxKeySize = 32768;

    private readonly BoltWriteTransaction _transaction;
    private BoltNode _root;

    internal BoltWriteBucket(BoltWriteTransaction transaction, BoltNode root)
    {
        _transaction = transaction;
        _root = root;
    }

    /// <summary>How full pages are made: 0.5 for keys in any order, 0.9 for keys that only grow (spec 05 §4.8).</summary>
    public double FillPercent { get; set; } = 0.5;

    public void Put(byte[] key, byte[] value)
    {
        if (key.Length is 0 or > MaxKeySize)
        {
            throw new ArgumentException(key.Length == 0 ? "key required" : "key too large", nameof(key));
        }

        BoltNode leaf = LeafOf(key);
        (int index, bool exact) = leaf.Find(key);
        if (exact)
        {
            BoltNode.Item item = leaf.Items[index];
            item.SetValue(value);
            leaf.Items[index] = item;
        }
        else
        {
            var item = new BoltNode.Item(key);
            item.SetValue(value);
            leaf.Items.Insert(index, item);
        }
    }

    /// <summary>Removes a key; nothing happens if it is not there.</summary>
    public void Delete(ReadOnlySpan<byte> key)
    {
        BoltNode leaf = LeafOf(key, out List<BoltNode>? path);
        (int index, bool exact) = leaf.Find(key);
        if (exact)
        {
            leaf.Items.RemoveAt(index);
            foreach (BoltNode node in path)
            {
                node.HasShrunk = true;
            }
        }
    }

    /// <summary>The value of a key as this transaction sees it; valid until the next change.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        BoltNode leaf = LeafOf(key);
        (int index, bool exact) = leaf.Find(key);
        value = exact ? leaf.Items[index].Value : default;
        return exact;
    }

    /// <summary>Removes all keys.</summary>
    public void Clear()
    {
        FreeAll(_root);
        _root = new BoltNode(isLeaf: true, 0, 0);
    }

    /// <summary>Writes the bucket's pages; returns the bucket's value in the root bucket.</summary>
    internal byte[] Write()
    {
        BoltTreeWriter writer = new(_transaction, FillPercent);
        _root = writer.Prepare(_root);
        long inlineSize = BoltBucket.HeaderSize + _root.Size - Page.HeaderSize;
        if (_root.IsLeaf && inlineSize <= _transaction.PageSize / 4)
        {
            _transaction.Free(_root);
            var inline = new byte[BoltBucket.HeaderSize + _root.Size];
            BoltTreeWriter.Fill(inline.AsSpan(BoltBucket.HeaderSize), 0, _root.IsLeaf, _root.Items, 0, _root.Items.Count);
            return inline;
        }

        var value = new byte[BoltBucket.HeaderSize];
        BinaryPrimitives.WriteUInt64LittleEndian(value, writer.WriteRoot(_root));
        return value;
    }

    private BoltNode LeafOf(ReadOnlySpan<byte> key)
    {
        BoltNode node = _root;
        while (!node.IsLeaf)
        {
            node = _transaction.ChildOf(node, node.FindChild(key));
        }

        return node;
    }

    private BoltNode LeafOf(ReadOnlySpan<byte> key, out List<BoltNode> path)
    {
        path = [_root];
        while (!path[^1].IsLeaf)
        {
            path.Add(_transaction.ChildOf(path[^1], path[^1].FindChild(key)));
        }

        return path[^1];
    }

    private void FreeAll(BoltNode node)
    {
        if (!node.IsLeaf)
        {
            for (int index = 0; index < node.Items.Count; index++)
            {
                FreeAll(_transaction.ChildOf(node, index));
            }
        }

        _transaction.Free(node);
    }
}
