using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>One whose answer is a message.</summary>
internal sealed class DirectMessageMethod<TRequest, TResponse>(string path, MessageParser<TRequest> parser,
    UnaryServerMethod<TRequest, TResponse> handler, MethodMetrics metrics, MemberMetrics all, ServiceContext context)
    : DirectMethod<TRequest>(path, parser, metrics, all, context)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    protected override async ValueTask AnswerAsync(TRequest request, DirectCall call)
    {
        TResponse response = await handler(request, call).ConfigureAwait(false);
        int size = response.CalculateSize();
        PipeWriter output = await BeginAsync(call.Http, size).ConfigureAwait(false);
        response.WriteTo(output);
    }
}
