using Google.Protobuf;
using Grpc.Core;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>Leases are renewed and looked at on the leader; the others ask it (spec 02 §11, 04 §4.6).</summary>
public sealed partial class Member
{
    private const string RenewPath = "/leases", LookUpPath = "/leases/internal";

    private static readonly TimeSpan s_askAgain = TimeSpan.FromMilliseconds(50);

    public async Task<long> RenewLeaseAsync(long id, CancellationToken cancellation)
    {
        long started = _time.GetTimestamp();
        while (true)
        {
            if (await WaitForLeaderAsync(started, cancellation).ConfigureAwait(false) is not { } leader)
            {
                try
                {
                    return await RenewLocalLeaseAsync(id, cancellation).ConfigureAwait(false) ?? 0;
                }
                catch (NotPrimaryException error)
                {
                    throw new EtcdException(StatusCode.Unknown, error.Message);
                }
            }

            byte[] request = new LeaseKeepAliveRequest { ID = id }.ToByteArray();
            if (await AskLeaderAsync(leader, RenewPath, request, started, cancellation).ConfigureAwait(false) is not { IsAnswered: true } answer)
            {
                continue;
            }

            return answer.Body is { } body && LeaseKeepAliveResponse.Parser.ParseFrom(body) is { } response && response.ID == id ? response.TTL : 0;
        }
    }

    public async Task<LeaseTimeToLiveResponse> LeaseTimeToLiveAsync(long id, bool withKeys, CancellationToken cancellation)
    {
        long started = _time.GetTimestamp();
        while (true)
        {
            if (await WaitForLeaderAsync(started, cancellation).ConfigureAwait(false) is not { } leader)
            {
                return await LocalLeaseTimeToLiveAsync(id, withKeys, cancellation).ConfigureAwait(false);
            }

            byte[] request = LeaseInternal.EncodeRequest(id, withKeys);
            if (await AskLeaderAsync(leader, LookUpPath, request, started, cancellation).ConfigureAwait(false) is not { IsAnswered: true } answer)
            {
                continue;
            }

            return answer.Body is { } body ? LeaseInternal.DecodeResponse(body) : Unknown(id);
        }
    }

    public async Task<long?> RenewLocalLeaseAsync(long id, CancellationToken cancellation)
    {
        if (!IsLeader)
        {
            throw new NotPrimaryException();
        }

        try
        {
            // A deposed leader must not let a lease live that the new one may have ended.
            await ReadBarrierAsync(cancellation).ConfigureAwait(false);
        }
        catch (EtcdException)
        {
            throw new NotPrimaryException();
        }

        long? ttl = Leases.Renew(id, out bool isExpired);
        while (ttl is null && isExpired && Leases.Exists(id))
        {
            // Too late to save it: the answer waits for its end.
            await Task.Delay(s_askAgain, _time, cancellation).ConfigureAwait(false);
            ttl = Leases.Renew(id, out isExpired);
        }

        return ttl;
    }

    public async Task<LeaseTimeToLiveResponse> LocalLeaseTimeToLiveAsync(long id, bool withKeys, CancellationToken cancellation)
    {
        if (!IsLeader)
        {
            throw new NotPrimaryException();
        }

        await ReadBarrierAsync(cancellation).ConfigureAwait(false);
        if (!Leases.IsPrimary)
        {
            throw EtcdErrors.LeaderChanged;
        }

        if (Leases.Find(id) is not { } lease)
        {
            return Unknown(id);
        }

        var response = new LeaseTimeToLiveResponse { ID = id, TTL = lease.RemainingTtl, GrantedTTL = lease.GrantedTtl };
        if (withKeys)
        {
            response.Keys.AddRange(lease.Keys.Select(key => ByteString.CopyFrom(key)));
        }

        return response;
    }

    private static LeaseTimeToLiveResponse Unknown(long id) => new() { ID = id, TTL = -1 };

    /// <summary>The member that leads; null if this one does.</summary>
    private async Task<ClusterMember?> WaitForLeaderAsync(long started, CancellationToken cancellation)
    {
        while (true)
        {
            if (IsLeader)
            {
                return null;
            }

            if (LeaderId is var leader && leader != 0 && Cluster.Members.TryGetValue(leader, out ClusterMember? member))
            {
                return member;
            }

            if (_ending.IsCancellationRequested)
            {
                throw EtcdErrors.ServerStopped;
            }

            if (_time.GetElapsedTime(started) >= Options.RequestTimeout)
            {
                throw EtcdErrors.NoLeader;
            }

            await Task.Delay(s_askAgain, _time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<(bool IsAnswered, byte[]? Body)> AskLeaderAsync(ClusterMember leader, string path, byte[] request, long started,
        CancellationToken cancellation)
    {
        TimeSpan left = Options.RequestTimeout - _time.GetElapsedTime(started);
        if (left <= TimeSpan.Zero)
        {
            throw EtcdErrors.TimedOut;
        }

        using var limit = new CancellationTokenSource(left, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation, _ending.Token);
        try
        {
            return (true, await _transport.PostLeaseAsync(leader, path, request, either.Token).ConfigureAwait(false));
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested && error is HttpRequestException or IOException or EtcdException
            or OperationCanceledException)
        {
            if (_ending.IsCancellationRequested)
            {
                throw EtcdErrors.ServerStopped;
            }

            if (limit.IsCancellationRequested)
            {
                throw EtcdErrors.TimedOut;
            }
        }

        await Task.Delay(s_askAgain, _time, cancellation).ConfigureAwait(false);
        return (false, null);
    }
}
