using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Server.Operations;
using Quorate.Server.Operations.Metrics;
using Quorate.Server.Tests.Api;

namespace Quorate.Server.Tests.Operations;

/// <summary>Metrics under etcd's names, in the text form of Prometheus (spec 06 §15).</summary>
public sealed partial class MetricsTests
{
    private const string Needed = """
        etcd_cluster_version etcd_debugging_auth_revision etcd_debugging_lease_granted_total etcd_debugging_lease_renewed_total
        etcd_debugging_lease_revoked_total etcd_debugging_mvcc_compact_revision etcd_debugging_mvcc_current_revision
        etcd_debugging_mvcc_db_compaction_keys_total etcd_debugging_mvcc_events_total etcd_debugging_mvcc_keys_total
        etcd_debugging_mvcc_slow_watcher_total etcd_debugging_mvcc_watch_stream_total etcd_debugging_mvcc_watcher_total
        etcd_disk_backend_commit_duration_seconds etcd_disk_backend_defrag_duration_seconds etcd_disk_backend_snapshot_duration_seconds
        etcd_disk_defrag_inflight etcd_disk_wal_fsync_duration_seconds etcd_disk_wal_write_bytes_total etcd_disk_wal_write_duration_seconds
        etcd_mvcc_db_total_size_in_bytes etcd_mvcc_db_total_size_in_use_in_bytes etcd_mvcc_delete_total etcd_mvcc_hash_duration_seconds
        etcd_mvcc_hash_rev_duration_seconds etcd_mvcc_put_total etcd_mvcc_range_total etcd_mvcc_txn_total
        etcd_network_client_grpc_received_bytes_total etcd_network_client_grpc_sent_bytes_total etcd_network_known_peers
        etcd_server_apply_duration_seconds etcd_server_client_requests_total etcd_server_go_version etcd_server_has_leader
        etcd_server_health_failures etcd_server_health_success etcd_server_heartbeat_send_failures_total etcd_server_id
        etcd_server_is_leader etcd_server_is_learner etcd_server_leader_changes_seen_total etcd_server_learner_promote_successes
        etcd_server_proposals_applied_total etcd_server_proposals_committed_total etcd_server_proposals_failed_total
        etcd_server_proposals_pending etcd_server_quota_backend_bytes etcd_server_range_duration_seconds
        etcd_server_read_indexes_failed_total etcd_server_request_duration_seconds etcd_server_slow_apply_total
        etcd_server_slow_read_indexes_total etcd_server_snapshot_apply_in_progress_total etcd_server_version
        etcd_snap_db_fsync_duration_seconds etcd_snap_db_save_total_duration_seconds etcd_snap_fsync_duration_seconds
        grpc_server_handled_total grpc_server_handling_seconds grpc_server_msg_received_total grpc_server_msg_sent_total
        grpc_server_started_total os_fd_limit os_fd_used process_cpu_seconds_total process_max_fds process_open_fds
        process_resident_memory_bytes process_start_time_seconds process_virtual_memory_bytes process_virtual_memory_max_bytes
        """;

