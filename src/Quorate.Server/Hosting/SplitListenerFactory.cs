using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Quorate.Server.Hosting;

/// <summary>
/// Lets gRPC and HTTP/1.1 share a port without TLS: the first bytes of a connection tell which of the two servers gets it. An HTTP/2
/// connection begins with "PRI" (RFC 9113 §3.4).
/// </summary>
internal sealed class SplitListenerFactory(SocketTransportFactory sockets) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly ConcurrentDictionary<EndPoint, Task<Splitter>> _splitters = new();

    public bool CanBind(EndPoint endpoint) => endpoint is SplitEndPoint;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var split = (SplitEndPoint)endpoint;
        Splitter splitter = await _splitters.GetOrAdd(split.Address, BindSplitterAsync).ConfigureAwait(false);
        return splitter.Side(split);
    }

    private async Task<Splitter> BindSplitterAsync(EndPoint address) => new(await sockets.BindAsync(address).ConfigureAwait(false));

    /// <summary>Accepts connections and gives each to one side.</summary>
    private sealed class Splitter
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

        private readonly IConnectionListener _listener;
        private readonly Channel<ConnectionContext> _http1 = Channel.CreateUnbounded<ConnectionContext>();
        private readonly Channel<ConnectionContext> _http2 = Channel.CreateUnbounded<ConnectionContext>();
        private int _isUnbound;

        public Splitter(IConnectionListener listener)
        {
            _listener = listener;
            _ = AcceptAsync();
        }

        public IConnectionListener Side(SplitEndPoint endpoint) => new SideListener(this, endpoint);

        private async Task AcceptAsync()
        {
            try
            {
                while (await _listener.AcceptAsync().ConfigureAwait(false) is { } connection)
                {
                    _ = SortAsync(connection);
                }
            }
            catch (ObjectDisposedException)
            {
                // The server stops.
            }
            finally
            {
                _http1.Writer.TryComplete();
                _http2.Writer.TryComplete();
            }
        }

        private async Task SortAsync(ConnectionContext connection)
        {
            try
            {
                using var patience = new CancellationTokenSource(s_patience);
                while (true)
                {
                    System.IO.Pipelines.ReadResult read = await connection.Transport.Input.ReadAsync(patience.Token).ConfigureAwait(false);
                    bool? isHttp2 = IsHttp2(read.Buffer);
                    if (isHttp2 is null && !read.IsCompleted)
                    {
                        connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                        continue;
                    }

                    // Looked at, not taken: the server reads the same bytes again.
                    connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.Start);
                    if (!(isHttp2 == true ? _http2 : _http1).Writer.TryWrite(connection))
                    {
                        await connection.DisposeAsync().ConfigureAwait(false);
                    }

                    return;
                }
            }
            catch (Exception error) when (error is OperationCanceledException or IOException or ConnectionResetException)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }

        private static bool? IsHttp2(ReadOnlySequence<byte> bytes)
        {
            ReadOnlySpan<byte> preface = "PRI"u8;
            Span<byte> first = stackalloc byte[preface.Length];
            int length = (int)Math.Min(bytes.Length, preface.Length);
            bytes.Slice(0, length).CopyTo(first);
            return !first[..length].SequenceEqual(preface[..length]) ? false : length == preface.Length ? true : null;
        }

        private async ValueTask UnbindAsync(CancellationToken cancellation)
        {
            if (Interlocked.Exchange(ref _isUnbound, 1) == 0)
            {
                await _listener.UnbindAsync(cancellation).ConfigureAwait(false);
            }
        }

        private sealed class SideListener(Splitter splitter, SplitEndPoint endpoint) : IConnectionListener
        {
            public EndPoint EndPoint { get; } = splitter._listener.EndPoint;

            public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
            {
                Channel<ConnectionContext> side = endpoint.IsHttp2 ? splitter._http2 : splitter._http1;
                return await side.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && side.Reader.TryRead(out ConnectionContext? connection)
                    ? connection
                    : null;
            }

            public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => splitter.UnbindAsync(cancellationToken);

            public ValueTask DisposeAsync() => splitter._listener.DisposeAsync();
        }
    }
}
