namespace Quorate.Storage.Bolt;

/// <summary>A database file that is damaged, or no database.</summary>
public sealed class BoltException(string message) : StorageException(message);
