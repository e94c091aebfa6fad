using System.Collections.Concurrent;

namespace Quorate.Server.Replication;

/// <summary>The requests of this member's callers that wait to be applied, by their ids.</summary>
internal sealed class ProposalTable
{
    private readonly ConcurrentDictionary<ulong, PendingProposal> _proposals = new();

    public int Count => _proposals.Count;

    public void Add(PendingProposal proposal) => _proposals[proposal.Id] = proposal;

    /// <summary>
    /// Takes out the proposal that an entry is of. Equal ids alone do not tell: two members may share the bits of theirs that are in them.
    /// </summary>
    public PendingProposal? Take(ulong id, ReadOnlySpan<byte> data) =>
        _proposals.TryGetValue(id, out PendingProposal? proposal) && data.SequenceEqual(proposal.Data) && _proposals.TryRemove(id, out _)
            ? proposal
            : null;

    public bool Remove(PendingProposal proposal) => _proposals.TryRemove(proposal.Id, out _);

    /// <summary>All that wait; it may change meanwhile.</summary>
    public IEnumerable<PendingProposal> All
    {
        get
        {
            foreach ((_, PendingProposal proposal) in _proposals)
            {
                yield return proposal;
            }
        }
    }
}
