using System.Numerics;

namespace Quorate.Mvcc.Backing;

/// <summary>The bytes of mvccpb.KeyValue by hand: they are made once for each put, and hashed, so they are the same on every member.</summary>
public static class RowCodec
{
    public static byte[] Encode(ReadOnlySpan<byte> key, long created, long modified, long version, ReadOnlySpan<byte> value, long lease)
    {
        int size = BytesSize(key.Length) + NumberSize(created) + NumberSize(modified) + NumberSize(version) + BytesSize(value.Length) + NumberSize(lease);
        var bytes = new byte[size];
        int position = 0;
        Bytes(bytes, ref position, 1, key);
        Number(bytes, ref position, 2, created);
        Number(bytes, ref position, 3, modified);
        Number(bytes, ref position, 4, version);
        Bytes(bytes, ref position, 5, value);
        Number(bytes, ref position, 6, lease);
        return bytes;
    }

    /// <summary>What a row says, as slices of it; a row that is no KeyValue is a <see cref="Storage.StorageException"/>.</summary>
    public static RowParts Decode(ReadOnlySpan<byte> row)
    {
        RowParts parts = default;
        int position = 0;
        while (position < row.Length)
        {
            ulong tag = Varint(row, ref position);
            ulong value = (tag & 7) is 0 or 2 ? Varint(row, ref position) : (tag & 7) == 1 ? 8UL : 4UL;
            if ((tag & 7) == 0)
            {
                switch (tag >> 3)
                {
                    case 2: parts.Created = (long)value; break;
                    case 3: parts.Modified = (long)value; break;
                    case 4: parts.Version = (long)value; break;
                    case 6: parts.Lease = (long)value; break;
                }

                continue;
            }

            if (value > (ulong)(row.Length - position))
            {
                throw Malformed();
            }

            ReadOnlySpan<byte> bytes = row.Slice(position, (int)value);
            position += (int)value;
            switch (tag)
            {
                case 0x0a: parts.Key = bytes; break;
                case 0x2a: parts.Value = bytes; break;
            }
        }

        return parts;
    }

    private static ulong Varint(ReadOnlySpan<byte> row, ref int position)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70 && position < row.Length; shift += 7)
        {
            byte next = row[position++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed();
    }

    private static Storage.StorageException Malformed() => new("bucket key: a row is no mvccpb.KeyValue");

    private static int NumberSize(long value) => value == 0 ? 0 : 1 + (BitOperations.Log2((ulong)value) / 7) + 1;

    private static int BytesSize(int length) => length == 0 ? 0 : 1 + (BitOperations.Log2((uint)length) / 7) + 1 + length;

    private static void Number(byte[] bytes, ref int position, int field, long value)
    {
        if (value != 0)
        {
            bytes[position++] = (byte)(field << 3);
            WriteVarint(bytes, ref position, (ulong)value);
        }
    }

    private static void Bytes(byte[] bytes, ref int position, int field, ReadOnlySpan<byte> value)
    {
        if (value.Length > 0)
        {
            bytes[position++] = (byte)((field << 3) | 2);
            WriteVarint(bytes, ref position, (ulong)value.Length);
            value.CopyTo(bytes.AsSpan(position));
            position += value.Length;
        }
    }

    private static void WriteVarint(byte[] bytes, ref int position, ulong value)
    {
        while (value >= 0x80)
        {
            bytes[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        bytes[position++] = (byte)value;
    }
}
