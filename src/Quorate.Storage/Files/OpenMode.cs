namespace Quorate.Storage.Files;

/// <summary>How <see cref="IFileSystem.Open"/> treats a file that is there, or is not.</summary>
public enum OpenMode
{
    /// <summary>An existing file, for reading only.</summary>
    Read,

    /// <summary>An existing file, for reading and writing.</summary>
    ReadWrite,

    /// <summary>An existing file or a new one, for reading and writing.</summary>
    Create,

    /// <summary>A new file, for reading and writing; it is an error if there is one.</summary>
    CreateNew,
}
