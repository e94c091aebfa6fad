namespace Quorate.Raft;

/// <summary>A message between members (raftpb.Message, spec 08 §3); the catalogue there tells which fields a kind uses.</summary>
public sealed class Message
{
    public required MessageType Type { get; init; }

    public ulong To { get; set; }

    public ulong From { get; set; }

    /// <summary>0 for kinds that carry no term.</summary>
    public ulong Term { get; set; }

    /// <summary>Term of the entry at <see cref="Index"/>, or at <see cref="RejectHint"/> in a rejection.</summary>
    public ulong LogTerm { get; init; }

    public ulong Index { get; init; }

    public IReadOnlyList<Entry> Entries { get; set; } = [];

    public ulong Commit { get; set; }

    /// <summary>Meaningful in <see cref="MessageType.Snap"/> only; null also stands for an empty one.</summary>
    public Snapshot? Snapshot { get; init; }

    public bool Reject { get; init; }

    public ulong RejectHint { get; init; }

    /// <summary>Opaque bytes that the receiver echoes (heartbeats), or the mark of a transfer (votes).</summary>
    public ReadOnlyMemory<byte> Context { get; init; }

    public override string ToString()
    {
        string text = $"{Type} {From:x}->{To:x} term={Term} index={Index}/{LogTerm} commit={Commit}";
        return text + (Entries.Count > 0 ? $" entries={Entries[0].Index}..{Entries[^1].Index}" : "")
            + (Reject ? $" reject hint={RejectHint}" : "")
            + (Snapshot is not null ? $" snapshot={Snapshot.Metadata.Index}/{Snapshot.Metadata.Term}" : "")
            + (Context.Length > 0 ? $" context={Convert.ToHexStringLower(Context.Span)}" : "");
    }
}
