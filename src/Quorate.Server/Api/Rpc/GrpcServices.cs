using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.Elections;

namespace Quorate.Server.Api.Rpc;

/// <summary>The services of a member. One object of each answers all calls, of gRPC and of the JSON gateway.</summary>
internal sealed class GrpcServices(ServiceContext services)
{
    private readonly HealthService _health = new(services);

    public KvService Keys { get; } = new(services);

    public WatchService Watches { get; } = new(services);

    /// <summary>Tells all methods of all services to a binder.</summary>
    public void Bind(ServiceBinderBase binder)
    {
        KV.BindService(binder, Keys);
        Watch.BindService(binder, Watches);
        Lease.BindService(binder, new LeaseService(services));
        Cluster.BindService(binder, new ClusterService(services));
        Maintenance.BindService(binder, new MaintenanceService(services, _health));
        Protocol.Auth.BindService(binder, new AuthService(services));
        Protocol.Health.Health.BindService(binder, _health);
        Protocol.Locks.Lock.BindService(binder, new LockService(services));
        Election.BindService(binder, new ElectionService(services));
    }
}
