using System.Runtime.CompilerServices;

namespace Quorate.Client;

/// <summary>Watches.</summary>
public sealed partial class EtcdClient
{
    /// <summary>
    /// The changes of a key or a range, until the cancellation. A lost connection or a member without a leader is made up for at another
    /// member: nothing is told twice or left out. Each watch has a stream of its own.
    /// </summary>
    /// <exception cref="Protocol.EtcdException">While reading: "required revision has been compacted" when the history that is to be told is
    /// gone; or that the user may not read the range.</exception>
    public async IAsyncEnumerable<WatchBatch> WatchAsync(KeyRange range, WatchOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var reader = new WatchReader(this, range, options ?? new WatchOptions(), cancellation);
        while (true)
        {
            yield return await reader.ReadAsync().ConfigureAwait(false);
        }
    }
}
