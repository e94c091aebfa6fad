namespace Quorate.Raft;

/// <summary>A copy of a leader's <see cref="Progress"/> of one member.</summary>
public readonly record struct MemberProgress(ulong Match, ulong Next, ProgressState State, bool IsLearner, bool RecentActive);
