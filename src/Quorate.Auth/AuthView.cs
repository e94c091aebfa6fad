using System.Collections.Concurrent;
using Quorate.Protocol.Authentication;

namespace Quorate.Auth;

/// <summary>The auth data at a moment; it does not change.</summary>
public sealed record AuthView(bool IsEnabled, ulong Revision, IReadOnlyDictionary<string, User> Users, IReadOnlyDictionary<string, Role> Roles)
{
    internal const string Root = "root";

    private readonly ConcurrentDictionary<string, RangePermissions> _permissions = new();

    public bool HasRootRole(string user) => Users.TryGetValue(user, out User? found) && found.Roles.Contains(Root);

    internal RangePermissions PermissionsOf(string user) => _permissions.GetOrAdd(user, name =>
        new RangePermissions(Users.TryGetValue(name, out User? found)
            ? found.Roles.Where(Roles.ContainsKey).Select(role => Roles[role])
            : []));
}
