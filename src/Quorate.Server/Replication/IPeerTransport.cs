using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Storage.Bolt;

namespace Quorate.Server.Replication;

/// <summary>
/// What a member uses to talk to the others. None of these calls waits for a socket: what cannot be queued is dropped and told as
/// unreachable. They come from the member's own threads.
/// </summary>
public interface IPeerTransport
{
    /// <summary>Begins to serve a member's peers.</summary>
    void Start(IPeerHandler handler);

    void Send(IReadOnlyList<Message> messages);

    /// <summary>
    /// Sends a snapshot with its database; the transaction is disposed when it is sent, or not. The outcome goes to
    /// <see cref="IPeerHandler.ReportSnapshot"/>.
    /// </summary>
    void SendSnapshot(Message message, BoltReadTransaction database);

    void AddPeer(ulong id, IReadOnlyList<string> urls);

    /// <summary>Somebody who is not known to be a member yet, to whom answers may be sent.</summary>
    void AddRemote(ulong id, IReadOnlyList<string> urls);

    void UpdatePeer(ulong id, IReadOnlyList<string> urls);

    void RemovePeer(ulong id);

    /// <summary>Since when a peer is connected; null if it is not, or not known.</summary>
    DateTimeOffset? ActiveSince(ulong id);

    /// <summary>
    /// Asks members at their peer URLs who is in the cluster (spec 04 §4.3), one after another in this order; the first usable answer, or
    /// null. It works before <see cref="Start"/>: a member that joins, or that starts a new cluster, asks before it is anybody.
    /// </summary>
    /// <param name="timeout">For each URL.</param>
    Task<RemoteCluster?> GetClusterAsync(IReadOnlyList<string> peerUrls, TimeSpan timeout, CancellationToken cancellation);

    /// <summary>What a member's /version says; null if it does not answer.</summary>
    Task<PeerVersion?> GetVersionAsync(ClusterMember member, CancellationToken cancellation);

    /// <summary>What a member's /downgrade/enabled says; null if it does not answer, or does not know the question (3.4).</summary>
    Task<bool?> GetDowngradeEnabledAsync(ClusterMember member, CancellationToken cancellation);

    /// <summary>Sends a request about a lease to the leader (spec 04 §4.6); the body of the answer, or null for 404 (unknown lease).</summary>
    Task<byte[]?> PostLeaseAsync(ClusterMember leader, string path, byte[] body, CancellationToken cancellation);

    /// <summary>Asks the leader to promote a learner (spec 04 §4.4); an error is the <see cref="Protocol.EtcdException"/> that it answers.</summary>
    Task PromoteAsync(ClusterMember leader, ulong id, string? token, CancellationToken cancellation);

    /// <summary>Asks a member for its hash of the history; null if it does not answer or has not that revision.</summary>
    Task<Mvcc.KeyHash?> GetHashAsync(ClusterMember member, long revision, CancellationToken cancellation);

    /// <summary>Stops everything; no call comes after it.</summary>
    Task StopAsync();
}
