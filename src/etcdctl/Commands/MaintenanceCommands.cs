using System.Diagnostics;
using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>alarm, defrag, snapshot save, move-leader and downgrade (spec 07 §8.3 to §8.7).</summary>
internal static class MaintenanceCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("alarm list", "", "Lists all alarms", "etcdctl alarm list", _ => { }, context =>
            AlarmAsync(context, "list", new AlarmRequest())),
        new("alarm disarm", "", "Disarms all alarms", "etcdctl alarm disarm", _ => { }, DisarmAsync),
        new("defrag", "[--cluster]", "Defragments the storage of the etcd members with given endpoints",
            "etcdctl defrag --cluster", EndpointCommands.Cluster, DefragAsync),
        new("snapshot save", "<filename>", "Stores an etcd node backend snapshot to a given file",
            "etcdctl snapshot save backup.db", _ => { }, SnapshotAsync),
        new("move-leader", "<transferee-member-id>", "Transfers leadership to another etcd cluster member",
            "etcdctl move-leader c89feb932daef420", _ => { }, MoveLeaderAsync),
        new("downgrade validate", "<TARGET_VERSION>", "Validate downgrade capability before starting downgrade",
            "etcdctl downgrade validate 3.6", _ => { },
            context => DowngradeAsync(context, DowngradeRequest.Types.DowngradeAction.Validate)),
        new("downgrade enable", "<TARGET_VERSION>", "Start a downgrade action to cluster", "etcdctl downgrade enable 3.6", _ =>
            { },
            context => DowngradeAsync(context, DowngradeRequest.Types.DowngradeAction.Enable)),
        new("downgrade cancel", "", "Cancel the ongoing downgrade action to cluster", "etcdctl downgrade cancel", _ => { },
            context => DowngradeAsync(context, DowngradeRequest.Types.DowngradeAction.Cancel)),
    ];

    private static async Task<int> AlarmAsync(CtlContext context, string word, AlarmRequest request)
    {
        if (context.Arguments.Count > 0)
        {
            throw CommandException.BadArguments($"alarm {word} command accepts no arguments");
        }

        AlarmResponse response = await context.CallAsync((calls, options) =>
            new Maintenance.MaintenanceClient(calls).AlarmAsync(request, options)).ConfigureAwait(false);
        Print(context.Printer, response);
        return ExitCodes.Success;
    }

    private static async Task<int> DisarmAsync(CtlContext context)
    {
        if (context.Arguments.Count > 0)
        {
            throw CommandException.BadArguments("alarm disarm command accepts no arguments");
        }

        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        AlarmResponse all = await client.CallAsync((calls, options) =>
            new Maintenance.MaintenanceClient(calls).AlarmAsync(new AlarmRequest(), options), isRead: true)
            .ConfigureAwait(false);
        var cleared = new AlarmResponse { Header = all.Header };
        foreach (AlarmMember alarm in all.Alarms)
        {
            var request = new AlarmRequest
            {
                Action = AlarmRequest.Types.AlarmAction.Deactivate,
                MemberID = alarm.MemberID,
                Alarm = alarm.Alarm
            };
            AlarmResponse response = await client.CallAsync((calls, options) =>
                new Maintenance.MaintenanceClient(calls).AlarmAsync(request, options), isRead: false)
                .ConfigureAwait(false);
            cleared.Header = response.Header;
            cleared.Alarms.AddRange(response.Alarms);
        }

        Print(context.Printer, cleared);
        return ExitCodes.Success;
    }

    private static void Print(Printer printer, AlarmResponse response) => printer.Print(response, () =>
    {
        foreach (AlarmMember alarm in response.Alarms)
        {
            printer.Line($"memberID:{alarm.MemberID} alarm:{alarm.Alarm.ToString().ToUpperInvariant()} ");
        }
    },
    json => json.Object(() =>
    {
        json.Header("header", response.Header);
        if (response.Alarms.Count > 0)
        {
            json.Name("alarms").Array(response.Alarms, alarm => json.Object(() =>
            {
                json.Number("memberID", alarm.MemberID);
                json.Number("alarm", (long)alarm.Alarm);
            }));
        }
    }),
    () =>
    {
        printer.HeaderFields(response.Header);
        foreach (AlarmMember alarm in response.Alarms)
        {
            printer.IdField("MemberID", alarm.MemberID);
            printer.Field("AlarmType", alarm.Alarm.ToString().ToUpperInvariant());
            printer.Line("");
        }
    });

    private static async Task<int> DefragAsync(CtlContext context)
    {
        bool failed = false;
        foreach (string endpoint in await EndpointCommands.EndpointsAsync(context).ConfigureAwait(false))
        {
            var watch = Stopwatch.StartNew();
            try
            {
                await using EtcdClient client = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
                await client.CallAsync((calls, options) => new Maintenance.MaintenanceClient(calls)
                    .DefragmentAsync(new DefragmentRequest(), options), isRead: false)
                    .ConfigureAwait(false);
                context.Printer.Line($"Finished defragmenting etcd member[{endpoint}]. took {GoText.Duration(watch.Elapsed)}");
            }
            catch (EtcdException error)
            {
                failed = true;
                await Console.Error.WriteLineAsync(
                    $"Failed to defragment etcd member[{endpoint}]. took {GoText.Duration(watch.Elapsed)}. ({CtlProgram.TextOf(error)})").ConfigureAwait(false);
            }
        }

        return failed ? ExitCodes.Error : ExitCodes.Success;
    }

    private static async Task<int> SnapshotAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("snapshot save expects one argument <filename>");
        }

        if (context.Endpoints.Count != 1)
        {
            throw new CommandException(ExitCodes.Interrupted,
                $"snapshot must be requested to one selected node, not multiple [{string.Join(' ', context.Endpoints)}]");
        }

        string path = context.Arguments[0], part = path + ".part";
        try
        {
            string version = await DownloadAsync(context, part).ConfigureAwait(false);
            File.Move(part, path, overwrite: true);
            context.Printer.Line($"Snapshot saved at {path}");
            if (version.Length > 0)
            {
                context.Printer.Line($"Server version {version}");
            }

            return ExitCodes.Success;
        }
        catch (Exception error) when (error is EtcdException or RpcException)
        {
            File.Delete(part);
            throw new CommandException(ExitCodes.Interrupted, CtlProgram.TextOf(error));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCodes.Interrupted,
                $"could not open {part} (open {part}: {(error is DirectoryNotFoundException ? "no such file or directory" : error.Message)})");
        }
    }

    private static async Task<string> DownloadAsync(CtlContext context, string part)
    {
        const int HashSize = 32, Sector = 512;
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using var file = new FileStream(part, options);
        using AsyncServerStreamingCall<SnapshotResponse> stream = await client
            .OpenAsync((calls, callOptions) => new Maintenance.MaintenanceClient(calls)
                .Snapshot(new SnapshotRequest(), callOptions), CancellationToken.None)
            .ConfigureAwait(false);
        string version = "";
        while (await stream.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            version = stream.ResponseStream.Current.Version;
            await file.WriteAsync(stream.ResponseStream.Current.Blob.Memory).ConfigureAwait(false);
        }

        if (file.Length % Sector != HashSize)
        {
            throw new CommandException(ExitCodes.Interrupted, $"sha256 checksum not found [bytes: {file.Length}]");
        }

        file.Flush(flushToDisk: true);
        return version;
    }

    private static async Task<int> MoveLeaderAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("move-leader command needs 1 argument");
        }

        if (!GoText.TryHexUInt64(context.Arguments[0], out ulong target, out string fault))
        {
            throw CommandException.BadArguments(fault);
        }

        foreach (string endpoint in context.Endpoints)
        {
            await using EtcdClient client = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
            StatusResponse status = await client
                .CallAsync((calls, options) => new Maintenance.MaintenanceClient(calls)
                    .StatusAsync(new StatusRequest(), options), isRead: true).ConfigureAwait(false);
            if (status.Leader == status.Header.MemberId)
            {
                MoveLeaderResponse response = await client
                    .CallAsync((calls, options) => new Maintenance.MaintenanceClient(calls)
                        .MoveLeaderAsync(new MoveLeaderRequest { TargetID = target }, options), isRead: false)
                    .ConfigureAwait(false);
                context.Printer.Print(response, () =>
                    context.Printer.Line($"Leadership transferred from {status.Header.MemberId:x} to {target:x}"),
                    json => json.Object(() => json.Header("header", response.Header)));
                return ExitCodes.Success;
            }
        }

        throw CommandException.BadArguments($"no leader endpoint given at [{string.Join(' ', context.Endpoints)}]");
    }

    private static async Task<int> DowngradeAsync(CtlContext context, DowngradeRequest.Types.DowngradeAction action)
    {
        bool isCancel = action == DowngradeRequest.Types.DowngradeAction.Cancel;
        if (!isCancel && context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments(context.Arguments.Count == 0 ? "TARGET_VERSION not provided"
                : "too many arguments");
        }

        if (!isCancel && context.Arguments[0].Length == 0)
        {
            throw CommandException.BadArguments("target version not provided");
        }

        var request = new DowngradeRequest { Action = action, Version = isCancel ? "" : context.Arguments[0] };
        DowngradeResponse response = await context.CallAsync((calls, options) =>
            new Maintenance.MaintenanceClient(calls).DowngradeAsync(request, options)).ConfigureAwait(false);
        string word = action.ToString().ToLowerInvariant();
        context.Printer.Print(response, () =>
            context.Printer.Line($"Downgrade {word} success, cluster version {response.Version}"), json => json.Object(() =>
        {
            json.Header("header", response.Header);
            json.OptionalText("version", response.Version);
        }));
        return ExitCodes.Success;
    }
}
