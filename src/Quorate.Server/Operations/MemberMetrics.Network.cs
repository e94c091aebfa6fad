using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>Clients' bytes and peers (spec 06 §15.4). Ids are labels in hexadecimal.</summary>
public sealed partial class MemberMetrics
{
    private LabeledFamily<Counter>? _peerSent, _peerReceived, _peerSendFailures, _peerReceiveFailures, _disconnects,
        _streamFailures;
    private LabeledFamily<Counter>? _snapshotsSent, _snapshotSendFailures, _snapshotsReceived, _snapshotReceiveFailures;
    private LabeledFamily<Gauge>? _activePeers, _snapshotsInFlight, _snapshotsArriving;
    private LabeledFamily<Histogram>? _roundTrips, _snapshotSendTimes, _snapshotReceiveTimes;

    /// <summary>Bytes of messages without their frames.</summary>
    public Counter ClientReceivedBytes =>
        field ??= Count("etcd_network_client_grpc_received_bytes_total", "Bytes of requests that came from clients.");

    public Counter ClientSentBytes =>
        field ??= Count("etcd_network_client_grpc_sent_bytes_total", "Bytes of answers sent to clients.");

    public Counter PeerSentBytes(ulong to) => _peerSent!.With(Id(to));

    public Counter PeerReceivedBytes(ulong from) => _peerReceived!.With(Id(from));

    public Counter PeerSendFailures(ulong to) => _peerSendFailures!.With(Id(to));

    public Counter PeerReceiveFailures(ulong from) => _peerReceiveFailures!.With(Id(from));

    public Histogram PeerRoundTrips(ulong to) => _roundTrips!.With(Id(to));

    /// <summary>1 while a peer is connected.</summary>
    public Gauge ActivePeers(ulong local, ulong remote) => _activePeers!.With(Id(local), Id(remote));

    public Counter PeerDisconnects(ulong local, ulong remote) => _disconnects!.With(Id(local), Id(remote));

    public Counter SnapshotsSent(ulong to) => _snapshotsSent!.With(Id(to));

    public Counter SnapshotSendFailures(ulong to) => _snapshotSendFailures!.With(Id(to));

    public Gauge SnapshotsInFlight(ulong to) => _snapshotsInFlight!.With(Id(to));

    public Histogram SnapshotSendTimes(ulong to) => _snapshotSendTimes!.With(Id(to));

    public Counter SnapshotsReceived(ulong from) => _snapshotsReceived!.With(Id(from));

    public Counter SnapshotReceiveFailures(ulong from) => _snapshotReceiveFailures!.With(Id(from));

    public Gauge SnapshotsArriving(ulong from) => _snapshotsArriving!.With(Id(from));

    public Histogram SnapshotReceiveTimes(ulong from) => _snapshotReceiveTimes!.With(Id(from));

    /// <param name="api">watch or lease-keepalive.</param>
    /// <param name="type">send or receive.</param>
    public void CountStreamFailure(string api, string type) => _streamFailures!.With(api, type).Add();

    private static string Id(ulong id) => id.ToString("x");

    private void RegisterNetwork()
    {
        _ = (ClientReceivedBytes, ClientSentBytes);
        _peerSent = _registry.Counters("etcd_network_peer_sent_bytes_total", "Bytes sent to a peer.", "To");
        _peerReceived = _registry.Counters("etcd_network_peer_received_bytes_total", "Bytes received from a peer.", "From");
        _peerSendFailures = _registry.Counters("etcd_network_peer_sent_failures_total",
            "Messages that could not be sent to a peer.", "To");
        _peerReceiveFailures = _registry.Counters("etcd_network_peer_received_failures_total",
            "Failures of receiving from a peer.", "From");
        _roundTrips = _registry.Histograms("etcd_network_peer_round_trip_time_seconds", "Time of a round trip to a peer.",
            Histogram.Doubling(0.0001, 16), "To");
        _activePeers = _registry.Gauges("etcd_network_active_peers", "1 for a peer that is connected.", "Local", "Remote");
        _disconnects = _registry.Counters("etcd_network_disconnected_peers_total", "Connections to a peer that were lost.",
            "Local", "Remote");
        _streamFailures = _registry.Counters("etcd_network_server_stream_failures_total", "Streams to clients that failed.",
            "API", "Type");
        _snapshotsSent = _registry.Counters("etcd_network_snapshot_send_success", "Databases sent to a peer.", "To");
        _snapshotSendFailures = _registry.Counters("etcd_network_snapshot_send_failures",
            "Databases that could not be sent to a peer.", "To");
        _snapshotsInFlight = _registry.Gauges("etcd_network_snapshot_send_inflights_total", "Databases on their way to a peer.",
            "To");
        _snapshotSendTimes = _registry.Histograms("etcd_network_snapshot_send_total_duration_seconds",
            "Time of sending a database.", s_transfer, "To");
        _snapshotsReceived = _registry.Counters("etcd_network_snapshot_receive_success", "Databases received from a peer.",
            "From");
        _snapshotReceiveFailures = _registry.Counters("etcd_network_snapshot_receive_failures",
            "Databases that did not arrive whole.", "From");
        _snapshotsArriving = _registry.Gauges("etcd_network_snapshot_receive_inflights_total",
            "Databases that are arriving from a peer.", "From");
        _snapshotReceiveTimes = _registry.Histograms("etcd_network_snapshot_receive_total_duration_seconds",
            "Time of receiving a database.",
            s_transfer, "From");
    }
}
