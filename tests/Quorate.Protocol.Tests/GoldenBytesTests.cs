using Google.Protobuf;
using Quorate.Protocol.KeyValues;
using Quorate.Protocol.Membership;

namespace Quorate.Protocol.Tests;

/// <summary>Messages against the bytes that etcd itself wrote (spec 01 §7): written alike, read alike, and written again
/// alike.</summary>
public sealed class GoldenBytesTests
{
    private const string Header = "08a4b5c3ea88feff955e10bee8b0f693efd89bbb01";

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string name in s_cases.Keys)
            {
                data.Add(name, s_cases[name].Bytes);
            }

            return data;
        }
    }

    private static readonly Dictionary<string, (IMessage Message, string Bytes)> s_cases = new()
    {
        ["put"] = (new PutRequest { Key = Text("a"), Value = Text("1") }, "0a0161120131"),
        ["put answer"] = (new PutResponse { Header = HeaderAt(3) }, $"0a19{Header}18032002"),
        ["put answer with the pair before"] = (
            new PutResponse { Header = HeaderAt(4), PrevKv = Pair("a", "1", 3, 3, 1) },
            $"0a19{Header}18042002120c0a01611003180320012a0131"),
        ["range"] = (new RangeRequest { Key = Text("a"), RangeEnd = Text("d"), Limit = 2 }, "0a01611201641802"),
        ["range answer"] = (
            new RangeResponse
            {
                Header = HeaderAt(6),
                Kvs = { Pair("a", "2", 3, 4, 2), Pair("b", "x", 5, 5, 1) },
                More = true,
                Count = 3,
            },
            $"0a19{Header}18062002120c0a01611003180420022a0132120c0a01621005180520012a017818012003"),
        ["delete answer"] = (
            new DeleteRangeResponse
            {
                Header = HeaderAt(8),
                Deleted = 2,
                PrevKvs = { Pair("b", "x", 5, 5, 1), Pair("c", "y", 6, 6, 1) },
            },
            $"0a19{Header}1808200210021a0c0a01621005180520012a01781a0c0a01631006180620012a0179"),
        ["transaction: a zero in a union is written"] = (
            new TxnRequest
            {
                Compare =
                {
                    new Compare
                    {
                        Result = Compare.Types.CompareResult.Greater,
                        Target = Compare.Types.CompareTarget.Version,
                        Key = Text("a"),
                        Version = 0,
                    },
                },
                Success =
                {
                    new RequestOp { RequestPut = new PutRequest { Key = Text("a"), Value = Text("3") } },
                    new RequestOp { RequestRange = new RangeRequest { Key = Text("a") } },
                    new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Text("e") } },
                    new RequestOp { RequestPut = new PutRequest { Key = Text("z"), Value = Text("1") } },
                },
                Failure = { new RequestOp { RequestRange = new RangeRequest { Key = Text("a") } } },
            },
            "0a0708011a01612000120812060a016112013312050a030a016112051a030a0165120812060a017a1201311a050a030a0161"),
        ["transaction answer"] = (
            new TxnResponse
            {
                Header = HeaderAt(9),
                Succeeded = true,
                Responses =
                {
                    new ResponseOp { ResponsePut = new PutResponse { Header = Inner(9) } },
                    new ResponseOp
                    {
                        ResponseRange = new RangeResponse { Header = Inner(9), Kvs = { Pair("a", "3", 3, 9, 3) }, Count = 1 },
                    },
                    new ResponseOp { ResponseDeleteRange = new DeleteRangeResponse { Header = Inner(9), Deleted = 1 } },
                    new ResponseOp { ResponsePut = new PutResponse { Header = Inner(9) } },
                },
            },
            $"0a19{Header}1809200210011a0612040a0218091a160a140a021809120c0a01611003180920032a013320011a081a060a0218091001"
                + "1a0612040a021809"),
        ["comparison of a range: its end is field 64"] = (
            new TxnRequest
            {
                Compare =
                {
                    new Compare
                    {
                        Result = Compare.Types.CompareResult.Greater,
                        Target = Compare.Types.CompareTarget.Create,
                        Key = Text("a"),
                        CreateRevision = 0,
                        RangeEnd = ByteString.CopyFrom(0),
                    },
                },
            },
            "0a0d080110011a0161280082040100"),
        ["answer of an inner transaction: its empty header is there"] = (
            new ResponseOp
            {
                ResponseTxn = new TxnResponse
                {
                    Header = new ResponseHeader(),
                    Succeeded = true,
                    Responses = { new ResponseOp { ResponsePut = new PutResponse { Header = Inner(11) } } },
                },
            },
            "220c0a0010011a0612040a02180b"),
        ["watch"] = (new WatchRequest { CreateRequest = new WatchCreateRequest { Key = Text("w") } }, "0a030a0177"),
        ["watch with a filter, packed"] = (
            new WatchCreateRequest { Filters = { WatchCreateRequest.Types.FilterType.Noput } }, "2a0100"),
        ["watch answer: created"] = (new WatchResponse { Header = HeaderAt(11), Created = true }, $"0a19{Header}180b20021801"),
        ["watch answer: events are field 11"] = (
            new WatchResponse { Events = { new Event { Kv = Pair("w", "1", 12, 12, 1) } } }, "5a0e120c0a0177100c180c20012a0131"),
        ["watch answer: a deletion"] = (
            new WatchResponse
            {
                Events =
                {
                    new Event { Type = Event.Types.EventType.Delete, Kv = new KeyValue { Key = Text("w"), ModRevision = 14 } },
                },
            },
            "5a09080112050a0177180e"),
        ["watch: a cancelled watch of id -1"] = (
            new WatchResponse { WatchId = -1, Canceled = true }, "10ffffffffffffffffff012001"),
        ["watch: ask for progress"] = (new WatchRequest { ProgressRequest = new WatchProgressRequest() }, "1a00"),
        ["watch: cancel the watch of id 0"] = (new WatchRequest { CancelRequest = new WatchCancelRequest() }, "1200"),
        ["lease grant"] = (new LeaseGrantRequest { TTL = 60, ID = 123 }, "083c107b"),
        ["keep-alive answer for a lease that is not there"] = (
            new LeaseKeepAliveResponse { Header = HeaderAt(1541), ID = 999 }, $"0a1a{Header}18850c200210e707"),
        ["log: the version of the cluster"] = (
            new InternalRaftRequest
            {
                Header = new RequestHeader { ID = 9548372328892872962 },
                ClusterVersionSet = new ClusterVersionSetRequest { Ver = "3.7.0" },
            },
            "a2060b0882f2d0f6b2c1a8c18401a251070a05332e372e30"),
        ["log: a lease"] = (
            new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { TTL = 100, ID = 555 } }, "4205086410ab04"),
        ["log: attributes of a member"] = (
            new InternalRaftRequest
            {
                ClusterMemberAttrSet = new ClusterMemberAttrSetRequest
                {
                    MemberID = 0x8be28dc9a2828482,
                    MemberAttributes = new Attributes { Name = "a", ClientUrls = { "http://127.0.0.1:21800" } },
                },
            },
            "aa51280882898a949ab9a3f18b01121b0a01611216687474703a2f2f3132372e302e302e313a3231383030"),
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void They_are_written_and_read_as_etcd_does(string name, string bytes)
    {
        IMessage message = s_cases[name].Message;
        Assert.Equal(bytes, Convert.ToHexStringLower(message.ToByteArray()));
        IMessage read = message.Descriptor.Parser.ParseFrom(Convert.FromHexString(bytes));
        Assert.Equal(message, read);
        Assert.Equal(bytes, Convert.ToHexStringLower(read.ToByteArray()));
    }

    [Fact]
    public void Filters_are_read_packed_and_not()
    {
        WatchCreateRequest packed = WatchCreateRequest.Parser.ParseFrom(Convert.FromHexString("2a0100"));
        WatchCreateRequest unpacked = WatchCreateRequest.Parser.ParseFrom(Convert.FromHexString("2800"));
        Assert.Equal([WatchCreateRequest.Types.FilterType.Noput], packed.Filters);
        Assert.Equal(packed, unpacked);
    }

    /// <summary>The attributes of a member as 3.5 logs them: zero fields are there, those of doubt are not (spec 01 §4.4,
    /// §7).</summary>
    [Fact]
    public void A_request_of_the_second_API_has_all_its_fields()
    {
        const string Bytes = "0881e2b58eafc1a89f3412035055541a262f302f6d656d626572732f62623336373337393365636333343365"
            + "2f6174747269627574657322357b226e616d65223a226e31222c22636c69656e7455524c73223a5b22687474703a2f2f3132372e302e302e31"
            + "3a3231303030225d7d2800320038004800500058006000680070007800800100";
        byte[] bytes = Convert.FromHexString(Bytes);
        Request request = Request.Parser.ParseFrom(bytes);
        Assert.Equal("PUT", request.Method);
        Assert.Equal("/0/members/bb3673793ecc343e/attributes", request.Path);
        Assert.Equal("""{"name":"n1","clientURLs":["http://127.0.0.1:21000"]}""", request.Val);
        Assert.False(request.HasPrevExist);
        Assert.False(request.HasRefresh);
        Assert.True(request.HasStream);
        Assert.Equal(bytes, request.ToByteArray());
    }

    [Fact]
    public void A_request_of_the_second_API_is_no_request_of_the_third()
    {
        byte[] bare = new Request { ID = 1, Method = "PUT", Path = "/0/version", Val = "3.5.0" }.ToByteArray();
        Assert.Throws<InvalidProtocolBufferException>(() => InternalRaftRequest.Parser.ParseFrom(bare));
    }

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);

    private static ResponseHeader HeaderAt(long revision) =>
        new() { ClusterId = 6785798672191904420, MemberId = 13490360581207372862, Revision = revision, RaftTerm = 2 };

    private static ResponseHeader Inner(long revision) => new() { Revision = revision };

    private static KeyValue Pair(string key, string value, long created, long modified, long version) =>
        new() { Key = Text(key), Value = Text(value), CreateRevision = created, ModRevision = modified, Version = version };
}
