using System.Globalization;
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
    private const string Data = "/data";
    private static readonly string[] s_diskLoops = ["log-writer", "committer"];

    private readonly ClusterOfMachines _cluster;
    private readonly SimulatedDisk _disk;
    private readonly Random _random;
    private readonly double _rate;
    private readonly TimeSpan _offset;
    private readonly Queue<Action> _waiting = new();
    private readonly Dictionary<string, TimeSpan> _busyUntil = [];
    private IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> _initialCluster = [];
    private bool _joins;
    private TimeSpan _pausedUntil;
    private TimeSpan _syncTime;
    private TimeSpan _slowUntil;
    private TimeSpan _wakeAt = TimeSpan.MaxValue;
    private CrashLoss _lossAtWrite;
    private SimulatedTransport? _transport;
    private Member? _member;
    private bool _isBusy;
    private ulong _lastApplied;

    internal Machine(ClusterOfMachines cluster, int number, double rate, int seed)
    {
        _cluster = cluster;
        Number = number;
        _rate = rate;
        _random = new Random(seed);
        _offset = TimeSpan.FromSeconds(_random.Next(100));
        _disk = new SimulatedDisk(_random.Next()) { LiesAboutSync = cluster.Settings.Bug == PlantedBug.LyingDisks };
        Clock = new VirtualClock(cluster.Scheduler, rate, _offset);
        Files = _disk.Mount();
    }

    public int Number { get; }

    public string Name => $"machine-{Number}";

    public string Url => $"http://{Name}:2380";

    public VirtualClock Clock { get; private set; }

    public IFileSystem Files { get; private set; }

    public IMember? Member => _member;

    public ulong? Id { get; private set; }

    public int Incarnation { get; private set; }

    public bool IsUp { get; private set; }

    /// <summary>It was told which cluster it belongs to.</summary>
    public bool IsKnown => _initialCluster.Count > 0;

    /// <summary>Its member was removed from the cluster: it does not come back.</summary>
    public bool IsGone { get; private set; }

    public bool IsServing => IsUp && !IsPaused && _member is { IsReady: true };

    internal bool TakesAnything => _cluster.Settings.Bug == PlantedBug.MisdirectedMessages;

    private bool IsPaused => _cluster.Scheduler.Now < _pausedUntil;

    private bool IsSlow => _cluster.Scheduler.Now < _slowUntil;

    public static int NumberOf(string url) => int.Parse(new Uri(url).Host["machine-".Length..], CultureInfo.InvariantCulture);

    /// <summary>Starts as one of the first members.</summary>
    public void Found(IReadOnlyList<Machine> all)
    {
        _initialCluster = [.. all.Select(machine => (machine.Name, (IReadOnlyList<string>)[machine.Url]))];
        Start();
    }

    /// <summary>Starts as a member that was added.</summary>
    internal void Join(ClusterView cluster, ulong id)
    {
        if (IsKnown)
        {
            return;
        }

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
        if (!IsUp && !IsGone && _initialCluster.Count > 0 && !_cluster.HasEnded)
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
            End();
            _disk.Crash(loss);
        }
    }

    /// <summary>The power goes in the middle of one of the next operations on the disk.</summary>
    public void CrashAfter(int operations, CrashLoss loss)
    {
        _lossAtWrite = loss;
        _disk.CrashAfter(operations);
    }

    /// <summary>Stands still; what comes meanwhile waits.</summary>
    public void Pause(TimeSpan time)
    {
        _pausedUntil = _cluster.Scheduler.Now + time;
        _cluster.Scheduler.At(_pausedUntil, Wake);
    }

    /// <summary>Syncs take that long for a while.</summary>
    public void SlowDisk(TimeSpan sync, TimeSpan time)
    {
        _syncTime = sync;
        _slowUntil = _cluster.Scheduler.Now + time;
    }

    /// <summary>All is well from now on.</summary>
    public void Heal()
    {
        _pausedUntil = _slowUntil = TimeSpan.Zero;
        _busyUntil.Clear();
        _disk.CrashAfter(long.MaxValue);
        StartIfDown();
        Wake();
    }

    public override string ToString() => _member is null ? $"{Number} down"
        : $"{Number} {Id:x} up={IsUp} gone={IsGone} ready={_member.IsReady} leader={_member.LeaderId:x} term={_member.Term} "
            + $"commit={_member.CommittedIndex} applied={_member.AppliedIndex}";

    /// <summary>Runs something of the member's now, or when its pause is over.</summary>
    internal void Do(Action action)
    {
        if (IsUp)
        {
            _waiting.Enqueue(action);
            Wake();
        }
    }

    /// <summary>Like <see cref="Do"/>, after what runs now; never in another incarnation.</summary>
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

    private void Start()
    {
        IsUp = true;
        Incarnation++;
        Clock = new VirtualClock(_cluster.Scheduler, _rate, _offset);
        Files = _disk.Mount();
        _transport = new SimulatedTransport(_cluster.Network, this);
        _member = null;
        _lastApplied = 0;
        _wakeAt = TimeSpan.MaxValue;
        _cluster.Trace.Write(Number, $"start of incarnation {Incarnation}");
        int incarnation = Incarnation;
        _cluster.Begin(() => StartAsync(incarnation));
    }

    private async Task StartAsync(int incarnation)
    {
        try
        {
            Member started = await Server.Replication.Member.StartAsync(Options(), _transport!, CancellationToken.None, Identified);
            if (incarnation == Incarnation)
            {
                _member = started;
                Wake();
            }
        }
        catch (Exception error) when (incarnation != Incarnation || IsCrash(error))
        {
            CrashAtWrite(incarnation);
        }
        catch (BootstrapException error) when (_joins && Id is null)
        {
            // Nobody could be asked who is in the cluster, or it is another one by now: it is told anew.
            _cluster.Trace.Write(Number, $"cannot join: {error.Message}");
            End();
            _initialCluster = [];
        }
    }

    private MemberOptions Options() => new()
    {
        Name = Name,
        DataDirectory = Data,
        PeerUrls = [Url],
        ClientUrls = [$"http://{Name}:2379"],
        InitialCluster = _initialCluster,
        JoinsExisting = _joins,
        ElectionTimeout = _cluster.Settings.ElectionTimeout,
        PreVote = _cluster.Settings.PreVote,
        SnapshotCount = _cluster.Settings.SnapshotCount,
        SnapshotCatchUpEntries = _cluster.Settings.CatchUpEntries,
        BcryptCost = 4,
        MaxSnapshots = 2,
        MaxWals = 2,
        Files = Files,
        Time = Clock,
        Random = new Random(_random.Next()),
        HasThreads = false,
        Log = _cluster.Trace.IsWritten
            ? (level, message, fields) => _cluster.Trace.Write(Number,
                $"{level} {message} {string.Join(' ', fields.Select(field => $"{field.Key}={field.Value}"))}")
            : null,
    };

    private void Identified(Member member)
    {
        _member = member;
        Id = member.Id;
        int incarnation = Incarnation;
        member.Keyspace.Changed += (revision, changes) =>
        {
            if (incarnation == Incarnation)
            {
                _cluster.Truth.Applied(Number, revision, changes);
            }
        };
    }

    /// <summary>Does what waits and what is due, and looks at what has come of it.</summary>
    private void Wake()
    {
        if (_isBusy || !IsUp || _member is null || IsPaused)
        {
            return;
        }

        int incarnation = Incarnation;
        _isBusy = true;
        try
        {
            do
            {
                while (_waiting.TryDequeue(out Action? action))
                {
                    action();
                }

                _member.Step(MayRun);
            }
            while (_waiting.Count > 0);
        }
        catch (Exception error) when (IsCrash(error))
        {
            _isBusy = false;
            CrashAtWrite(incarnation);
            return;
        }
        finally
        {
            _isBusy = false;
        }

        Look();
        WakeLater();
    }

    private bool MayRun(string loop)
    {
        if (!s_diskLoops.Contains(loop) || !IsSlow)
        {
            return true;
        }

        TimeSpan now = _cluster.Scheduler.Now;
        if (_busyUntil.TryGetValue(loop, out TimeSpan until))
        {
            if (until > now)
            {
                return false;
            }

            _busyUntil.Remove(loop);
            return true;
        }

        // What is asked for now is done after a while, together with what comes meanwhile.
        TimeSpan done = now + (_syncTime * _random.NextDouble());
        _busyUntil[loop] = done;
        _cluster.Scheduler.At(done, Wake);
        return false;
    }

    private void Look()
    {
        Member member = _member!;
        if (member.Failure is { } failure)
        {
            if (IsCrash(failure))
            {
                CrashAtWrite(Incarnation);
                return;
            }

            throw new SimulationFailure($"machine {Number} cannot go on: {failure.Message}", failure);
        }

        if (member.Stopped.IsCompleted)
        {
            Truth.Expect(member.WasRemoved, $"machine {Number} stopped by itself");
            _cluster.Trace.Write(Number, "it was removed");
            IsGone = true;
            End();
            return;
        }

        if (member.IsLeader)
        {
            _cluster.Leads(member.Term, member.Id);
        }

        Truth.Expect(member.AppliedIndex >= _lastApplied, $"machine {Number} went back from {_lastApplied} to {member.AppliedIndex}");
        _lastApplied = member.AppliedIndex;
    }

    private void WakeLater()
    {
        if (!IsUp)
        {
            return;
        }

        // A loop that is held up is due all the time.
        TimeSpan least = IsSlow ? TimeSpan.FromMilliseconds(1) : TimeSpan.FromTicks(2);
        TimeSpan wait = Clock.ToVirtual(_member!.TimeUntilDue);
        TimeSpan due = _cluster.Scheduler.Now + (wait > TimeSpan.Zero ? wait : TimeSpan.Zero) + least;
        if (due < _wakeAt || _wakeAt <= _cluster.Scheduler.Now)
        {
            _wakeAt = due;
            int incarnation = Incarnation;
            _cluster.Scheduler.At(due, () =>
            {
                if (incarnation == Incarnation)
                {
                    Wake();
                }
            });
        }
    }

    private void CrashAtWrite(int incarnation)
    {
        if (IsUp && incarnation == Incarnation)
        {
            _cluster.Trace.Write(Number, $"crash in a write, losing {_lossAtWrite}");
            End();
            _disk.Crash(_lossAtWrite);
            _cluster.Scheduler.After(TimeSpan.FromMilliseconds(_random.Next(10, 5000)), StartIfDown);
        }
    }

    private void End()
    {
        IsUp = false;
        Incarnation++;
        _transport!.Stop();
        Clock.IsStopped = true;
        _member?.Crash();
        _waiting.Clear();
        _busyUntil.Clear();
    }

    private static bool IsCrash(Exception error) =>
        error is SimulatedCrashException || (error.InnerException is { } inner && IsCrash(inner));
}
