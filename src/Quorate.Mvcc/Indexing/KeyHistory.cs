namespace Quorate.Mvcc.Indexing;

/// <summary>
/// A key and its revisions, oldest first. The writer only ever adds to the end; what readers of any revision find before it does not
/// change. Compaction makes a new one.
/// </summary>
internal sealed class KeyHistory
{
    private Revision[] _revisions;
    private int _count;

    public KeyHistory(byte[] key, int capacity = 1)
    {
        Key = key;
        _revisions = new Revision[capacity];
    }

    public byte[] Key { get; }

    /// <summary>Create revision of the newest generation; for the writer.</summary>
    public long Created { get; private set; }

    /// <summary>Version in the newest generation, 0 after a tombstone; for the writer.</summary>
    public long Version { get; private set; }

    public int Count => Volatile.Read(ref _count);

    public Revision Newest => _revisions[_count - 1];

    public bool IsLive => _count > 0 && !Newest.IsTombstone;

    public void Add(Revision revision, long created, long version)
    {
        int count = _count;
        if (count == _revisions.Length)
        {
            var larger = new Revision[count < 4 ? count + 1 : count * 2];
            _revisions.CopyTo(larger, 0);
            Volatile.Write(ref _revisions, larger);
        }

        _revisions[count] = revision;
        Created = created;
        Version = version;
        Volatile.Write(ref _count, count + 1);
    }

    /// <summary>The newest revision that is not above a main revision; false if there is none, or it is a tombstone.</summary>
    public bool TryGet(long at, out Revision revision)
    {
        int index = LastNotAbove(at, out Revision[] revisions);
        revision = index < 0 ? default : revisions[index];
        return index >= 0 && !revision.IsTombstone;
    }

    /// <summary>Whether a main revision is one of the key's, a tombstone included.</summary>
    public bool Contains(long main)
    {
        int index = LastNotAbove(main, out Revision[] revisions);
        return index >= 0 && revisions[index].Main == main;
    }

    /// <summary>
    /// The history after a compaction: what is above the revision, and the newest below or at it unless that is a tombstone from before the
    /// revision itself (spec 02 §1). Null if nothing is left; this if nothing goes. Removed revisions are told.
    /// </summary>
    public KeyHistory? Compact(long at, List<Revision> removed)
    {
        int last = LastNotAbove(at, out Revision[] revisions);
        if (last < 0)
        {
            return this;
        }

        bool keepsLast = !revisions[last].IsTombstone || revisions[last].Main == at;
        int first = keepsLast ? last : last + 1;
        if (first == 0)
        {
            return this;
        }

        removed.AddRange(revisions.AsSpan(0, first));
        int count = _count - first;
        if (count == 0)
        {
            return null;
        }

        var compacted = new KeyHistory(Key, count) { _count = count, Created = Created, Version = Version };
        revisions.AsSpan(first, count).CopyTo(compacted._revisions);
        return compacted;
    }

    private int LastNotAbove(long at, out Revision[] revisions)
    {
        int count = Volatile.Read(ref _count);
        revisions = Volatile.Read(ref _revisions);
        int low = 0, high = count - 1;

        // Nearly all reads are of the newest.
        if (high >= 0 && revisions[high].Main <= at)
        {
            return high;
        }

        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (revisions[middle].Main <= at)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return high;
    }
}
