using System.Buffers.Binary;
using System.Numerics;

namespace Quorate.Storage.Files;

/// <summary>CRC-32 with Castagnoli's polynomial, as etcd uses it everywhere: initial and final XOR are all ones (spec 05).</summary>
public static class Crc32C
{
    /// <summary>Continues a checksum over more bytes, so that Update(Update(0, x), y) is the checksum of x and y together.</summary>
    public static uint Update(uint checksum, ReadOnlySpan<byte> bytes)
    {
        uint state = ~checksum;
        while (bytes.Length >= sizeof(ulong))
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte next in bytes)
        {
            state = BitOperations.Crc32C(state, next);
        }

        return ~state;
    }
}
