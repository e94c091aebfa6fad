using Quorate.Raft.Quorum;
using static Quorate.Raft.Invariant;

namespace Quorate.Raft;

/// <summary>Elections, with pre-vote (Ongaro's thesis §9.6) and the leader's lease by quorum check (spec 08 §5, §6).</summary>
public sealed partial class RaftNode
{
    private static ReadOnlySpan<byte> CampaignTransfer => "CampaignTransfer"u8;

    private void BecomeFollower(ulong term, ulong leader)
    {
        Reset(term);
        _leader = leader;
        Role = RaftRole.Follower;
        Log($"{Id:x} became follower at term {_term}");
    }

    private void BecomePreCandidate()
    {
        Require(Role != RaftRole.Leader, "invalid transition [leader -> pre-candidate]");
        _votes.Clear();
        _leader = 0;
        Role = RaftRole.PreCandidate;
        Log($"{Id:x} became pre-candidate at term {_term}");
    }

    private void BecomeCandidate()
    {
        Require(Role != RaftRole.Leader, "invalid transition [leader -> candidate]");
        Reset(_term + 1);
        _vote = Id;
        Role = RaftRole.Candidate;
        Log($"{Id:x} became candidate at term {_term}");
    }

    private void BecomeLeader()
    {
        Require(Role != RaftRole.Follower, "invalid transition [follower -> leader]");
        Reset(_term);
        _leader = Id;
        Role = RaftRole.Leader;
        Progress own = _progress[Id];
        own.BecomeReplicate();
        own.RecentActive = true;
        _pendingConfIndex = _log.LastIndex;
        _log.Append(new Entry(_term, _log.LastIndex + 1, EntryType.Normal, default));
        Log($"{Id:x} became leader at term {_term}");
    }

    private void Hup(bool transfer)
    {
        if (Role == RaftRole.Leader)
        {
            return;
        }

        if (!IsPromotable)
        {
            Log($"{Id:x} is unpromotable and can not campaign");
            return;
        }

        for (ulong index = Math.Max(_log.Applied + 1, _log.FirstIndex); index <= _log.Committed; index++)
        {
            if (_log[index].Type != EntryType.Normal)
            {
                // A configuration that is committed but not applied could make two majorities that do not meet.
                Log($"{Id:x} cannot campaign at term {_term} since there are still pending configuration changes to apply");
                return;
            }
        }

        Log($"{Id:x} is starting a new election at term {_term}");
        Elect(preVote: _options.PreVote && !transfer, transfer);
    }

    private void Elect(bool preVote, bool transfer)
    {
        if (preVote)
        {
            BecomePreCandidate();
        }
        else
        {
            BecomeCandidate();
        }

        // A pre-vote is for a term that nobody is in yet.
        ulong term = preVote ? _term + 1 : _term;
        foreach (ulong voter in _configuration.Voters.Voters)
        {
            if (voter == Id)
            {
                // The own vote counts once it is durable, like everybody's.
                _ownResponses.Add(new Message
                {
                    Type = preVote ? MessageType.PreVoteResp : MessageType.VoteResp,
                    To = Id,
                    From = Id,
                    Term = term,
                });
                continue;
            }

            Log($"{Id:x} [logterm: {_log.LastTerm}, index: {_log.LastIndex}] sent Msg{(preVote ? "PreVote" : "Vote")} "
                + $"request to {voter:x} at term {_term}");
            SendAfter(new Message
            {
                Type = preVote ? MessageType.PreVote : MessageType.Vote,
                To = voter,
                Term = term,
                Index = _log.LastIndex,
                LogTerm = _log.LastTerm,
                Context = transfer ? CampaignTransfer.ToArray() : default,
            });
        }
    }

    private void AnswerVote(Message message)
    {
        bool isPreVote = message.Type == MessageType.PreVote;
        bool canVote = _vote == message.From || (_vote == 0 && _leader == 0) || (isPreVote && message.Term > _term);
        bool grant = canVote && _log.IsUpToDate(message.Index, message.LogTerm);
        Log($"{DescribeLog()} {(grant ? "cast" : "rejected")} {DescribeRequest(message, grant)}");
        SendAfter(new Message
        {
            Type = isPreVote ? MessageType.PreVoteResp : MessageType.VoteResp,
            To = message.From,
            Term = grant ? message.Term : _term,
            Reject = !grant,
        });
        if (grant && !isPreVote)
        {
            _electionElapsed = 0;
            _vote = message.From;
        }
    }

