using Quorate.Protocol;
using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>A request that waits until it is applied here.</summary>
internal sealed class PendingProposal : Pending
{
    public required ulong Id { get; init; }

    /// <summary>Null for a change of the configuration, and for a request of the second API.</summary>
    public InternalRaftRequest? Request { get; init; }

    /// <summary>What goes into the log.</summary>
    public required byte[] Data { get; init; }

    public EntryType Type { get; init; }

    /// <summary>The term in which this member must lead, or it is not proposed; 0 for any, and by whomever.</summary>
    public ulong OnlyInTerm { get; init; }

    /// <summary>The core took it: its outcome is unknown until it is applied.</summary>
    public bool WasProposed { get; set; }
}
