using System.Text;
using Google.Protobuf;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;
using Quorate.Protocol.Authentication;

namespace Quorate.Etcdctl.Commands;

/// <summary>auth, user and role (spec 07 §10).</summary>
internal static class AuthCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("auth enable", "", "Enables authentication", "etcdctl auth enable", _ => { }, EnableAsync),
        new("auth disable", "", "Disables authentication", "etcdctl --user=root:secret auth disable", _ => { }, DisableAsync),
        new("auth status", "", "Returns authentication status", "etcdctl auth status", _ => { }, StatusAsync),
        new("user add", "<user name or user:password> [options]", "Adds a new user", "etcdctl user add alice:secret",
            UserAddFlags, UserAddAsync),
        new("user delete", "<user name>", "Deletes a user", "etcdctl user delete alice", _ => { }, context =>
            UserAsync(context, "user delete command requires user name as its argument", 1,
            async name =>
            {
                AuthUserDeleteResponse response = await CallAsync(context, (auth, options) =>
                    auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = name[0] }, options)).ConfigureAwait(false);
                Print(context, response, response.Header, $"User {name[0]} deleted");
            })),
        new("user get", "<user name> [options]", "Gets detailed information of a user", "etcdctl user get alice --detail",
            flags => flags.Add("detail", FlagSet.Kind.Boolean, "false", "Show permissions of roles granted to the user"),
                UserGetAsync),
        new("user list", "", "Lists all users", "etcdctl user list", _ => { }, UserListAsync),
        new("user passwd", "<user name> [options]", "Changes password of user", "etcdctl user passwd alice",
            flags => flags.Add("interactive", FlagSet.Kind.Boolean, "true", "If true, read password from stdin and confirm"),
                PasswordAsync),
        new("user grant-role", "<user name> <role name>", "Grants a role to a user", "etcdctl user grant-role alice reader",
            _ => { }, context => UserAsync(context,
            "user grant command requires user name and role name as its argument", 2, async names =>
            {
                AuthUserGrantRoleResponse response = await CallAsync(context,
                    (auth, options) => auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = names[0], Role = names[1] },
                        options)).ConfigureAwait(false);
                Print(context, response, response.Header, $"Role {names[1]} is granted to user {names[0]}");
            })),
        new("user revoke-role", "<user name> <role name>", "Revokes a role from a user", "etcdctl user revoke-role alice reader",
            _ => { }, context => UserAsync(context,
            "user revoke-role requires user name and role name as its argument", 2, async names =>
            {
                AuthUserRevokeRoleResponse response = await CallAsync(context,
                    (auth, options) => auth.UserRevokeRoleAsync(new AuthUserRevokeRoleRequest { Name = names[0],
                        Role = names[1] }, options)).ConfigureAwait(false);
                Print(context, response, response.Header, $"Role {names[1]} is revoked from user {names[0]}");
            })),
        new("role add", "<role name>", "Adds a new role", "etcdctl role add reader", _ => { }, context => UserAsync(context,
            "role add command requires role name as its argument", 1, async names =>
            {
                AuthRoleAddResponse response = await CallAsync(context, (auth, options) =>
                    auth.RoleAddAsync(new AuthRoleAddRequest { Name = names[0] }, options)).ConfigureAwait(false);
                Print(context, response, response.Header, $"Role {names[0]} created");
            })),
        new("role delete", "<role name>", "Deletes a role", "etcdctl role delete reader", _ => { }, context => UserAsync(context,
            "role delete command requires role name as its argument", 1, async names =>
            {
                AuthRoleDeleteResponse response = await CallAsync(context, (auth, options) =>
                    auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = names[0] }, options)).ConfigureAwait(false);
                Print(context, response, response.Header, $"Role {names[0]} deleted");
            })),
        new("role get", "<role name>", "Gets detailed information of a role", "etcdctl role get reader", _ => { }, RoleGetAsync),
        new("role list", "", "Lists all roles", "etcdctl role list", _ => { }, RoleListAsync),
        new("role grant-permission", "<role name> <permission type> <key> [endkey] [options]", "Grants a key to a role",
            "etcdctl role grant-permission reader read --prefix dir/", RangeFlags, GrantAsync),
        new("role revoke-permission", "<role name> <key> [endkey] [options]", "Revokes a key from a role",
            "etcdctl role revoke-permission reader --prefix dir/", RangeFlags, RevokeAsync),
    ];

    private static async Task<int> EnableAsync(CtlContext context)
    {
        RequireNone(context, "auth enable command does not accept any arguments");
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        try
        {
            await client.CallAsync((calls, options) => new Auth.AuthClient(calls)
                .AuthEnableAsync(new AuthEnableRequest(), options), isRead: false).ConfigureAwait(false);
        }
        catch (EtcdException error) when (error.Message == EtcdErrors.RootRoleNotGranted.Message)
        {
            await client.CallAsync((calls, options) => new Auth.AuthClient(calls)
                .RoleAddAsync(new AuthRoleAddRequest { Name = "root" }, options), isRead: false).ConfigureAwait(false);
            await client.CallAsync((calls, options) => new Auth.AuthClient(calls)
                .UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" }, options), isRead: false)
                .ConfigureAwait(false);
            await client.CallAsync((calls, options) => new Auth.AuthClient(calls)
                .AuthEnableAsync(new AuthEnableRequest(), options), isRead: false).ConfigureAwait(false);
        }

        context.Printer.Line("Authentication Enabled");
        return ExitCodes.Success;
    }

    private static async Task<int> DisableAsync(CtlContext context)
    {
        RequireNone(context, "auth disable command does not accept any arguments");
        await CallAsync(context, (auth, options) => auth.AuthDisableAsync(new AuthDisableRequest(), options))
            .ConfigureAwait(false);
        context.Printer.Line("Authentication Disabled");
        return ExitCodes.Success;
    }

    private static async Task<int> StatusAsync(CtlContext context)
    {
        RequireNone(context, "auth status command does not accept any arguments");
        AuthStatusResponse response = await CallAsync(context, (auth, options) =>
            auth.AuthStatusAsync(new AuthStatusRequest(), options)).ConfigureAwait(false);
        context.Printer.Print(response, () =>
        {
            context.Printer.Line($"Authentication Status: {(response.Enabled ? "true" : "false")}");
            context.Printer.Line($"AuthRevision: {response.AuthRevision}");
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header);
            json.Truth("enabled", response.Enabled);
            json.Number("authRevision", response.AuthRevision);
        }));
        return ExitCodes.Success;
    }

    private static void UserAddFlags(FlagSet flags) => flags
        .Add("interactive", FlagSet.Kind.Boolean, "true", "Read password from stdin instead of interactive terminal")
        .Add("new-user-password", FlagSet.Kind.Text, "", "Supply password from the command line flag")
        .Add("no-password", FlagSet.Kind.Boolean, "false", "Create a user without password (CN based auth only)");

    private static Task<int> UserAddAsync(CtlContext context) =>
        UserAsync(context, "user add command requires user name as its argument", 1, async names =>
    {
        string name = names[0], password = "";
        var request = new AuthUserAddRequest { Options = new UserAddOptions() };
        if (context.Flags.Boolean("no-password"))
        {
            request.Options.NoPassword = true;
        }
        else if (context.Flags.Text("new-user-password").Length > 0)
        {
            password = context.Flags.Text("new-user-password");
        }
        else if (name.Contains(':', StringComparison.Ordinal))
        {
            string[] parts = name.Split(':', 2);
            (name, password) = (parts[0], parts[1]);
            if (name.Length == 0)
            {
                throw CommandException.BadArguments("empty user name is not allowed");
            }
        }
        else
        {
            password = NewPassword(context, name);
        }

        request.Name = name;
        request.Password = password;
        AuthUserAddResponse response = await CallAsync(context, (auth, options) => auth.UserAddAsync(request, options))
            .ConfigureAwait(false);
        Print(context, response, response.Header, $"User {name} created");
    });

    private static Task<int> PasswordAsync(CtlContext context) =>
        UserAsync(context, "user passwd command requires user name as its argument", 1, async names =>
    {
        var request = new AuthUserChangePasswordRequest { Name = names[0], Password = NewPassword(context, names[0]) };
        AuthUserChangePasswordResponse response = await CallAsync(context, (auth, options) =>
            auth.UserChangePasswordAsync(request, options)).ConfigureAwait(false);
        Print(context, response, response.Header, "Password updated");
    });

    private static async Task<int> UserGetAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("user get command requires user name as its argument");
        }

        string name = context.Arguments[0];
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        AuthUserGetResponse response = await client
            .CallAsync((calls, options) => new Auth.AuthClient(calls)
                .UserGetAsync(new AuthUserGetRequest { Name = name }, options), isRead: true).ConfigureAwait(false);
        Printer printer = context.Printer;
        if (context.Flags.Boolean("detail"))
        {
            printer.Line($"User: {name}");
            foreach (string role in response.Roles)
            {
                printer.Line("");
                AuthRoleGetResponse found = await client
                    .CallAsync((calls, options) => new Auth.AuthClient(calls)
                        .RoleGetAsync(new AuthRoleGetRequest { Role = role }, options), isRead: true).ConfigureAwait(false);
                Print(printer, role, found);
            }

            return ExitCodes.Success;
        }

        printer.Print(response, () =>
        {
            printer.Line($"User: {name}");
            printer.Line("Roles:" + string.Concat(response.Roles.Select(role => $" {role}")));
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header);
            json.Texts("roles", response.Roles);
        }));
        return ExitCodes.Success;
    }

    private static async Task<int> UserListAsync(CtlContext context)
    {
        RequireNone(context, "user list command requires no arguments");
        AuthUserListResponse response = await CallAsync(context, (auth, options) =>
            auth.UserListAsync(new AuthUserListRequest(), options)).ConfigureAwait(false);
        context.Printer.Print(response, () =>
        {
            foreach (string user in response.Users)
            {
                context.Printer.Line(user);
            }
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header);
            json.Texts("users", response.Users);
        }));
        return ExitCodes.Success;
    }

    private static async Task<int> RoleListAsync(CtlContext context)
    {
        RequireNone(context, "role list command requires no arguments");
        AuthRoleListResponse response = await CallAsync(context, (auth, options) =>
            auth.RoleListAsync(new AuthRoleListRequest(), options)).ConfigureAwait(false);
        context.Printer.Print(response, () =>
        {
            foreach (string role in response.Roles)
            {
                context.Printer.Line(role);
            }
        },
        json => json.Object(() =>
        {
            json.Header("header", response.Header);
            json.Texts("roles", response.Roles);
        }),
        () =>
        {
            context.Printer.HeaderFields(response.Header);
            context.Printer.Line("\"Roles\" :" + string.Concat(response.Roles.Select(role => $" {GoText.Quote(role)}")));
        });
        return ExitCodes.Success;
    }

    private static Task<int> RoleGetAsync(CtlContext context) =>
        UserAsync(context, "role get command requires role name as its argument", 1, async names =>
    {
        AuthRoleGetResponse response = await CallAsync(context, (auth, options) =>
            auth.RoleGetAsync(new AuthRoleGetRequest { Role = names[0] }, options)).ConfigureAwait(false);
        Print(context.Printer, names[0], response);
    });

    private static void Print(Printer printer, string role, AuthRoleGetResponse response) => printer.Print(response, () =>
    {
        printer.Line($"Role {role}");
        foreach ((string title, Permission.Types.Type type) in ((string, Permission.Types.Type)[])[("Read",
            Permission.Types.Type.Read), ("Write", Permission.Types.Type.Write)])
        {
            printer.Line($"KV {title}:");
            foreach (Permission permission in response.Perm.Where(each =>
                each.PermType == type || each.PermType == Permission.Types.Type.Readwrite))
            {
                printer.Line("\t" + RangeText(permission.Key, permission.RangeEnd));
            }
        }
    },
    json => json.Object(() =>
    {
        json.Header("header", response.Header);
        if (response.Perm.Count > 0)
        {
            json.Name("perm").Array(response.Perm, json.Permission);
        }
    }),
    () =>
    {
        printer.HeaderFields(response.Header);
        foreach (Permission permission in response.Perm)
        {
            printer.Field("PermType", $" {permission.PermType.ToString().ToUpperInvariant()}");
            printer.QuotedField("Key", permission.Key.Span);
            printer.QuotedField("RangeEnd", permission.RangeEnd.Span);
        }
    });

    private static string RangeText(ByteString key, ByteString end)
    {
        string start = key.ToStringUtf8();
        if (end.IsEmpty)
        {
            return start;
        }

        if (end.Span is [0])
        {
            return $"[{start}, <open ended>";
        }

        bool isPrefix = !key.IsEmpty && KeyCommands.EndOfPrefix(key.Span) == end;
        return $"[{start}, {end.ToStringUtf8()})" + (isPrefix ? $" (prefix {start})" : "");
    }

    private static void RangeFlags(FlagSet flags) => flags
        .Add("prefix", FlagSet.Kind.Boolean, "false", "a prefix permission")
        .Add("from-key", FlagSet.Kind.Boolean, "false",
            "a permission of keys that are greater than or equal to the given key using byte compare");

    private static async Task<int> GrantAsync(CtlContext context)
    {
        if (context.Arguments.Count < 3)
        {
            throw CommandException.BadArguments(
                "role grant command requires role name, permission type, and key [endkey] as its argument");
        }

        Permission.Types.Type type = context.Arguments[1].ToUpperInvariant() switch
        {
            "READ" => Permission.Types.Type.Read,
            "WRITE" => Permission.Types.Type.Write,
            "READWRITE" => Permission.Types.Type.Readwrite,
            _ => throw CommandException.BadArguments($"invalid permission type: {context.Arguments[1]}"),
        };
        (ByteString key, ByteString end) = RangeOf(context, 2);
        var request = new AuthRoleGrantPermissionRequest
        {
            Name = context.Arguments[0],
            Perm = new Permission { PermType = type, Key = key, RangeEnd = end }
        };
        AuthRoleGrantPermissionResponse response = await CallAsync(context, (auth, options) =>
            auth.RoleGrantPermissionAsync(request, options)).ConfigureAwait(false);
        Print(context, response, response.Header, $"Role {context.Arguments[0]} updated");
        return ExitCodes.Success;
    }

    private static async Task<int> RevokeAsync(CtlContext context)
    {
        if (context.Arguments.Count < 2)
        {
            throw CommandException.BadArguments(
                "role revoke-permission command requires role name and key [endkey] as its argument");
        }

        (ByteString key, ByteString end) = RangeOf(context, 1);
        string role = context.Arguments[0], typed = context.Arguments[1];
        var request = new AuthRoleRevokePermissionRequest { Role = role, Key = key, RangeEnd = end };
        AuthRoleRevokePermissionResponse response = await CallAsync(context, (auth, options) =>
            auth.RoleRevokePermissionAsync(request, options)).ConfigureAwait(false);
        Print(context, response, response.Header, end.IsEmpty ? $"Permission of key {typed} is revoked from role {role}"
            : end.Span is [0] ? $"Permission of range [{typed}, <open ended> is revoked from role {role}"
            : $"Permission of range [{typed}, {end.ToStringUtf8()}) is revoked from role {role}");
        return ExitCodes.Success;
    }

    private static (ByteString Key, ByteString End) RangeOf(CtlContext context, int place)
    {
        bool prefix = context.Flags.Boolean("prefix"), fromKey = context.Flags.Boolean("from-key");
        if (prefix && fromKey)
        {
            throw CommandException.BadArguments("--from-key and --prefix flags are mutually exclusive");
        }

        string? end = context.Arguments.Count > place + 1 ? context.Arguments[place + 1] : null;
        if (end is not null && (prefix || fromKey))
        {
            throw CommandException.BadArguments($"unexpected endkey argument with {(prefix ? "--prefix" : "--from-key")} flag");
        }

        ByteString key = ByteString.CopyFrom(context.Arguments[place], Encoding.UTF8);
        ByteString rangeEnd = fromKey || (prefix && key.IsEmpty) ? ByteString.CopyFrom(0) : prefix
            ? KeyCommands.EndOfPrefix(key.Span)
            : end is null ? ByteString.Empty : ByteString.CopyFromUtf8(end);
        return (key.IsEmpty ? ByteString.CopyFrom(0) : key, rangeEnd);
    }

    private static string NewPassword(CtlContext context, string name)
    {
        if (!context.Flags.Boolean("interactive"))
        {
            return (Console.In.ReadLine() ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault("");
        }

        string password = Passwords.Ask($"Password of {name}: ");
        if (password.Length == 0)
        {
            throw CommandException.BadArguments("empty password");
        }

        return Passwords.Ask($"Type password of {name} again for confirmation: ") == password
            ? password
            : throw CommandException.BadArguments("given passwords are different");
    }

    private static async Task<int> UserAsync(CtlContext context, string missing, int count, Func<IReadOnlyList<string>, Task> run)
    {
        if (context.Arguments.Count != count)
        {
            throw CommandException.BadArguments(missing);
        }

        await run(context.Arguments).ConfigureAwait(false);
        return ExitCodes.Success;
    }

    private static void RequireNone(CtlContext context, string text)
    {
        if (context.Arguments.Count > 0)
        {
            throw CommandException.BadArguments(text);
        }
    }

    private static Task<T> CallAsync<T>(CtlContext context, Func<Auth.AuthClient, Grpc.Core.CallOptions,
        Grpc.Core.AsyncUnaryCall<T>> call) =>
        context.CallAsync((calls, options) => call(new Auth.AuthClient(calls), options));

    private static void Print(CtlContext context, IMessage message, ResponseHeader header, string line) =>
        context.Printer.Print(message, () => context.Printer.Line(line), json =>
            json.Object(() => json.Header("header", header)), () => context.Printer.HeaderFields(header));
}
