using Google.Protobuf;
using Quorate.Auth;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>
/// What each kind of request does to the replicated state (spec 04 §7.6). The outcome depends on that state and the request alone, so that it
/// is the same at every member; errors come before the first change.
/// </summary>
internal sealed class RequestApplier(Backend backend, Keyspace keyspace, Lessor lessor, AuthStore auth, AlarmStore alarms, ClusterStore cluster, MemberLog log)
{
    private static readonly IReadOnlyList<byte[]> s_noKeys = [];

    /// <summary>The version that this member speaks as; a cluster of a newer one is not for it.</summary>
    public required Version OwnVersion { get; init; }

    /// <summary>The cluster's version was lowered: the log behind must soon hold only what older versions know.</summary>
    public Action? VersionLowered { get; set; }

    /// <summary>The cluster's version was set.</summary>
    public Action? VersionSet { get; set; }

    /// <summary>Applies a request; returns its response, with the revision in its header. <see cref="EtcdException"/> for a refusal.</summary>
    /// <param name="isLocal">Somebody here waits for the response; requests that only read are left out otherwise.</param>
    public object? Apply(InternalRaftRequest request, bool isLocal)
    {
        if (request.Put is { } put)
        {
            Admit(request, costs: true);
            return keyspace.Put(put);
        }

        if (request.Txn is { } txn)
        {
            Admit(request, costs: Quota.CostOf(txn) > 0);
            return keyspace.Txn(txn);
        }

        if (request.DeleteRange is { } delete)
        {
            Admit(request, costs: false);
            return keyspace.DeleteRange(delete);
        }

        return ApplyRare(request, isLocal);
    }

    private object? ApplyRare(InternalRaftRequest request, bool isLocal)
    {
        if (request.Range is { } range)
        {
            Check(request);
            if (!isLocal)
            {
                return null;
            }

            using RangeResult result = keyspace.Range(range);
            return result.ToResponse();
        }

        if (request.Compaction is { } compaction)
        {
            Admit(request, costs: false);
            Task physical = keyspace.Compact(compaction.Revision);
            return new CompactionApplied(new CompactionResponse { Header = Header() }, physical);
        }

        if (request.LeaseGrant is { } grant)
        {
            Admit(request, costs: true);
            long ttl = lessor.Grant(grant.ID, grant.TTL);
            return new LeaseGrantResponse { Header = Header(), ID = grant.ID, TTL = ttl };
        }

        if (request.LeaseRevoke is { } revoke)
        {
            Admit(request, costs: false);
            keyspace.DeleteKeys(lessor.Revoke(revoke.ID));
            return new LeaseRevokeResponse { Header = Header() };
        }

        if (request.LeaseCheckpoint is { } checkpoints)
        {
            foreach (LeaseCheckpoint checkpoint in checkpoints.Checkpoints)
            {
                lessor.Checkpoint(checkpoint.ID, checkpoint.RemainingTTL);
            }

            return new LeaseCheckpointResponse { Header = Header() };
        }

        if (request.Alarm is { } alarm)
        {
            AlarmResponse response = alarms.Apply(alarm);
            response.Header = Header();
            return response;
        }

        return ApplyMembership(request) ?? ApplyAuth(request, isLocal);
    }

    private static readonly object s_done = new();

    private object? ApplyMembership(InternalRaftRequest request)
    {
        if (request.ClusterMemberAttrSet is { } attributes)
        {
            cluster.SetAttributes(attributes.MemberID, attributes.MemberAttributes?.Name ?? "", [.. attributes.MemberAttributes?.ClientUrls ?? []]);
            return s_done;
        }

        if (request.ClusterVersionSet is { } version)
        {
            SetVersion(version.Ver);
            return s_done;
        }

        if (request.DowngradeInfoSet is { } downgrade)
        {
            cluster.SetDowngrade(downgrade.Enabled ? EtcdVersion.ParseMinor(downgrade.Ver) : null);
            return s_done;
        }

        return request.DowngradeVersionTest is not null ? s_done : null;
    }

