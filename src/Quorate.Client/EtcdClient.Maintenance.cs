using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>
/// Upkeep. Each call is about the member that answers it: a client of one endpoint asks one member.
/// </summary>
public sealed partial class EtcdClient
{
    public async Task<MemberStatus> GetStatusAsync(CancellationToken cancellation = default)
    {
        StatusResponse status = await CallUpkeepAsync((upkeep, options) =>
            upkeep.StatusAsync(new StatusRequest(), options), true, cancellation)
            .ConfigureAwait(false);
        return new MemberStatus(status.Header.MemberId, status.Header.ClusterId, status.Version, status.DbSize,
            status.DbSizeInUse, status.Leader,
            status.RaftTerm, status.RaftIndex, status.RaftAppliedIndex, status.IsLearner, [.. status.Errors]);
    }

    /// <summary>A hash of the keys.</summary>
    /// <param name="revision">The last revision in it; 0 for the present one.</param>
    public async Task<KeyHash> HashKeysAsync(long revision = 0, CancellationToken cancellation = default)
    {
        var request = new HashKVRequest { Revision = revision };
        HashKVResponse hash = await CallUpkeepAsync((upkeep, options) => upkeep.HashKVAsync(request, options), true, cancellation)
            .ConfigureAwait(false);
        return new KeyHash(hash.Hash, hash.HashRevision, hash.CompactRevision);
    }

    public async Task<IReadOnlyList<ActiveAlarm>> ListAlarmsAsync(CancellationToken cancellation = default)
    {
        AlarmResponse response = await CallUpkeepAsync((upkeep, options) =>
            upkeep.AlarmAsync(new AlarmRequest(), options), true, cancellation)
            .ConfigureAwait(false);
        return [.. response.Alarms.Select(alarm => new ActiveAlarm(alarm.MemberID, (int)alarm.Alarm))];
    }

    /// <summary>Ends an alarm, when its cause is gone.</summary>
    public Task DisarmAsync(ActiveAlarm alarm, CancellationToken cancellation = default)
    {
        var request = new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Deactivate,
            MemberID = alarm.MemberId,
            Alarm = (AlarmType)alarm.Kind,
        };
        return CallUpkeepAsync((upkeep, options) => upkeep.AlarmAsync(request, options), false, cancellation);
    }

    /// <summary>Gives the free space in the database of the member back to the disk. It may take longer than other
    /// calls.</summary>
    public Task DefragmentAsync(TimeSpan? timeout = null, CancellationToken cancellation = default) => CallAsync(
        (calls, options) => new Maintenance.MaintenanceClient(calls).DefragmentAsync(new DefragmentRequest(), options),
        isRead: false, cancellation, timeout ?? TimeSpan.FromMinutes(5));

    /// <summary>Hands the leadership over. The client must talk to the leader.</summary>
    public Task MoveLeaderAsync(ulong target, CancellationToken cancellation = default)
    {
        var request = new MoveLeaderRequest { TargetID = target };
        return CallUpkeepAsync((upkeep, options) => upkeep.MoveLeaderAsync(request, options), false, cancellation);
    }

    /// <summary>
    /// Writes a snapshot of the member's database, which "etcdutl snapshot restore" takes. Returns how many bytes were written;
    /// the last 32 are the SHA-256 of the others.
    /// </summary>
    public async Task<long> SaveSnapshotAsync(Stream destination, CancellationToken cancellation = default)
    {
        try
        {
            using AsyncServerStreamingCall<SnapshotResponse> stream = await OpenAsync(
                (calls, options) => new Maintenance.MaintenanceClient(calls).Snapshot(new SnapshotRequest(), options),
                    cancellation).ConfigureAwait(false);
            long size = 0;
            ulong remaining = 0;
            while (await stream.ResponseStream.MoveNext(cancellation).ConfigureAwait(false))
            {
                SnapshotResponse part = stream.ResponseStream.Current;
                await destination.WriteAsync(part.Blob.Memory, cancellation).ConfigureAwait(false);
                size += part.Blob.Length;
                remaining = part.RemainingBytes;
            }

            return remaining == 0 ? size : throw new EtcdException(StatusCode.DataLoss,
                $"the snapshot ended {remaining} bytes early");
        }
        catch (RpcException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw Translate(error);
        }
    }

    private Task<T> CallUpkeepAsync<T>(Func<Maintenance.MaintenanceClient, CallOptions, AsyncUnaryCall<T>> call, bool isRead,
        CancellationToken cancellation) =>
        CallAsync((calls, options) => call(new Maintenance.MaintenanceClient(calls), options), isRead, cancellation);
}
