namespace Quorate.Raft.Quorum;

/// <summary>A set of voters that decides by majority (spec 08 §9). An empty set agrees with everything.</summary>
public sealed class MajorityConfig(IEnumerable<ulong> voters)
{
    private readonly ulong[] _voters = [.. voters.Order()];

    /// <summary>The voters in ascending order.</summary>
    public IReadOnlyList<ulong> Voters => _voters;

    public int Count => _voters.Length;

    public bool Contains(ulong id) => Array.BinarySearch(_voters, id) >= 0;

    /// <summary>The largest index that a majority has acknowledged; <see cref="ulong.MaxValue"/> for no voters.</summary>
    public ulong CommittedIndex(Func<ulong, ulong> acknowledged)
    {
        int count = _voters.Length;
        if (count == 0)
        {
            return ulong.MaxValue;
        }

        Span<ulong> indexes = count <= 16 ? stackalloc ulong[count] : new ulong[count];
        for (int i = 0; i < count; i++)
        {
            indexes[i] = acknowledged(_voters[i]);
        }

        indexes.Sort();
        return indexes[count - ((count / 2) + 1)];
    }

    public VoteResult Vote(IReadOnlyDictionary<ulong, bool> votes)
    {
        if (_voters.Length == 0)
        {
            return VoteResult.Won;
        }

        int yes = 0, missing = 0;
        foreach (ulong voter in _voters)
        {
            if (!votes.TryGetValue(voter, out bool granted))
            {
                missing++;
            }
            else if (granted)
            {
                yes++;
            }
        }

        int majority = (_voters.Length / 2) + 1;
        return yes >= majority ? VoteResult.Won : yes + missing >= majority ? VoteResult.Pending : VoteResult.Lost;
    }
}
