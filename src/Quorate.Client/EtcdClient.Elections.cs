using System.Runtime.CompilerServices;

namespace Quorate.Client;

/// <summary>Looking on at elections; candidates need a session.</summary>
public sealed partial class EtcdClient
{
    /// <summary>The pair of the leader under a name, whose value is what it proclaims; null if there is none.</summary>
    public async Task<KeyValuePair?> GetLeaderAsync(string name, CancellationToken cancellation = default) =>
        (await FirstAsync(name, cancellation).ConfigureAwait(false)).Pairs is [var leader, ..] ? leader : null;

    /// <summary>The leader under a name, and each new one or new proclamation, until the cancellation. Short-lived ones may be
    /// missed.</summary>
    public async IAsyncEnumerable<KeyValuePair> ObserveLeaderAsync(string name,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        while (true)
        {
            RangeResult first = await FirstAsync(name, cancellation).ConfigureAwait(false);
            long revision = first.Revision;
            KeyValuePair? leader = first.Pairs.Count > 0 ? first.Pairs[0] : null;
            if (leader is null)
            {
                leader = await NextAsync(name, revision, cancellation).ConfigureAwait(false);
                revision = leader.ModRevision;
            }

            yield return leader;
            var options = new WatchOptions { StartRevision = revision + 1 };
            await foreach (WatchBatch batch in WatchAsync((EtcdBytes)leader.Key, options, cancellation).ConfigureAwait(false))
            {
                bool isOver = false;
                foreach (WatchEvent change in batch.Events)
                {
                    if (change.IsDelete)
                    {
                        isOver = true;
                        break;
                    }

                    yield return change.Pair;
                }

                if (isOver)
                {
                    break;
                }
            }
        }
    }

    private Task<RangeResult> FirstAsync(string name, CancellationToken cancellation) =>
        RangeAsync(KeyRange.Prefix(name + "/"), new RangeOptions { SortBy = SortField.CreateRevision, Limit = 1 }, cancellation);

    private async Task<KeyValuePair> NextAsync(string name, long revision, CancellationToken cancellation)
    {
        var options = new WatchOptions { StartRevision = revision + 1, PutsOnly = true };
        await foreach (WatchBatch batch in WatchAsync(KeyRange.Prefix(name + "/"), options, cancellation).ConfigureAwait(false))
        {
            if (batch.Events.Count > 0)
            {
                return batch.Events[0].Pair;
            }
        }

        throw new OperationCanceledException(cancellation);
    }
}
