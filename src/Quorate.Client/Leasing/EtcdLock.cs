namespace Quorate.Client;

/// <summary>
/// A lock that is held until it is disposed, or its session is lost. A holder that may have been asleep guards its writes with
/// <see cref="IsHeld"/> in their transaction.
/// </summary>
public sealed class EtcdLock : IAsyncDisposable
{
    private readonly EtcdSession _session;

    private EtcdLock(EtcdSession session, string key, long revision)
    {
        _session = session;
        Key = key;
        Revision = revision;
    }

    public string Key { get; }

    /// <summary>The revision that made the key: it grows from holder to holder, and so may serve as a fencing token.</summary>
    public long Revision { get; }

    /// <summary>A condition that holds as long as the lock does.</summary>
    public Condition IsHeld => Condition.CreateRevision((EtcdBytes)Key, Comparison.Equal, Revision);

    public async ValueTask DisposeAsync() => await Queue.LeaveAsync(_session.Client, Key, Revision).ConfigureAwait(false);

    internal static async Task<EtcdLock> AcquireAsync(EtcdSession session, string name, CancellationToken cancellation)
    {
        (string key, long revision, _) = await Queue.EnterAsync(session, name, "", cancellation).ConfigureAwait(false);
        await Queue.WaitAsync(session, name, key, revision, cancellation).ConfigureAwait(false);
        return new EtcdLock(session, key, revision);
    }

    internal static async Task<EtcdLock?> TryAcquireAsync(EtcdSession session, string name, CancellationToken cancellation)
    {
        (string key, long revision, _) = await Queue.EnterAsync(session, name, "", cancellation).ConfigureAwait(false);
        if (await Queue.BeforeAsync(session.Client, name, revision, cancellation).ConfigureAwait(false) is null)
        {
            return new EtcdLock(session, key, revision);
        }

        await Queue.LeaveAsync(session.Client, key, revision).ConfigureAwait(false);
        return null;
    }
}
