namespace Quorate.Client;

/// <summary>What a watch tells.</summary>
public sealed record WatchOptions
{
    /// <summary>The first revision whose changes are told; 0 for those from now on.</summary>
    public long StartRevision { get; init; }

    /// <summary>With each change the pair before it, as far as the history still has it.</summary>
    public bool WithPrevious { get; init; }

    /// <summary>Also tell now and then, by a batch without events, up to which revision all has been told.</summary>
    public bool WithProgress { get; init; }

    /// <summary>Without puts.</summary>
    public bool DeletesOnly { get; init; }

    /// <summary>Without deletions.</summary>
    public bool PutsOnly { get; init; }
}
