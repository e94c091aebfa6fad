namespace Quorate.Mvcc.Backing;

/// <summary>The fields of a row.</summary>
public ref struct RowParts
{
    public ReadOnlySpan<byte> Key;
    public ReadOnlySpan<byte> Value;
    public long Created;
    public long Modified;
    public long Version;
    public long Lease;
}
