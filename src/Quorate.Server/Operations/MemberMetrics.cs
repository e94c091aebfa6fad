using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations;

/// <summary>The member's metrics in Prometheus' text form, under etcd's names (spec 06 §15).</summary>
public sealed class MemberMetrics
{
    private readonly ConcurrentDictionary<(string Type, string Check, bool Passed), long> _checks = new();
    private long _healthSuccesses;
    private long _healthFailures;
    private long _leaderChanges;

    public void CountHealth(bool isHealthy) => Interlocked.Increment(ref isHealthy ? ref _healthSuccesses : ref _healthFailures);

    public void CountCheck(string type, string check, bool passed) => _checks.AddOrUpdate((type, check, passed), 1, (_, count) => count + 1);

    public void CountLeaderChange() => Interlocked.Increment(ref _leaderChanges);

    public string Render(IMember member)
    {
        var text = new StringBuilder();
        Gauge(text, "etcd_server_has_leader", "Whether or not a leader exists. 1 is existence, 0 is not.", member.LeaderId != 0 ? 1 : 0);
        Gauge(text, "etcd_server_is_leader", "Whether or not this member is a leader. 1 if is, 0 otherwise.", member.IsLeader ? 1 : 0);
        Gauge(text, "etcd_server_is_learner", "Whether or not this member is a learner. 1 if is, 0 otherwise.", member.IsLearner ? 1 : 0);
        Counter(text, "etcd_server_leader_changes_seen_total", "The number of leader changes seen.", Interlocked.Read(ref _leaderChanges));
        Counter(text, "etcd_server_health_success", "The total number of successful health checks", Interlocked.Read(ref _healthSuccesses));
        Counter(text, "etcd_server_health_failures", "The total number of failed health checks", Interlocked.Read(ref _healthFailures));
        Gauge(text, "etcd_server_proposals_committed_total", "The total number of consensus proposals committed.", member.CommittedIndex);
        Gauge(text, "etcd_server_proposals_applied_total", "The total number of consensus proposals applied.", member.AppliedIndex);
        Gauge(text, "etcd_server_quota_backend_bytes", "Current backend storage quota size in bytes.", member.Quota);
        Gauge(text, "etcd_mvcc_db_total_size_in_bytes", "Total size of the underlying database physically allocated in bytes.", member.Backend.Size);
        Gauge(text, "etcd_mvcc_db_total_size_in_use_in_bytes", "Total size of the underlying database logically in use in bytes.", member.Backend.SizeInUse);
        Gauge(text, "etcd_debugging_mvcc_keys_total", "Total number of keys.", member.Keyspace.KeyCount);
        Gauge(text, "etcd_debugging_mvcc_current_revision", "The current revision of store.", member.Keyspace.Revision);
        Gauge(text, "etcd_debugging_mvcc_compact_revision", "The revision of the last compaction in store.", member.Keyspace.CompactedRevision);
        Gauge(text, "etcd_debugging_mvcc_watch_stream_total", "Total number of watch streams.", member.Watches.StreamCount);
        Gauge(text, "etcd_debugging_mvcc_watcher_total", "Total number of watchers.", member.Watches.WatcherCount);
        Gauge(text, "etcd_debugging_mvcc_slow_watcher_total", "Total number of unsynced slow watchers.", member.Watches.SlowWatcherCount);
        Head(text, "etcd_server_version", "Which version is running. 1 for 'server_version' label with current version.", "gauge");
        Line(text, $"etcd_server_version{{server_version=\"{member.AdvertisedVersion}\"}}", 1);
        if (member.Cluster.Version is { } cluster)
        {
            Head(text, "etcd_cluster_version", "Which version is running. 1 for 'cluster_version' label with current cluster version", "gauge");
            Line(text, $"etcd_cluster_version{{cluster_version=\"{cluster.Major}.{cluster.Minor}\"}}", 1);
        }

        Head(text, "etcd_server_id", "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.", "gauge");
        Line(text, $"etcd_server_id{{server_id=\"{member.Id:x}\"}}", 1);
        if (!_checks.IsEmpty)
        {
            Head(text, "etcd_server_healthchecks_total", "The total number of each healthcheck.", "counter");
            foreach (((string type, string check, bool passed), long count) in _checks)
            {
                Line(text, $"etcd_server_healthchecks_total{{name=\"{check}\",status=\"{(passed ? "success" : "error")}\",type=\"{type}\"}}", count);
            }
        }

        using Process process = Process.GetCurrentProcess();
        Gauge(text, "process_resident_memory_bytes", "Resident memory size in bytes.", process.WorkingSet64);
        Counter(text, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", process.TotalProcessorTime.TotalSeconds);
        Gauge(text, "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0);
        return text.ToString();
    }

    private static void Gauge(StringBuilder text, string name, string help, double value)
    {
        Head(text, name, help, "gauge");
        Line(text, name, value);
    }

    private static void Counter(StringBuilder text, string name, string help, double value)
    {
        Head(text, name, help, "counter");
        Line(text, name, value);
    }

    private static void Head(StringBuilder text, string name, string help, string type) =>
        text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static void Line(StringBuilder text, string name, double value) =>
        text.Append(name).Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
}
