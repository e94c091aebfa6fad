using System.Collections.Concurrent;
using Quorate.Auth;
using Quorate.Mvcc;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Raft.Quorum;
using Quorate.Server.Membership;
using Quorate.Storage.Schema;
using Quorate.Storage.Wal;

namespace Quorate.Server.Replication;

/// <summary>
/// Applies committed entries, one after the other: the only writer of the replicated state. An entry's effects and its index are in one
/// commit of the database (spec 05 §5.1).
/// </summary>
internal sealed partial class Applier : Worker
{
    private const int ManyPending = 10;

    private readonly ConcurrentQueue<object> _queue = new();
    private readonly List<Pending> _finished = [];
    private readonly MemberOptions _options;
    private readonly Backend _backend;
    private readonly Keyspace _keyspace;
    private readonly Lessor _lessor;
    private readonly AuthStore _auth;
    private readonly AlarmStore _alarms;
    private readonly ClusterStore _cluster;
    private readonly RequestApplier _requests;
    private readonly ProposalTable _table;
    private readonly AppliedWaiters _waiters;
    private readonly Completions _completions;
    private readonly MemberState _state;
    private readonly SnapshotFiles _snapshots;
    private readonly MemberLog _log;
    private readonly TimeProvider _time;
    private readonly long _quota;
    private readonly Operations.ApplyObserver _observer;
    private Configuration _configuration;
    private ulong _applied;
    private long _lastFreeze;
    private long _lastCompactStep;

    public Applier(MemberOptions options, Backend backend, Keyspace keyspace, Lessor lessor, AuthStore auth, AlarmStore alarms, ClusterStore cluster,
        RequestApplier requests, ProposalTable table, AppliedWaiters waiters, Completions completions, MemberState state,
        SnapshotFiles snapshots, MemberLog log, Bootstrapped start)
        : base("applier")
    {
        _options = options;
        _backend = backend;
        _keyspace = keyspace;
        _lessor = lessor;
        _auth = auth;
        _alarms = alarms;
        _cluster = cluster;
        _requests = requests;
        _table = table;
        _waiters = waiters;
        _completions = completions;
        _state = state;
        _snapshots = snapshots;
        _log = log;
        _time = options.Time;
        _quota = Quota.Of(options.QuotaBackendBytes);
        _observer = new Operations.ApplyObserver(options.Metrics, options);
        _configuration = Configuration.From(start.Configuration);
        _applied = start.Applied;
        _snapshotIndex = start.SnapshotIndex;
        _state.AppliedTerm = start.AppliedTerm;
        _waiters.SetApplied(_applied);
        _lastFreeze = _lastCompactStep = _time.GetTimestamp();
        _requests.VersionLowered = () => _mustSnapshot = true;
    }

    public required Func<MemberLoop> Loop { get; init; }

    public required Committer Committer { get; init; }

    /// <summary>Called when a write was applied that the quota has no room for.</summary>
    public Action? QuotaExceeded { get; set; }

    /// <summary>Called when a change of the membership was applied, with the change.</summary>
    public Action<ConfChange>? MembershipChanged { get; set; }

    public void Enqueue(IReadOnlyList<Entry> entries)
    {
        _queue.Enqueue(entries);
        Wake();
    }

    /// <summary>Takes a received snapshot, whose database is stored and whose message is in the log, before anything that is queued later.</summary>
    public void Install(Snapshot snapshot)
    {
        _queue.Enqueue(snapshot);
        Wake();
    }

    /// <summary>Runs something between two entries.</summary>
    public void Call(Action action)
    {
        _queue.Enqueue(action);
        Wake();
    }

    /// <summary>Applies what is there and commits it; for a clean end, when the loop does not run any more.</summary>
    public void Finish()
    {
        Work();
        _backend.Commit();
        _completions.Release(_finished);
    }

    protected override TimeSpan DueIn
    {
        get
        {
            TimeSpan due = Timeout.InfiniteTimeSpan;
            if (_backend.PendingOperations > 0 && Committer.IsIdle)
            {
                due = Max(_options.BackendBatchInterval - _time.GetElapsedTime(_lastFreeze));
            }

            if (_keyspace.IsCompacting)
            {
                TimeSpan step = Max(_options.CompactionSleepInterval - _time.GetElapsedTime(_lastCompactStep));
                due = due == Timeout.InfiniteTimeSpan || step < due ? step : due;
            }

            return due;
        }
    }

    protected override void Work()
    {
        while (_queue.TryPeek(out object? next))
        {
            if (next is Snapshot && !Committer.IsIdle)
            {
                // What is being committed belongs to the state that goes; the committer wakes this loop.
                return;
            }

            _queue.TryDequeue(out _);
            switch (next)
            {
                case IReadOnlyList<Entry> entries:
                    Apply(entries);
                    break;
                case Snapshot snapshot:
                    InstallNow(snapshot);
                    break;
                case Action action:
                    action();
                    break;
            }

            FreezeIfDue();
        }

        StepCompaction();
        FreezeIfDue();
        TryCapture();
    }

    private void Apply(IReadOnlyList<Entry> entries)
    {
        bool mattersToCore = false;
        for (int index = 0; index < entries.Count; index++)
        {
            Entry entry = entries[index];
            if (entry.Index <= _applied)
            {
                continue;
            }

            mattersToCore |= Apply(entry);
            _applied = entry.Index;
            _state.AppliedTerm = entry.Term;
        }

        _waiters.SetApplied(_applied);
        _completions.Release(_finished);
        MemberLoop loop = Loop();
        loop.Post(new LoopEvent(LoopEventKind.Applied, _applied), wake: mattersToCore || loop.NeedsApplied);
        SnapshotIfDue();
    }

