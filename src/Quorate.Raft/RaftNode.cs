using Quorate.Raft.Quorum;
using static Quorate.Raft.Invariant;

namespace Quorate.Raft;

/// <summary>
/// One member's consensus core: Raft (Ongaro and Ousterhout 2014; Ongaro's thesis), message-compatible with etcd 3.4 to 3.7 (spec
/// 08). It is driven by ticks, messages, requests and acknowledgements, and answers with batches of work (<see
/// cref="TakeReady"/>). It does no I/O, reads no clock and starts no thread; it is not safe for several threads.
/// </summary>
public sealed partial class RaftNode
{
    private readonly RaftOptions _options;
    private readonly RaftLog _log;
    private readonly Dictionary<ulong, Progress> _progress = [];
    private readonly Dictionary<ulong, bool> _votes = [];
    private readonly Queue<SelfResponses> _selfResponses = [];
    private readonly Func<ulong, ulong> _match;
    private readonly List<Progress> _withUnsentAppend = [];
    private Configuration _configuration;
    private (ulong Id, Progress Progress)[] _others = [];
    private List<Message> _messages = [];
    private List<Message> _messagesAfter = [];
    private List<Message> _ownResponses = [];
    private List<ReadState> _readStates = [];
    private ulong _term;
    private ulong _vote;
    private ulong _leader;
    private ulong _transferee;
    private ulong _pendingConfIndex;
    private ulong _uncommittedSize;
    private int _electionElapsed;
    private int _heartbeatElapsed;
    private int _electionTimeout;
    private int _stalledTicks;
    private bool _isLearner;
    private HardState _handedHardState;
    private (RaftRole Role, ulong Leader) _handedSoftState;
    private SnapshotMetadata? _restoring;

    /// <param name="hardState">As last made durable.</param>
    /// <param name="log">What is on the disk.</param>
    /// <param name="configuration">At the snapshot before the log, or of the last applied entry if the host keeps that.</param>
    public RaftNode(RaftOptions options, HardState hardState, RaftLog log, ConfState configuration)
    {
        options.Validate();
        _options = options;
        _log = log;
        _configuration = Configuration.From(configuration);
        _match = id => _progress.TryGetValue(id, out Progress? progress) ? progress.Match : 0;
        Require(_configuration.ToConfState().Equals(configuration), $"{Id:x} cannot restore configuration {configuration}");
        RebuildProgress();

        if (!hardState.IsEmpty)
        {
            Require(hardState.Commit >= log.CompactedIndex && hardState.Commit <= log.LastIndex,
                $"{Id:x} state.commit {hardState.Commit} is out of range [{log.CompactedIndex}, {log.LastIndex}]");
            _log.CommitTo(hardState.Commit);
        }

        if (options.Applied > log.Applied)
        {
            _log.AppliedTo(options.Applied);
        }

        BecomeFollower(hardState.Term, 0);
        _vote = hardState.Vote;
        _handedHardState = HardState;
        _handedSoftState = (Role, _leader);
        string peers = string.Join(',', _configuration.Voters.Voters.Select(id => id.ToString("x")));
        Log($"newRaft {Id:x} [peers: [{peers}], term: {_term}, commit: {log.Committed}, "
            + $"applied: {log.Applied}, lastindex: {log.LastIndex}, lastterm: {log.LastTerm}]");
    }

    public ulong Id => _options.Id;

    public RaftRole Role { get; private set; }

    public ulong Term => _term;

    /// <summary>The leader of this term as far as known; 0 for none.</summary>
    public ulong Leader => _leader;

    public HardState HardState => new(_term, _vote, _log.Committed);

    public ConfState ConfState => _configuration.ToConfState();

    /// <summary>The target of a transfer of leadership that goes on; 0 for none.</summary>
    public ulong Transferee => _transferee;

    /// <summary>The log, for reading and for <see cref="RaftLog.Compact"/>.</summary>
    public RaftLog LogEntries => _log;

