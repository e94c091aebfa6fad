using System.Diagnostics;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Mvcc;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Server.Operations;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>Keys and values (spec 02 §3 to §6).</summary>
internal sealed class KvService(ServiceContext services) : KV.KVBase
{
    private const int FirstChunk = 10;

    private readonly Operations.Metrics.Histogram _rangeTimes = services.Member.Options.Metrics.RangeTimes(true);
    private readonly Operations.Metrics.Histogram _failedRangeTimes = services.Member.Options.Metrics.RangeTimes(false);

    public override async Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
    {
        try
        {
            using RangeResult result = await ReadAsync(request, context).ConfigureAwait(false);
            RangeResponse response = result.ToResponse();
            services.Fill(response.Header);
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task RangeStream(RangeRequest request, IServerStreamWriter<RangeStreamResponse> responseStream,
        ServerCallContext context)
    {
        try
        {
            RequestValidation.Check(request);
            if (request.SortOrder != RangeRequest.Types.SortOrder.None
                && !(request.SortOrder == RangeRequest.Types.SortOrder.Ascend
                    && request.SortTarget == RangeRequest.Types.SortTarget.Key))
            {
                throw new RpcException(new Status(StatusCode.Unimplemented, "RangeStream does not support custom sort orders"));
            }

            if ((request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision) != 0)
            {
                throw new RpcException(new Status(StatusCode.Unimplemented, "RangeStream does not support revision filters"));
            }

            using RangeResult result = await ReadAsync(new RangeRequest(request) { SortTarget = RangeRequest.Types.SortTarget.Key }, context, mayLearn: false)
                .ConfigureAwait(false);
            int place = 0, chunk = request.Limit < 0 ? int.MaxValue : FirstChunk;
            do
            {
                var response = new RangeResponse();
                int size = 0;
                int end = (int)Math.Min((long)place + chunk, result.Rows.Count);
                for (; place < end; place++)
                {
                    Protocol.KeyValues.KeyValue pair = Protocol.KeyValues.KeyValue.Parser.ParseFrom(result.Rows[place].Span);
                    if (request.KeysOnly)
                    {
                        pair.Value = Google.Protobuf.ByteString.Empty;
                    }

                    size += result.Rows[place].Length;
                    response.Kvs.Add(pair);
                }

                if (place == result.Rows.Count)
                {
                    response.Header = services.Header(result.Revision);
                    response.Count = result.Count;
                    response.More = result.More;
                }

                await responseStream.WriteAsync(new RangeStreamResponse { RangeResponse = response }, context.CancellationToken)
                    .ConfigureAwait(false);
                int limit = services.Member.Options.MaxRequestBytes;
                chunk = size < limit / 2 ? Math.Max(chunk, chunk * 2) : size > limit * 2 ? Math.Max(chunk / 2, 1) : chunk;
            }
            while (place < result.Rows.Count);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            services.CheckQuota(Quota.CostOf(request));
            RequestValidation.Check(request);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            PutResponse response = await services.ProposeAsync<PutResponse>(new InternalRaftRequest { Put = request }, caller,
                context.CancellationToken)
                .ConfigureAwait(false);
            services.Fill(response.Header);
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            RequestValidation.Check(request);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            DeleteRangeResponse response = await services
                .ProposeAsync<DeleteRangeResponse>(new InternalRaftRequest { DeleteRange = request }, caller,
                    context.CancellationToken)
                .ConfigureAwait(false);
            services.Fill(response.Header);
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            services.CheckQuota(Quota.CostOf(request));
            RequestValidation.Check(request, services.Options.MaxTxnOperations);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            TxnResponse response;
            if (RequestValidation.IsReadOnly(request))
            {
                if (!RequestValidation.IsSerializable(request))
                {
                    await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
                }

                services.Member.Auth.CheckTxn(caller, request, KeysOfLease);
                long start = Stopwatch.GetTimestamp();
                response = services.Member.Keyspace.ReadTxn(request);
                services.Times.ReadTxns.ObserveSince(start);
                services.Member.Options.Metrics.Ranges.Add(response.Responses.Count);
                if (services.IsSlowRead(start, out TimeSpan took))
                {
                    services.LogSlowRead("read-only txn ", took, RequestText.Of(request), Size(response));
                }

                CheckStillCurrent(caller);
            }
            else
            {
                response = await services.ProposeAsync<TxnResponse>(new InternalRaftRequest { Txn = request }, caller,
                    context.CancellationToken)
                    .ConfigureAwait(false);
            }

            services.Fill(response.Header);
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task<CompactionResponse> Compact(CompactionRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            services.Member.Auth.CheckAdmin(caller);
            CompactionResponse response = await services
                .ProposeAsync<CompactionResponse>(new InternalRaftRequest { Compaction = request }, caller,
                    context.CancellationToken)
                .ConfigureAwait(false);
            response.Header = services.Header();
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    /// <summary>Reads a range as its caller may; the result is to be disposed.</summary>
    public async ValueTask<RangeResult> ReadAsync(RangeRequest request, ServerCallContext context, bool mayLearn = true)
    {
        services.CheckCall(context, learnerMay: mayLearn && request.Serializable);
        RequestValidation.Check(request);
        long start = Stopwatch.GetTimestamp();
        AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
        if (!request.Serializable)
        {
            await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
        }

        services.Member.Auth.CheckRange(caller, request.Key, request.RangeEnd);
        RangeResult result = Read(request);
        services.Times.Ranges.ObserveSince(start);
        if (caller is not null && caller.Revision != services.Member.Auth.Revision)
        {
            result.Dispose();
            throw EtcdErrors.AuthOldRevision;
        }

        return result;
    }

    private RangeResult Read(RangeRequest request)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            RangeResult result = services.Member.Keyspace.Range(request);
            services.Member.Options.Metrics.Ranges.Add();
            _rangeTimes.ObserveSince(start);
            if (services.IsSlowRead(start, out TimeSpan took))
            {
                services.LogSlowRead("read-only range ", took, RequestText.Of(request),
                    $"range_response_count:{result.Rows.Count} size:{new RangeEncoding(result, services.Member).Size}");
            }

            return result;
        }
        catch (EtcdException)
        {
            _failedRangeTimes.ObserveSince(start);
            throw;
        }
    }

    private static string Size(TxnResponse response) =>
        $"responses:<{string.Join(' ', response.Responses.Select(answer => $"range_response_count:{answer.ResponseRange.Kvs.Count}"))}> "
        + $"size:{response.CalculateSize()}";

    private void CheckStillCurrent(AuthInfo? caller)
    {
        if (caller is not null && caller.Revision != services.Member.Auth.Revision)
        {
            throw EtcdErrors.AuthOldRevision;
        }
    }

    private IReadOnlyList<byte[]> KeysOfLease(long lease) =>
        services.Member.Leases.Find(lease) is LeaseInfo found ? found.Keys : [];
}
