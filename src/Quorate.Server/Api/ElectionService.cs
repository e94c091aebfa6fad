using Google.Protobuf;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Protocol.Elections;
using Quorate.Protocol.KeyValues;

namespace Quorate.Server.Api;

/// <summary>Elections (spec 03 §7.8). All its errors have the code Unknown.</summary>
internal sealed class ElectionService(ServiceContext services) : Election.ElectionBase
{
    private readonly Waiting _waiting = new(services);

    public override async Task<CampaignResponse> Campaign(CampaignRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            long lease = await _waiting.LeaseAsync(request.Lease, context.CancellationToken).ConfigureAwait(false);
            ByteString prefix = Waiting.PrefixOf(request.Name), key = Waiting.KeyOf(prefix, lease);
            var put = new PutRequest { Key = key, Value = request.Value, Lease = lease };
            var txn = new TxnRequest();
            txn.Compare.Add(new Compare { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
            txn.Success.Add(new RequestOp { RequestPut = put });
            txn.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
            TxnResponse entered = await services.ProposeAsync<TxnResponse>(new InternalRaftRequest { Txn = txn }, caller,
                context.CancellationToken)
                .ConfigureAwait(false);
            long revision = entered.Header.Revision;
            if (!entered.Succeeded)
            {
                KeyValue own = entered.Responses[0].ResponseRange.Kvs[0];
                revision = own.CreateRevision;
                if (own.Value != request.Value)
                {
                    await PutAsync(put, revision, caller, context).ConfigureAwait(false);
                }
            }

            try
            {
                await _waiting.WaitAsync(prefix, revision, context.CancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                await _waiting.LeaveAsync(key).ConfigureAwait(false);
                throw;
            }

            return new CampaignResponse
            {
                Header = services.Fill(entered.Header),
                Leader = new LeaderKey { Name = request.Name, Key = key, Rev = revision, Lease = lease },
            };
        }
        catch (Exception error)
        {
            throw LockService.AsUnknown(error, context);
        }
    }

    public override async Task<ProclaimResponse> Proclaim(ProclaimRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            LeaderKey leader = request.Leader ?? throw NoLeaderField();
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            var put = new PutRequest { Key = leader.Key, Value = request.Value, Lease = leader.Lease };
            RequestValidation.Check(put);
            return new ProclaimResponse { Header = await PutAsync(put, leader.Rev, caller, context).ConfigureAwait(false) };
        }
        catch (Exception error)
        {
            throw LockService.AsUnknown(error, context);
        }
    }

    public override async Task<LeaderResponse> Leader(LeaderRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            ByteString prefix = Waiting.PrefixOf(request.Name);
            CheckRead(caller, prefix);
            await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
            (KeyValue? owner, ResponseHeader header) = _waiting.Owner(prefix);
            return new LeaderResponse
            {
                Header = header,
                Kv = owner
                ?? throw new RpcException(new Status(StatusCode.Unknown, "election: no leader"))
            };
        }
        catch (Exception error)
        {
            throw LockService.AsUnknown(error, context);
        }
    }

    public override async Task Observe(LeaderRequest request, IServerStreamWriter<LeaderResponse> responseStream,
        ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            ByteString prefix = Waiting.PrefixOf(request.Name);
            CheckRead(caller, prefix);
            await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
            (KeyValue? owner, ResponseHeader header) = _waiting.Owner(prefix);
            ByteString? told = null;
            long toldRevision = 0;
            using WatchStream stream = services.Member.Watches.Open();
            stream.Create(new WatchCreateRequest
            {
                Key = prefix,
                RangeEnd = ByteString.CopyFrom(Mvcc.KeyRange.EndOfPrefix(prefix.Span)),
                StartRevision = header.Revision + 1,
            });
            while (true)
            {
                if (owner is not null && (owner.Key != told || owner.ModRevision != toldRevision))
                {
                    told = owner.Key;
                    toldRevision = owner.ModRevision;
                    await responseStream.WriteAsync(new LeaderResponse { Header = header, Kv = owner },
                        context.CancellationToken).ConfigureAwait(false);
                }

                if (await stream.ReadAsync(context.CancellationToken).ConfigureAwait(false) is null)
                {
                    return;
                }

                (owner, header) = _waiting.Owner(prefix);
            }
        }
        catch (Exception error)
        {
            throw LockService.AsUnknown(error, context);
        }
    }

    public override async Task<ResignResponse> Resign(ResignRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            LeaderKey leader = request.Leader ?? throw NoLeaderField();
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            var txn = new TxnRequest();
            txn.Compare.Add(new Compare
            {
                Key = leader.Key,
                Target = Compare.Types.CompareTarget.Create,
                CreateRevision = leader.Rev
            });
            txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = leader.Key } });
            RequestValidation.Check(txn, services.Options.MaxTxnOperations);
            TxnResponse response = await services.ProposeAsync<TxnResponse>(new InternalRaftRequest { Txn = txn }, caller,
                context.CancellationToken)
                .ConfigureAwait(false);
            return new ResignResponse { Header = services.Fill(response.Header) };
        }
        catch (Exception error)
        {
            throw LockService.AsUnknown(error, context);
        }
    }

    private async Task<ResponseHeader> PutAsync(PutRequest put, long revision, AuthInfo? caller, ServerCallContext context)
    {
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Create, CreateRevision = revision });
        txn.Success.Add(new RequestOp { RequestPut = put });
        TxnResponse response = await services.ProposeAsync<TxnResponse>(new InternalRaftRequest { Txn = txn }, caller,
            context.CancellationToken)
            .ConfigureAwait(false);
        return response.Succeeded
            ? services.Fill(response.Header)
            : throw new RpcException(new Status(StatusCode.Unknown, "election: not leader"));
    }

    private void CheckRead(AuthInfo? caller, ByteString prefix) =>
        services.Member.Auth.CheckRange(caller, prefix, ByteString.CopyFrom(Mvcc.KeyRange.EndOfPrefix(prefix.Span)));

    private static RpcException NoLeaderField() => new(new Status(StatusCode.Unknown, "\"leader\" field must be provided"));
}
