namespace Quorate.Raft;

/// <summary>What a leader knows of a member's log (spec 08 §7). Invariant: Match is below Next.</summary>
public sealed class Progress(Inflights inflights, ulong next)
{
    /// <summary>The highest entry known to be durable there.</summary>
    public ulong Match { get; private set; }

    /// <summary>The next entry to send.</summary>
    public ulong Next { get; private set; } = next;

    public ProgressState State { get; private set; } = ProgressState.Probe;

    public ulong PendingSnapshot { get; private set; }

    /// <summary>The member answered since the last quorum check.</summary>
    public bool RecentActive { get; set; }

    public bool IsLearner { get; set; }

    /// <summary>The highest commit index that was sent.</summary>
    public ulong SentCommit { get; set; }

    /// <summary>An append was sent, or the window is full: nothing more until an answer.</summary>
    public bool FlowPaused { get; set; }

    public Inflights Inflights => inflights;

    /// <summary>The last append to the member, as long as it was not handed out to be sent.</summary>
    public Message? UnsentAppend { get; set; }

    public bool IsPaused => State switch
    {
        ProgressState.Probe => FlowPaused,
        ProgressState.Replicate => FlowPaused,
        _ => true,
    };

    public void BecomeProbe()
    {
        Next = State == ProgressState.Snapshot ? Math.Max(Match + 1, PendingSnapshot + 1) : Match + 1;
        Enter(ProgressState.Probe);
        SentCommit = Math.Min(SentCommit, Next - 1);
    }

    public void BecomeReplicate()
    {
        Next = Match + 1;
        Enter(ProgressState.Replicate);
    }

    public void BecomeSnapshot(ulong index)
    {
        Enter(ProgressState.Snapshot);
        PendingSnapshot = index;
        Next = index + 1;
        SentCommit = index;
    }

    /// <summary>The snapshot did not arrive: the probe begins at the known match again.</summary>
    public void SnapshotFailed() => PendingSnapshot = 0;

    /// <summary>An append with so many entries went out.</summary>
    public void SentEntries(int count, ulong bytes)
    {
        if (State != ProgressState.Replicate)
        {
            FlowPaused |= count > 0;
            return;
        }

        if (count > 0)
        {
            Next += (ulong)count;
            inflights.Add(Next - 1, bytes);
        }

        FlowPaused = inflights.IsFull;
    }

    /// <summary>The member has all up to an index; false if that was known.</summary>
    public bool Accept(ulong index)
    {
        if (index <= Match)
        {
            return false;
        }

        Match = index;
        Next = Math.Max(Next, index + 1);
        FlowPaused = false;
        return true;
    }

    /// <summary>The member refused an append; false if the refusal is of an older one.</summary>
    public bool Reject(ulong rejected, ulong hint)
    {
        if (State == ProgressState.Replicate)
        {
            if (rejected <= Match)
            {
                return false;
            }

            Next = Match + 1;
        }
        else
        {
            if (Next - 1 != rejected)
            {
                return false;
            }

            Next = Math.Max(Math.Min(rejected, hint + 1), Match + 1);
            FlowPaused = false;
        }

        SentCommit = Math.Min(SentCommit, Next - 1);
        return true;
    }

    /// <summary>A new leadership or term: nothing is known but, of itself, the own log.</summary>
    public void Reset(ulong match, ulong next)
    {
        Match = match;
        Next = next;
        State = ProgressState.Probe;
        PendingSnapshot = 0;
        RecentActive = false;
        SentCommit = 0;
        FlowPaused = false;
        inflights.Clear();
    }

    public MemberProgress ToMemberProgress() => new(Match, Next, State, IsLearner, RecentActive);

    public override string ToString() =>
        $"State{State} match={Match} next={Next}" + (IsLearner ? " learner" : "") + (IsPaused ? " paused" : "")
        + (PendingSnapshot > 0 ? $" pendingSnap={PendingSnapshot}" : "") + (RecentActive ? "" : " inactive")
        + (inflights.Count > 0 ? $" inflight={inflights.Count}{(inflights.IsFull ? "[full]" : "")}" : "");

    private void Enter(ProgressState state)
    {
        State = state;
        FlowPaused = false;
        PendingSnapshot = 0;
        inflights.Clear();
    }
}
