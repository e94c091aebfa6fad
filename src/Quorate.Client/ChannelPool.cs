using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace Quorate.Client;

/// <summary>
/// A connection to each endpoint, and calls that go to the next one when a member cannot be reached. A call that may have had an
/// effect is not repeated: only one that found no connection is, or one that changes nothing.
/// </summary>
internal sealed class ChannelPool : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    private readonly EtcdClientOptions _options;
    private readonly List<GrpcChannel> _channels = [];
    private int _current;

    public ChannelPool(EtcdClientOptions options)
    {
        _options = options;
        if (options.Endpoints.Count == 0 || options.Endpoints.All(endpoint => endpoint.Length == 0))
        {
            throw new ArgumentException("etcdclient: no available endpoints");
        }

        foreach (string endpoint in options.Endpoints)
        {
            _channels.Add(Open(endpoint.Trim()));
        }
    }

    public int Count => _channels.Count;

    public CallInvoker Current => _channels[(int)((uint)Volatile.Read(ref _current) % (uint)_channels.Count)].CreateCallInvoker();

    /// <summary>Makes a unary call.</summary>
    /// <param name="isRead">It has no effect, so it may be repeated after any loss of the connection.</param>
    public async Task<T> CallAsync<T>(Func<CallInvoker, AsyncUnaryCall<T>> call, bool isRead, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call(Current).ConfigureAwait(false);
            }
            catch (RpcException error) when (!cancellation.IsCancellationRequested && MayRepeat(error, isRead, attempt))
            {
                Next();
            }

            if (attempt >= _channels.Count)
            {
                await Task.Delay(s_pause, cancellation).ConfigureAwait(false);
            }
        }
    }

    public void Next() => Interlocked.Increment(ref _current);

    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels)
        {
            channel.Dispose();
        }
    }

    /// <summary>
    /// A call that found no connection never reached a member, so any may be made again. One whose connection was lost may have
    /// had its effect: only a read is made again; and so is one that a member refused for want of a leader.
    /// </summary>
    private bool MayRepeat(RpcException error, bool isRead, int attempt)
    {
        bool foundNone = FoundNoConnection(error.Status.DebugException);
        return attempt < 2 * _channels.Count
            ? foundNone || (isRead && error.StatusCode == StatusCode.Unavailable)
            : foundNone && _options.WaitsForMember;
    }

    private static bool FoundNoConnection(Exception? cause) => cause switch
    {
        HttpRequestException http => http.HttpRequestError
            is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,

        // The channel connects before it calls, and gives what went wrong then as it is; a call that fails has it inside of other
        // errors. The time of the call itself shows as a status of its own.
        SocketException or TimeoutException or OperationCanceledException { InnerException: TimeoutException } => true,
        _ => false,
    };

    private GrpcChannel Open(string endpoint)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = _options.ConnectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = _options.KeepAliveTime,
            KeepAlivePingTimeout = _options.KeepAliveTimeout,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        };
        if (_options.Tls is not null)
        {
            handler.SslOptions = _options.Tls;
        }

        string address = endpoint;
        if (endpoint.StartsWith("unix:", StringComparison.Ordinal) || endpoint.StartsWith("unixs:", StringComparison.Ordinal))
        {
            string path = endpoint[(endpoint.IndexOf(':', StringComparison.Ordinal) + 1)..];
            path = path.StartsWith("//", StringComparison.Ordinal) ? path[2..] : path;
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            };
            address = endpoint.StartsWith("unixs", StringComparison.Ordinal) ? "https://localhost" : "http://localhost";
        }
        else if (!endpoint.Contains("://", StringComparison.Ordinal))
        {
            address = (_options.Tls is null ? "http://" : "https://") + endpoint;
        }

        return GrpcChannel.ForAddress(address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = _options.MaxReceiveBytes,
            MaxSendMessageSize = _options.MaxSendBytes,
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(50),
            MaxReconnectBackoff = TimeSpan.FromSeconds(1),
        });
    }
}
