using Quorate.Auth;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>
/// One member of a cluster: the loops that replicate, write, apply and commit, and the state that comes of it. It is started by <see
/// cref="StartAsync"/> and ended by <see cref="StopAsync"/>, or by itself (<see cref="Stopped"/>).
/// </summary>
public sealed partial class Member : IMember, IPeerHandler, IAsyncDisposable
{
    private readonly IPeerTransport _transport;
    private readonly MemberLog _log;
    private readonly MemberState _state = new();
    private readonly ProposalTable _table = new();
    private readonly Completions _completions;
    private readonly AppliedWaiters _waiters;
    private readonly RequestIds _ids;
    private readonly ClusterStore _cluster;
    private readonly AlarmStore _alarms;
    private readonly MemberLoop _loop;
    private readonly LogWriter _writer;
    private readonly Applier _applier;
    private readonly Committer _committer;
    private readonly Duties _duties;
    private readonly Worker[] _workers;
    private readonly CancellationTokenSource _ending = new();
    private readonly TaskCompletionSource<string> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeProvider _time;
    private int _isEnding;
    private Task? _ended;

    private Member(MemberOptions options, IPeerTransport transport, MemberLog log, Bootstrapped start)
    {
        Options = options;
        _transport = transport;
        _log = log;
        _time = options.Time;
        Id = start.Id;
        Backend = start.Backend;
        _cluster = start.Cluster;
        IsRestart = start.IsRestart;
        _completions = new Completions(inline: !options.HasThreads);
        _waiters = new AppliedWaiters(_completions);
        _ids = new RequestIds(Id, _time.GetUtcNow());
        Leases = new Lessor(Backend, _time, options.MinLeaseTtl) { StoresCheckpoints = options.LeaseCheckpointPersist };
        Keyspace = new Keyspace(Backend, Leases);
        log.Info("kvstore restored", ("current-rev", Keyspace.Revision));
        Watches = new WatchHub(Keyspace);
        Auth = new AuthStore(Backend, new AuthOptions(options.AuthToken, TimeSpan.FromSeconds(options.AuthTokenTtl), options.BcryptCost), _time);
        _alarms = new AlarmStore(Backend);
        var requests = new RequestApplier(Backend, Keyspace, Leases, Auth, _alarms, _cluster, log) { OwnVersion = options.CompatVersion };
        var node = new RaftNode(
            new RaftOptions
            {
                Id = Id,
                ElectionTick = options.ElectionTicks,
                PreVote = options.PreVote,
                HandsOverWhenStalled = true,
                Applied = start.Applied,
                Random = options.Random,
                Log = log.Raft,
            },
            start.HardState, start.Entries, start.Configuration);
        _state.Term = node.Term;
        _state.Committed = node.LogEntries.Committed;
        _writer = new LogWriter(start.Log, start.Snapshots, transport, _time, log) { Loop = () => _loop!, Metrics = options.Metrics };
        _committer = new Committer(Backend, start.Snapshots, options, log);
        _applier = new Applier(options, Backend, Keyspace, Leases, Auth, _alarms, _cluster, requests, _table, _waiters, _completions, _state,
            start.Snapshots, log, start)
        {
            Loop = () => _loop!,
            Committer = _committer,
            MembershipChanged = TakeMembershipChange,
        };
        _committer.Committed = _applier.Wake;
        _loop = new MemberLoop(node, options, _state, transport, _table, new ReadRounds(node, _ids, _waiters, _time), _waiters, _completions, Leases,
            log)
        {
            Writer = _writer,
            Applier = _applier,
            LeaderChanged = leader => LeaderChanged?.Invoke(leader),
        };
        _duties = new Duties(this, options, _log);
        requests.VersionSet = _duties.FollowStorageVersion;
        _applier.QuotaExceeded = _duties.RaiseNoSpace;
        _loop.Ticked = _duties.Tick;
        _loop.LeadershipBegan = _duties.CheckVersion;
        _cluster.Changed += FollowMembership;
        _workers = [_loop, _writer, _applier, _committer];
        foreach (Worker worker in _workers)
        {
            worker.Failed = Fail;
        }
    }

    public event Action<ulong>? LeaderChanged;

    public MemberOptions Options { get; }

    public ulong Id { get; }

    public ulong ClusterId => _cluster.View.ClusterId;

    public string AdvertisedVersion => EtcdVersion.FullFor(Options.CompatVersion);

    public ClusterView Cluster => _cluster.View;

    public Keyspace Keyspace { get; }

    public WatchHub Watches { get; }

    public Lessor Leases { get; }

    public AuthStore Auth { get; }

    public Backend Backend { get; }

    /// <summary>There was a log when it started.</summary>
    public bool IsRestart { get; }

    public ulong LeaderId => _state.Leader;

    public bool IsLeader => _state.Leads;

    public bool IsLearner => _cluster.View.Members.TryGetValue(Id, out ClusterMember? own) && own.IsLearner;

    public ulong Term => _state.Term;

    public ulong CommittedIndex => _state.Committed;

    public ulong AppliedIndex => _waiters.Applied;

    /// <summary>The term of the last applied entry.</summary>
    public ulong AppliedTerm => _state.AppliedTerm;

    public bool IsReady => _duties.IsPublished;

    /// <summary>Ends when the member has published itself: it serves clients from then on.</summary>
    public Task Ready => _duties.Published;

    public IReadOnlyList<AlarmMember> Alarms => _alarms.All;

    public long Quota => Replication.Quota.Of(Options.QuotaBackendBytes) is var quota && quota == long.MaxValue ? 0 : quota;

