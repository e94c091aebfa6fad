using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>lease grant, revoke, timetolive, list and keep-alive (spec 07 §7.7).</summary>
internal static class LeaseCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("lease grant", "<ttl>", "Creates leases", "etcdctl lease grant 60", _ => { }, GrantAsync),
        new("lease revoke", "<leaseID>", "Revokes leases", "etcdctl lease revoke 32695410dcc0ca06", _ => { }, RevokeAsync),
        new("lease timetolive", "<leaseID> [options]", "Get lease information",
            "etcdctl lease timetolive 32695410dcc0ca06 --keys",
            flags => flags.Add("keys", FlagSet.Kind.Boolean, "false", "Get keys attached to this lease"), TimeToLiveAsync),
        new("lease list", "", "List all active leases", "etcdctl lease list", _ => { }, ListAsync),
        new("lease keep-alive", "[options] <leaseID>", "Keeps leases alive (renew)", "etcdctl lease keep-alive 32695410dcc0ca06",
            flags => flags.Add("once", FlagSet.Kind.Boolean, "false",
                "Resets the keep-alive time to its original value and exits immediately"), KeepAliveAsync),
    ];

    private static async Task<int> GrantAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("lease grant command needs TTL argument");
        }

        if (!GoText.TryInt64(context.Arguments[0], out long ttl, out string fault))
        {
            throw CommandException.BadArguments($"bad TTL ({fault})");
        }

        LeaseGrantResponse response;
        try
        {
            response = await context.CallAsync((calls, options) =>
                new Lease.LeaseClient(calls).LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl }, options))
                .ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw new CommandException(ExitCodes.Error, $"failed to grant lease ({CtlProgram.TextOf(error)})");
        }

        Printer printer = context.Printer;
        printer.Print(response.Header, () => printer.Line($"lease {response.ID:x16} granted with TTL({response.TTL}s)"), json =>
            json.Object(() =>
        {
            json.HeaderFields(response.Header);
            json.Name("ID").Raw($"{response.ID}");
            json.Name("TTL").Raw($"{response.TTL}");
            json.Name("Error").Text(response.Error);
        }),
        () =>
        {
            printer.HeaderFields(response.Header);
            printer.Field("ID", Id(printer, response.ID));
            printer.Field("TTL", response.TTL);
        });
        return ExitCodes.Success;
    }

    private static async Task<int> RevokeAsync(CtlContext context)
    {
        long id = IdOf(context, "lease revoke command needs 1 argument");
        LeaseRevokeResponse response;
        try
        {
            response = await context.CallAsync((calls, options) =>
                new Lease.LeaseClient(calls).LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, options))
                .ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw new CommandException(ExitCodes.Error, $"failed to revoke lease ({CtlProgram.TextOf(error)})");
        }

        Printer printer = context.Printer;
        printer.Print(response, () => printer.Line($"lease {id:x16} revoked"), json =>
            json.Object(() => json.Header("header", response.Header)),
            () => printer.HeaderFields(response.Header));
        return ExitCodes.Success;
    }

    private static async Task<int> TimeToLiveAsync(CtlContext context)
    {
        long id = IdOf(context, "lease timetolive command needs lease ID as argument");
        bool withKeys = context.Flags.Boolean("keys");
        LeaseTimeToLiveResponse response = await CallAsync(context,
            (calls, options) => new Lease.LeaseClient(calls)
                .LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id, Keys = withKeys }, options)).ConfigureAwait(false);
        Printer printer = context.Printer;
        printer.Print(response.Header, () =>
        {
            if (response.GrantedTTL == 0 && response.TTL == -1)
            {
                printer.Line($"lease {id:x16} already expired");
                return;
            }

            printer.Write($"lease {id:x16} granted with TTL({response.GrantedTTL}s), remaining({response.TTL}s)");
            printer.Line(withKeys ? $", attached keys([{string.Join(' ', response.Keys.Select(key => key.ToStringUtf8()))}])"
                : "");
        },
        json => json.Object(() =>
        {
            json.HeaderFields(response.Header);
            json.Name("id").Raw($"{response.ID}");
            json.Name("ttl").Raw($"{response.TTL}");
            json.Name("granted-ttl").Raw($"{response.GrantedTTL}");
            json.Name("keys");
            if (response.Keys.Count == 0)
            {
                json.Raw("null");
            }
            else
            {
                json.Array(response.Keys, key => json.Raw($"\"{key.ToBase64()}\""));
            }
        }),
        () =>
        {
            printer.HeaderFields(response.Header);
            printer.Field("ID", Id(printer, response.ID));
            printer.Field("TTL", response.TTL);
            printer.Field("GrantedTTL", response.GrantedTTL);
            foreach (Google.Protobuf.ByteString key in response.Keys)
            {
                printer.QuotedField("Key", key.Span);
            }
        });
        return ExitCodes.Success;
    }

    private static async Task<int> ListAsync(CtlContext context)
    {
        LeaseLeasesResponse response = await CallAsync(context,
            (calls, options) => new Lease.LeaseClient(calls).LeaseLeasesAsync(new LeaseLeasesRequest(), options))
                .ConfigureAwait(false);
        Printer printer = context.Printer;
        printer.Print(response.Header, () =>
        {
            printer.Line($"found {response.Leases.Count} leases");
            foreach (LeaseStatus lease in response.Leases)
            {
                printer.Line($"{lease.ID:x16}");
            }
        },
        json => json.Object(() =>
        {
            json.HeaderFields(response.Header);
            json.Name("leases").Array(response.Leases, lease => json.Object(() => json.Name("id").Raw($"{lease.ID}")));
        }),
        () =>
        {
            printer.HeaderFields(response.Header);
            foreach (LeaseStatus lease in response.Leases)
            {
                printer.Field("ID", Id(printer, lease.ID));
            }
        });
        return ExitCodes.Success;
    }

    private static async Task<int> KeepAliveAsync(CtlContext context)
    {
        long id = IdOf(context, "lease keep-alive command needs lease ID as argument");
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        Printer printer = context.Printer;
        while (true)
        {
            LeaseKeepAliveResponse response = await RenewAsync(client, id).ConfigureAwait(false);
            bool once = context.Flags.Boolean("once");
            if (response.TTL <= 0)
            {
                if (once)
                {
                    throw new CommandException(ExitCodes.BadConnection, EtcdErrors.LeaseNotFound.Message);
                }

                if (printer.IsSimple)
                {
                    printer.Line($"lease {id:x16} expired or revoked.");
                }

                return ExitCodes.Success;
            }

            printer.Print(response.Header, () => printer.Line($"lease {id:x16} keepalived with TTL({response.TTL})"), json =>
                json.Object(() =>
            {
                json.HeaderFields(response.Header);
                json.Name("ID").Raw($"{response.ID}");
                json.Name("TTL").Raw($"{response.TTL}");
            }),
            () =>
            {
                printer.HeaderFields(response.Header);
                printer.Field("ID", Id(printer, response.ID));
                printer.Field("TTL", response.TTL);
            });
            if (once)
            {
                return ExitCodes.Success;
            }

            await Task.Delay(TimeSpan.FromSeconds(response.TTL / 3.0)).ConfigureAwait(false);
        }
    }

    /// <summary>Renews once. A renewal made twice does no harm, so it goes on to the next member until the lease cannot live any
    /// more.</summary>
    private static async Task<LeaseKeepAliveResponse> RenewAsync(EtcdClient client, long id)
    {
        while (true)
        {
            try
            {
                return await client.RenewLeaseOnceAsync(id).ConfigureAwait(false);
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500)).ConfigureAwait(false);
            }
            catch (EtcdException error)
            {
                throw new CommandException(ExitCodes.BadConnection, CtlProgram.TextOf(error));
            }
        }
    }

    private static async Task<T> CallAsync<T>(CtlContext context, Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call)
    {
        try
        {
            return await context.CallAsync(call, isRead: true).ConfigureAwait(false);
        }
        catch (EtcdException error)
        {
            throw new CommandException(ExitCodes.BadConnection, CtlProgram.TextOf(error));
        }
    }

    private static object Id(Printer printer, long id) => printer.IsHex ? id.ToString("x16") : id;

    private static long IdOf(CtlContext context, string missing)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments(missing);
        }

        return GoText.TryHexInt64(context.Arguments[0], out long id, out string fault)
            ? id
            : throw CommandException.BadArguments($"bad lease ID arg ({fault}), expecting ID in Hex");
    }
}
