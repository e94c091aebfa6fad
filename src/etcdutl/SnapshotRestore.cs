using System.Security.Cryptography;
using Google.Protobuf;
using Quorate.CommandLine;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;
using Quorate.Storage.Wal;

namespace Quorate.Etcdutl;

/// <summary>snapshot restore: the directory of a member of a new cluster, made from a snapshot file (spec 05 §13.3, 07 §12.3).</summary>
internal static class SnapshotRestore
{
    private const int HashSize = 32, Sector = 512;

    public static void Flags(FlagSet flags) => flags
        .Add("data-dir", FlagSet.Kind.Text, "", "Path to the output data directory")
        .Add("wal-dir", FlagSet.Kind.Text, "", "Path to the WAL directory (use --data-dir if none given)")
        .Add("name", FlagSet.Kind.Text, "default", "Human-readable name for this member")
        .Add("initial-cluster", FlagSet.Kind.Text, "default=http://localhost:2380", "Initial cluster configuration for restore bootstrap")
        .Add("initial-cluster-token", FlagSet.Kind.Text, "etcd-cluster", "Initial cluster token for the etcd cluster during restore bootstrap")
        .Add("initial-advertise-peer-urls", FlagSet.Kind.Text, "http://localhost:2380", "List of this member's peer URLs to advertise to the rest of the cluster")
        .Add("skip-hash-check", FlagSet.Kind.Boolean, "false", "Ignore snapshot integrity hash value (required if copied from data directory)")
        .Add("initial-memory-map-size", FlagSet.Kind.Integer, "10737418240", "Initial memory map size of the database in bytes; nothing depends on it here")
        .Add("bump-revision", FlagSet.Kind.Integer, "0", "How much to increase the latest revision after restore")
        .Add("mark-compacted", FlagSet.Kind.Boolean, "false", "Mark the latest revision after restore as the point of scheduled compaction");

    public static int Run(UtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("snapshot restore requires exactly one argument");
        }

        FlagSet flags = context.Flags;
        long bump = flags.Integer("bump-revision");
        if (bump > 0 != flags.Boolean("mark-compacted"))
        {
            throw CommandException.BadArguments("--mark-compacted required if --revision-bump > 0");
        }

        string name = flags.Text("name");
        List<ClusterMember> members = Members(flags, name);
        string dataDirectory = flags.Text("data-dir") is { Length: > 0 } given ? given : $"{name}.etcd";
        if (Directory.Exists(dataDirectory) && Directory.EnumerateFileSystemEntries(dataDirectory).Any())
        {
            throw new CommandException(ExitCodes.Error, $"data-dir \"{dataDirectory}\" not empty or could not be read");
        }

        string walDirectory = flags.Text("wal-dir") is { Length: > 0 } wal ? wal : $"{dataDirectory}/member/wal";
        if (flags.IsSet("wal-dir") && Directory.Exists(walDirectory))
        {
            throw new CommandException(ExitCodes.Error, $"wal-dir \"{walDirectory}\" exists");
        }

