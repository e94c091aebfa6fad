namespace Quorate.Mvcc;

/// <summary>One change of a revision, as watchers get it.</summary>
/// <param name="Row">The bytes of the KeyValue as stored; null for a deletion.</param>
/// <param name="Created">Create revision of the key: a put with its own revision here has no previous value.</param>
public sealed record Change(byte[] Key, byte[]? Row, long Created)
{
    public bool IsDelete => Row is null;
}
