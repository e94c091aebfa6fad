using Quorate.Auth;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>One member of a cluster, as its services see it.</summary>
public interface IMember
{
    MemberOptions Options { get; }

    ulong Id { get; }

    ulong ClusterId { get; }

    /// <summary>The etcd version that it speaks as.</summary>
    string AdvertisedVersion { get; }

    ClusterView Cluster { get; }

    Keyspace Keyspace { get; }

    WatchHub Watches { get; }

    Lessor Leases { get; }

    AuthStore Auth { get; }

    Backend Backend { get; }

    /// <summary>0 if no leader is known.</summary>
    ulong LeaderId { get; }

    bool IsLeader { get; }

    bool IsLearner { get; }

    ulong Term { get; }

    /// <summary>The term of the last applied entry.</summary>
    ulong AppliedTerm { get; }

    ulong CommittedIndex { get; }

    ulong AppliedIndex { get; }

    /// <summary>The member serves clients: it has published itself once.</summary>
    bool IsReady { get; }

    /// <summary>Own proposals that wait to be applied.</summary>
    int PendingProposals { get; }

    IReadOnlyList<AlarmMember> Alarms { get; }

    /// <summary>Bytes of the quota that is in force; 0 for none.</summary>
    long Quota { get; }

    /// <summary>Ends with the reason when the member stops by itself: it was removed, or it cannot go on.</summary>
    Task<string> Stopped { get; }

    /// <summary>The leader changed; the argument is the new one or 0. Called from the member's thread: it must not wait.</summary>
    event Action<ulong>? LeaderChanged;

    /// <summary>
    /// Proposes a request and waits until it is applied here; the answer of the request, or an <see cref="EtcdException"/>. The header of
    /// the request is filled in here but for name and auth revision.
    /// </summary>
    ValueTask<object> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation);

    /// <summary>Returns when a read of the local state is linearizable: all that was acknowledged before the call is applied here.</summary>
    ValueTask ReadBarrierAsync(CancellationToken cancellation);

    /// <summary>Waits until what is committed now is applied here.</summary>
    Task WaitAppliedAsync(ulong index, CancellationToken cancellation);

    Task<ClusterMember> AddMemberAsync(IReadOnlyList<string> peerUrls, bool isLearner, CancellationToken cancellation);

    Task RemoveMemberAsync(ulong id, CancellationToken cancellation);

    Task UpdateMemberAsync(ulong id, IReadOnlyList<string> peerUrls, CancellationToken cancellation);

    /// <summary>Promotes a learner; at a follower the leader is asked, with the caller's token.</summary>
    Task PromoteMemberAsync(ulong id, string? token, CancellationToken cancellation);

    Task MoveLeaderAsync(ulong target, CancellationToken cancellation);

    /// <summary>Renews a lease, at the leader or by asking it; 0 for one that is unknown or expired (spec 02 §11.2).</summary>
    Task<long> RenewLeaseAsync(long id, CancellationToken cancellation);

    /// <summary>What is known of a lease, at the leader or by asking it (spec 02 §11.4); the header is not filled.</summary>
    Task<LeaseTimeToLiveResponse> LeaseTimeToLiveAsync(long id, bool withKeys, CancellationToken cancellation);

    /// <summary>The leader's own answers, for requests that followers forward; they throw where this member does not lead.</summary>
    Task<long?> RenewLocalLeaseAsync(long id, CancellationToken cancellation);

    Task<LeaseTimeToLiveResponse> LocalLeaseTimeToLiveAsync(long id, bool withKeys, CancellationToken cancellation);

    /// <summary>Commits the database and gives a copy of it, whose consistent index is what is applied.</summary>
    Task<Quorate.Storage.Bolt.BoltReadTransaction> SnapshotAsync(CancellationToken cancellation);

    Task DefragmentAsync(CancellationToken cancellation);

    /// <summary>A new number that no other request has, as etcd makes them (spec 04 §7.3).</summary>
    ulong NextRequestId();
}
