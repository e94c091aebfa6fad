using System.Collections.Concurrent;
using Grpc.Core;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>
/// The loop that owns the consensus core: it takes messages, proposals, ticks and acknowledgements, and hands out what is to be sent, written
/// and applied. It never waits for a disk or a socket.
/// </summary>
internal sealed partial class MemberLoop : Worker
{
    private const int MaxMessagesWaiting = 16 * 1024, MaxMessagesInStep = 1024, MaxEntriesInProposal = 4096,
        MaxForwardedBytes = 512 * 1024;

    private readonly ConcurrentQueue<PendingProposal> _proposals = new();
    private readonly ConcurrentQueue<PendingProposal> _configurationProposals = new();
    private readonly ConcurrentQueue<Message> _messages = new();
    private readonly ConcurrentQueue<LoopEvent> _events = new();
    private readonly List<Entry> _batch = [];
    private readonly List<Pending> _finished = [];
    private readonly List<PendingProposal> _configurationsApplied = [];
    private readonly RaftNode _node;
    private readonly MemberOptions _options;
    private readonly MemberState _state;
    private readonly IPeerTransport _transport;
    private readonly ProposalTable _table;
    private readonly Completions _completions;
    private readonly MemberLog _log;
    private readonly TimeProvider _time;
    private PendingProposal? _configurationUnderWay;
    private bool _needsApplied;
    private bool _isStopped;

    public MemberLoop(RaftNode node, MemberOptions options, MemberState state, IPeerTransport transport, ProposalTable table,
        ReadRounds reads, AppliedWaiters waiters, Completions completions, Lessor lessor, MemberLog log)
        : base("member")
    {
        _node = node;
        _options = options;
        _state = state;
        _transport = transport;
        _table = table;
        Reads = reads;
        _waiters = waiters;
        _completions = completions;
        _lessor = lessor;
        _log = log;
        _time = options.Time;
        _lastTick = _time.GetTimestamp();
        node.SnapshotSource = DescribeSnapshot;
    }

    public ReadRounds Reads { get; }

    public required LogWriter Writer { get; init; }

    public required Applier Applier { get; init; }

    /// <summary>Called on the loop at every tick.</summary>
    public Action? Ticked { get; set; }

    /// <summary>Called on the loop when the leader is another one; 0 for none.</summary>
    public Action<ulong>? LeaderChanged { get; set; }

    /// <summary>Called on the loop when the first entry of the own leadership is applied.</summary>
    public Action? LeadershipBegan { get; set; }

    /// <summary>Whether acknowledgements of the applier are waited for, so that it should wake this loop.</summary>
    public bool NeedsApplied => Volatile.Read(ref _needsApplied);

    public int ProposalsWaiting => _proposals.Count;

    public void Propose(PendingProposal proposal)
    {
        (proposal.Type == EntryType.Normal ? _proposals : _configurationProposals).Enqueue(proposal);
        Wake();
    }

    /// <summary>False if too many messages wait.</summary>
    public bool Receive(Message message)
    {
        if (_messages.Count >= MaxMessagesWaiting)
        {
            return false;
        }

        _messages.Enqueue(message);
        Wake();
        return true;
    }

    public void Post(LoopEvent loopEvent, bool wake = true)
    {
        _events.Enqueue(loopEvent);
        if (wake)
        {
            Wake();
        }
    }

    /// <summary>Runs something on the loop, where it may use the core.</summary>
    public void Call(Action<RaftNode> action) => Post(new LoopEvent(LoopEventKind.Call, 0, action));

    protected override TimeSpan DueIn => _options.HeartbeatInterval - _time.GetElapsedTime(_lastTick);

    protected override void Work()
    {
        do
        {
            TakeEvents();
            TakeMessages();
            TakeTicks();
            TakeProposals();
            TakeConfigurationProposal();
            Reads.Start();
            HandOut();
            Volatile.Write(ref _needsApplied, _node.LogEntries.Applying < Math.Min(_node.LogEntries.Committed, _node.LogEntries.Durable));
        }
        while (!_events.IsEmpty || !_messages.IsEmpty);

        _completions.Release(_finished);
    }

    private void TakeEvents()
    {
        while (_events.TryDequeue(out LoopEvent next))
        {
            switch (next.Kind)
            {
                case LoopEventKind.Appended:
                    TakeAppended((Append)next.Payload!);
                    break;
                case LoopEventKind.Applied:
                    TakeApplied(next.Number);
                    break;
                case LoopEventKind.ConfigurationApplied:
                    TakeConfiguration((ConfigurationApplied)next.Payload!);
                    break;
                case LoopEventKind.LeaderEntryApplied:
                    TakeLeaderEntry(next.Number);
                    break;
                case LoopEventKind.Unreachable:
                    _node.ReportUnreachable(next.Number);
                    break;
                case LoopEventKind.SnapshotSent:
                    EndSnapshot(next.Number, failed: false);
                    break;
                case LoopEventKind.SnapshotFailed:
                    EndSnapshot(next.Number, failed: true);
                    break;
                case LoopEventKind.Transfer:
                    _node.TransferLeadership(next.Number);
                    break;
                case LoopEventKind.Call:
                    ((Action<RaftNode>)next.Payload!)(_node);
                    break;
            }
        }
    }

