using Quorate.Raft;

namespace Quorate.Storage.Wal;

/// <summary>What a log holds behind the snapshot that it was read from.</summary>
/// <param name="Metadata">The bytes of etcdserverpb.Metadata: ids of the member and the cluster.</param>
/// <param name="HardState">The last one written.</param>
/// <param name="Entries">In order and without a gap; rewritten ones only in their last form.</param>
/// <param name="WasRepaired">A torn last record was cut off (a copy of the segment is beside it, with the suffix .broken).</param>
public sealed record WalContents(byte[] Metadata, HardState HardState, List<Entry> Entries, bool WasRepaired);
