using System.Buffers.Binary;

namespace Quorate.Storage.Schema;

/// <summary>The keys of the bucket "meta" (spec 05 §5).</summary>
public static class MetaKeys
{
    public static readonly byte[] ConsistentIndex = [.. "consistent_index"u8];
    public static readonly byte[] Term = [.. "term"u8];
    public static readonly byte[] ScheduledCompaction = [.. "scheduledCompactRev"u8];
    public static readonly byte[] FinishedCompaction = [.. "finishedCompactRev"u8];
    public static readonly byte[] ConfState = [.. "confState"u8];
    public static readonly byte[] StorageVersion = [.. "storageVersion"u8];

    /// <summary>A number as its eight bytes, highest first.</summary>
    public static byte[] Encode(ulong number)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        return bytes;
    }

    /// <summary>0 for anything that has not eight bytes.</summary>
    public static ulong Decode(ReadOnlySpan<byte> bytes) => bytes.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : 0;
}
