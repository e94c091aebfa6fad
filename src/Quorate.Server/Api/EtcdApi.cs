using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Quorate.Server.Api.Gateway;
using Quorate.Server.Api.Rpc;
using Quorate.Server.Operations;

namespace Quorate.Server.Api;

/// <summary>
/// All that a member answers to clients: gRPC, the JSON gateway, health, metrics (spec 01, 03 §8, §9). A listener adds what it
/// needs to its services with <see cref="AddTo"/>, and gives its requests to this with <see cref="Map"/>.
/// </summary>
public sealed class EtcdApi
{
    private readonly ServiceContext _context;
    private readonly MemberMetrics _metrics;
    private readonly GrpcServices _services;
    private readonly JsonGateway? _gateway;
    private readonly HttpEndpoints _http;

    public EtcdApi(ServiceContext context, MemberMetrics metrics)
    {
        _context = context;
        _metrics = metrics;
        _services = new GrpcServices(context);
        _http = new HttpEndpoints(context.Member, metrics);
        _gateway = context.Options.EnableGateway ? new JsonGateway(_services, context, metrics) : null;
    }

    /// <summary>Adds what gRPC's server needs.</summary>
    public void AddTo(IServiceCollection services)
    {
        services.AddRouting();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = _context.MaxReceiveBytes;
            grpc.MaxSendMessageSize = null;
            grpc.IgnoreUnknownServices = true;
        });
        services.AddSingleton(_services);
        services.AddSingleton(new GrpcMethods(_services, _metrics, _context.Member.Options.CompatVersion));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<GrpcServices>, GrpcMethods>(
            provider => provider.GetRequiredService<GrpcMethods>()));
        services.AddSingleton<IGrpcServiceActivator<GrpcServices>>(new Activator(_services));
    }

    /// <summary>Answers all requests of a listener.</summary>
    public void Map(IApplicationBuilder application, ListenerContent content = ListenerContent.GrpcAndHttp)
    {
        IServiceProvider root = application.ApplicationServices;
        var dispatcher = new Lazy<GrpcDispatcher>(() =>
            new GrpcDispatcher(root, _services, root.GetRequiredService<GrpcMethods>(), _context, _metrics));
        if (content != ListenerContent.Http)
        {
            // Before the first call: all series are there from the start.
            _ = dispatcher.Value;
        }

        application.Run(context => content switch
        {
            ListenerContent.Grpc => dispatcher.Value.HandleAsync(context),
            ListenerContent.Http => HandleHttpAsync(context),
            _ => IsForGrpc(context) ? dispatcher.Value.HandleAsync(context) : HandleHttpAsync(context),
        });
    }

    /// <summary>What a listener for metrics answers: them, and health.</summary>
    public async Task HandleMetricsPortAsync(HttpContext context)
    {
        if (!await _http.TryHandleAsync(context, isMetricsPort: true))
        {
            await HttpEndpoints.NotFoundAsync(context);
        }
    }

    /// <summary>Without TLS, HTTP/2 is for gRPC alone; with it, only what says that it is gRPC (spec 03 §8.5).</summary>
    private static bool IsForGrpc(HttpContext context) =>
        HttpProtocol.IsHttp2(context.Request.Protocol)
            && (context.Features.Get<ITlsConnectionFeature>() is null || GrpcDispatcher.IsGrpc(context));

    private async Task HandleHttpAsync(HttpContext context)
    {
        if (!await HttpGuard.PassAsync(context, _context))
        {
            return;
        }

        string path = context.Request.Path.Value ?? "/";
        if (_gateway is not null && path.StartsWith("/v3", StringComparison.Ordinal)
            && await _gateway.TryHandleAsync(context, path))
        {
            return;
        }

        if (!await _http.TryHandleAsync(context, isMetricsPort: false))
        {
            await HttpEndpoints.NotFoundAsync(context);
        }
    }

    private sealed class Activator(GrpcServices services) : IGrpcServiceActivator<GrpcServices>
    {
        public GrpcActivatorHandle<GrpcServices> Create(IServiceProvider serviceProvider) =>
            new(services, created: false, state: null);

        public ValueTask ReleaseAsync(GrpcActivatorHandle<GrpcServices> service) => default;
    }
}
