using System.Buffers.Binary;
using System.Collections.Concurrent;
using Quorate.Protocol;
using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>
/// Linearizable reads (spec 04 §9.4): all readers who wait share one question to the leader, and those who come while it is on its way share
/// the next. Owned by the member loop but for <see cref="Add"/>.
/// </summary>
internal sealed class ReadRounds(RaftNode node, RequestIds ids, AppliedWaiters waiters, TimeProvider time)
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentQueue<PendingRead> _waiting = new();
    private readonly HashSet<ulong> _asked = [];
    private List<PendingRead> _round = [];
    private ulong _leaderAtStart;
    private long _lastAsked;

    public bool HasWaiting => !_waiting.IsEmpty;

    public void Add(PendingRead read) => _waiting.Enqueue(read);

    /// <summary>Begins a round if there are readers and none goes on.</summary>
    public void Start()
    {
        if (_round.Count > 0 || _waiting.IsEmpty)
        {
            return;
        }

        while (_waiting.TryDequeue(out PendingRead? read))
        {
            if (!read.IsFinished)
            {
                _round.Add(read);
            }
        }

        if (_round.Count > 0)
        {
            _leaderAtStart = node.Leader;
            Ask();
        }
    }

    /// <summary>Asks again when there was no answer for a while, and when there is a new leader.</summary>
    public void Retry(bool now)
    {
        if (_round.Count > 0 && (now || time.GetElapsedTime(_lastAsked) >= s_retry))
        {
            Ask();
        }
    }

    /// <summary>Takes an answer of the leader.</summary>
    public void Answer(ReadState state)
    {
        if (state.Context.Length != sizeof(ulong) || !_asked.Contains(BinaryPrimitives.ReadUInt64BigEndian(state.Context.Span)))
        {
            // Of an earlier round.
            return;
        }

        List<PendingRead> done = _round;
        _round = [];
        _asked.Clear();
        waiters.Add(state.Index, done);
    }

    /// <summary>Somebody else leads than when the round began: it fails. One that began without a leader goes on.</summary>
    public void LeaderChanged(List<Pending> finished)
    {
        if (_round.Count == 0 || node.Leader == 0 || _leaderAtStart == node.Leader)
        {
            return;
        }

        if (_leaderAtStart == 0)
        {
            _leaderAtStart = node.Leader;
            Ask();
            return;
        }

        Finish(_round, finished, _ => EtcdErrors.LeaderChanged);
        _round.Clear();
        _asked.Clear();
    }

    /// <summary>Ends readers who gave up or have waited too long.</summary>
    public void Expire(TimeSpan limit, List<Pending> finished)
    {
        Exception? Over(PendingRead read) =>
            read.Cancellation.IsCancellationRequested ? new OperationCanceledException(read.Cancellation)
            : time.GetElapsedTime(read.Started) >= limit ? EtcdErrors.TimedOut
            : null;
        Finish(_round, finished, Over);
        Finish(_waiting, finished, Over);
        _round.RemoveAll(read => read.IsFinished);
        if (_round.Count == 0)
        {
            _asked.Clear();
        }
    }

    /// <summary>Ends all readers.</summary>
    public void Fail(Func<Exception> error, List<Pending> finished)
    {
        Finish(_round, finished, _ => error());
        Finish(_waiting, finished, _ => error());
        _round.Clear();
    }

    private static void Finish(IEnumerable<PendingRead> reads, List<Pending> finished, Func<PendingRead, Exception?> errorOf)
    {
        foreach (PendingRead read in reads)
        {
            if (!read.IsFinished && errorOf(read) is { } error && read.TryFinish(null, error))
            {
                finished.Add(read);
            }
        }
    }

    private void Ask()
    {
        ulong id = ids.Next();
        _asked.Add(id);
        _lastAsked = time.GetTimestamp();
        var context = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(context, id);
        node.ReadIndex(context);
    }
}
