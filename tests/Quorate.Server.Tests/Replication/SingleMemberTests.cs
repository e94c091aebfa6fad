using Quorate.Protocol;

namespace Quorate.Server.Tests.Replication;

public sealed class SingleMemberTests
{
    [Fact]
    public void A_member_alone_starts_puts_and_gets()
    {
        VirtualCluster cluster = VirtualCluster.Started("alone");
        cluster.Put(cluster[0], "foo", "bar");
        Assert.Equal("bar", cluster.Get(cluster[0], "foo"));
        Assert.Equal(2, cluster[0].Running.Keyspace.Revision);
        Assert.Equal(new Version(3, 7), cluster[0].Running.Cluster.Version);
    }

    [Fact]
    public void A_read_of_a_member_alone_waits_for_nothing()
    {
        VirtualCluster cluster = VirtualCluster.Started("alone");
        Assert.True(cluster[0].Running.ReadBarrierAsync(CancellationToken.None).IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_put_is_there_after_a_restart(bool crashes)
    {
        VirtualCluster cluster = VirtualCluster.Started("alone");
        for (int number = 0; number < 50; number++)
        {
            cluster.Put(cluster[0], $"key{number}", $"{number}");
        }

        ulong term = cluster[0].Running.Term, id = cluster[0].Running.Id;
        if (crashes)
        {
            cluster[0].Crash();
        }
        else
        {
            cluster[0].Stop();
        }

        cluster[0].Start();
        cluster.Until(() => cluster[0].Running.IsReady);
        Assert.Equal("49", cluster.Get(cluster[0], "key49"));
        Assert.Equal("0", cluster.Get(cluster[0], "key0"));
        Assert.Equal(51, cluster[0].Running.Keyspace.Revision);
        Assert.Equal(id, cluster[0].Running.Id);
        Assert.True(cluster[0].Running.Term > term);
        Assert.True(cluster[0].Running.IsRestart);
    }

    [Fact]
    public void Snapshots_are_taken_as_entries_come_and_a_restart_goes_on_from_the_last()
    {
        var cluster = new VirtualCluster("alone");
        cluster[0].Adjust = options => options with { SnapshotCount = 10, SnapshotCatchUpEntries = 5 };
        cluster[0].Start();
        cluster.Until(() => cluster[0].Running.IsReady);
        for (int number = 0; number < 45; number++)
        {
            cluster.Put(cluster[0], "key", $"{number}");
        }

        cluster.RunFor(TimeSpan.FromSeconds(1));
        Assert.True(cluster[0].Lines.Count(line => line.Contains("saved snapshot to disk", StringComparison.Ordinal)) >= 3);
        cluster[0].Crash();
        cluster[0].Start();
        cluster.Until(() => cluster[0].Running.IsReady);
        Assert.Equal("44", cluster.Get(cluster[0], "key"));
        Assert.Equal(46, cluster[0].Running.Keyspace.Revision);
        cluster.Put(cluster[0], "key", "after");
        Assert.Equal("after", cluster.Get(cluster[0], "key"));
    }

    [Fact]
    public void A_request_over_the_limit_is_refused()
    {
        VirtualCluster cluster = VirtualCluster.Started("alone");
        EtcdException error = Assert.Throws<EtcdException>(() => cluster.Put(cluster[0], "big", new string('x', 1_572_864)));
        Assert.Equal("etcdserver: request is too large", error.Message);
    }

    [Fact]
    public void Leases_expire_and_take_their_keys_along()
    {
        VirtualCluster cluster = VirtualCluster.Started("alone");
        Server.Replication.Member member = cluster[0].Running;
        var granted = (LeaseGrantResponse)cluster.Wait(member.ProposeAsync(
            new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = 7, TTL = 1 } }, CancellationToken.None).AsTask());
        Assert.Equal(2, granted.TTL);
        cluster.Wait(member.ProposeAsync(
            new InternalRaftRequest { Put = new PutRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("k"), Lease = 7 } },
            CancellationToken.None).AsTask());
        cluster.RunFor(TimeSpan.FromSeconds(1.5));
        Assert.Equal(2, cluster.Wait(member.RenewLeaseAsync(7, CancellationToken.None)));
        cluster.RunFor(TimeSpan.FromSeconds(1.5));
        Assert.NotNull(VirtualCluster.Peek(cluster[0], "k"));
        cluster.RunFor(TimeSpan.FromSeconds(1.5));
        Assert.Null(VirtualCluster.Peek(cluster[0], "k"));
        Assert.Equal(0, cluster.Wait(member.RenewLeaseAsync(7, CancellationToken.None)));
        Assert.Equal(-1, cluster.Wait(member.LeaseTimeToLiveAsync(7, true, CancellationToken.None)).TTL);
    }

    [Fact]
    public void The_quota_raises_the_alarm_and_the_alarm_stops_what_needs_space()
    {
        var cluster = new VirtualCluster("alone");
        cluster[0].Adjust = options => options with { QuotaBackendBytes = 60_000 };
        cluster[0].Start();
        cluster.Until(() => cluster[0].Running.IsReady);
        EtcdException error = Assert.Throws<EtcdException>(() =>
        {
            for (int number = 0; number < 200; number++)
            {
                cluster.Put(cluster[0], $"key{number}", new string('v', 800));
                cluster.RunFor(TimeSpan.FromMilliseconds(200));
            }
        });
        Assert.Equal("etcdserver: mvcc: database space exceeded", error.Message);
        cluster.RunFor(TimeSpan.FromSeconds(1));
        AlarmMember alarm = Assert.Single(cluster[0].Running.Alarms);
        Assert.Equal((cluster[0].Running.Id, AlarmType.Nospace), (alarm.MemberID, alarm.Alarm));
        long revision = cluster[0].Running.Keyspace.Revision;
        Assert.Throws<EtcdException>(() => cluster.Put(cluster[0], "k", "v"));
        Assert.Equal(revision, cluster[0].Running.Keyspace.Revision);
        cluster.Wait(cluster[0].Running.ProposeAsync(
            new InternalRaftRequest { DeleteRange = new DeleteRangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("key0") } },
            CancellationToken.None).AsTask());
        Assert.Equal(revision + 1, cluster[0].Running.Keyspace.Revision);
    }
}
