using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Storage.Bolt;

namespace Quorate.Server.Replication;

/// <summary>Proposals and reads.</summary>
public sealed partial class Member
{
    /// <summary>Committed entries that may wait to be applied before requests are refused.</summary>
    private const ulong MaxGap = 5000, MaxPriorityGap = 10_000;

    /// <summary>Requests of this member's callers that may wait; far more than any client sends before it waits for an answer.</summary>
    private const int MaxPending = 200_000;

    /// <summary>Callers go on elsewhere than on the loops; without threads there is no elsewhere.</summary>
    private TaskCreationOptions Elsewhere => Options.HasThreads ? TaskCreationOptions.RunContinuationsAsynchronously : TaskCreationOptions.None;

    public ulong NextRequestId() => _ids.Next();

    public ValueTask<object> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation) =>
        ProposeInTermAsync(request, 0, cancellation);

    /// <summary>
    /// Proposes what only the leader of a term may, 0 for any: a deposed one must not have it forwarded to its successor, who judges anew.
    /// </summary>
    internal ValueTask<object> ProposeInTermAsync(InternalRaftRequest request, ulong term, CancellationToken cancellation)
    {
        ulong limit = Options.PriorityRequest && request.LeaseRevoke is not null ? MaxPriorityGap : MaxGap;
        if (_state.Committed > _waiters.Applied + limit || _table.Count >= MaxPending)
        {
            throw EtcdErrors.TooManyRequests;
        }

        ulong id = _ids.Next();
        RequestHeader header = request.Header ??= new RequestHeader();
        header.ID = id;
        byte[] data = new byte[request.CalculateSize()];
        request.WriteTo(data);
        return data.Length > Options.MaxRequestBytes ? throw EtcdErrors.RequestIsTooLarge : Propose(id, request, data, EntryType.Normal, cancellation, term);
    }

    public ValueTask ReadBarrierAsync(CancellationToken cancellation)
    {
        if (_state.ReadsAlone)
        {
            return ValueTask.CompletedTask;
        }

        if (Volatile.Read(ref _isEnding) != 0)
        {
            throw EtcdErrors.ServerStopped;
        }

        var read = new PendingRead { Started = _time.GetTimestamp(), Cancellation = cancellation };
        _loop.Reads.Add(read);
        _loop.Wake();
        FailIfEnded(read);
        return read.Done;
    }

    public Task WaitAppliedAsync(ulong index, CancellationToken cancellation)
    {
        if (_waiters.Applied >= index)
        {
            return Task.CompletedTask;
        }

        var read = new PendingRead { Started = _time.GetTimestamp(), Cancellation = cancellation };
        _waiters.Add(index, [read]);
        FailIfEnded(read);
        return read.Done.AsTask();
    }

    /// <summary>Waits until what is committed now is applied; <see cref="EtcdErrors.TimedOutWaitingForApply"/> after a second.</summary>
    public async Task CatchUpAsync(CancellationToken cancellation)
    {
        ulong committed = CommittedIndex;
        if (AppliedIndex >= committed)
        {
            return;
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            await WaitAppliedAsync(committed, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw EtcdErrors.TimedOutWaitingForApply;
        }
    }

    public async Task<BoltReadTransaction> SnapshotAsync(CancellationToken cancellation)
    {
        var taken = new TaskCompletionSource<BoltReadTransaction>(Elsewhere);
        _applier.Capture(captured =>
        {
            BoltReadTransaction copy = captured.Database();
            if (!taken.TrySetResult(copy))
            {
                copy.Dispose();
            }
        });
        using CancellationTokenRegistration canceled = cancellation.Register(() => taken.TrySetCanceled(cancellation));
        using CancellationTokenRegistration ended = _ending.Token.Register(() => taken.TrySetException(EtcdErrors.ServerStopped));
        return await taken.Task.ConfigureAwait(false);
    }

    public Task DefragmentAsync(CancellationToken cancellation) => Options.HasThreads
        ? Task.Factory.StartNew(Backend.Defragment, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default)
        : DefragmentHere();

    /// <summary>Proposes bytes that are no request of the present API.</summary>
    internal ValueTask<object> ProposeRaw(ulong id, byte[] data, CancellationToken cancellation) =>
        Propose(id, null, data, EntryType.Normal, cancellation);

    private Task DefragmentHere()
    {
        Backend.Defragment();
        return Task.CompletedTask;
    }

    private ValueTask<object> Propose(ulong id, InternalRaftRequest? request, byte[] data, EntryType type,
        CancellationToken cancellation, ulong onlyInTerm = 0)
    {
        var proposal = new PendingProposal
        {
            Id = id,
            Request = request,
            Data = data,
            Type = type,
            OnlyInTerm = onlyInTerm,
            Started = _time.GetTimestamp(),
            Cancellation = cancellation,
        };
        if (Volatile.Read(ref _isEnding) != 0)
        {
            throw EtcdErrors.ServerStopped;
        }

        _table.Add(proposal);
        _loop.Propose(proposal);
        if (Volatile.Read(ref _isEnding) != 0 && _table.Remove(proposal))
        {
            // The loop may have ended before it saw this.
            FailIfEnded(proposal);
        }

        return proposal.Result;
    }

    private void FailIfEnded(Pending pending)
    {
        if (Volatile.Read(ref _isEnding) != 0 && pending.TryFinish(null, EtcdErrors.ServerStopped))
        {
            pending.Release();
        }
    }
}
