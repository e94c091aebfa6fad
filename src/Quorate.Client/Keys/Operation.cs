using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>A step of a transaction.</summary>
public sealed class Operation
{
    private Operation(RequestOp wire) => Wire = wire;

    internal RequestOp Wire { get; }

    internal bool IsRead => Wire.RequestCase == RequestOp.RequestOneofCase.RequestRange
        || (Wire.RequestTxn is { } inner && inner.Success.Concat(inner.Failure).All(step => new Operation(step).IsRead));

    /// <param name="lease">A lease to attach the key to; 0 for none.</param>
    public static Operation Put(EtcdBytes key, EtcdBytes value, long lease = 0, bool withPrevious = false) => new(new RequestOp
    {
        RequestPut = new PutRequest { Key = key.Wire, Value = value.Wire, Lease = lease, PrevKv = withPrevious },
    });

    public static Operation Get(KeyRange range, RangeOptions? options = null) =>
        new(new RequestOp { RequestRange = EtcdClient.ToRequest(range, options ?? new RangeOptions()) });

    public static Operation Delete(KeyRange range, bool withPrevious = false) => new(new RequestOp
    {
        RequestDeleteRange = new DeleteRangeRequest { Key = range.Key, RangeEnd = range.End, PrevKv = withPrevious },
    });

    /// <summary>A transaction inside of the transaction.</summary>
    public static Operation Nested(EtcdTransaction transaction) => new(new RequestOp { RequestTxn = transaction.ToRequest() });
}
