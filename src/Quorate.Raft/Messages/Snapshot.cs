namespace Quorate.Raft;

/// <summary>The state up to an entry: its place in the log, and data that only the host reads.</summary>
public sealed record Snapshot(SnapshotMetadata Metadata, ReadOnlyMemory<byte> Data);
