using System.Diagnostics;
using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>
/// A lease that is kept alive, for locks and candidatures. It may be lost all the same, when no member could be reached for as
/// long as the lease lives: <see cref="Lost"/> tells, at the latest then.
/// </summary>
public sealed class EtcdSession : IAsyncDisposable
{
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly Task _renewing;

    internal EtcdSession(EtcdClient client, LeaseInfo lease)
    {
        Client = client;
        LeaseId = lease.Id;
        Lost = _lost.Token;
        _renewing = RenewAsync(lease.GrantedTtl);
    }

    public EtcdClient Client { get; }

    public long LeaseId { get; }

    /// <summary>Cancelled when the lease is gone, or may be: what was held by it is not held any more.</summary>
    public CancellationToken Lost { get; }

    /// <summary>Waits for a lock of this name, which all sessions share that use the name (spec 03 §7.3).</summary>
    /// <exception cref="EtcdException">The session was lost.</exception>
    public Task<EtcdLock> LockAsync(string name, CancellationToken cancellation = default) =>
        EtcdLock.AcquireAsync(this, name, cancellation);

    /// <summary>Takes a lock if it is free; null if another session holds it.</summary>
    public Task<EtcdLock?> TryLockAsync(string name, CancellationToken cancellation = default) =>
        EtcdLock.TryAcquireAsync(this, name, cancellation);

    /// <summary>Waits to be elected under this name (spec 03 §7.4).</summary>
    /// <param name="value">What the others see of the leader.</param>
    public Task<Leadership> CampaignAsync(string name, EtcdBytes value, CancellationToken cancellation = default) =>
        Leadership.CampaignAsync(this, name, value, cancellation);

    /// <summary>Ends the lease, and with it everything that is held by it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closing.IsCancellationRequested)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(false);
        if (!_lost.IsCancellationRequested)
        {
            try
            {
                await Client.RevokeLeaseAsync(LeaseId).ConfigureAwait(false);
            }
            catch (EtcdException)
            {
                // It ends by itself when its time is over.
            }

            await _lost.CancelAsync().ConfigureAwait(false);
        }

        _closing.Dispose();
        _lost.Dispose();
    }

    private async Task RenewAsync(TimeSpan ttl)
    {
        long renewed = Stopwatch.GetTimestamp();
        while (!_closing.IsCancellationRequested)
        {
            TimeSpan pause = ttl / 3;
            try
            {
                // The lease counts from before the question: the member may have renewed it as soon as it was asked.
                long asked = Stopwatch.GetTimestamp();
                if (await Client.RenewLeaseAsync(LeaseId, _closing.Token).ConfigureAwait(false) is not { } granted)
                {
                    break;
                }

                (renewed, ttl) = (asked, granted);
            }
            catch (EtcdException)
            {
                pause = TimeSpan.FromMilliseconds(250);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            TimeSpan left = ttl - Stopwatch.GetElapsedTime(renewed);
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            await Task.Delay(pause < left ? pause : left, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!_closing.IsCancellationRequested)
        {
            await _lost.CancelAsync().ConfigureAwait(false);
        }
    }
}
