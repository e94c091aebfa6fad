namespace Quorate.Storage.Files;

/// <summary>An open file, read and written at offsets. Reads may run on any thread at any time; writes come from one thread at a time.</summary>
public interface IFile : IDisposable
{
    string Path { get; }

    /// <summary>Length in bytes.</summary>
    long Length { get; }

    /// <summary>Fills as much of the buffer as the file has from the offset; returns the number of bytes, 0 at the end.</summary>
    int Read(long offset, Span<byte> buffer);

    /// <summary>Writes all of the data; it is durable only after <see cref="Sync"/>.</summary>
    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>Cuts or extends (with zeros) the file.</summary>
    void SetLength(long length);

    /// <summary>Reserves space on the disk up to a length, and extends the file to it.</summary>
    void Preallocate(long length);

    /// <summary>Makes all that was written durable (fdatasync).</summary>
    void Sync();

    /// <summary>Takes an exclusive advisory lock without waiting; false if another holder has it. Given up at <see cref="IDisposable.Dispose"/>.</summary>
    bool TryLock(LockKind kind);

    /// <summary>Maps the first bytes of the file, which need not exist yet, read-only and shared: later writes to the file are seen through it.</summary>
    IFileMapping Map(long length);
}
