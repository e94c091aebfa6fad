namespace Quorate.Simulation.Histories;

/// <summary>
/// Linearizability of what clients saw (Herlihy and Wing 1990). Every answer carries a revision of the store, and each change has
/// a revision of its own: that order is the witness. It is a linearization if the changes of the store, taken in this order,
/// explain every answer, and if no operation that began after another one was answered comes before it.
/// </summary>
public static class HistoryChecker
{
    /// <param name="operations">In the order of their begin.</param>
    /// <param name="changes">What the store went through, in the order of revisions; the value is null for a deletion.</param>
    /// <returns>What is wrong; empty if nothing is.</returns>
    public static IReadOnlyList<string> Check(IReadOnlyList<Operation> operations, IReadOnlyList<StoredChange> changes)
    {
        var faults = new List<string>();
        var byKey = changes.GroupBy(change => change.Key).ToDictionary(group => group.Key, group => group.ToList());
        var written = changes.Where(change => change.Value is not null).ToDictionary(change => change.Value!, change => change);
        foreach (Operation operation in operations)
        {
            string? fault = operation.Answered is null ? null : Explain(operation, byKey, written);
            if (fault is not null)
            {
                faults.Add($"{fault}: {operation}");
            }
        }

        CheckOrder(operations, faults);
        return faults;
    }

    private static string? Explain(
        Operation operation, Dictionary<string, List<StoredChange>> byKey, Dictionary<string, StoredChange> written)
    {
        StoredChange? before = LastChange(byKey, operation.Key, operation.HasChanged || operation.Kind == OperationKind.Put
            ? operation.Revision - 1
            : operation.Revision);
        switch (operation.Kind)
        {
            case OperationKind.Put:
            case OperationKind.PutIfUnchanged when operation.HasChanged:
                if (!written.TryGetValue(operation.Value!, out StoredChange? change))
                {
                    return "an acknowledged write is lost";
                }

                if (change.Revision != operation.Revision || change.Key != operation.Key)
                {
                    return $"an acknowledged write is at revision {change.Revision} instead";
                }

                return operation.Kind == OperationKind.PutIfUnchanged && (before?.LiveRevision ?? 0) != operation.ExpectedRevision
                    ? $"a condition held that did not, at {before}"
                    : null;
            case OperationKind.PutIfUnchanged:
                return (before?.LiveRevision ?? 0) == operation.ExpectedRevision ? $"a condition did not hold that did, at {before}" : null;
            case OperationKind.Delete:
                bool existed = before?.Value is not null;
                return existed != operation.HasChanged ? $"a deletion found {operation.HasChanged}, after {before}"
                    : existed && LastChange(byKey, operation.Key, operation.Revision) is not { Value: null } ? "an acknowledged deletion is lost"
                    : null;
            default:
                return before?.Value != operation.Value || (before?.LiveRevision ?? 0) != operation.ModRevision ? $"a read should have found {before}" : null;
        }
    }

    /// <summary>An operation that began after another one's answer has no lower revision, and a change a higher one.</summary>
    private static void CheckOrder(IReadOnlyList<Operation> operations, List<string> faults)
    {
        Operation[] answered = [.. operations.Where(each => each.Answered is not null && each.Kind != OperationKind.SerializableRead)];
        Operation[] byBegin = [.. answered.OrderBy(each => each.Begun)];
        Operation[] byAnswer = [.. answered.OrderBy(each => each.Answered)];
        int next = 0;
        Operation? newest = null;
        foreach (Operation operation in byBegin)
        {
            for (; next < byAnswer.Length && byAnswer[next].Answered < operation.Begun; next++)
            {
                newest = newest is null || byAnswer[next].Revision > newest.Revision ? byAnswer[next] : newest;
            }

            bool mustBeNew = operation.Kind == OperationKind.Put || operation.HasChanged;
            if (newest is not null && (operation.Revision < newest.Revision || (mustBeNew && operation.Revision == newest.Revision)))
            {
                faults.Add($"it comes before what was answered before it began, {newest}: {operation}");
            }
        }
    }

    private static StoredChange? LastChange(Dictionary<string, List<StoredChange>> byKey, string key, long revision)
    {
        if (!byKey.TryGetValue(key, out List<StoredChange>? changes))
        {
            return null;
        }

        int low = 0, high = changes.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = changes[middle].Revision <= revision ? (middle + 1, high) : (low, middle);
        }

        return low == 0 ? null : changes[low - 1];
    }
}
