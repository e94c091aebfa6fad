using System.Buffers.Binary;

namespace Quorate.Storage.Bolt;

/// <summary>
/// Turns the changed nodes of a tree into pages, from the leaves up: too small ones are merged with a neighbour first, too large ones are
/// split (spec 05 §4.8). Nodes that were not touched stay the pages that they are.
/// </summary>
internal sealed class BoltTreeWriter(BoltWriteTransaction transaction, double fill)
{
    private const int MinItems = 2, MaxItems = 0xFFFE;

    /// <summary>Merges what has become too small; returns the node that is the root then.</summary>
    public BoltNode Prepare(BoltNode root)
    {
        if (root.HasShrunk)
        {
            MergeChildren(root);
            while (!root.IsLeaf && root.Items.Count <= 1)
            {
                if (root.Items.Count == 0)
                {
                    transaction.Free(root);
                    return new BoltNode(isLeaf: true, 0, 0);
                }

                BoltNode only = transaction.ChildOf(root, 0);
                transaction.Free(root);
                root = only;
            }
        }

        return root;
    }

    /// <summary>Writes a tree; returns the page of its root.</summary>
    public ulong WriteRoot(BoltNode root)
    {
        root = Prepare(root);
        List<(byte[] Key, ulong Id)> pages = WriteNode(root);
        while (pages.Count > 1)
        {
            var above = new BoltNode(isLeaf: false, 0, 0);
            foreach ((byte[] key, ulong id) in pages)
            {
                above.Items.Add(new BoltNode.Item(key) { ChildId = id });
            }

            pages = WriteNode(above);
        }

        return pages[0].Id;
    }

    /// <summary>Fills a page.</summary>
    public static void Fill(Span<byte> page, ulong id, bool isLeaf, List<BoltNode.Item> items, int start, int end)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(page, id);
        BinaryPrimitives.WriteUInt16LittleEndian(page[8..], (ushort)(isLeaf ? PageKind.Leaf : PageKind.Branch));
        BinaryPrimitives.WriteUInt16LittleEndian(page[10..], (ushort)(end - start));
        int element = Page.HeaderSize;
        int data = Page.HeaderSize + ((end - start) * Page.ElementSize);
        ReadOnlySpan<BoltNode.Item> span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(items)[start..end];
        foreach (ref readonly BoltNode.Item item in span)
        {
            Span<byte> target = page[element..];
            uint position = (uint)(data - element);
            ReadOnlySpan<byte> key = item.Key;
            if (isLeaf)
            {
                ReadOnlySpan<byte> value = item.Value;
                BinaryPrimitives.WriteUInt32LittleEndian(target, item.IsBucket ? 1u : 0u);
                BinaryPrimitives.WriteUInt32LittleEndian(target[4..], position);
                BinaryPrimitives.WriteUInt32LittleEndian(target[8..], (uint)key.Length);
                BinaryPrimitives.WriteUInt32LittleEndian(target[12..], (uint)value.Length);
                key.CopyTo(page[data..]);
                value.CopyTo(page[(data + key.Length)..]);
                data += key.Length + value.Length;
            }
            else
            {
                BinaryPrimitives.WriteUInt32LittleEndian(target, position);
                BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)key.Length);
                BinaryPrimitives.WriteUInt64LittleEndian(target[8..], item.ChildId);
                key.CopyTo(page[data..]);
                data += key.Length;
            }

            element += Page.ElementSize;
        }
    }

    private List<(byte[] Key, ulong Id)> WriteNode(BoltNode node)
    {
        if (!node.IsLeaf)
        {
            WriteChildren(node);
        }

        transaction.Free(node);
        var pages = new List<(byte[], ulong)>();
        int start = 0;
        do
        {
            int end = SplitPoint(node, start, out long size);
            ulong count = (ulong)((size + transaction.PageSize - 1) / transaction.PageSize);
            ulong id = transaction.Allocate(count, out Memory<byte> buffer);
            Fill(buffer.Span, id, node.IsLeaf, node.Items, start, end);
            BinaryPrimitives.WriteUInt32LittleEndian(buffer.Span[12..], (uint)(count - 1));
            pages.Add((start < node.Items.Count ? node.Items[start].Key.ToArray() : [], id));
            start = end;
        }
        while (start < node.Items.Count);
        return pages;
    }

    private void WriteChildren(BoltNode node)
    {
        List<BoltNode.Item>? items = null;
        for (int index = 0; index < node.Items.Count; index++)
        {
            BoltNode.Item item = node.Items[index];
            if (item.Child is null)
            {
                items?.Add(item);
                continue;
            }

            List<(byte[] Key, ulong Id)> pages = WriteNode(item.Child);
            if (pages.Count == 1 && items is null)
            {
                node.Items[index] = new BoltNode.Item(pages[0].Key) { ChildId = pages[0].Id };
                continue;
            }

            items ??= [.. node.Items.Take(index)];
            foreach ((byte[] key, ulong id) in pages)
            {
                items.Add(new BoltNode.Item(key) { ChildId = id });
            }
        }

        if (items is not null)
        {
            node.Items.Clear();
            node.Items.AddRange(items);
        }
    }

    /// <summary>Where the page that begins at an item ends: all of them if they fit, else up to the fill, and two items at least on either side.</summary>
    private int SplitPoint(BoltNode node, int start, out long size)
    {
        ReadOnlySpan<BoltNode.Item> items = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(node.Items);
        long pageSize = transaction.PageSize;
        long full = (long)(pageSize * fill);
        size = Page.HeaderSize;
        int limit = -1;
        long limitSize = 0;
        for (int index = start; index < items.Length; index++)
        {
            size += items[index].Size;
            if (limit < 0 && size > full && index - start >= MinItems)
            {
                limit = index;
                limitSize = size - items[index].Size;
            }

            if (limit >= 0 && (size > pageSize || index - start >= MaxItems))
            {
                if (items.Length - limit >= MinItems)
                {
                    size = limitSize;
                    return limit;
                }

                // One item would be left alone: it stays with the others.
                limit = -1;
            }
        }

        return items.Length;
    }

    /// <summary>Merges, bottom up, each child that lost items and became too small.</summary>
    private void MergeChildren(BoltNode node)
    {
        if (node.IsLeaf)
        {
            return;
        }

        for (int index = 0; index < node.Items.Count; index++)
        {
            if (node.Items[index].Child is { HasShrunk: true } child)
            {
                MergeChildren(child);
            }
        }

        for (int index = 0; index < node.Items.Count;)
        {
            if (node.Items[index].Child is not { HasShrunk: true } child || !IsTooSmall(child))
            {
                index++;
                continue;
            }

            if (child.Items.Count == 0)
            {
                transaction.Free(child);
                node.Items.RemoveAt(index);
                node.HasShrunk = true;
                continue;
            }

            if (node.Items.Count == 1)
            {
                break;
            }

            int left = index == 0 ? 0 : index - 1;
            BoltNode target = transaction.ChildOf(node, left), source = transaction.ChildOf(node, left + 1);
            target.Items.AddRange(source.Items);
            target.HasShrunk = true;
            transaction.Free(source);
            node.Items.RemoveAt(left + 1);
            node.HasShrunk = true;

            // The merged node may hold a child that had no neighbour before.
            MergeChildren(target);
            index = left;
        }
    }

    private bool IsTooSmall(BoltNode node) =>
        node.Items.Count < (node.IsLeaf ? 1 : 2) || node.Size <= transaction.PageSize / 4;
}
