using Quorate.Raft;
using Quorate.Storage.Files;

namespace Quorate.Storage.Wal;

/// <summary>Opening and reading a log (spec 05 §2.7, §2.8).</summary>
public sealed partial class WriteAheadLog
{
    /// <summary>
    /// Opens a log for going on behind a snapshot. A torn last record is cut off, with a copy of the segment left beside it. Any other
    /// damage is a <see cref="WalException"/> that names the file and the offset.
    /// </summary>
    public static (WriteAheadLog Log, WalContents Contents) Open(IFileSystem files, string directory, WalSnapshot start, bool unsafeNoSync = false)
    {
        List<WalSegmentName> names = Select(files, directory, start.Index);
        bool repaired = false;
        while (true)
        {
            var segments = new List<(WalSegmentName, IFile)>();
            try
            {
                foreach (WalSegmentName name in names)
                {
                    segments.Add((name, OpenLocked(files, $"{directory}/{name}")));
                }

                var reading = new Reading(start);
                WalReader last = reading.ReadAll(segments.ConvertAll(segment => segment.Item2), acceptTorn: false);
                IFile current = segments[^1].Item2;

                // Garbage behind the end could be misread when the log grows up to it.
                long length = Math.Max(current.Length, SegmentSize);
                current.SetLength(last.Offset);
                current.Preallocate(length);
                current.Sync();
                var log = new WriteAheadLog(files, directory, reading.Metadata!, segments, last.Offset, last.Checksum)
                {
                    UnsafeNoSync = unsafeNoSync,
                    _state = reading.State,
                    _lastIndex = Math.Max(reading.LastIndex, segments[^1].Item1.Index == 0 ? 0 : segments[^1].Item1.Index - 1),
                };
                return (log, new WalContents(reading.Metadata!, reading.State, reading.Entries, repaired));
            }
            catch (WalTornException torn) when (!repaired)
            {
                Repair(files, segments[^1].Item2, torn.Offset);
                repaired = true;
                Close(segments);
            }
            catch
            {
                Close(segments);
                throw;
            }
        }
    }

    /// <summary>Reads a log without touching it; a torn end is simply the end.</summary>
    public static WalContents Read(IFileSystem files, string directory, WalSnapshot start)
    {
        var opened = new List<IFile>();
        try
        {
            opened.AddRange(Select(files, directory, start.Index).Select(name => files.Open($"{directory}/{name}", OpenMode.Read)));
            var reading = new Reading(start);
            reading.ReadAll(opened, acceptTorn: true);
            return new WalContents(reading.Metadata!, reading.State, reading.Entries, false);
        }
        finally
        {
            opened.ForEach(file => file.Dispose());
        }
    }

    /// <summary>
    /// The snapshots that a log records, oldest first, without those that lie above the last known commit index: after a crash between
    /// the two records such a one must not be started from (spec 05 §2.8). The first is that of the beginning, at index 0.
    /// </summary>
    public static IReadOnlyList<WalSnapshot> Snapshots(IFileSystem files, string directory)
    {
        var opened = new List<IFile>();
        try
        {
            opened.AddRange(Select(files, directory, 0).Select(name => files.Open($"{directory}/{name}", OpenMode.Read)));
            var reading = new Reading(null);
            reading.ReadAll(opened, acceptTorn: true);
            return [.. reading.Snapshots.Where(snapshot => snapshot.Index <= reading.State.Commit)];
        }
        finally
        {
            opened.ForEach(file => file.Dispose());
        }
    }

    /// <summary>Removes the oldest segments while there are more than a number, as far as nobody needs them (spec 05 §1.1).</summary>
    public static IReadOnlyList<string> Purge(IFileSystem files, string directory, int keep)
    {
        var purged = new List<string>();
        List<string> names = [.. files.List(directory).Where(name => name.EndsWith(".wal", StringComparison.Ordinal))];
        for (int index = 0; index < names.Count - keep; index++)
        {
            string path = $"{directory}/{names[index]}";
            using IFile file = files.Open(path, OpenMode.ReadWrite);
            if (!file.TryLock(LockKind.Record))
            {
                break;
            }

            files.Delete(path);
            purged.Add(path);
        }

        return purged;
    }

    private static void Close(List<(WalSegmentName, IFile File)> segments) => segments.ForEach(segment => segment.File.Dispose());

    private static List<WalSegmentName> Select(IFileSystem files, string directory, ulong index)
    {
        List<WalSegmentName> all = [];
        if (files.DirectoryExists(directory))
        {
            foreach (string name in files.List(directory))
            {
                if (WalSegmentName.TryParse(name, out WalSegmentName segment))
                {
                    all.Add(segment);
                }
            }
        }

        if (all.Count == 0)
        {
            throw new WalException($"wal: file not found: {directory}");
        }

        // An index of 0 asks for all that is there: the first segments may have been purged.
        int first = index == 0 ? 0 : all.FindLastIndex(segment => segment.Index <= index);
        if (first < 0)
        {
            throw new WalException($"wal: file not found which matches the snapshot index '{index}': {directory}");
        }

        all.RemoveRange(0, first);
        for (int i = 1; i < all.Count; i++)
        {
            if (all[i].Sequence != all[i - 1].Sequence + 1)
            {
                throw new WalException($"wal: file sequence numbers (starting from {i}) do not increase continuously: {directory}/{all[i]}");
            }
        }

        return all;
    }

