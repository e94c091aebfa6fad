using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Quorate.Server.Api;
using Quorate.Server.Logging;
using Quorate.Server.Operations;
using Quorate.Server.Peers;
using Quorate.Server.Replication;
using Quorate.Server.Security;
using Member = Quorate.Server.Replication.Member;

namespace Quorate.Server.Hosting;

/// <summary>
/// A member with its listeners: what the program etcd runs, and what another program may embed. It serves clients when it has published
/// itself to the cluster (spec 06 §11.1).
/// </summary>
public sealed partial class EtcdServer : IAsyncDisposable
{
    private static readonly TimeSpan s_drainTime = TimeSpan.FromSeconds(2);

    private readonly ServiceContext _services;
    private readonly List<WebApplication> _applications = [];
    private readonly Member _member;
    private int _isStopped;

    private EtcdServer(Member member, ApiOptions api)
    {
        _member = member;
        _services = new ServiceContext(member, api);
    }

    public IMember Member => _member;

    /// <summary>Ends with the reason when the member stops by itself.</summary>
    public Task<string> Stopped => _member.Stopped;

    /// <summary>Starts a member and returns when it serves clients.</summary>
    public static async Task<EtcdServer> StartAsync(EtcdOptions options, EtcdLog log, CancellationToken cancellation = default)
    {
        options.Validate();
        TlsFiles clientTls = ClientTls(options), peerTls = PeerTls(options);
        foreach (EtcdUrl url in options.PeerListenUrls.Where(url => url.IsTls && !peerTls.IsConfigured))
        {
            throw new IOException($"cannot listen on TLS for {url.Host}:{url.Port}: KeyFile and CertFile are not presented");
        }

        foreach (EtcdUrl url in options.ClientListenUrls.Where(url => url.IsTls && !clientTls.IsConfigured))
        {
            throw new IOException($"TLS key/cert (--cert-file, --key-file) must be provided for client url {url.Text} with HTTPS scheme");
        }

        var transport = new PeerTransport(PeerHandler(peerTls, options), TimeProvider.System);
        var metrics = new MemberMetrics();
        Member member = await Replication.Member.StartAsync(ToMemberOptions(options, log), transport, cancellation).ConfigureAwait(false);
        var server = new EtcdServer(member, ToApiOptions(options));
        try
        {
            member.LeaderChanged += _ => metrics.CountLeaderChange();
            var peers = new PeerEndpoints(member, member, transport);
            await server.ListenAsync(options.PeerListenUrls, peerTls, "peer", application => application.Run(peers.HandleAsync)).ConfigureAwait(false);
            log.Info("listening on peer URLs", ("listen-peer-urls", options.PeerListenUrls.Select(url => url.Text)));
            var http = new HttpEndpoints(member, metrics);
            if (options.Urls("listen-metrics-urls") is { Count: > 0 } metricsUrls)
            {
                await server.ListenAsync(metricsUrls, clientTls, "metrics", application => application.Run(async context =>
                {
                    if (!await http.TryHandleAsync(context, isMetricsPort: true))
                    {
                        await HttpEndpoints.NotFoundAsync(context);
                    }
                })).ConfigureAwait(false);
            }

            await server.AwaitReadyAsync(cancellation).ConfigureAwait(false);
            log.Info("ready to serve client requests");
            await server.ListenAsync(options.ClientListenUrls, clientTls, "client", application => MapClients(application, http)).ConfigureAwait(false);
            foreach (EtcdUrl url in options.ClientListenUrls)
            {
                log.Info(url.IsTls ? "serving client traffic securely" : "serving client traffic insecurely; this is strongly discouraged!",
                    ("traffic", "grpc+http"), ("address", $"{url.Host}:{url.Port}"));
            }

            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Hands leadership over if it has it, ends its listeners and closes its files.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0)
        {
            return;
        }

        await _member.StopAsync().ConfigureAwait(false);
        foreach (WebApplication application in Enumerable.Reverse(_applications))
        {
            using var drain = new CancellationTokenSource(s_drainTime);
            await ((Microsoft.Extensions.Hosting.IHost)application).StopAsync(drain.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await application.DisposeAsync().ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync() => new(StopAsync());

    private static void MapClients(WebApplication application, HttpEndpoints http)
    {
        application.UseRouting();
        application.MapGrpcService<KvService>();
        application.MapGrpcService<WatchService>();
        application.MapGrpcService<LeaseService>();
        application.MapGrpcService<ClusterService>();
        application.MapGrpcService<MaintenanceService>();
        application.MapGrpcService<AuthService>();
        application.MapGrpcService<LockService>();
        application.MapGrpcService<ElectionService>();
        application.MapGrpcService<HealthService>();
        application.Use(async (HttpContext context, RequestDelegate next) =>
        {
            if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true)
            {
                await next(context);
            }
            else if (!await http.TryHandleAsync(context, isMetricsPort: false))
            {
                await HttpEndpoints.NotFoundAsync(context);
            }
        });
    }

    private async Task ListenAsync(IReadOnlyList<EtcdUrl> urls, TlsFiles tls, string kind, Action<WebApplication> map)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ApplicationName = "etcd" });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(services => new SocketTransportFactory(
            services.GetRequiredService<IOptions<SocketTransportOptions>>(), services.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => services.GetRequiredService<SocketTransportFactory>());
        builder.Services.AddSingleton<IConnectionListenerFactory>(services => new SplitListenerFactory(services.GetRequiredService<SocketTransportFactory>()));
        bool servesGrpc = kind == "client";
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.AllowSynchronousIO = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.Http2.MaxStreamsPerConnection = int.MaxValue;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
            foreach (EtcdUrl url in urls)
            {
                Listen(kestrel, url, tls, servesGrpc);
            }
        });
        if (servesGrpc)
        {
            builder.Services.AddRouting();
            builder.Services.AddSingleton(_services);
            builder.Services.AddSingleton<HealthService>();
            builder.Services.AddSingleton<KvService>();
            builder.Services.AddSingleton<WatchService>();
            builder.Services.AddSingleton<LeaseService>();
            builder.Services.AddSingleton<ClusterService>();
            builder.Services.AddSingleton<MaintenanceService>();
            builder.Services.AddSingleton<AuthService>();
            builder.Services.AddSingleton<LockService>();
            builder.Services.AddSingleton<ElectionService>();
            builder.Services.AddGrpc(grpc =>
            {
                grpc.MaxReceiveMessageSize = _member.Options.MaxRequestBytes + (512 * 1024);
                grpc.MaxSendMessageSize = null;
            });
        }

        WebApplication application = builder.Build();
        map(application);
        try
        {
            await application.StartAsync().ConfigureAwait(false);
        }
        catch (IOException error) when (error.InnerException is AddressInUseException)
        {
            EtcdUrl url = urls[0];
            throw new IOException($"listen tcp {url.Host}:{url.Port}: bind: address already in use", error);
        }

        _applications.Add(application);
    }

    private async Task AwaitReadyAsync(CancellationToken cancellation)
    {
        while (!_member.IsReady)
        {
            if (_member.Stopped.IsCompleted)
            {
                throw new IOException(await _member.Stopped.ConfigureAwait(false));
            }

            await Task.Delay(5, cancellation).ConfigureAwait(false);
        }
    }
}
