using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>The leadership under a name, until it is resigned by disposing it, or its session is lost.</summary>
public sealed class Leadership : IAsyncDisposable
{
    private readonly EtcdSession _session;

    private Leadership(EtcdSession session, string key, long revision)
    {
        _session = session;
        Key = key;
        Revision = revision;
    }

    public string Key { get; }

    /// <summary>The revision that made the candidature: it grows from leader to leader.</summary>
    public long Revision { get; }

    /// <summary>A condition that holds as long as the leadership does.</summary>
    public Condition IsHeld => Condition.CreateRevision((EtcdBytes)Key, Comparison.Equal, Revision);

    /// <summary>Changes what the others see of the leader.</summary>
    /// <exception cref="EtcdException">"election: not leader" when it is not any more.</exception>
    public async Task ProclaimAsync(EtcdBytes value, CancellationToken cancellation = default)
    {
        EtcdTransaction proclaim = new EtcdTransaction().If(IsHeld).Then(Operation.Put(Key, value, _session.LeaseId));
        TransactionResult result = await _session.Client.CommitAsync(proclaim, mayRepeat: true, cancellation)
            .ConfigureAwait(false);
        if (!result.Succeeded)
        {
            throw new EtcdException(StatusCode.Unknown, "election: not leader");
        }
    }

    public async ValueTask DisposeAsync() => await Queue.LeaveAsync(_session.Client, Key, Revision).ConfigureAwait(false);

    internal static async Task<Leadership> CampaignAsync(EtcdSession session, string name, EtcdBytes value,
        CancellationToken cancellation)
    {
        (string key, long revision, KeyValuePair? present) = await Queue.EnterAsync(session, name, value, cancellation)
            .ConfigureAwait(false);
        var leadership = new Leadership(session, key, revision);
        if (present is not null && (EtcdBytes)present.Value != value)
        {
            await leadership.ProclaimAsync(value, cancellation).ConfigureAwait(false);
        }

        await Queue.WaitAsync(session, name, key, revision, cancellation).ConfigureAwait(false);
        return leadership;
    }
}
