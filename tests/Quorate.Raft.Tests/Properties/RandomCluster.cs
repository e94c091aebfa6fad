using Quorate.Raft.Tests.Network;

namespace Quorate.Raft.Tests.Properties;

/// <summary>
/// A cluster of cores under one seed: messages are lost, doubled and reordered, disks and appliers are slow, nodes crash and lose
/// what was not durable, the configuration changes. After every step the invariants of spec 08 §20.4 are looked at.
/// </summary>
internal sealed class RandomCluster
{
    private readonly Random _random;
    private readonly SortedDictionary<ulong, TestNode> _nodes = [];
    private readonly List<Message> _network = [];
    private readonly HashSet<(ulong From, ulong To)> _cuts = [];
    private readonly Invariants _invariants = new();
    private readonly RaftOptions _options;
    private readonly ConfState _initial;
    private readonly bool _joint;
    private bool _faults = true;
    private ulong _reads;
    private ulong _lastId;

    public RandomCluster(int seed)
    {
        _random = new Random(seed);
        int size = 1 + (2 * _random.Next(3));
        _joint = _random.Next(2) == 0;
        _initial = new ConfState { Voters = [.. Enumerable.Range(1, size).Select(id => (ulong)id)] };
        _options = new RaftOptions
        {
            Id = 1,
            Random = _random,
            ElectionTick = _random.Next(3, 12),
            PreVote = _random.Next(2) == 0,
            CheckQuorum = _random.Next(2) == 0,
            StepDownOnRemoval = _random.Next(2) == 0,
            MaxSizePerMessage = (ulong)new[] { 0, 100, 1 << 20 }[_random.Next(3)],
            MaxInflightMessages = _random.Next(1, 9),
            MaxCommittedSizePerReady = (ulong)_random.Next(1, 300),
        };
        for (int i = 0; i < size; i++)
        {
            AddNode();
        }
    }

    public ulong Committed => _invariants.Committed;

    public int Reads => _invariants.Reads;