    public RaftStatus Status() => new(Id, HardState, _leader, Role, _log.Applied, _transferee, _configuration,
        Role == RaftRole.Leader
            ? _progress.ToDictionary(pair => pair.Key, pair => pair.Value.ToMemberProgress())
            : []);

    /// <summary>One heartbeat interval has passed.</summary>
    public void Tick()
    {
        if (Role == RaftRole.Leader)
        {
            TickLeader();
            return;
        }

        _electionElapsed++;
        if (IsPromotable && _electionElapsed >= _electionTimeout)
        {
            _electionElapsed = 0;
            Campaign();
        }
    }

    /// <summary>Starts an election now, with a pre-vote if that is configured.</summary>
    public void Campaign() => Hup(transfer: false);

    /// <summary>Proposes one entry; <see cref="ProposalDroppedException"/> if there is nobody to take it.</summary>
    public void Propose(ReadOnlyMemory<byte> data) => Propose([new Entry(0, 0, EntryType.Normal, data)]);

    /// <summary>
    /// Proposes entries (of which type and data count) in one go; <see cref="ProposalDroppedException"/> as for one.
    /// </summary>
    public void Propose(IReadOnlyList<Entry> entries)
    {
        if (!TryPropose(entries))
        {
            throw new ProposalDroppedException();
        }
    }

    /// <summary>
    /// Proposes entries (of which type and data count) in one go: one append to each member. False if nobody can take them:
    /// nothing of them can ever be committed.
    /// </summary>
    public bool TryPropose(IReadOnlyList<Entry> entries)
    {
        Require(entries.Count > 0, $"{Id:x} stepped empty MsgProp");
        return TryPropose(new Message { Type = MessageType.Prop, From = Id, Entries = entries });
    }

    public void ProposeConfChange(ConfChange change) =>
        Propose([new Entry(0, 0, EntryType.ConfChange, RaftWire.Encode(change))]);

    public void ProposeConfChange(ConfChangeV2 change) =>
        Propose([new Entry(0, 0, EntryType.ConfChangeV2, RaftWire.Encode(change))]);

    /// <summary>
    /// Asks for a linearizable read; the answer comes as a <see cref="ReadState"/> with this context, or never.
    /// </summary>
    public void ReadIndex(ReadOnlyMemory<byte> context) =>
        StepLocal(new Message { Type = MessageType.ReadIndex, Entries = [new Entry(0, 0, EntryType.Normal, context)] });

    /// <summary>Asks the leader to hand over to a member.</summary>
    public void TransferLeadership(ulong target) => StepLocal(new Message { Type = MessageType.TransferLeader, From = target });

    public void ReportUnreachable(ulong member) => StepLocal(new Message { Type = MessageType.Unreachable, From = member });

    /// <summary>The snapshot sent to a member arrived there, or did not.</summary>
    public void ReportSnapshot(ulong member, bool failed) =>
        StepLocal(new Message { Type = MessageType.SnapStatus, From = member, Reject = failed });

    /// <summary>Forgets who leads, so that the next vote request is answered.</summary>
    public void ForgetLeader() => StepLocal(new Message { Type = MessageType.ForgetLeader });

    /// <summary>
    /// Takes a message from the network. What no member may send is dropped, and so is a forwarded proposal or read that cannot
    /// be taken.
    /// </summary>
    public void Step(Message message)
    {
        if (message.Type is MessageType.Hup or MessageType.Beat or MessageType.Unreachable or MessageType.SnapStatus
            or MessageType.CheckQuorum or >= MessageType.StorageAppend)
        {
            return;
        }

        bool isResponse = message.Type is MessageType.AppResp or MessageType.VoteResp or MessageType.HeartbeatResp
            or MessageType.ReadIndexResp or MessageType.PreVoteResp;
        if (isResponse && !_progress.ContainsKey(message.From))
        {
            return;
        }

        if (message.Type == MessageType.Prop)
        {
            if (message.Entries.Count > 0)
            {
                TryPropose(message);
            }

            return;
        }

        if (message.Term == 0 && message.Type != MessageType.ReadIndex)
        {
            // Without a term it would pass all rules of terms (spec 08 §23, trap 28).
            return;
        }

        StepLocal(message);
    }

