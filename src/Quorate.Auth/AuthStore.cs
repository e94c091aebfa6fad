using Google.Protobuf;
using Quorate.Auth.Tokens;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Protocol.Authentication;
using Quorate.Storage.Schema;

namespace Quorate.Auth;

/// <summary>
/// Users, roles and whether they are asked for (spec 03 §6). The applying thread changes them; anybody may look at <see cref="View"/>, which
/// does not change.
/// </summary>
public sealed partial class AuthStore
{
    private static readonly byte[] s_enabledKey = [.. "authEnabled"u8];
    private static readonly byte[] s_revisionKey = [.. "authRevision"u8];

    private readonly AuthOptions _options;
    private readonly ITokens _tokens;
    private Backend _backend;
    private AuthView _view;

    public AuthStore(Backend backend, AuthOptions options, TimeProvider time)
    {
        _backend = backend;
        _options = options;
        _tokens = options.Token.Split(',')[0] switch
        {
            "simple" => new SimpleTokens(time, options.SimpleTokenTtl),
            "jwt" => new JwtTokens(time, options.Token),
            "" => new NoTokens(),
            _ => throw new AuthException("auth: invalid auth options"),
        };
        _view = Load();
    }

    public AuthView View => Volatile.Read(ref _view);

    public bool IsEnabled => View.IsEnabled;

    public ulong Revision => View.Revision;

    /// <summary>Reads everything again after the database was replaced.</summary>
    public void Reload(Backend backend)
    {
        _backend = backend;
        _tokens.ForgetAll();
        Set(Load());
    }

    public AuthEnableResponse Enable()
    {
        AuthView view = View;
        if (!view.IsEnabled)
        {
            if (!view.Users.TryGetValue(AuthView.Root, out User? root))
            {
                throw EtcdErrors.RootUserNotExist;
            }

            if (!root.Roles.Contains(AuthView.Root))
            {
                throw EtcdErrors.RootRoleNotGranted;
            }

            _backend.Put(Buckets.Auth, s_enabledKey, [1]);
            Set(view with { IsEnabled = true });
        }

        return new AuthEnableResponse();
    }

    public AuthDisableResponse Disable()
    {
        AuthView view = View;
        if (view.IsEnabled)
        {
            _backend.Put(Buckets.Auth, s_enabledKey, [0]);
            _tokens.ForgetAll();
            Change(view with { IsEnabled = false });
        }

        return new AuthDisableResponse();
    }

    public AuthStatusResponse Status() => new() { Enabled = View.IsEnabled, AuthRevision = View.Revision };

    public AuthUserAddResponse UserAdd(AuthUserAddRequest request)
    {
        AuthView view = View;
        if (request.Name.Length == 0)
        {
            throw EtcdErrors.UserNameEmpty;
        }

        if (view.Users.ContainsKey(request.Name))
        {
            throw EtcdErrors.UserExists;
        }

        UserAddOptions options = request.Options ?? new UserAddOptions();
        PutUser(view, new User
        {
            Name = ByteString.CopyFromUtf8(request.Name),
            Password = options.NoPassword ? ByteString.Empty : HashOf(request.Password, request.HashedPassword),
            Options = options.Clone(),
        });
        return new AuthUserAddResponse();
    }

    public AuthUserGetResponse UserGet(AuthUserGetRequest request)
    {
        var response = new AuthUserGetResponse();
        response.Roles.AddRange(UserOf(View, request.Name).Roles);
        return response;
    }

    public AuthUserListResponse UserList()
    {
        var response = new AuthUserListResponse();
        response.Users.AddRange(View.Users.Keys.Order(StringComparer.Ordinal));
        return response;
    }

    public AuthUserDeleteResponse UserDelete(AuthUserDeleteRequest request)
    {
        AuthView view = View;
        if (view.IsEnabled && request.Name == AuthView.Root)
        {
            throw EtcdErrors.InvalidAuthManagement;
        }

        User user = UserOf(view, request.Name);
        _backend.Delete(Buckets.AuthUsers, user.Name.ToByteArray());
        _tokens.Forget(request.Name);
        Change(view with { Users = view.Users.Where(pair => pair.Key != request.Name).ToDictionary() });
        return new AuthUserDeleteResponse();
    }