    public void Run(int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            Step();
            Check();
        }
    }

    /// <summary>
    /// All faults end, all nodes are up: the cluster has to come to rest with equal logs (spec 08 §20.5). False for the stall
    /// that changes at apply time can lead to (B-12): who has the longest log knows that it votes no more, the others do not know
    /// it yet.
    /// </summary>
    public bool Heal()
    {
        _faults = false;
        _cuts.Clear();
        foreach (TestNode node in _nodes.Values)
        {
            node.SlowDisk = node.SlowApply = node.NoSnapshot = false;
            if (!node.IsUp)
            {
                node.Start();
            }
        }

        ulong target = 0, term = 0;
        for (int round = 0; round < 400 * _options.ElectionTick; round++)
        {
            foreach (TestNode node in _nodes.Values)
            {
                if (node.IsUp && node.Raft.Role == RaftRole.Leader && !node.Raft.ConfState.Contains(node.Id))
                {
                    // As etcd's host does a second after it applied its own removal (B-44).
                    node.Crash();
                }

                if (node.IsUp)
                {
                    node.Raft.Tick();
                    node.Work();
                }
            }

            for (int hop = 0; hop < 30 && _network.Count > 0; hop++)
            {
                List<Message> now = [.. _network];
                _network.Clear();
                foreach (Message message in now)
                {
                    Deliver(message);
                }
            }

            Check();
            if (_nodes.Values.FirstOrDefault(node => node.IsUp && node.Raft.Role == RaftRole.Leader) is not { } leader)
            {
                continue;
            }

            if (leader.Raft.Term != term)
            {
                (term, target) = (leader.Raft.Term, 0);
            }

            if (target == 0 && leader.Raft.TryPropose([new Entry(0, 0, EntryType.Normal, new byte[] { 1 })]))
            {
                target = leader.Raft.LogEntries.LastIndex;
            }

            ConfState members = leader.Raft.ConfState;
            if (target > 0 && leader.Applied >= target && members.VotersOutgoing.Count == 0
                && _nodes.Values.Where(node => members.Contains(node.Id))
                    .All(node => node.Applied == leader.Applied && node.Hash == leader.Hash))
            {
                return true;
            }

            if (target > 0 && members.VotersOutgoing.Count > 0 && !members.AutoLeave)
            {
                leader.Raft.TryPropose([new Entry(0, 0, EntryType.ConfChangeV2, default)]);
            }
        }

        if (_nodes.Values.All(node => node.Raft.Role != RaftRole.Leader)
            && _nodes.Values.Where(node => node.Raft.LogEntries.LastIndex > 0)
                .Select(node => node.Raft.ConfState).Distinct().Count() > 1)
        {
            return false;
        }

        throw new InvalidOperationException("the cluster does not come to rest: " + string.Join("; ", _nodes.Values.Select(node =>
            $"{node.Id} {node.Raft.Role} t{node.Raft.Term} applied={node.Applied} last={node.Raft.LogEntries.LastIndex} "
            + $"{node.Raft.ConfState}")));
    }

    private void Step()
    {
        TestNode node = _nodes.Values.ElementAt(_random.Next(_nodes.Count));
        switch (_random.Next(100))
        {
            case < 40 when _network.Count > 0:
                DeliverOne();
                break;
            case < 60:
                if (node.IsUp)
                {
                    node.Raft.Tick();
                    node.Work();
                }

                break;
            case < 72:
                Propose(node);
                break;
            case < 76:
                Persist(node);
                break;
            case < 80:
                if (node.IsUp && node.Applying > 0)
                {
                    node.Apply();
                    node.Work();
                }

                break;
            default:
                Disturb(node);
                break;
        }
    }

    private void Disturb(TestNode node)
    {
        switch (_random.Next(40))
        {
            case 0 or 1:
                node.Crash();
                break;
            case < 8 when !node.IsUp:
                node.Start();
                node.Work();
                break;
            case 8:
                node.SlowDisk = !node.SlowDisk;
                break;
            case 9:
                node.SlowApply = !node.SlowApply;
                break;
            case 10:
                _cuts.Add((node.Id, _nodes.Keys.ElementAt(_random.Next(_nodes.Count))));
                break;
            case 11 or 12:
                _cuts.Clear();
                break;
            case 13 when node.IsUp:
                node.Compact(node.Applied - Math.Min(node.Applied, (ulong)_random.Next(10)));
                break;
            case 14 when node.IsUp:
                node.Raft.TransferLeadership(_nodes.Keys.ElementAt(_random.Next(_nodes.Count)));
                node.Work();
                break;
            case 15 or 16 when node.IsUp && node.Raft.Leader != 0:
                ChangeConfiguration(node);
                break;
            case 17 when node.IsUp:
                node.Raft.ReportUnreachable(_nodes.Keys.ElementAt(_random.Next(_nodes.Count)));
                break;
            case 18 when node.IsUp:
                node.Raft.ReportSnapshot(_nodes.Keys.ElementAt(_random.Next(_nodes.Count)), _random.Next(2) == 0);
                break;
            case 19 when node.IsUp:
                node.Raft.Campaign();
                node.Work();
                break;
            case < 26 when node.IsUp:
                _invariants.ReadBegins(++_reads);
                node.Raft.ReadIndex(BitConverter.GetBytes(_reads));
                node.Work();
                break;
        }
    }

    private void ChangeConfiguration(TestNode node)
    {
        if (_nodes.Count < 8 && _random.Next(4) == 0)
        {
            AddNode();
        }

        var changes = new ConfChangeSingle[_joint ? _random.Next(0, 4) : 1];
        for (int i = 0; i < changes.Length; i++)
        {
            var type = (ConfChangeType)_random.Next(4);
            changes[i] = new ConfChangeSingle(type, _nodes.Keys.ElementAt(_random.Next(_nodes.Count)));
        }

        byte[] change = _joint
            ? RaftWire.Encode(new ConfChangeV2((ConfChangeTransition)_random.Next(3), changes, default))
            : RaftWire.Encode(new ConfChange(0, changes[0].Type, changes[0].NodeId, default));
        var entry = new Entry(0, 0, _joint ? EntryType.ConfChangeV2 : EntryType.ConfChange, change);
        node.Raft.TryPropose([entry]);
        node.Work();
    }

    private void Propose(TestNode node)
    {
        if (node.IsUp)
        {
            node.Raft.TryPropose([.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ =>
            {
                var data = new byte[_random.Next(4, 40)];
                _random.NextBytes(data);
                return new Entry(0, 0, EntryType.Normal, data);
            })]);
            node.Work();
        }
    }

    private void Persist(TestNode node)
    {
        if (node.IsUp && node.Writing > 0)
        {
            node.Persist();
            node.Work();
        }
    }

    private void DeliverOne()
    {
        int i = _random.Next(4) == 0 ? _random.Next(_network.Count) : 0;
        Message message = _network[i];
        int fate = _random.Next(20);
        if (fate != 0)
        {
            _network.RemoveAt(i);
        }

        if (fate != 1)
        {
            Deliver(message);
        }
        else
        {
            Report(message, failed: true);
        }
    }

    private void Deliver(Message message)
    {
        bool arrives = !_cuts.Contains((message.From, message.To))
            && _nodes.TryGetValue(message.To, out TestNode? node) && node.IsUp;
        if (arrives)
        {
            _nodes[message.To].Raft.Step(RaftWire.DecodeMessage(RaftWire.Encode(message)));
            _nodes[message.To].Work();
        }

        Report(message, failed: !arrives);
    }

    /// <summary>The transport of a snapshot tells the sender how it went, sooner or later.</summary>
    private void Report(Message message, bool failed)
    {
        if (message.Type == MessageType.Snap && _nodes[message.From] is { IsUp: true } sender)
        {
            sender.Raft.ReportSnapshot(message.To, failed);
            sender.Work();
        }
    }

    private void AddNode()
    {
        ulong id = ++_lastId;
        var disk = new TestDisk();
        disk.Write(new Append
        {
            Id = 0,
            Snapshot = new Snapshot(SnapshotMetadata.Empty with { ConfState = _initial }, default),
            Entries = [],
            MessagesAfter = [],
        });
        _nodes[id] = new TestNode(id, () => _options with { Id = id }, disk)
        {
            RefusesImpossibleChanges = true,
            Send = (_, sent) =>
            {
                if (_faults && _network.Count > 400)
                {
                    int lost = _random.Next(_network.Count);
                    Message message = _network[lost];
                    _network.RemoveAt(lost);
                    Report(message, failed: true);
                }

                _network.Add(sent);
                _invariants.Sent(_nodes[id], sent);
            },
            OnApply = _invariants.Applied,
            OnInstall = _invariants.Installed,
            OnRead = (_, read) => _invariants.ReadAnswered(read),
        };
    }

    private void Check() => _invariants.Check(_nodes.Values);
}