    public Task<string> Stopped => _stopped.Task;

    /// <summary>What ended the member, if it failed.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>It ended because it was removed from the cluster.</summary>
    public bool WasRemoved { get; private set; }

    /// <summary>Proposals that wait to be applied.</summary>
    public int PendingProposals => _table.Count;

    /// <summary>Told of how long each sync of the log took; on the writer's thread.</summary>
    public event Action<TimeSpan>? LogSynced
    {
        add => _writer.Synced += value;
        remove => _writer.Synced -= value;
    }

    internal IPeerTransport Transport => _transport;

    internal MemberLoop Loop => _loop;

    internal Applier Applier => _applier;

    internal ClusterStore Store => _cluster;

    internal CancellationToken Ending => _ending.Token;

    /// <summary>
    /// Starts a member: reads or makes its directory, and runs it. <see cref="BootstrapException"/> for what cannot be started. The member is
    /// of use to clients when <see cref="Ready"/> ends.
    /// </summary>
    /// <param name="identified">Called when the ids are known, before the transport is started.</param>
    public static async Task<Member> StartAsync(MemberOptions options, IPeerTransport transport, CancellationToken cancellation,
        Action<Member>? identified = null)
    {
        var log = new MemberLog(options.Log);
        Bootstrapped start = await new Bootstrap(options, transport, log).RunAsync(cancellation).ConfigureAwait(false);
        Member member;
        try
        {
            member = new Member(options, transport, log, start);
        }
        catch (Exception error)
        {
            start.Log.Dispose();
            start.Backend.Dispose();
            throw error is AuthException or RaftFatalException or FormatException ? new BootstrapException(error.Message, error) : error;
        }

        identified?.Invoke(member);
        member.Run(start);
        return member;
    }

    /// <summary>
    /// Ends the member: it hands over if it leads, ends what waits with <see cref="EtcdErrors.ServerStopped"/>, and leaves everything durable.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellation = default)
    {
        if (Volatile.Read(ref _isEnding) == 0)
        {
            await HandOverAsync(cancellation).ConfigureAwait(false);
        }

        await EndAsync("stopped").ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    /// <summary>
    /// Does all work that there is now, on this thread; for a member without threads. False if there was none.
    /// </summary>
    /// <param name="mayRun">Holds loops up by their names, as a slow disk would; null for none.</param>
    public bool Step(Predicate<string>? mayRun = null)
    {
        bool any = false, more = true;
        while (more)
        {
            more = false;
            foreach (Worker worker in _workers)
            {
                more |= (mayRun is null || mayRun(worker.Name)) && worker.StepIfDue();
            }

            more |= _completions.RunInline();
            any |= more;
        }

        return any;
    }

    /// <summary>The time until there is work by itself, for a member without threads.</summary>
    public TimeSpan TimeUntilDue => _workers.Select(worker => worker.TimeUntilDue).Where(due => due != Timeout.InfiniteTimeSpan).Min();

    /// <summary>
    /// Ends a member without threads as a crash would: nothing more is written, and nothing is closed in order.
    /// </summary>
    public void Crash()
    {
        Volatile.Write(ref _isEnding, 1);
        foreach (Worker worker in _workers)
        {
            worker.Stop();
        }

        _loop.Abandon();
        _stopped.TrySetResult("crashed");
    }

    private void Run(Bootstrapped start)
    {
        _transport.Start(this);
        foreach (ClusterMember member in start.Remotes)
        {
            _transport.AddRemote(member.Id, member.PeerUrls);
        }

        foreach (ClusterMember member in _cluster.View.Sorted.Where(member => member.Id != Id))
        {
            _transport.AddPeer(member.Id, member.PeerUrls);
        }

        string version = _cluster.View.Version is { } known ? known.ToString(2) : "to_be_decided";
        _log.Info("starting etcd server", _log.Local, ("local-server-version", AdvertisedVersion), ("cluster-version", version));
        if (Options.HasThreads)
        {
            foreach (Worker worker in _workers)
            {
                worker.StartThread();
            }

            _ = Watches.RunAsync(_ending.Token);
        }

        foreach (Worker worker in _workers)
        {
            worker.Wake();
        }

        _duties.Start();
    }

    private void Fail(Worker worker, Exception error)
    {
        Failure ??= error;
        _log.Error($"the member cannot go on: {worker.Name}", _log.Local, ("error", error.Message));

        // Not on the loop that failed: ending waits for the loops.
        _ = Options.HasThreads ? Task.Run(() => EndAsync(error.Message)) : EndAsync(error.Message);
    }

    internal Task EndAsync(string reason)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) == 0)
        {
            _ended = EndCoreAsync(reason);
        }

        return _ended ?? _stopped.Task;
    }

    private async Task EndCoreAsync(string reason)
    {
        if (Options.HasThreads)
        {
            await _ending.CancelAsync().ConfigureAwait(false);
        }
        else
        {
            // Here and now: there is nobody else to run what waits for it.
            _ending.Cancel();
        }

        foreach (Worker worker in _workers)
        {
            worker.Stop();
        }

        try
        {
            if (Failure is null)
            {
                // In this order: the database may not be ahead of the log.
                _writer.Finish();
                _committer.Finish();
                _applier.Finish();
            }
            else
            {
                _writer.Abandon();
            }
        }
        catch (Exception error)
        {
            Failure ??= error;
            _log.Error("failed to close", _log.Local, ("error", error.Message));
        }

        _loop.Abandon();
        _completions.RunInline();
        await _transport.StopAsync().ConfigureAwait(false);
        Backend.Dispose();
        _stopped.TrySetResult(reason);
    }
}
