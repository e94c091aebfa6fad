namespace Quorate.Raft;

/// <summary>
/// What must survive a crash beside the log: term and vote before any message that depends on them; the commit index may lag
/// (spec 08 §1.1).
/// </summary>
public readonly record struct HardState(ulong Term, ulong Vote, ulong Commit)
{
    public bool IsEmpty => this == default;
}
