#pragma warning disable CS0414, CS0649
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Simulation.Disks;
using Quorate.Simulation.Network;
using Quorate.Simulation.Time;
using Quorate.Storage.Files;

namespace Quorate.Simulation.Cluster;

/// <summary>A computer with a disk and a clock, and the member that runs on it from one incarnation to the next.</summary>
public sealed class Machine
{
    private readonly ClusterOfMachines _cluster;
    private readonly SimulatedDisk _disk;
    private readonly Random _random;
    private readonly Queue<Action> _waiting = new();
    private IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> _initialCluster = [];
    private bool _joins;
    private TimeSpan _pausedUntil;
    private CrashLoss _lossAtWrite;
    private SimulatedTransport? _transport;
    private VirtualClock? _local;
    private bool _isBusy;
    private bool _isGone;

    internal Machine(ClusterOfMachines cluster, int number, VirtualClock clock, int seed)
    {
        _cluster = cluster;
        Number = number;
        Clock = clock;
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random.Next());
        Files = _disk.Mount();
    }

    public int Number { get; }

    public string Url => $"http://machine-{Number}:2380";

    internal bool TakesAnything => _cluster.Settings.Bug == PlantedBug.MisdirectedMessages;

    public string Name => $"machine-{Number}";

    public VirtualClock Clock { get; private set; }

    public IFileSystem Files { get; private set; }

    public IMember? Member { get; private set; }

    public ulong? Id { get; private set; }

    public int Incarnation { get; private set; }

    public bool IsUp { get; private set; }

    public bool IsServing => IsUp && !IsPaused && Member is { IsReady: true };

    private bool IsPaused => _cluster.Scheduler.Now < _pausedUntil;

    public static int NumberOf(string url) => int.Parse(new Uri(url).Host["machine-".Length..]);

    /// <summary>Starts as one of the first members.</summary>
    public void Found(IReadOnlyList<Machine> all)
    {
        _initialCluster = [.. all.Select(machine => (machine.Name, (IReadOnlyList<string>)[machine.Url]))];
        Start();
    }

    /// <summary>Starts as a member that was added.</summary>
    internal void Join(ClusterView cluster, ulong id)
    {
        _initialCluster =
        [
            .. cluster.Sorted.Where(member => member.Id != id).Select(member => (member.Name, member.PeerUrls)),
            (Name, [Url]),
        ];
        _joins = true;
        Start();
    }

    public void StartIfDown()
    {
        if (!IsUp && !_isGone && _initialCluster.Count > 0)
        {
            Start();
        }
    }

    /// <summary>Ends the incarnation; what becomes of its unsynced writes is drawn.</summary>
    public void Crash(CrashLoss loss)
    {
        if (IsUp)
        {
            _cluster.Trace.Write(Number, $"crash, losing {loss}");
            IsUp = false;
            Incarnation++;
            _transport!.Stop();
            _local!.IsStopped = true;
            _disk.Crash(loss);
            _waiting.Clear();
        }
    }

    /// <summary>The power goes in the middle of one of the next operations on the disk.</summary>
    public void CrashAfter(int operations, CrashLoss loss)
    {
        _lossAtWrite = loss;
        _disk.CrashAfter(operations);
    }

    /// <summary>Stands still; what comes meanwhile waits.</summary>
    public void Pause(TimeSpan time) => _pausedUntil = _cluster.Scheduler.Now + time;

    /// <summary>All is well from now on.</summary>
    public void Heal()
    {
        _pausedUntil = TimeSpan.Zero;
        _disk.CrashAfter(long.MaxValue);
        StartIfDown();
        Wake();
    }

    /// <summary>Runs something of the member's now, or when its pause is over.</summary>
    internal void Do(Action action)
    {
        if (!IsUp)
        {
            return;
        }

        if (IsPaused || _isBusy)
        {
            _waiting.Enqueue(action);
            if (IsPaused)
            {
                _cluster.Scheduler.At(_pausedUntil, Wake);
            }

            return;
        }

        _waiting.Enqueue(action);
        Wake();
    }

    /// <summary>Like <see cref="Do"/>, after what runs now.</summary>
    internal void Post(Action action)
    {
        int incarnation = Incarnation;
        _cluster.Scheduler.After(TimeSpan.Zero, () =>
        {
            if (incarnation == Incarnation)
            {
                Do(action);
            }
        });
    }

    /// <summary>Syncs take that long for a while.</summary>
    public void SlowDisk(TimeSpan sync, TimeSpan time)
    {
        _syncTime = sync;
        _slowUntil = _cluster.Scheduler.Now + time;
    }

    private TimeSpan _syncTime;
    private TimeSpan _slowUntil;

    private void Start() => throw new NotSupportedException();

    private void Wake() => throw new NotSupportedException();
}
