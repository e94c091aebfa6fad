using Grpc.Core;
using Quorate.Auth;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;

namespace Quorate.Server.Api;

/// <summary>Leases (spec 02 §11).</summary>
internal sealed class LeaseService(ServiceContext services) : Lease.LeaseBase
{
    private const long GrantCost = 64;

    public override Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        services.CheckQuota(GrantCost);
        AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
        services.Member.Auth.CheckCaller(caller);
        request = request.Clone();
        while (request.ID == 0)
        {
            request.ID = (long)(services.Member.NextRequestId() & long.MaxValue);
        }

        LeaseGrantResponse response = await services
            .ProposeAsync<LeaseGrantResponse>(new InternalRaftRequest { LeaseGrant = request }, caller,
                context.CancellationToken).ConfigureAwait(false);
        response.Header = services.Header();
        return response;
    });

    public override Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
        services.Member.Auth.CheckCaller(caller);
        LeaseRevokeResponse response = await services
            .ProposeAsync<LeaseRevokeResponse>(new InternalRaftRequest { LeaseRevoke = request }, caller,
                context.CancellationToken).ConfigureAwait(false);
        response.Header = services.Header();
        return response;
    });

    public override async Task LeaseKeepAlive(IAsyncStreamReader<LeaseKeepAliveRequest> requestStream,
        IServerStreamWriter<LeaseKeepAliveResponse> responseStream, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            while (await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false))
            {
                long id = requestStream.Current.ID;
                if (services.Member.Auth.IsEnabled)
                {
                    AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
                    services.Member.Auth.CheckCaller(caller);
                    services.Member.Auth.CheckKeys(caller, services.Member.Leases.Find(id)?.Keys ?? [], writes: true);
                }

                ResponseHeader header = services.Header();
                long ttl = await services.Member.RenewLeaseAsync(id, context.CancellationToken).ConfigureAwait(false);
                if (ttl > 0 && services.Member.IsLeader)
                {
                    services.Member.Options.Metrics.LeasesRenewed.Add();
                }

                await responseStream.WriteAsync(new LeaseKeepAliveResponse { Header = header, ID = id, TTL = ttl },
                    context.CancellationToken)
                    .ConfigureAwait(false);
            }
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
        services.Member.Auth.CheckCaller(caller);
        LeaseTimeToLiveResponse response = await services.Member.LeaseTimeToLiveAsync(request.ID, request.Keys,
            context.CancellationToken)
            .ConfigureAwait(false);
        if (request.Keys)
        {
            services.Member.Auth.CheckKeys(caller, response.Keys.Select(key => key.ToByteArray()), writes: false);
        }

        response.Header = services.Header();
        return response;
    });

    public override Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
        services.Member.Auth.CheckCaller(caller);
        var response = new LeaseLeasesResponse { Header = services.Header() };
        foreach (long id in services.Member.Leases.List())
        {
            if (services.Member.Auth.IsEnabled && services.Member.Leases.Find(id) is LeaseInfo lease)
            {
                services.Member.Auth.CheckKeys(caller, lease.Keys, writes: false);
            }

            response.Leases.Add(new LeaseStatus { ID = id });
        }

        return response;
    });

    private async Task<T> RunAsync<T>(ServerCallContext context, Func<Task<T>> call)
    {
        try
        {
            services.CheckCall(context);
            return await call().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }
}
