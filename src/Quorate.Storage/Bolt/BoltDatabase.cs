using System.Buffers.Binary;
using Quorate.Storage.Files;

namespace Quorate.Storage.Bolt;

/// <summary>
/// A single file that holds sorted buckets of keys and values as copy-on-write B+trees, in bbolt's format (spec 05 §4): one writer, and
/// readers that never wait, each with the state of its beginning. A page is never changed in place; a commit makes the new pages durable,
/// and then the meta page that leads to them.
/// </summary>
public sealed unsafe class BoltDatabase : IDisposable
{
    private const int SmallestPage = 1024, LargestPage = 1024 << 14;

    private readonly IFileSystem _files;
    private readonly IFile _file;
    private readonly BoltOptions _options;
    private readonly Lock _readersLock = new();
    private readonly SortedDictionary<ulong, int> _readers = [];
    private readonly List<IFileMapping> _oldMappings = [];
    private readonly FreePages _free = new();
    private IFileMapping _mapping;
    private BoltMeta _meta;
    private long _fileLength;
    private bool _isWriting;
    private bool _closesWhenUnused;

    private BoltDatabase(IFileSystem files, IFile file, BoltOptions options)
    {
        _files = files;
        _file = file;
        _options = options;
        _meta = ReadMeta();
        PageSize = _meta.PageSize;
        _fileLength = file.Length;
        long needed = (long)_meta.HighWater * PageSize;
        if (_fileLength < needed)
        {
            throw new BoltException($"{Path}: the file has {_fileLength} bytes, its {_meta.HighWater} pages need {needed}: it was cut off");
        }

        _mapping = file.Map(options.ReadOnly ? needed : Math.Max(options.InitialMapSize, _fileLength));
    }

    public string Path => _file.Path;

    /// <summary>Bytes of a page.</summary>
    public int PageSize { get; }

    /// <summary>Bytes up to the high-water mark of the newest state; this, not the file's length, is the size that etcd reports (spec 05 §12.4).</summary>
    public long Size => (long)Volatile.Read(ref _highWater) * PageSize;

    /// <summary>Bytes of <see cref="Size"/> that are not free.</summary>
    public long SizeInUse => Size - ((long)Volatile.Read(ref _freeCount) * PageSize);

    private ulong _highWater;
    private ulong _freeCount;

    internal byte* Mapping => _mapping.Pointer;

    internal FreePages FreePages => _free;

