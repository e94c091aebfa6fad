using static Quorate.Raft.Invariant;

namespace Quorate.Raft;

/// <summary>
/// The log in memory, from the entry after <see cref="CompactedIndex"/> on: what is durable, what was handed out to become so,
/// what is committed and applied. What a disk acknowledged is known by append, not by entry, so that an acknowledgement of
/// entries that were overwritten since cannot make their successors look durable (spec 08 §8.9).
/// </summary>
public sealed class RaftLog
{
    private readonly List<Entry> _entries = [];
    private readonly Queue<OutstandingAppend> _outstanding = [];
    private ulong _handedOut;
    private ulong _lastAppendId;
    private ulong _applyingBytes;
    private ulong _sliceFrom;
    private ulong _sliceLimit;
    private Entry[] _slice = [];

    /// <param name="compacted">The last entry before the log, by a snapshot or the beginning (0, 0).</param>
    /// <param name="entries">The entries after it, all durable.</param>
    public RaftLog(ulong compactedIndex, ulong compactedTerm, IEnumerable<Entry> entries)
    {
        CompactedIndex = compactedIndex;
        CompactedTerm = compactedTerm;
        foreach (Entry entry in entries)
        {
            Require(entry.Index == LastIndex + 1, $"the log has a gap: entry {entry.Index} follows {LastIndex}");
            Require(entry.Term >= LastTerm, $"terms decrease: entry {entry.Index} has {entry.Term} after {LastTerm}");
            _entries.Add(entry);
        }

        Durable = _handedOut = LastIndex;
        Committed = Applying = Applied = compactedIndex;
    }

    /// <summary>The index before the first entry; its term is known too.</summary>
    public ulong CompactedIndex { get; private set; }

    public ulong CompactedTerm { get; private set; }

    public ulong FirstIndex => CompactedIndex + 1;

    public ulong LastIndex => CompactedIndex + (ulong)_entries.Count;

    public ulong LastTerm => _entries.Count > 0 ? _entries[^1].Term : CompactedTerm;

    /// <summary>The last entry that the host's disk has, as far as it was told.</summary>
    public ulong Durable { get; private set; }

    public ulong Committed { get; private set; }

    /// <summary>The last entry handed to the host for applying.</summary>
    public ulong Applying { get; private set; }

    /// <summary>The last entry that the host said it applied.</summary>
    public ulong Applied { get; private set; }

    /// <summary>A received snapshot that the host has not made durable yet.</summary>
    public Snapshot? PendingSnapshot { get; private set; }

    /// <summary>Whether <see cref="PendingSnapshot"/> was handed out.</summary>
    public bool PendingSnapshotHandedOut { get; private set; }

    public bool HasUnsent => _handedOut < LastIndex || (PendingSnapshot is not null && !PendingSnapshotHandedOut);

    /// <summary>The term of an entry; null below <see cref="CompactedIndex"/> and above <see cref="LastIndex"/>.</summary>
    public ulong? TermAt(ulong index) =>
        index == CompactedIndex ? CompactedTerm
        : index < CompactedIndex || index > LastIndex ? null
        : _entries[(int)(index - FirstIndex)].Term;

    public Entry this[ulong index] => _entries[(int)(index - FirstIndex)];

    public bool Matches(ulong index, ulong term) => TermAt(index) == term;

    public bool IsUpToDate(ulong index, ulong term) => term > LastTerm || (term == LastTerm && index >= LastIndex);

    /// <summary>
    /// Entries from an index on, at least one if there is any, no more than a size in encoded bytes. The array may be shared: the
    /// disk and all members are mostly given the same entries, one after the other.
    /// </summary>
    public Entry[] Slice(ulong from, ulong through, ulong maxSize)
    {
        if (from > through)
        {
            return [];
        }

        Require(from >= FirstIndex && through <= LastIndex, $"slice [{from},{through}] out of bound [{FirstIndex},{LastIndex}]");
        if (through == LastIndex && from == _sliceFrom && maxSize == _sliceLimit)
        {
            return _slice;
        }

        int start = (int)(from - FirstIndex), count = 0;
        ulong size = 0;
        for (int i = start; i <= (int)(through - FirstIndex); i++)
        {
            size += (ulong)RaftWire.SizeOf(_entries[i]);
            if (count > 0 && size > maxSize)
            {
                break;
            }

            count++;
        }

        var slice = new Entry[count];
        _entries.CopyTo(start, slice, 0, count);
        if (through == LastIndex)
        {
            (_sliceFrom, _sliceLimit, _slice) = (from, maxSize, slice);
        }

        return slice;
    }

    /// <summary>The leader's append of new entries at the end.</summary>
    public void Append(in Entry entry)
    {
        Require(entry.Index == LastIndex + 1, $"append of {entry.Index} after {LastIndex}");
        _entries.Add(entry);
        ForgetSlice();
    }

    /// <summary>
    /// The follower's append behind a matching previous entry: from the first entry that conflicts on, the old log is replaced.
    /// A longer log that agrees is left as it is (spec 08 §8.2).
    /// </summary>
    public void Merge(IReadOnlyList<Entry> entries)
    {
        for (int i = 0; i < entries.Count; i++)
        {
            Entry entry = entries[i];
            if (Matches(entry.Index, entry.Term))
            {
                continue;
            }

            Require(entry.Index > Committed, $"entry {entry.Index} conflict with committed entry [committed({Committed})]");
            Truncate(entry.Index);
            for (; i < entries.Count; i++)
            {
                Append(entries[i]);
            }
        }
    }

