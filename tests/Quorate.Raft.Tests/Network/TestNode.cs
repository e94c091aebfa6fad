using System.Buffers.Binary;
using System.IO.Hashing;
using Quorate.Raft.Quorum;

namespace Quorate.Raft.Tests.Network;

/// <summary>
/// A host for one core: a disk that may be slow, a state machine that remembers a hash of what it applied, and the way out.
/// </summary>
public sealed class TestNode
{
    private readonly Func<RaftOptions> _options;
    private readonly Queue<Append> _writing = [];
    private readonly Queue<Entry> _applying = [];

    public TestNode(ulong id, Func<RaftOptions> options, TestDisk disk)
    {
        Id = id;
        _options = options;
        Disk = disk;
        Start();
    }

    public ulong Id { get; }

    public RaftNode Raft { get; private set; } = null!;

    public TestDisk Disk { get; }

    public bool IsUp { get; private set; }

    /// <summary>Appends and entries wait until <see cref="Persist"/> and <see cref="Apply"/> are called.</summary>
    public bool SlowDisk { get; set; }

    public bool SlowApply { get; set; }

    /// <summary>Changes that would leave no voter are passed over, as a host does that checks what it applies.</summary>
    public bool RefusesImpossibleChanges { get; init; }

    /// <summary>No snapshot can be had at the moment.</summary>
    public bool NoSnapshot { get; set; }

    public int Writing => _writing.Count;

    public int Applying => _applying.Count;

    public ulong Applied { get; private set; }

    public ulong Hash { get; private set; }

    public Action<TestNode, Message> Send { get; set; } = (_, _) => { };

    public Action<TestNode, Append> OnWrite { get; set; } = (_, _) => { };

    public Action<TestNode, Entry> OnApply { get; set; } = (_, _) => { };

    public Action<TestNode, Snapshot> OnInstall { get; set; } = (_, _) => { };

    public Action<TestNode, ReadState> OnRead { get; set; } = (_, _) => { };

    public void Start()
    {
        SnapshotMetadata snapshot = Disk.Snapshot.Metadata;
        _writing.Clear();
        _applying.Clear();
        var log = new RaftLog(snapshot.Index, snapshot.Term, Disk.Entries);
        Raft = new RaftNode(_options(), Disk.HardState, log, snapshot.ConfState)
        {
            // Of the present state: one from before a member was added would be of no use to that member.
            SnapshotSource = () => NoSnapshot || Applied == 0 ? null : TakeSnapshot(),
        };
        Install(Disk.Snapshot);
        IsUp = true;
    }

    public void Crash() => IsUp = false;

    /// <summary>Does all work that the core hands out, but for what a slow disk or applier holds up.</summary>
    public void Work()
    {
        DoWaiting();
        while (IsUp && Raft.HasReady)
        {
            Ready ready = Raft.TakeReady();
            SendAll(ready.Messages);
            foreach (ReadState read in ready.ReadStates)
            {
                OnRead(this, read);
            }

            if (ready.Append is { } append)
            {
                OnWrite(this, append);
                _writing.Enqueue(append);
            }

            foreach (Entry entry in ready.Committed)
            {
                _applying.Enqueue(entry);
            }

            DoWaiting();
        }
    }

    private void DoWaiting()
    {
        while (IsUp && !SlowDisk && _writing.Count > 0)
        {
            Persist();
        }

        while (IsUp && !SlowApply && _applying.Count > 0)
        {
            Apply();
        }
    }

    /// <summary>The oldest append becomes durable.</summary>
    public void Persist()
    {
        Append append = _writing.Dequeue();
        Disk.Write(append);
        Raft.Appended(append);
        if (append.Snapshot is { } snapshot)
        {
            _applying.Clear();
            Install(snapshot);
            OnInstall(this, snapshot);
            Raft.Applied(snapshot.Metadata.Index);
        }

        SendAll(append.MessagesAfter);
    }

    public void Apply()
    {
        Entry entry = _applying.Dequeue();
        Assert.Equal(Applied + 1, entry.Index);
        Applied = entry.Index;
        Hash = Chain(Hash, entry);
        if (entry.Type != EntryType.Normal)
        {
            ApplyChange(entry.Type == EntryType.ConfChange
                ? RaftWire.DecodeConfChange(entry.Data).ToV2()
                : RaftWire.DecodeConfChangeV2(entry.Data));
        }

        OnApply(this, entry);
        Raft.Applied(entry.Index);
    }

    /// <summary>Makes a snapshot of the state, and forgets the log up to an index.</summary>
    public void Compact(ulong keepFrom)
    {
        // Not while a received snapshot, which goes further, is on its way to the disk, and not before the commit index is
        // durable there: a restart would find it behind the snapshot.
        if (Raft.LogEntries.TermAt(Applied) is not { } term || Disk.TermAt(Applied) != term
            || Applied <= Disk.Snapshot.Metadata.Index || Disk.HardState.Commit < Applied)
        {
            return;
        }

        Disk.Compact(TakeSnapshot());
        Raft.LogEntries.Compact(Math.Min(keepFrom, Applied));
    }

    private void ApplyChange(ConfChangeV2 change)
    {
        try
        {
            if (RefusesImpossibleChanges)
            {
                Configuration.From(Raft.ConfState).Apply(change);
            }
        }
        catch (RaftFatalException)
        {
            return;
        }

        Raft.ApplyConfChange(change);
    }

    private Snapshot TakeSnapshot()
    {
        var data = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(data, Hash);
        return new Snapshot(new SnapshotMetadata(Applied, Raft.LogEntries.TermAt(Applied)!.Value, Raft.ConfState), data);
    }

    public static ulong Chain(ulong hash, Entry entry)
    {
        byte[] bytes = [.. BitConverter.GetBytes(hash), .. RaftWire.Encode(entry)];
        return XxHash3.HashToUInt64(bytes);
    }

    private void Install(Snapshot snapshot)
    {
        Applied = snapshot.Metadata.Index;
        Hash = snapshot.Data.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(snapshot.Data.Span) : 0;
    }

    private void SendAll(IReadOnlyList<Message> messages)
    {
        foreach (Message message in messages)
        {
            // Through the wire format, as between processes.
            Send(this, RaftWire.DecodeMessage(RaftWire.Encode(message)));
        }
    }
}
