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
using Quorate.Server.Operations.Corruption;
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

    private readonly EtcdApi _api;
    private readonly List<WebApplication> _applications = [];
    private readonly Member _member;
    private readonly EtcdOptions _options;
    private Upkeep? _upkeep;
    private int _isStopped;

    private EtcdServer(Member member, ApiOptions api, EtcdOptions options)
    {
        _member = member;
        _options = options;
        _api = new EtcdApi(new ServiceContext(member, api), member.Options.Metrics);
    }

    public IMember Member => _member;

    /// <summary>Ends with the reason when the member stops by itself.</summary>
    public Task<string> Stopped => _member.Stopped;

    /// <summary>Starts a member and returns when it serves clients.</summary>
    public static async Task<EtcdServer> StartAsync(EtcdOptions options, EtcdLog log, CancellationToken cancellation = default)
    {
        options.Validate();
        OperationsOptions operations = ToOperationsOptions(options);
        TlsFiles clientTls = ClientTls(options), peerTls = PeerTls(options);
        foreach (EtcdUrl url in options.PeerListenUrls.Where(url => url.IsTls && !peerTls.IsConfigured))
        {
            throw new IOException($"cannot listen on TLS for {url.Host}:{url.Port}: KeyFile and CertFile are not presented");
        }

        foreach (EtcdUrl url in options.ClientListenUrls.Where(url => url.IsTls && !clientTls.IsConfigured))
        {
            throw new IOException($"TLS key/cert (--cert-file, --key-file) must be provided for client url {url.Text} with HTTPS scheme");
        }

        if (options.PeerListenUrls.Any(url => url.IsTls))
        {
            peerTls.Check();
        }

        if (options.ClientListenUrls.Concat(options.Urls("listen-client-http-urls")).Any(url => url.IsTls))
        {
            clientTls.Check();
        }

        var transport = new PeerTransport(PeerHandler(peerTls, options), TimeProvider.System);
        Member member = await Replication.Member.StartAsync(ToMemberOptions(options, log), transport, cancellation).ConfigureAwait(false);
        var server = new EtcdServer(member, ToApiOptions(options), options);
        try
        {
            member.Options.Metrics.Attach(member);
            member.LogSynced += member.Options.Metrics.WalSync.Observe;
            member.Options.Metrics.AttachFeatures(options.Gates.All);
            var peers = new PeerEndpoints(member, member, transport);
            await server.ListenAsync(options.PeerListenUrls, peerTls, "peer", application => application.Run(peers.HandleAsync)).ConfigureAwait(false);
            log.Info("listening on peer URLs", ("listen-peer-urls", options.PeerListenUrls.Select(url => url.Text)));
            if (options.Urls("listen-metrics-urls") is { Count: > 0 } metricsUrls)
            {
                await server.ListenAsync(metricsUrls, clientTls, "metrics", application => application.Run(server._api.HandleMetricsPortAsync)).ConfigureAwait(false);
            }

            if (operations.InitialCorruptionCheck && member.IsRestart)
            {
                await new CorruptionChecks(member, transport).CheckInitiallyAsync(cancellation).ConfigureAwait(false);
            }

            server._upkeep = new Upkeep(member, transport, operations);
            await server.AwaitReadyAsync(cancellation).ConfigureAwait(false);
            log.Info("ready to serve client requests");
            await server.ListenToClientsAsync(options, clientTls, log).ConfigureAwait(false);
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

        if (_upkeep is not null)
        {
            await _upkeep.DisposeAsync().ConfigureAwait(false);
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

    private async Task ListenToClientsAsync(EtcdOptions options, TlsFiles tls, EtcdLog log)
    {
        IReadOnlyList<EtcdUrl> http = options.Urls("listen-client-http-urls");
        await ListenAsync(options.ClientListenUrls, tls, "client",
            application => _api.Map(application, http.Count > 0 ? ListenerContent.Grpc : ListenerContent.GrpcAndHttp)).ConfigureAwait(false);
        if (http.Count > 0)
        {
            await ListenAsync(http, tls, "client-http", application => _api.Map(application, ListenerContent.Http)).ConfigureAwait(false);
        }

        foreach ((EtcdUrl url, string traffic) in options.ClientListenUrls.Select(url => (url, http.Count > 0 ? "grpc" : "grpc+http"))
            .Concat(http.Select(url => (url, "http"))))
        {
            log.Info(url.IsTls ? "serving client traffic securely" : "serving client traffic insecurely; this is strongly discouraged!",
                ("traffic", traffic), ("address", $"{url.Host}:{url.Port}"));
        }
    }

    /// <summary>Streams of a connection, and how a silent one is noticed (spec 03 §9); 0 is never.</summary>
    private void ApplyLimits(Http2Limits limits)
    {
        limits.MaxStreamsPerConnection = (int)Math.Min(_options.Integer("max-concurrent-streams"), int.MaxValue);
        limits.KeepAlivePingDelay = _options.Duration("grpc-keepalive-interval", TimeSpan.MaxValue);
        limits.KeepAlivePingTimeout = _options.Duration("grpc-keepalive-timeout", TimeSpan.MaxValue);
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
            ApplyLimits(kestrel.Limits.Http2);
            kestrel.Limits.Http2.InitialConnectionWindowSize = 4 * 1024 * 1024;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;
            foreach (EtcdUrl url in urls)
            {
                Listen(kestrel, url, tls, servesGrpc);
            }
        });
        if (servesGrpc)
        {
            _api.AddTo(builder.Services);
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
        await Task.WhenAny(_member.Ready, _member.Stopped).WaitAsync(cancellation).ConfigureAwait(false);
        if (_member.Stopped.IsCompleted)
        {
            throw new IOException(await _member.Stopped.ConfigureAwait(false));
        }
    }
}
