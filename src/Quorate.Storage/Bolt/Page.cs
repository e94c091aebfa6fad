using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Quorate.Storage.Bolt;

/// <summary>
/// A branch or leaf page in memory (spec 05 §4.3). Every access is checked against the page's end, so that a damaged file gives an error
/// with its place, never a wild read.
/// </summary>
internal readonly unsafe struct Page
{
    public const int HeaderSize = 16, ElementSize = 16;

    private readonly byte* _start;
    private readonly long _length;
    private readonly BoltDatabase _database;
    private readonly ulong _id;

    private Page(BoltDatabase database, byte* start, long length, ulong id)
    {
        _database = database;
        _start = start;
        _length = length;
        _id = id;
        Count = *(ushort*)(start + 10);
        Kind = (PageKind)(*(ushort*)(start + 8));
        if (Kind is not (PageKind.Branch or PageKind.Leaf))
        {
            throw Damaged($"branch or leaf page expected, found flags {(ushort)Kind:x}");
        }

        if (HeaderSize + (Count * (long)ElementSize) > length)
        {
            throw Damaged($"{Count} elements do not fit");
        }
    }

    public PageKind Kind { get; }

    public int Count { get; }

    public ulong Id => _id;

    /// <summary>Pages that it takes, its own included.</summary>
    public ulong Pages => (ulong)(_length / _database.PageSize);

    public bool IsLeaf => Kind == PageKind.Leaf;

    /// <summary>A page of the file.</summary>
    public static Page At(BoltDatabase database, byte* mapping, ulong id, ulong highWater)
    {
        if (id < 2 || id >= highWater)
        {
            throw database.Damaged(id, $"page {id} is out of bounds, the high-water mark is {highWater}");
        }

        byte* start = mapping + ((long)id * database.PageSize);
        ulong found = *(ulong*)start;
        ulong pages = 1UL + *(uint*)(start + 12);
        if (found != id)
        {
            throw database.Damaged(id, $"page {id} says that it is page {found}");
        }

        if (pages > highWater - id)
        {
            throw database.Damaged(id, $"page {id} with {pages - 1} more is out of bounds, the high-water mark is {highWater}");
        }

        return new Page(database, start, (long)pages * database.PageSize, id);
    }

    /// <summary>The page inside of a value that is an inline bucket.</summary>
    public static Page Inline(BoltDatabase database, byte* start, long length, ulong outer) =>
        length >= HeaderSize
            ? new Page(database, start, length, outer)
            : throw database.Damaged(outer, "an inline bucket is too short");

    public ReadOnlySpan<byte> Key(int index) => IsLeaf
        ? Slice(Element(index), *(uint*)(Element(index) + 4), 0, *(uint*)(Element(index) + 8))
        : Slice(Element(index), *(uint*)Element(index), 0, *(uint*)(Element(index) + 4));

    public ReadOnlySpan<byte> Value(int index) =>
        Slice(Element(index), *(uint*)(Element(index) + 4), *(uint*)(Element(index) + 8), *(uint*)(Element(index) + 12));

    /// <summary>Whether a leaf's value is a bucket.</summary>
    public bool IsBucket(int index) => (*(uint*)Element(index) & 1) != 0;

    public ulong Child(int index) => *(ulong*)(Element(index) + 8);

    /// <summary>The first element whose key is not below a key, and whether it is that key.</summary>
    public (int Index, bool Exact) Find(ReadOnlySpan<byte> key)
    {
        int low = 0, high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = Key(middle).SequenceCompareTo(key);
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

    /// <summary>The child of a branch in which a key is, if it is anywhere.</summary>
    public int FindChild(ReadOnlySpan<byte> key)
    {
        (int index, bool exact) = Find(key);
        return exact || index == 0 ? index : index - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* Element(int index) => (uint)index < (uint)Count
        ? _start + HeaderSize + (index * (long)ElementSize)
        : throw Damaged($"element {index} of {Count}");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Slice(byte* element, uint position, uint skip, uint length)
    {
        long start = element - _start + position + skip;
        return start + length <= _length && length <= int.MaxValue
            ? MemoryMarshal.CreateReadOnlySpan(ref *(_start + start), (int)length)
            : throw Damaged($"an element reaches to {start + length}, beyond the page's {_length} bytes");
    }

    private BoltException Damaged(string what) => _database.Damaged(_id, what);
}
