using System.Buffers.Binary;

namespace Quorate.Storage.Bolt;

/// <summary>One of the two meta pages: where the newest whole state of the database is (spec 05 §4.2).</summary>
internal readonly record struct BoltMeta(int PageSize, ulong Root, ulong FreeList, ulong HighWater, ulong Transaction)
{
    public const ulong NoFreeList = ulong.MaxValue;
    public const int Offset = 16, Size = 64;

    private const uint Magic = 0xED0CDAED, Version = 2;

    /// <summary>Reads the 64 bytes behind the page's header; null with the reason if they are not a meta page.</summary>
    public static BoltMeta? TryRead(ReadOnlySpan<byte> bytes, out string fault)
    {
        fault = "";
        if (bytes.Length < Size || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            fault = "invalid database";
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Version)
        {
            fault = "version mismatch";
            return null;
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]) != Checksum(bytes[..56]))
        {
            fault = "checksum error";
            return null;
        }

        return new BoltMeta(
            (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[48..]));
    }

    /// <summary>Writes a whole meta page.</summary>
    public void WritePage(Span<byte> page, ulong id)
    {
        page.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(page, id);
        BinaryPrimitives.WriteUInt16LittleEndian(page[8..], (ushort)PageKind.Meta);
        Span<byte> meta = page.Slice(Offset, Size);
        BinaryPrimitives.WriteUInt32LittleEndian(meta, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[4..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(meta[8..], (uint)PageSize);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[16..], Root);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[32..], FreeList);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[40..], HighWater);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[48..], Transaction);
        BinaryPrimitives.WriteUInt64LittleEndian(meta[56..], Checksum(meta[..56]));
    }

    /// <summary>FNV-1a with 64 bits.</summary>
    private static ulong Checksum(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte next in bytes)
        {
            hash = (hash ^ next) * 0x100000001b3;
        }

        return hash;
    }
}
