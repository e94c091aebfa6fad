using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;
using Metadata = Grpc.Core.Metadata;

namespace Quorate.Etcdctl.Commands;

/// <summary>watch, with a command for each event, and with requests from standard input (spec 07 §7.6).</summary>
internal static class WatchCommand
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("watch", "[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
            "Watches events stream on keys or prefixes",
            "etcdctl watch --prefix dir/ -- sh -c 'env | grep ETCD_WATCH_'", flags =>
            {
                Flags(flags);
                flags.Add("interactive", FlagSet.Kind.Boolean, "false", "Interactive mode", 'i');
            }, RunAsync),
    ];

    private static void Flags(FlagSet flags) => flags
        .Add("prefix", FlagSet.Kind.Boolean, "false", "Watch on a prefix if prefix is set")
        .Add("rev", FlagSet.Kind.Integer, "0", "Revision to start watching")
        .Add("prev-kv", FlagSet.Kind.Boolean, "false", "get the previous key-value pair before the event happens")
        .Add("progress-notify", FlagSet.Kind.Boolean, "false", "get periodic watch progress notification from server");

    private static async Task<int> RunAsync(CtlContext context)
    {
        bool isInteractive = context.Flags.Boolean("interactive");
        (WatchCreateRequest Request, string[] Command)? first = isInteractive
            ? null
            : Parse(context.Flags, context.Arguments, context.Dashes, fault => CommandException.BadArguments(fault));
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        if (first is { } watch)
        {
            // A connection that is lost is made up for at another endpoint.
            await foreach (WatchResponse response in client.WatchAsync(watch.Request).ConfigureAwait(false))
            {
                if (await TakeAsync(context.Printer, response, watch.Command)
                    .ConfigureAwait(false) is var code and not ExitCodes.Success)
                {
                    return code;
                }
            }
        }

        using AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream = await client.OpenAsync(
            (calls, options) => new Watch.WatchClient(calls).Watch(options), CancellationToken.None,
                new Metadata { { "hasleader", "true" } })
            .ConfigureAwait(false);
        var commands = new Dictionary<long, string[]>();
        Task<int> printing = PrintAsync(context, stream, commands);
        Task<int> reading = Task.Run(() => ReadRequestsAsync(stream, commands));
        return await (await Task.WhenAny(printing, reading).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private static async Task<int> ReadRequestsAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream,
        Dictionary<long, string[]> commands)
    {
        long next = 0;
        while (await Console.In.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            List<string> words = TxnCommand.Words(line.Trim());
            switch (words)
            {
                case []:
                    await Console.Error.WriteLineAsync("Invalid command:  (watch and progress supported)").ConfigureAwait(false);
                    continue;
                case ["progress"]:
                    await stream.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() })
                        .ConfigureAwait(false);
                    continue;
                case ["watch"] when Environment.GetEnvironmentVariable("ETCDCTL_WATCH_KEY") is null or "":
                    await Console.Error.WriteLineAsync($"Invalid command {line} (command type or key is not provided)")
                        .ConfigureAwait(false);
                    continue;
                case [not "watch", ..]:
                    await Console.Error.WriteLineAsync($"Invalid command {line} (only support watch)").ConfigureAwait(false);
                    continue;
            }

            var flags = new FlagSet();
            Flags(flags);
            try
            {
                IReadOnlyList<string> arguments = flags.Parse(words.GetRange(1, words.Count - 1), out int dashes);
                (WatchCreateRequest request, string[] command) = Parse(flags, arguments, dashes, fault =>
                    new FormatException(fault));
                lock (commands)
                {
                    commands[next++] = command;
                }

                await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request }).ConfigureAwait(false);
            }
            catch (FormatException error)
            {
                await Console.Error.WriteLineAsync($"Invalid command {line} ({error.Message})").ConfigureAwait(false);
            }
        }

        throw new CommandException(ExitCodes.InvalidInput, "error reading watch request line: EOF");
    }

    private static (WatchCreateRequest Request, string[] Command) Parse(FlagSet flags, IReadOnlyList<string> arguments,
        int dashes, Func<string, Exception> fault)
    {
        string key = Environment.GetEnvironmentVariable("ETCDCTL_WATCH_KEY") ?? "",
            end = Environment.GetEnvironmentVariable("ETCDCTL_WATCH_RANGE_END") ?? "";
        if (key.Length == 0 && end.Length > 0)
        {
            throw fault($"ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END={GoText.Quote(end)}");
        }

        if (dashes >= 0 && dashes == arguments.Count)
        {
            throw fault("bad number of arguments (found separator --, but no commands)");
        }

        string[] before = [.. arguments.Take(dashes < 0 ? arguments.Count : dashes)];
        string[] command = [.. arguments.Skip(before.Length)];
        if (key.Length > 0 && before.Length > 0)
        {
            throw fault("bad number of arguments (found conflicting environment key)");
        }

        if (key.Length == 0)
        {
            if (before.Length == 0)
            {
                throw fault("bad number of arguments");
            }

            key = before[0];
            end = before.Length == 2 ? before[1] : "";
        }

        var request = new WatchCreateRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(end),
            StartRevision = flags.Integer("rev"),
            PrevKv = flags.Boolean("prev-kv"),
            ProgressNotify = flags.Boolean("progress-notify"),
        };
        if (flags.Boolean("prefix"))
        {
            if (end.Length > 0)
            {
                throw fault("`range_end` and `--prefix` are mutually exclusive");
            }

            request.RangeEnd = key.Length == 0 ? ByteString.CopyFrom(0) : KeyCommands.EndOfPrefix(request.Key.Span);
        }

        return (request, command);
    }

    private static async Task<int> PrintAsync(CtlContext context, AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream,
        Dictionary<long, string[]> commands)
    {
        while (await stream.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            WatchResponse response = stream.ResponseStream.Current;
            if (response.Created && !response.Canceled)
            {
                continue;
            }

            string[]? command;
            lock (commands)
            {
                commands.TryGetValue(response.WatchId, out command);
            }

            if (await TakeAsync(context.Printer, response, command ?? [])
                .ConfigureAwait(false) is var code and not ExitCodes.Success)
            {
                return code;
            }
        }

        throw new CommandException(ExitCodes.Interrupted, "watch is canceled by the server");
    }

    /// <summary>Prints an answer and runs the command for each of its events.</summary>
    private static async Task<int> TakeAsync(Printer printer, WatchResponse response, string[] command)
    {
        if (response.Canceled)
        {
            string reason = response.CompactRevision != 0 ? EtcdErrors.Compacted.Message : response.CancelReason;
            await Console.Error.WriteLineAsync($"watch was canceled ({reason})").ConfigureAwait(false);
        }
        else if (response.Events.Count == 0)
        {
            printer.Line($"progress notify: {response.Header.Revision}");
        }

        Print(printer, response);
        if (response.Canceled)
        {
            throw new CommandException(ExitCodes.Interrupted, "watch is canceled by the server");
        }

        foreach (Event change in response.Events)
        {
            if (command.Length > 0 && await ExecuteAsync(command, response, change).ConfigureAwait(false) is var code and not 0)
            {
                string words = string.Join(' ', command.Select(GoText.Quote));
                await Console.Error.WriteLineAsync($"command [{words}] error (exit status {code})").ConfigureAwait(false);
                return ExitCodes.Error;
            }
        }

        return ExitCodes.Success;
    }

    private static void Print(Printer printer, WatchResponse response) => printer.Print(response, () =>
    {
        foreach (Event change in response.Events)
        {
            printer.Line(TypeOf(change));
            if (change.PrevKv is { } previous)
            {
                printer.Pair(previous);
            }

            printer.Pair(change.Kv);
        }
    },
    json => json.Object(() =>
    {
        json.Name("Header").Object(() => json.HeaderFields(response.Header));
        json.Name("Events");
        if (response.Events.Count == 0)
        {
            json.Raw("null");
        }
        else
        {
            json.Array(response.Events, change => json.Object(() =>
            {
                json.Number("type", (long)change.Type);
                json.Pair("kv", change.Kv);
                json.Pair("prev_kv", change.PrevKv);
            }));
        }

        json.Name("CompactRevision").Raw($"{response.CompactRevision}");
        json.Name("Canceled").Raw(response.Canceled ? "true" : "false");
        json.Name("Created").Raw(response.Created ? "true" : "false");
        json.Name("CancelReason").Text(response.CancelReason);
    }),
    () =>
    {
        printer.HeaderFields(response.Header);
        foreach (Event change in response.Events)
        {
            printer.Field("Type", TypeOf(change));
            if (change.PrevKv is { } previous)
            {
                printer.PairFields("Prev", previous);
            }

            printer.PairFields("", change.Kv);
        }
    });

    private static string TypeOf(Event change) => change.Type == Event.Types.EventType.Put ? "PUT" : "DELETE";

    private static async Task<int> ExecuteAsync(string[] command, WatchResponse response, Event change)
    {
        var start = new ProcessStartInfo(command[0], command[1..]);
        start.Environment["ETCD_WATCH_REVISION"] = $"{response.Header.Revision}";
        start.Environment["ETCD_WATCH_EVENT_TYPE"] = GoText.Quote(TypeOf(change));
        start.Environment["ETCD_WATCH_KEY"] = GoText.Quote(change.Kv.Key.Span);
        start.Environment["ETCD_WATCH_VALUE"] = GoText.Quote(change.Kv.Value.Span);
        using Process process = Process.Start(start)!;
        await process.WaitForExitAsync().ConfigureAwait(false);
        return process.ExitCode;
    }
}
