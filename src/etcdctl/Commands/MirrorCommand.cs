using Google.Protobuf;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Etcdctl.Commands;

/// <summary>make-mirror: copies the keys of a prefix to another cluster, and then each change (spec 07 §11.1).</summary>
internal static class MirrorCommand
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("make-mirror", "[options] <destination>", "Makes a mirror at the destination etcd cluster",
            "etcdctl make-mirror other.example.com:2379", flags => flags
            .Add("prefix", FlagSet.Kind.Text, "", "Key-value prefix to mirror")
            .Add("rev", FlagSet.Kind.Integer, "0", "Specify the kv revision to start to mirror")
            .Add("max-txn-ops", FlagSet.Kind.Integer, "128",
                "Maximum number of operations permitted in a transaction during syncing updates")
            .Add("dest-prefix", FlagSet.Kind.Text, "",
                "destination prefix to mirror a prefix to a different prefix in the destination cluster")
            .Add("no-dest-prefix", FlagSet.Kind.Boolean, "false", "mirror key-values to the root of the destination cluster")
            .Add("dest-cert", FlagSet.Kind.Text, "",
                "Identify secure client using this TLS certificate file for the destination cluster")
            .Add("dest-key", FlagSet.Kind.Text, "", "Identify secure client using this TLS key file")
            .Add("dest-cacert", FlagSet.Kind.Text, "", "Verify certificates of TLS enabled secure servers using this CA bundle")
            .Add("dest-insecure-transport", FlagSet.Kind.Boolean, "true", "Disable transport security for client connections")
            .Add("dest-user", FlagSet.Kind.Text, "", "Destination username[:password] for authentication")
            .Add("dest-password", FlagSet.Kind.Text, "", "Destination password for authentication"), RunAsync),
    ];

    private static async Task<int> RunAsync(CtlContext context)
    {
        if (context.Arguments.Count != 1)
        {
            throw CommandException.BadArguments("make-mirror takes one destination argument");
        }

        await using EtcdClient destination = await context.ConnectToDestinationAsync(context.Arguments[0]).ConfigureAwait(false);
        await using EtcdClient source = await context.ConnectAsync().ConfigureAwait(false);
        string to = context.Flags.Text("dest-prefix");
        bool hasNone = context.Flags.Boolean("no-dest-prefix");
        if (to.Length > 0 && hasNone)
        {
            throw CommandException.BadArguments(
                "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one");
        }

        ByteString from = ByteString.CopyFromUtf8(context.Flags.Text("prefix"));
        long revision = context.Flags.Integer("rev");

        // With a revision to start from, the default of the destination's prefix has always been none.
        ByteString target = to.Length == 0 && !hasNone && revision <= 1 ? from : ByteString.CopyFromUtf8(to);
        var mirror = new Mirror(destination, from, target, (int)Math.Max(context.Flags.Integer("max-txn-ops"), 1));
        using var reports = new Timer(_ => context.Printer.Line($"{mirror.Applied}"), null, TimeSpan.FromSeconds(30),
            TimeSpan.FromSeconds(30));
        KeyRange range = KeyRange.Prefix((EtcdBytes)from.Memory);
        if (revision <= 1)
        {
            revision = (await source.RangeAsync(range, new RangeOptions { Limit = 1, KeysOnly = true }).ConfigureAwait(false))
                .Revision;
            await CopyAsync(source, mirror, range, revision).ConfigureAwait(false);
            revision++;
        }

        await foreach (WatchBatch batch in source.WatchAsync(range, new WatchOptions { StartRevision = revision })
            .ConfigureAwait(false))
        {
            foreach (IGrouping<long, WatchEvent> changes in batch.Events.GroupBy(change => change.Pair.ModRevision))
            {
                await mirror.ApplyAsync([.. changes]).ConfigureAwait(false);
            }
        }

        return ExitCodes.Success;
    }

    private static async Task CopyAsync(EtcdClient source, Mirror mirror, KeyRange range, long revision)
    {
        await foreach (Quorate.Client.KeyValuePair pair in source.ReadAllAsync(range, 1000, revision).ConfigureAwait(false))
        {
            await mirror.PutAsync(pair).ConfigureAwait(false);
        }
    }

    private sealed class Mirror(EtcdClient destination, ByteString from, ByteString to, int mostOperations)
    {
        private long _applied;

        public long Applied => Interlocked.Read(ref _applied);

        public async Task PutAsync(Quorate.Client.KeyValuePair pair)
        {
            await destination.PutAsync(KeyOf(pair.Key), pair.Value).ConfigureAwait(false);
            Interlocked.Increment(ref _applied);
        }

        /// <summary>The changes of one revision, in one transaction if it may be so large.</summary>
        public async Task ApplyAsync(WatchEvent[] changes)
        {
            foreach (WatchEvent[] part in changes.Chunk(mostOperations))
            {
                Operation[] steps = [.. part.Select(change => change.IsDelete
                    ? Operation.Delete(KeyOf(change.Pair.Key))
                    : Operation.Put(KeyOf(change.Pair.Key), change.Pair.Value))];
                await destination.CommitAsync(new EtcdTransaction().Then(steps)).ConfigureAwait(false);
                Interlocked.Add(ref _applied, part.Length);
            }
        }

        /// <summary>The first occurrence of the prefix, which is the beginning, is replaced.</summary>
        private EtcdBytes KeyOf(ReadOnlyMemory<byte> key) => (byte[])[.. to.Span, .. key.Span[from.Length..]];
    }
}
