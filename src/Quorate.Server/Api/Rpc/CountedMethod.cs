using Google.Protobuf;
using Grpc.Core;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>
/// Methods whose messages are counted as they are read and written, and whose broken messages are told as etcd tells them.
/// </summary>
internal static class CountedMethod
{
    public static Method<TRequest, TResponse> Of<TRequest,
        TResponse>(Method<TRequest, TResponse> method, MethodMetrics metrics, MemberMetrics all)
        where TRequest : class
        where TResponse : class
    {
        Func<DeserializationContext, TRequest> read = method.RequestMarshaller.ContextualDeserializer;
        return new Method<TRequest, TResponse>(method.Type, method.ServiceName, method.Name,
            new Marshaller<TRequest>(method.RequestMarshaller.ContextualSerializer, context =>
            {
                metrics.Received.Add();
                all.ClientReceivedBytes.Add(context.PayloadLength);
                try
                {
                    return read(context);
                }
                catch (InvalidProtocolBufferException error)
                {
                    throw new RpcException(new Status(StatusCode.Internal,
                        $"grpc: error unmarshalling request: {error.Message}"));
                }
            }),
            new Marshaller<TResponse>((response, context) =>
            {
                // As the generated code does it, but the size is needed here as well.
                var message = (IMessage)response;
                int size = message.CalculateSize();
                metrics.Sent.Add();
                all.ClientSentBytes.Add(size);
                context.SetPayloadLength(size);
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            }, method.ResponseMarshaller.ContextualDeserializer));
    }
}
