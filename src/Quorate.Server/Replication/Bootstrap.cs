using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Storage;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Wal;

namespace Quorate.Server.Replication;

/// <summary>
/// The start of a member (spec 04 §8, 05 §7): where there is a log, it goes on from that; else it makes a cluster with others, or joins one.
/// <see cref="BootstrapException"/> with etcd's text for what cannot be.
/// </summary>
internal sealed partial class Bootstrap(MemberOptions options, IPeerTransport transport, MemberLog log)
{
    private readonly IFileSystem _files = options.Files;
    private bool _toldOfOwner;

    public async Task<Bootstrapped> RunAsync(CancellationToken cancellation)
    {
        CreateDirectory(options.SnapshotDirectory);
        CreateDirectory(options.LogDirectory[..Math.Max(options.LogDirectory.TrimEnd('/').LastIndexOf('/'), 0)]);
        var snapshots = new SnapshotFiles(_files, options.SnapshotDirectory);
        snapshots.RemoveLeftovers();
        return WriteAheadLog.Exists(_files, options.LogDirectory)
            ? Restart(snapshots)
            : options.JoinsExisting
                ? Join(snapshots, await FindClusterAsync(cancellation).ConfigureAwait(false))
                : Begin(snapshots, await CheckNewClusterAsync(cancellation).ConfigureAwait(false));
    }

    /// <summary>The first start of a cluster: all its members write the same first entries, without talking to each other.</summary>
    private Bootstrapped Begin(SnapshotFiles snapshots, IReadOnlyList<ClusterMember> members)
    {
        ClusterMember own = members.Single(member => member.Name == options.Name);
        ulong clusterId = MemberIds.OfCluster(members.Select(member => member.Id));
        Backend backend = OpenDatabase();
        Entry[] entries = [.. members.OrderBy(member => member.Id).Select((member, index) => new Entry(1, (ulong)index + 1, EntryType.ConfChange,
            RaftWire.Encode(new ConfChange(0, ConfChangeType.AddNode, member.Id, member.ToJson()))))];
        var state = new HardState(1, 0, (ulong)entries.Length);
        WriteAheadLog wal = CreateLog(own.Id, clusterId);
        wal.Append(state, entries);
        wal.Sync();
        log.LocalId = own.HexId;
        log.ClusterId = clusterId.ToString("x");
        log.Info("starting local member", log.Local, log.Cluster);
        return new Bootstrapped
        {
            Id = own.Id,
            Backend = backend,
            Cluster = new ClusterStore(clusterId, backend, options.MaxLearners),
            Log = wal,
            Snapshots = snapshots,
            HardState = state,
            Entries = new RaftLog(0, 0, entries),
            Configuration = ConfState.Empty,
        };
    }

    /// <summary>A first start in a cluster that runs: with nothing but the ids; the log, or a snapshot, comes from the leader.</summary>
    private Bootstrapped Join(SnapshotFiles snapshots, RemoteCluster remote)
    {
        ClusterMember own = remote.Members.Single(member => member.Name == options.Name);
        Backend backend = OpenDatabase();
        WriteAheadLog wal = CreateLog(own.Id, remote.ClusterId);
        var cluster = new ClusterStore(remote.ClusterId, backend, options.MaxLearners);
        cluster.Assume(remote.Members, own.Id);
        log.LocalId = own.HexId;
        log.ClusterId = remote.ClusterId.ToString("x");
        log.Info("starting local member", log.Local, log.Cluster);
        return new Bootstrapped
        {
            Id = own.Id,
            Backend = backend,
            Cluster = cluster,
            Log = wal,
            Snapshots = snapshots,
            HardState = default,
            Entries = new RaftLog(0, 0, []),
            Configuration = ConfState.Empty,
            Remotes = [.. remote.Members.Where(member => member.Id != own.Id)],
        };
    }

    private Bootstrapped Restart(SnapshotFiles snapshots)
    {
        Backend backend = OpenDatabase();
        WriteAheadLog? wal = null;
        try
        {
            WalSnapshot start = WriteAheadLog.Snapshots(_files, options.LogDirectory).MaxBy(snapshot => snapshot.Index);
            TakeReceivedDatabase(snapshots, backend, start.Index);
            (wal, WalContents contents) = WriteAheadLog.Open(_files, options.LogDirectory, start, options.UnsafeNoSync);
            return Restart(snapshots, backend, wal, start, contents);
        }
        catch (Exception error)
        {
            wal?.Dispose();
            backend.Dispose();
            throw error is WalException or FormatException ? new BootstrapException(error.Message, error) : error;
        }
    }

