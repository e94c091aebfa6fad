using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Protocol;

namespace Quorate.Etcdctl.Commands;

/// <summary>check perf and check datascale: whether a cluster bears a load (spec 07 §11.2).</summary>
internal static class CheckCommands
{
    private const int PairSize = 1024;

    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("check perf", "[options]", "Check the performance of the etcd cluster", "etcdctl check perf --load=m", flags =>
            Flags(flags, "perf"), PerformanceAsync),
        new("check datascale", "[options]",
            "Check the memory usage of holding data for different workloads on a given server endpoint",
            "etcdctl check datascale --load=s", flags => Flags(flags, "datascale"), DataScaleAsync),
    ];

    private static void Flags(FlagSet flags, string name) => flags
        .Add("load", FlagSet.Kind.Text, "s", "The workload model. Accepted workloads: s(small), m(medium), l(large), xl(xLarge)")
        .Add("prefix", FlagSet.Kind.Text, $"/etcdctl-check-{name}/", "The prefix for writing the keys of the check")
        .Add("auto-compact", FlagSet.Kind.Boolean, "false", "Compact storage with last revision after test is finished")
        .Add("auto-defrag", FlagSet.Kind.Boolean, "false", "Defragment storage after test is finished");

    private static T Load<T>(CtlContext context, T small, T medium, T large, T largest) => context.Flags.Text("load") switch
    {
        "s" or "small" => small,
        "m" or "medium" => medium,
        "l" or "large" => large,
        "xl" or "xLarge" => largest,
        var other => throw new CommandException(ExitCodes.BadFeature, $"unknown load option {other}"),
    };

    private static async Task<int> PerformanceAsync(CtlContext context)
    {
        const int Seconds = 60;
        (int limit, int clients) = Load(context, (150, 50), (1000, 200), (8000, 500), (15000, 1000));
        string prefix = context.Flags.Text("prefix");
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        await RequireNoKeysAsync(client, prefix, $"'etcdctl del --prefix {prefix}'").ConfigureAwait(false);
        using var stopped = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
        {
            signal.Cancel = true;
            stopped.Cancel();
        });
        var run = new LoadRun(client, prefix, limit, clients, TimeSpan.FromSeconds(Seconds));
        await run.RunAsync(stopped.Token).ConfigureAwait(false);
        long revision = await ClearAsync(client, prefix).ConfigureAwait(false);
        await TidyAsync(context, client, revision).ConfigureAwait(false);
        return Report(context, run, limit) ? ExitCodes.Success : ExitCodes.Error;
    }

    private static bool Report(CtlContext context, LoadRun run, int limit)
    {
        bool passes = true;
        void Line(bool isGood, string text)
        {
            passes &= isGood;
            context.Printer.Line(text);
        }

        if (run.Errors.Count > 0)
        {
            Line(false, "FAIL: too many errors");
            foreach ((string error, int count) in run.Errors)
            {
                context.Printer.Line($"FAIL: ERROR({error}) -> {count}");
            }
        }

        double[] seconds = [.. run.Latencies.Select(latency => latency.TotalSeconds)];
        double mean = seconds.DefaultIfEmpty().Average(), slowest = seconds.DefaultIfEmpty().Max();
        double deviation = Math.Sqrt(seconds.Select(each => (each - mean) * (each - mean)).DefaultIfEmpty().Average());
        long throughput = (long)(seconds.Length / run.Elapsed.TotalSeconds) + 1;
        Line(throughput > limit * 0.9, throughput > limit * 0.9
            ? $"PASS: Throughput is {throughput} writes/s" : $"FAIL: Throughput too low: {throughput} writes/s");
        Line(slowest <= 0.5, Invariant(slowest <= 0.5 ? "PASS: Slowest request took " : "Slowest request took too long: ",
            slowest));
        Line(deviation <= 0.1, Invariant(deviation <= 0.1 ? "PASS: Stddev is " : "Stddev too high: ", deviation));
        context.Printer.Line(passes ? "PASS" : "FAIL");
        return passes;
    }

    private static string Invariant(string text, double seconds) =>
        text + seconds.ToString("0.000000", CultureInfo.InvariantCulture) + "s";

    private static async Task<int> DataScaleAsync(CtlContext context)
    {
        (int keys, int clients) = Load(context, (10_000, 50), (100_000, 200), (1_000_000, 500), (3_000_000, 1000));
        string prefix = context.Flags.Text("prefix");
        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        await RequireNoKeysAsync(client, prefix, $"etcdctl del --prefix {prefix}").ConfigureAwait(false);
        if (await MemoryAsync(context).ConfigureAwait(false) is not { } before)
        {
            context.Printer.Line("FAIL: Could not read process_resident_memory_bytes before the put operations.");
            return ExitCodes.Error;
        }

        context.Printer.Line(
            $"Start data scale check for work load [{keys} key-value pairs, {PairSize} bytes per key-value, {clients} concurrent clients].");
        await Parallel.ForAsync(0, keys, new ParallelOptions { MaxDegreeOfParallelism = clients }, async (_, cancellation) =>
        {
            byte[] pair = RandomNumberGenerator.GetBytes(PairSize - prefix.Length);
            await client.PutAsync((byte[])[.. System.Text.Encoding.UTF8.GetBytes(prefix), .. pair[..256]], pair[256..], 0,
                cancellation).ConfigureAwait(false);
        }).ConfigureAwait(false);
        double? after = await MemoryAsync(context).ConfigureAwait(false);
        long revision = await ClearAsync(client, prefix).ConfigureAwait(false);
        await TidyAsync(context, client, revision).ConfigureAwait(false);
        if (after is not { } size)
        {
            context.Printer.Line("FAIL: Could not read process_resident_memory_bytes after the put operations.");
            return ExitCodes.Error;
        }

        string megabytes = ((size - before) / (1 << 20)).ToString("0.00", CultureInfo.InvariantCulture);
        context.Printer.Line($"PASS: Approximate system memory used : {megabytes} MB.");
        return ExitCodes.Success;
    }

    private static async Task RequireNoKeysAsync(EtcdClient client, string prefix, string remedy)
    {
        if (await client.CountAsync(KeyRange.Prefix(prefix)).ConfigureAwait(false) > 0)
        {
            throw new CommandException(ExitCodes.InvalidInput,
                $"prefix {GoText.Quote(prefix)} has keys. Delete with {remedy} first");
        }
    }

    private static async Task<long> ClearAsync(EtcdClient client, string prefix)
    {
        TransactionResult result = await client.CommitAsync(new EtcdTransaction().Then(Operation.Delete(KeyRange.Prefix(prefix))))
            .ConfigureAwait(false);
        return result.Revision;
    }

    private static async Task TidyAsync(CtlContext context, EtcdClient client, long revision)
    {
        if (context.Flags.Boolean("auto-compact"))
        {
            context.Printer.Line($"Compacting with revision {revision}");
            await client.CompactAsync(revision, isPhysical: true).ConfigureAwait(false);
            context.Printer.Line($"Compacted with revision {revision}");
        }

        foreach (string endpoint in context.Flags.Boolean("auto-defrag") ? context.Endpoints : [])
        {
            await using EtcdClient one = await context.ConnectAsync([endpoint]).ConfigureAwait(false);
            context.Printer.Line($"Defragmenting {GoText.Quote(endpoint)}");
            await one.DefragmentAsync().ConfigureAwait(false);
            context.Printer.Line($"Defragmented {GoText.Quote(endpoint)}");
        }
    }

    /// <summary>Bytes that the first endpoint has resident, by its metrics; null if they cannot be read.</summary>
    private static async Task<double?> MemoryAsync(CtlContext context)
    {
        string endpoint = context.Endpoints[0].Trim();
        using var http = new HttpClient { Timeout = context.CommandTimeout };
        try
        {
            string text = await http.GetStringAsync(
                new Uri((endpoint.Contains("://", StringComparison.Ordinal) ? endpoint : $"http://{endpoint}") + "/metrics"))
                .ConfigureAwait(false);
            string? line = text.Split('\n').FirstOrDefault(each =>
                each.StartsWith("process_resident_memory_bytes ", StringComparison.Ordinal));
            return line is null ? null : double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or UriFormatException)
        {
            return null;
        }
    }

    /// <summary>Puts of random keys at a fixed rate, by so many at a time.</summary>
    private sealed class LoadRun(EtcdClient client, string prefix, int limit, int clients, TimeSpan duration)
    {
        private readonly Lock _lock = new();
        private long _next;

        public List<TimeSpan> Latencies { get; } = [];

        public Dictionary<string, int> Errors { get; } = [];

        public TimeSpan Elapsed { get; private set; }

        public async Task RunAsync(CancellationToken stopped)
        {
            long start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => WorkAsync(start, stopped))).ConfigureAwait(false);
            Elapsed = Stopwatch.GetElapsedTime(start);
        }

        private async Task WorkAsync(long start, CancellationToken stopped)
        {
            byte[] value = RandomNumberGenerator.GetBytes(PairSize);
            while (!stopped.IsCancellationRequested)
            {
                TimeSpan due = TimeSpan.FromSeconds((double)Interlocked.Increment(ref _next) / limit);
                if (due > duration)
                {
                    return;
                }

                TimeSpan pause = due - Stopwatch.GetElapsedTime(start);
                if (pause > TimeSpan.Zero)
                {
                    await Task.Delay(pause, stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                await PutAsync(value).ConfigureAwait(false);
            }
        }

        private async Task PutAsync(byte[] value)
        {
            byte[] key = [.. System.Text.Encoding.UTF8.GetBytes(prefix), .. RandomNumberGenerator.GetBytes(256)];
            long asked = Stopwatch.GetTimestamp();
            string? error = null;
            try
            {
                await client.PutAsync(key, value).ConfigureAwait(false);
            }
            catch (EtcdException failure)
            {
                error = CtlProgram.TextOf(failure);
            }

            TimeSpan took = Stopwatch.GetElapsedTime(asked);
            lock (_lock)
            {
                if (error is null)
                {
                    Latencies.Add(took);
                }
                else
                {
                    Errors[error] = Errors.GetValueOrDefault(error) + 1;
                }
            }
        }
    }
}
