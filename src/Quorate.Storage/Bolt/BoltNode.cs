using System.Runtime.InteropServices;

namespace Quorate.Storage.Bolt;

/// <summary>A page that a write transaction changes, taken apart: its keys and values still lie in the file's mapping where they are old.</summary>
internal sealed class BoltNode(bool isLeaf, ulong pageId, ulong pages)
{
    public bool IsLeaf => isLeaf;

    /// <summary>The page that it was read from; 0 for a new node.</summary>
    public ulong PageId { get; set; } = pageId;

    public ulong Pages => pages;

    public List<Item> Items { get; } = [];

    /// <summary>Something was removed, so that the node may have become too small.</summary>
    public bool HasShrunk { get; set; }

    /// <summary>Bytes of the page that it would make.</summary>
    public long Size
    {
        get
        {
            long size = Page.HeaderSize;
            foreach (ref Item item in CollectionsMarshal.AsSpan(Items))
            {
                size += item.Size;
            }

            return size;
        }
    }

    /// <summary>The first item whose key is not below a key, and whether it is that key.</summary>
    public (int Index, bool Exact) Find(ReadOnlySpan<byte> key)
    {
        Span<Item> items = CollectionsMarshal.AsSpan(Items);

        // Most writes are at the end: revisions only grow.
        if (items.Length > 0 && items[^1].Key.SequenceCompareTo(key) < 0)
        {
            return (items.Length, false);
        }

        int low = 0, high = items.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = items[middle].Key.SequenceCompareTo(key);
            if (order == 0)
            {
                return (middle, true);
            }

            if (order < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return (low, false);
    }

    public int FindChild(ReadOnlySpan<byte> key)
    {
        (int index, bool exact) = Find(key);
        return exact || index == 0 ? index : index - 1;
    }

    /// <summary>A key with its value, child page or child node.</summary>
    public unsafe struct Item
    {
        private readonly byte[]? _keyArray;
        private readonly byte* _keyPointer;
        private readonly int _keyLength;
        private byte[]? _valueArray;
        private byte* _valuePointer;
        private int _valueLength;

        public Item(byte[] key)
        {
            _keyArray = key;
            _keyLength = key.Length;
        }

        /// <param name="key">Bytes in the mapping.</param>
        public Item(ReadOnlySpan<byte> key)
        {
            _keyPointer = (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(key));
            _keyLength = key.Length;
        }

        public bool IsBucket { get; set; }

        public ulong ChildId { get; set; }

        public BoltNode? Child { get; set; }

        public readonly ReadOnlySpan<byte> Key => _keyArray is not null ? _keyArray : new ReadOnlySpan<byte>(_keyPointer, _keyLength);

        public readonly ReadOnlySpan<byte> Value => _valueArray is not null ? _valueArray : new ReadOnlySpan<byte>(_valuePointer, _valueLength);

        public readonly int Size => Page.ElementSize + _keyLength + _valueLength;

        public void SetValue(byte[] value)
        {
            _valueArray = value;
            _valueLength = value.Length;
        }

        /// <param name="value">Bytes in the mapping.</param>
        public void SetMappedValue(ReadOnlySpan<byte> value)
        {
            _valueArray = null;
            _valuePointer = (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(value));
            _valueLength = value.Length;
        }
    }
}
