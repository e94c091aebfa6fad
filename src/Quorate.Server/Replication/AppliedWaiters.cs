namespace Quorate.Server.Replication;

/// <summary>Those who wait until an index is applied. Safe for several threads.</summary>
internal sealed class AppliedWaiters(Completions completions)
{
    private readonly Lock _lock = new();
    private readonly PriorityQueue<PendingRead, ulong> _waiting = new();
    private ulong _applied;

    public ulong Applied => Volatile.Read(ref _applied);

    public void Add(ulong index, IReadOnlyList<PendingRead> reads)
    {
        List<Pending> finished = [];
        lock (_lock)
        {
            foreach (PendingRead read in reads)
            {
                if (index > _applied)
                {
                    _waiting.Enqueue(read, index);
                }
                else if (read.TryFinish(null, null))
                {
                    finished.Add(read);
                }
            }
        }

        completions.Release(finished);
    }

    /// <summary>Everything up to an index is applied. The applier alone calls it.</summary>
    public void SetApplied(ulong index)
    {
        List<Pending> finished = [];
        lock (_lock)
        {
            Volatile.Write(ref _applied, index);
            while (_waiting.TryPeek(out PendingRead? read, out ulong wanted) && wanted <= index)
            {
                _waiting.Dequeue();
                if (read.TryFinish(null, null))
                {
                    finished.Add(read);
                }
            }
        }

        completions.Release(finished);
    }

    /// <summary>Ends those for whom there is an error.</summary>
    public void Expire(Func<PendingRead, Exception?> errorOf, List<Pending> finished)
    {
        lock (_lock)
        {
            foreach ((PendingRead read, _) in _waiting.UnorderedItems)
            {
                if (!read.IsFinished && errorOf(read) is { } error && read.TryFinish(null, error))
                {
                    finished.Add(read);
                }
            }
        }
    }
}
