using Quorate.Protocol;
using Quorate.Server.Membership;
using Quorate.Server.Tests.Replication;

namespace Quorate.Server.Tests.Membership;

public sealed class MembershipChangeTests
{
    private static readonly TimeSpan s_untilHealthy = TimeSpan.FromSeconds(6);

    [Fact]
    public void A_member_is_added_and_joins()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.Put(cluster[0], "key", "value");
        cluster.RunFor(s_untilHealthy);
        VirtualMember joiner = cluster.AddMachine("d");
        ClusterMember added = cluster.Wait(cluster[1].Running.AddMemberAsync([joiner.PeerUrl], isLearner: false, CancellationToken.None));
        Assert.Equal(MemberIds.OfAddedMember([joiner.PeerUrl], cluster.Time.GetUtcNow()), added.Id);
        joiner.Start(joins: true);
        cluster.Until(() => joiner.Running.IsReady);
        Assert.Equal("value", cluster.Get(joiner, "key"));
        Assert.Equal(added.Id, joiner.Running.Id);
        Assert.All(cluster.Machines, machine => Assert.Equal(["a", "b", "c", "d"], machine.Running.Cluster.Sorted.Select(member => member.Name).Order()));
        cluster.Put(joiner, "joined", "yes");
        Assert.Equal("yes", cluster.Get(cluster[0], "joined"));
    }

    [Fact]
    public void A_member_joins_a_cluster_of_one()
    {
        VirtualCluster cluster = VirtualCluster.Started("a");
        VirtualMember joiner = cluster.AddMachine("b");
        cluster.Wait(cluster[0].Running.AddMemberAsync([joiner.PeerUrl], isLearner: false, CancellationToken.None));
        joiner.Start(joins: true);
        cluster.Until(() => joiner.Running.IsReady);
        cluster.Put(joiner, "key", "value");
        Assert.Equal("value", cluster.Get(cluster[0], "key"));
        Assert.False(cluster[0].Running.ReadBarrierAsync(CancellationToken.None).IsCompleted);

        joiner.Crash();
        joiner.Start();
        cluster.Until(() => joiner.Running.IsReady);
        Assert.Equal("value", cluster.Get(joiner, "key"));
    }

    [Fact]
    public void A_learner_is_promoted_when_it_has_caught_up()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.RunFor(s_untilHealthy);
        VirtualMember learner = cluster.AddMachine("d");
        ClusterMember added = cluster.Wait(cluster[0].Running.AddMemberAsync([learner.PeerUrl], isLearner: true, CancellationToken.None));
        Assert.True(cluster[1].Running.Cluster.Members[added.Id].IsLearner);
        VirtualMember follower = cluster.Machines.First(machine => machine.Member is { IsLeader: false });
        Expect(EtcdErrors.LearnerNotReady, () => cluster.Wait(follower.Running.PromoteMemberAsync(added.Id, null, CancellationToken.None)));
        Expect(EtcdErrors.TooManyLearners,
            () => cluster.Wait(cluster[0].Running.AddMemberAsync(["http://10.0.0.9:2380"], isLearner: true, CancellationToken.None)));
        Expect(EtcdErrors.MemberNotLearner, () => cluster.Wait(cluster[0].Running.PromoteMemberAsync(cluster[1].Running.Id, null, CancellationToken.None)));
        Expect(EtcdErrors.MemberNotFound, () => cluster.Wait(cluster[0].Running.PromoteMemberAsync(99, null, CancellationToken.None)));

        learner.Start(joins: true);
        cluster.Until(() => learner.Running.IsReady);
        Assert.True(learner.Running.IsLearner);
        cluster.Wait(follower.Running.PromoteMemberAsync(added.Id, null, CancellationToken.None));
        cluster.Until(() => !learner.Running.IsLearner);
        Assert.Equal([learner.PeerUrl], follower.Running.Cluster.Members[added.Id].PeerUrls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_removed_member_ends_and_the_others_go_on(bool removesLeader)
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.RunFor(s_untilHealthy);
        VirtualMember leaving = removesLeader ? cluster.Leader : cluster.Machines.First(machine => !machine.Running.IsLeader);
        ulong id = leaving.Running.Id;
        cluster.Wait(cluster.Leader.Running.RemoveMemberAsync(id, CancellationToken.None));
        Assert.False(leaving.Running.Stopped.IsCompleted);
        cluster.Until(() => leaving.Running.Stopped.IsCompleted);
        Assert.True(leaving.Running.WasRemoved);
        Assert.Equal("the member has been permanently removed from the cluster", cluster.Wait(leaving.Running.Stopped));
        cluster.Machines.Remove(leaving);
        cluster.Until(() => cluster.RunningMachines.Any(machine => machine.Running.IsLeader));
        cluster.Put(cluster[0], "after", "removal");
        Assert.True(cluster[1].Running.IsRemoved(id));
        Expect(EtcdErrors.MemberNotFound, () => cluster.Wait(cluster[0].Running.RemoveMemberAsync(id, CancellationToken.None)));
    }

    [Fact]
    public void Changes_that_could_cost_the_quorum_are_refused()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        Expect(EtcdErrors.UnhealthyCluster, () => cluster.Wait(cluster[0].Running.AddMemberAsync(["http://10.0.0.9:2380"], false, CancellationToken.None)));
        cluster.RunFor(s_untilHealthy);
        Expect(EtcdErrors.PeerUrlsExist, () => cluster.Wait(cluster[0].Running.AddMemberAsync([cluster[1].PeerUrl], false, CancellationToken.None)));
        VirtualMember down = cluster.Machines.First(machine => !machine.Running.IsLeader);
        ulong downId = down.Running.Id;
        down.Crash();
        ulong healthy = cluster.RunningMachines.First(machine => !machine.Running.IsLeader).Running.Id;
        Expect(EtcdErrors.UnhealthyCluster, () => cluster.Wait(cluster.Leader.Running.RemoveMemberAsync(healthy, CancellationToken.None)));
        Expect(EtcdErrors.UnhealthyCluster, () => cluster.Wait(cluster.Leader.Running.AddMemberAsync(["http://10.0.0.9:2380"], false, CancellationToken.None)));
        cluster.Wait(cluster.Leader.Running.RemoveMemberAsync(downId, CancellationToken.None));
        Assert.Equal(2, cluster.Leader.Running.Cluster.Members.Count);
    }

    [Fact]
    public void The_last_voter_is_never_removed_and_a_second_one_that_did_not_start_may_be()
    {
        VirtualCluster cluster = VirtualCluster.Started("a");
        Expect(EtcdErrors.NotEnoughStartedMembers, () => cluster.Wait(cluster[0].Running.RemoveMemberAsync(cluster[0].Running.Id, CancellationToken.None)));
        ClusterMember learner = cluster.Wait(cluster[0].Running.AddMemberAsync(["http://10.0.0.9:2380"], true, CancellationToken.None));
        cluster.Wait(cluster[0].Running.RemoveMemberAsync(learner.Id, CancellationToken.None));
        Assert.Single(cluster[0].Running.Cluster.Members);
    }

    [Fact]
    public void New_peer_urls_are_taken_without_a_check_of_their_form()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        ulong id = cluster[2].Running.Id;
        cluster.Wait(cluster[0].Running.UpdateMemberAsync(id, ["not a url"], CancellationToken.None));
        cluster.RunFor(TimeSpan.FromSeconds(1));
        Assert.All(cluster.Machines, machine => Assert.Equal(["not a url"], machine.Running.Cluster.Members[id].PeerUrls));
        Assert.Equal("c", cluster[0].Running.Cluster.Members[id].Name);
        Expect(EtcdErrors.PeerUrlsExist, () => cluster.Wait(cluster[0].Running.UpdateMemberAsync(id, [cluster[0].PeerUrl], CancellationToken.None)));
        Expect(EtcdErrors.MemberNotFound, () => cluster.Wait(cluster[0].Running.UpdateMemberAsync(12, ["http://10.0.0.9:1"], CancellationToken.None)));
    }

    [Fact]
    public void Several_changes_at_once_are_made_one_after_the_other()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        Task[] changes = [.. cluster.Machines.Select(machine => cluster[0].Running.UpdateMemberAsync(
            machine.Running.Id, [machine.PeerUrl, machine.PeerUrl + "1"], CancellationToken.None))];
        cluster.Wait(Task.WhenAll(changes));
        Assert.All(cluster[0].Running.Cluster.Sorted, member => Assert.Equal(2, member.PeerUrls.Count));
    }

    [Fact]
    public void A_downgrade_lowers_the_version_and_ends_when_all_members_are_there()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.Wait(cluster[0].Running.ProposeAsync(
            new InternalRaftRequest { DowngradeInfoSet = new Protocol.Membership.DowngradeInfoSetRequest { Enabled = true, Ver = "3.6.0" } },
            CancellationToken.None).AsTask());
        cluster.Until(() => cluster[0].Running.Cluster.Version == new Version(3, 6));
        Assert.Equal(new Version(3, 6), cluster[0].Running.Cluster.DowngradeTarget);
        foreach (VirtualMember machine in cluster.Machines)
        {
            machine.Stop();
            machine.CompatVersion = new Version(3, 6);
            machine.Start();
            cluster.Until(() => machine.Running.IsReady);
        }

        cluster.Until(() => cluster[0].Running.Cluster.DowngradeTarget is null);
        Assert.Equal(new Version(3, 6), cluster[0].Running.Cluster.Version);
    }

    private static void Expect(EtcdException expected, Action action)
    {
        EtcdException error = Assert.Throws<EtcdException>(action);
        Assert.Equal((expected.Code, expected.Message), (error.Code, error.Message));
    }
}
