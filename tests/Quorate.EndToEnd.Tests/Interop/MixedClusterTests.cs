using System.Text.RegularExpressions;
using Quorate.EndToEnd.Tests.Processes;
using Quorate.Protocol;

namespace Quorate.EndToEnd.Tests.Interop;

/// <summary>One cluster with Go etcd: join it, lead it, replace it, go back.</summary>
public sealed partial class MixedClusterTests
{
    private static readonly string[] s_quick = ["--heartbeat-interval=50", "--election-timeout=500"];

    public static TheoryData<string, bool, bool, int> Joins()
    {
        var data = new TheoryData<string, bool, bool, int>();
        foreach (string version in (string[])["3.4", "3.5"])
        {
            data.Add(version, true, false, 10_000);
            data.Add(version, true, true, 20);
            data.Add(version, false, false, 20);
            data.Add(version, false, true, 10_000);
        }

        return data;
    }

    /// <param name="oursJoins">Ours joins a Go cluster; else Go joins ours.</param>
    /// <param name="learner">The new member comes as a learner and is promoted.</param>
    /// <param name="snapshotCount">With 20, the new member gets a snapshot; with 10,000, the log.</param>
    [Theory]
    [MemberData(nameof(Joins))]
    public async Task A_member_of_the_other_kind_joins_leads_and_leaves(string version, bool oursJoins, bool learner, int snapshotCount)
    {
        string go = Programs.Go(version, "etcd");
        string[] arguments = [.. s_quick, $"--snapshot-count={snapshotCount}"];
        await using TestCluster cluster = await TestCluster.StartAsync(
            oursJoins ? [go, go, go] : [Programs.Etcd, Programs.Etcd, Programs.Etcd],
            oursJoins ? arguments : [.. arguments, $"--compat-version={version}"]);
        var ctl = new Ctl(Programs.Go(version, "etcdctl"), Ctl.EndpointsOf(cluster.Members));
        await using var load = new WriteLoad([.. cluster.Members]);
        await load.MoreAsync(200);

        var newcomer = new ClusterMember("newcomer", Host.Loopback(), oursJoins ? Programs.Etcd : go);
        newcomer.ExtraArguments.AddRange(oursJoins ? [.. arguments, $"--compat-version={version}"] : arguments);
        string id = await AddAsync(cluster, ctl, newcomer, learner);
        if (learner)
        {
            await ctl.UntilAsync(_ => true, "member", "promote", id);
        }

        await cluster.HealthyAsync();
        for (int round = 0; round < 4; round++)
        {
            await MoveLeaderAsync(cluster, round % 2 == 0 ? newcomer : cluster.Members[round % 3]);
            await load.MoreAsync(50);
        }

        await MoveLeaderAsync(cluster, newcomer);
        await newcomer.KillAsync();
        await load.MoreAsync(100);
        newcomer.Restart();
        await cluster.HealthyAsync();
        await load.StopAsync();
        foreach (ClusterMember member in cluster.Members)
        {
            await load.AssertAllThereAsync(member);
        }

        await cluster.AssertEqualHashesAsync();
        await ctl.RunAsync("member", "remove", id);
        await newcomer.Program!.ExitAsync();
    }

    [Theory]
    [InlineData("3.4")]
    [InlineData("3.5")]
    public async Task A_Go_cluster_is_replaced_member_by_member_and_back(string version)
    {
        string go = Programs.Go(version, "etcd");
        await using TestCluster cluster = await TestCluster.StartAsync([go, go, go], s_quick);
        await using var load = new WriteLoad([.. cluster.Members], writers: 8);
        using var leases = new LiveLeases(cluster.Members[0]);
        await leases.GrantAsync(100);
        await load.MoreAsync(100);
        load.StartMeasuringPauses();
        var loads = new List<WriteLoad> { load };
        foreach (string program in (string[])[Programs.Etcd, Programs.Etcd, Programs.Etcd, go, go, go])
        {
            var ctl = new Ctl(Programs.Go(version, "etcdctl"), Ctl.EndpointsOf(cluster.Members));
            var newcomer = new ClusterMember($"n{loads.Count}", Host.Loopback(), program);
            newcomer.ExtraArguments.AddRange(program == go ? s_quick : [.. s_quick, $"--compat-version={version}"]);
            await AddAsync(cluster, ctl, newcomer, learner: false);
            await cluster.HealthyAsync();

            // The writers go over to the members that stay, then the oldest member leaves.
            ClusterMember oldest = cluster.Members[0];
            var next = new WriteLoad([.. cluster.Members.Skip(1)], writers: 8, prefix: $"w{(char)('a' + loads.Count)}");
            await loads[^1].StopAsync();
            loads.Add(next);
            string oldestId = await IdAsync(ctl, oldest);
            await new Ctl(ctl.Program, Ctl.EndpointsOf(cluster.Members.Skip(1))).UntilAsync(_ => true, "member", "remove", oldestId);
            await oldest.Program!.ExitAsync();
            cluster.Members.RemoveAt(0);
            await oldest.DisposeAsync();
            leases.MoveTo(cluster.Members[0]);
            await next.MoreAsync(50);
            await leases.KeepAliveAsync();
        }

        foreach (WriteLoad each in loads)
        {
            await each.DisposeAsync();
            await each.AssertAllThereAsync(cluster.Members[^1]);
        }

        await leases.AssertAllLiveAsync();
        await cluster.AssertEqualHashesAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"longest pause of writes: {loads.Max(each => each.LongestPause)} ms");
    }

    private static async Task<string> AddAsync(TestCluster cluster, Ctl ctl, ClusterMember newcomer, bool learner)
    {
        string[] words = ["member", "add", newcomer.Name, $"--peer-urls={newcomer.Host.PeerUrl}"];
        string added = await ctl.UntilAsync(_ => true, learner ? [.. words, "--learner"] : words);
        cluster.Members.Add(newcomer);
        newcomer.Start(InitialCluster().Match(added).Groups[1].Value, "existing");
        await ctl.UntilAsync(output => !output.Contains("unstarted", StringComparison.Ordinal), "member", "list");
        return AddedId().Match(added).Groups[1].Value;
    }

    private static async Task<string> IdAsync(Ctl ctl, ClusterMember member)
    {
        string list = await ctl.RunAsync("member", "list");
        return list.Split('\n').Single(line => line.Contains(member.Host.PeerUrl, StringComparison.Ordinal)).Split(',')[0];
    }

    private static async Task MoveLeaderAsync(TestCluster cluster, ClusterMember target)
    {
        using var connection = new Connection(target);
        string told = "";
        await Eventually.HoldsAsync(async () =>
            {
                try
                {
                    StatusResponse status = await connection.Maintenance.StatusAsync(new StatusRequest(), deadline: Connection.Within(5));
                    if (status.Leader == status.Header.MemberId)
                    {
                        return true;
                    }

                    ClusterMember leader = await cluster.LeaderAsync();
                    using var toLeader = new Connection(leader);
                    await toLeader.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = status.Header.MemberId },
                        deadline: Connection.Within(10));
                }
                catch (Grpc.Core.RpcException error)
                {
                    told = error.Status.ToString();
                }

                return false;
            },
            () => $"leadership does not move to {target.Name}: {told}");
    }

    [GeneratedRegex("^Member +([0-9a-f]+) added")]
    private static partial Regex AddedId();

    [GeneratedRegex("ETCD_INITIAL_CLUSTER=\"([^\"]*)\"")]
    private static partial Regex InitialCluster();
}