        UtlContext.Log("info", "restoring snapshot", $"\"path\": \"{context.Arguments[0]}\", \"wal-dir\": \"{walDirectory}\", \"data-dir\": \"{dataDirectory}\"");
        string snapshotDirectory = $"{dataDirectory}/member/snap";
        CopyDatabase(context.Arguments[0], snapshotDirectory, flags.Boolean("skip-hash-check"));
        ClusterMember own = members.First(member => member.Name == name);
        Restore(snapshotDirectory, walDirectory, own.Id, [.. members.OrderBy(member => member.Id)], bump);
        UtlContext.Log("info", "restored snapshot", $"\"path\": \"{context.Arguments[0]}\", \"wal-dir\": \"{walDirectory}\", \"data-dir\": \"{dataDirectory}\"");
        return ExitCodes.Success;
    }

    private static List<ClusterMember> Members(FlagSet flags, string name)
    {
        string cluster = flags.Text("initial-cluster"), token = flags.Text("initial-cluster-token");
        var urls = new Dictionary<string, List<string>>();
        foreach (string pair in cluster.Split(',').Where(pair => pair.Length > 0))
        {
            string[] parts = pair.Split('=', 2);
            if (parts.Length < 2 || Server.Hosting.EtcdUrl.Fault(parts[1]) is { } fault && fault.Length > 0)
            {
                throw new CommandException(ExitCodes.Error, parts.Length < 2 ? $"invalid initial cluster {cluster}" : Server.Hosting.EtcdUrl.Fault(parts[1])!);
            }

            (urls.TryGetValue(parts[0], out List<string>? list) ? list : urls[parts[0]] = []).Add(parts[1]);
        }

        if (!urls.TryGetValue(name, out List<string>? own))
        {
            throw new CommandException(ExitCodes.Error, $"couldn't find local name \"{name}\" in the initial cluster configuration");
        }

        string[] advertised = [.. flags.Text("initial-advertise-peer-urls").Split(',').Order(StringComparer.Ordinal)];
        if (!own.Order(StringComparer.Ordinal).SequenceEqual(advertised))
        {
            string listed = string.Join(',', own.Select(url => $"{name}={url}"));
            throw new CommandException(ExitCodes.Error, $"--initial-cluster has {listed} but missing from --initial-advertise-peer-urls={string.Join(',', advertised)} "
                + $"(resolved urls: \"{string.Join(',', advertised)}\" != \"{string.Join(',', own)}\")");
        }

        return [.. urls.Select(pair => new ClusterMember(MemberIds.OfMember(pair.Value, token), [.. pair.Value.Order(StringComparer.Ordinal)], pair.Key, [], false))];
    }

    private static void CopyDatabase(string path, string directory, bool skipsCheck)
    {
        if (!File.Exists(path))
        {
            throw new CommandException(ExitCodes.Error, $"open {path}: no such file or directory");
        }

        using FileStream source = File.OpenRead(path);
        if (source.Length < HashSize)
        {
            throw new CommandException(ExitCodes.Error, $"seek {path}: invalid argument");
        }

        LocalFileSystem.Instance.CreateDirectory(Path.GetDirectoryName(Path.GetDirectoryName(directory)!)!);
        LocalFileSystem.Instance.CreateDirectory(Path.GetDirectoryName(directory)!);
        LocalFileSystem.Instance.CreateDirectory(directory);
        bool hasHash = source.Length % Sector == HashSize;
        if (!hasHash && !skipsCheck)
        {
            throw new CommandException(ExitCodes.Error, "snapshot missing hash but --skip-hash-check=false");
        }

        using IFile target = LocalFileSystem.Instance.Open($"{directory}/db", OpenMode.Create);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long remaining = hasHash ? source.Length - HashSize : source.Length;
        var chunk = new byte[1 << 20];
        for (long offset = 0; remaining > 0;)
        {
            int count = source.Read(chunk, 0, (int)Math.Min(chunk.Length, remaining));
            if (count == 0)
            {
                throw new IOException($"{path}: unexpected end");
            }

            hash.AppendData(chunk, 0, count);
            target.Write(offset, chunk.AsSpan(0, count));
            offset += count;
            remaining -= count;
        }

        target.Sync();
        if (hasHash && !skipsCheck)
        {
            var stored = new byte[HashSize];
            source.ReadExactly(stored);
            byte[] computed = hash.GetHashAndReset();
            if (!stored.AsSpan().SequenceEqual(computed))
            {
                throw new CommandException(ExitCodes.Error, $"expected sha256 [{string.Join(' ', stored)}], got [{string.Join(' ', computed)}]");
            }
        }
    }

    private static void Restore(string snapshotDirectory, string walDirectory, ulong own, IReadOnlyList<ClusterMember> members, long bump)
    {
        ulong cluster = MemberIds.OfCluster(members.Select(member => member.Id));
        ulong count = (ulong)members.Count;
        var state = new ConfState { Voters = [.. members.Select(member => member.Id)] };
        var view = new ClusterView(cluster, members.ToDictionary(member => member.Id, member => member with { Name = "" }), new HashSet<ulong>(), null, null);
        using (Backend backend = Backend.Open(LocalFileSystem.Instance, $"{snapshotDirectory}/db", new BoltOptions { InitialMapSize = 1 << 30 }))
        {
            UtlContext.Log("info", "Trimming membership information from the backend...", "");
            foreach (byte[] bucket in (byte[][])[Buckets.Members, Buckets.MembersRemoved])
            {
                foreach ((byte[] key, _) in backend.ReadAll(bucket))
                {
                    backend.Delete(bucket, key);
                }
            }

            if (bump > 0)
            {
                Bump(backend, bump);
            }

            foreach (ClusterMember member in members)
            {
                UtlContext.Log("info", "added member", $"\"cluster-id\": \"{cluster:x}\", \"added-peer-id\": \"{member.HexId}\"");
                backend.Put(Buckets.Members, System.Text.Encoding.ASCII.GetBytes(member.HexId), member.ToJson());
            }

            backend.SetConsistentIndex(count, 1);
            backend.Commit();
        }

        var metadata = new Metadata { NodeID = own, ClusterID = cluster };
        using WriteAheadLog log = WriteAheadLog.Create(LocalFileSystem.Instance, walDirectory, metadata.ToByteArray());
        List<Entry> entries = [.. members.Select((member, index) => new Entry(1, (ulong)index + 1, EntryType.ConfChange,
            RaftWire.Encode(new ConfChange(0, ConfChangeType.AddNode, member.Id, member.ToJson()))))];
        log.Append(new HardState(1, members[0].Id, count), entries);
        log.Sync();
        new SnapshotFiles(LocalFileSystem.Instance, snapshotDirectory)
            .Save(new Snapshot(new SnapshotMetadata(count, 1, state), V2Membership.Of(view).ToJson()));
        log.SaveSnapshot(new WalSnapshot(count, 1, state));
    }

    private static void Bump(Backend backend, long bump)
    {
        long latest = 1;
        using (BoltReadTransaction transaction = backend.BeginCopy())
        {
            BoltCursor cursor = transaction.Bucket(Buckets.Key)!.Cursor();
            if (cursor.Last())
            {
                latest = RevisionKey.Decode(cursor.Key).Main;
            }
        }

        UtlContext.Log("info", "bumping latest revision", $"\"latest-revision\": {latest}, \"bump-amount\": {bump}, \"new-latest-revision\": {latest + bump}");
        backend.PutRow(latest + bump, 0, isTombstone: false, []);
        UtlContext.Log("info", "marking revision compacted", $"\"revision\": {latest + bump}");
        backend.Put(Buckets.Meta, MetaKeys.ScheduledCompaction, RevisionKey.Encode(latest + bump, 0, false));
    }
}