    public bool HasReady =>
        _messages.Count > 0 || _messagesAfter.Count > 0 || _ownResponses.Count > 0 || _readStates.Count > 0 || _log.HasUnsent
        || _log.HasCommitted(_options.MaxCommittedSizePerReady)
        || HardState != _handedHardState || _handedSoftState != (Role, _leader);

    /// <summary>Takes all work that there is now.</summary>
    public Ready TakeReady()
    {
        foreach (Progress progress in _withUnsentAppend)
        {
            progress.UnsentAppend = null;
        }

        _withUnsentAppend.Clear();
        HardState hardState = HardState;
        bool hardStateChanged = hardState != _handedHardState;
        Append? append = null;
        if (_log.HasUnsent || hardStateChanged || _messagesAfter.Count > 0 || _ownResponses.Count > 0)
        {
            (ulong id, Entry[] entries, Snapshot? snapshot) = _log.TakeUnsent();
            append = new Append
            {
                Id = id,
                HardState = hardStateChanged ? hardState : null,
                Entries = entries,
                Snapshot = snapshot,
                MustSync = entries.Length > 0 || snapshot is not null || hardState.Term != _handedHardState.Term
                    || hardState.Vote != _handedHardState.Vote,
                MessagesAfter = Take(ref _messagesAfter),
            };
            _selfResponses.Enqueue(new SelfResponses(_term, Take(ref _ownResponses)));
            _handedHardState = hardState;
        }

        bool softStateChanged = _handedSoftState != (Role, _leader);
        _handedSoftState = (Role, _leader);
        return new Ready
        {
            SoftStateChanged = softStateChanged,
            Messages = Take(ref _messages),
            Append = append,
            Committed = _log.TakeCommitted(_options.MaxCommittedSizePerReady),
            ReadStates = Take(ref _readStates),
        };
    }

    /// <summary>The oldest append that was handed out is done, and durable if it had to be.</summary>
    public void Appended(Append append)
    {
        SelfResponses own = _selfResponses.Dequeue();
        _stalledTicks = 0;
        _log.Appended(append.Id);
        if (own.Term == _term)
        {
            foreach (Message response in own.Responses)
            {
                StepLocal(response);
            }

            if (Role == RaftRole.Leader && _progress.TryGetValue(Id, out Progress? progress) && progress.Accept(_log.Durable))
            {
                if (MaybeCommit())
                {
                    BroadcastAppend();
                }
            }
        }
    }

    /// <summary>
    /// The host has applied all committed entries, or installed a received snapshot, up to an index. Changes of the configuration
    /// up to there were given to <see cref="ApplyConfChange"/> before.
    /// </summary>
    public void Applied(ulong index)
    {
        _uncommittedSize -= Math.Min(_log.AppliedTo(index), _uncommittedSize);
        if (_restoring is { } restored && index >= restored.Index)
        {
            Require(_log.PendingSnapshot is null, $"{Id:x} applied snapshot {index} before it was durable");
            _restoring = null;
            _configuration = Configuration.From(restored.ConfState);
            RebuildProgress();
        }

        if (Role == RaftRole.Leader && _configuration.AutoLeave && _log.Applied >= _pendingConfIndex)
        {
            // Dropped while a transfer goes on; the next applied entry asks again.
            TryPropose([new Entry(0, 0, EntryType.ConfChangeV2, default)]);
        }
    }

    private bool IsPromotable => _configuration.Voters.Contains(Id) && !_isLearner && _restoring is null;

    private bool TryPropose(Message message)
    {
        switch (Role)
        {
            case RaftRole.Leader:
                return HandleProposal(message);
            case RaftRole.Follower when _leader != 0 && !_options.DisableProposalForwarding:
                Send(new Message { Type = MessageType.Prop, To = _leader, From = message.From, Entries = message.Entries });
                return true;
            default:
                return false;
        }
    }

