namespace Quorate.Raft;

/// <summary>The core took a proposal neither into its log nor to a leader: nothing of it can ever be committed.</summary>
public sealed class ProposalDroppedException() : Exception("raft proposal dropped");