    private void TakeMessages()
    {
        for (int count = 0; count < MaxMessagesInStep && _messages.TryDequeue(out Message? message); count++)
        {
            _node.Step(message);
        }
    }

    /// <summary>Proposes all that waits in as few appends as may be; without a leader it goes on waiting (spec 04 §11).</summary>
    private void TakeProposals()
    {
        while (!_proposals.IsEmpty && _node.Leader != 0 && _node.Transferee == 0)
        {
            _batch.Clear();
            bool leads = _node.Role == RaftRole.Leader;
            long bytes = 0;
            int taken = 0;
            while (_batch.Count < MaxEntriesInProposal && (leads || bytes < MaxForwardedBytes) && _proposals.TryPeek(out PendingProposal? next))
            {
                _proposals.TryDequeue(out _);
                taken++;
                if (next.OnlyInTerm != 0 && (!leads || _node.Term != next.OnlyInTerm))
                {
                    if (_table.Remove(next) && next.TryFinish(null, EtcdErrors.LeaderChanged))
                    {
                        _finished.Add(next);
                    }
                }
                else if (!next.IsFinished)
                {
                    next.WasProposed = true;
                    bytes += next.Data.Length;
                    _batch.Add(new Entry(0, 0, EntryType.Normal, next.Data));
                }
            }

            if (_batch.Count > 0 && !_node.TryPropose(_batch.ToArray()))
            {
                // Dropped here: nothing of it can be committed, and the callers are told so when their time is over.
                return;
            }

            if (taken == 0)
            {
                return;
            }
        }
    }

    /// <summary>
    /// One change of the configuration at a time: the core would silently turn a second one into an empty entry (spec 03 §3).
    /// </summary>
    private void TakeConfigurationProposal()
    {
        if (_configurationUnderWay is { IsFinished: false } || _node.Leader == 0 || _node.Transferee != 0)
        {
            return;
        }

        while (_configurationProposals.TryDequeue(out PendingProposal? next))
        {
            if (!next.IsFinished)
            {
                next.WasProposed = true;
                _configurationUnderWay = next;
                _node.TryPropose([new Entry(0, 0, next.Type, next.Data)]);
                return;
            }
        }
    }

    private void HandOut()
    {
        while (_node.HasReady)
        {
            Ready ready = _node.TakeReady();
            if (ready.SoftStateChanged)
            {
                TakeRole();
            }

            _state.Term = _node.Term;
            _state.Committed = _node.LogEntries.Committed;
            if (ready.Messages.Count > 0)
            {
                Send(ready.Messages);
            }

            if (ready.Append is { } append)
            {
                Writer.Enqueue(append);
            }

            if (ready.Committed.Count > 0)
            {
                Applier.Enqueue(ready.Committed);
            }

            foreach (ReadState read in ready.ReadStates)
            {
                Reads.Answer(read);
            }
        }
    }

    private void Send(IReadOnlyList<Message> messages)
    {
        bool hasSnapshot = false;
        for (int index = 0; index < messages.Count; index++)
        {
            hasSnapshot |= messages[index].Type == MessageType.Snap;
        }

        if (!hasSnapshot)
        {
            _transport.Send(messages);
            return;
        }

        _transport.Send([.. messages.Where(message => message.Type != MessageType.Snap)]);
        foreach (Message message in messages.Where(message => message.Type == MessageType.Snap))
        {
            BeginSnapshot(message);
        }
    }

    private void TakeAppended(Append append)
    {
        _node.Appended(append);
        if (append.Snapshot is { } snapshot)
        {
            // Before anything that comes after it.
            Applier.Install(snapshot);
        }
    }

    private void TakeApplied(ulong index)
    {
        if (index > _node.LogEntries.Applied)
        {
            _node.Applied(index);
        }

        foreach (PendingProposal proposal in _configurationsApplied)
        {
            _finished.Add(proposal);
        }

        _configurationsApplied.Clear();
        CompactLog();
    }

    private void TakeConfiguration(ConfigurationApplied applied)
    {
        _node.ApplyConfChange(applied.Change);
        if (applied.Proposal is { } proposal)
        {
            // The caller goes on only when the core would take the next change.
            _configurationsApplied.Add(proposal);
        }

        UpdateReadsAlone();
    }

    /// <summary>Ends everything that waits. The loop does not run any more.</summary>
    public void Abandon()
    {
        if (_isStopped)
        {
            return;
        }

        _isStopped = true;
        foreach (PendingProposal proposal in _table.All)
        {
            if (_table.Remove(proposal) && proposal.TryFinish(null, EtcdErrors.ServerStopped))
            {
                _finished.Add(proposal);
            }
        }

        _finished.AddRange(_configurationsApplied);
        Reads.Fail(() => EtcdErrors.ServerStopped, _finished);
        _waiters.Expire(_ => EtcdErrors.ServerStopped, _finished);
        _completions.Release(_finished);
    }
}