    public void CommitTo(ulong index)
    {
        if (index > Committed)
        {
            Require(index <= LastIndex,
                $"tocommit({index}) is out of range [lastIndex({LastIndex})]. Was the raft log corrupted, truncated, or lost?");
            Committed = index;
        }
    }

    /// <summary>Takes a snapshot of the leader in the place of the log.</summary>
    public void Restore(Snapshot snapshot)
    {
        Require(snapshot.Metadata.Index > Committed, $"snapshot {snapshot.Metadata.Index} is behind committed {Committed}");
        _entries.Clear();
        ForgetSlice();
        Forget(snapshot.Metadata.Index);
        CompactedIndex = snapshot.Metadata.Index;
        CompactedTerm = snapshot.Metadata.Term;
        Committed = snapshot.Metadata.Index;
        // What was handed out is of no use now; what is durable begins with the snapshot, once it is.
        Durable = _handedOut = snapshot.Metadata.Index;
        PendingSnapshot = snapshot;
        PendingSnapshotHandedOut = false;
    }

    /// <summary>Hands out what is not durable yet; the host answers with <see cref="Appended"/> in the same order.</summary>
    public (ulong AppendId, Entry[] Entries, Snapshot? Snapshot) TakeUnsent()
    {
        Snapshot? snapshot = PendingSnapshotHandedOut ? null : PendingSnapshot;
        PendingSnapshotHandedOut = PendingSnapshot is not null;
        Entry[] entries = Slice(_handedOut + 1, LastIndex, ulong.MaxValue);
        _handedOut = LastIndex;
        ulong id = ++_lastAppendId;
        _outstanding.Enqueue(new OutstandingAppend(id, LastIndex, snapshot));
        return (id, entries, snapshot);
    }

    /// <summary>An append, the oldest that is outstanding, is durable; true if a snapshot became so with it.</summary>
    public bool Appended(ulong appendId)
    {
        Require(_outstanding.TryDequeue(out OutstandingAppend? append) && append.Id == appendId,
            $"append {appendId} was acknowledged out of order");
        if (append!.LastIndex > Durable)
        {
            Durable = append.LastIndex;
        }

        if (append.Snapshot is null || !ReferenceEquals(append.Snapshot, PendingSnapshot))
        {
            return false;
        }

        PendingSnapshot = null;
        PendingSnapshotHandedOut = false;
        // The snapshot itself is the host's to install; it reports that by AppliedTo, before anything that follows.
        Applying = Math.Max(Applying, append.Snapshot.Metadata.Index);
        return true;
    }

    /// <summary>
    /// Whether there are committed entries that are durable here and were not handed out for applying yet, and less than a size
    /// in encoded bytes is being applied.
    /// </summary>
    public bool HasCommitted(ulong maxApplying) =>
        PendingSnapshot is null && Applying < Math.Min(Committed, Durable)
        && (_applyingBytes < maxApplying || _applyingBytes == 0);

    /// <summary>
    /// Hands out entries to apply, as long as no more than a size in encoded bytes is being applied; at least one.
    /// </summary>
    public Entry[] TakeCommitted(ulong maxApplying)
    {
        if (!HasCommitted(maxApplying))
        {
            return [];
        }

        Entry[] entries = Slice(Applying + 1, Math.Min(Committed, Durable), maxApplying - Math.Min(maxApplying, _applyingBytes));
        Applying = entries[^1].Index;
        foreach (Entry entry in entries)
        {
            _applyingBytes += (ulong)RaftWire.SizeOf(entry);
        }

        return entries;
    }

    /// <summary>The host has applied everything up to an index; returns the bytes of payload of that.</summary>
    public ulong AppliedTo(ulong index)
    {
        Require(index >= Applied && index <= Committed,
            $"applied({index}) is out of range [prevApplied({Applied}), committed({Committed})]");
        ulong payload = 0, size = 0;
        for (ulong each = Math.Max(Applied + 1, FirstIndex); each <= index; each++)
        {
            Entry entry = this[each];
            payload += (ulong)entry.Data.Length;
            size += (ulong)RaftWire.SizeOf(entry);
        }

        Applied = index;
        Applying = Math.Max(Applying, index);
        _applyingBytes = Applied == Applying ? 0 : _applyingBytes - Math.Min(size, _applyingBytes);
        return payload;
    }

    /// <summary>Forgets entries up to an index that was applied; its term stays known.</summary>
    public void Compact(ulong index)
    {
        if (index <= CompactedIndex)
        {
            return;
        }

        Require(index <= Applied, $"compaction to {index} passes applied {Applied}");
        ulong term = TermAt(index)!.Value;
        _entries.RemoveRange(0, (int)(index - CompactedIndex));
        ForgetSlice();
        CompactedIndex = index;
        CompactedTerm = term;
    }

    private void Truncate(ulong from)
    {
        if (from <= LastIndex)
        {
            int start = (int)(from - FirstIndex);
            _entries.RemoveRange(start, _entries.Count - start);
            ForgetSlice();
            Forget(from - 1);
            Durable = Math.Min(Durable, from - 1);
            _handedOut = Math.Min(_handedOut, from - 1);
        }
    }

    private void ForgetSlice() => (_sliceFrom, _slice) = (0, []);

    /// <summary>Appends on their way to the disk tell nothing about entries above an index any more.</summary>
    private void Forget(ulong above)
    {
        foreach (OutstandingAppend append in _outstanding)
        {
            append.LastIndex = Math.Min(append.LastIndex, above);
        }
    }

    private sealed class OutstandingAppend(ulong id, ulong lastIndex, Snapshot? snapshot)
    {
        public ulong Id => id;

        public ulong LastIndex { get; set; } = lastIndex;

        public Snapshot? Snapshot => snapshot;
    }
}
