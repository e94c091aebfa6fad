namespace Quorate.Raft;

/// <summary>One element of a <see cref="ConfChangeV2"/>.</summary>
public readonly record struct ConfChangeSingle(ConfChangeType Type, ulong NodeId);
