using System.Buffers.Binary;
using Quorate.Storage.Files;

namespace Quorate.Storage.Wal;

/// <summary>Reads the records of one segment, checking the running checksum (spec 05 §2.1 to §2.3, §2.7).</summary>
internal sealed class WalReader(IFile file, bool isLast, uint checksum)
{
    private const int FrameHeader = 8, Sector = 512;

    private readonly long _length = file.Length;

    /// <summary>Where the next record begins; after the end, where the next is to be written.</summary>
    public long Offset { get; private set; }

    /// <summary>The running checksum over all data so far.</summary>
    public uint Checksum { get; private set; } = checksum;

    /// <summary>The next record; false at the end.</summary>
    public bool TryRead(out WalRecordType type, out ReadOnlyMemory<byte> data)
    {
        type = default;
        data = default;
        if (Offset == _length)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[FrameHeader];
        if (file.Read(Offset, header) < FrameHeader)
        {
            throw Torn("the file ends inside the length of a record");
        }

        ulong field = BinaryPrimitives.ReadUInt64LittleEndian(header);
        if (field == 0)
        {
            return false;
        }

        long size = (long)(field & 0x00ff_ffff_ffff_ffff);
        int padding = (field >> 63) != 0 ? (int)(field >> 56) & 7 : 0;
        if (size > _length - Offset - FrameHeader - padding)
        {
            throw Torn($"a record of {size} bytes does not fit into the file of {_length} bytes");
        }

        var record = new byte[size + padding];
        file.Read(Offset + FrameHeader, record);
        string? fault = Decode(record.AsMemory(0, (int)size), out type, out uint expected, out data);
        if (fault is null)
        {
            fault = Check(type, expected, data.Span);
        }

        if (fault is not null)
        {
            throw isLast && IsTorn(record) ? Torn(fault) : new WalException($"{fault}: {file.Path} at offset {Offset}");
        }

        Offset += FrameHeader + record.Length;
        return true;
    }

    private string? Check(WalRecordType type, uint expected, ReadOnlySpan<byte> data)
    {
        if (type == WalRecordType.Checksum)
        {
            if (Checksum != 0 && Checksum != expected)
            {
                return $"walpb: crc mismatch (expected {expected:x8}, computed {Checksum:x8})";
            }

            Checksum = expected;
            return null;
        }

        uint computed = Crc32C.Update(Checksum, data);
        if (computed != expected)
        {
            return $"walpb: crc mismatch (expected {expected:x8}, computed {computed:x8})";
        }

        Checksum = computed;
        return null;
    }

    /// <summary>A record is torn if a whole sector of it was never written: unwritten bytes are zero.</summary>
    private bool IsTorn(ReadOnlySpan<byte> record)
    {
        long position = Offset + FrameHeader;
        while (record.Length > 0)
        {
            int chunk = (int)Math.Min(record.Length, Sector - (position % Sector));
            if (!record[..chunk].ContainsAnyExcept((byte)0))
            {
                return true;
            }

            record = record[chunk..];
            position += chunk;
        }

        return false;
    }

    private WalTornException Torn(string what) => new($"unexpected EOF: {what}: {file.Path} at offset {Offset}", Offset);

    private static string? Decode(ReadOnlyMemory<byte> record, out WalRecordType type, out uint checksum, out ReadOnlyMemory<byte> data)
    {
        type = default;
        checksum = 0;
        data = default;
        int position = 0;
        ReadOnlySpan<byte> span = record.Span;
        while (position < span.Length)
        {
            if (!TryVarint(span, ref position, out ulong tag) || (tag & 7) is not (0 or 1 or 2 or 5) || !TryValue(span, ref position, tag, out ulong value))
            {
                return "proto: a record of the log is malformed";
            }

            switch (tag)
            {
                case 0x08: type = (WalRecordType)value; break;
                case 0x10: checksum = (uint)value; break;
                case 0x1a: data = record.Slice(position - (int)value, (int)value); break;
            }
        }

        return null;
    }

    /// <summary>Steps over a value; of a number it is the number, of bytes the length of those that end at the position.</summary>
    private static bool TryValue(ReadOnlySpan<byte> span, ref int position, ulong tag, out ulong value)
    {
        value = 0;
        switch (tag & 7)
        {
            case 0:
                return TryVarint(span, ref position, out value);
            case 2 when !TryVarint(span, ref position, out value):
                return false;
            case 1:
                value = 8;
                break;
            case 5:
                value = 4;
                break;
        }

        if (value > (ulong)(span.Length - position))
        {
            return false;
        }

        position += (int)value;
        return true;
    }

    private static bool TryVarint(ReadOnlySpan<byte> span, ref int position, out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 70 && position < span.Length; shift += 7)
        {
            byte next = span[position++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
