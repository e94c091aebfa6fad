namespace Quorate.Mvcc.Watching;

/// <summary>One watch of a stream. All of it is guarded by the hub's lock.</summary>
internal sealed class Watcher(WatchStream stream, long id, KeyRange range)
{
    public WatchStream Stream => stream;

    public long Id => id;

    public KeyRange Range => range;

    public bool SkipsPuts { get; init; }

    public bool SkipsDeletes { get; init; }

    public bool WithPrevious { get; init; }

    public bool MayFragment { get; init; }

    public bool NotifiesProgress { get; init; }

    /// <summary>The first revision that was not sent yet.</summary>
    public long Next { get; set; }

    /// <summary>It gets changes as they come; else it catches up from the store.</summary>
    public bool IsSynced { get; set; }

    /// <summary>Compaction went past it; it only occupies its id.</summary>
    public bool IsCompacted { get; set; }

    /// <summary>Something was sent since the last periodic progress.</summary>
    public bool WasActive { get; set; }

    public bool Wants(Change change) => !(change.IsDelete ? SkipsDeletes : SkipsPuts);
}
