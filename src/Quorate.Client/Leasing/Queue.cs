using System.Globalization;
using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>
/// The order in which sessions wait for a lock or a leadership: each has a key under the name, and the oldest is first. The keys
/// are those of clients in all languages (spec 03 §7.1), so that they wait for each other.
/// </summary>
internal static class Queue
{
    /// <summary>Takes a place; a session that has one already keeps it.</summary>
    /// <returns>The key, the revision that made it, and the pair that it has, if the place was there already.</returns>
    public static async Task<(string Key, long Revision, KeyValuePair? Present)> EnterAsync(EtcdSession session, string name,
        EtcdBytes value,
        CancellationToken cancellation)
    {
        string key = KeyOf(session, name);
        EtcdTransaction enter = new EtcdTransaction()
            .If(Condition.IsMissing(key))
            .Then(Operation.Put(key, value, session.LeaseId))
            .Else(Operation.Get((EtcdBytes)key));

        // Made twice, the second finds what the first has made.
        TransactionResult result = await session.Client.CommitAsync(enter, mayRepeat: true, cancellation).ConfigureAwait(false);
        return result.Succeeded
            ? (key, result.Revision, null)
            : (key, result.Results[0].Pairs[0].CreateRevision, result.Results[0].Pairs[0]);
    }

    /// <summary>The one before a place; null when it is the first.</summary>
    public static async Task<(KeyValuePair Pair, long Revision)?> BeforeAsync(EtcdClient client, string name, long revision,
        CancellationToken cancellation)
    {
        KeyRange all = KeyRange.Prefix(name + "/");
        var request = EtcdClient.ToRequest(all, new RangeOptions
        {
            SortBy = SortField.CreateRevision,
            Descending = true,
            Limit = 1
        });
        request.MaxCreateRevision = revision - 1;
        RangeResponse response = await client
            .CallAsync((calls, options) => new KV.KVClient(calls).RangeAsync(request, options), isRead: true, cancellation)
                .ConfigureAwait(false);
        return response.Kvs.Count == 0 ? null : (EtcdClient.Pair(response.Kvs[0]), response.Header.Revision);
    }

    /// <summary>Waits until nobody is before a place; leaves it when that fails.</summary>
    /// <exception cref="EtcdException">The session was lost.</exception>
    public static async Task WaitAsync(EtcdSession session, string name, string key, long revision,
        CancellationToken cancellation)
    {
        try
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, session.Lost);
            while (await BeforeAsync(session.Client, name, revision, both.Token).ConfigureAwait(false) is { } before)
            {
                await DeletionAsync(session.Client, before.Pair.Key, before.Revision, both.Token).ConfigureAwait(false);
            }

            if (await session.Client.GetAsync(key, both.Token).ConfigureAwait(false) is not { } own
                || own.CreateRevision != revision)
            {
                throw new EtcdException(Grpc.Core.StatusCode.Unknown, "mutex: session is expired");
            }
        }
        catch (Exception error) when (error is OperationCanceledException or EtcdException)
        {
            await LeaveAsync(session.Client, key, revision).ConfigureAwait(false);
            if (session.Lost.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                throw new EtcdException(Grpc.Core.StatusCode.Unknown, "mutex: session is expired");
            }

            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>Gives up a place, if it is still the one of this revision.</summary>
    public static async Task LeaveAsync(EtcdClient client, string key, long revision)
    {
        EtcdTransaction leave = new EtcdTransaction()
            .If(Condition.CreateRevision((EtcdBytes)key, Comparison.Equal, revision))
            .Then(Operation.Delete((EtcdBytes)key));
        try
        {
            await client.CommitAsync(leave, mayRepeat: true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (EtcdException)
        {
            // The place ends with the lease.
        }
    }

    private static async Task DeletionAsync(EtcdClient client, ReadOnlyMemory<byte> key, long revision,
        CancellationToken cancellation)
    {
        var options = new WatchOptions { StartRevision = revision + 1, DeletesOnly = true };
        await foreach (WatchBatch batch in client.WatchAsync((EtcdBytes)key, options, cancellation).ConfigureAwait(false))
        {
            if (batch.Events.Count > 0)
            {
                return;
            }
        }
    }

    private static string KeyOf(EtcdSession session, string name)
    {
        long id = session.LeaseId;
        string hex = id < 0 ? "-" + ((ulong)-id).ToString("x", CultureInfo.InvariantCulture)
            : id.ToString("x", CultureInfo.InvariantCulture);
        return $"{name}/{hex}";
    }
}
