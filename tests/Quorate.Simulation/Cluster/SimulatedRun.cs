using Quorate.Mvcc;
using Quorate.Server.Replication;
using Quorate.Simulation.Clients;
using Quorate.Simulation.Histories;
using Quorate.Simulation.Network;

namespace Quorate.Simulation.Cluster;

/// <summary>One run: a cluster starts, lives with faults, is left in peace, and is looked at (spec 08 §20).</summary>
public sealed class SimulatedRun
{
    private readonly ClusterOfMachines _cluster;
    private readonly Nemesis _nemesis;
    private readonly List<WatchClient> _watchers = [];
    private readonly Random _random;

    public SimulatedRun(int seed, TextWriter? trace, PlantedBug bug = PlantedBug.None)
    {
        _random = new Random(seed);
        Settings settings = Settings.Draw(_random) with { Bug = bug };
        _cluster = new ClusterOfMachines(settings, new Random(_random.Next()), trace);
        _nemesis = new Nemesis(_cluster, new Random(_random.Next()));
        _cluster.Trace.Write(-1, $"seed {seed}: {settings}");
    }

    public ClusterOfMachines Cluster => _cluster;

    public IReadOnlyDictionary<FaultKind, long> Faults => _nemesis.Counts;

    public long WatchEvents => _watchers.Sum(watcher => watcher.Events);

