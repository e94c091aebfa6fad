using System.Globalization;
using Quorate.Raft;
using Quorate.Storage.Files;

namespace Quorate.Storage.Wal;

/// <summary>
/// The snapshot files of a member, beside its database (spec 05 §1, §3): "term-index.snap" with what raft says of a snapshot, and
/// "index.snap.db", a database that a leader sent.
/// </summary>
public sealed class SnapshotFiles(IFileSystem files, string directory)
{
    private const string Suffix = ".snap", DatabaseSuffix = ".snap.db";

    public string Directory => directory;

    /// <summary>Writes a snapshot and makes it durable. It must be so before the log records it.</summary>
    public void Save(Snapshot snapshot)
    {
        byte[] data = RaftWire.Encode(snapshot);

        // snappb.snapshot: crc = 1, data = 2; a checksum and bytes, as in an entry's frame.
        uint checksum = Crc32C.Update(0, data);
        var content = new List<byte>(data.Length + 16) { 0x08 };
        AddVarint(content, checksum);
        content.Add(0x12);
        AddVarint(content, (uint)data.Length);
        content.AddRange(data);
        string path = PathOf(snapshot.Metadata.Term, snapshot.Metadata.Index);
        using (IFile file = files.Open(path, OpenMode.Create))
        {
            file.SetLength(0);
            file.Write(0, content.ToArray());
            file.Sync();
        }

        files.SyncDirectory(directory);
    }

    /// <summary>
    /// The newest readable snapshot whose term and index are among those that the log records; null if there is none. Unreadable files are
    /// renamed on the way, with the suffix .broken.
    /// </summary>
    public Snapshot? LoadNewest(IReadOnlyCollection<WalSnapshot> recorded)
    {
        foreach (string name in files.List(directory).Where(name => name.EndsWith(Suffix, StringComparison.Ordinal)).Reverse())
        {
            string path = $"{directory}/{name}";
            try
            {
                Snapshot snapshot = Load(path);
                if (recorded.Any(record => record.Index == snapshot.Metadata.Index && record.Term == snapshot.Metadata.Term))
                {
                    return snapshot;
                }
            }
            catch (StorageException)
            {
                files.Move(path, path + ".broken");
            }
        }

        return null;
    }

    /// <summary>Reads one file; <see cref="StorageException"/> if it is empty or damaged.</summary>
    public Snapshot Load(string path)
    {
        byte[] content = ReadAll(path);
        try
        {
            (uint checksum, ReadOnlyMemory<byte> data) = Decode(content);
            if (data.Length == 0 || checksum == 0)
            {
                throw new StorageException($"snap: empty snapshot: {path}");
            }

            uint computed = Crc32C.Update(0, data.Span);
            return computed == checksum
                ? RaftWire.DecodeSnapshot(data)
                : throw new StorageException($"snap: crc mismatch (expected {checksum:x8}, computed {computed:x8}): {path}");
        }
        catch (FormatException error)
        {
            throw new StorageException($"snap: {error.Message}: {path}", error);
        }
    }

    /// <summary>The path of a database that was received for a snapshot at an index.</summary>
    public string DatabasePathOf(ulong index) => $"{directory}/{index:x16}{DatabaseSuffix}";

    /// <summary>Removes received databases from before an index (spec 05 §2.9).</summary>
    public void RemoveDatabasesBefore(ulong index)
    {
        foreach (string name in files.List(directory))
        {
            if (name.EndsWith(DatabaseSuffix, StringComparison.Ordinal)
                && ulong.TryParse(name.AsSpan(0, name.Length - DatabaseSuffix.Length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                    out ulong of)
                && of < index)
            {
                files.Delete($"{directory}/{name}");
            }
        }
    }

    /// <summary>Removes what an interrupted transfer or defragmentation left (spec 05 §1, §12.3).</summary>
    public void RemoveLeftovers()
    {
        foreach (string name in files.List(directory))
        {
            if (name.StartsWith("tmp", StringComparison.Ordinal) || name.StartsWith("db.tmp", StringComparison.Ordinal))
            {
                files.Delete($"{directory}/{name}");
            }
        }
    }

    /// <summary>Removes the oldest files of each kind while there are more than a number (spec 05 §1.1); returns their paths.</summary>
    public IReadOnlyList<string> Purge(int keep)
    {
        var purged = new List<string>();
        foreach (string suffix in (string[])[Suffix, DatabaseSuffix])
        {
            List<string> names = [.. files.List(directory).Where(name => name.EndsWith(suffix, StringComparison.Ordinal))];
            foreach (string name in names.Take(Math.Max(names.Count - keep, 0)))
            {
                files.Delete($"{directory}/{name}");
                purged.Add($"{directory}/{name}");
            }
        }

        return purged;
    }

    private string PathOf(ulong term, ulong index) => $"{directory}/{term:x16}-{index:x16}{Suffix}";

    private byte[] ReadAll(string path)
    {
        using IFile file = files.Open(path, OpenMode.Read);
        var content = new byte[file.Length];
        file.Read(0, content);
        return content;
    }

    private static (uint Checksum, ReadOnlyMemory<byte> Data) Decode(byte[] content)
    {
        uint checksum = 0;
        ReadOnlyMemory<byte> data = default;
        int position = 0;
        while (position < content.Length)
        {
            byte tag = content[position++];
            ulong value = ReadVarint(content, ref position);
            switch (tag)
            {
                case 0x08:
                    checksum = (uint)value;
                    break;
                case 0x12 when value <= (ulong)(content.Length - position):
                    data = content.AsMemory(position, (int)value);
                    position += (int)value;
                    break;
                default:
                    throw new FormatException($"malformed at offset {position}");
            }
        }

        return (checksum, data);
    }

    private static ulong ReadVarint(byte[] content, ref int position)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70 && position < content.Length; shift += 7)
        {
            byte next = content[position++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new FormatException($"malformed at offset {position}");
    }

    private static void AddVarint(List<byte> content, uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            content.Add((byte)(value | 0x80));
        }

        content.Add((byte)value);
    }
}
