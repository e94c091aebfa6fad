using Quorate.Protocol;
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Simulation.Clients;
using Quorate.Simulation.Disks;
using Quorate.Simulation.Network;

namespace Quorate.Simulation.Cluster;

/// <summary>Brings about faults, and what an operator does, one after another, until it is told to stop.</summary>
internal sealed class Nemesis(ClusterOfMachines cluster, Random random)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly FaultKind[] _kinds = [.. cluster.Settings.Faults.Order()];
    private bool _isChanging;

    public SortedDictionary<FaultKind, long> Counts { get; } = [];

    public bool HasStopped { get; set; }

    public async Task RunAsync()
    {
        while (!HasStopped && _kinds.Length > 0)
        {
            await Task.Delay(cluster.Settings.FaultInterval * (2 * random.NextDouble()), cluster.Clock);
            if (!HasStopped)
            {
                FaultKind kind = _kinds[random.Next(_kinds.Length)];
                if (Do(kind))
                {
                    Counts[kind] = Counts.GetValueOrDefault(kind) + 1;
                    cluster.Trace.Write(-1, $"fault {kind}");
                }
            }
        }
    }

    private bool Do(FaultKind kind)
    {
        Machine[] up = [.. cluster.Machines.Where(machine => machine.IsUp)];
        if (up.Length == 0)
        {
            return false;
        }

        Machine machine = up[random.Next(up.Length)];
        switch (kind)
        {
            case FaultKind.Links:
                DisturbLinks();
                return true;
            case FaultKind.Partition:
                Partition();
                return true;
            case FaultKind.OneWay:
                CutOneWay(machine);
                return true;
            case FaultKind.PowerLoss:
                machine.Crash((CrashLoss)random.Next(4));
                RestartLater(machine);
                return true;
            case FaultKind.PowerLossAtWrite:
                machine.CrashAfter(random.Next(60), (CrashLoss)random.Next(4));
                return true;
            case FaultKind.PowerLossOfAll:
                foreach (Machine each in up)
                {
                    each.Crash((CrashLoss)random.Next(4));
                    RestartLater(each);
                }

                return true;
            case FaultKind.Kill:
                machine.Crash(CrashLoss.None);
                RestartLater(machine);
                return true;
            case FaultKind.Pause:
                machine.Pause(SomeTime(15_000));
                return true;
            case FaultKind.SlowDisk:
                machine.SlowDisk(
                    TimeSpan.FromMilliseconds(random.Next(1, 800)), TimeSpan.FromMilliseconds(random.Next(100, 10_000)));
                return true;
            default:
                return machine.IsServing && Operate(kind, machine);
        }
    }

    private bool Operate(FaultKind kind, Machine machine)
    {
        IMember member = machine.Member!;
        switch (kind)
        {
            case FaultKind.TransferLeadership:
                ulong[] ids = [.. member.Cluster.Members.Keys.Order()];
                Try(cancellation => member.MoveLeaderAsync(ids[random.Next(ids.Length)], cancellation));
                return true;
            case FaultKind.Compact:
                Try(cancellation => CompactAsync(member, cancellation));
                return true;
            case FaultKind.Defragment:
                machine.Do(() => _ = member.DefragmentAsync(CancellationToken.None));
                return true;
            case FaultKind.AddMember when !_isChanging && member.Cluster.Members.Count < 7:
                Change(cancellation => AddAsync(member, cancellation));
                return true;
            case FaultKind.RemoveMember when !_isChanging && member.Cluster.Members.Count > 1:
                Change(cancellation => RemoveAsync(member, cancellation));
                return true;
            default:
                return false;
        }
    }

    private void DisturbLinks()
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(random.Next(1, 200));
        cluster.Network.Faults = random.Next(3) == 0 ? LinkFaults.None : new LinkFaults
        {
            Drop = 0.3 * random.NextDouble() * random.Next(2),
            Duplicate = 0.2 * random.NextDouble() * random.Next(2),
            HoldUp = 0.02 * random.NextDouble() * random.Next(2),
            MinDelay = delay * random.NextDouble(),
            MaxDelay = delay,
        };
    }

    private void Partition()
    {
        bool[] side = [.. cluster.Machines.Select(_ => random.Next(2) == 0)];
        for (int from = 0; from < side.Length; from++)
        {
            for (int to = 0; to < side.Length; to++)
            {
                if (side[from] != side[to])
                {
                    cluster.Network.Cut(from, to);
                }
            }
        }

        HealLater();
    }

    private void CutOneWay(Machine machine)
    {
        foreach (Machine other in cluster.Machines)
        {
            if (random.Next(2) == 0)
            {
                cluster.Network.Cut(machine.Number, other.Number);
            }
            else if (random.Next(3) == 0)
            {
                cluster.Network.Cut(other.Number, machine.Number);
            }
        }

        HealLater();
    }

    private void HealLater() =>
        cluster.Scheduler.After(SomeTime(12_000), cluster.Network.HealAll);

    /// <summary>Mostly about as long as an election, so that one fault comes in the middle of what another one began.</summary>
    private TimeSpan SomeTime(int most) => TimeSpan.FromMilliseconds(random.Next(3) == 0 ? random.Next(10, most) : random.Next(10, 2500));

    private void RestartLater(Machine machine) =>
        cluster.Scheduler.After(SomeTime(10_000), machine.StartIfDown);

    private async Task CompactAsync(IMember member, CancellationToken cancellation)
    {
        long revision = member.Keyspace.Revision - random.Next(20);
        if (revision > 1)
        {
            cluster.Compacted = Math.Max(cluster.Compacted, revision);
            await member.ProposeAsync(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } }, cancellation);
        }
    }

    private async Task AddAsync(IMember member, CancellationToken cancellation)
    {
        Machine machine = cluster.AddMachine();
        bool isLearner = random.Next(2) == 0;
        ClusterMember added = await member.AddMemberAsync([machine.Url], isLearner, cancellation);
        machine.Join(member.Cluster, added.Id);
        if (isLearner)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100, 8000)), cluster.Clock, cancellation);
            await member.PromoteMemberAsync(added.Id, null, cancellation);
        }
    }

    private async Task RemoveAsync(IMember member, CancellationToken cancellation)
    {
        ulong[] ids = [.. member.Cluster.Members.Keys.Order()];
        await member.RemoveMemberAsync(ids[random.Next(ids.Length)], cancellation);
    }

    private void Change(Func<CancellationToken, Task> change)
    {
        _isChanging = true;
        Try(async cancellation =>
        {
            try
            {
                await change(cancellation);
            }
            finally
            {
                _isChanging = false;
            }
        });
    }

    private void Try(Func<CancellationToken, Task> action) => cluster.Begin(async () =>
    {
        using var limit = new CancellationTokenSource(Patience, cluster.Clock);
        try
        {
            await action(limit.Token).WaitAsync(Patience, cluster.Clock);
        }
        catch (Exception error) when (Caller.IsExpected(error))
        {
            cluster.Trace.Write(-1, $"in vain: {error.Message}");
        }
    });
}
