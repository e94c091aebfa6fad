using Google.Protobuf;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Server.Api;

/// <summary>Watches: requests of a stream in order on one side, what the hub has for it on the other (spec 02 §7).</summary>
internal sealed class WatchService(ServiceContext services) : Watch.WatchBase
{
    public override async Task Watch(IAsyncStreamReader<WatchRequest> requestStream, IServerStreamWriter<WatchResponse> responseStream, ServerCallContext context)
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
                await SendAsync(stream, responseStream, ended.Token).ConfigureAwait(false);
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

    /// <summary>The answer as a message; of its own for each, since previous values and pieces make them differ.</summary>
    private WatchResponse ToMessage(WatchOutput output)
    {
        var response = new WatchResponse
        {
            Header = services.Header(output.Revision),
            WatchId = output.WatchId,
            Created = output.Created,
            Canceled = output.Canceled,
            CancelReason = output.CancelReason,
            CompactRevision = output.CompactRevision,
        };
        foreach (WatchEvent change in output.Events)
        {
            Event message = change.ToMessage();
            if (output.WithPrevious && services.Member.Watches.PreviousOf(change) is { } previous)
            {
                message.PrevKv = previous;
            }

            response.Events.Add(message);
        }

        return response;
    }

    private async Task SendAsync(WatchStream stream, IServerStreamWriter<WatchResponse> responses, CancellationToken cancellation)
    {
        while (await stream.ReadAsync(cancellation).ConfigureAwait(false) is { } output)
        {
            services.Member.Options.Metrics.WatchEvents.Add(output.Events.Count);
            WatchResponse response = ToMessage(output);
            if (!output.MayFragment || response.Events.Count < 2 || response.CalculateSize() < services.MaxReceiveBytes)
            {
                await responses.WriteAsync(response, cancellation).ConfigureAwait(false);
                continue;
            }

            foreach (WatchResponse fragment in Fragments(response))
            {
                await responses.WriteAsync(fragment, cancellation).ConfigureAwait(false);
            }
        }
    }

    private List<WatchResponse> Fragments(WatchResponse response)
    {
        var fragments = new List<WatchResponse>();
        WatchResponse? current = null;
        int size = 0;
        foreach (Event change in response.Events)
        {
            int length = change.CalculateSize() + 6;
            if (current is null || size + length >= services.MaxReceiveBytes)
            {
                current = new WatchResponse(response) { Fragment = true };
                current.Events.Clear();
                fragments.Add(current);
                size = current.CalculateSize();
            }

            current.Events.Add(change);
            size += length;
        }

        fragments[^1].Fragment = false;
        return fragments;
    }

    private async Task ReadRequestsAsync(IAsyncStreamReader<WatchRequest> requests, WatchStream stream, ServerCallContext context, CancellationToken cancellation)
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
