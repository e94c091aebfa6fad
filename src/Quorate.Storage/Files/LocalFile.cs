using Microsoft.Win32.SafeHandles;

namespace Quorate.Storage.Files;

/// <summary>A file of the machine's file system.</summary>
internal sealed class LocalFile : IFile
{
    private readonly SafeFileHandle _handle;
    private readonly List<LockKind> _locks = [];

    private LocalFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
    }

    public string Path { get; }

    public long Length => RandomAccess.GetLength(_handle);

    public static LocalFile Open(string path, OpenMode mode)
    {
        FileMode fileMode = mode switch
        {
            OpenMode.Create => FileMode.OpenOrCreate,
            OpenMode.CreateNew => FileMode.CreateNew,
            _ => FileMode.Open,
        };
        FileAccess access = mode == OpenMode.Read ? FileAccess.Read : FileAccess.ReadWrite;
        bool isNew = mode != OpenMode.Read && mode != OpenMode.ReadWrite && !File.Exists(path);

        // .NET takes a lock of its own, shared so; the locks that count are taken by TryLock.
        SafeFileHandle handle = File.OpenHandle(path, fileMode, access, FileShare.ReadWrite | FileShare.Delete);
        if (isNew && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return new LocalFile(path, handle);
    }

    public int Read(long offset, Span<byte> buffer)
    {
        int total = 0;
        while (total < buffer.Length)
        {
            int count = RandomAccess.Read(_handle, buffer[total..], offset + total);
            if (count == 0)
            {
                break;
            }

            total += count;
        }

        return total;
    }

    public void Write(long offset, ReadOnlySpan<byte> data) => RandomAccess.Write(_handle, data, offset);

    public void SetLength(long length) => RandomAccess.SetLength(_handle, length);

    public void Preallocate(long length)
    {
        if (OperatingSystem.IsWindows() || !Posix.TryAllocate(_handle, length))
        {
            // A file system that cannot reserve space still gets the length.
            SetLength(Math.Max(length, Length));
        }
    }

    public void Sync()
    {
        if (OperatingSystem.IsLinux())
        {
            Posix.SyncData(_handle, Path);
        }
        else
        {
            RandomAccess.FlushToDisk(_handle);
        }
    }

    public bool TryLock(LockKind kind)
    {
        if (OperatingSystem.IsWindows())
        {
            return true;
        }

        bool taken = Posix.TryLock(_handle, Path, kind);
        if (taken)
        {
            _locks.Add(kind);
        }

        return taken;
    }

    public IFileMapping Map(long length) => OperatingSystem.IsWindows()
        ? throw new PlatformNotSupportedException("the storage engine maps files as Unix does")
        : new PosixMapping(_handle, Path, length);

    public void Dispose()
    {
        if (!_handle.IsClosed)
        {
            // By name: a child process between fork and exec may hold a copy of the descriptor, and with it the lock.
            foreach (LockKind kind in _locks)
            {
                Posix.Unlock(_handle, kind);
            }

            _handle.Dispose();
        }
    }
}