    private void SetVersion(string text)
    {
        if (EtcdVersion.ParseMinor(text) is not { } version)
        {
            log.Error("ignored a cluster version that is none", ("cluster-version", text));
            return;
        }

        Version? before = cluster.View.Version;
        if (version > OwnVersion)
        {
            throw new MemberFailedException("invalid downgrade; server version is lower than determined cluster version");
        }

        cluster.SetVersion(version);
        if (before is null)
        {
            log.Info("set initial cluster version", log.Cluster, log.Local, ("cluster-version", version.ToString(2)));
        }
        else if (before != version)
        {
            log.Info("updated cluster version", log.Cluster, log.Local, ("from", before.ToString(2)), ("to", version.ToString(2)));
        }

        log.Info("enabled capabilities for version", ("cluster-version", version.ToString(2)));
        VersionSet?.Invoke();
        if (before is not null && version < before)
        {
            VersionLowered?.Invoke();
        }
    }

    private IMessage? ApplyAuth(InternalRaftRequest request, bool isLocal)
    {
        if (request.Authenticate is { } authenticate)
        {
            return With(auth.Authenticate(authenticate, backend.ConsistentIndex), (response, header) => response.Header = header);
        }

        if (request.AuthStatus is not null)
        {
            return isLocal ? With(auth.Status(), (response, header) => response.Header = header) : null;
        }

        Check(request);
        return request switch
        {
            { AuthEnable: not null } => With(auth.Enable(), (response, header) => response.Header = header),
            { AuthDisable: not null } => With(auth.Disable(), (response, header) => response.Header = header),
            { AuthUserAdd: { } add } => With(auth.UserAdd(add), (response, header) => response.Header = header),
            { AuthUserDelete: { } delete } => With(auth.UserDelete(delete), (response, header) => response.Header = header),
            { AuthUserChangePassword: { } change } => With(auth.UserChangePassword(change), (response, header) => response.Header = header),
            { AuthUserGrantRole: { } grant } => With(auth.UserGrantRole(grant), (response, header) => response.Header = header),
            { AuthUserRevokeRole: { } revoke } => With(auth.UserRevokeRole(revoke), (response, header) => response.Header = header),
            { AuthRoleAdd: { } add } => With(auth.RoleAdd(add), (response, header) => response.Header = header),
            { AuthRoleDelete: { } delete } => With(auth.RoleDelete(delete), (response, header) => response.Header = header),
            { AuthRoleGrantPermission: { } grant } => With(auth.RoleGrantPermission(grant), (response, header) => response.Header = header),
            { AuthRoleRevokePermission: { } revoke } => With(auth.RoleRevokePermission(revoke), (response, header) => response.Header = header),
            { AuthUserGet: { } get } when isLocal => With(auth.UserGet(get), (response, header) => response.Header = header),
            { AuthRoleGet: { } get } when isLocal => With(auth.RoleGet(get), (response, header) => response.Header = header),
            { AuthUserList: not null } when isLocal => With(auth.UserList(), (response, header) => response.Header = header),
            { AuthRoleList: not null } when isLocal => With(auth.RoleList(), (response, header) => response.Header = header),
            _ => null,
        };
    }

    /// <summary>In this order: a corrupt cluster, space, rights (spec 03 §4.1).</summary>
    private void Admit(InternalRaftRequest request, bool costs)
    {
        if (alarms.HasCorrupt)
        {
            throw EtcdErrors.CorruptCluster;
        }

        if (costs && alarms.HasNoSpace)
        {
            throw EtcdErrors.NoSpace;
        }

        Check(request);
    }

    private void Check(InternalRaftRequest request)
    {
        if (auth.IsEnabled && !IsInternal(request))
        {
            auth.CheckApplied(request, lease => lessor.Find(lease)?.Keys ?? s_noKeys);
        }
    }

    /// <summary>What members propose by themselves, without a caller: expiries, and compactions, whose callers are checked before.</summary>
    private static bool IsInternal(InternalRaftRequest request) =>
        request.Compaction is not null || (request.LeaseRevoke is not null && string.IsNullOrEmpty(request.Header?.Username));

    private ResponseHeader Header() => new() { Revision = keyspace.Revision };

    private T With<T>(T response, Action<T, ResponseHeader> set)
    {
        set(response, Header());
        return response;
    }
}
