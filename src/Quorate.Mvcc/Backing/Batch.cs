using Quorate.Storage.Schema;

namespace Quorate.Mvcc.Backing;

/// <summary>
/// Changes that belong into one commit. The writer adds to it; readers find rows in it without a lock: a row is complete before the count
/// that includes it is published.
/// </summary>
internal sealed class Batch
{
    private PendingRow[] _rows = new PendingRow[64];
    private int _rowCount;

    /// <summary>Changes of all buckets, in order; rows of the bucket "key" are among them only as deletions.</summary>
    public List<(byte[] Bucket, byte[] Key, byte[]? Value)> Changes { get; } = [];

    public int RowCount => Volatile.Read(ref _rowCount);

    public int Operations => _rowCount + Changes.Count;

    /// <summary>Nothing may be added any more.</summary>
    public bool IsFrozen { get; set; }

    public ReadOnlySpan<PendingRow> Rows => _rows.AsSpan(0, _rowCount);

    public void AddRow(long main, long sub, bool isTombstone, byte[] value)
    {
        int count = _rowCount;
        if (count == _rows.Length)
        {
            var larger = new PendingRow[count * 2];
            _rows.CopyTo(larger, 0);
            Volatile.Write(ref _rows, larger);
        }

        _rows[count] = new PendingRow(main, sub, isTombstone, value);
        Volatile.Write(ref _rowCount, count + 1);
    }

    public bool TryGetRow(long main, long sub, out byte[]? value)
    {
        int index = FirstNotBelow(main, sub, out PendingRow[] rows, out int count);
        if (index < count && rows[index].Main == main && rows[index].Sub == sub)
        {
            value = rows[index].Value;
            return true;
        }

        value = null;
        return false;
    }

    /// <summary>Rows from a revision on.</summary>
    public ReadOnlySpan<PendingRow> RowsFrom(long main, long sub)
    {
        int index = FirstNotBelow(main, sub, out PendingRow[] rows, out int count);
        return rows.AsSpan(index, count - index);
    }

    private int FirstNotBelow(long main, long sub, out PendingRow[] rows, out int count)
    {
        count = Volatile.Read(ref _rowCount);
        rows = Volatile.Read(ref _rows);
        int low = 0, high = count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            ref PendingRow row = ref rows[middle];
            if (row.Main < main || (row.Main == main && row.Sub < sub))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    public readonly record struct PendingRow(long Main, long Sub, bool IsTombstone, byte[] Value)
    {
        public byte[] Key => RevisionKey.Encode(Main, Sub, IsTombstone);
    }
}
