using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Protocol;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>A bare gRPC connection to one member: what the test asserts does not lean on the client library.</summary>
public sealed class Connection : IDisposable
{
    private readonly GrpcChannel _channel;

    public Connection(ClusterMember member)
    {
        _channel = GrpcChannel.ForAddress(member.Host.ClientUrl, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(1), EnableMultipleHttp2Connections = false },
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(20),
            MaxReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReceiveMessageSize = null,
        });
        CallInvoker calls = _channel.CreateCallInvoker();
        Kv = new KV.KVClient(calls);
        Leases = new Lease.LeaseClient(calls);
        Watches = new Watch.WatchClient(calls);
        Cluster = new Cluster.ClusterClient(calls);
        Maintenance = new Maintenance.MaintenanceClient(calls);
        Auth = new Quorate.Protocol.Auth.AuthClient(calls);
    }

    public KV.KVClient Kv { get; }

    public Lease.LeaseClient Leases { get; }

    public Watch.WatchClient Watches { get; }

    public Cluster.ClusterClient Cluster { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    public Quorate.Protocol.Auth.AuthClient Auth { get; }

    /// <summary>A deadline for one call, from now.</summary>
    public static DateTime Within(double seconds) => DateTime.UtcNow.AddSeconds(seconds);

    public void Dispose() => _channel.Dispose();
}
