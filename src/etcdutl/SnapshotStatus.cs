using System.Text;
using Google.Protobuf;
using Quorate.CommandLine;
using Quorate.Protocol.KeyValues;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Etcdutl;

/// <summary>snapshot status: what a database file holds, after a check of every page (spec 05 §13.2).</summary>
internal static class SnapshotStatus
{
    public static int Run(UtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("snapshot status requires exactly one argument");
        }

        string path = context.Arguments[0];
        if (!File.Exists(path))
        {
            throw new CommandException(ExitCodes.Error, $"stat {path}: no such file or directory");
        }

        using BoltDatabase database = Open(path);
        using BoltReadTransaction transaction = database.BeginRead();
        IReadOnlyList<string> faults = BoltCheck.Run(transaction);
        if (faults.Count > 0)
        {
            throw new CommandException(ExitCodes.Error, $"snapshot file integrity check failed. {faults.Count} errors found.\n{string.Join('\n', faults)}");
        }

        uint hash = 0;
        long revision = 0;
        var live = new HashSet<ByteString>();
        string version = "";
        foreach (byte[] name in transaction.BucketNames())
        {
            hash = Crc32C.Update(hash, name);
            bool isKey = name.AsSpan().SequenceEqual(Buckets.Key);
            BoltCursor cursor = transaction.Bucket(name)!.Cursor();
            for (bool more = cursor.First(); more; more = cursor.Next())
            {
                hash = Crc32C.Update(Crc32C.Update(hash, cursor.Key), cursor.Value);
                if (isKey)
                {
                    (revision, _, bool isTombstone) = RevisionKey.Decode(cursor.Key);
                    ByteString key = KeyValue.Parser.ParseFrom(cursor.Value).Key;
                    if (isTombstone)
                    {
                        live.Remove(key);
                    }
                    else if (!key.IsEmpty)
                    {
                        live.Add(key);
                    }
                }
                else if (name.AsSpan().SequenceEqual(Buckets.Meta) && cursor.Key.SequenceEqual(MetaKeys.StorageVersion))
                {
                    version = Encoding.ASCII.GetString(cursor.Value);
                }
            }
        }

        context.Print(
        [
            ("hash", "Hash", "hash", hash, hash.ToString("x")),
            ("revision", "Revision", "revision", revision, $"{revision}"),
            ("total keys", "Keys", "totalKey", live.Count, $"{live.Count}"),
            ("total size", "Size", "totalSize", transaction.Size, GoText.Size(transaction.Size)),
            ("version", "Version", "version", version, version),
        ]);
        return ExitCodes.Success;
    }

    /// <summary>Opens a file for reading; what is no database is told in bbolt's words.</summary>
    public static BoltDatabase Open(string path)
    {
        try
        {
            return BoltDatabase.Open(LocalFileSystem.Instance, path, new BoltOptions { ReadOnly = true });
        }
        catch (BoltException error)
        {
            foreach (string known in (string[])["invalid database", "version mismatch", "checksum error", "file size too small"])
            {
                if (error.Message.Contains(known, StringComparison.Ordinal))
                {
                    throw new CommandException(ExitCodes.Error, known);
                }
            }

            throw;
        }
    }
}
