using System.Text;

namespace Quorate.Client;

/// <summary>A key with its value, and where in the history it stands.</summary>
/// <param name="CreateRevision">The revision that made the key.</param>
/// <param name="ModRevision">The revision of its last change.</param>
/// <param name="Version">1 when it is made, and one more with each put.</param>
/// <param name="Lease">The lease that it is attached to; 0 for none.</param>
public sealed record KeyValuePair(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision,
    long Version, long Lease)
{
    public string KeyText => Encoding.UTF8.GetString(Key.Span);

    public string ValueText => Encoding.UTF8.GetString(Value.Span);
}
