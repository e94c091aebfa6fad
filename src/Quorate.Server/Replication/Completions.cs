namespace Quorate.Server.Replication;

/// <summary>
/// Lets callers go on whose requests are done. The continuations of a batch run one after the other on the pool: a switch of threads for
/// each would cost more than most of them.
/// </summary>
internal sealed class Completions(bool inline)
{
    private const int BatchSize = 32;

    private readonly Queue<Pending> _inline = new();

    /// <summary>Takes those that were finished; the list may be used again afterwards.</summary>
    public void Release(List<Pending> finished)
    {
        if (inline)
        {
            finished.ForEach(_inline.Enqueue);
        }
        else
        {
            for (int from = 0; from < finished.Count; from += BatchSize)
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    new Batch([.. finished.GetRange(from, Math.Min(BatchSize, finished.Count - from))]), preferLocal: false);
            }
        }

        finished.Clear();
    }

    /// <summary>Runs what waits, where there are no threads; false if there was nothing.</summary>
    public bool RunInline()
    {
        bool any = false;
        while (_inline.TryDequeue(out Pending? pending))
        {
            pending.Release();
            any = true;
        }

        return any;
    }

    private sealed class Batch(Pending[] pendings) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            foreach (Pending pending in pendings)
            {
                pending.Release();
            }
        }
    }
}
