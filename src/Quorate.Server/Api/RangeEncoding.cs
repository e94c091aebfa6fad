using System.Buffers;
using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>Writes a RangeResponse from rows, which are encoded key-value pairs already (spec 01 §3), without making messages of them.</summary>
internal struct RangeEncoding
{
    private const byte HeaderTag = 0x0a, PairTag = 0x12, MoreTag = 0x18, CountTag = 0x20;

    /// <summary>Fields of a pair.</summary>
    private const byte KeyTag = 0x0a, CreatedTag = 0x10, ModifiedTag = 0x18, VersionTag = 0x20, LeaseTag = 0x30;

    /// <summary>Tag, length, and four numbers with their tags.</summary>
    private const int MaxHeader = 2 + (4 * 11), MaxTail = 2 + 11, MaxPrefix = 1 + 5, MaxKeyless = 1 + 5 + (4 * 11);

    private readonly RangeResult _result;
    private readonly ulong _cluster;
    private readonly ulong _member;
    private readonly ulong _term;
    private int _next = -1;

    public RangeEncoding(RangeResult result, IMember member)
    {
        _result = result;
        _cluster = member.ClusterId;
        _member = member.Id;
        _term = member.Term;
        Size = 2 + HeaderSize + (result.More ? 2 : 0) + (result.Count != 0 ? 1 + VarintSize((ulong)result.Count) : 0);
        foreach (Row row in result.Rows)
        {
            int length = result.KeysOnly ? KeyOnlySize(RowCodec.Decode(row.Span)) : row.Length;
            Size += 1 + VarintSize((ulong)length) + length;
        }
    }

    /// <summary>Bytes of the whole message.</summary>
    public long Size { get; }

    private readonly int HeaderSize => NumberSize(_cluster) + NumberSize(_member) + NumberSize((ulong)_result.Revision) + NumberSize(_term);

    /// <summary>Writes about as many bytes as are given, or the rest; false when all is written.</summary>
    public bool WriteSome(IBufferWriter<byte> output, int bytes)
    {
        List<Row> rows = _result.Rows;
        if (_next < 0)
        {
            WriteHeader(output);
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

    private readonly void WriteHeader(IBufferWriter<byte> output)
    {
        Span<byte> span = output.GetSpan(MaxHeader);
        span[0] = HeaderTag;
        span[1] = (byte)HeaderSize;
        int length = 2;
        length += Number(span[length..], 0x08, _cluster);
        length += Number(span[length..], 0x10, _member);
        length += Number(span[length..], 0x18, (ulong)_result.Revision);
        length += Number(span[length..], 0x20, _term);
        output.Advance(length);
    }

    private readonly int WritePair(IBufferWriter<byte> output, ReadOnlySpan<byte> row)
    {
        if (_result.KeysOnly)
        {
            return WriteKey(output, RowCodec.Decode(row));
        }

        Span<byte> span = output.GetSpan(MaxPrefix);
        span[0] = PairTag;
        int length = 1 + Varint(span[1..], (ulong)row.Length);
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
        span[0] = PairTag;
        int length = 1 + Varint(span[1..], (ulong)KeyOnlySize(row));
        span[length++] = KeyTag;
        length += Varint(span[length..], (ulong)row.Key.Length);
        row.Key.CopyTo(span[length..]);
        length += row.Key.Length;
        length += Number(span[length..], CreatedTag, (ulong)row.Created);
        length += Number(span[length..], ModifiedTag, (ulong)row.Modified);
        length += Number(span[length..], VersionTag, (ulong)row.Version);
        length += Number(span[length..], LeaseTag, (ulong)row.Lease);
        output.Advance(length);
        return length;
    }

    private readonly void WriteTail(IBufferWriter<byte> output)
    {
        Span<byte> span = output.GetSpan(MaxTail);
        int length = Number(span, MoreTag, _result.More ? 1UL : 0);
        length += Number(span[length..], CountTag, (ulong)_result.Count);
        output.Advance(length);
    }

    private static int KeyOnlySize(in RowParts row) => 1 + VarintSize((ulong)row.Key.Length) + row.Key.Length
        + NumberSize((ulong)row.Created) + NumberSize((ulong)row.Modified) + NumberSize((ulong)row.Version) + NumberSize((ulong)row.Lease);

    /// <summary>With its tag; zero is not written.</summary>
    private static int NumberSize(ulong value) => value == 0 ? 0 : 1 + VarintSize(value);

    private static int VarintSize(ulong value) => CodedOutputStream.ComputeUInt64Size(value);

    private static int Number(Span<byte> span, byte tag, ulong value)
    {
        if (value == 0)
        {
            return 0;
        }

        span[0] = tag;
        return 1 + Varint(span[1..], value);
    }

    private static int Varint(Span<byte> span, ulong value)
    {
        const int Bits = 7;
        const byte More = 0x80;
        int length = 0;
        while (value >= More)
        {
            span[length++] = (byte)(value | More);
            value >>= Bits;
        }

        span[length++] = (byte)value;
        return length;
    }
}
