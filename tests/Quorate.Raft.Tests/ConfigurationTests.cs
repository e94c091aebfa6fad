using Quorate.Raft.Quorum;

namespace Quorate.Raft.Tests;

/// <summary>Spec 08 §19.10, C01 to C18: the pure rules. v adds a voter, l a learner, r removes, u updates.</summary>
public sealed class ConfigurationTests
{
    [Theory]
    [InlineData("", "simple l1", "removed all voters")]
    [InlineData("", "simple v1", "voters=(1)")]
    [InlineData("", "simple v1; simple v1; simple v2; simple l1; simple r1; simple r1; simple r4", "voters=(2)")]
    [InlineData("", "simple v1; simple v2; simple l1", "voters=(2) learners=(1)")]
    [InlineData("1,2/3", "simple r1 v5", "more than one voter changed without entering joint config")]
    [InlineData("1,2/3", "simple v3 v4", "more than one voter changed without entering joint config")]
    [InlineData("1,2/3", "simple l1 v5", "more than one voter changed without entering joint config")]
    [InlineData("1,2/3", "simple r1 r2", "removed all voters")]
    [InlineData("1,2/3", "simple l1 l2", "removed all voters")]
    [InlineData("1,2/3", "simple l2 l3 l4 l5", "voters=(1) learners=(2 3 4 5)")]
    [InlineData("1,2,3", "simple l1 v1", "voters=(1 2 3)")]
    [InlineData("1,2,3", "simple l2", "voters=(1 3) learners=(2)")]
    [InlineData("1,2,3", "simple l2; simple v2 l2", "voters=(1 3) learners=(2)")]
    [InlineData("1,2,3", "simple l2; simple v2", "voters=(1 2 3)")]
    [InlineData("1", "simple v2 u1", "voters=(1 2)")]
    [InlineData("1", "simple u1 u2 u3", "voters=(1)")]
    [InlineData("", "simple v1 r0 v0 l0", "voters=(1)")]
    [InlineData("", "joint v1", "can't make a zero-voter config joint")]
    [InlineData("1", "leave", "can't leave a non-joint config")]
    [InlineData("1", "joint", "voters=(1)&&(1)")]
    [InlineData("1", "joint; joint", "config is already joint")]
    [InlineData("1", "joint; simple l15", "can't apply simple config change in joint config")]
    [InlineData("1", "joint r1 v2 v3 l4", "voters=(2 3)&&(1) learners=(4)")]
    [InlineData("1", "joint r1 v2 v3 l4; leave", "voters=(2 3) learners=(4)")]
    [InlineData("1", "joint v2 l1", "voters=(2)&&(1) learners_next=(1)")]
    [InlineData("1", "joint v2 l1; leave", "voters=(2) learners=(1)")]
    [InlineData("1", "joint r1 r2 r9 v2 v3 v4 v2 v3 v4 l2 l2 r4 r4 l1 l1", "voters=(3)&&(1) learners=(2) learners_next=(1)")]
    [InlineData("1", "auto v2 v3", "voters=(1 2 3)&&(1) autoleave")]
    [InlineData("1", "auto v2 v3; joint", "config is already joint")]
    [InlineData("1", "auto v2 v3; leave", "voters=(1 2 3)")]
    public void Changes_follow_the_rules(string start, string steps, string expected)
    {
        string outcome;
        try
        {
            outcome = steps.Split("; ").Aggregate(Parse(start), Step).ToConfState().ToString();
        }
        catch (RaftFatalException refusal)
        {
            outcome = refusal.Message;
        }

        Assert.Equal(expected, outcome);
    }

    [Fact]
    public void A_joint_state_comes_back_from_its_description()
    {
        var state = new ConfState { Voters = [1, 2, 3], Learners = [5], VotersOutgoing = [1, 2, 4, 6], LearnersNext = [4] };
        var configuration = Configuration.From(state);
        Assert.Equal(state, configuration.ToConfState());
        Assert.Equal([1UL, 2, 3, 4, 5, 6], configuration.Members);
        Assert.False(configuration.IsLearner(4));
    }

    [Fact]
    public void The_simple_way_and_the_joint_way_end_in_the_same_configuration()
    {
        var random = new Random(2);
        for (int i = 0; i < 2_000; i++)
        {
            Configuration simple = Parse("1,2,3"), joint = simple;
            for (int step = 0; step < 8; step++)
            {
                var change = new ConfChangeSingle((ConfChangeType)random.Next(4), (ulong)random.Next(0, 6));
                var one = new ConfChangeV2(ConfChangeTransition.Auto, [change], default);
                try
                {
                    simple = simple.Apply(one);
                }
                catch (RaftFatalException)
                {
                    Assert.Throws<RaftFatalException>(() => joint.EnterJoint(one));
                    continue;
                }

                joint = joint.EnterJoint(one).LeaveJoint();
                Assert.Equal(simple.ToConfState(), joint.ToConfState());
                Assert.Equal(simple.ToConfState(), Configuration.From(simple.ToConfState()).ToConfState());
                Assert.Empty(simple.Voters.Voters.Intersect(simple.Learners));
            }
        }
    }

    private static Configuration Step(Configuration configuration, string step)
    {
        string[] words = step.Split(' ');
        ConfChangeSingle[] changes = [.. words.Skip(1).Select(word => new ConfChangeSingle(word[0] switch
        {
            'v' => ConfChangeType.AddNode,
            'l' => ConfChangeType.AddLearnerNode,
            'r' => ConfChangeType.RemoveNode,
            _ => ConfChangeType.UpdateNode,
        }, ulong.Parse(word[1..])))];
        return words[0] switch
        {
            "simple" => configuration.Simple(new ConfChangeV2(ConfChangeTransition.Auto, changes, default)),
            "joint" => configuration.EnterJoint(new ConfChangeV2(ConfChangeTransition.JointExplicit, changes, default)),
            "auto" => configuration.EnterJoint(new ConfChangeV2(ConfChangeTransition.JointImplicit, changes, default)),
            _ => configuration.LeaveJoint(),
        };
    }

    private static Configuration Parse(string text)
    {
        string[] halves = text.Split('/');
        return Configuration.From(new ConfState { Voters = Ids(halves[0]), Learners = halves.Length > 1 ? Ids(halves[1]) : [] });
    }

    private static ulong[] Ids(string text) => text.Length == 0 ? [] : [.. text.Split(',').Select(ulong.Parse)];
}
