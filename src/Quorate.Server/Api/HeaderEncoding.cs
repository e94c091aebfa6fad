using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>The header of an answer as bytes; it is the first field of all of them.</summary>
internal readonly struct HeaderEncoding(IMember member, long revision)
{
    /// <summary>Tag, length, and four numbers with their tags.</summary>
    public const int MaxSize = 2 + (4 * WireNumbers.MaxField);

    private const byte Tag = 0x0a;

    private readonly ulong _cluster = member.ClusterId, _member = member.Id, _term = member.Term;
    private readonly ulong _revision = (ulong)revision;

    public int Size => 2 + Content;

    private int Content => WireNumbers.FieldSize(_cluster) + WireNumbers.FieldSize(_member) + WireNumbers.FieldSize(_revision)
        + WireNumbers.FieldSize(_term);

    /// <summary>Writes it; the bytes written.</summary>
    public int Write(Span<byte> span)
    {
        span[0] = Tag;
        span[1] = (byte)Content;
        int length = 2;
        length += WireNumbers.Field(span[length..], 0x08, _cluster);
        length += WireNumbers.Field(span[length..], 0x10, _member);
        length += WireNumbers.Field(span[length..], 0x18, _revision);
        return length + WireNumbers.Field(span[length..], 0x20, _term);
    }
}
