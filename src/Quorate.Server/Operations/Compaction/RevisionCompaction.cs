using Quorate.Protocol;

namespace Quorate.Server.Operations.Compaction;

/// <summary>Keeps a number of revisions: every five minutes what is older is compacted (spec 03 §5.1).</summary>
public sealed class RevisionCompaction(ICompactionTarget target, long retention, TimeProvider time)
{
    private long _lastCompacted;

    public static TimeSpan Interval { get; } = TimeSpan.FromMinutes(5);

    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
        {
            await TickAsync(cancellation).ConfigureAwait(false);
        }
    }

    public async Task TickAsync(CancellationToken cancellation)
    {
        long revision = target.Revision - retention;
        if (target.IsPaused || revision <= 0 || revision == _lastCompacted)
        {
            return;
        }

        (string, object?)[] fields = [("revision", revision), ("revision-compaction-retention", retention)];
        target.Log("info", "starting auto revision compaction", fields);
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
            target.Log("warn", "failed auto revision compaction",
                [.. fields, ("retry-interval", GoDuration.Format(Interval)), ("error", error.Message)]);
            return;
        }

        _lastCompacted = revision;
        target.Log("info", "completed auto revision compaction", [.. fields, ("took", time.GetElapsedTime(start))]);
    }
}
