using Grpc.Core;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>What the loop does by the clock, and when the leader changes.</summary>
internal sealed partial class MemberLoop
{
    private readonly Lessor _lessor;
    private readonly AppliedWaiters _waiters;
    private long _lastTick;
    private ulong _leadingTerm;
    private bool _leaderEntryApplied;

    private void TakeTicks()
    {
        if (_time.GetElapsedTime(_lastTick) < _options.HeartbeatInterval)
        {
            return;
        }

        // Ticks that were missed are missed: to catch up on them would start an election after every pause.
        _lastTick = _time.GetTimestamp();
        _node.Tick();
        Reads.Retry(now: false);
        Expire();
        Writer.WakeIfWaiting();
        Ticked?.Invoke();
    }

    /// <summary>Moves the election clock on, at the start (spec 04 §9.2).</summary>
    public void AdvanceElection(int ticks) => Call(node =>
    {
        for (int tick = 0; tick < ticks && node.Leader == 0; tick++)
        {
            node.Tick();
        }
    });

    private void TakeRole()
    {
        bool leads = _node.Role == RaftRole.Leader;
        if (_state.Leads && (!leads || _leadingTerm != _node.Term))
        {
            _lessor.Demote();
            _leaderEntryApplied = false;
        }

        _leadingTerm = leads ? _node.Term : 0;
        _state.Leads = leads;
        ulong before = _state.Leader, now = _node.Leader;
        if (before != now)
        {
            _log.Raft(now == 0 ? $"raft.node: {_node.Id:x} lost leader {before:x} at term {_node.Term}"
                : before == 0 ? $"raft.node: {_node.Id:x} elected leader {now:x} at term {_node.Term}"
                : $"raft.node: {_node.Id:x} changed leader from {before:x} to {now:x} at term {_node.Term}");
            if (now != 0)
            {
                _state.LeaderSince = _time.GetTimestamp();
            }

            _state.Leader = now;
            Reads.LeaderChanged(_finished);
            LeaderChanged?.Invoke(now);
        }

        UpdateReadsAlone();
    }

    /// <summary>The first entry of a leadership is applied: what only a leader of this term may do begins.</summary>
    private void TakeLeaderEntry(ulong term)
    {
        Reads.Retry(now: true);
        if (_node.Role != RaftRole.Leader || _node.Term != term)
        {
            return;
        }

        _leaderEntryApplied = true;
        _lessor.Promote(_options.ElectionTimeout);
        UpdateReadsAlone();
        LeadershipBegan?.Invoke();
    }

    private void UpdateReadsAlone()
    {
        ConfState configuration = _node.ConfState;
        _state.ReadsAlone = _node.Role == RaftRole.Leader && _leaderEntryApplied
            && configuration.Voters.Count == 1 && configuration.Learners.Count == 0 && configuration.VotersOutgoing.Count == 0
            && configuration.Voters[0] == _node.Id;
    }

    /// <summary>Ends those who gave up or have waited too long.</summary>
    private void Expire()
    {
        foreach (PendingProposal proposal in _table.All)
        {
            Exception? error = proposal.Cancellation.IsCancellationRequested
                ? new OperationCanceledException(proposal.Cancellation)
                : _time.GetElapsedTime(proposal.Started) >= _options.RequestTimeout && (proposal.Type == EntryType.Normal || proposal.WasProposed)
                    ? TimeoutOf(proposal)
                    : null;
            if (error is not null && _table.Remove(proposal) && proposal.TryFinish(null, error))
            {
                _finished.Add(proposal);
            }
        }

        Reads.Expire(_options.RequestTimeout, _finished);
        _waiters.Expire(read => read.Cancellation.IsCancellationRequested ? new OperationCanceledException(read.Cancellation)
            : _time.GetElapsedTime(read.Started) >= _options.RequestTimeout ? EtcdErrors.TimedOut
            : null, _finished);
        _completions.Release(_finished);
    }

    /// <summary>The error of a proposal whose time is over (spec 04 §11, 02 §8).</summary>
    private EtcdException TimeoutOf(PendingProposal proposal)
    {
        if (!proposal.WasProposed)
        {
            // It waited for a leader in vain: the deadline itself is the error.
            return new EtcdException(StatusCode.DeadlineExceeded, "context deadline exceeded");
        }

        long elected = _state.LeaderSince;
        if (proposal.Started <= elected && _time.GetElapsedTime(proposal.Started, elected) <= 2 * _options.ElectionTimeout)
        {
            return EtcdErrors.TimedOutDueToLeaderFailure;
        }

        ulong leader = _node.Leader;
        if (leader == 0)
        {
            return EtcdErrors.TimedOut;
        }

        TimeSpan waited = _time.GetElapsedTime(proposal.Started);
        bool WasConnected(ulong id) => _transport.ActiveSince(id) is { } since && _time.GetUtcNow() - since >= waited;
        if (leader == _node.Id)
        {
            IReadOnlyList<ulong> voters = _node.ConfState.Voters;
            int connected = voters.Count(voter => voter == _node.Id || WasConnected(voter));
            return connected <= voters.Count / 2 ? EtcdErrors.TimedOutDueToConnectionLost : EtcdErrors.TimedOut;
        }

        return WasConnected(leader) ? EtcdErrors.TimedOut : EtcdErrors.TimedOutDueToConnectionLost;
    }
}
