using Grpc.Core;
using Quorate.Protocol;
using Metadata = Grpc.Core.Metadata;

namespace Quorate.Client;

/// <summary>
/// One watch over any number of connections. It remembers up to which revision it has told, and asks for what comes next at
/// another member when a stream ends or its member has lost its leader: so nothing is told twice, and nothing is left out.
/// </summary>
internal sealed class WatchReader(EtcdClient client, WatchCreateRequest wanted, CancellationToken cancellation) : IDisposable
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse>? _stream;
    private long _next = wanted.StartRevision;
    private int _failures;

    /// <summary>The next answer; it waits for it, and for a member to ask. An answer that ends the watch is the last.</summary>
    public async Task<WatchResponse> ReadAsync()
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
                else if (IsToBeTold(_stream.ResponseStream.Current))
                {
                    return _stream.ResponseStream.Current;
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
        WatchCreateRequest request = wanted.Clone();
        request.StartRevision = _next;

        // With this header a member that has lost its leader ends the stream rather than falling silent.
        var headers = new Metadata { { "hasleader", "true" } };
        AsyncDuplexStreamingCall<WatchRequest, WatchResponse> stream = await client
            .OpenAsync((calls, callOptions) => new Watch.WatchClient(calls).Watch(callOptions), cancellation, headers)
                .ConfigureAwait(false);
        try
        {
            await stream.RequestStream.WriteAsync(new WatchRequest { CreateRequest = request }, cancellation)
                .ConfigureAwait(false);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private bool IsToBeTold(WatchResponse response)
    {
        if (response.Canceled)
        {
            return true;
        }

        _failures = 0;
        if (response.Created)
        {
            // What comes from now on begins behind this revision: known from here, it survives a stream that ends before its
            // first event.
            _next = _next == 0 ? response.Header.Revision + 1 : _next;
            return false;
        }

        // Progress counts only forwards: a member that lags may answer after a reconnect.
        _next = response.Events.Count > 0 ? response.Events[^1].Kv.ModRevision + 1
            : Math.Max(_next, response.Header.Revision + 1);
        return true;
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
}
