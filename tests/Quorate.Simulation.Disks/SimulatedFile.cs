using Quorate.Storage.Files;

namespace Quorate.Simulation.Disks;

/// <summary>An open file of one incarnation of a machine.</summary>
internal sealed class SimulatedFile(SimulatedDisk disk, int incarnation, string path, SimulatedContent content, bool readOnly) : IFile
{
    private bool _isClosed;

    public string Path => path;

    public long Length
    {
        get
        {
            Check("length");
            return content.Length;
        }
    }

    public int Read(long offset, Span<byte> buffer)
    {
        Check("read");
        return content.Read(offset, buffer);
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        Begin("write");
        disk.Reserve(offset + data.Length - content.Length, path);
        content.Write(offset, data);
    }

    public void SetLength(long length)
    {
        Begin("set length");
        content.SetLength(length);
    }

    public void Preallocate(long length)
    {
        Begin("preallocate");
        disk.Reserve(length - content.Length, path);
        if (length > content.Length)
        {
            content.SetLength(length);
        }
    }

    public void Sync()
    {
        Begin("sync");
        if (!disk.LiesAboutSync)
        {
            content.Sync();
        }

        disk.Synced();
    }

    public bool TryLock(LockKind kind)
    {
        Check("lock");
        return content.Locks.TryAdd(kind, this) || content.Locks[kind] == this;
    }

    public IFileMapping Map(long length)
    {
        Check("map");
        return new SimulatedMapping(content, length);
    }

    public void Dispose()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            foreach ((LockKind kind, object holder) in content.Locks.ToArray())
            {
                if (holder == this)
                {
                    content.Locks.Remove(kind);
                }
            }
        }
    }

    private void Begin(string operation)
    {
        Check(operation);
        if (readOnly)
        {
            throw new IOException($"{operation} {path}: it was opened for reading");
        }

        disk.Begin(incarnation, $"{operation} {path}");
    }

    private void Check(string operation)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        disk.Check(incarnation, $"{operation} {path}");
    }
}
