using System.Threading.Tasks.Sources;

namespace Quorate.Server.Replication;

/// <summary>
/// Somebody who waits for the member: a proposal or a read. It is completed once, by whoever sets <see cref="TryFinish"/> first, and its
/// continuation runs where <see cref="Release"/> is called: never on a loop.
/// </summary>
internal abstract class Pending : IValueTaskSource<object>, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<object> _source;
    private object? _response;
    private Exception? _error;
    private int _isFinished;

    /// <summary>The time stamp of the call.</summary>
    public required long Started { get; init; }

    /// <summary>Looked at now and then; registering with it would cost more than all the rest.</summary>
    public required CancellationToken Cancellation { get; init; }

    public bool IsFinished => Volatile.Read(ref _isFinished) != 0;

    public ValueTask<object> Result => new(this, _source.Version);

    public ValueTask Done => new(this, _source.Version);

    public bool TryFinish(object? response, Exception? error)
    {
        if (Interlocked.Exchange(ref _isFinished, 1) != 0)
        {
            return false;
        }

        _response = response;
        _error = error;
        return true;
    }

    /// <summary>Lets the caller go on, on this thread.</summary>
    public void Release()
    {
        if (_error is not null)
        {
            _source.SetException(_error);
        }
        else
        {
            _source.SetResult(_response!);
        }
    }

    object IValueTaskSource<object>.GetResult(short token) => _source.GetResult(token);

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
