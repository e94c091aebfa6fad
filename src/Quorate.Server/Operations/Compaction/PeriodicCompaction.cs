using Quorate.Protocol;

namespace Quorate.Server.Operations.Compaction;

/// <summary>
/// Keeps the history of a period: revisions are sampled ten times a period, or ten times an hour if that is shorter, and the
/// oldest sample within the period is what is compacted at (spec 03 §5.1).
/// </summary>
public sealed class PeriodicCompaction(ICompactionTarget target, TimeSpan period, TimeProvider time)
{
    private const int SamplesPerInterval = 10;

    private static readonly TimeSpan s_longest = TimeSpan.FromHours(1);

    private readonly Queue<long> _samples = new();
    private readonly TimeSpan _base = period < s_longest ? period : s_longest;
    private long _lastCompacted = -1;
    private long _lastSuccess = time.GetTimestamp();
    private bool _hasCompacted;

    /// <summary>Time between two samples.</summary>
    public TimeSpan Interval => _base / SamplesPerInterval;

    public async Task RunAsync(CancellationToken cancellation)
    {
        Sample();
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
        {
            await TickAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>What is done at the end of each interval.</summary>
    public async Task TickAsync(CancellationToken cancellation)
    {
        Sample();
        if (target.IsPaused || time.GetElapsedTime(_lastSuccess) < (_hasCompacted ? _base : period))
        {
            return;
        }

        long revision = _samples.Peek();
        if (revision == _lastCompacted)
        {
            return;
        }

        (string, object?)[] fields = [("revision", revision), ("compact-period", GoDuration.Format(period))];
        target.Log("info", "starting auto periodic compaction", fields);
        long start = time.GetTimestamp();
        try
        {
            await target.CompactAsync(revision, cancellation).ConfigureAwait(false);
        }
        catch (EtcdException error) when (error.Message == EtcdErrors.Compacted.Message)
        {
            // Somebody was faster: just as good.
        }
        catch (EtcdException error)
        {
            target.Log("warn", "failed auto periodic compaction",
                [.. fields, ("retry-interval", GoDuration.Format(Interval)), ("error", error.Message)]);
            return;
        }

        _lastCompacted = revision;
        _lastSuccess = time.GetTimestamp();
        _hasCompacted = true;
        target.Log("info", "completed auto periodic compaction", [.. fields, ("took", time.GetElapsedTime(start))]);
    }

    private void Sample()
    {
        _samples.Enqueue(target.Revision);
        if (_samples.Count > (int)(period / Interval) + 1)
        {
            _samples.Dequeue();
        }
    }
}
