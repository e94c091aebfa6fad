using System.Buffers.Binary;
using Quorate.Raft.Tests.Network;

namespace Quorate.Raft.Tests.Properties;

/// <summary>What must hold at all times over the whole run, crashed nodes included (spec 08 §20.4).</summary>
internal sealed class Invariants
{
    private readonly Dictionary<ulong, ulong> _leaders = [];
    private readonly Dictionary<ulong, (Entry Entry, ulong Hash, ConfState Configuration)> _applied = [];
    private readonly Dictionary<(ulong Index, ulong Term), ulong> _prefixes = [];
    private readonly Dictionary<ulong, ulong> _readFloor = [];
    private readonly Dictionary<ulong, RaftNode> _incarnations = [];
    private readonly Dictionary<ulong, (ulong Term, ulong Commit, ulong LastIndex, bool Leads)> _before = [];
    private ulong _highestApplied;

    public ulong Committed { get; private set; }

    public int Reads { get; private set; }

    public void Applied(TestNode node, Entry entry)
    {
        if (_applied.TryGetValue(entry.Index, out var first))
        {
            // N5, N10: the same entry at each index everywhere, and the same configuration after it.
            Assert.True(first.Hash == node.Hash, $"node {node.Id} applied another entry at {entry.Index}@{entry.Term}");
            Assert.True(first.Configuration.Equals(node.Raft.ConfState),
                $"configurations differ at {entry.Index}: {first.Configuration} and {node.Raft.ConfState}");
            return;
        }

        Assert.Equal(_highestApplied + 1, entry.Index);
        _highestApplied = entry.Index;
        _applied[entry.Index] = (entry, node.Hash, node.Raft.ConfState);
    }

    public void Installed(TestNode node, Snapshot snapshot)
    {
        // N13: what a snapshot holds is what the entries up to it gave.
        Assert.True(_applied.TryGetValue(snapshot.Metadata.Index, out var first), "a snapshot of what nobody applied");
        Assert.Equal(first.Hash, BinaryPrimitives.ReadUInt64LittleEndian(snapshot.Data.Span));
        Assert.Equal(first.Entry.Term, snapshot.Metadata.Term);
        Assert.Equal(first.Configuration, snapshot.Metadata.ConfState);
    }

    public void ReadBegins(ulong read) => _readFloor[read] = Committed;

    public void ReadAnswered(ReadState read)
    {
        Reads++;
        ulong floor = _readFloor[BitConverter.ToUInt64(read.Context.Span)];
        Assert.True(read.Index >= floor, $"a read that began at commit {floor} was answered with {read.Index}"); // N14
    }

    /// <summary>
    /// N9: no promise leaves before what it promises is durable; N12: a heartbeat commits no more than the member has.
    /// </summary>
    public void Sent(TestNode node, Message message)
    {
        TestDisk disk = node.Disk;
        switch (message.Type)
        {
            case MessageType.VoteResp when !message.Reject:
                HardState durable = disk.HardState;
                Assert.True(durable.Term > message.Term || (durable.Term == message.Term && durable.Vote == message.To),
                    $"{message} before the vote was durable");
                break;
            case MessageType.Vote:
                Assert.True(disk.HardState.Term >= message.Term, $"{message} before the term was durable");
                break;
            case MessageType.AppResp when !message.Reject:
                Assert.True(disk.HardState.Term >= message.Term, $"{message} before the term was durable");
                Assert.True(disk.HardState.Term > message.Term || disk.LastIndex >= message.Index,
                    $"{message} before the entries were durable");
                break;
        }
    }

    public void Check(IEnumerable<TestNode> nodes)
    {
        foreach (TestNode node in nodes)
        {
            if (node.IsUp)
            {
                CheckNode(node);
            }
        }
    }

    private void CheckNode(TestNode node)
    {
        RaftNode raft = node.Raft;
        RaftLog log = raft.LogEntries;
        bool leads = raft.Role == RaftRole.Leader;
        if (_incarnations.GetValueOrDefault(node.Id) == raft && _before.TryGetValue(node.Id, out var before))
        {
            Assert.True(raft.Term >= before.Term, "term falls"); // N8
            Assert.True(log.Committed >= before.Commit, "commit falls"); // N6
            Assert.True(!leads || !before.Leads || raft.Term != before.Term || log.LastIndex >= before.LastIndex,
                "a leader's log shrinks"); // N2
            if (before == (raft.Term, log.Committed, log.LastIndex, leads))
            {
                return;
            }
        }

        _incarnations[node.Id] = raft;
        _before[node.Id] = (raft.Term, log.Committed, log.LastIndex, leads);
        Assert.True(log.Applied <= log.Applying && log.Applying <= log.Committed && log.Committed <= log.LastIndex,
            "indexes are out of order");
        CheckMatching(log);
        if (leads)
        {
            CheckLeader(node, raft, log);
        }

        Committed = Math.Max(Committed, log.Committed);
    }

    /// <summary>N3: the same index and term mean the same entry and the same log before it.</summary>
    private void CheckMatching(RaftLog log)
    {
        ulong? hash = log.CompactedIndex == 0 ? 0
            : _applied.TryGetValue(log.CompactedIndex, out var compacted) ? compacted.Hash
            : null;
        if (hash is null)
        {
            return;
        }

        for (ulong index = log.FirstIndex; index <= log.LastIndex; index++)
        {
            Entry entry = log[index];
            hash = TestNode.Chain(hash.Value, entry);
            if (!_prefixes.TryAdd((index, entry.Term), hash.Value))
            {
                Assert.True(_prefixes[(index, entry.Term)] == hash, $"logs differ at {index}@{entry.Term}");
            }
        }
    }

    private void CheckLeader(TestNode node, RaftNode raft, RaftLog log)
    {
        // N1
        Assert.True(_leaders.TryAdd(raft.Term, node.Id) || _leaders[raft.Term] == node.Id,
            $"term {raft.Term} has two leaders: {_leaders[raft.Term]} and {node.Id}");

        // N4
        for (ulong index = Math.Max(log.FirstIndex, 1); index <= Math.Min(_highestApplied, log.LastIndex); index++)
        {
            Entry applied = _applied[index].Entry;
            Assert.True(raft.Term < applied.Term || log.TermAt(index) == applied.Term,
                $"leader of {raft.Term} lacks committed {index}@{applied.Term}");
        }

        ulong lastApplied = _highestApplied == 0 ? 0 : _applied[_highestApplied].Entry.Term;
        Assert.True(raft.Term < lastApplied || log.LastIndex >= _highestApplied || raft.Term <= _leaders.Keys.Max() - 1,
            $"leader of {raft.Term} lacks committed entries up to {_highestApplied}");
        foreach (MemberProgress progress in raft.Status().Progress.Values)
        {
            Assert.True(progress.Match < progress.Next && progress.Match <= log.LastIndex,
                "match and next are out of order"); // N12
        }
    }
}
