namespace Quorate.Raft.Quorum;

/// <summary>How an election stands.</summary>
public enum VoteResult
{
    Pending,
    Lost,
    Won,
}
