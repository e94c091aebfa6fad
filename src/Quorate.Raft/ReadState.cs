namespace Quorate.Raft;

/// <summary>A read with this context may be served once the entry at the index is applied (Raft thesis §6.4).</summary>
public readonly record struct ReadState(ulong Index, ReadOnlyMemory<byte> Context);
