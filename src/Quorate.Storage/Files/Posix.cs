using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Storage.Files;

/// <summary>The calls of a Unix system that .NET has no name for.</summary>
internal static unsafe partial class Posix
{
    internal const int Again = 11;
    private const int ReadOnly = 0, Interrupted = 4, Access = 13;
    private const int LockExclusive = 2, LockNonBlocking = 4, LockRelease = 8;
    private const int SetRecordLock = 37;
    private const short WriteLock = 1, ReleaseLock = 2;
    private const int ProtectRead = 1, MapShared = 1, MapNoReserve = 0x4000;

    public static void SyncData(SafeFileHandle handle, string path)
    {
        while (fdatasync(handle) != 0)
        {
            Fail("fdatasync", path);
        }
    }

    public static void SyncDirectory(string path)
    {
        int descriptor = open(path, ReadOnly);
        if (descriptor < 0)
        {
            Fail("open", path);
        }

        int result = fsync(descriptor);
        int error = Marshal.GetLastPInvokeError();
        close(descriptor);
        if (result != 0)
        {
            Marshal.SetLastPInvokeError(error);
            Fail("fsync", path);
        }
    }

    /// <summary>False where the file system cannot do it. A full disk is an <see cref="IOException"/>.</summary>
    public static bool TryAllocate(SafeFileHandle handle, long length)
    {
        const int NoSpace = 28;
        int error = posix_fallocate(handle, 0, length);
        return error == NoSpace ? throw new IOException("no space left on device") : error == 0;
    }

    public static bool TryLock(SafeFileHandle handle, string path, LockKind kind)
    {
        int result = kind == LockKind.Whole ? flock(handle, LockExclusive | LockNonBlocking) : RecordLock(handle, WriteLock);
        if (result == 0)
        {
            return true;
        }

        if (Marshal.GetLastPInvokeError() is not (Again or Access))
        {
            Fail("lock", path);
        }

        return false;
    }

    public static void Unlock(SafeFileHandle handle, LockKind kind)
    {
        // Nothing to do about a failure: closing the descriptor follows.
        _ = kind == LockKind.Whole ? flock(handle, LockRelease) : RecordLock(handle, ReleaseLock);
    }

    public static byte* Map(SafeFileHandle handle, string path, long length)
    {
        nint address = mmap(0, (nuint)length, ProtectRead, MapShared | MapNoReserve, handle, 0);
        if (address == -1)
        {
            Fail("mmap", path);
        }

        return (byte*)address;
    }

    public static void Unmap(byte* pointer, long length) => munmap((nint)pointer, (nuint)length);

    private static int RecordLock(SafeFileHandle handle, short type)
    {
        if (!OperatingSystem.IsLinux())
        {
            return flock(handle, type == WriteLock ? LockExclusive | LockNonBlocking : LockRelease);
        }

        var request = new FileLock { Type = type };
        return fcntl(handle, SetRecordLock, &request);
    }

    private static void Fail(string call, string path)
    {
        int error = Marshal.GetLastPInvokeError();
        if (error != Interrupted)
        {
            throw new IOException($"{call} {path}: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    /// <summary>struct flock of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fdatasync(SafeFileHandle handle);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial int posix_fallocate(SafeFileHandle handle, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int flock(SafeFileHandle handle, int operation);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle handle, int command, FileLock* request);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, SafeFileHandle handle, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);
}
