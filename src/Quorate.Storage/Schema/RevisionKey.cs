using System.Buffers.Binary;

namespace Quorate.Storage.Schema;

/// <summary>
/// The keys of the bucket "key": main revision, '_', sub revision, and 't' behind it for a tombstone (spec 05 §5), so that the order of the
/// bytes is the order of the history.
/// </summary>
public static class RevisionKey
{
    public const int Length = 17, TombstoneLength = 18;

    public static byte[] Encode(long main, long sub, bool isTombstone)
    {
        var key = new byte[isTombstone ? TombstoneLength : Length];
        Write(key, main, sub);
        if (isTombstone)
        {
            key[Length] = (byte)'t';
        }

        return key;
    }

    /// <summary>Writes the first 17 bytes.</summary>
    public static void Write(Span<byte> key, long main, long sub)
    {
        BinaryPrimitives.WriteInt64BigEndian(key, main);
        key[8] = (byte)'_';
        BinaryPrimitives.WriteInt64BigEndian(key[9..], sub);
    }

    /// <summary><see cref="StorageException"/> for what is no such key.</summary>
    public static (long Main, long Sub, bool IsTombstone) Decode(ReadOnlySpan<byte> key) =>
        key.Length is Length or TombstoneLength && key[8] == '_'
            ? (BinaryPrimitives.ReadInt64BigEndian(key), BinaryPrimitives.ReadInt64BigEndian(key[9..]), key.Length == TombstoneLength)
            : throw new StorageException($"bucket key: {Convert.ToHexStringLower(key)} is no revision");
}