    private Bootstrapped Restart(SnapshotFiles snapshots, Backend backend, WriteAheadLog wal, WalSnapshot start, WalContents contents)
    {
        Metadata metadata = Metadata.Parser.ParseFrom(contents.Metadata);
        log.LocalId = metadata.NodeID.ToString("x");
        log.ClusterId = metadata.ClusterID.ToString("x");
        var cluster = new ClusterStore(metadata.ClusterID, backend, options.MaxLearners);
        if (cluster.View.Members.Count == 0 && start.Index > 0 && snapshots.LoadNewest([start]) is { Data.Length: > 0 } older)
        {
            // A directory of a version that keeps the membership in the snapshot only.
            cluster.Adopt(V2Membership.Parse(older.Data));
        }

        CheckVersions(backend, cluster.View);
        List<Entry> entries = contents.Entries;
        HardState state = contents.HardState;
        if (options.ForceNewCluster)
        {
            int known;
            (entries, known, state) = ForceNewCluster(metadata.NodeID, start, cluster.View, entries, state, backend.ConsistentIndex);
            wal.Append(state, entries[known..]);
            wal.Sync();
        }

        ulong last = entries.Count > 0 ? entries[^1].Index : start.Index;

        // What is in the database was committed, whatever the last hard state knew of it.
        ulong commit = Math.Max(state.Commit, Math.Min(backend.ConsistentIndex, last));
        ulong applied = Math.Max(start.Index, Math.Min(backend.ConsistentIndex, commit));
        log.Info(options.ForceNewCluster ? "forcing restart member" : "restarting local member", log.Cluster, log.Local, ("commit-index", commit));
        return new Bootstrapped
        {
            Id = metadata.NodeID,
            Backend = backend,
            Cluster = cluster,
            Log = wal,
            Snapshots = snapshots,
            HardState = state.IsEmpty && commit == 0 ? state : state with { Commit = commit },
            Entries = new RaftLog(start.Index, start.Term, entries),
            Configuration = ConfigurationAt(applied, backend.ConsistentIndex, start, cluster.View),
            Applied = applied,
            AppliedTerm = applied > start.Index ? entries[(int)(applied - start.Index - 1)].Term : start.Term,
            SnapshotIndex = start.Index,
            IsRestart = true,
        };
    }

    /// <summary>The database's membership is that of its index. Before anything was applied there is none.</summary>
    private static ConfState ConfigurationAt(ulong applied, ulong consistentIndex, WalSnapshot start, ClusterView view) =>
        applied == 0 && consistentIndex == 0 ? ConfState.Empty
        : view.Members.Count > 0 ? view.ToConfState()
        : start.ConfState ?? ConfState.Empty;

    /// <summary>
    /// Makes a directory whose name survives a crash of the machine: without that, everything in it could be lost, however durable.
    /// </summary>
    private void CreateDirectory(string path)
    {
        string parent = path.TrimEnd('/') is var trimmed && trimmed.LastIndexOf('/') is var slash && slash > 0 ? trimmed[..slash]
            : slash == 0 ? "/" : ".";
        if (path.Length == 0 || path == parent || _files.DirectoryExists(path))
        {
            return;
        }

        CreateDirectory(parent);
        _files.CreateDirectory(path);
        _files.SyncDirectory(parent);
    }

    /// <summary>A database that another process has open is waited for without limit, and told once (spec 06 §7.3).</summary>
    private void WaitForOwner(long begin)
    {
        if (!_toldOfOwner && options.Time.GetElapsedTime(begin) >= TimeSpan.FromSeconds(10))
        {
            _toldOfOwner = true;
            log.Info("db file is flocked by another process, or taking too long", ("path", options.DatabasePath),
                ("took", options.Time.GetElapsedTime(begin).ToString()));
        }

        Thread.Sleep(100);
    }

    private Backend OpenDatabase()
    {
        long begin = options.Time.GetTimestamp();
        try
        {
            Backend backend = Backend.Open(_files, options.DatabasePath, new BoltOptions
            {
                InitialMapSize = options.InitialMapSize,
                UnsafeNoSync = options.UnsafeNoSync,
                WaitForLock = () => WaitForOwner(begin),
            });
            if (options.BootstrapDefragThresholdBytes > 0)
            {
                if (backend.Size - backend.SizeInUse >= options.BootstrapDefragThresholdBytes)
                {
                    backend.Defragment();
                }
                else
                {
                    log.Info("Skipping defragmentation", ("current-db-size-bytes", backend.Size), ("current-db-size-in-use-bytes", backend.SizeInUse));
                }
            }

            log.Info("opened backend db", ("path", options.DatabasePath), ("took", options.Time.GetElapsedTime(begin).ToString()));
            return backend;
        }
        catch (StorageException error)
        {
            throw new BootstrapException($"failed to open database: {error.Message}", error);
        }
    }

