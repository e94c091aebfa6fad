using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>Leases.</summary>
public sealed partial class EtcdClient
{
    /// <summary>Grants a lease; the keys attached to it are deleted when it is not renewed in time.</summary>
    /// <param name="ttl">Rounded up to seconds; a member may raise it to its least.</param>
    /// <param name="id">0 to let the member choose.</param>
    public async Task<LeaseInfo> GrantLeaseAsync(TimeSpan ttl, long id = 0, CancellationToken cancellation = default)
    {
        var request = new LeaseGrantRequest { TTL = (long)Math.Ceiling(ttl.TotalSeconds), ID = id };
        LeaseGrantResponse response = await CallAsync(
            (calls, options) => new Lease.LeaseClient(calls).LeaseGrantAsync(request, options), false, cancellation)
                .ConfigureAwait(false);
        TimeSpan granted = TimeSpan.FromSeconds(response.TTL);
        return new LeaseInfo(response.ID, granted, granted, []);
    }

    /// <summary>Ends a lease, and deletes the keys attached to it.</summary>
    public Task RevokeLeaseAsync(long id, CancellationToken cancellation = default) =>
        CallAsync((calls, options) => new Lease.LeaseClient(calls).LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, options),
            false, cancellation);

    /// <summary>A lease as it stands; null if there is none of this id.</summary>
    public async Task<LeaseInfo?> GetLeaseAsync(long id, bool withKeys = false, CancellationToken cancellation = default)
    {
        var request = new LeaseTimeToLiveRequest { ID = id, Keys = withKeys };
        LeaseTimeToLiveResponse response = await CallAsync(
            (calls, options) => new Lease.LeaseClient(calls).LeaseTimeToLiveAsync(request, options), true, cancellation)
                .ConfigureAwait(false);
        return response.TTL < 0
            ? null
            : new LeaseInfo(id, TimeSpan.FromSeconds(response.GrantedTTL), TimeSpan.FromSeconds(response.TTL),
                [.. response.Keys.Select(EtcdBytes.Of)]);
    }

    /// <summary>The ids of all leases.</summary>
    public async Task<IReadOnlyList<long>> ListLeasesAsync(CancellationToken cancellation = default)
    {
        LeaseLeasesResponse response = await CallAsync(
            (calls, options) => new Lease.LeaseClient(calls).LeaseLeasesAsync(new LeaseLeasesRequest(), options), true,
                cancellation)
            .ConfigureAwait(false);
        return [.. response.Leases.Select(lease => lease.ID)];
    }

    /// <summary>Renews a lease once; returns how long it lives now, or null if it is gone.</summary>
    public async Task<TimeSpan?> RenewLeaseAsync(long id, CancellationToken cancellation = default) =>
        (await RenewLeaseOnceAsync(id, cancellation).ConfigureAwait(false)).TTL is > 0 and long ttl ? TimeSpan.FromSeconds(ttl)
            : null;

    /// <summary>The same with the answer of the wire, whose time is 0 when the lease is gone.</summary>
    public async Task<LeaseKeepAliveResponse> RenewLeaseOnceAsync(long id, CancellationToken cancellation = default)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream = await OpenAsync(
                    (calls, options) => new Lease.LeaseClient(calls).LeaseKeepAlive(_options.CallTimeout is { } limit
                        ? options.WithDeadline(DateTime.UtcNow + limit) : options), cancellation).ConfigureAwait(false);
                await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id }, cancellation).ConfigureAwait(false);
                if (!await stream.ResponseStream.MoveNext(cancellation).ConfigureAwait(false))
                {
                    throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended"));
                }

                return stream.ResponseStream.Current;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && attempt < 2 * _channels.Count
                && !cancellation.IsCancellationRequested)
            {
                // A renewal made twice does no harm.
                UseNextMember();
            }
            catch (RpcException error)
            {
                cancellation.ThrowIfCancellationRequested();
                throw Translate(error);
            }
        }
    }

    /// <summary>Grants a lease and keeps it alive until the session is disposed, which ends it.</summary>
    /// <param name="ttl">How long the lease outlives this process or its connection; 60 seconds if it is not given.</param>
    public async Task<EtcdSession> OpenSessionAsync(TimeSpan? ttl = null, CancellationToken cancellation = default)
    {
        LeaseInfo lease = await GrantLeaseAsync(ttl ?? TimeSpan.FromSeconds(60), 0, cancellation).ConfigureAwait(false);
        return new EtcdSession(this, lease);
    }
}