    private void StepLocal(Message message)
    {
        if (!CheckTerm(message))
        {
            return;
        }

        switch (message.Type)
        {
            case MessageType.Vote or MessageType.PreVote:
                AnswerVote(message);
                break;
            default:
                switch (Role)
                {
                    case RaftRole.Leader:
                        StepLeader(message);
                        break;
                    case RaftRole.Follower:
                        StepFollower(message);
                        break;
                    default:
                        StepCandidate(message);
                        break;
                }

                break;
        }
    }

    /// <summary>The rules of terms (spec 08 §4.1 to §4.3); false if the message is done with.</summary>
    private bool CheckTerm(Message message)
    {
        if (message.Term == 0)
        {
            // Local, or of a kind without a term. A vote without one could not be answered: it is dropped, where etcd stops
            // (B-44).
            return message.Type is not (MessageType.Vote or MessageType.PreVote);
        }

        if (message.Term > _term)
        {
            return CheckHigherTerm(message);
        }

        if (message.Term == _term)
        {
            return true;
        }

        if (message.Type is MessageType.Heartbeat or MessageType.App && (_options.CheckQuorum || _options.PreVote))
        {
            // Un-sticks a member that went ahead alone: the leader of the lower term learns of the higher one and steps down.
            SendAfter(new Message { Type = MessageType.AppResp, To = message.From });
        }
        else if (message.Type == MessageType.PreVote)
        {
            Log($"{DescribeLog()} rejected {DescribeRequest(message)}");
            SendAfter(new Message { Type = MessageType.PreVoteResp, To = message.From, Term = _term, Reject = true });
        }

        return false;
    }

    private bool CheckHigherTerm(Message message)
    {
        if (message.Type is MessageType.Vote or MessageType.PreVote)
        {
            bool forced = message.Context.Span.SequenceEqual(CampaignTransfer);
            if (!forced && _options.CheckQuorum && _leader != 0 && _electionElapsed < _options.ElectionTick)
            {
                Log($"{DescribeLog()} ignored {DescribeRequest(message)}: lease is not expired "
                    + $"(remaining ticks: {_options.ElectionTick - _electionElapsed})");
                return false;
            }
        }

        if (message.Type == MessageType.PreVote || (message.Type == MessageType.PreVoteResp && !message.Reject))
        {
            return true;
        }

        Log($"{Id:x} [term: {_term}] received a Msg{message.Type} message with higher term from {message.From:x} "
            + $"[term: {message.Term}]");
        bool fromLeader = message.Type is MessageType.App or MessageType.Heartbeat or MessageType.Snap;
        BecomeFollower(message.Term, fromLeader ? message.From : 0);
        return true;
    }

    private void StepFollower(Message message)
    {
        switch (message.Type)
        {
            case MessageType.App:
                HearLeader(message.From);
                HandleAppend(message);
                break;
            case MessageType.Heartbeat:
                HearLeader(message.From);
                HandleHeartbeat(message);
                break;
            case MessageType.Snap:
                HearLeader(message.From);
                HandleSnapshot(message);
                break;
            case MessageType.TransferLeader:
                if (_leader != 0)
                {
                    Send(new Message { Type = MessageType.TransferLeader, To = _leader, From = message.From, Term = _term });
                }

                break;
            case MessageType.TimeoutNow:
                Log($"{Id:x} [term {_term}] received MsgTimeoutNow from {message.From:x} and starts an election "
                    + "to get leadership.");
                Hup(transfer: true);
                break;
            case MessageType.ReadIndex:
                if (_leader == 0)
                {
                    Log($"{Id:x} no leader at term {_term}; dropping index reading msg");
                    break;
                }

                Send(new Message { Type = MessageType.ReadIndex, To = _leader, From = message.From, Entries = message.Entries });
                break;
            case MessageType.ReadIndexResp:
                if (message.Entries.Count != 1)
                {
                    Log($"{Id:x} invalid format of MsgReadIndexResp from {message.From:x}, "
                        + $"entries count: {message.Entries.Count}");
                    break;
                }

                _readStates.Add(new ReadState(message.Index, message.Entries[0].Data));
                break;
            case MessageType.ForgetLeader when _options.LeaseBasedReads:
                Log($"{Id:x} ignoring MsgForgetLeader due to ReadOnlyLeaseBased");
                break;
            case MessageType.ForgetLeader:
                _leader = 0;
                break;
        }
    }

