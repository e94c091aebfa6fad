namespace Quorate.Mvcc;

/// <summary>
/// A range of keys by etcd's convention: one key without an end, all from a key on with an end of one zero byte, else those below the end
/// (spec 02 §1).
/// </summary>
public readonly record struct KeyRange(byte[] Start, byte[] End)
{
    public bool IsSingleKey => End.Length == 0;

    public bool IsOpen => End is [0];

    /// <summary>The key that ends the range; null if none does.</summary>
    public byte[]? Below => IsOpen ? null : End;

    public bool Contains(ReadOnlySpan<byte> key) => IsSingleKey
        ? key.SequenceEqual(Start)
        : key.SequenceCompareTo(Start) >= 0 && (IsOpen || key.SequenceCompareTo(End) < 0);

    /// <summary>The range of all keys with a prefix.</summary>
    public static byte[] EndOfPrefix(ReadOnlySpan<byte> prefix)
    {
        for (int index = prefix.Length - 1; index >= 0; index--)
        {
            if (prefix[index] < 0xff)
            {
                byte[] end = prefix[..(index + 1)].ToArray();
                end[index]++;
                return end;
            }
        }

        return [0];
    }
}
