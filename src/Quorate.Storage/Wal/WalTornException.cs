namespace Quorate.Storage.Wal;

/// <summary>The end of the last segment is a record that was not written whole: the one kind of damage that is repaired.</summary>
internal sealed class WalTornException(string message, long offset) : WalException(message)
{
    /// <summary>Where the record begins: the segment is whole up to here.</summary>
    public long Offset => offset;
}
