using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>A cluster of processes on loopback addresses.</summary>
public sealed class TestCluster : IAsyncDisposable
{
    public List<ClusterMember> Members { get; } = [];

    /// <summary>Starts one member for each program.</summary>
    public static async Task<TestCluster> StartAsync(string[] programs, params string[] arguments)
    {
        var cluster = new TestCluster();
        for (int index = 0; index < programs.Length; index++)
        {
            var member = new ClusterMember($"m{index + 1}", Host.Loopback(), programs[index]);
            member.ExtraArguments.AddRange(arguments);
            cluster.Members.Add(member);
        }

        foreach (ClusterMember member in cluster.Members)
        {
            member.Start(cluster.InitialCluster);
        }

        await cluster.HealthyAsync();
        return cluster;
    }

    public string InitialCluster => string.Join(',', Members.Select(member => member.PeerEntry));

    /// <summary>Waits until every member answers a linearizable read.</summary>
    public async Task HealthyAsync()
    {
        foreach (ClusterMember member in Members)
        {
            using var connection = new Connection(member);
            await Eventually.HoldsAsync(async () =>
                {
                    try
                    {
                        await connection.Kv.RangeAsync(new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("health") },
                            deadline: Connection.Within(5));
                        return true;
                    }
                    catch (RpcException)
                    {
                        return false;
                    }
                },
                () => $"{member.Name} is not healthy: {member.Program!.Output}");
        }
    }

    /// <summary>Waits until the hashes of the whole history are the same at every member.</summary>
    public async Task AssertEqualHashesAsync()
    {
        Connection[] connections = [.. Members.Select(member => new Connection(member))];
        string told = "";
        await Eventually.HoldsAsync(async () =>
            {
                try
                {
                    var hashes = new List<(uint Hash, long Compacted, long Revision)>();
                    foreach (Connection connection in connections)
                    {
                        HashKVResponse response = await connection.Maintenance.HashKVAsync(new HashKVRequest(), deadline: Connection.Within(5));
                        hashes.Add((response.Hash, response.CompactRevision, response.Header.Revision));
                    }

                    told = string.Join(", ", hashes);
                    return hashes.Distinct().Count() == 1;
                }
                catch (RpcException error)
                {
                    told = error.Status.ToString();
                    return false;
                }
            },
            () => $"hashes differ: {told}");
        foreach (Connection connection in connections)
        {
            connection.Dispose();
        }
    }

    /// <summary>The member that leads, by its own word.</summary>
    public async Task<ClusterMember> LeaderAsync()
    {
        ClusterMember? leader = null;
        await Eventually.HoldsAsync(async () =>
            {
                foreach (ClusterMember member in Members.Where(member => member.Program is { HasExited: false }))
                {
                    using var connection = new Connection(member);
                    try
                    {
                        StatusResponse status = await connection.Maintenance.StatusAsync(new StatusRequest(), deadline: Connection.Within(2));
                        if (status.Leader != 0 && status.Leader == status.Header.MemberId)
                        {
                            leader = member;
                            return true;
                        }
                    }
                    catch (RpcException)
                    {
                        // A member that is starting or ending does not lead.
                    }
                }

                return false;
            },
            () => "no member leads");
        return leader!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ClusterMember member in Members)
        {
            await member.DisposeAsync();
        }
    }
}