    /// <summary>Opens a database, or makes an empty one where there is no file.</summary>
    public static BoltDatabase Open(IFileSystem files, string path, BoltOptions? options = null)
    {
        options ??= new BoltOptions();
        IFile file = options.ReadOnly ? files.Open(path, OpenMode.Read) : OpenLocked(files, path, options.WaitForLock);
        try
        {
            if (!options.ReadOnly && file.Length == 0)
            {
                Initialize(file, options.PageSize);
                files.SyncDirectory(System.IO.Path.GetDirectoryName(path) is { Length: > 0 } parent ? parent : ".");
            }

            var database = new BoltDatabase(files, file, options);
            if (!options.ReadOnly)
            {
                database.FindFreePages();
            }

            database.Publish();
            return database;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static IFile OpenLocked(IFileSystem files, string path, Action? waitForLock)
    {
        while (true)
        {
            IFile? file = null;
            try
            {
                file = files.Open(path, OpenMode.Create);
                if (file.TryLock(LockKind.Whole))
                {
                    return file;
                }
            }
            catch (IOException error) when (error.HResult == Posix.Again)
            {
                // .NET asks for a shared lock of its own when it opens a file; that of another process is in its way.
            }

            file?.Dispose();
            if (waitForLock is null)
            {
                throw new BoltException($"{path}: the file is locked by another process");
            }

            waitForLock();
        }
    }

    /// <summary>A view of the newest committed state; it stays as it is until it is disposed.</summary>
    public BoltReadTransaction BeginRead()
    {
        lock (_readersLock)
        {
            _readers[_meta.Transaction] = _readers.GetValueOrDefault(_meta.Transaction) + 1;
            return new BoltReadTransaction(this, _mapping.Pointer, _meta);
        }
    }

    /// <summary>The one write transaction; it is over with <see cref="BoltWriteTransaction.Commit"/> or when it is disposed.</summary>
    public BoltWriteTransaction BeginWrite()
    {
        if (_options.ReadOnly || _isWriting)
        {
            throw new InvalidOperationException(_options.ReadOnly ? "the database is open for reading only" : "a write transaction is open already");
        }

        _isWriting = true;
        ulong oldest;
        lock (_readersLock)
        {
            oldest = _meta.Transaction;
            foreach (ulong reader in _readers.Keys)
            {
                oldest = Math.Min(oldest, reader);
                break;
            }
        }

        _free.Release(oldest);
        return new BoltWriteTransaction(this, _meta);
    }

    /// <summary>Closes the database when its last reader ends; nothing may be written any more.</summary>
    public void DisposeWhenUnused()
    {
        lock (_readersLock)
        {
            _closesWhenUnused = true;
            if (_readers.Count > 0)
            {
                return;
            }
        }

        Dispose();
    }

    public void Dispose()
    {
        _mapping.Dispose();
        foreach (IFileMapping mapping in _oldMappings)
        {
            mapping.Dispose();
        }

        _file.Dispose();
    }

    internal void EndRead(ulong transaction)
    {
        lock (_readersLock)
        {
            int count = _readers[transaction] - 1;
            if (count == 0)
            {
                _readers.Remove(transaction);
            }
            else
            {
                _readers[transaction] = count;
            }

            if (!_closesWhenUnused || _readers.Count > 0)
            {
                return;
            }
        }

        Dispose();
    }

    internal void EndWrite() => _isWriting = false;

    internal BoltException Damaged(ulong page, string what) =>
        new($"{Path}: page {page} at offset {page * (ulong)PageSize}: {what}");

    /// <summary>Makes the pages of a transaction durable, then the meta page (spec 05 §4.8).</summary>
    internal void Commit(BoltMeta next, SortedDictionary<ulong, ReadOnlyMemory<byte>> pages)
    {
        long needed = (long)next.HighWater * PageSize;
        if (needed > _fileLength)
        {
            long length = needed + _options.GrowthStep;
            _file.SetLength(length);
            Sync();
            _fileLength = length;
        }

        foreach ((ulong id, ReadOnlyMemory<byte> page) in pages)
        {
            _file.Write((long)id * PageSize, page.Span);
        }

        Sync();
        var meta = new byte[PageSize];
        ulong place = next.Transaction % 2;
        next.WritePage(meta, place);
        _file.Write((long)place * PageSize, meta);
        Sync();
        if (needed > _mapping.Length)
        {
            // Readers go on with the mapping of their beginning; it is given back when the database is closed.
            IFileMapping larger = _file.Map(Math.Max(needed, _mapping.Length) * 2);
            _oldMappings.Add(_mapping);
            lock (_readersLock)
            {
                _mapping = larger;
            }
        }

        lock (_readersLock)
        {
            _meta = next;
        }

        Publish();
    }

    private void Publish()
    {
        Volatile.Write(ref _freeCount, _free.Count);
        Volatile.Write(ref _highWater, _meta.HighWater);
    }

    private void Sync()
    {
        if (!_options.UnsafeNoSync)
        {
            _file.Sync();
        }
    }

    private BoltMeta ReadMeta()
    {
        var buffer = new byte[BoltMeta.Size];
        string firstFault = "file size too small";
        BoltMeta? first = null, second = null;
        if (_file.Read(BoltMeta.Offset, buffer) == buffer.Length)
        {
            first = BoltMeta.TryRead(buffer, out firstFault);
        }

        if (first is { } known)
        {
            second = ReadSecondMeta(known.PageSize, buffer);
        }
        else
        {
            for (int size = SmallestPage; size <= LargestPage && second is null; size *= 2)
            {
                second = ReadSecondMeta(size, buffer);
            }
        }

        if (first is null && second is null)
        {
            throw new BoltException($"{firstFault}: {Path}, neither of the two meta pages is valid");
        }

        return first is { } one && second is { } other ? (one.Transaction >= other.Transaction ? one : other) : first ?? second!.Value;
    }

    private BoltMeta? ReadSecondMeta(int pageSize, byte[] buffer) =>
        _file.Read(pageSize + BoltMeta.Offset, buffer) == buffer.Length && BoltMeta.TryRead(buffer, out _) is { } meta && meta.PageSize == pageSize
            ? meta
            : null;

    /// <summary>Free is what cannot be reached: a stored list need not be trusted (spec 05 §4.6).</summary>
    private void FindFreePages()
    {
        var used = new System.Collections.BitArray(checked((int)_meta.HighWater));
        using (BoltReadTransaction transaction = BeginRead())
        {
            transaction.VisitPages((id, pages) =>
            {
                for (ulong page = id; page < id + pages; page++)
                {
                    if (used[(int)page])
                    {
                        throw Damaged(page, "the page is used in two places");
                    }

                    used[(int)page] = true;
                }
            });
        }

        ulong start = 2;
        for (ulong page = 2; page <= _meta.HighWater; page++)
        {
            if (page == _meta.HighWater || used[(int)page])
            {
                _free.Add(start, page - start);
                start = page + 1;
            }
        }

        // The next commit says that no list is stored; a stored list's own pages were not reachable and are free now.
        _meta = _meta with { FreeList = BoltMeta.NoFreeList };
    }

    private static void Initialize(IFile file, int pageSize)
    {
        var content = new byte[4 * pageSize];
        for (ulong id = 0; id < 2; id++)
        {
            new BoltMeta(pageSize, 3, 2, 4, id).WritePage(content.AsSpan((int)id * pageSize, pageSize), id);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(2 * pageSize), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan((2 * pageSize) + 8), (ushort)PageKind.FreeList);
        BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(3 * pageSize), 3);
        BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan((3 * pageSize) + 8), (ushort)PageKind.Leaf);
        file.Write(0, content);
        file.Sync();
    }
}
