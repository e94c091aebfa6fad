using Grpc.Core;

namespace Quorate.Protocol;

/// <summary>
/// Every error of etcd that has a text and a code of its own (spec 02 §13). Each use makes a new exception.
/// </summary>
public static class EtcdErrors
{
    /// <summary>Range, Put, DeleteRange, Compare or an op of a Txn with an empty key.</summary>
    public static EtcdException EmptyKey => new(StatusCode.InvalidArgument, "etcdserver: key is not provided");

    /// <summary>Put with ignore_value/ignore_lease on a missing key; a Txn op with no union member set.</summary>
    public static EtcdException KeyNotFound => new(StatusCode.InvalidArgument, "etcdserver: key not found");

    /// <summary>Put with ignore_value and a non-empty value.</summary>
    public static EtcdException ValueIsProvided => new(StatusCode.InvalidArgument, "etcdserver: value is provided");

    /// <summary>Put with ignore_lease and a non-zero lease.</summary>
    public static EtcdException LeaseIsProvided => new(StatusCode.InvalidArgument, "etcdserver: lease is provided");

    /// <summary>Txn over max-txn-ops.</summary>
    public static EtcdException TooManyOperations => new(StatusCode.InvalidArgument, "etcdserver: too many operations in txn request");

    /// <summary>Txn writing one key twice (section 5.3).</summary>
    public static EtcdException DuplicateKey => new(StatusCode.InvalidArgument, "etcdserver: duplicate key given in txn request");

    /// <summary>Metadata `client-api-version` not valid UTF-8.</summary>
    public static EtcdException InvalidClientApiVersion => new(StatusCode.InvalidArgument, "etcdserver: invalid client api version");

    /// <summary>Range with an undefined sort_order or sort_target number.</summary>
    public static EtcdException InvalidSortOption => new(StatusCode.InvalidArgument, "etcdserver: invalid sort option");

