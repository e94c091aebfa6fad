using Quorate.Server.Membership;
using Quorate.Simulation.Clients;
using Quorate.Simulation.Histories;
using Quorate.Simulation.Network;
using Quorate.Simulation.Time;

namespace Quorate.Simulation.Cluster;

/// <summary>A whole cluster with its clients, in one thread and under virtual time.</summary>
public sealed class ClusterOfMachines
{
    private readonly List<Machine> _machines = [];
    private readonly Dictionary<string, long> _seen = [];
    private readonly Dictionary<ulong, ulong> _leaders = [];

    public ClusterOfMachines(Settings settings, Random random, TextWriter? trace)
    {
        Settings = settings;
        Random = random;
        Scheduler = new Scheduler();
        Clock = new VirtualClock(Scheduler, 1, TimeSpan.Zero);
        Network = new SimulatedNetwork(Scheduler, new Random(random.Next()));
        Truth = new Truth(Scheduler);
        Trace = new Trace(Scheduler, trace);
    }

    public Settings Settings { get; }

    public Random Random { get; }

    public Scheduler Scheduler { get; }

    /// <summary>Of the clients.</summary>
    public VirtualClock Clock { get; }

    public SimulatedNetwork Network { get; }

    public Truth Truth { get; }

    public Trace Trace { get; }

    /// <summary>All that ever were, in the order of their numbers.</summary>
    public IReadOnlyList<Machine> Machines => _machines;

    public List<Operation> Operations { get; } = [];

    public List<LeaseHistory> Leases { get; } = [];

    public long Answered { get; set; }

    public long Unanswered { get; set; }

    /// <summary>Clients begin nothing new.</summary>
    public bool IsEnding { get; set; }

    public bool HasEnded { get; set; }

    /// <summary>The highest revision that was compacted, or may have been.</summary>
    public long Compacted { get; set; }

    public int Elections => _leaders.Count;

    /// <summary>What went wrong outside of a call of the scheduler, in a client's or a member's task.</summary>
    public Exception? Failure { get; private set; }

    public Machine AddMachine()
    {
        double rate = 1 + (Settings.ClockDrift * ((2 * Random.NextDouble()) - 1));
        var machine = new Machine(this, _machines.Count, rate, Random.Next());
        _machines.Add(machine);
        return machine;
    }

    /// <summary>
    /// Starts machines that are members without having been started: whoever added them was not told that it worked. Goes on by itself.
    /// </summary>
    public void StartForgotten()
    {
        foreach (Machine machine in _machines.Where(machine => !machine.IsKnown))
        {
            ClusterView? cluster = _machines.Where(other => other is { IsUp: true, Member: not null })
                .Select(other => other.Member!.Cluster).FirstOrDefault(view => view.Sorted.Any(member => member.PeerUrls.Contains(machine.Url)));
            if (cluster is not null)
            {
                machine.Join(cluster, cluster.Sorted.First(member => member.PeerUrls.Contains(machine.Url)).Id);
            }
        }

        if (!HasEnded)
        {
            Scheduler.After(TimeSpan.FromSeconds(1), StartForgotten);
        }
    }

    public bool IsCompacted(long revision) => revision < Compacted;

    public void Saw(string key, long revision) => _seen[key] = revision;

    /// <summary>A revision to compare a key with: mostly the newest that a client knows.</summary>
    public long LastSeen(string key, Random random) => random.Next(5) == 0 ? 0 : _seen.GetValueOrDefault(key);

    /// <summary>N1: a term has one leader, whoever saw it and however often it crashed.</summary>
    public void Leads(ulong term, ulong id) => Truth.Expect(_leaders.TryAdd(term, id) || _leaders[term] == id,
        $"term {term} has two leaders: {_leaders[term]:x} and {id:x}");

    /// <summary>Lets an activity go on by itself; its failure is that of the run.</summary>
    public async void Begin(Func<Task> activity)
    {
        try
        {
            await activity();
        }
        catch (Exception error)
        {
            Fail(error);
        }
    }

    public void Fail(Exception error) => Failure ??= error;

    /// <summary>Goes on for a while; throws what went wrong.</summary>
    public void Run(TimeSpan time)
    {
        TimeSpan end = Scheduler.Now + time;
        while (Scheduler.Now < end && Failure is null)
        {
            Scheduler.RunUntil(Min(end, Scheduler.Now + TimeSpan.FromMilliseconds(50)));
        }

        if (Failure is not null)
        {
            throw new SimulationFailure(Failure.Message, Failure);
        }
    }

    /// <summary>Goes on until something holds; false if it does not after a time.</summary>
    public bool RunUntil(Func<bool> condition, TimeSpan atMost)
    {
        TimeSpan end = Scheduler.Now + atMost;
        while (!condition())
        {
            if (Scheduler.Now >= end)
            {
                return false;
            }

            Run(TimeSpan.FromMilliseconds(50));
        }

        return true;
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
