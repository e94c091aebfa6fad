using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>Gives the methods of all services to gRPC's server; no reflection is needed to find them.</summary>
internal sealed class GrpcMethods(GrpcServices services, MemberMetrics metrics, Version version)
    : IServiceMethodProvider<GrpcServices>
{
    /// <summary>The series of each method, by its path.</summary>
    public Dictionary<string, MethodMetrics> Metrics { get; } = [];

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<GrpcServices> context) =>
        services.Bind(new Binder(this, context));

    /// <summary>Methods that came with a version are unknown to those before it.</summary>
    public static bool IsKnown(IMethod method, Version version) => method.Name switch
    {
        "RangeStream" => version >= new Version(3, 7),
        "Downgrade" or "AuthStatus" => version >= new Version(3, 5),
        _ => true,
    };

    private sealed class Binder(GrpcMethods methods, ServiceMethodProviderContext<GrpcServices> context) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        {
            if (Counted(method) is { } counted)
            {
                context.AddUnaryMethod(counted, [], (_, request, call) => handler!(request, call));
            }
        }

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        {
            if (Counted(method) is { } counted)
            {
                context.AddServerStreamingMethod(counted, [], (_, request, responses, call) =>
                    handler!(request, responses, call));
            }
        }

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        {
            if (Counted(method) is not { } counted)
            {
                return;
            }

            if (counted is Method<WatchRequest, WatchResponse> watch)
            {
                context.AddDuplexStreamingMethod(InFrames(watch), [], (_, requests, responses, call) =>
                    methods.Services.Watches.WatchInFrames(requests, responses, call));
            }
            else
            {
                context.AddDuplexStreamingMethod(counted, [], (_, requests, responses, call) =>
                    handler!(requests, responses, call));
            }
        }

        private Method<WatchRequest, WatchFrame> InFrames(Method<WatchRequest, WatchResponse> watch)
        {
            MethodMetrics series = methods.Metrics[watch.FullName];
            return new(watch.Type, watch.ServiceName, watch.Name, watch.RequestMarshaller, new Marshaller<WatchFrame>(
                (frame, output) =>
                {
                    series.Sent.Add();
                    methods.All.ClientSentBytes.Add(frame.Size);
                    output.SetPayloadLength(frame.Size);
                    frame.Write(output.GetBufferWriter());
                    output.Complete();
                },
                _ => throw new NotSupportedException("a server does not read its own answers")));
        }

        private Method<TRequest, TResponse>? Counted<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
        {
            if (!IsKnown(method, methods.Version))
            {
                return null;
            }

            MethodMetrics series = methods.All.Grpc.Method(method.ServiceName, method.Name, method.Type);
            methods.Metrics[method.FullName] = series;
            return CountedMethod.Of(method, series, methods.All);
        }
    }

    private GrpcServices Services => services;

    private MemberMetrics All => metrics;

    private Version Version => version;
}
