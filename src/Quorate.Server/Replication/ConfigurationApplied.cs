using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>A change of the configuration that the applier has dealt with; it names nobody if it was refused.</summary>
internal sealed record ConfigurationApplied(ConfChangeV2 Change, PendingProposal? Proposal);
