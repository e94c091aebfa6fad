using System.Collections.Concurrent;
using Quorate.Protocol;
using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>The times of whole requests, consensus included, by their kind (spec 06 §15.2; 3.7).</summary>
public sealed class RequestTimes(MemberMetrics metrics)
{
    private readonly ConcurrentDictionary<(string Type, bool IsSuccess), Histogram> _others = new();
    private readonly Histogram _puts = metrics.RequestTimes("Put", true), _txns = metrics.RequestTimes("Txn", true);

    public Histogram Ranges { get; } = metrics.RequestTimes("Range", true);

    public Histogram FailedRanges { get; } = metrics.RequestTimes("Range", false);

    public Histogram ReadTxns { get; } = metrics.RequestTimes("ReadonlyTxn", true);

    public Histogram Of(InternalRaftRequest request, bool isSuccess)
    {
        if (isSuccess && request.Put is not null)
        {
            return _puts;
        }

        if (isSuccess && request.Txn is not null)
        {
            return _txns;
        }

        string name = RequestName.Of(request);
        return _others.GetOrAdd((name == "unknown" ? "Unknown" : name, isSuccess), key =>
            metrics.RequestTimes(key.Type, key.IsSuccess));
    }
}