    /// <summary>Applies one entry; true if the member loop should know at once.</summary>
    private bool Apply(in Entry entry)
    {
        // After a restart entries may come again whose effects are in the database.
        bool hasEffects = entry.Index > _backend.ConsistentIndex;
        bool mattersToCore = false;
        switch (entry.Type)
        {
            case EntryType.Normal when entry.Data.Length == 0:
                Loop().Post(new LoopEvent(LoopEventKind.LeaderEntryApplied, entry.Term), wake: false);
                mattersToCore = true;
                break;
            case EntryType.Normal when hasEffects:
                ApplyRequest(entry);
                break;
            case EntryType.ConfChange:
                ApplyConfiguration(RaftWire.DecodeConfChange(entry.Data), entry, hasEffects);
                mattersToCore = true;
                break;
            case EntryType.ConfChangeV2:
                throw new MemberFailedException($"entry {entry.Index} is of a type that no etcd member may propose: {entry.Type}");
        }

        if (hasEffects)
        {
            _backend.SetConsistentIndex(entry.Index, entry.Term);
        }

        return mattersToCore;
    }

    private void ApplyRequest(in Entry entry)
    {
        if (!EntryPayload.TryReadId(entry.Data.Span, out ulong id, out bool isSecondApi))
        {
            _log.Error("ignored an entry that is no request", ("index", entry.Index));
            return;
        }

        PendingProposal? proposal = id == 0 ? null : _table.Take(id, entry.Data.Span);
        InternalRaftRequest? request = proposal?.Request
            ?? (isSecondApi ? EntryPayload.Translate(entry.Data) : InternalRaftRequest.Parser.ParseFrom(entry.Data.Span));
        if (request is null)
        {
            Finish(proposal, null, null);
            return;
        }

        object? response = null;
        Exception? error = null;
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        try
        {
            response = _requests.Apply(request, isLocal: proposal is not null);
        }
        catch (Exception refusal) when (refusal is EtcdException or AuthException)
        {
            error = refusal;
        }

        _observer.Observe(request, response, error, start);
        if (error is null && CheckQuota(request) is { } exceeded)
        {
            error = exceeded;
        }

        if (response is CompactionApplied compaction && error is null)
        {
            if (request.Compaction.Physical && proposal is not null && !compaction.Physical.IsCompleted)
            {
                FinishLater(proposal, compaction);
                return;
            }

            response = compaction.Response;
        }

        Finish(proposal, response, error);
    }

    /// <summary>The write is done all the same: only the caller is refused, and the alarm is raised (spec 03 §5.2).</summary>
    private EtcdException? CheckQuota(InternalRaftRequest request)
    {
        if (_quota == long.MaxValue)
        {
            return null;
        }

        long cost = Quota.CostOf(request);
        if (cost == 0 || _backend.Size + cost < _quota)
        {
            return null;
        }

        QuotaExceeded?.Invoke();
        return EtcdErrors.NoSpace;
    }

    private void FinishLater(PendingProposal proposal, CompactionApplied compaction) =>
        compaction.Physical.GetAwaiter().OnCompleted(() =>
        {
            if (proposal.TryFinish(compaction.Response, null))
            {
                _completions.Release([proposal]);
            }
        });

    private void Finish(PendingProposal? proposal, object? response, Exception? error)
    {
        if (proposal is not null && proposal.TryFinish(response ?? proposal, error))
        {
            _finished.Add(proposal);
        }
    }

    private void ApplyConfiguration(ConfChange change, in Entry entry, bool hasEffects)
    {
        PendingProposal? proposal = change.Id == 0 ? null : _table.Take(change.Id, entry.Data.Span);
        EtcdException? error = null;
        if (hasEffects)
        {
            ClusterMember? member = null;
            bool isPromotion = false;
            try
            {
                error = _cluster.Validate(change, out member, out isPromotion);
            }
            catch (FormatException malformed)
            {
                throw new MemberFailedException($"entry {entry.Index}: {malformed.Message}");
            }

            if (error is not null)
            {
                // The core must hear of it all the same, or it would take no other change.
                change = change with { NodeId = 0 };
            }
            else
            {
                _state.ReadsAlone = false;
                _cluster.Apply(change, member, isPromotion);
            }
        }

        ConfChangeV2 general = change.ToV2();
        _configuration = _configuration.Apply(general);
        if (hasEffects)
        {
            _backend.Put(Buckets.Meta, MetaKeys.ConfState, ConfStateJson.Encode(_configuration.ToConfState()));
        }

        if (proposal is not null && !proposal.TryFinish(_cluster.View, error))
        {
            proposal = null;
        }

        Loop().Post(new LoopEvent(LoopEventKind.ConfigurationApplied, 0, new ConfigurationApplied(general, proposal)), wake: false);
        if (hasEffects && error is null)
        {
            _log.Info("applied a configuration change through raft", _log.Local, ("raft-conf-change", $"ConfChange{change.Type}"),
                ("raft-conf-change-node-id", change.NodeId.ToString("x")));
            MembershipChanged?.Invoke(change);
        }
    }

    private void StepCompaction()
    {
        if (_keyspace.IsCompacting && _time.GetElapsedTime(_lastCompactStep) >= _options.CompactionSleepInterval)
        {
            _keyspace.CompactStep(_options.CompactionBatchLimit);
            _lastCompactStep = _time.GetTimestamp();
            if (!_keyspace.IsCompacting)
            {
                _options.Metrics.LastCompaction.Set(_time.GetUtcNow().ToUnixTimeSeconds());
            }
        }
    }

    private static TimeSpan Max(TimeSpan span) => span < TimeSpan.Zero ? TimeSpan.Zero : span;
}
