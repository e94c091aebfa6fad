using System.Runtime.CompilerServices;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Client;

/// <summary>Watches.</summary>
public sealed partial class EtcdClient
{
    /// <summary>
    /// The changes of a key or a range, until the cancellation. A lost connection or a member without a leader is made up for at
    /// another member: nothing is told twice or left out. Each watch has a stream of its own.
    /// </summary>
    /// <exception cref="EtcdException">While reading: "required revision has been compacted" when the history that is to be told
    /// is gone; or that the user may not read the range.</exception>
    public async IAsyncEnumerable<WatchBatch> WatchAsync(KeyRange range, WatchOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        options ??= new WatchOptions();
        await foreach (WatchResponse response in WatchAsync(ToRequest(range, options), cancellation).ConfigureAwait(false))
        {
            if (response.Canceled)
            {
                throw response.CompactRevision != 0
                    ? EtcdErrors.Compacted
                    : new EtcdException(StatusCode.Cancelled, response.CancelReason is { Length: > 0 } reason ? reason
                        : EtcdErrors.WatchCanceled.Message);
            }

            if (response.Events.Count > 0)
            {
                yield return new WatchBatch(response.Events[^1].Kv.ModRevision, [.. response.Events.Select(ToEvent)]);
            }
            else if (options.WithProgress)
            {
                yield return new WatchBatch(response.Header.Revision, []);
            }
        }
    }

    /// <summary>The same with the messages of the wire; the one that ends the watch is the last.</summary>
    public async IAsyncEnumerable<WatchResponse> WatchAsync(WatchCreateRequest request,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var reader = new WatchReader(this, request, cancellation);
        WatchResponse response;
        do
        {
            response = await reader.ReadAsync().ConfigureAwait(false);
            yield return response;
        }
        while (!response.Canceled);
    }

    private static WatchCreateRequest ToRequest(KeyRange range, WatchOptions options)
    {
        var request = new WatchCreateRequest
        {
            Key = range.Key,
            RangeEnd = range.End,
            StartRevision = options.StartRevision,
            PrevKv = options.WithPrevious,
            ProgressNotify = options.WithProgress,
        };
        if (options.DeletesOnly)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        }

        if (options.PutsOnly)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
        }

        return request;
    }

    private static WatchEvent ToEvent(Event change) =>
        new(change.Type == Event.Types.EventType.Delete, Pair(change.Kv), change.PrevKv is { } previous ? Pair(previous) : null);
}
