namespace Quorate.Storage.Wal;

/// <summary>A log that cannot be read as it is (spec 05 §2.7).</summary>
public class WalException(string message) : StorageException(message);
