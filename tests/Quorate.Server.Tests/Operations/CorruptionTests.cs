using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Server.Operations.Corruption;
using Quorate.Server.Replication;
using Quorate.Server.Tests.Replication;

namespace Quorate.Server.Tests.Operations;

/// <summary>Members whose data differs are found and named (spec 03 §5.3), on clusters under virtual time.</summary>
public sealed class CorruptionTests
{
    [Fact]
    public void Equal_members_raise_no_alarm()
    {
        VirtualCluster cluster = Written();
        Check(cluster, checks => checks.CheckPeriodicallyAsync(CancellationToken.None));
        Compact(cluster, 4);
        Check(cluster, checks => checks.CheckCompactionsAsync(CancellationToken.None));
        Assert.Empty(cluster.Leader.Running.Alarms);
        Assert.Contains(cluster.Leader.Lines, line => line.Contains("finished peer corruption check", StringComparison.Ordinal));
        Assert.Contains(cluster.Leader.Lines, line =>
            line.Contains("successfully checked hash on whole cluster", StringComparison.Ordinal));
    }

    [Fact]
    public void The_periodic_check_names_the_follower_that_differs()
    {
        VirtualCluster cluster = Written(differs: machine => !machine.Running.IsLeader);
        ulong different = cluster.Machines.First(machine => !machine.Running.IsLeader).Running.Id;
        Check(cluster, checks => checks.CheckPeriodicallyAsync(CancellationToken.None));
        AlarmMember alarm = Assert.Single(cluster.Leader.Running.Alarms);
        Assert.Equal((different, AlarmType.Corrupt), (alarm.MemberID, alarm.Alarm));
    }

    [Fact]
    public void The_check_of_compactions_goes_by_the_majority_even_against_the_leader()
    {
        VirtualCluster cluster = Written(differs: machine => machine.Running.IsLeader);
        Compact(cluster, 4);
        Check(cluster, checks => checks.CheckCompactionsAsync(CancellationToken.None));
        AlarmMember alarm = Assert.Single(cluster.Leader.Running.Alarms);
        Assert.Equal((cluster.Leader.Running.Id, AlarmType.Corrupt), (alarm.MemberID, alarm.Alarm));
    }

    [Fact]
    public void Older_versions_name_nobody()
    {
        VirtualCluster cluster = Written(differs: machine => !machine.Running.IsLeader, version: new Version(3, 5));
        Check(cluster, checks => checks.CheckPeriodicallyAsync(CancellationToken.None));
        Assert.Equal(0UL, Assert.Single(cluster.Leader.Running.Alarms).MemberID);
    }

    [Fact]
    public void Before_it_serves_a_member_with_other_data_is_stopped()
    {
        VirtualCluster cluster = Written(differs: machine => !machine.Running.IsLeader);
        VirtualMember different = cluster.Machines.First(machine => !machine.Running.IsLeader);
        var checks = new CorruptionChecks(different.Running, different);
        BootstrapException error = Assert.Throws<BootstrapException>(() =>
            cluster.Wait(checks.CheckInitiallyAsync(CancellationToken.None)));
        Assert.Equal($"{different.Running.Id:x} found data inconsistency with peers", error.Message);
    }

    /// <summary>A cluster with some keys, and one member with a value of its own under one of them.</summary>
    private static VirtualCluster Written(Func<VirtualMember, bool>? differs = null, Version? version = null)
    {
        var cluster = new VirtualCluster("one", "two", "three");
        foreach (VirtualMember machine in cluster.Machines)
        {
            machine.CompatVersion = version ?? machine.CompatVersion;
            machine.Start();
        }

        cluster.Until(() => cluster.Machines.All(machine => machine.Running.IsReady)
            && cluster.RunningMachines.Any(machine => machine.Running.IsLeader));
        cluster.Put(cluster.Leader, "a", "1");
        cluster.Until(() => cluster.Machines.All(machine => machine.Running.Keyspace.Revision == 2));
        if (differs is not null)
        {
            VirtualMember wrong = cluster.Machines.First(differs);
            foreach (VirtualMember machine in cluster.Machines)
            {
                string value = machine == wrong ? "wrong" : "right";
                machine.Running.Keyspace.Put(new PutRequest
                {
                    Key = ByteString.CopyFromUtf8("b"),
                    Value = ByteString.CopyFromUtf8(value)
                });
            }
        }
        else
        {
            cluster.Put(cluster.Leader, "b", "right");
        }

        cluster.Put(cluster.Leader, "c", "1");
        cluster.Put(cluster.Leader, "c", "2");
        cluster.Until(() => cluster.Machines.All(machine => machine.Running.Keyspace.Revision == 5));
        return cluster;
    }

    private static void Compact(VirtualCluster cluster, long revision)
    {
        cluster.Wait(cluster.Leader.Running.ProposeAsync(
            new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } },
                CancellationToken.None).AsTask());
        cluster.Until(() => cluster.Machines.All(machine => machine.Running.Keyspace.CompactionHashes.Count == 1));
    }

    private static void Check(VirtualCluster cluster, Func<CorruptionChecks, Task> check) =>
        cluster.Wait(check(new CorruptionChecks(cluster.Leader.Running, cluster.Leader)));
}
