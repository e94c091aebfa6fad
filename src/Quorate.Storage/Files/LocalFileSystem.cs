namespace Quorate.Storage.Files;

/// <summary>The machine's file system.</summary>
public sealed class LocalFileSystem : IFileSystem
{
    public static readonly LocalFileSystem Instance = new();

    private LocalFileSystem()
    {
    }

    public IFile Open(string path, OpenMode mode) => LocalFile.Open(path, mode);

    public bool FileExists(string path) => File.Exists(path);

    public bool DirectoryExists(string path) => Directory.Exists(path);

    public IReadOnlyList<string> List(string directory)
    {
        string[] names = [.. Directory.EnumerateFileSystemEntries(directory).Select(entry => Path.GetFileName(entry)!)];
        Array.Sort(names, string.CompareOrdinal);
        return names;
    }

    public void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public void Delete(string path) => File.Delete(path);

    public void DeleteDirectory(string path) => Directory.Delete(path, recursive: true);

    public void Move(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to, overwrite: true);
        }
    }

    public void SyncDirectory(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            Posix.SyncDirectory(path);
        }
    }

    public long FreeSpace(string path) => new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace;
}
