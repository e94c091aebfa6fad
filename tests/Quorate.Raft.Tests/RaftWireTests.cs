using System.Text;

namespace Quorate.Raft.Tests;

/// <summary>Golden bytes of spec 08 §3.4, captured from etcd 3.5.30 and 3.7.1.</summary>
public sealed class RaftWireTests
{
    private const ulong A = 0xea973838add34d5d, B = 0xe6b2505f22ce8ff7, C = 0xf4df715f8872df46;

    private const string Head = "10f79fba96f28b94d9e60118dd9acdee8a87cecbea01";

    private const string Tail = "4a0a12080a0228001000180050005800";

    public static TheoryData<string, Message> Captured => new()
    {
        {
            $"0811{Head}2002280130034000{Tail}",
            new() { Type = MessageType.PreVote, To = B, From = A, Term = 2, Index = 3, LogTerm = 1 }
        },
        {
            $"0805{Head}2002280130034000{Tail}",
            new() { Type = MessageType.Vote, To = B, From = A, Term = 2, Index = 3, LogTerm = 1 }
        },
        {
            $"0803{Head}2002280130033a060800100218044003{Tail}",
            new()
            {
                Type = MessageType.App, To = B, From = A, Term = 2, Index = 3, LogTerm = 1, Commit = 3,
                Entries = [new(2, 4, EntryType.Normal, default)],
            }
        },
        { $"0808{Head}2002280030004000{Tail}", new() { Type = MessageType.Heartbeat, To = B, From = A, Term = 2 } },
        {
            $"0808{Head}2002280030004007{Tail}62084d5da20ae9f52104",
            new()
            {
                Type = MessageType.Heartbeat, To = B, From = A, Term = 2, Commit = 7,
                Context = Convert.FromHexString("4d5da20ae9f52104"),
            }
        },
        { $"080e{Head}2002280030004000{Tail}", new() { Type = MessageType.TimeoutNow, To = B, From = A, Term = 2 } },
        {
            $"081010c6becbc3f8abdceff40118dd9acdee8a87cecbea012002280130073a0d080010001800220568656c6c6f4000{Tail}",
            new()
            {
                Type = MessageType.ReadIndexResp, To = C, From = A, Term = 2, Index = 7, LogTerm = 1,
                Entries = [new(0, 0, EntryType.Normal, Encoding.ASCII.GetBytes("hello"))],
            }
        },
    };

    [Theory]
    [MemberData(nameof(Captured))]
    public void Messages_are_written_and_read_as_etcd_3_5_does(string hex, Message message)
    {
        Assert.Equal(hex, Convert.ToHexStringLower(RaftWire.Encode(message)));
        Assert.Equal(message.ToString(), RaftWire.DecodeMessage(Convert.FromHexString(hex)).ToString());
    }

    [Theory]
    [InlineData("081110ded5c3e4ba9797daa70118a99aea93e6dfeac3b701200228013003",
        "PreVote b787aafe627a8d29->a7b45cbbac90eade term=2 index=3/1 commit=0")]
    [InlineData("081210a99aea93e6dfeac3b70118ded5c3e4ba9797daa7012002",
        "PreVoteResp a7b45cbbac90eade->b787aafe627a8d29 term=2 index=0/0 commit=0")]
    [InlineData("08121099a3f1d1f3e682999c0118ded5c3e4ba9797daa70120025001",
        "PreVoteResp a7b45cbbac90eade->9c320b373a3c5199 term=2 index=0/0 commit=0 reject hint=0")]
    [InlineData("080410a99aea93e6dfeac3b70118ded5c3e4ba9797daa7012002280230e7075001580b",
        "AppResp a7b45cbbac90eade->b787aafe627a8d29 term=2 index=999/2 commit=0 reject hint=11")]
    [InlineData("080410a99aea93e6dfeac3b70118ded5c3e4ba9797daa7012003280030e70740004a0a12080a022800100018005001580f",
        "AppResp a7b45cbbac90eade->b787aafe627a8d29 term=3 index=999/0 commit=0 reject hint=15")]
    [InlineData("080d10a99aea93e6dfeac3b7011899a3f1d1f3e682999c012002",
        "TransferLeader 9c320b373a3c5199->b787aafe627a8d29 term=2 index=0/0 commit=0")]
    public void Messages_of_3_7_with_absent_fields_are_read(string hex, string expected) =>
        Assert.Equal(expected, RaftWire.DecodeMessage(Convert.FromHexString(hex)).ToString());

