namespace Quorate.Storage.Bolt;

/// <summary>Checks that every page of a state is well made and is used once, and that keys ascend (spec 05 §4.11).</summary>
public static class BoltCheck
{
    private const int MaxFaults = 100;

    /// <summary>One line for each fault; none for a sound database.</summary>
    public static IReadOnlyList<string> Run(BoltReadTransaction transaction)
    {
        var faults = new List<string>();
        try
        {
            var seen = new HashSet<ulong>();
            transaction.VisitPages((id, pages) =>
            {
                for (ulong page = id; page < id + pages; page++)
                {
                    if (!seen.Add(page))
                    {
                        Add(faults, $"page {page}: multiple references");
                    }
                }
            });

            foreach (byte[] name in transaction.BucketNames())
            {
                if (transaction.Bucket(name) is { } bucket)
                {
                    CheckOrder(transaction, bucket, faults);
                }
            }
        }
        catch (BoltException error)
        {
            Add(faults, error.Message);
        }

        return faults;
    }

    private static void CheckOrder(BoltReadTransaction transaction, BoltBucket bucket, List<string> faults)
    {
        if (bucket.RootId != 0)
        {
            CheckPage(transaction, transaction.PageAt(bucket.RootId), isRoot: true, faults);
        }

        BoltCursor cursor = bucket.Cursor();
        byte[]? previous = null;
        for (bool more = cursor.First(); more && faults.Count < MaxFaults; more = cursor.Next())
        {
            if (previous is not null && cursor.Key.SequenceCompareTo(previous) <= 0)
            {
                Add(faults, $"key (hex){Convert.ToHexStringLower(cursor.Key)} needs to be > than previous element (hex){Convert.ToHexStringLower(previous)}");
            }

            if (cursor.Value.Length < 0 || !bucket.TryGet(cursor.Key, out _))
            {
                Add(faults, $"key (hex){Convert.ToHexStringLower(cursor.Key)} is not found from its ancestors");
            }

            previous = cursor.Key.ToArray();
        }
    }

    private static void CheckPage(BoltReadTransaction transaction, Page page, bool isRoot, List<string> faults)
    {
        if (page.IsLeaf)
        {
            if (page.Count == 0 && !isRoot)
            {
                Add(faults, $"page {page.Id}: an empty leaf");
            }

            return;
        }

        if (page.Count < 2)
        {
            Add(faults, $"page {page.Id}: a branch with {page.Count} elements");
        }

        for (int index = 0; index < page.Count; index++)
        {
            CheckPage(transaction, transaction.PageAt(page.Child(index)), isRoot: false, faults);
        }
    }

    private static void Add(List<string> faults, string fault)
    {
        if (faults.Count < MaxFaults)
        {
            faults.Add(fault);
        }
    }
}
