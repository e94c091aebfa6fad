using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>Consensus, requests and health (spec 06 §15.2).</summary>
public sealed partial class MemberMetrics
{
    private const int RequestBuckets = 14, ApplyBuckets = 20;

    private LabeledFamily<Histogram>? _applyTimes;
    private LabeledFamily<Histogram>? _rangeTimes;
    private LabeledFamily<Histogram>? _requestTimes;
    private LabeledFamily<Counter>? _healthChecks;
    private LabeledFamily<Gauge>? _healthStates;
    private LabeledFamily<Counter>? _promotionFailures;
    private LabeledFamily<Gauge>? _alarms;

    /// <summary>Times that a leader became known who is not the last one.</summary>
    public Counter LeaderChanges =>
        field ??= Count("etcd_server_leader_changes_seen_total", "Changes of the leader that were seen.");

    public Counter HeartbeatFailures =>
        field ??= Count("etcd_server_heartbeat_send_failures_total", "Heartbeats that left too late.");

    public Counter SlowApplies => field ??= Count("etcd_server_slow_apply_total", "Requests that took too long to apply.");

    public Counter SlowReads => field ??= Count("etcd_server_slow_read_indexes_total", "Read barriers that did not end in time.");

    public Counter FailedReads => field ??= Count("etcd_server_read_indexes_failed_total", "Read barriers that failed.");

    /// <summary>1 while a received snapshot is being applied.</summary>
    public Gauge SnapshotsApplying =>
        field ??= _registry.Gauge("etcd_server_snapshot_apply_in_progress_total",
            "1 while a snapshot of the leader is being applied.");

    public Counter FailedProposals =>
        field ??= Count("etcd_server_proposals_failed_total", "Proposals that were refused or timed out.");

    public Counter HealthSuccesses => field ??= Count("etcd_server_health_success", "Checks of health that passed.");

    public Counter HealthFailures => field ??= Count("etcd_server_health_failures", "Checks of health that failed.");

    public Counter Promotions => field ??= Count("etcd_server_learner_promote_successes", "Learners promoted by this leader.");

    public Counter ExpiredLeases => field ??= Count("etcd_debugging_server_lease_expired_total", "Leases that ran out.");

    public void CountHealth(bool isHealthy) => (isHealthy ? HealthSuccesses : HealthFailures).Add();

    /// <summary>One check of livez or readyz.</summary>
    public void CountCheck(string type, string check, bool passed)
    {
        _healthStates!.With(check, type).Set(passed ? 1 : 0);
        _healthChecks!.With(check, passed ? "success" : "error", type).Add();
    }

    public void CountPromotionFailure(string reason) => _promotionFailures!.With(reason).Add();

    /// <summary>An alarm was raised (+1) or put out (−1) by an applied request.</summary>
    public void CountAlarm(ulong memberId, string type, int difference) => _alarms!.With(type, $"{memberId:x}").Add(difference);

    /// <summary>The times of applying requests of a kind, such as Put; keep what this returns.</summary>
    public Histogram ApplyTimes(string operation, bool isSuccess) =>
        _applyTimes!.With(operation, isSuccess ? "true" : "false", "v3");

    public Histogram RangeTimes(bool isSuccess) => _rangeTimes!.With(isSuccess ? "true" : "false");

    /// <summary>The times of whole requests of a kind, consensus included (3.7).</summary>
    public Histogram RequestTimes(string type, bool isSuccess) => _requestTimes!.With(isSuccess ? "true" : "false", type);

    private void RegisterServer()
    {
        _ = (LeaderChanges, HeartbeatFailures, SlowApplies, SlowReads, FailedReads, SnapshotsApplying, FailedProposals);
        _ = (HealthSuccesses, HealthFailures, Promotions, ExpiredLeases);
        _applyTimes = _registry.Histograms("etcd_server_apply_duration_seconds", "Time of applying a request.",
            Histogram.Doubling(0.0001, ApplyBuckets), "op", "success", "version");
        _rangeTimes = _registry.Histograms("etcd_server_range_duration_seconds", "Time of reading a range.",
            Histogram.Doubling(0.0001, ApplyBuckets), "success");
        _requestTimes = _registry.Histograms("etcd_server_request_duration_seconds", "Time of a whole request.",
            Histogram.Doubling(0.001, RequestBuckets), "success", "type");
        _healthChecks = _registry.Counters("etcd_server_healthchecks_total", "Checks of livez and readyz.", "name", "status",
            "type");
        _healthStates = _registry.Gauges("etcd_server_healthcheck", "The last outcome of a check: 1 for success, else 0.",
            "name", "type");
        _promotionFailures = _registry.Counters("etcd_server_learner_promote_failures", "Learners that could not be promoted.",
            "Reason");
        _alarms = _registry.Gauges("etcd_debugging_server_alarms", "Alarms raised, less those put out.", "alarm_type",
            "server_id");
    }
}
