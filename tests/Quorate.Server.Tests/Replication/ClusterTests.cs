using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;

namespace Quorate.Server.Tests.Replication;

public sealed class ClusterTests
{
    [Fact]
    public void A_put_through_any_member_is_read_through_any_member()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        foreach (VirtualMember writer in cluster.Machines)
        {
            cluster.Put(writer, writer.Name, "value");
            foreach (VirtualMember reader in cluster.Machines)
            {
                Assert.Equal("value", cluster.Get(reader, writer.Name));
            }
        }

        Assert.Single(cluster.Machines.Select(machine => machine.Running.Keyspace.HashKv(0)).Distinct());
        Assert.Equal(["a", "b", "c"], cluster[0].Running.Cluster.Sorted.Select(member => member.Name).Order());
        Assert.Equal(new Version(3, 7), cluster[0].Running.Cluster.Version);
    }

    [Fact]
    public void Many_proposals_at_once_go_into_few_writes()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        long syncs = cluster.Leader.Disk.Syncs;
        Task<object>[] puts = [.. Enumerable.Range(0, 500).Select(number => cluster.Propose(cluster.Leader, $"key{number}", "value"))];
        cluster.Wait(Task.WhenAll(puts));
        Assert.True(cluster.Leader.Disk.Syncs - syncs < 20);
        Assert.Equal(501, cluster.Leader.Running.Keyspace.Revision);
    }

    [Fact]
    public void When_the_leader_is_lost_the_others_go_on_and_it_catches_up_later()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        cluster.Put(cluster[0], "before", "1");
        VirtualMember lost = cluster.Leader;
        lost.Crash();
        cluster.Until(() => cluster.RunningMachines.Any(machine => machine.Running.IsLeader));
        VirtualMember other = cluster.RunningMachines.First();
        cluster.Put(other, "after", "2");
        lost.Start();
        cluster.Until(() => lost.Running.IsReady);
        Assert.Equal("1", cluster.Get(lost, "before"));
        Assert.Equal("2", cluster.Get(lost, "after"));
    }

    [Fact]
    public void Nothing_acknowledged_is_lost_when_all_crash_at_once()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        for (int number = 0; number < 20; number++)
        {
            cluster.Put(cluster[number % 3], $"key{number}", "value");
        }

        cluster.Machines.ForEach(machine => machine.Crash());
        cluster.Machines.ForEach(machine => machine.Start());
        cluster.Until(() => cluster.Machines.TrueForAll(machine => machine.Running.IsReady));
        for (int number = 0; number < 20; number++)
        {
            Assert.Equal("value", cluster.Get(cluster[(number + 1) % 3], $"key{number}"));
        }
    }

    [Fact]
    public void A_member_that_was_away_for_long_is_sent_a_snapshot()
    {
        var cluster = new VirtualCluster("a", "b", "c");
        cluster.Machines.ForEach(machine => machine.Adjust = options => options with { SnapshotCount = 50, SnapshotCatchUpEntries = 10 });
        cluster.Machines.ForEach(machine => machine.Start());
        cluster.Until(() => cluster.Machines.TrueForAll(machine => machine.Running.IsReady));
        VirtualMember away = cluster.Machines.First(machine => !machine.Running.IsLeader);
        away.Stop();
        for (int number = 0; number < 300; number++)
        {
            cluster.Put(cluster.Leader, $"key{number}", "value");
        }

        cluster.RunFor(TimeSpan.FromSeconds(1));
        away.Lines.Clear();
        away.Start();
        cluster.Until(() => away.Running.IsReady);
        Assert.Contains(away.Lines, line => line.Contains("applied snapshot", StringComparison.Ordinal));
        Assert.Equal("value", cluster.Get(away, "key299"));
        cluster.Put(away, "behind", "snapshot");
        Assert.Equal("snapshot", cluster.Get(cluster.Leader, "behind"));
        Assert.Single(cluster.Machines.Select(machine => machine.Running.Keyspace.HashKv(cluster.Leader.Running.Keyspace.Revision)).Distinct());

        away.Crash();
        away.Start();
        cluster.Until(() => away.Running.IsReady);
        Assert.Equal("snapshot", cluster.Get(away, "behind"));
        Assert.Equal("value", cluster.Get(away, "key0"));
    }

    [Fact]
    public void Without_a_quorum_writes_and_reads_end_with_their_errors()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        VirtualMember alone = cluster.Machines.First(machine => !machine.Running.IsLeader);
        cluster.Machines.Where(machine => machine != alone).ToList().ForEach(machine => machine.Crash());
        Task<object> early = cluster.Propose(alone, "key", "early");
        cluster.Until(() => alone.Running.LeaderId == 0);
        Task<object> late = cluster.Propose(alone, "key", "late");
        Task read = alone.Running.ReadBarrierAsync(CancellationToken.None).AsTask();
        EtcdException error = Assert.Throws<EtcdException>(() => cluster.Wait(late));
        Assert.Equal((Grpc.Core.StatusCode.DeadlineExceeded, "context deadline exceeded"), (error.Code, error.Message));
        error = Assert.Throws<EtcdException>(() => cluster.Wait(early));
        Assert.StartsWith("etcdserver: request timed out", error.Message, StringComparison.Ordinal);
        Assert.Equal("etcdserver: request timed out", Assert.Throws<EtcdException>(() => cluster.Wait(read)).Message);
    }

    [Fact]
    public void A_caller_who_gives_up_is_let_go()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        VirtualMember alone = cluster.Machines.First(machine => !machine.Running.IsLeader);
        cluster.Machines.Where(machine => machine != alone).ToList().ForEach(machine => machine.Crash());
        using var cancellation = new CancellationTokenSource();
        Task<object> put = cluster.Propose(alone, "key", "value", cancellation.Token);
        cancellation.Cancel();
        Assert.Throws<OperationCanceledException>(() => cluster.Wait(put));
    }

    [Fact]
    public void The_leader_is_moved_and_hands_over_when_it_stops()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        VirtualMember first = cluster.Leader, second = cluster.Machines.First(machine => machine != first);
        EtcdException error = Assert.Throws<EtcdException>(() => cluster.Wait(second.Running.MoveLeaderAsync(first.Running.Id, CancellationToken.None)));
        Assert.Equal("etcdserver: not leader", error.Message);
        error = Assert.Throws<EtcdException>(() => cluster.Wait(first.Running.MoveLeaderAsync(1234, CancellationToken.None)));
        Assert.Equal("etcdserver: bad leader transferee", error.Message);
        ulong term = first.Running.Term;
        cluster.Wait(first.Running.MoveLeaderAsync(second.Running.Id, CancellationToken.None));
        cluster.Until(() => second.Running.IsLeader);
        Assert.Equal(term + 1, second.Running.Term);
        DateTimeOffset before = cluster.Time.GetUtcNow();
        second.Stop();
        Assert.Contains(cluster.RunningMachines, machine => machine.Running.IsLeader);
        Assert.True(cluster.Time.GetUtcNow() - before < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_lease_is_renewed_and_looked_at_through_any_member()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        VirtualMember follower = cluster.Machines.First(machine => !machine.Running.IsLeader);
        cluster.Wait(follower.Running.ProposeAsync(
            new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = 9, TTL = 60 } }, CancellationToken.None).AsTask());
        Assert.Equal(60, cluster.Wait(follower.Running.RenewLeaseAsync(9, CancellationToken.None)));
        LeaseTimeToLiveResponse lease = cluster.Wait(follower.Running.LeaseTimeToLiveAsync(9, true, CancellationToken.None));
        Assert.Equal((9, 60), (lease.ID, lease.GrantedTTL));
        Assert.Equal(0, cluster.Wait(follower.Running.RenewLeaseAsync(10, CancellationToken.None)));
    }

    [Fact]
    public void The_first_entries_and_published_names_are_as_etcd_writes_them()
    {
        VirtualCluster cluster = VirtualCluster.Started("a", "b", "c");
        Message append = cluster.Machines.SelectMany(machine => machine.Sent)
            .First(message => message.Type == MessageType.App && message.Entries.Count > 0);
        Assert.Equal(4UL, append.Entries[0].Index);
        Assert.Equal(2UL, append.Term);
        ClusterMember first = cluster[0].Running.Cluster.Sorted[0];
        Assert.Equal([cluster.Find(first.Id).ClientUrl], first.ClientUrls);
    }

    [Fact]
    public void Next_to_members_of_3_4_the_entries_are_of_the_second_api()
    {
        var cluster = new VirtualCluster("a", "b", "c");
        cluster[1].CompatVersion = new Version(3, 4);
        cluster.Machines.ForEach(machine => machine.Start());
        cluster.Until(() => cluster.Machines.TrueForAll(machine => machine.Running.IsReady && machine.Running.Cluster.Version is not null));
        Assert.Equal(new Version(3, 4), cluster[0].Running.Cluster.Version);
        Entry[] entries = [.. cluster.Machines.SelectMany(machine => machine.Sent).Where(message => message.Type == MessageType.App)
            .SelectMany(message => message.Entries).Where(entry => entry.Type == EntryType.Normal && entry.Data.Length > 0)];
        Assert.NotEmpty(entries);
        Assert.All(entries, entry => Assert.Equal("PUT", Request.Parser.ParseFrom(entry.Data.Span).Method));
        Assert.Equal(1, cluster[0].Running.Keyspace.Revision);
    }
}
