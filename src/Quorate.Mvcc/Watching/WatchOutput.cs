namespace Quorate.Mvcc.Watching;

/// <summary>One answer on a stream of watches (spec 02 §7).</summary>
public sealed record WatchOutput
{
    /// <summary>-1 for a refusal and for the answer to a request for progress.</summary>
    public required long WatchId { get; init; }

    /// <summary>Revision for the header; 0 in a cancellation by compaction.</summary>
    public long Revision { get; init; }

    public bool Created { get; init; }

    public bool Canceled { get; init; }

    public string CancelReason { get; init; } = "";

    public long CompactRevision { get; init; }

    public IReadOnlyList<WatchEvent> Events { get; init; } = [];

    /// <summary>The watcher wants previous values.</summary>
    public bool WithPrevious { get; init; }

    /// <summary>The watcher takes a large answer in pieces.</summary>
    public bool MayFragment { get; init; }
}
