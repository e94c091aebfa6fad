using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;
using static Quorate.Server.Tests.Api.Calls;

namespace Quorate.Server.Tests.Api;

/// <summary>The Watch service over real gRPC (spec 02 §7, §15).</summary>
public sealed class WatchServiceTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private TestServer _server = null!;
    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse> _stream = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _stream = new Watch.WatchClient(_server.Channel).Watch();
    }

    public async ValueTask DisposeAsync()
    {
        _stream.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task History_comes_first_and_then_what_happens()
    {
        Put("a", "1");
        Put("b", "x");
        Put("a", "2");
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 2, PrevKv = true });
        WatchResponse created = await ReadAsync();
        Assert.True(created is { Created: true, WatchId: 0, Events.Count: 0 });
        Assert.Equal((_server.Member.ClusterId, _server.Member.Id, 4L),
            (created.Header.ClusterId, created.Header.MemberId, created.Header.Revision));
        List<Event> events = [];
        while (events.Count < 2)
        {
            events.AddRange((await ReadAsync()).Events);
        }

        Assert.Equal(["1", "2"], events.Select(change => change.Kv.Value.ToStringUtf8()));
        Assert.Null(events[0].PrevKv);
        Assert.Equal("1", events[1].PrevKv.Value.ToStringUtf8());
        _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("a") });
        WatchResponse deleted = await ReadAsync();
        Event gone = Assert.Single(deleted.Events);
        Assert.Equal((Event.Types.EventType.Delete, 5L, 0L, 5L),
            (gone.Type, gone.Kv.ModRevision, gone.Kv.CreateRevision, deleted.Header.Revision));
        Assert.Equal("2", gone.PrevKv.Value.ToStringUtf8());
    }

    [Fact]
    public async Task Events_of_a_transaction_come_together_and_filters_drop_theirs()
    {
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a"), RangeEnd = Bytes("z") });
        await ReadAsync();
        await CreateAsync(new WatchCreateRequest
        {
            Key = Bytes("a"),
            RangeEnd = Bytes("z"),
            Filters = { WatchCreateRequest.Types.FilterType.Noput },
        });
        Assert.Equal(1, (await ReadAsync()).WatchId);
        Put("c", "");
        Assert.Equal(0, (await ReadAsync()).WatchId);
        var txn = new TxnRequest();
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes("a") } });
        txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Bytes("b") } });
        txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes("c") } });
        _server.Keys.Txn(txn);
        WatchResponse[] both = [await ReadAsync(), await ReadAsync()];
        Assert.Equal(["a", "b", "c"], both.Single(response => response.WatchId == 0)
            .Events.Select(change => change.Kv.Key.ToStringUtf8()));
        Assert.Equal(["c"], both.Single(response => response.WatchId == 1).Events.Select(change => change.Kv.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task A_refused_watch_leaves_the_stream_as_it_is()
    {
        (WatchCreateRequest Request, string Reason)[] refused =
        [
            (new() { Key = Bytes("b"), RangeEnd = Bytes("a") }, "mvcc: watcher range is empty"),
            (new() { Key = Bytes("b"), StartRevision = -1 }, "etcdserver: mvcc: required revision has been compacted"),
            (new() { Key = Bytes("b"), WatchId = 7 }, "mvcc: duplicate watch ID provided on the WatchStream"),
        ];
        await CreateAsync(new WatchCreateRequest { Key = Bytes("k"), WatchId = 7 });
        Assert.Equal(7, (await ReadAsync()).WatchId);
        foreach ((WatchCreateRequest request, string reason) in refused)
        {
            await CreateAsync(request);
            WatchResponse response = await ReadAsync();
            Assert.True(response is { Created: true, Canceled: true, WatchId: -1 });
            Assert.Equal(reason, response.CancelReason);
        }

        Put("k", "1");
        Assert.Equal(7, (await ReadAsync()).WatchId);
    }

    [Fact]
    public async Task A_watch_below_a_compaction_is_created_and_then_ended()
    {
        Put("a", "1");
        Put("a", "2");
        Put("a", "3");
        _server.Keys.Compact(new CompactionRequest { Revision = 4 });
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a"), StartRevision = 2 });
        Assert.True(await ReadAsync() is { Created: true, Canceled: false });
        WatchResponse ended = await ReadAsync();
        Assert.True(ended is { Canceled: true, CompactRevision: 4, CancelReason: "", Header.Revision: 0 });
        await _stream.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 0 } });
        Assert.True(await ReadAsync() is { Canceled: true, CompactRevision: 0 });
    }

    [Fact]
    public async Task Progress_is_told_of_a_stream_whose_watches_have_caught_up()
    {
        Put("a", "1");
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a") });
        await ReadAsync();
        await _stream.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
        WatchResponse progress = await ReadAsync();
        Assert.True(progress is { WatchId: -1, Events.Count: 0, Header.Revision: 2 });
    }

    [Fact]
    public async Task Large_answers_are_cut_where_that_is_wanted()
    {
        for (int number = 0; number < 4; number++)
        {
            Put($"k{number}", new string('x', 1_000_000));
        }

        await CreateAsync(new WatchCreateRequest { Key = Bytes("k"), RangeEnd = Bytes("l"), StartRevision = 2, Fragment = true });
        await ReadAsync();
        List<WatchResponse> parts = [await ReadAsync(), await ReadAsync()];
        Assert.Equal([2, 2], parts.Select(part => part.Events.Count));
        Assert.Equal([true, false], parts.Select(part => part.Fragment));
        Assert.All(parts, part => Assert.InRange(part.CalculateSize(), 2_000_000, 2_097_151));
    }

    [Fact]
    public async Task After_the_clients_half_close_events_flow_on()
    {
        await CreateAsync(new WatchCreateRequest { Key = Bytes("a") });
        await ReadAsync();
        await _stream.RequestStream.CompleteAsync();
        Put("a", "1");
        Assert.Single((await ReadAsync()).Events);
    }

    [Fact]
    public async Task Many_watches_of_one_stream_get_an_event_each()
    {
        const int Watches = 300;
        for (int number = 0; number < Watches; number++)
        {
            await CreateAsync(new WatchCreateRequest { Key = Bytes("a") });
            await ReadAsync();
        }

        Put("a", "1");
        Put("a", "2");
        var seen = new Dictionary<long, List<long>>();

        // A watch for which the stream's queue had no place gets both events at once.
        while (seen.Values.Sum(revisions => revisions.Count) < 2 * Watches)
        {
            WatchResponse response = await ReadAsync();
            if (!seen.TryGetValue(response.WatchId, out List<long>? revisions))
            {
                seen[response.WatchId] = revisions = [];
            }

            revisions.AddRange(response.Events.Select(change => change.Kv.ModRevision));
        }

        Assert.Equal(Watches, seen.Count);
        Assert.All(seen.Values, revisions => Assert.Equal([2L, 3L], revisions));
    }

    private Task CreateAsync(WatchCreateRequest request) =>
        _stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request });

    private async Task<WatchResponse> ReadAsync()
    {
        Assert.True(await _stream.ResponseStream.MoveNext().WaitAsync(s_patience));
        return _stream.ResponseStream.Current;
    }

    private void Put(string key, string value) =>
        _server.Keys.Put(new PutRequest { Key = Bytes(key), Value = ByteString.CopyFromUtf8(value) });
}
