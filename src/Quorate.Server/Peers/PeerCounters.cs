using Quorate.Server.Operations;
using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Peers;

/// <summary>The series of one peer (spec 06 §15.4).</summary>
internal sealed class PeerCounters(MemberMetrics metrics, ulong local, ulong peer)
{
    public Counter SentBytes { get; } = metrics.PeerSentBytes(peer);

    public Counter ReceivedBytes { get; } = metrics.PeerReceivedBytes(peer);

    public Counter SendFailures { get; } = metrics.PeerSendFailures(peer);

    public Histogram RoundTrips { get; } = metrics.PeerRoundTrips(peer);

    /// <summary>The peer is connected now.</summary>
    public void CountConnection() => metrics.ActivePeers(local, peer).Set(1);

    /// <summary>It was, and is not any more.</summary>
    public void CountDisconnection()
    {
        metrics.ActivePeers(local, peer).Set(0);
        metrics.PeerDisconnects(local, peer).Add();
    }
}
