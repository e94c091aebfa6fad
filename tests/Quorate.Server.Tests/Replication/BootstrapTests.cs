using Quorate.Server.Replication;
using Quorate.Storage.Wal;

namespace Quorate.Server.Tests.Replication;

public sealed class BootstrapTests
{
    [Fact]
    public void An_own_name_that_is_not_in_the_cluster_is_refused() =>
        Refused("couldn't find local name \"other\" in the initial cluster configuration", options => options with { Name = "other" });

    [Fact]
    public void Advertised_urls_that_differ_are_refused() => Refused(
        "--initial-cluster has a=http://10.0.0.1:2380 but missing from --initial-advertise-peer-urls=http://10.0.0.7:2380 "
            + "(resolved urls: \"http://10.0.0.7:2380\" != \"http://10.0.0.1:2380\")",
        options => options with { PeerUrls = ["http://10.0.0.7:2380"] });

    [Fact]
    public void More_advertised_urls_than_the_cluster_has_are_refused() => Refused(
        "--initial-advertise-peer-urls has http://10.0.0.7:2380 but missing from --initial-cluster=a=http://10.0.0.1:2380,a=http://10.0.0.7:2380",
        options => options with { PeerUrls = ["http://10.0.0.1:2380", "http://10.0.0.7:2380"] });

    [Fact]
    public void Urls_that_resolve_to_the_same_are_accepted()
    {
        var cluster = new VirtualCluster("a");
        cluster[0].Adjust = options => options with
        {
            PeerUrls = ["http://a.local:2380"],
            ResolveUrl = (url, _) => Task.FromResult(url.Replace("a.local", "10.0.0.1", StringComparison.Ordinal)),
        };
        cluster[0].Start();
        cluster.Until(() => cluster[0].Running.IsReady);
    }

    [Fact]
    public void A_url_that_is_there_twice_is_refused() => Refused(
        "initial cluster a=http://10.0.0.1:2380,b=http://10.0.0.1:2380 has duplicate url",
        options => options with { InitialCluster = [("b", ["http://10.0.0.1:2380"]), ("a", ["http://10.0.0.1:2380"])] });

    [Fact]
    public void Nobody_to_join_is_told() => Refused(
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
        options => options with { JoinsExisting = true });

    [Fact]
    public void A_number_of_members_that_does_not_match_is_refused()
    {
        VirtualCluster cluster = VirtualCluster.Started("a");
        VirtualMember joiner = cluster.AddMachine("b");
        BootstrapException error = Assert.Throws<BootstrapException>(() => joiner.Start(joins: true));
        Assert.StartsWith("error validating peerURLs {ClusterID:", error.Message, StringComparison.Ordinal);
        Assert.EndsWith(" RemovedMemberIDs:[]}: member count is unequal", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_that_was_there_before_may_not_begin_anew()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        ulong id = cluster[2].Running.Id;
        cluster[2].Stop();
        cluster[2].Adjust = options => options with { DataDirectory = "/empty" };
        BootstrapException error = Assert.Throws<BootstrapException>(() => cluster[2].Start());
        Assert.Equal($"member {id:x} has already been bootstrapped", error.Message);
    }

    [Fact]
    public void A_cluster_of_a_newer_version_is_not_joined()
    {
        VirtualCluster cluster = VirtualCluster.Started("a");
        VirtualMember joiner = cluster.AddMachine("b");
        joiner.CompatVersion = new Version(3, 5);
        cluster.Wait(cluster[0].Running.AddMemberAsync([joiner.PeerUrl], isLearner: false, CancellationToken.None));
        Assert.Equal("incompatible with current running cluster", Assert.Throws<BootstrapException>(() => joiner.Start(joins: true)).Message);
    }

    [Fact]
    public void A_directory_of_a_newer_cluster_is_refused()
    {
        VirtualCluster cluster = VirtualCluster.Started("a");
        cluster[0].Stop();
        cluster[0].CompatVersion = new Version(3, 5);
        Assert.Equal("invalid downgrade; server version is lower than determined cluster version",
            Assert.Throws<BootstrapException>(() => cluster[0].Start()).Message);
        cluster[0].CompatVersion = new Version(3, 6);
        Assert.Equal("version \"3.7.0\" is not supported", Assert.Throws<BootstrapException>(() => cluster[0].Start()).Message);
    }

    [Fact]
    public void The_first_log_of_a_cluster_is_the_same_at_all_its_members()
    {
        var cluster = new VirtualCluster("a", "b", "c");
        cluster.Machines.ForEach(machine => machine.Start());
        WalContents[] logs = [.. cluster.Machines.Select(machine => WriteAheadLog.Read(machine.Running.Options.Files, "/data/member/wal", default))];
        Assert.All(logs, log => Assert.Equal(new Raft.HardState(1, 0, 3), log.HardState));
        Assert.All(logs, log => Assert.Equal(
            logs[0].Entries.Select(entry => (entry.Index, entry.Term, Convert.ToHexString(entry.Data.Span))),
            log.Entries.Select(entry => (entry.Index, entry.Term, Convert.ToHexString(entry.Data.Span)))));
        ulong[] ids = [.. logs[0].Entries.Select(entry => Raft.RaftWire.DecodeConfChange(entry.Data).NodeId)];
        Assert.Equal(ids.Order(), ids);
    }

    [Fact]
    public void Of_a_cluster_that_is_lost_one_member_makes_a_new_one()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.Put(cluster[0], "key", "value");
        cluster.RunFor(TimeSpan.FromSeconds(1));
        cluster.Machines.ForEach(machine => machine.Crash());
        cluster[1].Adjust = options => options with { ForceNewCluster = true };
        cluster[1].Start();
        cluster.Until(() => cluster[1].Running.IsReady);
        Assert.Equal("b", Assert.Single(cluster[1].Running.Cluster.Sorted).Name);
        Assert.Equal(2, cluster[1].Running.Cluster.Removed.Count);
        Assert.Equal("value", cluster.Get(cluster[1], "key"));
        cluster[1].Adjust = options => options;
        cluster[1].Crash();
        cluster[1].Start();
        cluster.Until(() => cluster[1].Running.IsReady);
        cluster.Put(cluster[1], "key", "again");
    }

    private static void Refused(string message, Func<MemberOptions, MemberOptions> adjust)
    {
        var cluster = new VirtualCluster("a");
        cluster[0].Adjust = adjust;
        Assert.Equal(message, Assert.Throws<BootstrapException>(() => cluster[0].Start()).Message);
    }
}
