using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;
using Metadata = Grpc.Core.Metadata;

namespace Quorate.Client;

/// <summary>
/// One watch over any number of connections. It remembers up to which revision it has told, and asks for what comes next at another member
/// when a stream ends or its member has lost its leader: so nothing is told twice, and nothing is left out.
/// </summary>
internal sealed class WatchReader(EtcdClient client, KeyRange range, WatchOptions options, CancellationToken cancellation) : IDisposable
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse>? _stream;
    private long _next = options.StartRevision;
    private int _failures;

    /// <summary>The next changes; it waits for them, and for a member to ask.</summary>
    /// <exception cref="EtcdException">The history before the next revision is gone, or the watch is not allowed.</exception>
    public async Task<WatchBatch> ReadAsync()
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                _stream ??= await OpenAsync().ConfigureAwait(false);
                if (!await _stream.ResponseStream.MoveNext(cancellation).ConfigureAwait(false))
                {
                    await ReconnectAsync().ConfigureAwait(false);
                }
                else if (Take(_stream.ResponseStream.Current) is { } batch)
                {
                    return batch;
                }
            }
            catch (RpcException error) when (EtcdClient.IsStale(error) && _failures == 0 && client.ForgetToken())
            {
                await ReconnectAsync().ConfigureAwait(false);
            }
            catch (RpcException error) when (!cancellation.IsCancellationRequested && MayResume(error))
            {
                await ReconnectAsync().ConfigureAwait(false);
            }
            catch (RpcException) when (cancellation.IsCancellationRequested)
            {
                cancellation.ThrowIfCancellationRequested();
            }
            catch (RpcException error)
            {
                throw EtcdClient.Translate(error);
            }
        }
    }

    public void Dispose() => _stream?.Dispose();

    private async Task<AsyncDuplexStreamingCall<WatchRequest, WatchResponse>> OpenAsync()
    {
        // With this header a member that has lost its leader ends the stream rather than falling silent.
        var headers = new Metadata { { "hasleader", "true" } };
        AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream = await client
            .OpenAsync((calls, callOptions) => new Watch.WatchClient(calls).Watch(callOptions), cancellation, headers).ConfigureAwait(false);
        try
        {
            await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = ToRequest() }, cancellation).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private WatchCreateRequest ToRequest()
    {
        var request = new WatchCreateRequest
        {
            Key = range.Key,
            RangeEnd = range.End,
            StartRevision = _next,
            PrevKv = options.WithPrevious,
            ProgressNotify = options.WithProgress,
        };
        if (options.DeletesOnly)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        }

        if (options.PutsOnly)
        {
            request.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
        }

        return request;
    }

    private WatchBatch? Take(WatchResponse response)
    {
        if (response.Canceled)
        {
            throw response.CompactRevision != 0
                ? EtcdErrors.Compacted
                : new EtcdException(StatusCode.Cancelled, response.CancelReason.Length > 0 ? response.CancelReason : EtcdErrors.WatchCanceled.Message);
        }

        _failures = 0;
        if (response.Created)
        {
            // What comes from now on begins behind this revision: known from here, it survives a stream that ends before its first event.
            _next = _next == 0 ? response.Header.Revision + 1 : _next;
            return null;
        }

        if (response.Events.Count == 0)
        {
            // Progress counts only forwards: a member that lags may answer after a reconnect.
            _next = Math.Max(_next, response.Header.Revision + 1);
            return options.WithProgress ? new WatchBatch(_next - 1, []) : null;
        }

        _next = response.Events[^1].Kv.ModRevision + 1;
        return new WatchBatch(_next - 1, [.. response.Events.Select(ToEvent)]);
    }

    private async Task ReconnectAsync()
    {
        _stream?.Dispose();
        _stream = null;
        client.UseNextMember();
        TimeSpan pause = TimeSpan.FromMilliseconds(Math.Min(25 << Math.Min(_failures++, 6), s_longestPause.TotalMilliseconds));
        await Task.Delay(pause, cancellation).ConfigureAwait(false);
    }

    /// <summary>Lost connections and members without a leader; not what a member refuses.</summary>
    private static bool MayResume(RpcException error) =>
        error.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.Internal;

    private static WatchEvent ToEvent(Event change) => new(
        change.Type == Event.Types.EventType.Delete, EtcdClient.Pair(change.Kv), change.PrevKv is { } previous ? EtcdClient.Pair(previous) : null);
}
