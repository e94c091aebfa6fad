namespace Quorate.Client;

/// <summary>What of a range is read, and how.</summary>
public sealed record RangeOptions
{
    /// <summary>The most pairs to read; 0 for all.</summary>
    public long Limit { get; init; }

    /// <summary>Read as it was at this revision; 0 for now.</summary>
    public long Revision { get; init; }

    /// <summary>Answered by the member that is asked, without a quorum: cheaper, and possibly old.</summary>
    public bool IsSerializable { get; init; }

    /// <summary>Without the values.</summary>
    public bool KeysOnly { get; init; }

    public SortField SortBy { get; init; }

    public bool Descending { get; init; }
}
