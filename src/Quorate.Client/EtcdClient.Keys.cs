using System.Runtime.CompilerServices;
using Google.Protobuf.Collections;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Client;

/// <summary>Keys and transactions.</summary>
public sealed partial class EtcdClient
{
    /// <summary>Puts a value; returns the revision. When the connection is lost it may have happened, and is not
    /// repeated.</summary>
    /// <param name="lease">A lease to attach the key to; 0 for none.</param>
    public async Task<long> PutAsync(EtcdBytes key, EtcdBytes value, long lease = 0, CancellationToken cancellation = default)
    {
        var request = new PutRequest { Key = key.Wire, Value = value.Wire, Lease = lease };
        PutResponse response = await CallAsync((calls, options) =>
            new KV.KVClient(calls).PutAsync(request, options), false, cancellation)
            .ConfigureAwait(false);
        return response.Header.Revision;
    }

    /// <summary>The value of a key; null if it is not there.</summary>
    public async Task<KeyValuePair?> GetAsync(EtcdBytes key, CancellationToken cancellation = default)
    {
        RangeResult found = await RangeAsync(key, null, cancellation).ConfigureAwait(false);
        return found.Pairs.Count > 0 ? found.Pairs[0] : null;
    }

    /// <summary>All keys with a prefix, in order; an empty prefix is the whole store.</summary>
    public async Task<IReadOnlyList<KeyValuePair>> GetPrefixAsync(EtcdBytes prefix, CancellationToken cancellation = default) =>
        (await RangeAsync(KeyRange.Prefix(prefix), null, cancellation).ConfigureAwait(false)).Pairs;

    /// <summary>Reads a range.</summary>
    public async Task<RangeResult> RangeAsync(KeyRange range, RangeOptions? options = null,
        CancellationToken cancellation = default)
    {
        RangeRequest request = ToRequest(range, options ?? new RangeOptions());
        RangeResponse response = await CallAsync((calls, callOptions) =>
            new KV.KVClient(calls).RangeAsync(request, callOptions), true, cancellation)
            .ConfigureAwait(false);
        return new RangeResult(response.Header.Revision, Pairs(response.Kvs), response.Count, response.More);
    }

    /// <summary>How many keys a range holds.</summary>
    public async Task<long> CountAsync(KeyRange range, CancellationToken cancellation = default)
    {
        var request = new RangeRequest { Key = range.Key, RangeEnd = range.End, CountOnly = true };
        RangeResponse response = await CallAsync((calls, options) =>
            new KV.KVClient(calls).RangeAsync(request, options), true, cancellation)
            .ConfigureAwait(false);
        return response.Count;
    }

    /// <summary>
    /// Reads a range of any size in order of its keys, page by page, all as of one revision. Fails with "required revision has
    /// been compacted" when the history is cut meanwhile.
    /// </summary>
    /// <param name="pageSize">Pairs in one call.</param>
    /// <param name="revision">Read as it was at this revision; 0 for now.</param>
    public async IAsyncEnumerable<KeyValuePair> ReadAllAsync(KeyRange range, int pageSize = 1000, long revision = 0,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        for (KeyRange rest = range; ;)
        {
            RangeResult page = await RangeAsync(rest, new RangeOptions { Limit = pageSize, Revision = revision }, cancellation)
                .ConfigureAwait(false);
            foreach (KeyValuePair pair in page.Pairs)
            {
                yield return pair;
            }

            if (!page.HasMore)
            {
                yield break;
            }

            revision = revision == 0 ? page.Revision : revision;
            byte[] next = [.. page.Pairs[^1].Key.Span, 0];
            rest = KeyRange.Between(next, EtcdBytes.Of(range.End));
        }
    }

    /// <summary>Deletes a key or a range; returns how many keys there were.</summary>
    public async Task<long> DeleteAsync(KeyRange range, CancellationToken cancellation = default)
    {
        var request = new DeleteRangeRequest { Key = range.Key, RangeEnd = range.End };
        DeleteRangeResponse response = await CallAsync(
            (calls, options) => new KV.KVClient(calls).DeleteRangeAsync(request, options), false, cancellation)
                .ConfigureAwait(false);
        return response.Deleted;
    }

    /// <summary>Makes a transaction.</summary>
    public Task<TransactionResult> CommitAsync(EtcdTransaction transaction, CancellationToken cancellation = default) =>
        CommitAsync(transaction, transaction.IsRead, cancellation);

    /// <summary>Forgets the history before a revision.</summary>
    /// <param name="isPhysical">Wait until it is gone from the disk of the member.</param>
    public Task CompactAsync(long revision, bool isPhysical = false, CancellationToken cancellation = default)
    {
        var request = new CompactionRequest { Revision = revision, Physical = isPhysical };
        return CallAsync((calls, options) => new KV.KVClient(calls).CompactAsync(request, options), false, cancellation);
    }

    internal static RangeRequest ToRequest(KeyRange range, RangeOptions options)
    {
        bool isSorted = options.Descending || options.SortBy != SortField.Key;
        return new RangeRequest
        {
            Key = range.Key,
            RangeEnd = range.End,
            Limit = options.Limit,
            Revision = options.Revision,
            Serializable = options.IsSerializable,
            KeysOnly = options.KeysOnly,
            SortTarget = (RangeRequest.Types.SortTarget)options.SortBy,
            SortOrder = options.Descending ? RangeRequest.Types.SortOrder.Descend
                : isSorted ? RangeRequest.Types.SortOrder.Ascend : RangeRequest.Types.SortOrder.None,
        };
    }

    /// <param name="mayRepeat">Made twice it is as made once.</param>
    internal async Task<TransactionResult> CommitAsync(EtcdTransaction transaction, bool mayRepeat,
        CancellationToken cancellation)
    {
        TxnRequest request = transaction.ToRequest();
        TxnResponse response = await CallAsync((calls, options) => new KV.KVClient(calls).TxnAsync(request, options), mayRepeat,
            cancellation)
            .ConfigureAwait(false);
        return ToResult(response);
    }

    internal static KeyValuePair Pair(KeyValue pair) =>
        new(pair.Key.Memory, pair.Value.Memory, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease);

    private static IReadOnlyList<KeyValuePair> Pairs(RepeatedField<KeyValue> pairs) => [.. pairs.Select(Pair)];

    private static TransactionResult ToResult(TxnResponse response) =>
        new(response.Succeeded, response.Header.Revision, [.. response.Responses.Select(ToResult)]);

    private static OperationResult ToResult(ResponseOp response) => response.ResponseCase switch
    {
        ResponseOp.ResponseOneofCase.ResponseRange => new(Pairs(response.ResponseRange.Kvs), response.ResponseRange.Count),
        ResponseOp.ResponseOneofCase.ResponsePut => new(response.ResponsePut.PrevKv is { } pair ? [Pair(pair)] : [], 1),
        ResponseOp.ResponseOneofCase.ResponseDeleteRange =>
            new(Pairs(response.ResponseDeleteRange.PrevKvs), response.ResponseDeleteRange.Deleted),
        ResponseOp.ResponseOneofCase.ResponseTxn => new([], 0, ToResult(response.ResponseTxn)),
        _ => new([], 0),
    };
}
