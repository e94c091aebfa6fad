using System.Text;
using Quorate.Raft.Tests.Network;

namespace Quorate.Raft.Tests.Conversations;

internal sealed partial class Conversation
{
    private void Execute(string verb, string[] words)
    {
        switch (verb)
        {
            case "nodes":
                AddNodes(words);
                break;
            case "node":
                AddNode(words);
                break;
            case "tick":
                for (int i = 0; i < (words.Length > 1 ? int.Parse(words[1]) : 1); i++)
                {
                    Node(words[0]).Raft.Tick();
                    Settle();
                }

                break;
            case "timeout":
                _random[ulong.Parse(words[0])].Value = int.Parse(words[1]) - 10;
                break;
            case "campaign":
                Node(words[0]).Raft.Campaign();
                break;
            case "propose":
                Propose(Node(words[0]), words[1..]);
                break;
            case "conf":
                ProposeChange(() => Node(words[0]).Raft.ProposeConfChange(ParseChange(words[1..])));
                break;
            case "conf1":
                ConfChangeSingle single = ParseChange(words[1..]).Changes[0];
                var old = new ConfChange(0, single.Type, single.NodeId, default);
                ProposeChange(() => Node(words[0]).Raft.ProposeConfChange(old));
                break;
            case "read":
                Node(words[0]).Raft.ReadIndex(Encoding.ASCII.GetBytes(words[1]));
                break;
            case "transfer":
                Node(words[0]).Raft.TransferLeadership(ulong.Parse(words[1]));
                break;
            case "forget-leader":
                Node(words[0]).Raft.ForgetLeader();
                break;
            case "unreachable":
                Node(words[0]).Raft.ReportUnreachable(ulong.Parse(words[1]));
                break;
            case "snapshot-status":
                Node(words[0]).Raft.ReportSnapshot(ulong.Parse(words[1]), failed: words[2] == "failed");
                break;
            case "step":
                Node(words[0]).Raft.Step(ParseMessage(words));
                break;
            default:
                ExecuteOnNetwork(verb, words);
                break;
        }
    }

    private void ExecuteOnNetwork(string verb, string[] words)
    {
        switch (verb)
        {
            case "stabilize":
                Settle();
                Stabilize();
                break;
            case "quietly":
                _quiet = true;
                Execute(words[0], words[1..]);
                Settle();
                Stabilize();
                _quiet = false;
                break;
            case "live":
                _quiet = true;
                for (int i = 0; i < int.Parse(words[1]); i++)
                {
                    Node(words[0]).Raft.Tick();
                    Settle();
                    Stabilize();
                }

                _quiet = false;
                break;
            case "deliver":
                Func<Message, bool> which = Filter(words);
                Deliver(which, words.Contains("reversed"));
                break;
            case "drop":
                Func<Message, bool> lost = Filter(words);
                _waiting.RemoveAll(message => lost(message));
                break;
            case "cut":
                foreach (string link in words)
                {
                    string[] ends = link.Split('-', '>');
                    _cuts.Add((ulong.Parse(ends[0]), ulong.Parse(ends[1])));
                    if (link.Contains('-'))
                    {
                        _cuts.Add((ulong.Parse(ends[1]), ulong.Parse(ends[0])));
                    }
                }

                break;
            case "isolate":
                foreach (ulong other in _nodes.Keys)
                {
                    _cuts.Add((ulong.Parse(words[0]), other));
                    _cuts.Add((other, ulong.Parse(words[0])));
                }

                break;
            case "heal":
                _cuts.Clear();
                break;
            case "disk":
                Node(words[0]).SlowDisk = words[1] == "slow";
                break;
            case "applier":
                Node(words[0]).SlowApply = words[1] == "slow";
                break;
            case "snapshots":
                Node(words[0]).NoSnapshot = words[1] == "off";
                break;
            default:
                ExecuteOnDisk(verb, words);
                break;
        }
    }

