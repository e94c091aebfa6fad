using System.IO.Pipelines;
using Quorate.Mvcc;
using Quorate.Protocol;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>Range: rows go from the pages of the database into the connection's memory, a piece at a time.</summary>
internal sealed class DirectRangeMethod(string path, KvService service, MethodMetrics metrics, MemberMetrics all,
    ServiceContext context)
    : DirectMethod<RangeRequest>(path, RangeRequest.Parser, metrics, all, context)
{
    private const int FlushBytes = 64 * 1024;

    protected override async ValueTask AnswerAsync(RangeRequest request, DirectCall call)
    {
        using RangeResult result = await service.ReadAsync(request, call).ConfigureAwait(false);
        var encoding = new RangeEncoding(result, Context.Member);
        long size = encoding.Size;
        PipeWriter output = await BeginAsync(call.Http, checked((int)size)).ConfigureAwait(false);
        if (size <= FlushBytes)
        {
            encoding.WriteSome(output, int.MaxValue);
            return;
        }

        // Not more is ahead of a slow client than the connection holds anyway.
        while (encoding.WriteSome(output, FlushBytes))
        {
            await output.FlushAsync(call.CancellationToken).ConfigureAwait(false);
        }
    }
}