    [Fact]
    public async Task All_families_are_there_sorted_and_well_formed()
    {
        await using TestServer server = await TestServer.StartAsync(isExtensive: true);
        server.Keys.Put(new PutRequest { Key = ByteString.CopyFromUtf8("a") });
        server.Keys.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("a") });
        string text = await server.Http.GetStringAsync("/metrics");
        string[] lines = text.TrimEnd('\n').Split('\n');
        string[] families = [.. lines.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal))
            .Select(line => line.Split(' ')[2])];
        Assert.Equal(families.Order(StringComparer.Ordinal), families);
        Assert.Equal([], Needed.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Except(families));
        Assert.All(lines, line => Assert.Matches(Line(), line));
    }

    [Fact]
    public async Task A_put_shows_in_all_that_it_moves()
    {
        await using TestServer server = await TestServer.StartAsync();
        Dictionary<string, double> before = await ReadAsync(server);
        server.Keys.Put(new PutRequest { Key = ByteString.CopyFromUtf8("a"), Value = ByteString.CopyFromUtf8("12345") });
        server.Keys.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("a") });
        Assert.Throws<Grpc.Core.RpcException>(() => server.Keys.Range(new RangeRequest()));
        Dictionary<string, double> after = await ReadAsync(server);
        void grows(string series, double by) => Assert.Equal(by, after[series] - before.GetValueOrDefault(series));
        grows("etcd_mvcc_put_total", 1);
        grows("etcd_mvcc_range_total", 1);
        grows("etcd_server_proposals_applied_total", 1);
        grows("etcd_server_proposals_committed_total", 1);
        grows("etcd_debugging_mvcc_total_put_size_in_bytes", 6);
        grows("etcd_debugging_mvcc_current_revision", 1);
        grows("""etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"}""", 1);
        grows("""etcd_server_request_duration_seconds_count{success="true",type="Put"}""", 1);
        grows("""grpc_server_started_total{grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"}""", 2);
        grows("""grpc_server_handled_total{grpc_code="OK",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"}""", 1);
        grows("""grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"}""", 1);
        grows("""grpc_server_msg_sent_total{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}""", 1);
        grows("""etcd_server_client_requests_total{client_api_version="unknown",type="unary"}""", 3);
        grows("etcd_network_client_grpc_received_bytes_total", 10 + 3 + 0);
        Assert.Equal(0, before["""grpc_server_handled_total{grpc_code="Aborted",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"}"""]);
        Assert.Equal(1, after["etcd_server_has_leader"]);
        Assert.Equal(-1, after["etcd_debugging_mvcc_compact_revision"]);
        Assert.DoesNotContain(after.Keys, series => series.StartsWith("grpc_server_handling_seconds", StringComparison.Ordinal));
    }

    [Fact]
    public void Histograms_count_cumulatively_and_end_with_infinity()
    {
        var registry = new MetricRegistry();
        LabeledFamily<Histogram> family = registry.Histograms("h", "Help.", [0.5, 1], "a");
        family.With("x\"\\\n").Observe(0.5);
        family.With("x\"\\\n").Observe(0.7);
        family.With("x\"\\\n").Observe(2);
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        registry.Write(output);
        Assert.Equal("""
            # HELP h Help.
            # TYPE h histogram
            h_bucket{a="x\"\\\n",le="0.5"} 1
            h_bucket{a="x\"\\\n",le="1"} 2
            h_bucket{a="x\"\\\n",le="+Inf"} 3
            h_sum{a="x\"\\\n"} 3.2
            h_count{a="x\"\\\n"} 3

            """, System.Text.Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "1")]
    [InlineData(-1, "-1")]
    [InlineData(0.1, "0.1")]
    [InlineData(123456, "123456")]
    [InlineData(1048576, "1.048576e+06")]
    [InlineData(2147483648, "2.147483648e+09")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001, "1e-05")]
    [InlineData(655.36, "655.36")]
    [InlineData(1e21, "1e+21")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    public void Numbers_have_the_shortest_form_as_in_Go(double value, string expected) =>
        Assert.Equal(expected, GoFloat.Format(value));

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(1_812, "181.2µs")]
    [InlineData(9, "900ns")]
    [InlineData(20_469_030, "2.046903s")]
    [InlineData(125_000, "12.5ms")]
    [InlineData(36_610_000_000, "1h1m1s")]
    [InlineData(600_000_000, "1m0s")]
    public void Durations_are_printed_as_Go_prints_them(long ticks, string expected) =>
        Assert.Equal(expected, GoDuration.Format(TimeSpan.FromTicks(ticks)));

    private static async Task<Dictionary<string, double>> ReadAsync(TestServer server) =>
        (await server.Http.GetStringAsync("/metrics")).Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .ToDictionary(line => line[..line.LastIndexOf(' ')], line => line[(line.LastIndexOf(' ') + 1)..] is "+Inf"
            ? double.PositiveInfinity
            : double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    [GeneratedRegex("""^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.]+(e[+-]\d\d)?|\+Inf))$""")]
    private static partial Regex Line();
}
