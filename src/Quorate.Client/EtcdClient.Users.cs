using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.Authentication;

namespace Quorate.Client;

/// <summary>Users, roles, and whether they count.</summary>
public sealed partial class EtcdClient
{
    /// <summary>From now on each call needs a user. There must be a user "root" with the role "root".</summary>
    public Task EnableAuthAsync(CancellationToken cancellation = default) =>
        CallAuthAsync((auth, options) => auth.AuthEnableAsync(new AuthEnableRequest(), options), cancellation);

    public Task DisableAuthAsync(CancellationToken cancellation = default) =>
        CallAuthAsync((auth, options) => auth.AuthDisableAsync(new AuthDisableRequest(), options), cancellation);

    /// <param name="password">Null for a user who is known by a certificate only.</param>
    public Task AddUserAsync(string name, string? password, CancellationToken cancellation = default)
    {
        var request = new AuthUserAddRequest
        {
            Name = name,
            Password = password ?? "",
            Options = new UserAddOptions { NoPassword = password is null },
        };
        return CallAuthAsync((auth, options) => auth.UserAddAsync(request, options), cancellation);
    }

    public Task DeleteUserAsync(string name, CancellationToken cancellation = default) =>
        CallAuthAsync((auth, options) => auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = name }, options), cancellation);

    public Task ChangePasswordAsync(string name, string password, CancellationToken cancellation = default)
    {
        var request = new AuthUserChangePasswordRequest { Name = name, Password = password };
        return CallAuthAsync((auth, options) => auth.UserChangePasswordAsync(request, options), cancellation);
    }

    public Task GrantRoleAsync(string user, string role, CancellationToken cancellation = default)
    {
        var request = new AuthUserGrantRoleRequest { User = user, Role = role };
        return CallAuthAsync((auth, options) => auth.UserGrantRoleAsync(request, options), cancellation);
    }

    public Task RevokeRoleAsync(string user, string role, CancellationToken cancellation = default)
    {
        var request = new AuthUserRevokeRoleRequest { Name = user, Role = role };
        return CallAuthAsync((auth, options) => auth.UserRevokeRoleAsync(request, options), cancellation);
    }

    public Task AddRoleAsync(string name, CancellationToken cancellation = default) =>
        CallAuthAsync((auth, options) => auth.RoleAddAsync(new AuthRoleAddRequest { Name = name }, options), cancellation);

    public Task DeleteRoleAsync(string name, CancellationToken cancellation = default) =>
        CallAuthAsync((auth, options) => auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = name }, options), cancellation);

    /// <summary>Lets a role read or write a range, or both.</summary>
    public Task GrantPermissionAsync(string role, KeyRange range, bool mayRead, bool mayWrite,
        CancellationToken cancellation = default)
    {
        if (!mayRead && !mayWrite)
        {
            throw new ArgumentException("a permission is to read or to write", nameof(mayRead));
        }

        var permission = new Permission
        {
            PermType = !mayWrite ? Permission.Types.Type.Read : mayRead ? Permission.Types.Type.Readwrite
                : Permission.Types.Type.Write,
            Key = range.Key,
            RangeEnd = range.End,
        };
        var request = new AuthRoleGrantPermissionRequest { Name = role, Perm = permission };
        return CallAuthAsync((auth, options) => auth.RoleGrantPermissionAsync(request, options), cancellation);
    }

    public Task RevokePermissionAsync(string role, KeyRange range, CancellationToken cancellation = default)
    {
        var request = new AuthRoleRevokePermissionRequest { Role = role, Key = range.Key, RangeEnd = range.End };
        return CallAuthAsync((auth, options) => auth.RoleRevokePermissionAsync(request, options), cancellation);
    }

    private Task CallAuthAsync<T>(Func<Auth.AuthClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellation) =>
        CallAsync((calls, options) => call(new Auth.AuthClient(calls), options), isRead: false, cancellation);
}