    private static void Repair(IFileSystem files, IFile segment, long offset)
    {
        using (IFile copy = files.Open(segment.Path + ".broken", OpenMode.Create))
        {
            copy.SetLength(0);
            var chunk = new byte[1024 * 1024];
            for (long position = 0; ;)
            {
                int count = segment.Read(position, chunk);
                if (count == 0)
                {
                    break;
                }

                copy.Write(position, chunk.AsSpan(0, count));
                position += count;
            }

            copy.Sync();
        }

        segment.SetLength(offset);
        segment.Sync();
    }

    /// <summary>What accumulates over the records of a log.</summary>
    /// <param name="start">Where entries begin; null to collect snapshot records only.</param>
    private sealed class Reading(WalSnapshot? start)
    {
        private ulong? _termAtStart;

        public byte[]? Metadata { get; private set; }

        public HardState State { get; private set; }

        public List<Entry> Entries { get; } = [];

        public List<WalSnapshot> Snapshots { get; } = [];

        public ulong LastIndex { get; private set; }

        public WalReader ReadAll(IReadOnlyList<IFile> segments, bool acceptTorn)
        {
            WalReader? reader = null;
            for (int index = 0; index < segments.Count; index++)
            {
                bool isLast = index == segments.Count - 1;
                reader = new WalReader(segments[index], isLast, reader?.Checksum ?? 0);
                try
                {
                    while (reader.TryRead(out WalRecordType type, out ReadOnlyMemory<byte> data))
                    {
                        Take(type, data, segments[index].Path, reader.Offset);
                    }
                }
                catch (WalTornException torn)
                {
                    if (!isLast)
                    {
                        throw new WalException(torn.Message);
                    }

                    if (!acceptTorn)
                    {
                        throw;
                    }
                }
            }

            if (Metadata is null)
            {
                throw new WalException($"wal: no metadata: {segments[0].Path}");
            }

            if (start is { Index: > 0 } wanted && !Snapshots.Any(snapshot => snapshot.Index == wanted.Index))
            {
                throw new WalException($"wal: snapshot not found: {segments[0].Path} and after it, index {wanted.Index}");
            }

            return reader!;
        }

        private void Take(WalRecordType type, ReadOnlyMemory<byte> data, string path, long offset)
        {
            try
            {
                switch (type)
                {
                    case WalRecordType.Metadata:
                        if (Metadata is not null && !data.Span.SequenceEqual(Metadata))
                        {
                            throw new WalException($"wal: conflicting metadata found: {path} before offset {offset}");
                        }

                        Metadata = data.ToArray();
                        break;
                    case WalRecordType.Entry:
                        TakeEntry(data, path, offset);
                        break;
                    case WalRecordType.State:
                        State = RaftWire.DecodeHardState(data);
                        break;
                    case WalRecordType.Checksum:
                        break;
                    case WalRecordType.Snapshot:
                        TakeSnapshot(data, path, offset);
                        break;
                    default:
                        throw new WalException($"unexpected block type {(long)type}: {path} before offset {offset}");
                }
            }
            catch (FormatException error)
            {
                throw new WalException($"{error.Message}: {path} before offset {offset}");
            }
        }

        private void TakeEntry(ReadOnlyMemory<byte> data, string path, long offset)
        {
            Entry entry = RaftWire.DecodeEntry(data);
            LastIndex = entry.Index;
            if (start is { } at && entry.Index == at.Index)
            {
                _termAtStart = entry.Term;
            }

            if (start is not { } from)
            {
                return;
            }

            if (entry.Index <= from.Index)
            {
                // It replaced what the log then had behind it, even if the entry itself lies before the snapshot.
                Entries.Clear();
                return;
            }

            ulong position = entry.Index - from.Index - 1;
            if (position > (ulong)Entries.Count)
            {
                throw new WalException($"wal: slice bounds out of range, snapshot[Index: {from.Index}, Term: {from.Term}], "
                    + $"current entry[Index: {entry.Index}, Term: {entry.Term}], len(ents): {Entries.Count}: {path} before offset {offset}");
            }

            // A later record of the same or a lower index replaces that entry and all after it.
            Entries.RemoveRange((int)position, Entries.Count - (int)position);
            Entries.Add(entry);
        }

        private void TakeSnapshot(ReadOnlyMemory<byte> data, string path, long offset)
        {
            (ulong index, ulong term, ConfState? state) = RaftWire.DecodeSnapshotRecord(data);
            var snapshot = new WalSnapshot(index, term, state);
            if (start is { } wanted && wanted.Index == snapshot.Index && wanted.Term != snapshot.Term)
            {
                throw new WalException($"wal: snapshot mismatch: {path} before offset {offset}");
            }

            Snapshots.Add(snapshot);
            LastIndex = Math.Max(LastIndex, snapshot.Index);

            // A snapshot whose last entry the log had with another term was received, and replaced the log: what was read so far must not
            // come back as its end, where it would count in elections.
            if (start is { Index: > 0 } from && snapshot.Index == from.Index && _termAtStart != snapshot.Term)
            {
                Entries.Clear();
            }
        }
    }
}
