namespace Quorate.Raft.Tests.Network;

/// <summary>What a node finds again after a crash: everything of the appends that were acknowledged, and nothing else.</summary>
public sealed class TestDisk
{
    public HardState HardState { get; set; }

    public Snapshot Snapshot { get; private set; } = new(SnapshotMetadata.Empty, default);

    public List<Entry> Entries { get; } = [];

    public ulong LastIndex => Snapshot.Metadata.Index + (ulong)Entries.Count;

    public ulong TermAt(ulong index)
    {
        SnapshotMetadata snapshot = Snapshot.Metadata;
        return index < snapshot.Index || index > LastIndex ? 0
            : index == snapshot.Index ? snapshot.Term
            : Entries[(int)(index - snapshot.Index - 1)].Term;
    }

    public void Write(Append append)
    {
        if (append.Snapshot is { } snapshot)
        {
            // What stood behind it is no part of the log any more, even where it goes on further.
            Snapshot = snapshot;
            Entries.Clear();
        }

        foreach (Entry entry in append.Entries)
        {
            int position = (int)(entry.Index - Snapshot.Metadata.Index - 1);
            Assert.True(position >= 0 && position <= Entries.Count, $"entry {entry.Index} leaves a gap after {LastIndex}");
            Entries.RemoveRange(position, Entries.Count - position);
            Entries.Add(entry);
        }

        if (append.HardState is { } state)
        {
            Assert.True(state.Term >= HardState.Term, "term moves back");
            Assert.True(state.Term > HardState.Term || HardState.Vote == 0 || HardState.Vote == state.Vote,
                "vote changes within a term");
            Assert.True(state.Commit <= LastIndex, $"commit {state.Commit} is beyond the durable log {LastIndex}");
            HardState = state;
        }
    }

    /// <summary>A snapshot of the own state replaces the entries before it.</summary>
    public void Compact(Snapshot snapshot)
    {
        Entries.RemoveRange(0, (int)(snapshot.Metadata.Index - Snapshot.Metadata.Index));
        Snapshot = snapshot;
    }
}
