using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Gateway;

/// <summary>One request, one answer.</summary>
internal sealed class UnaryGatewayMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler, MethodMetrics metrics, MemberMetrics all)
    : GatewayMethod<TRequest, TResponse>(method, metrics, all)
    where TRequest : class
    where TResponse : class
{
    public override async Task CallAsync(HttpContext http, GatewayCall call, GatewayLimits limits)
    {
        TRequest request = Parse(await BodyAsync(http, limits), limits);
        TResponse response = await handler(request, call);
        http.Response.ContentType = "application/json";
        http.Response.Headers["Grpc-Metadata-Content-Type"] = "application/grpc";
        Write(http.Response.BodyWriter, response);
        await http.Response.BodyWriter.FlushAsync(call.CancellationToken);
    }

    private static async Task<byte[]> BodyAsync(HttpContext http, GatewayLimits limits)
    {
        PipeReader body = http.Request.BodyReader;
        while (true)
        {
            ReadResult read = await body.ReadAsync(http.RequestAborted);
            if (read.Buffer.Length > limits.MaxJsonBytes)
            {
                throw new RpcException(new Status(StatusCode.ResourceExhausted,
                    Rpc.GrpcDispatcher.TooLarge(read.Buffer.Length, limits.MaxReceiveBytes)));
            }

            if (read.IsCompleted)
            {
                byte[] bytes = System.Buffers.BuffersExtensions.ToArray(read.Buffer);
                body.AdvanceTo(read.Buffer.End);
                return bytes;
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
