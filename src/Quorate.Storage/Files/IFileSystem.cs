namespace Quorate.Storage.Files;

/// <summary>
/// What the storage engine needs of a file system, small enough to be simulated with lost, torn and misdirected writes.
/// Paths are plain strings joined with '/'. Every method may throw <see cref="IOException"/>, whose message names the path.
/// </summary>
public interface IFileSystem
{
    /// <summary>Opens a file. A file that <see cref="OpenMode.Create"/> makes has mode 0600.</summary>
    IFile Open(string path, OpenMode mode);

    bool FileExists(string path);

    bool DirectoryExists(string path);

    /// <summary>Names (not paths) of the files and directories in a directory, in ordinal order.</summary>
    IReadOnlyList<string> List(string directory);

    /// <summary>Makes a directory of mode 0700, with its parents; does nothing where it exists.</summary>
    void CreateDirectory(string path);

    void Delete(string path);

    /// <summary>Deletes a directory with all that is in it.</summary>
    void DeleteDirectory(string path);

    /// <summary>Renames a file or directory; an existing file of that name is replaced. Durable only after <see cref="SyncDirectory"/>.</summary>
    void Move(string from, string to);

    /// <summary>Makes the names in a directory durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Bytes that may still be written to the file system that holds the path.</summary>
    long FreeSpace(string path);
}
