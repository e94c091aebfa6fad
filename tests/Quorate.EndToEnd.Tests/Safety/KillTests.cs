using Quorate.EndToEnd.Tests.Processes;

namespace Quorate.EndToEnd.Tests.Safety;

/// <summary>Members killed with SIGKILL under a write load: nothing acknowledged is lost, and all end with the same hash.</summary>
public sealed class KillTests
{
    /// <param name="snapshotCount">With 50, a member that was away comes back by a snapshot; with 10,000, by the log.</param>
    [Theory]
    [InlineData(10_000)]
    [InlineData(50)]
    public async Task A_killed_member_loses_nothing_and_catches_up(int snapshotCount)
    {
        await using TestCluster cluster = await TestCluster.StartAsync([Programs.Etcd, Programs.Etcd, Programs.Etcd],
            $"--snapshot-count={snapshotCount}", "--heartbeat-interval=50", "--election-timeout=500");
        await using var load = new WriteLoad([.. cluster.Members]);
        for (int round = 0; round < 10; round++)
        {
            await load.MoreAsync(100);
            ClusterMember victim = round % 2 == 0 ? await cluster.LeaderAsync() : cluster.Members[round % 3];
            await victim.KillAsync();
            await load.MoreAsync(300);
            victim.Restart();
            await cluster.HealthyAsync();
        }

        await load.StopAsync();
        foreach (ClusterMember member in cluster.Members)
        {
            await load.AssertAllThereAsync(member);
        }

        await cluster.AssertEqualHashesAsync();
    }

    [Fact]
    public async Task A_single_member_killed_fifty_times_restarts_with_every_acknowledged_write()
    {
        await using TestCluster cluster = await TestCluster.StartAsync([Programs.Etcd], "--snapshot-count=100");
        ClusterMember member = cluster.Members[0];
        await using var load = new WriteLoad([member]);
        var random = new Random(1);
        for (int round = 0; round < 50; round++)
        {
            await load.MoreAsync(random.Next(1, 150));
            await member.KillAsync();
            member.Restart();
        }

        await load.MoreAsync(1);
        await load.StopAsync();
        await load.AssertAllThereAsync(member);
    }
}