    public AuthUserChangePasswordResponse UserChangePassword(AuthUserChangePasswordRequest request)
    {
        AuthView view = View;
        User user = UserOf(view, request.Name).Clone();
        if (user.Options?.NoPassword != true)
        {
            user.Password = request.Password.Length == 0 && request.HashedPassword.Length == 0
                ? ByteString.Empty
                : HashOf(request.Password, request.HashedPassword);
        }

        _tokens.Forget(request.Name);
        PutUser(view, user);
        return new AuthUserChangePasswordResponse();
    }

    public AuthUserGrantRoleResponse UserGrantRole(AuthUserGrantRoleRequest request)
    {
        AuthView view = View;
        User user = UserOf(view, request.User).Clone();
        if (request.Role != AuthView.Root && !view.Roles.ContainsKey(request.Role))
        {
            throw EtcdErrors.RoleNotFound;
        }

        if (!user.Roles.Contains(request.Role))
        {
            SetSorted(user.Roles, user.Roles.Append(request.Role));
            PutUser(view, user);
        }

        return new AuthUserGrantRoleResponse();
    }

    public AuthUserRevokeRoleResponse UserRevokeRole(AuthUserRevokeRoleRequest request)
    {
        AuthView view = View;
        if (view.IsEnabled && request.Name == AuthView.Root && request.Role == AuthView.Root)
        {
            throw EtcdErrors.InvalidAuthManagement;
        }

        User user = UserOf(view, request.Name).Clone();
        if (!user.Roles.Remove(request.Role))
        {
            throw EtcdErrors.RoleNotGranted;
        }

        PutUser(view, user);
        return new AuthUserRevokeRoleResponse();
    }

    public AuthRoleAddResponse RoleAdd(AuthRoleAddRequest request)
    {
        AuthView view = View;
        if (request.Name.Length == 0)
        {
            throw EtcdErrors.RoleNameEmpty;
        }

        if (view.Roles.ContainsKey(request.Name))
        {
            throw EtcdErrors.RoleExists;
        }

        PutRole(view, new Role { Name = ByteString.CopyFromUtf8(request.Name) });
        return new AuthRoleAddResponse();
    }

    public AuthRoleGetResponse RoleGet(AuthRoleGetRequest request)
    {
        var response = new AuthRoleGetResponse();
        Role role = RoleOf(View, request.Role);
        if (request.Role == AuthView.Root)
        {
            // Root may do everything without any permission being stored.
            response.Perm.Add(new Permission { PermType = Permission.Types.Type.Readwrite, RangeEnd = ByteString.CopyFrom(0) });
        }
        else
        {
            response.Perm.AddRange(role.KeyPermission);
        }

        return response;
    }

    public AuthRoleListResponse RoleList()
    {
        var response = new AuthRoleListResponse();
        response.Roles.AddRange(View.Roles.Keys.Order(StringComparer.Ordinal));
        return response;
    }

    public AuthRoleDeleteResponse RoleDelete(AuthRoleDeleteRequest request)
    {
        AuthView view = View;
        if (view.IsEnabled && request.Role == AuthView.Root)
        {
            throw EtcdErrors.InvalidAuthManagement;
        }

        Role role = RoleOf(view, request.Role);
        _backend.Delete(Buckets.AuthRoles, role.Name.ToByteArray());
        var users = new Dictionary<string, User>(view.Users);
        foreach ((string name, User old) in view.Users)
        {
            if (old.Roles.Contains(request.Role))
            {
                User user = old.Clone();
                user.Roles.Remove(request.Role);
                users[name] = user;
                _backend.Put(Buckets.AuthUsers, user.Name.ToByteArray(), user.ToByteArray());
                _tokens.Forget(name);
            }
        }

        Change(view with { Users = users, Roles = view.Roles.Where(pair => pair.Key != request.Role).ToDictionary() });
        return new AuthRoleDeleteResponse();
    }