    /// <summary>Range/Txn range below the compact revision; Compact at or below it; Watch cancel_reason for a negative start.</summary>
    public static EtcdException Compacted => new(StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted");

    /// <summary>Range/Txn range/Compact above the current revision.</summary>
    public static EtcdException FutureRevision => new(StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision");

    /// <summary>Quota (section 9).</summary>
    public static EtcdException NoSpace => new(StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded");

    /// <summary>Put with unknown lease, LeaseRevoke of unknown lease.</summary>
    public static EtcdException LeaseNotFound => new(StatusCode.NotFound, "etcdserver: requested lease not found");

    /// <summary>LeaseGrant with an id in use.</summary>
    public static EtcdException LeaseExists => new(StatusCode.FailedPrecondition, "etcdserver: lease already exists");

    /// <summary>LeaseGrant TTL above 9000000000.</summary>
    public static EtcdException LeaseTtlTooLarge => new(StatusCode.OutOfRange, "etcdserver: too large lease TTL");

    /// <summary>Status of a watch RPC whose context was cancelled.</summary>
    public static EtcdException WatchCanceled => new(StatusCode.Cancelled, "etcdserver: watch canceled");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException MemberExists => new(StatusCode.FailedPrecondition, "etcdserver: member ID already exist");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException PeerUrlsExist => new(StatusCode.FailedPrecondition, "etcdserver: Peer URLs already exists");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException NotEnoughStartedMembers => new(StatusCode.Unknown, "etcdserver: re-configuration failed due to not enough started members");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException MemberUrlsInvalid => new(StatusCode.InvalidArgument, "etcdserver: given member URLs are invalid");

    /// <summary>Member id unknown or removed.</summary>
    public static EtcdException MemberNotFound => new(StatusCode.NotFound, "etcdserver: member not found");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException MemberNotLearner => new(StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException LearnerNotReady => new(StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException TooManyLearners => new(StatusCode.FailedPrecondition, "etcdserver: too many learner members in cluster");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException ClusterIdMismatch => new(StatusCode.FailedPrecondition, "etcdserver: cluster ID mismatch");

    /// <summary>Serialised proposal above max-request-bytes.</summary>
    public static EtcdException RequestIsTooLarge => new(StatusCode.InvalidArgument, "etcdserver: request is too large");

    /// <summary>Committed − applied above 5000 when proposing; wire code 2.</summary>
    public static EtcdException TooManyRequests => new(StatusCode.Unknown, "etcdserver: too many requests");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException RootUserNotExist => new(StatusCode.FailedPrecondition, "etcdserver: root user does not exist");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException RootRoleNotGranted => new(StatusCode.FailedPrecondition, "etcdserver: root user does not have root role");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException UserExists => new(StatusCode.FailedPrecondition, "etcdserver: user name already exists");

    /// <summary>Auth on and no token (KV, watch, lease, compact); UserAdd with empty name.</summary>
    public static EtcdException UserNameEmpty => new(StatusCode.InvalidArgument, "etcdserver: user name is empty");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException UserNotFound => new(StatusCode.FailedPrecondition, "etcdserver: user name not found");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException RoleExists => new(StatusCode.FailedPrecondition, "etcdserver: role name already exists");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException RoleNotFound => new(StatusCode.FailedPrecondition, "etcdserver: role name not found");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException RoleNameEmpty => new(StatusCode.InvalidArgument, "etcdserver: role name is empty");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException AuthenticationFailed => new(StatusCode.InvalidArgument, "etcdserver: authentication failed, invalid user ID or password");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException PermissionNotGiven => new(StatusCode.InvalidArgument, "etcdserver: permission not given");

    /// <summary>Auth on, key range or admin right missing.</summary>
    public static EtcdException PermissionDenied => new(StatusCode.PermissionDenied, "etcdserver: permission denied");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException RoleNotGranted => new(StatusCode.FailedPrecondition, "etcdserver: role is not granted to the user");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException PermissionNotGranted => new(StatusCode.FailedPrecondition, "etcdserver: permission is not granted to the role");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException AuthNotEnabled => new(StatusCode.FailedPrecondition, "etcdserver: authentication is not enabled");

    /// <summary>Unknown or expired token.</summary>
    public static EtcdException InvalidAuthToken => new(StatusCode.Unauthenticated, "etcdserver: invalid auth token");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException InvalidAuthManagement => new(StatusCode.InvalidArgument, "etcdserver: invalid auth management");

    /// <summary>Auth data changed since the token was issued, or during the call.</summary>
    public static EtcdException AuthOldRevision => new(StatusCode.InvalidArgument, "etcdserver: revision of auth store is old");

    /// <summary>Metadata `hasleader: true` and no leader; lease forwarding without leader.</summary>
    public static EtcdException NoLeader => new(StatusCode.Unavailable, "etcdserver: no leader");

    /// <summary>MoveLeader sent to a non-leader; downgrade on non-leader.</summary>
    public static EtcdException NotLeader => new(StatusCode.FailedPrecondition, "etcdserver: not leader");

    /// <summary>Linearizable read interrupted by a leader change; LeaseTimeToLive during demotion.</summary>
    public static EtcdException LeaderChanged => new(StatusCode.Unavailable, "etcdserver: leader changed");

    /// <summary>Any call before the cluster version is known.</summary>
    public static EtcdException NotCapable => new(StatusCode.FailedPrecondition, "etcdserver: not capable");

    /// <summary>Server is shutting down.</summary>
    public static EtcdException ServerStopped => new(StatusCode.Unavailable, "etcdserver: server stopped");

    /// <summary>Proposal or read index not finished within the request timeout.</summary>
    public static EtcdException TimedOut => new(StatusCode.Unavailable, "etcdserver: request timed out");

    /// <summary>Proposal timeout, started within 2 election timeouts before the present leader was elected.</summary>
    public static EtcdException TimedOutDueToLeaderFailure => new(StatusCode.Unavailable, "etcdserver: request timed out, possibly due to previous leader failure");

    /// <summary>Proposal timeout, and the connection to the leader (or, on the leader, to a quorum) was not up since the start.</summary>
    public static EtcdException TimedOutDueToConnectionLost => new(StatusCode.Unavailable, "etcdserver: request timed out, possibly due to connection lost");

    /// <summary>Lease renew / time-to-live on the leader waiting over 1 s for apply.</summary>
    public static EtcdException TimedOutWaitingForApply => new(StatusCode.Unavailable, "etcdserver: request timed out, waiting for the applied index took too long");

    /// <summary>Member change or leader move without quorum of active members.</summary>
    public static EtcdException UnhealthyCluster => new(StatusCode.Unavailable, "etcdserver: unhealthy cluster");

    /// <summary>CORRUPT alarm raised: every applied KV/lease write, compaction.</summary>
    public static EtcdException CorruptCluster => new(StatusCode.DataLoss, "etcdserver: corrupt cluster");

    /// <summary>Any RPC on a learner but serializable Range, Status, and the Snapshot stream.</summary>
    public static EtcdException NotSupportedForLearner => new(StatusCode.FailedPrecondition, "etcdserver: rpc not supported for learner");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException BadLeaderTransferee => new(StatusCode.FailedPrecondition, "etcdserver: bad leader transferee");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException WrongDowngradeTargetVersionFormat => new(StatusCode.InvalidArgument, "etcdserver: wrong downgrade target version format");

    /// <summary>Code InvalidArgument.</summary>
    public static EtcdException InvalidDowngradeTargetVersion => new(StatusCode.InvalidArgument, "etcdserver: invalid downgrade target version");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException ClusterVersionNotFoundDuringDowngrade => new(StatusCode.FailedPrecondition, "etcdserver: cluster version not found during downgrade");

    /// <summary>Code FailedPrecondition.</summary>
    public static EtcdException ClusterHasADowngradeJobInProgress => new(StatusCode.FailedPrecondition, "etcdserver: cluster has a downgrade job in progress");

    /// <summary>Downgrade CANCEL without a job; 3.6+ answers OK.</summary>
    public static EtcdException NoInflightDowngradeJob => new(StatusCode.FailedPrecondition, "etcdserver: no inflight downgrade job");

    /// <summary>Proposal whose caller went away (3.7).</summary>
    public static EtcdException RequestCanceled => new(StatusCode.Cancelled, "etcdserver: request canceled");

    /// <summary>A deadline, where it does not travel as gRPC tells it.</summary>
    public static EtcdException ContextDeadlineExceeded => new(StatusCode.DeadlineExceeded, "etcdserver: context deadline exceeded");
}
