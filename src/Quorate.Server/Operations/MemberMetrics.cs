using System.Buffers;
using System.Text;
using Quorate.Server.Operations.Metrics;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations;

/// <summary>
/// The metrics of a member under etcd's names and labels (spec 06 §15). Whoever does the work counts it here; what a member knows
/// by itself is asked for when the metrics are read. Counting allocates nothing and takes no lock.
/// </summary>
public sealed partial class MemberMetrics
{
    private readonly MetricRegistry _registry = new();

    /// <param name="isExtensive">With histograms of the times of gRPC calls.</param>
    public MemberMetrics(bool isExtensive = false)
    {
        _registry.Gauge("etcd_server_go_version", "Which version of the runtime is in use, as label, with the value 1.",
            "server_go_version",
            Environment.Version.ToString());
        RegisterServer();
        RegisterStorage();
        RegisterNetwork();
        Grpc = new GrpcMetrics(_registry, isExtensive);
        ProcessMetrics.Register(_registry);
    }

    /// <summary>Calls, their outcomes and their messages.</summary>
    public GrpcMetrics Grpc { get; }

    /// <summary>Adds what a member knows of itself.</summary>
    public void Attach(IMember member)
    {
        _registry.Gauge("etcd_server_has_leader", "Whether a leader is known: 1 if so, else 0.", () =>
            member.LeaderId != 0 ? 1 : 0);
        _registry.Gauge("etcd_server_is_leader", "Whether this member leads: 1 if so, else 0.", () => member.IsLeader ? 1 : 0);
        _registry.Gauge("etcd_server_is_learner", "Whether this member is a learner: 1 if so, else 0.", () =>
            member.IsLearner ? 1 : 0);
        _registry.Gauge("etcd_server_proposals_committed_total", "The index of the last entry known to be committed.", () =>
            member.CommittedIndex);
        _registry.Gauge("etcd_server_proposals_applied_total", "The index of the last entry that is applied.", () =>
            member.AppliedIndex);
        _registry.Gauge("etcd_server_proposals_pending", "Own proposals that wait for their outcome.", () =>
            member.PendingProposals);
        _registry.Counter("etcd_debugging_mvcc_db_compaction_keys_total", "Revisions that compactions deleted.", () =>
            member.Keyspace.CompactedRows);
        _registry.Gauge("etcd_server_quota_backend_bytes", "Bytes that the database may have.",
            () => member.Options.QuotaBackendBytes < 0 ? member.Options.QuotaBackendBytes : member.Quota);
        _registry.Gauge("etcd_server_id", "The id of this member, as label, with the value 1.", "server_id", $"{member.Id:x}");
        _registry.Gauge("etcd_server_version", "Which version is running, as label, with the value 1.", "server_version",
            member.AdvertisedVersion);
        _registry.Gauges("etcd_cluster_version", "Which version the cluster has, as label, with the value 1.",
            ["cluster_version"],
            () => member.Cluster.Version is { } version ? [([$"{version.Major}.{version.Minor}"], 1)] : []);
        _registry.Gauges("etcd_network_known_peers", "Members of the cluster: 1 for each.", ["Local", "Remote"],
            () => member.Cluster.Sorted.Select(peer => (new[] { $"{member.Id:x}", $"{peer.Id:x}" }, 1.0)));
        _registry.Gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of the database's file.", () => member.Backend.Size);
        _registry.Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of the database's file without its free pages.", () =>
            member.Backend.SizeInUse);
        _registry.Gauge("etcd_debugging_mvcc_keys_total", "Keys, with those deleted and not compacted yet.", () =>
            member.Keyspace.KeyCount);
        _registry.Gauge("etcd_debugging_mvcc_current_revision", "The revision of the store.", () => member.Keyspace.Revision);
        _registry.Gauge("etcd_debugging_mvcc_compact_revision", "The revision of the last compaction, -1 before the first.",
            () => member.Keyspace.CompactedRevision);
        _registry.Gauge("etcd_debugging_mvcc_watch_stream_total", "Open streams of watches.", () => member.Watches.StreamCount);
        _registry.Gauge("etcd_debugging_mvcc_watcher_total", "Watches.", () => member.Watches.WatcherCount);
        _registry.Gauge("etcd_debugging_mvcc_slow_watcher_total", "Watches that have not caught up yet.", () =>
            member.Watches.SlowWatcherCount);
        _registry.Gauge("etcd_debugging_auth_revision", "The revision of the users and roles.", () => member.Auth.Revision);
        member.LeaderChanged += leader =>
        {
            if (leader != 0)
            {
                LeaderChanges.Add();
            }
        };
        member.Backend.Committed += duration => BackendCommit.Observe(duration);
    }

    /// <summary>Adds the gates of features: name, whether beta, whether on.</summary>
    public void AttachFeatures(IEnumerable<(string Name, bool IsBeta, bool IsEnabled)> gates)
    {
        LabeledFamily<Gauge> family = _registry.Gauges("etcd_server_feature_enabled",
            "Whether a feature is on: 1 if so, else 0.", "name", "stage");
        foreach ((string name, bool isBeta, bool isEnabled) in gates)
        {
            family.With(name, isBeta ? "BETA" : "ALPHA").Set(isEnabled ? 1 : 0);
        }
    }

    public void Write(IBufferWriter<byte> output) => _registry.Write(output);

    public override string ToString()
    {
        var output = new ArrayBufferWriter<byte>();
        Write(output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private Counter Count(string name, string help) => _registry.Counter(name, help);

    private Histogram Times(string name, string help, double[] bounds) => _registry.Histogram(name, help, bounds);
}
