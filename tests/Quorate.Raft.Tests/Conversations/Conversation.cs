using System.Text;
using Quorate.Raft.Tests.Network;

namespace Quorate.Raft.Tests.Conversations;

/// <summary>
/// Runs a script: lines that begin with '>' are inputs, the lines after each are the reaction, lines that begin with '#' are
/// remarks. Messages wait until they are delivered; disks and appliers are at once, unless they are told to be slow.
/// </summary>
internal sealed partial class Conversation
{
    private readonly SortedDictionary<ulong, TestNode> _nodes = [];
    private readonly Dictionary<ulong, FixedRandom> _random = [];
    private readonly Dictionary<ulong, string> _states = [];
    private readonly HashSet<(ulong From, ulong To)> _cuts = [];
    private readonly List<Message> _waiting = [];
    private readonly List<string> _reaction = [];
    private bool _quiet;

    /// <summary>The script with the reactions that really came.</summary>
    public static string Run(string script)
    {
        var conversation = new Conversation();
        var transcript = new StringBuilder();
        foreach (string line in script.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith('>'))
            {
                transcript.AppendLine(line);
                foreach (string reaction in conversation.Do(line[1..].Trim()))
                {
                    transcript.AppendLine(reaction);
                }
            }
            else if (line.StartsWith('#') || line.Length == 0)
            {
                transcript.AppendLine(line);
            }
        }

        return transcript.ToString();
    }

    private IReadOnlyList<string> Do(string command)
    {
        _reaction.Clear();
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        try
        {
            Execute(words[0], words[1..]);
            Settle();
        }
        catch (Exception fatal) when (fatal is RaftFatalException or ArgumentException)
        {
            _reaction.Add($"fatal: {fatal.Message}");
        }

        return _reaction;
    }

    /// <summary>All nodes do what there is to do; what they send waits.</summary>
    private void Settle()
    {
        foreach (TestNode node in _nodes.Values)
        {
            Note(node);
            node.Work();
            Note(node);
        }
    }

    private void Note(TestNode node)
    {
        if (!node.IsUp)
        {
            return;
        }

        RaftNode raft = node.Raft;
        string role = raft.Role == RaftRole.PreCandidate ? "pre-candidate" : raft.Role.ToString().ToLowerInvariant();
        string state = $"{role} t{raft.Term}" + (raft.Leader != 0 && raft.Leader != node.Id ? $" of {raft.Leader}" : "");
        if (_states.GetValueOrDefault(node.Id) != state)
        {
            _states[node.Id] = state;
            Say($"{node.Id} is {state}");
        }
    }

    private void Say(string line)
    {
        if (!_quiet)
        {
            _reaction.Add(line);
        }
    }

    private void Add(ulong id, RaftOptions options, TestDisk disk)
    {
        var random = new FixedRandom();
        _random[id] = random;
        var node = new TestNode(id, () => options with { Id = id, Random = random }, disk)
        {
            Send = (_, message) =>
            {
                bool isCut = _cuts.Contains((message.From, message.To)) || !_nodes.ContainsKey(message.To);
                Say(Print.Message(message) + (isCut ? " (lost)" : ""));
                if (!isCut)
                {
                    _waiting.Add(message);
                }
            },
            OnWrite = (self, append) =>
            {
                if (append.HardState is not null || append.Entries.Count > 0 || append.Snapshot is not null)
                {
                    Say($"{self.Id} {Print.Write(append)}");
                }
            },
            OnApply = (self, entry) => Say($"{self.Id} applies {Print.Entry(entry)}"
                + (entry.Type == EntryType.Normal ? "" : $" -> {self.Raft.ConfState}")),
            OnInstall = (self, snapshot) =>
                Say($"{self.Id} installs snapshot {snapshot.Metadata.Index}@{snapshot.Metadata.Term}"),
            OnRead = (self, read) => Say($"{self.Id} reads {Encoding.ASCII.GetString(read.Context.Span)} at {read.Index}"),
        };
        _nodes[id] = node;
    }

    private void Deliver(Func<Message, bool> which, bool reverse = false)
    {
        List<Message> now = [.. _waiting.Where(which)];
        _waiting.RemoveAll(message => which(message));
        if (reverse)
        {
            now.Reverse();
        }

        foreach (Message message in now)
        {
            if (_nodes[message.To] is { IsUp: true } node)
            {
                node.Raft.Step(message);
                Note(node);
                node.Work();
            }
        }

        Settle();
    }

    private void Stabilize()
    {
        for (int round = 0; _waiting.Count > 0; round++)
        {
            Assert.True(round < 1000, "the conversation does not come to an end");
            Deliver(_ => true);
        }
    }
}
