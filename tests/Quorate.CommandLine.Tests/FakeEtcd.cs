using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.CommandLine.Tests;

/// <summary>Answers with what a cluster of the spec's examples would.</summary>
public sealed class FakeEtcd
{
    private static readonly ResponseHeader s_header =
        new() { ClusterId = 10778735526332757325, MemberId = 1825309425148717928, Revision = 2, RaftTerm = 2 };

    private static readonly ResponseHeader s_clusterHeader =
        new() { ClusterId = 0xd3a56ef9b7a7a2c, MemberId = 0xd561be1175634be8, RaftTerm = 2 };

    public List<PutRequest> Puts { get; } = [];

    public List<TxnRequest> Transactions { get; } = [];

    public List<string> Tokens { get; } = [];

    public sealed class Keys(FakeEtcd etcd) : KV.KVBase
    {
        public override Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
        {
            if (context.RequestHeaders.GetValue("token") is { } token)
            {
                etcd.Tokens.Add(token);
            }

            var response = new RangeResponse { Header = s_header };
            if (request.Key.ToStringUtf8() == "foo")
            {
                response.Kvs.Add(Pair("bar"));
                response.Count = 1;
            }

            return Task.FromResult(response);
        }

        public override Task<PutResponse> Put(PutRequest request, ServerCallContext context)
        {
            etcd.Puts.Add(request);
            return Task.FromResult(new PutResponse { Header = s_header, PrevKv = request.PrevKv ? Pair("old") : null });
        }

        public override Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context) =>
            Task.FromResult(new DeleteRangeResponse { Header = s_header });

        public override Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context)
        {
            etcd.Transactions.Add(request);
            return Task.FromResult(new TxnResponse
            {
                Header = s_header,
                Succeeded = true,
                Responses =
                {
                    new ResponseOp { ResponsePut = new PutResponse { Header = new ResponseHeader { Revision = 7 } } },
                    new ResponseOp { ResponseRange = new RangeResponse { Kvs = { Pair("over") }, Count = 1 } },
                },
            });
        }

        public override Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context) =>
            Task.FromResult(new CompactionResponse { Header = s_header });

        private static KeyValue Pair(string value) => new()
        {
            Key = ByteString.CopyFromUtf8("foo"),
            Value = ByteString.CopyFromUtf8(value),
            CreateRevision = 2,
            ModRevision = 2,
            Version = 1,
        };
    }

    public sealed class Users : Auth.AuthBase
    {
        public override Task<AuthenticateResponse> Authenticate(AuthenticateRequest request, ServerCallContext context) =>
            request is { Name: "root", Password: "secret" }
                ? Task.FromResult(new AuthenticateResponse { Header = s_header, Token = "token of root" })
                : throw new RpcException(new Status(StatusCode.InvalidArgument, EtcdErrors.AuthenticationFailed.Message));
    }

    public sealed class Leases : Lease.LeaseBase
    {
        public override Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, ServerCallContext context) =>
            Task.FromResult(new LeaseGrantResponse { Header = s_header, ID = 0x4be8a20afe43c10b, TTL = request.TTL });

        public override Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, ServerCallContext context) =>
            throw new RpcException(new Status(StatusCode.NotFound, EtcdErrors.LeaseNotFound.Message));

        public override Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request,
            ServerCallContext context) =>
            Task.FromResult(new LeaseTimeToLiveResponse { Header = s_header, ID = request.ID, TTL = -1 });
    }

    public sealed class Members : Cluster.ClusterBase
    {
        private static Member Learner => new()
        {
            ID = 0xb0d729fd02cd7528,
            PeerURLs = { "http://127.0.0.1:21533", "http://127.0.0.1:21534" },
            IsLearner = true,
        };

        private static Member Voter => new()
        {
            ID = 0xd561be1175634be8,
            Name = "n1",
            PeerURLs = { "http://127.0.0.1:21511" },
            ClientURLs = { "http://127.0.0.1:21510" },
        };

        public override Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context) =>
            Task.FromResult(new MemberListResponse { Header = s_clusterHeader, Members = { Learner, Voter } });

        public override Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context) =>
            Task.FromResult(new MemberAddResponse { Header = s_clusterHeader, Member = Learner, Members = { Learner, Voter } });

        public override Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context) =>
            Task.FromResult(new MemberRemoveResponse { Header = s_clusterHeader, Members = { Voter } });
    }
}
