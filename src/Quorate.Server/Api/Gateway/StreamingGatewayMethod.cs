using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Gateway;

/// <summary>
/// Answers in lines, <c>{"result":…}</c> each, as they come. Requests are values one after the other in the body; where there is
/// one only, it is the first.
/// </summary>
internal sealed class StreamingGatewayMethod<TRequest, TResponse> : GatewayMethod<TRequest, TResponse>
    where TRequest : class
    where TResponse : class
{
    private readonly Func<IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, GatewayCall, Task> _handler;

    public StreamingGatewayMethod(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler,
        MethodMetrics metrics,
        MemberMetrics all)
        : base(method, metrics, all)
    {
        _handler = async (requests, responses, call) =>
        {
            TRequest request = await requests.MoveNext(call.CancellationToken) ? requests.Current : Parse([], default);
            await handler(request, responses, call);
        };
    }

    public StreamingGatewayMethod(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler,
        MethodMetrics metrics,
        MemberMetrics all)
        : base(method, metrics, all)
    {
        _handler = (requests, responses, call) => handler(requests, responses, call);
    }

    public override async Task CallAsync(HttpContext http, GatewayCall call, GatewayLimits limits)
    {
        var responses = new Responses(this, http);
        await _handler(new Requests(this, http, limits), responses, call);
        if (!http.Response.HasStarted)
        {
            http.Response.ContentType = "application/json";
        }
    }

    private sealed class Requests(StreamingGatewayMethod<TRequest, TResponse> method, HttpContext http, GatewayLimits limits)
        : IAsyncStreamReader<TRequest>
    {
        private readonly JsonValues _values = new(http.Request.BodyReader, limits.MaxJsonBytes);

        public TRequest Current { get; private set; } = null!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (await _values.ReadAsync(cancellationToken) is not { } json)
            {
                return false;
            }

            try
            {
                Current = method.Parse(json, limits);
                return true;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.InvalidArgument)
            {
                // Here it is the end of the requests (spec 01 §5.3).
                return false;
            }
        }
    }

    private sealed class Responses(StreamingGatewayMethod<TRequest, TResponse> method, HttpContext http)
        : IServerStreamWriter<TResponse>
    {
        public WriteOptions? WriteOptions { get; set; }

        public async Task WriteAsync(TResponse message)
        {
            if (!http.Response.HasStarted)
            {
                http.Response.ContentType = "application/json";
            }

            System.IO.Pipelines.PipeWriter output = http.Response.BodyWriter;
            System.Buffers.BuffersExtensions.Write(output, "{\"result\":"u8);
            method.Write(output, message);
            System.Buffers.BuffersExtensions.Write(output, "}\n"u8);
            await output.FlushAsync(http.RequestAborted);
        }

        public Task WriteAsync(TResponse message, CancellationToken cancellationToken) =>
            WriteAsync(message).WaitAsync(cancellationToken);
    }
}
