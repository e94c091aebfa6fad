using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Protocol;
using Quorate.Server.Replication;
using Quorate.Simulation.Cluster;

namespace Quorate.Simulation.Clients;

/// <summary>
/// Calls a member as its services do; a call has a time limit of its own, since a machine that crashes answers nothing.
/// </summary>
internal sealed class Caller(ClusterOfMachines cluster, Random random)
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>Errors that a client of a cluster with faults must live with; what happened is not known then.</summary>
    public static bool IsExpected(Exception error) =>
        error is EtcdException or TimeoutException or OperationCanceledException or IOException or ObjectDisposedException;

    /// <summary>A member that is up, any of them; null if none is.</summary>
    public IMember? Pick()
    {
        Machine[] up = [.. cluster.Machines.Where(machine => machine.IsServing)];
        return up.Length == 0 ? null : up[random.Next(up.Length)].Member;
    }

    public Task Sleep(TimeSpan time) => Task.Delay(time, cluster.Clock);

    public async Task<T> Propose<T>(IMember member, InternalRaftRequest request)
        where T : IMessage
    {
        using var limit = new CancellationTokenSource(Patience, cluster.Clock);
        return (T)await member.ProposeAsync(request, limit.Token).AsTask().WaitAsync(Patience, cluster.Clock);
    }

    public async Task<RangeResponse> Read(IMember member, RangeRequest request)
    {
        if (!request.Serializable)
        {
            using var limit = new CancellationTokenSource(Patience, cluster.Clock);
            await member.ReadBarrierAsync(limit.Token).AsTask().WaitAsync(Patience, cluster.Clock);
        }

        using RangeResult result = member.Keyspace.Range(request);
        RangeResponse response = result.ToResponse();
        response.Header ??= new ResponseHeader();
        response.Header.Revision = result.Revision;
        return response;
    }
}
