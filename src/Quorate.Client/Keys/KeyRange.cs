using Google.Protobuf;

namespace Quorate.Client;

/// <summary>One key, or all keys of a range, as etcd names them: a first key and the key behind the last (spec 02 §3).</summary>
public readonly record struct KeyRange
{
    private static readonly ByteString s_zero = ByteString.CopyFrom(0);

    private KeyRange(ByteString key, ByteString end)
    {
        Key = key;
        End = end;
    }

    /// <summary>All keys there are.</summary>
    public static KeyRange All => new(s_zero, s_zero);

    internal ByteString Key { get => field ?? ByteString.Empty; }

    internal ByteString End { get => field ?? ByteString.Empty; }

    public static implicit operator KeyRange(string key) => Single(key);

    public static implicit operator KeyRange(EtcdBytes key) => Single(key);

    public static KeyRange Single(EtcdBytes key) => new(key.Wire, ByteString.Empty);

    /// <summary>All keys that begin so; an empty prefix is all keys.</summary>
    public static KeyRange Prefix(EtcdBytes prefix)
    {
        ReadOnlySpan<byte> bytes = prefix.Wire.Span;
        int last = bytes.LastIndexOfAnyExcept((byte)0xff);
        if (last < 0)
        {
            return bytes.Length == 0 ? All : From(prefix);
        }

        byte[] end = bytes[..(last + 1)].ToArray();
        end[last]++;
        return new KeyRange(prefix.Wire, UnsafeByteOperations.UnsafeWrap(end));
    }

    /// <summary>This key and all behind it.</summary>
    public static KeyRange From(EtcdBytes key) => new(key.Wire.IsEmpty ? s_zero : key.Wire, s_zero);

    /// <param name="end">The first key that does not belong to it.</param>
    public static KeyRange Between(EtcdBytes start, EtcdBytes end) => new(start.Wire, end.Wire);
}
