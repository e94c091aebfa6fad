using Quorate.Storage.Bolt;
using Quorate.Storage.Schema;

namespace Quorate.Mvcc.Backing;

/// <summary>
/// What can be read at a moment: the committed state of the file, the batch that is being committed, and the one that collects changes.
/// Shared by all readers between two commits, and counted, so that the file's old pages are kept as long as somebody reads them.
/// </summary>
internal sealed class BackendView(BoltReadTransaction committed, Batch? committing, Batch current)
{
    private readonly BoltBucket? _rows = committed.Bucket(Buckets.Key);
    private int _users = 1;

    public BoltReadTransaction Committed => committed;

    public Batch? Committing => committing;

    public Batch Current => current;

    public bool TryAcquire()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int before = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (before == users)
            {
                return true;
            }

            users = before;
        }

        return false;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            committed.Dispose();
        }
    }

    /// <summary>Finds the row of a revision; false if compaction has removed it.</summary>
    public bool TryGetRow(long main, long sub, out Row row)
    {
        byte[]? pending = null;
        if (current.TryGetRow(main, sub, out pending) || (committing is not null && committing.TryGetRow(main, sub, out pending)))
        {
            row = new Row(pending!);
            return true;
        }

        Span<byte> key = stackalloc byte[RevisionKey.Length];
        RevisionKey.Write(key, main, sub);
        if (_rows is not null && _rows.TryGet(key, out ReadOnlySpan<byte> value))
        {
            row = new Row(value);
            return true;
        }

        row = default;
        return false;
    }

    /// <summary>All rows from a main revision on, in order. A return of false ends it.</summary>
    public void VisitRows(long from, RowVisitor visit)
    {
        if (_rows is not null)
        {
            Span<byte> first = stackalloc byte[RevisionKey.Length];
            RevisionKey.Write(first, from, 0);
            BoltCursor cursor = _rows.Cursor();
            for (bool more = cursor.Seek(first); more; more = cursor.Next())
            {
                (long main, long sub, bool isTombstone) = RevisionKey.Decode(cursor.Key);
                if (!visit(main, sub, isTombstone, cursor.Value))
                {
                    return;
                }
            }
        }

        if (committing is null || Visit(committing, from, visit))
        {
            Visit(current, from, visit);
        }
    }

    private static bool Visit(Batch batch, long from, RowVisitor visit)
    {
        foreach (Batch.PendingRow row in batch.RowsFrom(from, 0))
        {
            if (!visit(row.Main, row.Sub, row.IsTombstone, row.Value))
            {
                return false;
            }
        }

        return true;
    }
}