    private void StepCandidate(Message message)
    {
        switch (message.Type)
        {
            case MessageType.App or MessageType.Heartbeat or MessageType.Snap:
                BecomeFollower(_term, message.From);
                StepFollower(message);
                break;
            case MessageType.VoteResp when Role == RaftRole.Candidate:
            case MessageType.PreVoteResp when Role == RaftRole.PreCandidate:
                CountVote(message);
                break;
        }
    }

    private void StepLeader(Message message)
    {
        switch (message.Type)
        {
            case MessageType.ReadIndex:
                HandleReadIndex(message);
                return;
            case MessageType.TransferLeader:
                HandleTransfer(message);
                return;
        }

        if (!_progress.TryGetValue(message.From, out Progress? progress))
        {
            return;
        }

        switch (message.Type)
        {
            case MessageType.AppResp:
                HandleAppendResponse(message, progress);
                break;
            case MessageType.HeartbeatResp:
                HandleHeartbeatResponse(message, progress);
                break;
            case MessageType.SnapStatus:
                HandleSnapshotStatus(message, progress);
                break;
            case MessageType.Unreachable when progress.State == ProgressState.Replicate:
                progress.BecomeProbe();
                break;
        }
    }

    private void HearLeader(ulong leader)
    {
        _electionElapsed = 0;
        _leader = leader;
    }

    private void Reset(ulong term)
    {
        if (_term != term)
        {
            Require(term > _term, $"term moves from {_term} back to {term}");
            _term = term;
            _vote = 0;
        }

        _leader = 0;
        _electionElapsed = 0;
        _heartbeatElapsed = 0;
        _electionTimeout = _options.ElectionTick + _options.Random.Next(_options.ElectionTick);
        _transferee = 0;
        _votes.Clear();
        foreach ((ulong id, Progress progress) in _progress)
        {
            progress.Reset(id == Id ? _log.Durable : 0, _log.LastIndex + 1);
        }

        _pendingConfIndex = 0;
        _uncommittedSize = 0;
        ResetReads();
    }

    private Progress NewProgress(ulong member) =>
        new(new Inflights(_options.MaxInflightMessages, _options.MaxInflightBytes), Math.Max(_log.LastIndex, 1))
        {
            IsLearner = _configuration.IsLearner(member),
            RecentActive = true,
        };

    /// <summary>A message that may leave before anything is durable; the term is filled in where the kind has one.</summary>
    private void Send(Message message) => Add(_messages, message);

    /// <summary>A message that must wait until all that was decided before it is durable.</summary>
    private void SendAfter(Message message) => Add(_messagesAfter, message);

    private void Add(List<Message> messages, Message message)
    {
        message.From = message.From == 0 ? Id : message.From;
        if (message.Term == 0 && message.Type is not (MessageType.Prop or MessageType.ReadIndex))
        {
            message.Term = _term;
        }

        Require(message.To != Id, $"message to itself: {message}");
        messages.Add(message);
    }

    private void Log(string line) => _options.Log?.Invoke(line);

    private static List<T> Take<T>(ref List<T> list)
    {
        if (list.Count == 0)
        {
            return Nothing<T>.List;
        }

        List<T> taken = list;
        list = [];
        return taken;
    }

    /// <summary>
    /// What the own disk's acknowledgement of an append means for the core itself, if the term is still the same.
    /// </summary>
    private sealed record SelfResponses(ulong Term, IReadOnlyList<Message> Responses);

    private static class Nothing<T>
    {
        public static readonly List<T> List = [];
    }
}
