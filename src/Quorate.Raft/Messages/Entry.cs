namespace Quorate.Raft;

/// <summary>One entry of the replicated log. Its values are stored and forwarded exactly as received (spec 08 §3.1).</summary>
public readonly record struct Entry(ulong Term, ulong Index, EntryType Type, ReadOnlyMemory<byte> Data);
