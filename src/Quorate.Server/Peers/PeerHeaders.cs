namespace Quorate.Server.Peers;

/// <summary>The headers by which members know each other (spec 04 §3.1).</summary>
internal static class PeerHeaders
{
    public const string ServerFrom = "X-Server-From";
    public const string ServerVersion = "X-Server-Version";
    public const string MinClusterVersion = "X-Min-Cluster-Version";
    public const string ClusterId = "X-Etcd-Cluster-ID";
    public const string PeerUrls = "X-PeerURLs";
    public const string RaftTo = "X-Raft-To";

    /// <summary>The lowest cluster version that is understood; the same in every etcd.</summary>
    public const string LowestCluster = "3.0.0";
}
