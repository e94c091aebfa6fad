namespace Quorate.Storage;

/// <summary>A file that is not what it must be; the message names the file, the offset and what was expected.</summary>
public class StorageException(string message, Exception? inner = null) : Exception(message, inner);
