using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Client.Tests;

public sealed class WatchTests
{
    [Fact]
    public async Task Changes_come_in_order_with_what_was_before()
    {
        await using TestMember member = await TestMember.StartAsync();
        await using EtcdClient client = member.Connect();
        long first = await client.PutAsync("dir/a", "1");
        await client.PutAsync("elsewhere", "x");
        await client.PutAsync("dir/a", "2");
        await client.CommitAsync(new EtcdTransaction().Then(Operation.Put("dir/b", "3"), Operation.Delete("dir/a")));
        var options = new WatchOptions { StartRevision = first, WithPrevious = true };
        List<WatchBatch> batches = [];
        List<string> told = [];
        await foreach (WatchBatch batch in client.WatchAsync(KeyRange.Prefix("dir/"), options))
        {
            batches.Add(batch);
            told.AddRange(batch.Events.Select(Text));
            if (told.Count == 4)
            {
                break;
            }
        }

        Assert.Equal(["dir/a=1", "dir/a=2 after 1", "dir/b=3", "dir/a gone after 2"], told);
        Assert.Equal(first + 3, batches[^1].Revision);
    }

    [Fact]
    public async Task Only_the_wanted_kind_of_changes_is_told()
    {
        await using TestMember member = await TestMember.StartAsync();
        await using EtcdClient client = member.Connect();
        long first = await client.PutAsync("k", "1");
        await client.DeleteAsync("k");
        await client.PutAsync("k", "2");
        Assert.Equal("k gone", await FirstAsync(client, new WatchOptions { StartRevision = first, DeletesOnly = true }));
        Assert.Equal("k=2", await FirstAsync(client, new WatchOptions { StartRevision = first + 1, PutsOnly = true }));
    }

    [Fact]
    public async Task History_that_is_gone_is_an_error()
    {
        await using TestMember member = await TestMember.StartAsync();
        await using EtcdClient client = member.Connect();
        await client.PutAsync("k", "1");
        long last = await client.PutAsync("k", "2");
        await client.CompactAsync(last);
        EtcdException error = await Assert.ThrowsAsync<EtcdException>(() =>
            FirstAsync(client, new WatchOptions { StartRevision = 1 }));
        Assert.Equal(EtcdErrors.Compacted.Message, error.Message);
    }

    [Fact]
    public async Task Cancellation_ends_it()
    {
        await using TestMember member = await TestMember.StartAsync();
        await using EtcdClient client = member.Connect();
        using var cancellation = new CancellationTokenSource();
        await using IAsyncEnumerator<WatchBatch> watch = client.WatchAsync("k", null, cancellation.Token).GetAsyncEnumerator();
        ValueTask<bool> waiting = watch.MoveNextAsync();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.AsTask());
    }

    /// <summary>Each stream of the script ends at another place: the next must be asked for exactly what has not been
    /// told.</summary>
    [Fact]
    public async Task A_lost_stream_is_made_up_for_without_loss_or_repetition()
    {
        var script = new ScriptedWatch(
            [Created(10)],
            [Created(12), Put(11, "a"), Put(12, "b")],
            [Created(14), Progress(14)],
            [Created(15), Put(15, "c")]);
        await using FakeServer server = await FakeServer.StartAsync(script);
        await using var client = new EtcdClient(server.Endpoint);
        List<string> told = [];
        await foreach (WatchBatch batch in client.WatchAsync("k"))
        {
            told.AddRange(batch.Events.Select(Text));
            if (told.Count == 3)
            {
                break;
            }
        }

        Assert.Equal(["k=a", "k=b", "k=c"], told);
        Assert.Equal([0, 11, 13, 15], script.Starts);
        Assert.True(script.AllAskedForALeader);
    }

    [Fact]
    public async Task A_watch_that_may_not_be_is_an_error_and_not_asked_for_again()
    {
        var refusal = new WatchResponse
        {
            Created = true,
            Canceled = true,
            CancelReason = "etcdserver: permission denied",
            WatchId = -1
        };
        var script = new ScriptedWatch([refusal]);
        await using FakeServer server = await FakeServer.StartAsync(script);
        await using var client = new EtcdClient(server.Endpoint);
        EtcdException error = await Assert.ThrowsAsync<EtcdException>(() => FirstAsync(client, new WatchOptions()));
        Assert.Equal("etcdserver: permission denied", error.Message);
        Assert.Single(script.Starts);
    }

    private static async Task<string> FirstAsync(EtcdClient client, WatchOptions options)
    {
        await foreach (WatchBatch batch in client.WatchAsync("k", options))
        {
            return Text(batch.Events[0]);
        }

        return "nothing";
    }

    private static string Text(WatchEvent change) =>
        (change.IsDelete ? $"{change.Pair.KeyText} gone" : $"{change.Pair.KeyText}={change.Pair.ValueText}")
        + (change.Previous is { } previous ? $" after {previous.ValueText}" : "");

    private static WatchResponse Created(long revision) =>
        new() { Created = true, Header = new ResponseHeader { Revision = revision } };

    private static WatchResponse Progress(long revision) => new() { Header = new ResponseHeader { Revision = revision } };

    private static WatchResponse Put(long revision, string value) => new()
    {
        Header = new ResponseHeader { Revision = revision },
        Events =
        {
            new Event
            {
                Kv = new KeyValue { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFromUtf8(value),
                    ModRevision = revision },
            },
        },
    };

    /// <summary>Answers each stream with the next part of the script, and ends it.</summary>
    private sealed class ScriptedWatch(params WatchResponse[][] parts) : Watch.WatchBase
    {
        private readonly ConcurrentQueue<WatchResponse[]> _parts = new(parts);

        public ConcurrentQueue<long> Starts { get; } = [];

        public bool AllAskedForALeader { get; private set; } = true;

        public override async Task Watch(IAsyncStreamReader<WatchRequest> requests, IServerStreamWriter<WatchResponse> responses,
            ServerCallContext context)
        {
            await requests.MoveNext(context.CancellationToken);
            AllAskedForALeader &= context.RequestHeaders.GetValue("hasleader") == "true";
            Starts.Enqueue(requests.Current.CreateRequest.StartRevision);
            foreach (WatchResponse response in _parts.TryDequeue(out WatchResponse[]? part) ? part : [])
            {
                await responses.WriteAsync(response);
            }

            throw new RpcException(new Status(StatusCode.Unavailable, "etcdserver: no leader"));
        }
    }
}