    /// <summary>A crash between the record of a received snapshot and the exchange of the database is made up for (spec 05 §7).</summary>
    private void TakeReceivedDatabase(SnapshotFiles snapshots, Backend backend, ulong index)
    {
        if (index <= backend.ConsistentIndex)
        {
            return;
        }

        string received = snapshots.DatabasePathOf(index);
        if (!_files.FileExists(received))
        {
            log.Warn("failed to find [SNAPSHOT-INDEX].snap.db", ("snapshot-index", index), ("snapshot-file-path", received));
            throw new BootstrapException("failed to recover v3 backend from snapshot: "
                + "failed to find database snapshot file (snap: snapshot file doesn't exist)");
        }

        backend.Replace(received);
        if (backend.ConsistentIndex < index && backend.ConsistentIndex != 0)
        {
            throw new BootstrapException(
                $"database file ({options.DatabasePath} index {backend.ConsistentIndex}) does not match with snapshot (index {index})");
        }
    }

    private WriteAheadLog CreateLog(ulong id, ulong clusterId) => WriteAheadLog.Create(_files, options.LogDirectory,
        new Metadata { NodeID = id, ClusterID = clusterId }.ToByteArray(), options.UnsafeNoSync);

    private void CheckVersions(Backend backend, ClusterView view)
    {
        string stored = System.Text.Encoding.ASCII.GetString(backend.ReadMeta(Storage.Schema.MetaKeys.StorageVersion));
        if (EtcdVersion.ParseMinor(stored) is { } storage)
        {
            if (storage.Major != options.CompatVersion.Major)
            {
                log.Error("Failed to validate schema", ("error", "changing major storage version is not supported"));
                throw new BootstrapException("changing major storage version is not supported");
            }

            if (storage > options.CompatVersion && options.CompatVersion.Minor >= 6)
            {
                log.Error("Failed to validate schema", ("error", $"version \"{stored}\" is not supported"));
                throw new BootstrapException($"version \"{stored}\" is not supported");
            }
        }

        if (view.Version > options.CompatVersion)
        {
            throw new BootstrapException("invalid downgrade; server version is lower than determined cluster version");
        }
    }

    /// <summary>
    /// Makes a one-member cluster: entries that are not known to be committed are dropped, and every other member is removed by entries behind
    /// the rest (spec 04 §8.9).
    /// </summary>
    private static (List<Entry> Entries, int Known, HardState State) ForceNewCluster(ulong own, WalSnapshot start, ClusterView view, List<Entry> entries,
        HardState state, ulong consistentIndex)
    {
        ulong last = entries.Count > 0 ? entries[^1].Index : start.Index;
        ulong commit = Math.Min(Math.Max(state.Commit, consistentIndex), last);
        List<Entry> kept = [.. entries.Where(entry => entry.Index <= commit)];
        int known = kept.Count;
        HashSet<ulong> ids = [.. (start.ConfState ?? view.ToConfState()).Voters, .. (start.ConfState ?? view.ToConfState()).Learners];
        foreach (Entry entry in kept.Where(entry => entry.Type == EntryType.ConfChange))
        {
            ConfChange change = RaftWire.DecodeConfChange(entry.Data);
            if (change.Type == ConfChangeType.RemoveNode)
            {
                ids.Remove(change.NodeId);
            }
            else
            {
                ids.Add(change.NodeId);
            }
        }

        void Add(ConfChange change) => kept.Add(new Entry(state.Term, ++commit, EntryType.ConfChange, RaftWire.Encode(change)));
        if (!ids.Contains(own))
        {
            Add(new ConfChange(0, ConfChangeType.AddNode, own, new ClusterMember(own, ["http://localhost:2380"], "", [], false).ToJson()));
        }

        foreach (ulong id in ids.Where(id => id != own).Order())
        {
            Add(new ConfChange(0, ConfChangeType.RemoveNode, id, default));
        }

        return (kept, known, state with { Commit = commit });
    }
}
