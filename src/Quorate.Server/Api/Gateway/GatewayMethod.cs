using System.Buffers;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Gateway;

/// <summary>A method of a service, called with JSON.</summary>
internal abstract class GatewayMethod(IMethod method, MethodMetrics metrics)
{
    protected static readonly JsonWriterOptions JsonOptions = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public IMethod Method => method;

    public MethodMetrics Metrics => metrics;

    /// <summary>Reads the request, calls, and writes the answer.</summary>
    /// <exception cref="RpcException">The call failed, and nothing is written yet.</exception>
    public abstract Task CallAsync(HttpContext http, GatewayCall call, GatewayLimits limits);
}

/// <summary>What the ways of calling have in common.</summary>
internal abstract class GatewayMethod<TRequest, TResponse> : GatewayMethod
    where TRequest : class
    where TResponse : class
{
    private readonly Func<byte[], TRequest> _parse;
    private readonly MemberMetrics _all;

    protected GatewayMethod(Method<TRequest, TResponse> method, MethodMetrics metrics, MemberMetrics all)
        : base(method, metrics)
    {
        Func<DeserializationContext, TRequest> read = method.RequestMarshaller.ContextualDeserializer;
        _parse = bytes => read(new Payload(bytes));
        _all = all;
        RequestType = ((IMessage)_parse([])).Descriptor;
    }

    protected MessageDescriptor RequestType { get; }

    protected TRequest Parse(ReadOnlySpan<byte> json, GatewayLimits limits)
    {
        byte[] bytes;
        try
        {
            bytes = JsonToWire.Convert(json, RequestType);
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, TextOf(error)));
        }

        Metrics.Received.Add();
        _all.ClientReceivedBytes.Add(bytes.Length);
        return bytes.Length <= limits.MaxReceiveBytes
            ? _parse(bytes)
            : throw new RpcException(new Status(StatusCode.ResourceExhausted,
                Rpc.GrpcDispatcher.TooLarge(bytes.Length, limits.MaxReceiveBytes)));
    }

    protected void Write(IBufferWriter<byte> output, TResponse response)
    {
        var message = (IMessage)response;
        Metrics.Sent.Add();
        _all.ClientSentBytes.Add(message.CalculateSize());
        using var writer = new Utf8JsonWriter(output, JsonOptions);
        WireToJson.Write(writer, message);
    }

    /// <summary>A body that ends too soon is told as Go's reader tells it; other texts are not specified.</summary>
    private static string TextOf(Exception error) =>
        error is JsonException && error.Message.Contains("end of ", StringComparison.Ordinal) ? "unexpected EOF" : error.Message;

    private sealed class Payload(byte[] bytes) : DeserializationContext
    {
        public override int PayloadLength => bytes.Length;

        public override byte[] PayloadAsNewBuffer() => bytes;

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(bytes);
    }
}
