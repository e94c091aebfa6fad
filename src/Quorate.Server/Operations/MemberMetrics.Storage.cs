using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>Log, database, keys, watches and leases (spec 06 §15.3, §15.7).</summary>
public sealed partial class MemberMetrics
{
    private static readonly double[] s_disk = Histogram.Doubling(0.001, 14);
    private static readonly double[] s_transfer = Histogram.Doubling(0.1, 10);
    private static readonly double[] s_defrag = Histogram.Doubling(0.1, 13);
    private static readonly double[] s_copy = Histogram.Doubling(0.01, 17);
    private static readonly double[] s_hash = Histogram.Doubling(0.01, 15);

    public Histogram WalSync => field ??= Times("etcd_disk_wal_fsync_duration_seconds", "Time of a sync of the log.", s_disk);

    public Histogram WalWrite => field ??= Times("etcd_disk_wal_write_duration_seconds", "Time of a write to the log.", s_disk);

    public Gauge WalBytes => field ??= _registry.Gauge("etcd_disk_wal_write_bytes_total", "Bytes written to the log.");

    public Histogram BackendCommit =>
        field ??= Times("etcd_disk_backend_commit_duration_seconds", "Time of a commit of the database.", s_disk);

    public Histogram BackendSnapshot =>
        field ??= Times("etcd_disk_backend_snapshot_duration_seconds", "Time of sending a copy of the database.", s_copy);

    public Histogram BackendDefrag =>
        field ??= Times("etcd_disk_backend_defrag_duration_seconds", "Time of a defragmentation.", s_defrag);

    public Gauge DefragsInFlight =>
        field ??= _registry.Gauge("etcd_disk_defrag_inflight", "1 while the database is defragmented.");

    public Histogram SnapshotSync =>
        field ??= Times("etcd_snap_fsync_duration_seconds", "Time of a sync of a snapshot file.", s_disk);

    public Histogram ReceivedDatabaseSync =>
        field ??= Times("etcd_snap_db_fsync_duration_seconds", "Time of a sync of a received database.", s_disk);

    public Histogram ReceivedDatabaseSave =>
        field ??= Times("etcd_snap_db_save_total_duration_seconds", "Time of receiving and saving a database.", s_transfer);

    public Histogram WholeHash => field ??= Times("etcd_mvcc_hash_duration_seconds", "Time of a hash of the database.", s_hash);

    public Histogram KeyHash =>
        field ??= Times("etcd_mvcc_hash_rev_duration_seconds", "Time of a hash of the keys at a revision.", s_hash);

    /// <summary>Ranges read on this member, also inside transactions.</summary>
    public Counter Ranges => field ??= Count("etcd_mvcc_range_total", "Ranges read by this member.");

    public Counter Puts => field ??= Count("etcd_mvcc_put_total", "Puts applied by this member.");

    public Counter Deletes => field ??= Count("etcd_mvcc_delete_total", "Deletes applied by this member.");

    /// <summary>Transactions on the way of writes, with more than one operation.</summary>
    public Counter Txns => field ??= Count("etcd_mvcc_txn_total", "Transactions applied by this member.");

    public Gauge PutBytes =>
        field ??= _registry.Gauge("etcd_debugging_mvcc_total_put_size_in_bytes", "Bytes of keys and values that were put.");

    public Counter WatchEvents => field ??= Count("etcd_debugging_mvcc_events_total", "Events sent to watches.");

    public Gauge PendingWatchEvents =>
        field ??= _registry.Gauge("etcd_debugging_mvcc_pending_events_total", "Events that wait to be sent.");

    /// <summary>Unix seconds; 0 for never.</summary>
    public Gauge LastCompaction =>
        field ??= _registry.Gauge("etcd_debugging_mvcc_db_compaction_last", "When the last compaction ended, in Unix seconds.");

    public Histogram CompactionTotal => field ??= Times("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
        "Time of a compaction.", Histogram.Doubling(100, 14));

    public Counter LeasesGranted => field ??= Count("etcd_debugging_lease_granted_total", "Leases granted.");

    public Counter LeasesRevoked => field ??= Count("etcd_debugging_lease_revoked_total", "Leases revoked.");

    public Counter LeasesRenewed => field ??= Count("etcd_debugging_lease_renewed_total", "Leases renewed by this leader.");

    public Histogram LeaseTtls =>
        field ??= Times("etcd_debugging_lease_ttl_total", "Seconds that leases were granted for.", Histogram.Doubling(1, 24));

    private void RegisterStorage()
    {
        _ = (WalSync, WalWrite, WalBytes, BackendCommit, BackendSnapshot, BackendDefrag, DefragsInFlight, SnapshotSync);
        _ = (ReceivedDatabaseSync, ReceivedDatabaseSave, WholeHash, KeyHash, Ranges, Puts, Deletes, Txns, PutBytes);
        _ = (WatchEvents, PendingWatchEvents, LastCompaction, CompactionTotal);
        _ = (LeasesGranted, LeasesRevoked, LeasesRenewed, LeaseTtls);
    }
}
