using Google.Protobuf.Collections;
using Quorate.Protocol;

namespace Quorate.Server.Replication;

/// <summary>What a request may add to the database, by etcd's estimate (spec 03 §5.2). Bytes.</summary>
public static class Quota
{
    private const long PutOverhead = 256, LeaseCost = 64, Default = 2L * 1024 * 1024 * 1024;

    /// <summary>The quota that an option stands for; <see cref="long.MaxValue"/> for none.</summary>
    public static long Of(long option) => option == 0 ? Default : option < 0 ? long.MaxValue : option;

    public static long CostOf(InternalRaftRequest request) =>
        request.Put is { } put ? CostOf(put)
        : request.Txn is { } txn ? CostOf(txn)
        : request.LeaseGrant is not null ? LeaseCost
        : 0;

    public static long CostOf(PutRequest put) => PutOverhead + put.Key.Length + put.Value.Length;

    public static long CostOf(TxnRequest txn) => Math.Max(CostOf(txn.Success), CostOf(txn.Failure));

    private static long CostOf(RepeatedField<RequestOp> operations)
    {
        long cost = 0;
        foreach (RequestOp operation in operations)
        {
            cost += operation.RequestCase switch
            {
                RequestOp.RequestOneofCase.RequestPut => CostOf(operation.RequestPut),
                RequestOp.RequestOneofCase.RequestTxn => CostOf(operation.RequestTxn),
                _ => 0,
            };
        }

        return cost;
    }
}
