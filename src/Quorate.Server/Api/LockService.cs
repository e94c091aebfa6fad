using Google.Protobuf;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Protocol;
using Quorate.Protocol.Locks;

namespace Quorate.Server.Api;

/// <summary>Locks (spec 03 §7.7). All its errors have the code Unknown.</summary>
internal sealed class LockService(ServiceContext services) : Protocol.Locks.Lock.LockBase
{
    private readonly Waiting _waiting = new(services);

    public override async Task<LockResponse> Lock(LockRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            long lease = await _waiting.LeaseAsync(request.Lease, context.CancellationToken).ConfigureAwait(false);
            ByteString prefix = Waiting.PrefixOf(request.Name), key = Waiting.KeyOf(prefix, lease);
            var txn = new TxnRequest();
            txn.Compare.Add(new Compare { Key = key, Target = Compare.Types.CompareTarget.Create, CreateRevision = 0 });
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Lease = lease } });
            txn.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = key } });
            TxnResponse entered = await services.ProposeAsync<TxnResponse>(new InternalRaftRequest { Txn = txn }, caller,
                context.CancellationToken)
                .ConfigureAwait(false);
            long revision = entered.Succeeded ? entered.Header.Revision
                : entered.Responses[0].ResponseRange.Kvs[0].CreateRevision;
            try
            {
                await _waiting.WaitAsync(prefix, revision, context.CancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                await _waiting.LeaveAsync(key).ConfigureAwait(false);
                throw;
            }

            if (_waiting.Range(new RangeRequest { Key = key }).Kvs.Count == 0)
            {
                throw new RpcException(new Status(StatusCode.Unknown, "mutex: session is expired"));
            }

            return new LockResponse { Header = services.Fill(entered.Header), Key = key };
        }
        catch (Exception error)
        {
            throw AsUnknown(error, context);
        }
    }

    public override async Task<UnlockResponse> Unlock(UnlockRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            var delete = new DeleteRangeRequest { Key = request.Key };
            RequestValidation.Check(delete);
            DeleteRangeResponse response = await services
                .ProposeAsync<DeleteRangeResponse>(new InternalRaftRequest { DeleteRange = delete }, caller,
                    context.CancellationToken).ConfigureAwait(false);
            return new UnlockResponse { Header = services.Fill(response.Header) };
        }
        catch (Exception error)
        {
            throw AsUnknown(error, context);
        }
    }

    internal static Exception AsUnknown(Exception error, ServerCallContext context) =>
        error is EtcdException etcd ? new RpcException(new Status(StatusCode.Unknown, etcd.Message))
            : ServiceContext.Translate(error, context);
}
