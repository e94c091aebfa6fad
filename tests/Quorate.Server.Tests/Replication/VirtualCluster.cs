using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Replication;

namespace Quorate.Server.Tests.Replication;

/// <summary>Members with simulated disks and links under virtual time, all on the test's thread.</summary>
public sealed class VirtualCluster
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(10);

    private readonly Queue<Action> _deliveries = new();

    public VirtualCluster(params string[] names)
    {
        foreach (string name in names)
        {
            Machines.Add(new VirtualMember(this, name, Machines.Count + 1));
        }

        InitialCluster = [.. Machines.Select(machine => (machine.Name, (IReadOnlyList<string>)[machine.PeerUrl]))];
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public List<VirtualMember> Machines { get; } = [];

    public IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> InitialCluster { get; set; }

    public VirtualMember this[int index] => Machines[index];

    public IEnumerable<VirtualMember> RunningMachines => Machines.Where(machine => machine.Member is not null);

    public VirtualMember Leader => RunningMachines.Single(machine => machine.Running.IsLeader);

    public static VirtualCluster Started(params string[] names)
    {
        var cluster = new VirtualCluster(names);
        cluster.Machines.ForEach(machine => machine.Start());
        cluster.Until(() => cluster.Machines.TrueForAll(machine => machine.Running.IsReady && machine.Running.Cluster.Version is not null));
        return cluster;
    }

    public VirtualMember Find(ulong id) => Machines.FirstOrDefault(machine => machine.Member?.Id == id)!;

    public VirtualMember AddMachine(string name)
    {
        var machine = new VirtualMember(this, name, Machines.Count + 1);
        Machines.Add(machine);
        InitialCluster = [.. InitialCluster, (name, [machine.PeerUrl])];
        return machine;
    }

    public void Carry(VirtualMember from, Message message)
    {
        if (from.IsConnected && from.Knows(message.To))
        {
            _deliveries.Enqueue(() =>
            {
                if (Find(message.To) is { IsConnected: true } to && !to.Running.IsRemoved(message.From))
                {
                    to.Running.Receive(message);
                }
            });
        }
    }

    public void CarrySnapshot(VirtualMember from, Message message, byte[] database) => _deliveries.Enqueue(() =>
    {
        bool arrives = from.IsConnected && Find(message.To) is { IsConnected: true };
        if (arrives)
        {
            Find(message.To).Receive(message, database);
        }

        from.Member?.ReportSnapshot(message.To, failed: !arrives);
    });

    /// <summary>Does everything that there is to do now.</summary>
    public void Settle()
    {
        bool more = true;
        while (more)
        {
            more = false;
            foreach (VirtualMember machine in RunningMachines.ToArray())
            {
                more |= machine.Member?.Step() ?? false;
            }

            for (int count = _deliveries.Count; count > 0; count--)
            {
                _deliveries.Dequeue()();
                more = true;
            }
        }
    }

    public void RunFor(TimeSpan span)
    {
        for (DateTimeOffset end = Time.GetUtcNow() + span; Time.GetUtcNow() < end;)
        {
            Settle();
            Time.Advance(s_step);
        }

        Settle();
    }

    public void Until(Func<bool> condition)
    {
        for (DateTimeOffset end = Time.GetUtcNow() + TimeSpan.FromMinutes(2); !condition(); Time.Advance(s_step))
        {
            Settle();
            if (Time.GetUtcNow() > end)
            {
                Assert.Fail("it did not happen within two minutes:\n" + string.Join('\n', Machines.SelectMany(machine =>
                    machine.Lines.TakeLast(40).Select(line => $"{machine.Name}: {line}"))));
            }
        }
    }

    public T Wait<T>(Task<T> task)
    {
        Until(() => task.IsCompleted);
        return task.GetAwaiter().GetResult();
    }

    public void Wait(Task task)
    {
        Until(() => task.IsCompleted);
        task.GetAwaiter().GetResult();
    }

    public void Put(VirtualMember machine, string key, string value) => Wait(Propose(machine, key, value));

    public Task<object> Propose(VirtualMember machine, string key, string value, CancellationToken cancellation = default) =>
        machine.Running.ProposeAsync(
            new InternalRaftRequest { Put = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } },
            cancellation).AsTask();

    /// <summary>A linearizable read at a member.</summary>
    public string? Get(VirtualMember machine, string key)
    {
        Wait(machine.Running.ReadBarrierAsync(CancellationToken.None).AsTask());
        return Peek(machine, key);
    }

    /// <summary>What a member has, be it old.</summary>
    public static string? Peek(VirtualMember machine, string key)
    {
        using Mvcc.RangeResult result = machine.Running.Keyspace.Range(new RangeRequest { Key = ByteString.CopyFromUtf8(key) });
        return result.ToResponse().Kvs is [{ } pair] ? Encoding.UTF8.GetString(pair.Value.Span) : null;
    }
}
