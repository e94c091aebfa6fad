using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>
/// A unary method that reads its request from HTTP/2 and writes its answer there by itself. gRPC's server costs as much again as
/// all of a small read; the methods that are called most do without it. A compressed request goes its way nevertheless.
/// </summary>
internal abstract class DirectMethod<TRequest>(string path, MessageParser<TRequest> parser, MethodMetrics metrics,
    MemberMetrics all, ServiceContext context)
    where TRequest : IMessage<TRequest>
{
    protected const int PrefixLength = 5;

    protected ServiceContext Context => context;

    public async Task HandleAsync(HttpContext http)
    {
        long start = Stopwatch.GetTimestamp();
        var code = StatusCode.Cancelled;
        using var call = new DirectCall(http, path);
        try
        {
            http.Response.ContentType = "application/grpc";
            TRequest request = await ReadAsync(http).ConfigureAwait(false);
            await AnswerAsync(request, call).ConfigureAwait(false);
            http.Response.AppendTrailer("grpc-status", "0");
            code = StatusCode.OK;
        }
        catch (Exception error) when (!http.RequestAborted.IsCancellationRequested)
        {
            Status status = ServiceContext.Translate(error, call) is RpcException translated
                ? translated.Status
                : new Status(StatusCode.Unknown, error.Message);
            code = status.StatusCode;
            GrpcDispatcher.Refuse(http, status);
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or RpcException or Protocol.EtcdException)
        {
            // The client has gone; there is nobody to tell.
        }
        finally
        {
            metrics.End(code, start);
            context.LogIfSlow(call, start);
        }
    }

    /// <summary>Does what is asked and writes the answer.</summary>
    protected abstract ValueTask AnswerAsync(TRequest request, DirectCall call);

    /// <summary>Begins the answer: what is written to the result goes straight into the connection's memory.</summary>
    protected async ValueTask<PipeWriter> BeginAsync(HttpContext http, int size)
    {
        metrics.Sent.Add();
        all.ClientSentBytes.Add(size);
        await http.Response.StartAsync(http.RequestAborted).ConfigureAwait(false);
        PipeWriter output = http.Response.BodyWriter;
        Span<byte> prefix = output.GetSpan(PrefixLength);
        prefix[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], size);
        output.Advance(PrefixLength);
        return output;
    }

    private async ValueTask<TRequest> ReadAsync(HttpContext http)
    {
        PipeReader input = http.Request.BodyReader;
        while (true)
        {
            ReadResult read = await input.ReadAsync(http.RequestAborted).ConfigureAwait(false);
            if (read.Buffer.Length >= PrefixLength)
            {
                int length = Length(read.Buffer);
                if (read.Buffer.Length >= PrefixLength + length)
                {
                    TRequest request = Parse(read.Buffer.Slice(PrefixLength, length));
                    input.AdvanceTo(read.Buffer.End);
                    metrics.Received.Add();
                    all.ClientReceivedBytes.Add(length);
                    return request;
                }
            }

            if (read.IsCompleted)
            {
                throw new RpcException(new Status(StatusCode.Internal, "grpc: the request ended too soon"));
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private int Length(ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return prefix[0] != 0
            ? throw new RpcException(new Status(StatusCode.Internal, "grpc: compressed flag set with identity or empty encoding"))
            : length > context.MaxReceiveBytes
                ? throw new RpcException(new Status(StatusCode.ResourceExhausted,
                    GrpcDispatcher.TooLarge(length, context.MaxReceiveBytes)))
                : (int)length;
    }

    private TRequest Parse(ReadOnlySequence<byte> message)
    {
        try
        {
            return message.IsSingleSegment ? parser.ParseFrom(message.FirstSpan) : parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"grpc: error unmarshalling request: {error.Message}"));
        }
    }
}
