using Google.Protobuf;

namespace Quorate.Server.Api;

/// <summary>
/// Numbers as protobuf has them, for what is written without messages. Fields up to 15 only, whose tags are one byte.
/// </summary>
internal static class WireNumbers
{
    /// <summary>Tag and longest number.</summary>
    public const int MaxField = 1 + 10;

    /// <summary>With its tag; zero is not written.</summary>
    public static int FieldSize(ulong value) => value == 0 ? 0 : 1 + VarintSize(value);

    public static int VarintSize(ulong value) => CodedOutputStream.ComputeUInt64Size(value);

    /// <summary>Bytes of a field that holds so many bytes, with its tag and length.</summary>
    public static int NestedSize(int length) => 1 + VarintSize((ulong)length) + length;

    /// <summary>Writes a number with its tag, or nothing for zero; the bytes written.</summary>
    public static int Field(Span<byte> span, byte tag, ulong value)
    {
        if (value == 0)
        {
            return 0;
        }

        span[0] = tag;
        return 1 + Varint(span[1..], value);
    }

    /// <summary>Writes the tag and the length of a field that holds bytes.</summary>
    public static int Prefix(Span<byte> span, byte tag, int length)
    {
        span[0] = tag;
        return 1 + Varint(span[1..], (ulong)length);
    }

    public static int Varint(Span<byte> span, ulong value)
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
