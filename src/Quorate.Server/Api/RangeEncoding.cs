using System.Buffers;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>
/// Writes a RangeResponse from rows, which are encoded key-value pairs already (spec 01 §3), without making messages of them.
/// </summary>
internal struct RangeEncoding
{
    private const byte PairTag = 0x12, MoreTag = 0x18, CountTag = 0x20;

    /// <summary>Fields of a pair.</summary>
    private const byte KeyTag = 0x0a, CreatedTag = 0x10, ModifiedTag = 0x18, VersionTag = 0x20, LeaseTag = 0x30;

    private const int MaxPrefix = WireNumbers.MaxField, MaxTail = 2 * WireNumbers.MaxField, MaxKeyless = 5 * WireNumbers.MaxField;

    private readonly RangeResult _result;
    private readonly HeaderEncoding _header;
    private int _next = -1;

    public RangeEncoding(RangeResult result, IMember member)
    {
        _result = result;
        _header = new HeaderEncoding(member, result.Revision);
        Size = _header.Size + (result.More ? 2 : 0) + WireNumbers.FieldSize((ulong)result.Count);
        foreach (Row row in result.Rows)
        {
            Size += WireNumbers.NestedSize(result.KeysOnly ? KeyOnlySize(RowCodec.Decode(row.Span)) : row.Length);
        }
    }

    /// <summary>Bytes of the whole message.</summary>
    public long Size { get; }

    /// <summary>Writes about as many bytes as are given, or the rest; false when all is written.</summary>
    public bool WriteSome(IBufferWriter<byte> output, int bytes)
    {
        List<Row> rows = _result.Rows;
        if (_next < 0)
        {
            output.Advance(_header.Write(output.GetSpan(HeaderEncoding.MaxSize)));
            _next = 0;
        }

        long written = 0;
        while (_next < rows.Count)
        {
            if (written >= bytes)
            {
                return true;
            }

            written += WritePair(output, rows[_next++].Span);
        }

        WriteTail(output);
        return false;
    }

    private readonly int WritePair(IBufferWriter<byte> output, ReadOnlySpan<byte> row)
    {
        if (_result.KeysOnly)
        {
            return WriteKey(output, RowCodec.Decode(row));
        }

        Span<byte> span = output.GetSpan(MaxPrefix);
        int length = WireNumbers.Prefix(span, PairTag, row.Length);
        if (span.Length >= length + row.Length)
        {
            row.CopyTo(span[length..]);
            output.Advance(length + row.Length);
        }
        else
        {
            output.Advance(length);
            output.Write(row);
        }

        return length + row.Length;
    }

    private static int WriteKey(IBufferWriter<byte> output, in RowParts row)
    {
        Span<byte> span = output.GetSpan(MaxPrefix + MaxKeyless + row.Key.Length);
        int length = WireNumbers.Prefix(span, PairTag, KeyOnlySize(row));
        length += WireNumbers.Prefix(span[length..], KeyTag, row.Key.Length);
        row.Key.CopyTo(span[length..]);
        length += row.Key.Length;
        length += WireNumbers.Field(span[length..], CreatedTag, (ulong)row.Created);
        length += WireNumbers.Field(span[length..], ModifiedTag, (ulong)row.Modified);
        length += WireNumbers.Field(span[length..], VersionTag, (ulong)row.Version);
        length += WireNumbers.Field(span[length..], LeaseTag, (ulong)row.Lease);
        output.Advance(length);
        return length;
    }

    private readonly void WriteTail(IBufferWriter<byte> output)
    {
        Span<byte> span = output.GetSpan(MaxTail);
        int length = WireNumbers.Field(span, MoreTag, _result.More ? 1UL : 0);
        output.Advance(length + WireNumbers.Field(span[length..], CountTag, (ulong)_result.Count));
    }

    private static int KeyOnlySize(in RowParts row) =>
        WireNumbers.NestedSize(row.Key.Length) + WireNumbers.FieldSize((ulong)row.Created)
        + WireNumbers.FieldSize((ulong)row.Modified) + WireNumbers.FieldSize((ulong)row.Version)
            + WireNumbers.FieldSize((ulong)row.Lease);
}
