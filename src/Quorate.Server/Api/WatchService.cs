using Google.Protobuf;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;

namespace Quorate.Server.Api;

/// <summary>Watches: requests of a stream in order on one side, what the hub has for it on the other (spec 02 §7).</summary>
internal sealed class WatchService(ServiceContext services) : Watch.WatchBase
{
    /// <summary>Bytes that may lie unsent while more is at hand.</summary>
    private const int FlushBytes = 64 * 1024;

    private static readonly WriteOptions s_more = new(WriteFlags.BufferHint), s_last = new();

    public override Task Watch(IAsyncStreamReader<WatchRequest> requestStream,
        IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context) =>
        RunAsync(requestStream, (frame, _, cancellation) => responseStream.WriteAsync(frame.ToMessage(), cancellation), context);

    /// <summary>The same without messages.</summary>
    public Task WatchInFrames(IAsyncStreamReader<WatchRequest> requestStream, IServerStreamWriter<WatchFrame> responseStream,
        ServerCallContext context) =>
        RunAsync(requestStream, (frame, isLast, cancellation) =>
        {
            responseStream.WriteOptions = isLast ? s_last : s_more;
            return responseStream.WriteAsync(frame, cancellation);
        }, context);

    private async Task RunAsync(IAsyncStreamReader<WatchRequest> requestStream, Func<WatchFrame, bool, CancellationToken,
        Task> write, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        using WatchStream stream = services.Member.Watches.Open();
        try
        {
            services.CheckCall(context);
            Task requests = ReadRequestsAsync(requestStream, stream, context, ended.Token);
            Task progress = NotifyProgressAsync(stream, ended.Token);
            Task<bool> leaderless = ServiceContext.WantsLeader(context) ? WatchLeaderAsync(ended) : Task.FromResult(false);
            try
            {
                await SendAsync(stream, write, ended.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                if (leaderless.IsCompleted && await leaderless.ConfigureAwait(false))
                {
                    throw EtcdErrors.NoLeader;
                }

                throw EtcdErrors.WatchCanceled;
            }
            finally
            {
                await ended.CancelAsync().ConfigureAwait(false);
                await Task.WhenAll(requests, progress).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    /// <summary>What was before each event, as far as it is wanted and there.</summary>
    private byte[]?[]? PreviousOf(WatchOutput output) => output.WithPrevious && output.Events.Count > 0
        ? [.. output.Events.Select(change => services.Member.Watches.PreviousOf(change)?.ToByteArray())]
        : null;

    private async Task SendAsync(WatchStream stream, Func<WatchFrame, bool, CancellationToken, Task> write,
        CancellationToken cancellation)
    {
        WatchOutput? output = await stream.ReadAsync(cancellation).ConfigureAwait(false);
        int unsent = 0;
        while (output is not null)
        {
            // What is at hand already goes with it, in one piece.
            WatchOutput? next = stream.TryRead();
            services.Member.Options.Metrics.WatchEvents.Add(output.Events.Count);
            foreach (WatchFrame frame in WatchFrame.Of(services.Member, output, PreviousOf(output), services.MaxReceiveBytes))
            {
                unsent += frame.Size;
                bool isLast = next is null || unsent >= FlushBytes;
                await write(frame, isLast, cancellation).ConfigureAwait(false);
                unsent = isLast ? 0 : unsent;
            }

            output = next ?? await stream.ReadAsync(cancellation).ConfigureAwait(false);
        }
    }

    private async Task ReadRequestsAsync(IAsyncStreamReader<WatchRequest> requests, WatchStream stream,
        ServerCallContext context, CancellationToken cancellation)
    {
        // After the client's half-close the stream stays, and events flow on.
        while (await requests.MoveNext(cancellation).ConfigureAwait(false))
        {
            WatchRequest request = requests.Current;
            switch (request.RequestUnionCase)
            {
                case WatchRequest.RequestUnionOneofCase.CreateRequest:
                    await CreateAsync(request.CreateRequest, stream, context).ConfigureAwait(false);
                    break;
                case WatchRequest.RequestUnionOneofCase.CancelRequest:
                    stream.Cancel(request.CancelRequest.WatchId);
                    break;
                case WatchRequest.RequestUnionOneofCase.ProgressRequest:
                    stream.RequestProgress();
                    break;
            }
        }
    }

    private async Task CreateAsync(WatchCreateRequest request, WatchStream stream, ServerCallContext context)
    {
        try
        {
            if (services.Member.Auth.IsEnabled)
            {
                AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
                ByteString key = request.Key.IsEmpty ? ByteString.CopyFrom(0) : request.Key;
                services.Member.Auth.CheckRange(caller, key, request.RangeEnd);
            }

            stream.Create(request);
        }
        catch (EtcdException error)
        {
            stream.Refuse($"rpc error: code = {error.Code} desc = {error.Message}");
        }
    }

    private async Task NotifyProgressAsync(WatchStream stream, CancellationToken cancellation)
    {
        // Streams that were opened together do not all speak at once.
        TimeSpan interval = services.Options.WatchProgressInterval * (1 + (Random.Shared.NextDouble() / 10));
        using var timer = new PeriodicTimer(interval, services.Member.Options.Time);
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
        {
            stream.NotifyProgress();
        }
    }

    /// <summary>Ends the stream when the member has seen no leader for three election timeouts.</summary>
    private async Task<bool> WatchLeaderAsync(CancellationTokenSource ended)
    {
        const int Checks = 3;
        try
        {
            using var timer = new PeriodicTimer(services.Member.Options.ElectionTimeout, services.Member.Options.Time);
            for (int missing = 0; missing < Checks;)
            {
                await timer.WaitForNextTickAsync(ended.Token).ConfigureAwait(false);
                missing = services.Member.LeaderId == 0 ? missing + 1 : 0;
            }

            await ended.CancelAsync().ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
