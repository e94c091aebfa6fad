using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Protocol;

namespace Quorate.Auth;

/// <summary>Who may do what (spec 03 §6.6, §6.7). With auth off everybody may do everything.</summary>
public sealed partial class AuthStore
{
    /// <summary>The right to administer.</summary>
    public void CheckAdmin(AuthInfo? caller)
    {
        AuthView view = View;
        if (!view.IsEnabled)
        {
            return;
        }

        if (caller is null)
        {
            throw EtcdErrors.UserNameEmpty;
        }

        if (!view.Users.ContainsKey(caller.Username))
        {
            throw EtcdErrors.UserNotFound;
        }

        if (!view.HasRootRole(caller.Username))
        {
            throw EtcdErrors.PermissionDenied;
        }
    }

    /// <summary>Somebody known, whoever it is.</summary>
    public void CheckCaller(AuthInfo? caller)
    {
        if (IsEnabled && caller is null)
        {
            throw EtcdErrors.UserNameEmpty;
        }
    }

    public void CheckRange(AuthInfo? caller, ByteString key, ByteString rangeEnd) => Check(caller, key, rangeEnd, writes: false);

    public void CheckWrite(AuthInfo? caller, ByteString key, ByteString rangeEnd) => Check(caller, key, rangeEnd, writes: true);

    /// <param name="keysOfLease">The keys that are attached to a lease.</param>
    public void CheckPut(AuthInfo? caller, PutRequest request, Func<long, IReadOnlyList<byte[]>> keysOfLease)
    {
        if (!IsEnabled)
        {
            return;
        }

        CheckWrite(caller, request.Key, ByteString.Empty);
        if (request.Lease != 0)
        {
            CheckKeys(caller, keysOfLease(request.Lease), writes: true);
        }

        if (request.PrevKv)
        {
            CheckRange(caller, request.Key, ByteString.Empty);
        }
    }

    public void CheckDelete(AuthInfo? caller, DeleteRangeRequest request)
    {
        if (!IsEnabled)
        {
            return;
        }

        CheckWrite(caller, request.Key, request.RangeEnd);
        if (request.PrevKv)
        {
            CheckRange(caller, request.Key, request.RangeEnd);
        }
    }

    /// <summary>All compares and all operations of both branches, whichever is taken.</summary>
    public void CheckTxn(AuthInfo? caller, TxnRequest request, Func<long, IReadOnlyList<byte[]>> keysOfLease)
    {
        if (!IsEnabled)
        {
            return;
        }

        foreach (Compare compare in request.Compare)
        {
            CheckRange(caller, compare.Key, compare.RangeEnd);
        }

        foreach (RequestOp operation in request.Success.Concat(request.Failure))
        {
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    CheckRange(caller, operation.RequestRange.Key, operation.RequestRange.RangeEnd);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    CheckPut(caller, operation.RequestPut, keysOfLease);
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    CheckDelete(caller, operation.RequestDeleteRange);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    CheckTxn(caller, operation.RequestTxn, keysOfLease);
                    break;
            }
        }
    }

    /// <summary>The right on each of some keys, as for leases: root has it without looking.</summary>
    public void CheckKeys(AuthInfo? caller, IEnumerable<byte[]> keys, bool writes)
    {
        AuthView view = View;
        if (!view.IsEnabled || (caller is not null && view.HasRootRole(caller.Username)))
        {
            return;
        }

        foreach (byte[] key in keys)
        {
            Check(caller, ByteString.CopyFrom(key), ByteString.Empty, writes);
        }
    }

    /// <summary>
    /// The rights of a logged request, checked again where it is applied, so that a right taken away counts from its place in the log on.
    /// Internal requests have no name and are not checked.
    /// </summary>
    public void CheckApplied(InternalRaftRequest request, Func<long, IReadOnlyList<byte[]>> keysOfLease)
    {
        if (!IsEnabled || request.Header is null || request.Header.Username.Length == 0)
        {
            if (IsEnabled && NeedsCaller(request))
            {
                throw EtcdErrors.UserNameEmpty;
            }

            return;
        }

        var caller = new AuthInfo(request.Header.Username, request.Header.AuthRevision);
        if (request.Put is { } put)
        {
            CheckPut(caller, put, keysOfLease);
        }
        else if (request.DeleteRange is { } delete)
        {
            CheckDelete(caller, delete);
        }
        else if (request.Txn is { } txn)
        {
            CheckTxn(caller, txn, keysOfLease);
        }
        else if (request.Range is { } range)
        {
            CheckRange(caller, range.Key, range.RangeEnd);
        }
        else if (request.LeaseRevoke is { } revoke)
        {
            CheckKeys(caller, keysOfLease(revoke.ID), writes: true);
        }
        else if (request.AuthUserGet is { } user)
        {
            if (user.Name != caller.Username)
            {
                CheckAdmin(caller);
            }
        }
        else if (request.AuthRoleGet is { } role)
        {
            if (!View.Users.TryGetValue(caller.Username, out Protocol.Authentication.User? own) || !own.Roles.Contains(role.Role))
            {
                CheckAdmin(caller);
            }
        }
        else if (IsAdministrative(request))
        {
            CheckAdmin(caller);
        }
    }

    private static bool NeedsCaller(InternalRaftRequest request) =>
        request.Put is not null || request.DeleteRange is not null || request.Range is not null || IsAdministrative(request)
        || request.AuthUserGet is not null || request.AuthRoleGet is not null
        || (request.Txn is { } txn && txn.Compare.Count + txn.Success.Count + txn.Failure.Count > 0);

    private static bool IsAdministrative(InternalRaftRequest request) =>
        request.AuthEnable is not null || request.AuthDisable is not null || request.AuthUserAdd is not null
        || request.AuthUserDelete is not null || request.AuthUserChangePassword is not null || request.AuthUserGrantRole is not null
        || request.AuthUserRevokeRole is not null || request.AuthRoleAdd is not null || request.AuthRoleDelete is not null
        || request.AuthRoleGrantPermission is not null || request.AuthRoleRevokePermission is not null
        || request.AuthUserList is not null || request.AuthRoleList is not null;

    private void Check(AuthInfo? caller, ByteString key, ByteString rangeEnd, bool writes)
    {
        AuthView view = View;
        if (!view.IsEnabled)
        {
            return;
        }

        if (caller is null || caller.Revision == 0)
        {
            throw EtcdErrors.UserNameEmpty;
        }

        if (caller.Revision < view.Revision)
        {
            throw EtcdErrors.AuthOldRevision;
        }

        if (!view.Users.ContainsKey(caller.Username))
        {
            throw EtcdErrors.PermissionDenied;
        }

        if (view.HasRootRole(caller.Username))
        {
            return;
        }

        var range = new KeyRange(key.ToByteArray(), rangeEnd.ToByteArray());
        RangePermissions permissions = view.PermissionsOf(caller.Username);
        if (!(writes ? permissions.MayWrite(range) : permissions.MayRead(range)))
        {
            throw EtcdErrors.PermissionDenied;
        }
    }
}
