using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Quorate.CommandLine.Tests;

/// <summary>The services of <see cref="FakeEtcd"/> behind a socket in a directory of its own.</summary>
public sealed class FakeServer : IAsyncDisposable
{
    private readonly string _directory;
    private readonly WebApplication _application;

    private FakeServer(string directory, WebApplication application)
    {
        _directory = directory;
        _application = application;
    }

    public string Endpoint => $"unix:{Path.Combine(_directory, "socket")}";

    public static async Task<FakeServer> StartAsync(FakeEtcd etcd)
    {
        string directory = Directory.CreateTempSubdirectory("quorate-ctl-").FullName;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(Path.Combine(directory, "socket"), endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(etcd);
        WebApplication application = builder.Build();
        application.MapGrpcService<FakeEtcd.Keys>();
        application.MapGrpcService<FakeEtcd.Leases>();
        application.MapGrpcService<FakeEtcd.Members>();
        application.MapGrpcService<FakeEtcd.Users>();
        await application.StartAsync();
        return new FakeServer(directory, application);
    }

    public async ValueTask DisposeAsync()
    {
        await ((IHost)_application).StopAsync(new CancellationToken(canceled: true))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _application.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
