using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;
using static Quorate.Server.Tests.Api.Calls;

namespace Quorate.Server.Tests.Api;

/// <summary>The KV service over real gRPC (spec 02 §3 to §6, §15).</summary>
public sealed class KeyServiceTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Revisions_and_versions_grow_as_etcds_do()
    {
        Assert.Equal(2, Put("a", "1").Header.Revision);
        Assert.Equal(3, Put("a", "1").Header.Revision);
        KeyValue pair = Assert.Single(Get("a").Kvs);
        Assert.Equal((2L, 3L, 2L, "1"), (pair.CreateRevision, pair.ModRevision, pair.Version, pair.Value.ToStringUtf8()));
        DeleteRangeResponse nothing = _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("zz") });
        Assert.Equal((0L, 3L), (nothing.Deleted, nothing.Header.Revision));
        Assert.Equal(1, _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("a") }).Deleted);
        Put("a", "2");
        pair = Assert.Single(Get("a").Kvs);
        Assert.Equal((5L, 5L, 1L), (pair.CreateRevision, pair.ModRevision, pair.Version));
    }

    [Fact]
    public void A_range_written_from_pages_is_the_message_that_it_should_be()
    {
        Put("a", "1");
        Put("b", new string('x', 200_000), prevKv: true);
        _server.Keys.Put(new PutRequest { Key = Bytes("c"), Value = ByteString.Empty });
        RangeResponse all = _server.Keys.Range(new RangeRequest { Key = Bytes("a"), RangeEnd = Bytes("d") });
        Assert.Equal(["a", "b", "c"], all.Kvs.Select(pair => pair.Key.ToStringUtf8()));
        Assert.Equal([1, 200_000, 0], all.Kvs.Select(pair => pair.Value.Length));
        Assert.Equal((3L, false, 4L), (all.Count, all.More, all.Header.Revision));
        Assert.Equal((_server.Member.ClusterId, _server.Member.Id, _server.Member.Term),
            (all.Header.ClusterId, all.Header.MemberId, all.Header.RaftTerm));
        RangeResponse keys = _server.Keys.Range(new RangeRequest
        {
            Key = Bytes("a"),
            RangeEnd = Bytes("d"),
            KeysOnly = true,
            Limit = 2
        });
        Assert.Equal((3L, true), (keys.Count, keys.More));
        Assert.All(keys.Kvs, pair =>
            Assert.True(pair.Value.IsEmpty && pair.ModRevision == pair.CreateRevision && pair.Version == 1));
        RangeResponse count = _server.Keys.Range(new RangeRequest
        {
            Key = Bytes("a"),
            RangeEnd = Bytes("d"),
            CountOnly = true,
            Limit = 1
        });
        Assert.Equal((3L, false, 0), (count.Count, count.More, count.Kvs.Count));
    }

    [Fact]
    public void What_is_refused_of_a_ranges_form_has_etcds_code_and_text()
    {
        Put("a", "1");
        Assert.Equal((3, "etcdserver: key is not provided"), Failure(() => _server.Keys.Range(new RangeRequest())));
        Assert.Equal((3, "etcdserver: invalid sort option"), Failure(() => _server.Keys.Range(new RangeRequest
        {
            Key = Bytes("a"),
            SortOrder = (RangeRequest.Types.SortOrder)3,
        })));
        Assert.Equal((3, "etcdserver: invalid sort option"), Failure(() => _server.Keys.Range(new RangeRequest
        {
            Key = Bytes("a"),
            SortTarget = (RangeRequest.Types.SortTarget)5,
        })));
        Assert.Equal((11, "etcdserver: mvcc: required revision is a future revision"),
            Failure(() => _server.Keys.Range(new RangeRequest { Key = Bytes("a"), Revision = 3 })));
        Assert.Empty(_server.Keys.Range(new RangeRequest { Key = Bytes("a"), Revision = 1 }).Kvs);
    }

    [Fact]
    public void A_sort_without_an_order_cuts_before_it_sorts()
    {
        Put("c", "");
        Put("a", "");
        Put("b", "");
        RangeRequest request = new()
        {
            Key = Bytes("a"),
            RangeEnd = Bytes("d"),
            SortTarget = RangeRequest.Types.SortTarget.Mod,
            Limit = 1
        };
        Assert.Equal("a", Assert.Single(_server.Keys.Range(request).Kvs).Key.ToStringUtf8());
        request.SortOrder = RangeRequest.Types.SortOrder.Ascend;
        Assert.Equal("c", Assert.Single(_server.Keys.Range(request).Kvs).Key.ToStringUtf8());
        request.SortOrder = RangeRequest.Types.SortOrder.Descend;
        Assert.Equal("b", Assert.Single(_server.Keys.Range(request).Kvs).Key.ToStringUtf8());
    }

    [Fact]
    public void What_is_refused_of_a_put_or_delete_has_etcds_code_and_text()
    {
        Assert.Equal((3, "etcdserver: key is not provided"), Failure(() => _server.Keys.Put(new PutRequest())));
        Assert.Equal((3, "etcdserver: value is provided"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a"), Value = Bytes("1"), IgnoreValue = true })));
        Assert.Equal((3, "etcdserver: lease is provided"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a"), Lease = 1, IgnoreLease = true })));
        Assert.Equal((3, "etcdserver: key not found"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a"), IgnoreValue = true })));
        Assert.Equal((5, "etcdserver: requested lease not found"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a"), Lease = 5 })));
        Assert.Equal((3, "etcdserver: key is not provided"), Failure(() => _server.Keys.DeleteRange(new DeleteRangeRequest())));
        Assert.Equal(1, Get("a").Header.Revision);
    }

    [Fact]
    public void Too_much_for_the_log_and_too_much_for_a_message_are_told_apart()
    {
        Assert.Equal((3, "etcdserver: request is too large"), Failure(() => Put("big", new string('x', 1_572_864))));
        Assert.Equal((8, "grpc: received message larger than max (3000010 vs. 2097152)"),
            Failure(() => Put("big", new string('x', 3_000_000))));
    }

    [Fact]
    public void The_size_is_told_too_where_grpcs_own_server_reads_the_message()
    {
        var leases = new Lease.LeaseClient(_server.Channel);
        var users = new Protocol.Auth.AuthClient(_server.Channel);
        (int code, string text) = Failure(() => users.UserAdd(new AuthUserAddRequest { Name = new string('x', 2_100_000) }));
        Assert.Equal((8, "grpc: received message larger than max (2100005 vs. 2097152)"), (code, text));
        Assert.Empty(leases.LeaseLeases(new LeaseLeasesRequest()).Leases);
    }

    [Fact]
    public void A_transaction_answers_byte_for_byte_as_etcd_does()
    {
        Put("e", "0");
        var request = TxnRequest.Parser.ParseFrom(Convert.FromHexString(
            "0a0708011a01612000120812060a016112013312050a030a016112051a030a0165120812060a017a1201311a050a030a0161"));
        TxnResponse failed = _server.Keys.Txn(request);
        Assert.False(failed.Succeeded);
        Put("a", "2");
        TxnResponse response = _server.Keys.Txn(request);
        response.Header = null;
        Assert.Equal("10011a0612040a0218041a160a140a021804120c0a01611003180420022a013320011a081a060a02180410011a0612040a021804",
            Convert.ToHexString(response.ToByteArray()), ignoreCase: true);
    }

    [Fact]
    public void The_rule_on_keys_written_twice_is_etcds_whatever_its_order()
    {
        static RequestOp put(string key) => new() { RequestPut = new PutRequest { Key = Bytes(key) } };
        static RequestOp delete(string key, string end = "") =>
            new() { RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(key), RangeEnd = Bytes(end) } };
        static RequestOp nested(params RequestOp[] operations) =>
            new() { RequestTxn = new TxnRequest { Success = { operations } } };
        (int, string)? run(params RequestOp[] operations)
        {
            try
            {
                _server.Keys.Txn(new TxnRequest { Success = { operations } });
                return null;
            }
            catch (RpcException error)
            {
                return ((int)error.StatusCode, error.Status.Detail);
            }
        }

        (int, string) refused = (3, "etcdserver: duplicate key given in txn request");
        Assert.Equal(refused, run(put("a"), put("a")));
        Assert.Equal(refused, run(delete("a", "c"), put("b")));
        Assert.Equal(refused, run(put("b"), delete("a", "c")));
        Assert.Equal(refused, run(nested(put("a")), delete("a")));
        Assert.Equal(refused, run(nested(delete("a")), nested(put("a"))));
        Assert.Null(run(delete("a"), delete("a")));
        Assert.Null(run(nested(put("a")), nested(delete("a"))));
        Assert.Null(run(put("z"), delete("m", "\0")));
        Assert.Equal((3, "etcdserver: key not found"), run(new RequestOp()));
        Assert.Equal((3, "etcdserver: too many operations in txn request"),
            run([.. Enumerable.Range(0, 129).Select(number => put($"k{number}"))]));
        Assert.Null(run([.. Enumerable.Range(0, 128).Select(number => put($"k{number}"))]));
        Assert.Null(run(nested([.. Enumerable.Range(0, 127).Select(number => put($"k{number}"))])));
        Assert.Equal((3, "etcdserver: too many operations in txn request"),
            run(nested([.. Enumerable.Range(0, 128).Select(number => put($"k{number}"))])));
    }

    [Fact]
    public void Below_a_compaction_nothing_is_read_and_nothing_is_compacted_twice()
    {
        Put("a", "1");
        Put("a", "2");
        Put("a", "3");
        _server.Keys.Compact(new CompactionRequest { Revision = 3, Physical = true });
        Assert.Equal("2", Assert.Single(_server.Keys.Range(new RangeRequest { Key = Bytes("a"), Revision = 3 }).Kvs)
            .Value.ToStringUtf8());
        (int, string) compacted = (11, "etcdserver: mvcc: required revision has been compacted");
        Assert.Equal(compacted, Failure(() => _server.Keys.Range(new RangeRequest { Key = Bytes("a"), Revision = 2 })));
        Assert.Equal(compacted, Failure(() => _server.Keys.Compact(new CompactionRequest { Revision = 3 })));
        Assert.Equal((11, "etcdserver: mvcc: required revision is a future revision"),
            Failure(() => _server.Keys.Compact(new CompactionRequest { Revision = 5 })));
    }

    [Fact]
    public async Task A_stream_of_a_range_is_the_range_in_growing_pieces()
    {
        for (int number = 0; number < 100; number++)
        {
            Put($"k{number:00}", new string('x', 1000));
        }

        var chunks = new List<RangeResponse>();
        using AsyncServerStreamingCall<RangeStreamResponse> call = _server.Keys.RangeStream(new RangeRequest
        {
            Key = Bytes("k"),
            RangeEnd = Bytes("l")
        });
        await foreach (RangeStreamResponse chunk in call.ResponseStream.ReadAllAsync())
        {
            chunks.Add(chunk.RangeResponse);
        }

        Assert.Equal([10, 20, 40, 30], chunks.Select(chunk => chunk.Kvs.Count));
        Assert.All(chunks[..^1], chunk => Assert.True(chunk.Header is null && chunk.Count == 0));
        Assert.Equal((100L, 101L), (chunks[^1].Count, chunks[^1].Header.Revision));
        Assert.Equal(Enumerable.Range(0, 100).Select(number => $"k{number:00}"), chunks.SelectMany(chunk => chunk.Kvs)
            .Select(pair => pair.Key.ToStringUtf8()));
        Assert.Equal((12, "RangeStream does not support revision filters"),
            await FailureAsync(() => StreamAsync(new() { Key = Bytes("k"), MinModRevision = 1 })));
        Assert.Equal((12, "RangeStream does not support custom sort orders"),
            await FailureAsync(() =>
                StreamAsync(new() { Key = Bytes("k"), SortOrder = RangeRequest.Types.SortOrder.Descend, MinModRevision = 1 })));
    }

    [Fact]
    public async Task Methods_and_services_that_there_are_not_are_told_by_name()
    {
        Assert.Equal((12, "unknown method Nope for service etcdserverpb.KV"),
            await FailureAsync(() => CallAsync("etcdserverpb.KV", "Nope")));
        Assert.Equal((12, "unknown service grpc.reflection.v1alpha.ServerReflection"),
            await FailureAsync(() => CallAsync("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo")));
        using HttpResponseMessage plain = await _server.Http2.GetAsync("/version");
        Assert.Equal(415, (int)plain.StatusCode);
        Assert.Equal("3", plain.Headers.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task A_message_that_is_none_is_told_as_such()
    {
        (int code, string text) = await FailureAsync(() => CallAsync("etcdserverpb.KV", "Put", [0x0a, 0x7f]));
        Assert.Equal(13, code);
        Assert.StartsWith("grpc: error unmarshalling request: ", text);
        (code, text) = await FailureAsync(() => CallAsync("etcdserverpb.Lease", "LeaseGrant", [0x0a, 0x7f]));
        Assert.Equal(13, code);
        Assert.StartsWith("grpc: error unmarshalling request: ", text);
    }

    [Fact]
    public void A_deadline_that_has_passed_is_told()
    {
        (int code, _) = Failure(() =>
            _server.Keys.Put(new PutRequest { Key = Bytes("a") }, deadline: DateTime.UtcNow.AddSeconds(-1)));
        Assert.Equal(4, code);
    }

    [Fact]
    public void A_compressed_request_is_understood()
    {
        var options = new CallOptions(new global::Grpc.Core.Metadata { { "grpc-internal-encoding-request", "gzip" } });
        _server.Keys.Put(new PutRequest { Key = Bytes("a"), Value = Bytes(new string('x', 10_000)) }, options);
        Assert.Equal(10_000, Assert.Single(Get("a").Kvs).Value.Length);
    }

    private PutResponse Put(string key, string value, bool prevKv = false) =>
        _server.Keys.Put(new PutRequest { Key = Bytes(key), Value = Bytes(value), PrevKv = prevKv });

    private RangeResponse Get(string key) => _server.Keys.Range(new RangeRequest { Key = Bytes(key) });

    private async Task StreamAsync(RangeRequest request)
    {
        using AsyncServerStreamingCall<RangeStreamResponse> call = _server.Keys.RangeStream(request);
        await call.ResponseStream.MoveNext();
    }

    private async Task CallAsync(string service, string name, byte[]? message = null)
    {
        Marshaller<byte[]> raw = Marshallers.Create(bytes => bytes, bytes => bytes);
        var method = new Method<byte[], byte[]>(MethodType.Unary, service, name, raw, raw);
        using AsyncUnaryCall<byte[]> call = _server.Channel.CreateCallInvoker()
            .AsyncUnaryCall(method, null, default, message ?? []);
        await call.ResponseAsync;
    }
}
