using Google.Protobuf;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>get, put, del and compaction (spec 07 §7.1 to §7.3, §7.5).</summary>
internal static class KeyCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("get", "[options] <key> [range_end]", "Gets the key or a range of keys", "etcdctl get --prefix dir/", GetFlags,
            GetAsync),
        new("put", "[options] <key> <value>", "Puts the given key into the store", "etcdctl put greeting hello", PutFlags,
            PutAsync),
        new("del", "[options] <key> [range_end]", "Removes the specified key or range of keys [key, range_end)",
            "etcdctl del --prefix dir/", DeleteFlags, DeleteAsync),
        new("compaction", "[options] <revision>", "Compacts the event history in etcd", "etcdctl compaction 100",
            flags => flags.Add("physical", FlagSet.Kind.Boolean, "false",
                "wait until the compacted rows are physically removed"), CompactAsync),
    ];

    public static void GetFlags(FlagSet flags) => flags
        .Add("consistency", FlagSet.Kind.Text, "l", "Linearizable(l) or Serializable(s)")
        .Add("order", FlagSet.Kind.Text, "", "Order of results; ASCEND or DESCEND")
        .Add("sort-by", FlagSet.Kind.Text, "", "Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION")
        .Add("limit", FlagSet.Kind.Integer, "0", "Maximum number of results")
        .Add("prefix", FlagSet.Kind.Boolean, "false", "Get keys with matching prefix")
        .Add("from-key", FlagSet.Kind.Boolean, "false", "Get keys that are greater than or equal to the given key")
        .Add("rev", FlagSet.Kind.Integer, "0", "Specify the kv revision")
        .Add("keys-only", FlagSet.Kind.Boolean, "false", "Get only the keys")
        .Add("count-only", FlagSet.Kind.Boolean, "false", "Get only the count")
        .Add("print-value-only", FlagSet.Kind.Boolean, "false", "Only write values when using the simple output format")
        .Add("min-create-rev", FlagSet.Kind.Integer, "0", "Minimum create revision")
        .Add("max-create-rev", FlagSet.Kind.Integer, "0", "Maximum create revision")
        .Add("min-mod-rev", FlagSet.Kind.Integer, "0", "Minimum modification revision")
        .Add("max-mod-rev", FlagSet.Kind.Integer, "0", "Maximum modification revision")
        .Add("stream", FlagSet.Kind.Boolean, "false", "Fetch the result as a stream");

    public static void PutFlags(FlagSet flags) => flags
        .Add("lease", FlagSet.Kind.Text, "0", "lease ID (in hexadecimal) to attach to the key")
        .Add("prev-kv", FlagSet.Kind.Boolean, "false", "return the previous key-value pair before modification")
        .Add("ignore-value", FlagSet.Kind.Boolean, "false", "updates the key using its current value")
        .Add("ignore-lease", FlagSet.Kind.Boolean, "false", "updates the key using its current lease");

    public static void DeleteFlags(FlagSet flags) => flags
        .Add("prefix", FlagSet.Kind.Boolean, "false", "delete keys with matching prefix")
        .Add("from-key", FlagSet.Kind.Boolean, "false",
            "delete keys that are greater than or equal to the given key using byte compare")
        .Add("range", FlagSet.Kind.Boolean, "false", "delete range of keys without a delay")
        .Add("prev-kv", FlagSet.Kind.Boolean, "false", "return deleted key-value pairs");

    public static RangeRequest GetRequest(FlagSet flags, IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 0)
        {
            throw CommandException.BadArguments("get command needs one argument as key and an optional argument as range_end");
        }

        bool prefix = flags.Boolean("prefix"), fromKey = flags.Boolean("from-key");
        RequireOneOf(prefix, fromKey);
        if (flags.Boolean("keys-only") && flags.Boolean("count-only"))
        {
            throw CommandException.BadArguments("`--keys-only` and `--count-only` cannot be set at the same time, choose one");
        }

        var request = new RangeRequest
        {
            Serializable = flags.Text("consistency") switch
            {
                "l" => false,
                "s" => true,
                var other => throw new CommandException(ExitCodes.BadFeature, $"unknown consistency flag {GoText.Quote(other)}"),
            },
            KeysOnly = flags.Boolean("keys-only"),
            CountOnly = flags.Boolean("count-only"),
            Limit = flags.Integer("limit"),
            Revision = Math.Max(flags.Integer("rev"), 0),
        };
        SetRange(arguments, prefix, fromKey, out ByteString key, out ByteString end);
        request.Key = key;
        request.RangeEnd = end;
        request.SortOrder = flags.Text("order").ToUpperInvariant() switch
        {
            "" => RangeRequest.Types.SortOrder.None,
            "ASCEND" => RangeRequest.Types.SortOrder.Ascend,
            "DESCEND" => RangeRequest.Types.SortOrder.Descend,
            _ => throw new CommandException(ExitCodes.BadFeature, $"bad sort order {flags.Text("order")}"),
        };
        request.SortTarget = flags.Text("sort-by").ToUpperInvariant() switch
        {
            "" or "KEY" => RangeRequest.Types.SortTarget.Key,
            "CREATE" => RangeRequest.Types.SortTarget.Create,
            "MODIFY" => RangeRequest.Types.SortTarget.Mod,
            "VALUE" => RangeRequest.Types.SortTarget.Value,
            "VERSION" => RangeRequest.Types.SortTarget.Version,
            _ => throw new CommandException(ExitCodes.BadFeature, $"bad sort target {flags.Text("sort-by")}"),
        };
        if (request.SortTarget == RangeRequest.Types.SortTarget.Key && request.SortOrder == RangeRequest.Types.SortOrder.Ascend)
        {
            request.SortOrder = RangeRequest.Types.SortOrder.None;
        }

        request.MinCreateRevision = Math.Max(flags.Integer("min-create-rev"), 0);
        request.MaxCreateRevision = Math.Max(flags.Integer("max-create-rev"), 0);
        request.MinModRevision = Math.Max(flags.Integer("min-mod-rev"), 0);
        request.MaxModRevision = Math.Max(flags.Integer("max-mod-rev"), 0);
        CheckOrder("CreateRev", request.MinCreateRevision, request.MaxCreateRevision);
        CheckOrder("ModRev", request.MinModRevision, request.MaxModRevision);
        return request;
    }

    public static PutRequest PutRequest(FlagSet flags, IReadOnlyList<string> arguments, Func<byte[]> input)
    {
        bool ignoresValue = flags.Boolean("ignore-value");
        if (arguments.Count == 0)
        {
            throw CommandException.BadArguments("put command needs 1 argument and input from stdin or 2 arguments");
        }

        if (ignoresValue && arguments.Count > 1)
        {
            throw CommandException.BadArguments("put command needs only 1 argument when 'ignore-value' is set");
        }

        if (!GoText.TryHexInt64(flags.Text("lease"), out long lease, out string fault))
        {
            throw CommandException.BadArguments($"bad lease ID ({fault}), expecting ID in Hex");
        }

        ByteString value = ByteString.Empty;
        if (arguments.Count > 1)
        {
            value = ByteString.CopyFrom(GoText.ToBytes(arguments[1]));
        }
        else if (!ignoresValue)
        {
            byte[] given = input();
            value = given.Length > 0
                ? ByteString.CopyFrom(given)
                : throw CommandException.BadArguments("put command needs 1 argument and input from stdin or 2 arguments");
        }

        return new PutRequest
        {
            Key = ByteString.CopyFrom(GoText.ToBytes(arguments[0])),
            Value = value,
            Lease = lease,
            PrevKv = flags.Boolean("prev-kv"),
            IgnoreValue = ignoresValue,
            IgnoreLease = flags.Boolean("ignore-lease"),
        };
    }

    public static DeleteRangeRequest DeleteRequest(FlagSet flags, IReadOnlyList<string> arguments)
    {
        if (arguments.Count is 0 or > 2)
        {
            throw CommandException.BadArguments("del command needs one argument as key and an optional argument as range_end");
        }

        bool prefix = flags.Boolean("prefix"), fromKey = flags.Boolean("from-key");
        RequireOneOf(prefix, fromKey);
        SetRange(arguments, prefix, fromKey, out ByteString key, out ByteString end);
        if (arguments.Count == 2 && !flags.Boolean("range"))
        {
            Console.Error.WriteLine(
                $"Warning: Keys between {GoText.Quote(arguments[0])} and {GoText.Quote(arguments[1])} will be deleted. Please interrupt the command "
                + "within next 2 seconds to cancel. You can provide `--range` flag to avoid the delay.");
            Thread.Sleep(TimeSpan.FromSeconds(2));
        }

        return new DeleteRangeRequest { Key = key, RangeEnd = end, PrevKv = flags.Boolean("prev-kv") };
    }

    public static void PrintSimple(Printer printer, RangeResponse response, bool valueOnly = false)
    {
        foreach (Protocol.KeyValues.KeyValue pair in response.Kvs)
        {
            printer.Pair(pair, valueOnly);
        }
    }

    public static void PrintSimple(Printer printer, PutResponse response)
    {
        printer.Line("OK");
        if (response.PrevKv is { } previous)
        {
            printer.Pair(previous);
        }
    }

    public static void PrintSimple(Printer printer, DeleteRangeResponse response)
    {
        printer.Line(response.Deleted.ToString(System.Globalization.CultureInfo.InvariantCulture));
        foreach (Protocol.KeyValues.KeyValue pair in response.PrevKvs)
        {
            printer.Pair(pair);
        }
    }

    public static void PrintFields(Printer printer, RangeResponse response)
    {
        printer.HeaderFields(response.Header);
        foreach (Protocol.KeyValues.KeyValue pair in response.Kvs)
        {
            printer.PairFields("", pair);
        }

        printer.Field("More", response.More ? "true" : "false");
        printer.Field("Count", response.Count);
    }

    public static void PrintFields(Printer printer, PutResponse response)
    {
        printer.HeaderFields(response.Header);
        if (response.PrevKv is { } previous)
        {
            printer.PairFields("Prev", previous);
        }
    }

    public static void PrintFields(Printer printer, DeleteRangeResponse response)
    {
        printer.HeaderFields(response.Header);
        printer.Field("Deleted", response.Deleted);
        foreach (Protocol.KeyValues.KeyValue pair in response.PrevKvs)
        {
            printer.PairFields("Prev", pair);
        }
    }

    public static byte[] ReadInput()
    {
        using var buffer = new MemoryStream();
        CtlContext.Input.CopyTo(buffer);
        return buffer.ToArray();
    }

    /// <summary>The first key behind all keys with a prefix.</summary>
    public static ByteString EndOfPrefix(ReadOnlySpan<byte> prefix)
    {
        for (int index = prefix.Length - 1; index >= 0; index--)
        {
            if (prefix[index] < 0xff)
            {
                byte[] end = prefix[..(index + 1)].ToArray();
                end[index]++;
                return ByteString.CopyFrom(end);
            }
        }

        return ByteString.CopyFrom(0);
    }

    private static async Task<int> GetAsync(CtlContext context)
    {
        RangeRequest request = GetRequest(context.Flags, context.Arguments);
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        RangeResponse response = context.Flags.Boolean("stream")
            ? await StreamAsync(client, request).ConfigureAwait(false)
            : await client.CallAsync((calls, options) => new KV.KVClient(calls).RangeAsync(request, options), isRead: true)
                .ConfigureAwait(false);
        if (context.Flags.Boolean("count-only") && !context.Printer.IsFields)
        {
            throw CommandException.BadArguments("--count-only is only for `--write-out=fields`");
        }

        bool valueOnly = context.Flags.Boolean("print-value-only");
        if (valueOnly && !context.Printer.IsSimple)
        {
            throw CommandException.BadArguments("print-value-only is only for `--write-out=simple`");
        }

        context.Printer.Print(response, () => PrintSimple(context.Printer, response, valueOnly), json =>
            json.Range(response), () => PrintFields(context.Printer, response));
        return ExitCodes.Success;
    }

    private static async Task<RangeResponse> StreamAsync(EtcdClient client, RangeRequest request)
    {
        using Grpc.Core.AsyncServerStreamingCall<RangeStreamResponse> stream = await client
            .OpenAsync((calls, options) => new KV.KVClient(calls).RangeStream(request, options), CancellationToken.None)
                .ConfigureAwait(false);
        var whole = new RangeResponse();
        while (await stream.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            whole.MergeFrom(stream.ResponseStream.Current.RangeResponse);
        }

        return whole;
    }

    private static async Task<int> PutAsync(CtlContext context)
    {
        PutRequest request = PutRequest(context.Flags, context.Arguments, ReadInput);
        PutResponse response = await context.CallAsync((calls, options) => new KV.KVClient(calls).PutAsync(request, options))
            .ConfigureAwait(false);
        context.Printer.Print(response, () => PrintSimple(context.Printer, response), json => json.Put(response), () =>
            PrintFields(context.Printer, response));
        return ExitCodes.Success;
    }

    private static async Task<int> DeleteAsync(CtlContext context)
    {
        DeleteRangeRequest request = DeleteRequest(context.Flags, context.Arguments);
        DeleteRangeResponse response = await context.CallAsync((calls, options) =>
            new KV.KVClient(calls).DeleteRangeAsync(request, options)).ConfigureAwait(false);
        context.Printer.Print(response, () => PrintSimple(context.Printer, response), json => json.Delete(response), () =>
            PrintFields(context.Printer, response));
        return ExitCodes.Success;
    }

    private static async Task<int> CompactAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("compaction command needs 1 argument");
        }

        if (!GoText.TryInt64(context.Arguments[0], out long revision, out string fault))
        {
            throw new CommandException(ExitCodes.Error, fault);
        }

        var request = new CompactionRequest { Revision = revision, Physical = context.Flags.Boolean("physical") };
        await context.CallAsync((calls, options) => new KV.KVClient(calls).CompactAsync(request, options)).ConfigureAwait(false);
        context.Printer.Line($"compacted revision {revision}");
        return ExitCodes.Success;
    }

    private static void RequireOneOf(bool prefix, bool fromKey)
    {
        if (prefix && fromKey)
        {
            throw CommandException.BadArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
        }
    }

    private static void SetRange(IReadOnlyList<string> arguments, bool prefix, bool fromKey, out ByteString key,
        out ByteString end)
    {
        key = ByteString.CopyFrom(GoText.ToBytes(arguments[0]));
        end = ByteString.Empty;
        if (arguments.Count > 1)
        {
            end = !prefix && !fromKey
                ? ByteString.CopyFrom(GoText.ToBytes(arguments[1]))
                : throw CommandException.BadArguments(
                    "too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
        }

        if (prefix || fromKey)
        {
            end = fromKey || key.IsEmpty ? ByteString.CopyFrom(0) : EndOfPrefix(key.Span);
            key = key.IsEmpty ? ByteString.CopyFrom(0) : key;
        }
    }

    private static void CheckOrder(string name, long lowest, long highest)
    {
        if (highest > 0 && lowest > highest)
        {
            throw new CommandException(ExitCodes.BadFeature, $"getMin{name}(={lowest}) > getMax{name}(={highest})");
        }
    }
}
