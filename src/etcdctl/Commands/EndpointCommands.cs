using System.Diagnostics;
using Google.Protobuf;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>endpoint health, status and hashkv, each of every endpoint by itself (spec 07 §8.2).</summary>
internal static class EndpointCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("endpoint health", "", "Checks the healthiness of endpoints specified in `--endpoints` flag",
            "etcdctl endpoint health --cluster", Cluster, HealthAsync),
        new("endpoint status", "", "Prints out the status of endpoints specified in `--endpoints` flag",
            "etcdctl --write-out=table endpoint status", Cluster, StatusAsync),
        new("endpoint hashkv", "", "Prints the KV history hash for each endpoint in --endpoints",
            "etcdctl endpoint hashkv --cluster",
            flags => Cluster(flags.Add("rev", FlagSet.Kind.Integer, "0", "maximum revision to hash (default: latest revision)")),
                HashAsync),
    ];

    public static void Cluster(FlagSet flags) =>
        flags.Add("cluster", FlagSet.Kind.Boolean, "false", "use all endpoints from the cluster member list");

    /// <summary>The endpoints to ask: those given, or the client URLs of all members.</summary>
    public static async Task<IReadOnlyList<string>> EndpointsAsync(CtlContext context)
    {
        if (!context.Flags.Boolean("cluster"))
        {
            return context.Endpoints;
        }

        try
        {
            await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
            IReadOnlyList<MemberInfo> members = await client.ListMembersAsync().ConfigureAwait(false);
            return [.. members.SelectMany(member => member.ClientUrls)];
        }
        catch (EtcdException error)
        {
            throw new CommandException(ExitCodes.Error,
                $"failed to fetch endpoints from etcd cluster member list: {CtlProgram.TextOf(error)}");
        }
    }

    private static async Task<int> HealthAsync(CtlContext context)
    {
        _ = context.Printer;
        IReadOnlyList<string> endpoints = await EndpointsAsync(context).ConfigureAwait(false);
        var results = new List<Health>();
        await foreach (Task<Health> task in Task.WhenEach(endpoints.Select(endpoint => CheckAsync(context, endpoint)))
            .ConfigureAwait(false))
        {
            results.Add(await task.ConfigureAwait(false));
        }

        Printer printer = context.Printer;
        printer.Print(null, () =>
        {
            foreach (Health health in results)
            {
                if (health.Error.Length == 0)
                {
                    printer.Line($"{health.Endpoint} is healthy: successfully committed proposal: took = {health.Took}");
                }
                else
                {
                    Console.Error.WriteLine($"{health.Endpoint} is unhealthy: failed to commit proposal: {health.Error}");
                }
            }
        },
        json => json.Array(results, health => json.Object(() =>
        {
            json.Name("endpoint").Text(health.Endpoint);
            json.Name("health").Raw(health.Error.Length == 0 ? "true" : "false");
            json.Name("took").Text(health.Took);
            json.OptionalText("error", health.Error);
        })),
        () =>
        {
            foreach (Health health in results)
            {
                printer.QuotedField("Endpoint", health.Endpoint);
                printer.Field("Health", health.Error.Length == 0 ? "true" : "false");
                printer.Field("Took", health.Took);
                printer.Field("Error", health.Error);
                printer.Line("");
            }
        },
        () =>
        {
            var table = new Table("endpoint", "health", "took", "error");
            foreach (Health health in results)
            {
                table.Add(health.Endpoint, health.Error.Length == 0 ? "true" : "false", health.Took, health.Error);
            }

            return table;
        });
        return results.All(health => health.Error.Length == 0) ? ExitCodes.Success
            : throw new CommandException(ExitCodes.Error, "unhealthy cluster");
    }

    private static async Task<Health> CheckAsync(CtlContext context, string endpoint)
    {
        string took = "";
        try
        {
            await using EtcdClient client = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
            var watch = Stopwatch.StartNew();
            string error = "";
            try
            {
                var request = new RangeRequest { Key = ByteString.CopyFromUtf8("health") };
                await client.CallAsync((calls, options) => new KV.KVClient(calls).RangeAsync(request, options), isRead: true)
                    .ConfigureAwait(false);
            }
            catch (EtcdException failure) when (failure.Message != "etcdserver: permission denied")
            {
                error = CtlProgram.TextOf(failure);
            }
            catch (EtcdException)
            {
                // Refused by a healthy server.
            }

            took = GoText.Duration(watch.Elapsed);
            if (error.Length == 0)
            {
                error = await AlarmsAsync(client).ConfigureAwait(false);
            }

            return new Health(endpoint, took, error);
        }
        catch (CommandException error)
        {
            return new Health(endpoint, took, error.Message);
        }
    }

    private static async Task<string> AlarmsAsync(EtcdClient client)
    {
        try
        {
            AlarmResponse alarms = await client.CallAsync((calls, options) =>
                new Maintenance.MaintenanceClient(calls).AlarmAsync(new AlarmRequest(), options), isRead: true)
                .ConfigureAwait(false);
            return alarms.Alarms.Count == 0
                ? ""
                : "Active Alarm(s): "
                    + string.Concat(alarms.Alarms.Select(alarm => alarm.Alarm.ToString().ToUpperInvariant() + " "));
        }
        catch (EtcdException)
        {
            return "Unable to fetch the alarm list";
        }
    }

    private static async Task<int> StatusAsync(CtlContext context)
    {
        var results = new List<(string Endpoint, StatusResponse Status)>();
        bool failed = false;
        foreach (string endpoint in await EndpointsAsync(context).ConfigureAwait(false))
        {
            try
            {
                await using EtcdClient client = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
                results.Add((endpoint, await client
                    .CallAsync((calls, options) => new Maintenance.MaintenanceClient(calls)
                        .StatusAsync(new StatusRequest(), options), isRead: true).ConfigureAwait(false)));
            }
            catch (EtcdException error)
            {
                await Console.Error.WriteLineAsync(
                    $"Failed to get the status of endpoint {endpoint} ({CtlProgram.TextOf(error)})").ConfigureAwait(false);
                failed = true;
            }
        }

        Printer printer = context.Printer;
        printer.Print(null, () =>
        {
            foreach ((string endpoint, StatusResponse status) in results)
            {
                printer.Line(string.Join(", ", Cells(endpoint, status)));
            }
        },
        json =>
        {
            if (results.Count == 0)
            {
                json.Raw("null");
                return;
            }

            json.Array(results, result => json.Object(() =>
            {
                json.Name("Endpoint").Text(result.Endpoint);
                json.Name("Status").Object(() => Json(json, result.Status));
            }));
        },
        () =>
        {
            foreach ((string endpoint, StatusResponse status) in results)
            {
                Fields(printer, endpoint, status);
            }
        },
        () =>
        {
            var table = new Table("endpoint", "ID", "version", "storage version", "db size", "in use", "percentage not in use",
                "quota", "is leader",
                "is learner", "raft term", "raft index", "raft applied index", "errors", "downgrade target version",
                    "downgrade enabled");
            foreach ((string endpoint, StatusResponse status) in results)
            {
                table.Add(Cells(endpoint, status));
            }

            return table;
        });
        return failed ? ExitCodes.Error : ExitCodes.Success;
    }

    private static string[] Cells(string endpoint, StatusResponse status) =>
    [
        endpoint, status.Header.MemberId.ToString("x"), status.Version, status.StorageVersion, GoText.Size(status.DbSize),
            GoText.Size(status.DbSizeInUse),
        $"{(status.DbSize == 0 ? 0 : 100 - (status.DbSizeInUse * 100 / status.DbSize))}%", GoText.Size(status.DbSizeQuota),
        Truth(status.Leader == status.Header.MemberId), Truth(status.IsLearner), $"{status.RaftTerm}", $"{status.RaftIndex}",
        $"{status.RaftAppliedIndex}", string.Join(", ", status.Errors), status.DowngradeInfo?.TargetVersion ?? "",
            Truth(status.DowngradeInfo?.Enabled == true),
    ];

    private static void Json(JsonWriter json, StatusResponse status)
    {
        json.Header("header", status.Header);
        json.OptionalText("version", status.Version);
        json.Number("dbSize", status.DbSize);
        json.Number("leader", status.Leader);
        json.Number("raftIndex", status.RaftIndex);
        json.Number("raftTerm", status.RaftTerm);
        json.Number("raftAppliedIndex", status.RaftAppliedIndex);
        json.Texts("errors", status.Errors);
        json.Number("dbSizeInUse", status.DbSizeInUse);
        json.Truth("isLearner", status.IsLearner);
        json.OptionalText("storageVersion", status.StorageVersion);
        json.Number("dbSizeQuota", status.DbSizeQuota);
        if (status.DowngradeInfo is { } downgrade)
        {
            json.Name("downgradeInfo").Object(() =>
            {
                json.Truth("enabled", downgrade.Enabled);
                json.OptionalText("targetVersion", downgrade.TargetVersion);
            });
        }
    }

    private static void Fields(Printer printer, string endpoint, StatusResponse status)
    {
        printer.HeaderFields(status.Header);
        printer.QuotedField("Version", status.Version);
        printer.QuotedField("StorageVersion", status.StorageVersion);
        printer.Field("DBSize", status.DbSize);
        printer.Field("DBSizeInUse", status.DbSizeInUse);
        printer.Field("DBSizeQuota", status.DbSizeQuota);
        printer.Field("Leader", status.Leader);
        printer.Field("IsLearner", Truth(status.IsLearner));
        printer.Field("RaftIndex", status.RaftIndex);
        printer.Field("RaftTerm", status.RaftTerm);
        printer.Field("RaftAppliedIndex", status.RaftAppliedIndex);
        printer.Field("Errors", $"[{string.Join(' ', status.Errors)}]");
        printer.QuotedField("Endpoint", endpoint);
        printer.QuotedField("DowngradeTargetVersion", status.DowngradeInfo?.TargetVersion ?? "");
        printer.Field("DowngradeEnabled", Truth(status.DowngradeInfo?.Enabled == true));
        printer.Line("");
    }

    private static async Task<int> HashAsync(CtlContext context)
    {
        var results = new List<(string Endpoint, HashKVResponse Hash)>();
        string? failure = null;
        foreach (string endpoint in await EndpointsAsync(context).ConfigureAwait(false))
        {
            try
            {
                var request = new HashKVRequest { Revision = context.Flags.Integer("rev") };
                await using EtcdClient client = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
                results.Add((endpoint, await client
                    .CallAsync((calls, options) => new Maintenance.MaintenanceClient(calls).HashKVAsync(request, options),
                        isRead: true).ConfigureAwait(false)));
            }
            catch (EtcdException error)
            {
                failure = CtlProgram.TextOf(error);
                await Console.Error.WriteLineAsync($"Failed to get the hash of endpoint {endpoint} ({failure})")
                    .ConfigureAwait(false);
            }
        }

        Printer printer = context.Printer;
        printer.Print(null, () =>
        {
            foreach ((string endpoint, HashKVResponse hash) in results)
            {
                printer.Line($"{endpoint}, {hash.Hash}, {hash.HashRevision}");
            }
        },
        json =>
        {
            if (results.Count == 0)
            {
                json.Raw("null");
                return;
            }

            json.Array(results, result => json.Object(() =>
            {
                json.Name("Endpoint").Text(result.Endpoint);
                json.Name("HashKV").Object(() =>
                {
                    json.Header("header", result.Hash.Header);
                    json.Number("hash", (ulong)result.Hash.Hash);
                    json.Number("compact_revision", result.Hash.CompactRevision);
                    json.Number("hash_revision", result.Hash.HashRevision);
                });
            }));
        },
        () =>
        {
            foreach ((string endpoint, HashKVResponse hash) in results)
            {
                printer.HeaderFields(hash.Header);
                printer.QuotedField("Endpoint", endpoint);
                printer.Field("Hash", hash.Hash);
                printer.Field("HashRevision", hash.HashRevision);
                printer.Line("");
            }
        },
        () =>
        {
            var table = new Table("endpoint", "hash", "hash_revision");
            foreach ((string endpoint, HashKVResponse hash) in results)
            {
                table.Add(endpoint, $"{hash.Hash}", $"{hash.HashRevision}");
            }

            return table;
        });
        return failure is null ? ExitCodes.Success : throw new CommandException(ExitCodes.Error, failure);
    }

    private static string Truth(bool value) => value ? "true" : "false";

    private sealed record Health(string Endpoint, string Took, string Error);
}
