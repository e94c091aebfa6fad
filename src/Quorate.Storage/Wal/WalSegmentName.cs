using System.Globalization;

namespace Quorate.Storage.Wal;

/// <summary>The name of a segment: its number, and the index of the first entry that may be in it (spec 05 §1).</summary>
internal readonly record struct WalSegmentName(ulong Sequence, ulong Index)
{
    private const string Suffix = ".wal";

    public static bool TryParse(string name, out WalSegmentName segment)
    {
        segment = default;
        if (name.Length != 33 + Suffix.Length || name[16] != '-' || !name.EndsWith(Suffix, StringComparison.Ordinal)
            || !ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong sequence)
            || !ulong.TryParse(name.AsSpan(17, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong index))
        {
            return false;
        }

        segment = new WalSegmentName(sequence, index);
        return true;
    }

    public override string ToString() => $"{Sequence:x16}-{Index:x16}{Suffix}";
}
