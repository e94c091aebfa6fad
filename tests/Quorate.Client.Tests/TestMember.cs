using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quorate.Server.Api;
using Quorate.Server.Operations;
using Quorate.Server.Peers;
using Quorate.Server.Replication;

namespace Quorate.Client.Tests;

/// <summary>A member that is alone, behind a socket in its own directory: no port is needed.</summary>
public sealed class TestMember : IAsyncDisposable
{
    private readonly string _directory;
    private readonly WebApplication _application;
    private readonly Member _member;

    private TestMember(string directory, WebApplication application, Member member)
    {
        _directory = directory;
        _application = application;
        _member = member;
    }

    public string Endpoint => $"unix:{Path.Combine(_directory, "socket")}";

    public EtcdClient Connect() => new(new EtcdClientOptions { Endpoints = [Endpoint], CallTimeout = TimeSpan.FromSeconds(60) });

    public static async Task<TestMember> StartAsync()
    {
        string directory = Directory.CreateTempSubdirectory("quorate-client-").FullName;
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
        };
        var transport = new PeerTransport(new SocketsHttpHandler(), TimeProvider.System);
        Member member = await Member.StartAsync(options, transport, CancellationToken.None);
        await member.Ready.WaitAsync(TimeSpan.FromSeconds(60));
        options.Metrics.Attach(member);
        var api = new EtcdApi(new ServiceContext(member, new ApiOptions()), options.Metrics);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(Path.Combine(directory, "socket"), endpoint => endpoint.Protocols = HttpProtocols.Http2));
        api.AddTo(builder.Services);
        WebApplication application = builder.Build();
        api.Map(application);
        await application.StartAsync();
        return new TestMember(directory, application, member);
    }

    public async ValueTask DisposeAsync()
    {
        await ((IHost)_application).StopAsync(new CancellationToken(canceled: true))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _application.DisposeAsync();
        await _member.StopAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