    private void ExecuteOnDisk(string verb, string[] words)
    {
        TestNode? node = words.Length > 0 && ulong.TryParse(words[0], out ulong id) ? _nodes[id] : null;
        switch (verb)
        {
            case "persist" when node!.Writing == 0:
            case "apply" when node!.Applying == 0:
                Say($"{node.Id} has nothing to {verb}");
                break;
            case "persist":
                node!.Persist();
                break;
            case "apply":
                node!.Apply();
                break;
            case "compact":
                node!.Compact(ulong.Parse(words[1]));
                break;
            case "crash":
                node!.Crash();
                _states.Remove(node.Id);
                break;
            case "restart":
                node!.Start();
                break;
            case "log":
                RaftLog log = node!.Raft.LogEntries;
                Say($"{node.Id} log {(log.CompactedIndex > 0 ? $"{log.CompactedIndex}@{log.CompactedTerm}|" : "")}"
                    + $"{Print.Entries(log.Slice(log.FirstIndex, log.LastIndex, ulong.MaxValue))} "
                    + $"durable={log.Durable} commit={log.Committed} applied={log.Applied}");
                break;
            case "progress":
                foreach ((ulong member, MemberProgress progress) in node!.Raft.Status().Progress.OrderBy(pair => pair.Key))
                {
                    Say($"{member} {progress.State} match={progress.Match} next={progress.Next}"
                        + (progress.IsLearner ? " learner" : "")
                        + (progress.RecentActive ? "" : " inactive"));
                }

                break;
            case "status":
                RaftNode raft = node!.Raft;
                Say($"{node.Id} {raft.Role} t{raft.Term} vote={raft.HardState.Vote} lead={raft.Leader} {raft.ConfState}"
                    + (raft.Transferee != 0 ? $" transferee={raft.Transferee}" : ""));
                break;
            default:
                throw new ArgumentException($"no such input: {verb}");
        }
    }

    /// <summary>All nodes anew; also a node whose id there is already begins a new scene.</summary>
    private void Clear()
    {
        _nodes.Clear();
        _states.Clear();
        _cuts.Clear();
        _waiting.Clear();
    }

    private void AddNodes(string[] words)
    {
        Clear();
        ulong count = ulong.Parse(words[0]);
        ulong[] learners = [.. Ids(words, "learners=")];
        var state = new ConfState
        {
            Voters = [.. Enumerable.Range(1, (int)count).Select(id => (ulong)id).Except(learners)],
            Learners = learners,
        };
        for (ulong id = 1; id <= count; id++)
        {
            Add(id, ParseOptions(words), Disk(state, [], 0, default));
        }

        _quiet = true;
        Settle();
        _quiet = false;
    }

    private void AddNode(string[] words)
    {
        ulong id = ulong.Parse(words[0]);
        if (_nodes.ContainsKey(id))
        {
            Clear();
        }

        ulong[] terms = [.. Ids(words, "log=")];
        var state = new ConfState
        {
            Voters = [.. Ids(words, "voters=")],
            Learners = [.. Ids(words, "learners=")],
            VotersOutgoing = [.. Ids(words, "outgoing=")],
        };
        ulong offset = Number(words, "after=");
        var hardState = new HardState(Number(words, "term="), Number(words, "vote="), Math.Max(offset, Number(words, "commit=")));
        Add(id, ParseOptions(words), Disk(state, terms, offset, hardState));
        _quiet = true;
        Settle();
        _quiet = false;
    }

    private static TestDisk Disk(ConfState state, ulong[] terms, ulong offset, HardState hardState)
    {
        var disk = new TestDisk();
        disk.Write(new Append
        {
            Id = 0,
            Snapshot = new Snapshot(new SnapshotMetadata(offset, offset > 0 ? terms[0] : 0, state), default),
            Entries = [.. terms.Select((term, i) => new Entry(term, offset + (ulong)i + 1, EntryType.Normal, default))],
            MessagesAfter = [],
        });
        disk.HardState = hardState;
        return disk;
    }

    private void Propose(TestNode node, string[] words)
    {
        Entry[] entries = [.. words.Select(word => new Entry(0, 0, EntryType.Normal,
            word.EndsWith("B", StringComparison.Ordinal) && int.TryParse(word[..^1], out int size) ? new byte[size]
            : word == "-" ? default
            : Encoding.ASCII.GetBytes(word)))];
        if (!node.Raft.TryPropose(entries))
        {
            Say("raft proposal dropped");
        }
    }

    private void ProposeChange(Action propose)
    {
        try
        {
            propose();
        }
        catch (ProposalDroppedException dropped)
        {
            Say(dropped.Message);
        }
    }

    private TestNode Node(string word) => _nodes[ulong.Parse(word)];
}