    [Fact]
    public void A_member_of_a_new_cluster_is_added_with_etcds_bytes()
    {
        byte[] context = Encoding.ASCII.GetBytes(
            """{"id":875735807356254801,"peerURLs":["http://127.0.0.1:21647"],"name":"C"}""");
        byte[] data = RaftWire.Encode(new ConfChange(0, ConfChangeType.AddNode, 0x0c273d13b28f3a51, context));
        Assert.Equal("0800100018d1f4bc94bba2cf930c224a", Convert.ToHexStringLower(data[..^74]));
        ConfChange read = RaftWire.DecodeConfChange(data);
        Assert.Equal((0UL, ConfChangeType.AddNode, 0x0c273d13b28f3a51UL), (read.Id, read.Type, read.NodeId));
        Assert.True(read.Context.Span.SequenceEqual(context));
    }

    [Fact]
    public void Lists_of_ids_are_written_unpacked_and_read_in_both_forms()
    {
        var state = new ConfState { Voters = [1, 2], Learners = [3], VotersOutgoing = [300], LearnersNext = [4], AutoLeave = true };
        Assert.Equal("08010802100318ac0220042801", Convert.ToHexStringLower(RaftWire.Encode(state)));
        Assert.Equal(state, RaftWire.DecodeConfState(RaftWire.Encode(state)));
        Assert.Equal(state, RaftWire.DecodeConfState(Convert.FromHexString("0a02010212010318ac0220042801")));
    }

    [Fact]
    public void Snapshots_and_hard_states_come_back()
    {
        var snapshot = new Snapshot(new SnapshotMetadata(300, 7, new ConfState { Voters = [9] }), new byte[] { 1, 2, 3 });
        Snapshot read = RaftWire.DecodeSnapshot(RaftWire.Encode(snapshot));
        Assert.Equal(snapshot.Metadata, read.Metadata);
        Assert.Equal("010203", Convert.ToHexStringLower(read.Data.Span));
        Assert.Equal(new HardState(5, 6, 700), RaftWire.DecodeHardState(RaftWire.Encode(new HardState(5, 6, 700))));
        var change = new ConfChangeV2(ConfChangeTransition.JointExplicit,
            [new(ConfChangeType.AddLearnerNode, 5), new(ConfChangeType.AddNode, 0)], new byte[] { 1 });
        ConfChangeV2 back = RaftWire.DecodeConfChangeV2(RaftWire.Encode(change));
        Assert.Equal((change.Transition, 1), (back.Transition, back.Context.Length));
        Assert.Equal(change.Changes, back.Changes);
        Assert.True(RaftWire.DecodeConfChangeV2(default).LeavesJoint);
    }

    [Fact]
    public void Any_bytes_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(3);
        byte[] valid = RaftWire.Encode(new Message
        {
            Type = MessageType.Snap,
            To = 1,
            From = 2,
            Term = 3,
            Entries = [new(1, 2, EntryType.Normal, new byte[20])],
            Snapshot = new Snapshot(new SnapshotMetadata(300, 7, new ConfState { Voters = [9] }), new byte[] { 1, 2, 3 }),
        });
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = valid[..random.Next(valid.Length + 1)];
            for (int flips = random.Next(4); flips > 0 && bytes.Length > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                RaftWire.DecodeMessage(bytes);
            }
            catch (FormatException)
            {
            }
        }
    }
}
