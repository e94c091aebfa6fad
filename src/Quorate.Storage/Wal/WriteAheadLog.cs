using Quorate.Raft;
using Quorate.Storage.Files;

namespace Quorate.Storage.Wal;

/// <summary>
/// The log on disk in etcd's format (spec 05 §2): segments of framed records with one running checksum. It has one user at a time, the
/// thread that writes; every segment that a restart needs is locked.
/// </summary>
public sealed partial class WriteAheadLog : IDisposable
{
    /// <summary>A segment is cut when it has this many bytes.</summary>
    public const long SegmentSize = 64_000_000;

    private readonly IFileSystem _files;
    private readonly string _directory;
    private readonly byte[] _metadata;
    private readonly List<(WalSegmentName Name, IFile File)> _segments;
    private readonly WalBuffer _buffer = new();
    private long _offset;
    private HardState _state;
    private ulong _lastIndex;

    private WriteAheadLog(IFileSystem files, string directory, byte[] metadata, List<(WalSegmentName, IFile)> segments, long offset, uint checksum)
    {
        _files = files;
        _directory = directory;
        _metadata = metadata;
        _segments = segments;
        _offset = offset;
        _buffer.Checksum = checksum;
    }

    /// <summary>Leaves out the sync of every write: a crash of the machine may lose acknowledged writes.</summary>
    public bool UnsafeNoSync { get; init; }

    /// <summary>Number of segments that are locked.</summary>
    public int SegmentCount => _segments.Count;

    private IFile Current => _segments[^1].File;

    /// <summary>Whether a directory has a log: this alone decides between a restart and a first start (spec 05 §1).</summary>
    public static bool Exists(IFileSystem files, string directory) =>
        files.DirectoryExists(directory) && files.List(directory).Any(name => name.EndsWith(".wal", StringComparison.Ordinal));

    /// <summary>Makes a log, under another name until it is whole (spec 05 §2.5).</summary>
    /// <param name="metadata">The bytes of etcdserverpb.Metadata.</param>
    public static WriteAheadLog Create(IFileSystem files, string directory, byte[] metadata, bool unsafeNoSync = false)
    {
        string parent = ParentOf(directory);
        string temporary = directory + ".tmp";
        files.CreateDirectory(parent);
        if (files.DirectoryExists(temporary))
        {
            files.DeleteDirectory(temporary);
        }

        files.CreateDirectory(temporary);
        var name = new WalSegmentName(0, 0);
        using (IFile first = files.Open($"{temporary}/{name}", OpenMode.CreateNew))
        {
            first.Preallocate(SegmentSize);
            var buffer = new WalBuffer();
            buffer.AddChecksum();
            buffer.Add(WalRecordType.Metadata, metadata);
            buffer.Add(WalRecordType.Snapshot, Encode(default));
            first.Write(0, buffer.Written);
            first.Sync();
        }

        files.SyncDirectory(temporary);
        if (files.DirectoryExists(directory))
        {
            files.DeleteDirectory(directory);
        }

        files.Move(temporary, directory);
        files.SyncDirectory(parent);
        (WriteAheadLog log, _) = Open(files, directory, default, unsafeNoSync);
        return log;
    }

    /// <summary>
    /// Writes entries, then the hard state if it is given. Nothing of it is durable before <see cref="Sync"/>; a hard state alone may stay
    /// in memory until then.
    /// </summary>
    public void Append(HardState? state, IReadOnlyList<Entry> entries)
    {
        for (int index = 0; index < entries.Count; index++)
        {
            Entry entry = entries[index];
            _buffer.AddEntry(entry);
            _lastIndex = entry.Index;
        }

        if (state is { IsEmpty: false } hardState)
        {
            _state = hardState;
            _buffer.Add(WalRecordType.State, RaftWire.Encode(hardState));
        }
    }

    /// <summary>Makes everything durable that was appended; cuts the segment when it is full.</summary>
    public void Sync()
    {
        Flush();
        SyncCurrent();
        if (_offset >= SegmentSize)
        {
            Cut();
        }
    }

    /// <summary>Records that a snapshot was saved, and makes that durable. The snapshot's file must be durable already.</summary>
    public void SaveSnapshot(WalSnapshot snapshot)
    {
        if (snapshot.Index > 0 && snapshot.ConfState is null)
        {
            throw new ArgumentException("a snapshot record needs a configuration", nameof(snapshot));
        }

        _buffer.Add(WalRecordType.Snapshot, Encode(snapshot));
        _lastIndex = Math.Max(_lastIndex, snapshot.Index);
        Sync();
    }

    /// <summary>Gives up the segments that a restart from a snapshot at this index does not need, so that they may be purged (spec 05 §2.9).</summary>
    public void ReleaseTo(ulong index)
    {
        int keep = _segments.FindIndex(segment => segment.Name.Index >= index);
        int count = keep < 0 ? _segments.Count - 1 : Math.Max(keep - 1, 0);
        foreach ((_, IFile file) in _segments.Take(count))
        {
            file.Dispose();
        }

        _segments.RemoveRange(0, count);
    }

    public void Dispose()
    {
        foreach ((_, IFile file) in _segments)
        {
            file.Dispose();
        }

        _segments.Clear();
    }

    private void Flush()
    {
        if (_buffer.Written.Length > 0)
        {
            Current.Write(_offset, _buffer.Written);
            _offset += _buffer.Written.Length;
            _buffer.Clear();
        }
    }

    private void SyncCurrent()
    {
        if (!UnsafeNoSync)
        {
            Current.Sync();
        }
    }

    /// <summary>Ends the segment and begins the next one, which appears under its name only when its beginning is durable.</summary>
    private void Cut()
    {
        Current.SetLength(_offset);
        SyncCurrent();
        var name = new WalSegmentName(_segments[^1].Name.Sequence + 1, _lastIndex + 1);
        string temporary = $"{_directory}/{name.Sequence % 2}.tmp";
        using (IFile next = _files.Open(temporary, OpenMode.Create))
        {
            // Whatever a crash left there must not look like records.
            next.SetLength(0);
            next.Preallocate(SegmentSize);
            _buffer.AddChecksum();
            _buffer.Add(WalRecordType.Metadata, _metadata);
            if (!_state.IsEmpty)
            {
                _buffer.Add(WalRecordType.State, RaftWire.Encode(_state));
            }

            _offset = _buffer.Written.Length;
            next.Write(0, _buffer.Written);
            _buffer.Clear();
            next.Sync();
        }

        _files.Move(temporary, $"{_directory}/{name}");
        _files.SyncDirectory(_directory);
        _segments.Add((name, OpenLocked(_files, $"{_directory}/{name}")));
    }

    private static IFile OpenLocked(IFileSystem files, string path)
    {
        IFile file = files.Open(path, OpenMode.ReadWrite);
        if (file.TryLock(LockKind.Record))
        {
            return file;
        }

        file.Dispose();
        throw new WalException($"fileutil: file already locked: {path}");
    }

    private static string ParentOf(string directory) => Path.GetDirectoryName(directory.TrimEnd('/')) is { Length: > 0 } parent ? parent : ".";

    private static byte[] Encode(WalSnapshot snapshot) =>
        RaftWire.EncodeSnapshotRecord(snapshot.Index, snapshot.Term, snapshot.ConfState);
}
