using Quorate.Raft.Quorum;

namespace Quorate.Raft.Tests;

/// <summary>Spec 08 §19.1 and §19.2.</summary>
public sealed class QuorumTests
{
    [Theory]
    [InlineData("", "", "", ulong.MaxValue)]
    [InlineData("1", "", "_", 0)]
    [InlineData("1", "", "12", 12)]
    [InlineData("1,2", "", "12,_", 0)]
    [InlineData("1,2", "", "12,5", 5)]
    [InlineData("1,2,3", "", "12,_,_", 0)]
    [InlineData("1,2,3", "", "12,5,_", 5)]
    [InlineData("1,2,3", "", "12,5,6", 6)]
    [InlineData("1,2,3", "", "12,5,4", 5)]
    [InlineData("1,2,3", "", "5,5,12", 5)]
    [InlineData("1,2,3", "", "100,101,103", 101)]
    [InlineData("1,2,3,4,5", "", "101,104,103,103,_", 103)]
    [InlineData("1,2,3,4,5", "", "101,102,103,103,_", 102)]
    [InlineData("1", "2", "100,_", 0)]
    [InlineData("1", "2", "13,100", 13)]
    [InlineData("1,3", "2", "100,45,50", 45)]
    [InlineData("1,2", "2", "100,50", 50)]
    [InlineData("1,2", "3,4", "50,48,49,47", 47)]
    [InlineData("1,2", "2,3", "101,100,99", 99)]
    [InlineData("1,2,3", "4,5,6", "_,99,90,97,95,_", 90)]
    [InlineData("1,2,3", "4,5,6", "92,99,90,97,95,77", 92)]
    [InlineData("1,2,3", "1,4,5", "_,100,99,99,98", 98)]
    [InlineData("1,2,3", "1,4,5", "100,100,99,99,98", 99)]
    [InlineData("1,2,3", "2,3,4", "100,_,_,101", 0)]
    [InlineData("1,2,3", "2,3,4", "100,99,_,101", 99)]
    public void The_committed_index_is_what_a_majority_of_each_half_has(string left, string right, string matches, ulong expected)
    {
        Dictionary<ulong, ulong> match = [];
        foreach ((string word, int i) in matches.Split(',').Select((word, i) => (word, i)))
        {
            if (ulong.TryParse(word, out ulong index))
            {
                match[(ulong)i + 1] = index;
            }
        }

        var joint = new JointConfig(new MajorityConfig(Ids(left)), new MajorityConfig(Ids(right)));
        Assert.Equal(expected, joint.CommittedIndex(id => match.GetValueOrDefault(id)));
    }

    [Theory]
    [InlineData("", "", "", VoteResult.Won)]
    [InlineData("1", "", "_", VoteResult.Pending)]
    [InlineData("1", "", "n", VoteResult.Lost)]
    [InlineData("1", "", "y", VoteResult.Won)]
    [InlineData("1,2", "", "n_", VoteResult.Lost)]
    [InlineData("1,2", "", "y_", VoteResult.Pending)]
    [InlineData("1,2", "", "yy", VoteResult.Won)]
    [InlineData("1,2,3", "", "n__", VoteResult.Pending)]
    [InlineData("1,2,3", "", "nn_", VoteResult.Lost)]
    [InlineData("1,2,3", "", "yn_", VoteResult.Pending)]
    [InlineData("1,2,3", "", "yyn", VoteResult.Won)]
    [InlineData("1,2,3,4,5,6,7", "", "yyny___", VoteResult.Pending)]
    [InlineData("1,2,3,4,5,6,7", "", "yyny_ny", VoteResult.Won)]
    [InlineData("1,2,3,4,5,6,7", "", "yynynnn", VoteResult.Lost)]
    [InlineData("1", "2", "y_", VoteResult.Pending)]
    [InlineData("1", "2", "yn", VoteResult.Lost)]
    [InlineData("1", "2", "n_", VoteResult.Lost)]
    [InlineData("1,2", "3,4", "yy__", VoteResult.Pending)]
    [InlineData("1,2", "3,4", "yyn_", VoteResult.Lost)]
    [InlineData("1,2", "2,3", "_n_", VoteResult.Lost)]
    [InlineData("1,2,3", "2,3,4", "_yy_", VoteResult.Won)]
    [InlineData("1,2,3", "2,3,4", "yyn_", VoteResult.Pending)]
    [InlineData("1,2,3", "2,3,4", "yyny", VoteResult.Won)]
    [InlineData("1,2,3", "2,3,4", "yynn", VoteResult.Lost)]
    public void A_vote_is_won_when_both_halves_win(string left, string right, string answers, VoteResult expected)
    {
        Dictionary<ulong, bool> votes = [];
        for (int i = 0; i < answers.Length; i++)
        {
            if (answers[i] != '_')
            {
                votes[(ulong)i + 1] = answers[i] == 'y';
            }
        }

        Assert.Equal(expected, new JointConfig(new MajorityConfig(Ids(left)), new MajorityConfig(Ids(right))).Vote(votes));
    }

    [Fact]
    public void The_committed_index_of_random_sets_is_what_counting_finds()
    {
        var random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            ulong[] left = RandomIds(random), right = random.Next(2) == 0 ? [] : RandomIds(random);
            ulong[] match = [.. Enumerable.Range(0, 11).Select(_ => (ulong)random.Next(6))];
            bool IsCommitted(ulong index, ulong[] half) =>
                half.Length == 0 || half.Count(id => match[id] >= index) > half.Length / 2;
            ulong expected = 6;
            while (expected > 0 && !(IsCommitted(expected, left) && IsCommitted(expected, right)))
            {
                expected--;
            }

            var joint = new JointConfig(new MajorityConfig(left), new MajorityConfig(right));
            Assert.Equal(expected, joint.CommittedIndex(id => match[id]));
        }
    }

    private static ulong[] RandomIds(Random random) =>
        [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => (ulong)random.Next(11)).Distinct()];

    private static IEnumerable<ulong> Ids(string text) => text.Length == 0 ? [] : text.Split(',').Select(ulong.Parse);
}
