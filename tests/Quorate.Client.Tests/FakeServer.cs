using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Quorate.Client.Tests;

/// <summary>A server that answers by a script, behind a socket in its own directory.</summary>
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

    public static async Task<FakeServer> StartAsync<T>(T service)
        where T : class
    {
        string directory = Directory.CreateTempSubdirectory("quorate-client-").FullName;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(Path.Combine(directory, "socket"), endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(service);
        WebApplication application = builder.Build();
        application.MapGrpcService<T>();
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
