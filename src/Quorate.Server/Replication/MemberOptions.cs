using Quorate.Storage.Files;

namespace Quorate.Server.Replication;

/// <summary>How one member runs. Times are etcd's defaults (spec 06).</summary>
public sealed record MemberOptions
{
    public required string Name { get; init; }

    public required string DataDirectory { get; init; }

    /// <summary>Where the log is; null for its place in the data directory.</summary>
    public string? WalDirectory { get; init; }

    /// <summary>What this member tells others to reach it by.</summary>
    public required IReadOnlyList<string> PeerUrls { get; init; }

    public required IReadOnlyList<string> ClientUrls { get; init; }

    /// <summary>Names with their peer URLs, for a first start.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> InitialCluster { get; init; } = [];

    public string InitialClusterToken { get; init; } = "etcd-cluster";

    /// <summary>A first start joins a cluster that exists.</summary>
    public bool JoinsExisting { get; init; }

    public bool ForceNewCluster { get; init; }

    /// <summary>The etcd minor version that the member advertises and whose forms it writes.</summary>
    public Version CompatVersion { get; init; } = new(3, 7);

    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    public TimeSpan ElectionTimeout { get; init; } = TimeSpan.FromMilliseconds(1000);

    public bool PreVote { get; init; } = true;

    public bool InitialElectionTickAdvance { get; init; } = true;

    public bool StrictReconfigCheck { get; init; } = true;

    public int MaxLearners { get; init; } = 1;

    /// <summary>Entries between snapshots on the disk.</summary>
    public ulong SnapshotCount { get; init; } = 10_000;

    /// <summary>Entries kept in memory behind a snapshot, for slow followers.</summary>
    public ulong SnapshotCatchUpEntries { get; init; } = 5_000;

    /// <summary>Bytes; 0 for etcd's default of 2 GiB, below 0 for no quota.</summary>
    public long QuotaBackendBytes { get; init; }

    /// <summary>Bytes of a request in the log.</summary>
    public int MaxRequestBytes { get; init; } = 1_572_864;

    /// <summary>Files kept; 0 for all.</summary>
    public int MaxSnapshots { get; init; } = 5;

    public int MaxWals { get; init; } = 5;

    public TimeSpan BackendBatchInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    public int BackendBatchLimit { get; init; } = 10_000;

    public bool UnsafeNoSync { get; init; }

    public bool LeaseCheckpoint { get; init; }

    public bool LeaseCheckpointPersist { get; init; }

    public int CompactionBatchLimit { get; init; } = 1000;

    /// <summary>The pause between two steps of a compaction.</summary>
    public TimeSpan CompactionSleepInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Bytes that a defragmentation at the start must free to be done; 0 for never.</summary>
    public long BootstrapDefragThresholdBytes { get; init; }

    /// <summary>Revocations of leases still get in when other requests are refused (a feature gate of 3.7).</summary>
    public bool PriorityRequest { get; init; }

    public TimeSpan DowngradeCheckInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Gives a URL with an address in the place of its host name, for comparing URLs at the first start; null compares texts only.
    /// </summary>
    public Func<string, CancellationToken, Task<string>>? ResolveUrl { get; init; }

    public int BcryptCost { get; init; } = 10;

    /// <summary>simple, or jwt with its options (spec 03).</summary>
    public string AuthToken { get; init; } = "simple";

    /// <summary>Seconds that a simple token lives without use.</summary>
    public int AuthTokenTtl { get; init; } = 300;

    /// <summary>Address space for the database; less where many members live in one process.</summary>
    public long InitialMapSize { get; init; } = 10L * 1024 * 1024 * 1024;

    public IFileSystem Files { get; init; } = LocalFileSystem.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Random Random { get; init; } = Random.Shared;

    /// <summary>Without threads of its own, the member does its work in calls of its Step, for simulation.</summary>
    public bool HasThreads { get; init; } = true;

    /// <summary>Time that a proposal or a read may take: 5 s and two election timeouts.</summary>
    public TimeSpan RequestTimeout => TimeSpan.FromSeconds(5) + (2 * ElectionTimeout);

    public int ElectionTicks => (int)(ElectionTimeout / HeartbeatInterval);

    /// <summary>Seconds that a lease lives at least: one and a half election timeouts, rounded up.</summary>
    public long MinLeaseTtl => (long)Math.Ceiling((3 * ElectionTicks / 2 * HeartbeatInterval).TotalSeconds);

    public string SnapshotDirectory => $"{DataDirectory}/member/snap";

    public string DatabasePath => $"{SnapshotDirectory}/db";

    public string LogDirectory => string.IsNullOrEmpty(WalDirectory) ? $"{DataDirectory}/member/wal" : WalDirectory;

    /// <summary>A request that takes longer to apply is logged.</summary>
    public TimeSpan WarningApplyDuration { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>What the member counts of its work.</summary>
    public Operations.MemberMetrics Metrics { get; init; } = new();

    /// <summary>Takes log lines: level, message, fields.</summary>
    public Action<string, string, IReadOnlyList<(string Key, object? Value)>>? Log { get; init; }
}
