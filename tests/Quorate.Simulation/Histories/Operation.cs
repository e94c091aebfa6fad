namespace Quorate.Simulation.Histories;

/// <summary>
/// What a client did and what came of it. Each value is written once in a run, so that a value names the write it comes from.
/// </summary>
public sealed class Operation
{
    public required int Client { get; init; }

    public required OperationKind Kind { get; init; }

    public required string Key { get; init; }

    /// <summary>Written, or read; null for a deletion and for an absent key.</summary>
    public string? Value { get; set; }

    /// <summary>For a conditional put: the revision of the key that it asks for.</summary>
    public long ExpectedRevision { get; init; }

    /// <summary>Virtual time of the call.</summary>
    public required TimeSpan Begun { get; init; }

    /// <summary>Virtual time of the answer; null while there is none, and for one that left open what happened.</summary>
    public TimeSpan? Answered { get; set; }

    /// <summary>The revision of the answer's header.</summary>
    public long Revision { get; set; }

    /// <summary>The key's revision that was read.</summary>
    public long ModRevision { get; set; }

    /// <summary>Of a conditional put: whether the condition held. Of a deletion: whether there was something to delete.</summary>
    public bool HasChanged { get; set; }

    public override string ToString() =>
        $"client {Client} {Kind} {Key}={Value} [{Begun.TotalSeconds:f3}, {Answered?.TotalSeconds:f3}] revision {Revision} mod {ModRevision}"
        + (HasChanged ? " changed" : "");
}