    /// <summary>Throws what does not hold.</summary>
    public void Run()
    {
        // Without a context of its own, what waits for a task goes on where the task ends: on this thread.
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            StartCluster();
            StartClients();
            _cluster.Begin(_nemesis.RunAsync);
            _cluster.StartForgotten();
            _cluster.Run(_cluster.Settings.Duration);
            Heal();
            CheckLiveness();
            CheckStates();
            CheckHistory();
            CheckLeases();
        }
        finally
        {
            _cluster.HasEnded = true;
            foreach (Machine machine in _cluster.Machines)
            {
                machine.Crash(Disks.CrashLoss.None);
            }

            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private void StartCluster()
    {
        for (int i = 0; i < _cluster.Settings.Machines; i++)
        {
            _cluster.AddMachine();
        }

        foreach (Machine machine in _cluster.Machines)
        {
            machine.Found([.. _cluster.Machines]);
        }

        Truth.Expect(_cluster.RunUntil(() => _cluster.Machines.All(machine => machine.IsServing), TimeSpan.FromSeconds(60)),
            "a new cluster does not come to serve");
    }

    private void StartClients()
    {
        for (int i = 0; i < _cluster.Settings.Clients; i++)
        {
            var client = new KeyClient(_cluster, i, new Random(_random.Next()));
            _cluster.Begin(client.RunAsync);
        }

        var leases = new LeaseClient(_cluster, 900, new Random(_random.Next()));
        _cluster.Begin(leases.RunAsync);
        for (int i = 0; i < 2; i++)
        {
            var watcher = new WatchClient(_cluster, new Random(_random.Next()));
            _watchers.Add(watcher);
            _cluster.Begin(watcher.RunAsync);
        }
    }

    private void Heal()
    {
        _cluster.Trace.Write(-1, "all faults end");
        _nemesis.HasStopped = true;
        _cluster.Network.Faults = LinkFaults.None;
        _cluster.Network.HealAll();
        foreach (Machine machine in _cluster.Machines)
        {
            machine.Heal();
        }

        _cluster.IsEnding = true;
    }

    /// <summary>Members of the newest configuration that anybody has applied.</summary>
    private Machine[] Members()
    {
        IMember? newest = _cluster.Machines.Where(machine => machine.IsServing)
            .Select(machine => machine.Member!).MaxBy(member => member.AppliedIndex);
        return newest is null ? []
            : [.. _cluster.Machines.Where(machine => machine.Id is { } id && newest.Cluster.Members.ContainsKey(id))];
    }

    /// <summary>
    /// After the faults a leader is found, and every member takes a write and a read, and comes to the same state (§20.5).
    /// </summary>
    private void CheckLiveness()
    {
        bool rests = _cluster.RunUntil(() =>
        {
            Machine[] members = Members();
            return members.Length > 0 && members.Length == members[0].Member?.Cluster.Members.Count && members.All(machine => machine.IsServing)
                && members.Select(machine => machine.Member!.AppliedIndex).Distinct().Count() == 1
                && members.Count(machine => machine.Member!.IsLeader) == 1;
        }, TimeSpan.FromSeconds(120));
        Truth.Expect(rests, "after the faults the cluster does not come to rest: "
            + string.Join("; ", _cluster.Machines.Select(machine => machine.ToString())));
        foreach (Machine machine in Members())
        {
            long before = _cluster.Answered;
            var client = new KeyClient(_cluster, 1000 + machine.Number, new Random(_random.Next()));
            for (int attempt = 0; attempt < 10 && _cluster.Answered == before; attempt++)
            {
                Task call = client.CallAsync(machine.Member!);
                _cluster.RunUntil(() => call.IsCompleted, TimeSpan.FromSeconds(20));
            }

            Truth.Expect(_cluster.Answered > before, $"after the faults machine {machine.Number} answers nobody");
        }
    }

    private void CheckStates()
    {
        Machine[] members = Members();
        _cluster.RunUntil(
            () => members.Select(machine => machine.Member!.AppliedIndex).Distinct().Count() == 1, TimeSpan.FromSeconds(20));
        KeyHash[] hashes = [.. members.Select(machine => machine.Member!.Keyspace.HashKv(0))];
        Truth.Expect(hashes.Select(hash => (hash.Hash, hash.Revision, hash.CompactRevision)).Distinct().Count() == 1,
            $"the members' hashes differ: {string.Join(", ", hashes)}");
        Truth.Expect(hashes[0].Revision == _cluster.Truth.Last,
            $"the store ends at {hashes[0].Revision}, the history at {_cluster.Truth.Last}");
        string[] memberships =
            [.. members.Select(machine => string.Join(',', machine.Member!.Cluster.Sorted.Select(member => $"{member.Id:x}")))];
        Truth.Expect(memberships.Distinct().Count() == 1,
            "the members have different members");
        Truth.Expect(
            _cluster.RunUntil(() => _watchers.All(watcher => watcher.HasSeen(_cluster.Truth.Last)), TimeSpan.FromSeconds(60)),
            "a watcher was not told everything");
    }

    private void CheckHistory()
    {
        IReadOnlyList<string> faults = HistoryChecker.Check(_cluster.Operations, [.. _cluster.Truth.Changes]);
        Truth.Expect(faults.Count == 0, $"{faults.Count} answers are wrong, the first: {faults.FirstOrDefault()}");
    }

    private void CheckLeases()
    {
        // All leases have ended by now, or will.
        TimeSpan drift = TimeSpan.FromSeconds(10 * _cluster.Settings.ClockDrift);
        bool gone = _cluster.RunUntil(
            () => Members().All(machine => machine.Member!.Leases.Count == 0), TimeSpan.FromSeconds(60));
        Truth.Expect(gone, "a lease outlives its time to live");
        Dictionary<string, long> deleted = _cluster.Truth.Changes
            .Where(change => change.Value is null && change.Key.StartsWith("lease", StringComparison.Ordinal))
            .ToDictionary(change => change.Key, change => change.Revision);
        foreach (LeaseHistory lease in _cluster.Leases)
        {
            if (deleted.TryGetValue(lease.Key, out long revision))
            {
                Truth.Expect(_cluster.Truth.TimeOf(revision) + drift >= lease.KeptUntil,
                    $"lease {lease.Id} was kept until {lease.KeptUntil} and revoked at {_cluster.Truth.TimeOf(revision)}");
            }
            else
            {
                Truth.Expect(lease.PutRevision == 0, $"the key of lease {lease.Id} is still there");
            }
        }
    }
}
