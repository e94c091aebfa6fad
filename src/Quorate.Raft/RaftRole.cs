namespace Quorate.Raft;

/// <summary>What a member is at the moment.</summary>
public enum RaftRole
{
    Follower = 0,
    Candidate = 1,
    Leader = 2,
    PreCandidate = 3,
}
