using Quorate.Mvcc.Backing;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Storage.Wal;

namespace Quorate.Server.Replication;

/// <summary>What a start found on the disk, or made there: everything that the loops begin with.</summary>
internal sealed record Bootstrapped
{
    public required ulong Id { get; init; }

    public required Backend Backend { get; init; }

    public required ClusterStore Cluster { get; init; }

    public required WriteAheadLog Log { get; init; }

    public required SnapshotFiles Snapshots { get; init; }

    public required HardState HardState { get; init; }

    public required RaftLog Entries { get; init; }

    /// <summary>At <see cref="Applied"/>.</summary>
    public required ConfState Configuration { get; init; }

    /// <summary>The index that the database and <see cref="Configuration"/> are at.</summary>
    public ulong Applied { get; init; }

    public ulong AppliedTerm { get; init; }

    public ulong SnapshotIndex { get; init; }

    /// <summary>Members that are known by hearsay only, because this one joins and has no log yet.</summary>
    public IReadOnlyList<ClusterMember> Remotes { get; init; } = [];

    /// <summary>There was a log before.</summary>
    public bool IsRestart { get; init; }
}
