using Quorate.Raft.Quorum;

namespace Quorate.Raft;

/// <summary>A copy of what the core knows, for status output and tests.</summary>
public sealed record RaftStatus(ulong Id, HardState HardState, ulong Leader, RaftRole Role, ulong Applied, ulong Transferee,
    Configuration Configuration, IReadOnlyDictionary<ulong, MemberProgress> Progress);
