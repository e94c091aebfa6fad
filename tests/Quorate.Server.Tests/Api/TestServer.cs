using System.Net.Sockets;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Quorate.Protocol;
using Quorate.Server.Api;
using Quorate.Server.Operations;
using Quorate.Server.Peers;
using Quorate.Server.Replication;
using RunningMember = Quorate.Server.Replication.Member;

namespace Quorate.Server.Tests.Api;

/// <summary>A member that is alone, with its services behind sockets in its own directory: no port is needed.</summary>
public sealed class TestServer : IAsyncDisposable
{
    private readonly string _directory;
    private readonly WebApplication _application;
    private readonly RunningMember _member;
    private readonly SocketsHttpHandler _http2;

    private TestServer(string directory, WebApplication application, RunningMember member)
    {
        _directory = directory;
        _application = application;
        _member = member;
        _http2 = Handler("h2");
        Channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = _http2,
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
        });
        Http = new HttpClient(Handler("h1")) { BaseAddress = new Uri("http://localhost"), Timeout = TimeSpan.FromSeconds(60) };
        Keys = new KV.KVClient(Channel);
    }

    public GrpcChannel Channel { get; }

    /// <summary>HTTP/1.1.</summary>
    public HttpClient Http { get; }

    /// <summary>HTTP/2 without gRPC.</summary>
    public HttpClient Http2 => new(_http2, disposeHandler: false)
    {
        BaseAddress = new Uri("http://localhost"),
        DefaultRequestVersion = new Version(2, 0),
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    public KV.KVClient Keys { get; }

    public IMember Member => _member;

    public MemberMetrics Metrics => _member.Options.Metrics;

    public List<(string Level, string Message,
        IReadOnlyList<(string Key, object? Value)> Fields)> Lines
    { get; private set; } = [];

    public static async Task<TestServer> StartAsync(Func<MemberOptions, MemberOptions>? adjust = null, ApiOptions? api = null,
        bool isExtensive = false)
    {
        string directory = Directory.CreateTempSubdirectory("quorate-api-").FullName;
        List<(string, string, IReadOnlyList<(string, object?)>)> lines = [];
        var options = new MemberOptions
        {
            Name = "one",
            DataDirectory = Path.Combine(directory, "data"),
            PeerUrls = ["http://127.0.0.1:1"],
            ClientUrls = ["http://127.0.0.1:2"],
            InitialCluster = [("one", ["http://127.0.0.1:1"])],
            InitialMapSize = 1 << 28,
            UnsafeNoSync = true,
            BcryptCost = 4,
            Metrics = new MemberMetrics(isExtensive),
            Log = (level, message, fields) =>
            {
                lock (lines)
                {
                    lines.Add((level, message, fields));
                }
            },
        };
        options = adjust?.Invoke(options) ?? options;
        RunningMember member = await RunningMember.StartAsync(options,
            new PeerTransport(new SocketsHttpHandler(), TimeProvider.System), CancellationToken.None);
        await member.Ready.WaitAsync(TimeSpan.FromSeconds(60));
        while (member.Cluster.Version is null
            || (options.CompatVersion >= new Version(3, 6) && member.Backend.ReadMeta(Storage.Schema.MetaKeys.StorageVersion)
                .Length == 0))
        {
            await member.ReadBarrierAsync(CancellationToken.None);
            await Task.Yield();
        }

        options.Metrics.Attach(member);
        var services = new EtcdApi(new ServiceContext(member, api ?? new ApiOptions()), options.Metrics);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.ListenUnixSocket(Path.Combine(directory, "h1"), endpoint => endpoint.Protocols = HttpProtocols.Http1);
            kestrel.ListenUnixSocket(Path.Combine(directory, "h2"), endpoint => endpoint.Protocols = HttpProtocols.Http2);
        });
        services.AddTo(builder.Services);
        WebApplication application = builder.Build();
        services.Map(application);
        await application.StartAsync();
        var server = new TestServer(directory, application, member);
        server.Lines = lines;
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        Http.Dispose();
        _http2.Dispose();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await ((Microsoft.Extensions.Hosting.IHost)_application).StopAsync(now.Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _application.DisposeAsync();
        await _member.StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private SocketsHttpHandler Handler(string socket) => new()
    {
        EnableMultipleHttp2Connections = true,
        ConnectCallback = async (_, cancellation) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_directory, socket)), cancellation);
            return new NetworkStream(connection, ownsSocket: true);
        },
    };
}