    private string DescribeLog() => $"{Id:x} [logterm: {_log.LastTerm}, index: {_log.LastIndex}, vote: {_vote:x}]";

    private string DescribeRequest(Message message, bool granted = false) =>
        $"Msg{message.Type} {(granted ? "for" : "from")} {message.From:x} [logterm: {message.LogTerm}, index: {message.Index}] "
        + $"at term {_term}";

    private void CountVote(Message message)
    {
        _votes.TryAdd(message.From, !message.Reject);
        Log($"{Id:x} received Msg{message.Type}{(message.Reject ? " rejection" : "")} from {message.From:x} at term {_term}");
        switch (_configuration.Voters.Vote(_votes))
        {
            case VoteResult.Won when Role == RaftRole.PreCandidate:
                Elect(preVote: false, transfer: false);
                break;
            case VoteResult.Won:
                BecomeLeader();
                BroadcastAppend();
                break;
            case VoteResult.Lost:
                BecomeFollower(_term, 0);
                break;
        }
    }

    private void TickLeader()
    {
        _heartbeatElapsed++;
        _electionElapsed++;
        HandOverIfStalled();
        if (_electionElapsed >= _options.ElectionTick)
        {
            _electionElapsed = 0;
            if (_options.CheckQuorum)
            {
                CheckQuorum();
            }

            if (Role == RaftRole.Leader && _transferee != 0)
            {
                _transferee = 0;
            }
        }

        if (Role == RaftRole.Leader && _heartbeatElapsed >= _options.HeartbeatTick)
        {
            _heartbeatElapsed = 0;
            BroadcastHeartbeat();
        }
    }

    private void HandOverIfStalled()
    {
        _stalledTicks = _selfResponses.Count > 0 ? _stalledTicks + 1 : 0;
        if (!_options.HandsOverWhenStalled || _stalledTicks < _options.ElectionTick || _transferee != 0)
        {
            return;
        }

        (ulong Id, Progress Progress) best = default;
        foreach ((ulong id, Progress progress) in _others)
        {
            if (progress.RecentActive && !progress.IsLearner && progress.Match >= (best.Progress?.Match ?? 0))
            {
                best = (id, progress);
            }
        }

        if (best.Progress is not null)
        {
            Log($"{Id:x} [term {_term}] hands over to {best.Id:x}: its disk has not answered for {_stalledTicks} ticks");
            _stalledTicks = 0;
            HandleTransfer(new Message { Type = MessageType.TransferLeader, From = best.Id });
        }
    }

    private void CheckQuorum()
    {
        _votes.Clear();
        foreach ((ulong id, Progress progress) in _progress)
        {
            _votes[id] = id == Id || progress.RecentActive;
            progress.RecentActive = id == Id;
        }

        VoteResult result = _configuration.Voters.Vote(_votes);
        _votes.Clear();
        if (result != VoteResult.Won)
        {
            Log($"{Id:x} stepped down to follower since quorum is not active");
            BecomeFollower(_term, 0);
        }
    }

    private void HandleTransfer(Message message)
    {
        ulong target = message.From;
        if (!_progress.TryGetValue(target, out Progress? progress) || progress.IsLearner || _transferee == target)
        {
            return;
        }

        _transferee = 0;
        if (target == Id)
        {
            return;
        }

        Log($"{Id:x} [term {_term}] starts to transfer leadership to {target:x}");
        _electionElapsed = 0;
        _transferee = target;
        if (progress.Match == _log.LastIndex)
        {
            SendTimeoutNow(target);
        }
        else
        {
            SendAppend(target, progress, evenIfEmpty: true);
        }
    }

    private void SendTimeoutNow(ulong target)
    {
        Log($"{Id:x} sent MsgTimeoutNow to {target:x}");
        Send(new Message { Type = MessageType.TimeoutNow, To = target });
    }
}