    public AuthRoleGrantPermissionResponse RoleGrantPermission(AuthRoleGrantPermissionRequest request)
    {
        AuthView view = View;
        if (request.Perm is not { } permission)
        {
            throw EtcdErrors.PermissionNotGiven;
        }

        if (!IsValidRange(permission))
        {
            throw EtcdErrors.InvalidAuthManagement;
        }

        Role role = RoleOf(view, request.Name).Clone();
        int index = 0;
        while (index < role.KeyPermission.Count && role.KeyPermission[index].Key.Span.SequenceCompareTo(permission.Key.Span) < 0)
        {
            index++;
        }

        if (index < role.KeyPermission.Count && role.KeyPermission[index].Key == permission.Key
            && role.KeyPermission[index].RangeEnd == permission.RangeEnd)
        {
            role.KeyPermission[index].PermType = permission.PermType;
        }
        else
        {
            Permission[] sorted = [.. role.KeyPermission.Append(permission.Clone())
                .OrderBy(each => each.Key.ToByteArray(), ByteOrder.Instance)];
            role.KeyPermission.Clear();
            role.KeyPermission.AddRange(sorted);
        }

        PutRole(view, role);
        return new AuthRoleGrantPermissionResponse();
    }

    public AuthRoleRevokePermissionResponse RoleRevokePermission(AuthRoleRevokePermissionRequest request)
    {
        AuthView view = View;
        Role role = RoleOf(view, request.Role).Clone();
        Permission[] kept = [.. role.KeyPermission.Where(each => each.Key != request.Key || each.RangeEnd != request.RangeEnd)];
        if (kept.Length == role.KeyPermission.Count)
        {
            throw EtcdErrors.PermissionNotGranted;
        }

        role.KeyPermission.Clear();
        role.KeyPermission.AddRange(kept);
        PutRole(view, role);
        return new AuthRoleRevokePermissionResponse();
    }

    private AuthView Load()
    {
        bool enabled = false;
        ulong revision = 0;
        foreach ((byte[] key, byte[] value) in _backend.ReadAll(Buckets.Auth))
        {
            if (key.AsSpan().SequenceEqual(s_enabledKey))
            {
                enabled = value is [1];
            }
            else if (key.AsSpan().SequenceEqual(s_revisionKey))
            {
                revision = MetaKeys.Decode(value);
            }
        }

        if (revision == 0)
        {
            revision = 1;
            _backend.Put(Buckets.Auth, s_revisionKey, MetaKeys.Encode(revision));
        }

        return new AuthView(enabled, revision,
            _backend.ReadAll(Buckets.AuthUsers).Select(pair => User.Parser.ParseFrom(pair.Value)).ToDictionary(user => user.Name.ToStringUtf8()),
            _backend.ReadAll(Buckets.AuthRoles).Select(pair => Role.Parser.ParseFrom(pair.Value)).ToDictionary(role => role.Name.ToStringUtf8()));
    }

    private void PutUser(AuthView view, User user)
    {
        _backend.Put(Buckets.AuthUsers, user.Name.ToByteArray(), user.ToByteArray());
        Change(view with { Users = new Dictionary<string, User>(view.Users) { [user.Name.ToStringUtf8()] = user } });
    }

    private void PutRole(AuthView view, Role role)
    {
        _backend.Put(Buckets.AuthRoles, role.Name.ToByteArray(), role.ToByteArray());
        Change(view with { Roles = new Dictionary<string, Role>(view.Roles) { [role.Name.ToStringUtf8()] = role } });
    }

    /// <summary>A change moves the revision on, which makes older tokens with a revision stale.</summary>
    private void Change(AuthView view)
    {
        ulong revision = view.Revision + 1;
        _backend.Put(Buckets.Auth, s_revisionKey, MetaKeys.Encode(revision));

        // A new object: what was computed for the old data is not taken along.
        Set(new AuthView(view.IsEnabled, revision, view.Users, view.Roles));
    }

    private void Set(AuthView view) => Volatile.Write(ref _view, view);

    private static void SetSorted(Google.Protobuf.Collections.RepeatedField<string> field, IEnumerable<string> values)
    {
        string[] sorted = [.. values.Order(StringComparer.Ordinal)];
        field.Clear();
        field.AddRange(sorted);
    }

    private static User UserOf(AuthView view, string name) => view.Users.TryGetValue(name, out User? user) ? user : throw EtcdErrors.UserNotFound;

    private static Role RoleOf(AuthView view, string name) => view.Roles.TryGetValue(name, out Role? role) ? role : throw EtcdErrors.RoleNotFound;

    private static bool IsValidRange(Permission permission) =>
        !permission.Key.IsEmpty
        && (permission.RangeEnd.IsEmpty || permission.RangeEnd.Span is [0] || permission.Key.Span.SequenceCompareTo(permission.RangeEnd.Span) < 0);
}
