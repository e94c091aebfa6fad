namespace Quorate.Storage.Bolt;

/// <summary>
/// The pages that nobody needs, as runs, and those that will be so when the readers of older states are gone (spec 05 §4.6, §4.7).
/// Used by the one writer.
/// </summary>
internal sealed class FreePages
{
    private readonly Dictionary<ulong, ulong> _lengthByStart = [];
    private readonly Dictionary<ulong, ulong> _startByEnd = [];
    private readonly SortedDictionary<ulong, SortedSet<ulong>> _startsByLength = [];
    private readonly Queue<(ulong Transaction, List<ulong> Pages)> _pending = [];

    /// <summary>Number of pages that may be used now.</summary>
    public ulong Count { get; private set; }

    /// <summary>Number of pages that are waiting for readers.</summary>
    public int PendingCount { get; private set; }

    public void Add(ulong start, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        Count += length;
        if (_startByEnd.TryGetValue(start, out ulong before))
        {
            Remove(before);
            length += start - before;
            start = before;
        }

        if (_lengthByStart.TryGetValue(start + length, out ulong after))
        {
            Remove(start + length);
            length += after;
        }

        Insert(start, length);
    }

    /// <summary>Takes a run of pages; null if no run is long enough.</summary>
    public ulong? Take(ulong count)
    {
        if (_startsByLength.TryGetValue(count, out SortedSet<ulong>? exact))
        {
            ulong start = exact.Min;
            Remove(start);
            Count -= count;
            return start;
        }

        foreach ((ulong length, SortedSet<ulong> starts) in _startsByLength)
        {
            if (length > count)
            {
                ulong start = starts.Min;
                Remove(start);
                Insert(start + count, length - count);
                Count -= count;
                return start;
            }
        }

        return null;
    }

    /// <summary>Pages that a transaction no longer uses.</summary>
    public void Free(ulong transaction, List<ulong> pages)
    {
        if (pages.Count > 0)
        {
            _pending.Enqueue((transaction, pages));
            PendingCount += pages.Count;
        }
    }

    /// <summary>What transactions up to one freed may be used: every reader sees at least that one's state.</summary>
    public void Release(ulong transaction)
    {
        while (_pending.TryPeek(out (ulong Transaction, List<ulong> Pages) oldest) && oldest.Transaction <= transaction)
        {
            _pending.Dequeue();
            PendingCount -= oldest.Pages.Count;
            oldest.Pages.Sort();
            for (int i = 0; i < oldest.Pages.Count;)
            {
                int end = i + 1;
                while (end < oldest.Pages.Count && oldest.Pages[end] == oldest.Pages[end - 1] + 1)
                {
                    end++;
                }

                Add(oldest.Pages[i], (ulong)(end - i));
                i = end;
            }
        }
    }

    /// <summary>Takes every free run at the end of the file off the high-water mark; returns the new mark.</summary>
    public ulong Trim(ulong highWater)
    {
        while (_startByEnd.TryGetValue(highWater, out ulong start))
        {
            ulong length = highWater - start;
            Remove(start);
            Count -= length;
            highWater = start;
        }

        return highWater;
    }

    private void Insert(ulong start, ulong length)
    {
        _lengthByStart[start] = length;
        _startByEnd[start + length] = start;
        if (!_startsByLength.TryGetValue(length, out SortedSet<ulong>? starts))
        {
            _startsByLength[length] = starts = [];
        }

        starts.Add(start);
    }

    private void Remove(ulong start)
    {
        ulong length = _lengthByStart[start];
        _lengthByStart.Remove(start);
        _startByEnd.Remove(start + length);
        SortedSet<ulong> starts = _startsByLength[length];
        starts.Remove(start);
        if (starts.Count == 0)
        {
            _startsByLength.Remove(length);
        }
    }
}
